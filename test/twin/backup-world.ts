import {execFile} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {Client} from 'pg';
import {type SetRequest, type SetResult, writeSet} from '../../src/backup/write-set.js';
import {type UnlockedKey, unlockPrivateKey} from '../../src/crypto/private-key.js';
import {loadRecipients, type Recipients} from '../../src/crypto/recipients.js';
import {type Connection, parseConnection} from '../../src/postgres/connection.js';
import {makeKeys, type RehearsalKeys} from '../../src/rehearsal/keys.js';
import {type PostgresServer, startPostgres} from '../../src/rehearsal/postgres/server.js';
import {openLocalStore} from '../../src/storage/local/local-store.js';
import type {Store} from '../../src/storage/store.js';

export const run = promisify(execFile);
export const series = {project: 'shop', environment: 'production'};

/** A real server, a real key pair and a folder as store. */
export interface BackupWorld extends AsyncDisposable {
  readonly server: PostgresServer;
  /** The maintenance database, where new ones are made from. */
  readonly admin: Connection;
  readonly keys: RehearsalKeys;
  readonly unlocked: UnlockedKey;
  readonly recipients: Recipients;
  readonly folder: string;
  readonly store: Store;
  /** Makes a database and fills it. */
  database(name: string, sql?: string): Promise<string>;
  sql(url: string, text: string): Promise<Array<Record<string, unknown>>>;
  backUp(url: string, request?: Partial<SetRequest>, store?: Store): Promise<SetResult>;
  requestFor(url: string, request?: Partial<SetRequest>): SetRequest;
}

export async function startBackupWorld(): Promise<BackupWorld> {
  const server = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'switchback-backup-'));
  const keys = await makeKeys();
  const recipients = await loadRecipients([keys.publicKey], {nowMs: Date.now()});
  const store = openLocalStore(join(folder, 'store'));
  const requestFor: BackupWorld['requestFor'] = (url, request = {}) => ({
    series,
    recipients,
    reason: 'test',
    readBack: 'full',
    database: {connection: parseConnection(url), expectedTables: [], depth: 'digests'},
    ...request,
  });
  return {
    server,
    admin: parseConnection(server.url),
    keys,
    unlocked: await unlockPrivateKey(keys.privateKey),
    recipients,
    folder,
    store,
    sql,
    requestFor,
    database: async (name, text = sampleSql) => {
      const url = await server.createDatabase(name);
      if (text) await sql(url, text);
      return url;
    },
    backUp: (url, request = {}, to = store) =>
      writeSet(requestFor(url, request), {store: to, signal: new AbortController().signal, env: process.env}),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await rm(folder, {recursive: true, force: true});
    },
  };
}

async function sql(url: string, text: string): Promise<Array<Record<string, unknown>>> {
  const client = new Client(url);
  // A connection that a swap ends says so once more beside its query, which fails by itself.
  client.on('error', () => {});
  await client.connect();
  try {
    const result = await client.query(text);
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  } finally {
    await client.end();
  }
}

/** Something of everything a dump has to carry. */
export const sampleSql = `
  CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL UNIQUE, joined timestamptz NOT NULL DEFAULT now());
  CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL REFERENCES customers, total numeric(12,2) CHECK (total >= 0), note jsonb);
  CREATE TABLE "Odd name" ("Ä b" text, raw bytea);
  CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE schema_migrations (version text PRIMARY KEY);
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE VIEW rich AS SELECT * FROM customers WHERE id < 10;
  CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) FROM orders GROUP BY customer;
  CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
  CREATE POLICY everyone ON orders USING (true);
  INSERT INTO customers (email) SELECT 'user' || i || '@example.com' FROM generate_series(1, 2000) i;
  INSERT INTO orders (customer, total, note) SELECT 1 + i % 2000, i, jsonb_build_object('n', i, 'text', md5(i::text)) FROM generate_series(1, 5000) i;
  INSERT INTO "Odd name" VALUES ('ü\t\\n', '\\x00ff'), (NULL, NULL);
  INSERT INTO events SELECT '2026-01-01'::date + i, 'e' || i FROM generate_series(1, 300) i;
  INSERT INTO schema_migrations VALUES ('001_first'), ('002_second');
  SELECT lo_from_bytea(0, '\\xdeadbeef');
`;

/** A private GnuPG home with one key in it; `close` ends its agent too. */
export async function startGnupg(
  privateKey: string,
): Promise<{decrypt(file: string, target: string): Promise<void>; readonly home: string; close(): Promise<void>}> {
  const home = await mkdtemp(join(tmpdir(), 'sb-gpg-'));
  const env = {...process.env, GNUPGHOME: home};
  await writeFile(join(home, 'key.asc'), privateKey, {mode: 0o600});
  await run('gpg', ['--batch', '--quiet', '--import', join(home, 'key.asc')], {env});
  return {
    home,
    decrypt: async (file, target) =>
      void (await run(
        'gpg',
        ['--batch', '--quiet', '--yes', '--trust-model', 'always', '--output', target, '--decrypt', file],
        {env},
      )),
    close: async () => {
      await run('gpgconf', ['--kill', 'all'], {env}).catch(() => {});
      await rm(home, {recursive: true, force: true});
    },
  };
}
