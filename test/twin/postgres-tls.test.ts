import {execFileSync} from 'node:child_process';
import {chmod, chown, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {Client} from 'pg';
import {outputOf} from '../../src/kernel/child.js';
import {findClientTools} from '../../src/postgres/client-tools.js';
import {libpqEnvironment, parseConnection} from '../../src/postgres/connection.js';
import {openSession} from '../../src/postgres/session.js';
import {serverAccount} from '../../src/rehearsal/postgres/account.js';
import {type PostgresServer, startPostgres} from '../../src/rehearsal/postgres/server.js';

/** Railway's servers are like this: a certificate of their own making, SCRAM, reached through a proxy of another name. */
describe.each([
  ['RSA', ['rsa:2048']],
  ['elliptic curves', ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']],
])('a server with a self-made certificate (%s)', (_kind, algorithm) => {
  let folder: string;
  let certificate: string;
  let server: PostgresServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-tls-'));
    const key = join(folder, 'server.key');
    certificate = join(folder, 'server.crt');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        ...algorithm,
        '-nodes',
        '-keyout',
        key,
        '-out',
        certificate,
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=DNS:localhost',
      ],
      {stdio: 'ignore'},
    );
    const account = await serverAccount();
    await chmod(folder, 0o755);
    await chmod(key, 0o600);
    if (account) await chown(key, account.uid, account.gid);
    server = await startPostgres({settings: {ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key}});
    const client = new Client(server.url);
    await client.connect();
    await client.query('CREATE TABLE t (a int)');
    await client.end();
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    await rm(folder, {recursive: true, force: true});
  });

  const address = (query: string, host = '127.0.0.1') => server.url.replace('127.0.0.1', host).replace(/\?.*$/, query);

  async function both(url: string): Promise<string> {
    const connection = parseConnection(url);
    await using session = await openSession(connection);
    const [row] = await session.query<{ssl: boolean}>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    const [tools] = (await findClientTools(process.env)).filter(({major}) => major === server.major);
    if (!tools) return String(row!.ssl);
    const exit = await outputOf({
      command: join(tools.folder, 'pg_dump'),
      args: ['--schema-only', '--no-password'],
      env: libpqEnvironment(connection, tools.major, process.env),
    });
    return `${row!.ssl} ${exit.code} ${exit.stdout.includes('CREATE TABLE public.t')}`;
  }

  test('is reached by default: encrypted, the login bound to its certificate', async () => {
    expect(await both(address(''))).toBe('true 0 true');
  });

  test('is reached with its certificate pinned, by another name', async () => {
    expect(await both(address(`?sslmode=verify-ca&sslrootcert=${certificate}`))).toBe('true 0 true');
  });

  test('is reached with everything checked, by its own name', async () => {
    expect(await both(address(`?sslmode=verify-full&sslrootcert=${certificate}`, 'localhost'))).toBe('true 0 true');
  });

  test('is refused with everything checked, by another name', async () => {
    await expect(
      openSession(parseConnection(address(`?sslmode=verify-full&sslrootcert=${certificate}`))),
    ).rejects.toMatchObject({code: 'DATABASE_TLS'});
  });

  test('is refused when another root is pinned', async () => {
    const other = join(folder, 'other.crt');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-out',
        other,
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
      ],
      {stdio: 'ignore'},
    );
    await expect(
      openSession(parseConnection(address(`?sslmode=verify-ca&sslrootcert=${other}`))),
    ).rejects.toMatchObject({code: 'DATABASE_TLS'});
  });
});

test('a server without TLS is refused by default, with the way out', async () => {
  await using server = await startPostgres();
  await expect(openSession(parseConnection(server.url.replace(/\?.*$/, '')))).rejects.toMatchObject({
    code: 'DATABASE_TLS',
    remedy: expect.stringContaining('sslmode=disable'),
  });
});
