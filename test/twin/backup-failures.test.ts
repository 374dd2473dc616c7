import {execFileSync} from 'node:child_process';
import {chmod, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {connect, createServer, type Server, type Socket} from 'node:net';
import {join} from 'node:path';
import {createSecureContext, TLSSocket} from 'node:tls';
import {afterAll, afterEach, beforeAll, describe, expect, test} from '@jest/globals';
import {type SetRequest, writeSet} from '../../src/backup/write-set.js';
import {chooseDumpClient, chooseRestoreClient} from '../../src/postgres/client-tools.js';
import {type Connection, parseConnection} from '../../src/postgres/connection.js';
import {openSession} from '../../src/postgres/session.js';
import {faulty, type StoreFault} from '../../src/storage/faults.js';
import type {Store} from '../../src/storage/store.js';
import {all} from '../contract/storage-conformance.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

/** The failure catalogue of the backup reference: whatever goes wrong, no set exists afterwards and nothing is left. */
describe('a backup that cannot be whole', () => {
  let world: BackupWorld;
  let url: string;
  const open: Array<() => Promise<void> | void> = [];

  beforeAll(async () => {
    world = await startBackupWorld();
    url = await world.database('shop');
  }, 120_000);
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
    const left = await all(world.store.list(''));
    const unfinished = await all(world.store.unfinished(''));
    // Before looking, so that one failure does not become that of every later test.
    for (const {key} of left) await world.store.delete(key);
    expect(left.map(({key}) => key)).toEqual([]);
    expect(unfinished).toEqual([]);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  interface Attempt {
    readonly address?: string;
    readonly env?: Record<string, string>;
    readonly store?: Store;
    readonly signal?: AbortSignal;
    readonly request?: Partial<SetRequest>;
    readonly database?: Partial<NonNullable<SetRequest['database']>>;
  }

  function attempt({
    address = url,
    env = {},
    store = world.store,
    signal = new AbortController().signal,
    request = {},
    database = {},
  }: Attempt) {
    const connection: Connection = parseConnection(address);
    return writeSet(
      world.requestFor(address, {database: {connection, expectedTables: [], depth: 'counts', ...database}, ...request}),
      {store, signal, env: {...process.env, ...env}},
    );
  }

  /** A pg_dump that does what `script` says; `$REAL` is the real one. */
  async function dumpProgram(script: string, version?: string): Promise<Record<string, string>> {
    const folder = join(world.folder, `bin-${Math.random().toString(36).slice(2)}`);
    const real = join(world.server.binDir, 'pg_dump');
    await mkdir(folder);
    await writeFile(
      join(folder, 'pg_dump'),
      `#!/bin/sh\nREAL=${real}\n[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) ${version ?? `${world.server.major}.99`}"; exit 0; }\n${script}\n`,
    );
    await chmod(join(folder, 'pg_dump'), 0o755);
    return {SWITCHBACK_PG_BIN: folder};
  }

  test.each([0, 1_000, 1_000_000, 20_000_000])('row 1: pg_dump ends with 1 after %d bytes', async (bytes) => {
    const env = await dumpProgram(
      `[ ${bytes} -gt 0 ] && printf PGDMP; head -c ${bytes} /dev/urandom; echo "pg_dump: error: it broke" >&2; exit 1`,
    );
    await expect(attempt({env})).rejects.toMatchObject({
      code: 'DATABASE_DUMP',
      message: expect.stringContaining('it broke'),
    });
  });

  test('row 1, 34: pg_dump is killed, and the compressor behind it ends well', async () => {
    const env = await dumpProgram('head -c 3000000 /dev/urandom; kill -KILL $$');
    await expect(attempt({env, database: {compression: 'stream'}})).rejects.toMatchObject({
      code: 'DATABASE_DUMP',
      message: expect.stringContaining('SIGKILL'),
    });
  });

  test('row 1: pg_dump succeeds without a byte', async () => {
    const env = await dumpProgram('exit 0');
    await expect(attempt({env})).rejects.toMatchObject({code: expect.stringMatching(/^(SET_EMPTY|ARCHIVE)$/)});
  });

  test('row 1: pg_dump succeeds with something that is no archive', async () => {
    const env = await dumpProgram('echo "-- a plain dump"; exit 0');
    await expect(attempt({env})).rejects.toMatchObject({code: 'ARCHIVE'});
  });

  test('row 2: a wrong password is told apart from everything else', async () => {
    await expect(attempt({address: url.replace(world.server.password, 'wrong-password')})).rejects.toMatchObject({
      code: 'DATABASE_AUTH',
    });
  });

  test('row 3: a full disk is named', async () => {
    const env = await dumpProgram(
      'printf PGDMP; head -c 5000 /dev/urandom; echo "pg_dump: error: could not write: No space left on device" >&2; exit 1',
    );
    await expect(attempt({env})).rejects.toMatchObject({code: 'DISK_FULL'});
  });

  test.each([
    [15, [14]],
    [16, [15, 17, 18]],
    [18, [17]],
  ])('row 5, 6, 7: a server of %d and clients of %j end before anything is started', (server, majors) => {
    const tools = majors.map((major) => ({folder: '/x', version: `${major}.1`, major})).reverse();
    expect(() => chooseDumpClient(tools, server)).toThrow(
      expect.objectContaining({
        code: 'DATABASE_CLIENT',
        remedy: expect.stringContaining(`postgresql-client-${server}`),
      }),
    );
  });

  test.each<[archive: number, server: number, majors: number[], chosen: number | undefined]>([
    [17, 15, [15], undefined],
    [15, 15, [17], undefined],
    [15, 15, [17, 16, 15], 15],
    [15, 16, [17, 16], 16],
    [17, 17, [18, 15], 18],
  ])('row 7, 8: an archive of %d for a server of %d with clients %j', (archive, server, majors, chosen) => {
    const tools = majors.map((major) => ({folder: '/x', version: `${major}.1`, major}));
    if (chosen) expect(chooseRestoreClient(tools, archive, server).major).toBe(chosen);
    else
      expect(() => chooseRestoreClient(tools, archive, server)).toThrow(
        expect.objectContaining({code: 'DATABASE_CLIENT'}),
      );
  });

  test('row 10: an empty or wrong database', async () => {
    await expect(attempt({address: world.server.urlOf('template1')})).rejects.toMatchObject({code: 'DATABASE_EMPTY'});
    await expect(
      attempt({database: {expectedTables: ['public.customers', 'public.nope', 'nada']}}),
    ).rejects.toMatchObject({code: 'DATABASE_CONTENT', message: expect.stringContaining('public.nada')});
    await expect(attempt({address: world.server.urlOf('absent')})).rejects.toMatchObject({code: 'DATABASE_CONNECT'});
  });

  test('row 11: the connection breaks half-way', async () => {
    const proxy = await startProxy(world.server.port, {closeAfterBytes: 150_000});
    await expect(attempt({address: viaPort(url, proxy)})).rejects.toMatchObject({
      code: 'DATABASE_CONNECT',
      retryable: true,
    });
  });

  test('row 12: the backend is terminated in the middle of the dump', async () => {
    const big = await world.database(
      'big',
      `CREATE TABLE t AS SELECT i, md5(i::text) || md5((i + 1)::text) AS v FROM generate_series(1, 600000) i`,
    );
    const terminate = () =>
      world.sql(
        world.server.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND pid <> pg_backend_pid()`,
      );
    const killer = setInterval(() => void terminate(), 20);
    open.push(() => clearInterval(killer));
    await expect(attempt({address: big, database: {depth: 'off'}})).rejects.toMatchObject({
      code: 'DATABASE_CONNECT',
      // The program may see the closed socket before it has read the server's last words.
      message: expect.stringMatching(/terminating connection|closed the connection|no connection|lost/),
    });
  });

  test('a program that leaves another one behind does not hold a cancelled backup up', async () => {
    const env = await dumpProgram('printf PGDMP; sleep 4 & sleep 20');
    await expect(attempt({env, signal: AbortSignal.timeout(1_000)})).rejects.toMatchObject({code: 'CANCELLED'});
  }, 10_000);

  test('row 13: the other side falls silent', async () => {
    const proxy = await startProxy(world.server.port, {stallAfterBytes: 100_000});
    await expect(
      attempt({address: viaPort(url, proxy), database: {idleLimitMs: 700, depth: 'off'}}),
    ).rejects.toMatchObject({code: expect.stringMatching(/^DATABASE_(IDLE|CONNECT)$/)});
  }, 40_000);

  test.each([
    ['a table', `CREATE ROLE poor LOGIN PASSWORD 'poor-password'; GRANT CONNECT ON DATABASE shop TO poor`],
    [
      'rows behind a policy',
      `GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO poor`,
    ],
    ['a large object', 'ALTER ROLE poor BYPASSRLS'],
  ])('row 15: no right to %s', async (_what, sql) => {
    await world.sql(url, sql);
    const address = new URL(url);
    address.username = 'poor';
    address.password = 'poor-password';
    await expect(attempt({address: address.href, database: {depth: 'off'}})).rejects.toMatchObject({
      code: 'DATABASE_RIGHTS',
      remedy: expect.stringMatching(/pg_read_all_data|BYPASSRLS|LARGE OBJECT/),
    });
  });

  test('row 16: a table that a migration has locked', async () => {
    await using session = await openSession(parseConnection(url));
    await session.query('BEGIN');
    await session.query('LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE');
    await expect(attempt({database: {lockWaitMs: 300, depth: 'off'}})).rejects.toMatchObject({
      code: 'DATABASE_LOCKED',
      retryable: true,
    });
    await session.query('ROLLBACK');
  });

  test('row 16: a cancelled dump is gone from the server, so that a migration can start', async () => {
    const env = await dumpProgram('exec "$REAL" "$@"');
    const stop = new AbortController();
    const slow = slowStore(world.store);
    const running = attempt({env, store: slow, signal: stop.signal});
    setTimeout(() => stop.abort(), 400);
    await expect(running).rejects.toMatchObject({code: 'CANCELLED'});
    const left = async () =>
      world.sql(
        world.server.url,
        `SELECT pid FROM pg_stat_activity WHERE application_name IN ('switchback', 'pg_dump')`,
      );
    for (let i = 0; i < 50 && (await left()).length; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await left()).toEqual([]);
  });

  test.each([
    ['18: damaged pages', 'missing chunk number 0 for toast value 16400 in pg_toast_2619', 'DATABASE_DAMAGED'],
    ['19: a value that is too large', 'invalid memory alloc request size 1200000003', 'DATABASE_VALUE_SIZE'],
    ['14: a pooler', 'unsupported startup parameter: options', 'DATABASE_POOLER'],
    [
      '56: a login that is not bound to the certificate',
      'channel binding required but not supported by server',
      'DATABASE_AUTH',
    ],
  ])('row %s', async (_row, message, code) => {
    const env = await dumpProgram(
      `printf PGDMP; head -c 9000 /dev/urandom; echo "pg_dump: error: ${message}" >&2; exit 1`,
    );
    await expect(attempt({env})).rejects.toMatchObject({code});
  });

  test.each<[row: string, fault: StoreFault, code: string]>([
    ['33: an upload that breaks off', {operation: 'upload', kind: 'break'}, 'STORE_UNAVAILABLE'],
    ['33: an upload that is refused', {operation: 'upload', kind: 'refuse'}, 'STORE_UNAVAILABLE'],
    ['21: a byte that the store changes', {operation: 'get', key: 'database', kind: 'corrupt'}, 'SET_DIGEST'],
    ['21: a read-back that ends early', {operation: 'get', key: 'database', kind: 'cut'}, 'SET_DIGEST'],
    ['a seal that is refused', {operation: 'put', key: 'manifest.json', kind: 'refuse', times: 9}, 'STORE_UNAVAILABLE'],
  ])('row %s', async (_row, fault, code) => {
    await expect(attempt({store: faulty(world.store, [fault])})).rejects.toMatchObject({code});
  });

  test('row 33: an upload that is stored shorter than it was sent', async () => {
    const store: Store = {
      ...proxyOf(world.store),
      head: async (key) =>
        world.store.head(key).then((head) => head && (key.endsWith('.pgp') ? {...head, bytes: head.bytes - 1} : head)),
    };
    await expect(attempt({store})).rejects.toMatchObject({code: 'SET_INCOMPLETE'});
  });

  test('row 50: a recipient whose key has expired', async () => {
    const {generateKey} = await import('openpgp');
    const {loadRecipients} = await import('../../src/crypto/recipients.js');
    const day = 86_400_000;
    const {publicKey} = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{name: 'old'}],
      format: 'armored',
      date: new Date(Date.now() - 3 * day),
      keyExpirationTime: 86_400,
    });
    await expect(loadRecipients([publicKey], {nowMs: Date.now()})).rejects.toMatchObject({
      code: 'RECIPIENTS',
      message: expect.stringContaining('gpg --quick-set-expire'),
    });
    expect((await loadRecipients([publicKey], {nowMs: Date.now() - 2.5 * day})).warnings[0]).toContain('expires on');
  });

  test('row 52: a recipient that was swapped', async () => {
    const {loadRecipients} = await import('../../src/crypto/recipients.js');
    const pinned = ['D36B 0000 0000 0000 0000 0000 0000 0000 0000 0000'];
    await expect(loadRecipients([world.keys.publicKey], {nowMs: Date.now(), pinned})).rejects.toMatchObject({
      code: 'RECIPIENTS',
      message: expect.stringContaining('not among the pinned'),
    });
    await expect(loadRecipients([world.keys.privateKey], {nowMs: Date.now()})).rejects.toMatchObject({
      code: 'RECIPIENTS',
      message: expect.stringContaining('private key'),
    });
  });

  test('row 55: the password is in no argument and no message of any process', async () => {
    const seen = new Set<string>();
    const watching = setInterval(
      () => void commandLines().then((lines) => lines.forEach((line) => seen.add(line))),
      15,
    );
    open.push(() => clearInterval(watching));
    const env = await dumpProgram('"$REAL" "$@"; sleep 0.3; echo "pg_dump: error: with $PGPASSWORD in it" >&2; exit 1');
    const failure = await attempt({env}).catch((error: unknown) => error as Error);
    expect((failure as Error).message).toContain('with *** in it');
    expect([...seen].some((line) => line.includes('--format=custom'))).toBe(true);
    expect([...seen].filter((line) => line.includes(world.server.password))).toEqual([]);
  });

  test('row 56: whoever answers in the place of the server gets no password', async () => {
    const {port, received} = await startImpostor(world.folder);
    const address = `postgres://someone:the-real-password@127.0.0.1:${port}/shop`;
    await expect(attempt({address})).rejects.toMatchObject({
      code: 'DATABASE_AUTH',
      message: expect.stringContaining('was not sent'),
    });
    expect(received.join('')).not.toContain('the-real-password');
    await expect(attempt({address: `${address}?channel_binding=disable`})).rejects.toBeDefined();
    expect(received.join('')).toContain('the-real-password');
  });

  test('TLS is not turned off across the network', () => {
    expect(() => parseConnection('postgres://a:b@db.example.com/x?sslmode=disable')).toThrow(
      expect.objectContaining({code: 'DATABASE_URL'}),
    );
    expect(parseConnection('postgres://a:b@db.example.com/x')).toMatchObject({
      tls: 'require',
      channelBinding: 'require',
    });
  });

  /** A TLS server with its own certificate that asks for the password in clear text. */
  async function startImpostor(folder: string): Promise<{readonly port: number; readonly received: string[]}> {
    const [key, cert] = [join(folder, 'impostor.key'), join(folder, 'impostor.crt')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
      ],
      {stdio: 'ignore'},
    );
    const secureContext = createSecureContext({key: await readFile(key), cert: await readFile(cert)});
    const received: string[] = [];
    const port = await listen(
      createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          socket.write('S');
          const secure = new TLSSocket(socket, {isServer: true, secureContext});
          secure.on('error', () => {});
          secure.once('data', () => secure.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])));
          secure.on('data', (chunk) => received.push(chunk.toString('latin1')));
          secure.on('data', () => setTimeout(() => secure.destroy(), 300));
        });
      }),
    );
    return {port, received};
  }

  /** Passes bytes on to a port, and closes or falls silent after so many from the server. */
  function startProxy(
    target: number,
    fault: {readonly closeAfterBytes?: number; readonly stallAfterBytes?: number},
  ): Promise<number> {
    return listen(
      createServer((client) => {
        const server = connect(target, '127.0.0.1');
        let bytes = 0;
        client.pipe(server);
        server.on('data', (chunk) => {
          bytes += chunk.length;
          if (fault.stallAfterBytes && bytes > fault.stallAfterBytes) return;
          client.write(chunk);
          if (fault.closeAfterBytes && bytes > fault.closeAfterBytes) client.destroy();
        });
        for (const socket of [client, server])
          socket.on('error', () => {}).on('close', () => [client, server].forEach((one) => one.destroy()));
      }),
    );
  }

  async function listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as {port: number}).port;
  }
});

function viaPort(address: string, port: number): string {
  const changed = new URL(address);
  changed.port = String(port);
  return changed.href;
}

function proxyOf(store: Store): Store {
  return {
    location: store.location,
    traits: store.traits,
    put: (...args) => store.put(...args),
    upload: (...args) => store.upload(...args),
    get: (...args) => store.get(...args),
    head: (key) => store.head(key),
    list: (...args) => store.list(...args),
    delete: (key) => store.delete(key),
    unfinished: (prefix) => store.unfinished(prefix),
    abandon: (upload) => store.abandon(upload),
    facts: (signal) => store.facts(signal),
  };
}

/** A store that takes its time, so that a dump is cancelled while it runs. */
function slowStore(store: Store): Store {
  async function* slowly(source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      yield chunk;
    }
  }
  return {...proxyOf(store), upload: (key, source, options) => store.upload(key, slowly(source), options)};
}

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
