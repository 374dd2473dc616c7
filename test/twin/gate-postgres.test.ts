import {execFileSync} from 'node:child_process';
import {chmod, mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import pg from 'pg';
import type {CheckDefinition} from '../../src/gate/policy.js';
import {probePostgres} from '../../src/gate/probes/postgres.js';
import type {ProbeContext} from '../../src/gate/probes/probe.js';
import {redactor} from '../../src/gate/redaction.js';
import {systemClock} from '../../src/kernel/clock.js';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';

let dir = '';
let server: Awaited<ReturnType<typeof startPostgres>>;
let url = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gate-postgres-'));
  await chmod(dir, 0o755);
  server = await startPostgres({dir, superuser: 'owner', password: 'secret-word'});
  url = await server.createDatabase('product');
  const client = new pg.Client({connectionString: url});
  await client.connect();
  await client.query(
    "create table schema_migrations(version text); insert into schema_migrations values ('20260101'), ('20260305'); create table orders(id int); insert into orders select generate_series(1, 5)",
  );
  await client.end();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, {recursive: true, force: true});
});

function probe(check: Partial<CheckDefinition>, address = url, extra: Partial<ProbeContext> = {}) {
  return probePostgres(
    {name: 'database', kind: 'postgres', 'url-env': 'DB', timeout: 3_000, ...check},
    {
      side: {urls: {}},
      isBaseline: false,
      signal: new AbortController().signal,
      clock: systemClock,
      secret: () => address,
      redact: redactor([address, 'secret-word']),
      exchange: () => Promise.reject(new Error('unused')),
      ...extra,
    },
  );
}

const withMode = (mode: string) => url.replace('sslmode=disable', `sslmode=${mode}`);

test('it connects, asks, and knows the newest migration', async () => {
  expect(await probe({})).toMatchObject({outcome: 'ok'});
  expect(
    await probe({query: 'select count(*)::int as n from orders', expect: {json: [{path: '$.n', 'more-than': 4}]}}),
  ).toMatchObject({outcome: 'ok'});
  expect(await probe({'migration-head': '20260305'})).toMatchObject({outcome: 'ok'});
});

test('what is wrong is told without the address', async () => {
  expect(
    await probe({query: 'select count(*)::int as n from orders', expect: {json: [{path: '$.n', equals: 6}]}}),
  ).toMatchObject({outcome: 'failed', expected: '$.n to equal 6', got: '5'});
  expect(await probe({'migration-head': '20260401'})).toMatchObject({
    outcome: 'failed',
    class: 'assertion',
    got: '20260305',
  });
  expect(await probe({query: 'select * from nowhere'})).toMatchObject({
    outcome: 'failed',
    detail: expect.stringContaining('42P01'),
  });
  const refused = await probe({}, url.replace('secret-word', 'wrong-word'));
  expect(refused).toMatchObject({outcome: 'failed', detail: expect.stringContaining('28P01')});
  expect(JSON.stringify(refused)).not.toMatch(/wrong-word|secret-word/);
  expect(await probe({query: 'select pg_sleep(5)', timeout: 300})).toMatchObject({outcome: 'failed', class: 'timeout'});
  expect(await probe({}, 'postgres://owner:x@127.0.0.1:1/product')).toMatchObject({
    outcome: 'failed',
    class: 'connect',
  });
  expect(await probe({}, 'not an address')).toMatchObject({outcome: 'unusable', class: 'local'});
});

test('TLS is demanded when asked for, and its certificate checked when asked for', async () => {
  expect(await probe({}, withMode('require'))).toMatchObject({outcome: 'failed', class: 'tls'});
  const tlsDir = await mkdtemp(join(dir, 'tls-'));
  await chmod(tlsDir, 0o755);
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      join(tlsDir, 'key.pem'),
      '-out',
      join(tlsDir, 'cert.pem'),
      '-days',
      '30',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ],
    {stdio: 'ignore'},
  );
  const cert = await readFile(join(tlsDir, 'cert.pem'), 'utf8');
  const client = new pg.Client({connectionString: url});
  await client.connect();
  // The server reads its key as its own user: it writes the files itself.
  const quote = (text: string) => `'${text.replace(/'/g, "''")}'`;
  const {rows} = await client.query<{folder: string}>("select current_setting('data_directory') as folder");
  const put = async (name: string, text: string) =>
    client.query(
      `copy (select unnest(string_to_array(${quote(text.trim())}, E'\\n'))) to ${quote(`${rows[0]!.folder}/${name}`)}`,
    );
  await put('gate.crt', cert);
  await put('gate.key', await readFile(join(tlsDir, 'key.pem'), 'utf8'));
  await client.query(`copy (select 1) to program ${quote(`chmod 600 '${rows[0]!.folder}/gate.key'`)}`);
  for (const [name, value] of [
    ['ssl_cert_file', 'gate.crt'],
    ['ssl_key_file', 'gate.key'],
    ['ssl', 'on'],
  ] as const)
    await client.query(`alter system set ${name} = ${quote(value)}`);
  await client.query('select pg_reload_conf()');
  await client.end();
  await systemClock.sleep(300);
  expect(await probe({}, withMode('require'))).toMatchObject({outcome: 'ok'});
  expect(await probe({}, withMode('verify-full'))).toMatchObject({outcome: 'failed', class: 'tls'});
  expect(await probe({}, withMode('verify-full'), {ca: cert})).toMatchObject({outcome: 'ok'});
});
