import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Client} from 'pg';
import {Failure} from '../../kernel/errors.js';
import {selfSigned} from '../smtp/certificate.js';
import {type Account, serverAccount} from './account.js';
import {findServer, type ServerBinaries} from './binaries.js';

/** A throwaway PostgreSQL with password login over TCP on 127.0.0.1. */
export interface PostgresServer extends AsyncDisposable {
  /** `postgres://user:password@127.0.0.1:PORT/postgres?sslmode=disable` */
  readonly url: string;
  readonly port: number;
  readonly password: string;
  /** Where the server's own programs are; `pg_dump` and the like stand there only when `from` is `machine`. */
  readonly binDir: string;
  readonly major: number;
  readonly from: ServerBinaries['from'];
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** The same server's URL for another database, which need not exist. */
  urlOf(database: string): string;
  /** Stops the server at once and removes its files. May be called twice. */
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** Parent folder for the data; default the system's temporary folder. Must be reachable for other users when run as root. */
  readonly dir?: string;
  /** Default `postgres`. */
  readonly superuser?: string;
  /** Default random. */
  readonly password?: string;
  /** Take the server from one place only; default: the machine's own, else the npm one. */
  readonly from?: ServerBinaries['from'];
  /** Offers TLS with a certificate of its own making, as hosted servers do; logins without TLS stay possible. */
  readonly ssl?: boolean;
  /** Further server settings, such as `{log_statement: 'all'}`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts a fresh server. Nothing of it outlives this process: `close` ends it, and a watchdog does when this process
 * dies without calling it.
 * @throws Failure POSTGRES_MISSING, POSTGRES_ACCOUNT, POSTGRES_START.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const account = await serverAccount();
  const binaries = await findServer(account, options.from ? {from: options.from} : {});
  const superuser = options.superuser ?? 'postgres';
  const password = options.password ?? randomBytes(12).toString('hex');
  const home = await openHome(options.dir ?? tmpdir(), account);
  const watchdog = startWatchdog(home);
  let server: ChildProcess | undefined;
  const close = async () => {
    if (server) await stop(server);
    await rm(home, {recursive: true, force: true, maxRetries: 5});
    watchdog.kill('SIGKILL');
  };
  try {
    await initialise(binaries, home, account, superuser, password);
    const tls = options.ssl ? await tlsSettings(home, account) : {};
    const started = await startServer(binaries, home, account, {...tls, ...options.settings});
    server = started.child;
    const urlOf = (database: string) =>
      `postgres://${encodeURIComponent(superuser)}:${encodeURIComponent(password)}@127.0.0.1:${started.port}/${encodeURIComponent(database)}?sslmode=disable`;
    const createDatabase = (name: string) =>
      execute(urlOf('postgres'), `CREATE DATABASE ${quoteIdentifier(name)}`).then(() => urlOf(name));
    return {
      url: urlOf('postgres'),
      port: started.port,
      password,
      ...binaries,
      createDatabase,
      urlOf,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openHome(parent: string, account: Account | undefined): Promise<string> {
  await mkdir(parent, {recursive: true});
  const home = await mkdtemp(join(parent, 'switchback-pg-'));
  if (account) {
    await chown(home, account.uid, account.gid);
    await chmod(home, 0o711);
  }
  return home;
}

async function initialise(
  binaries: ServerBinaries,
  home: string,
  account: Account | undefined,
  superuser: string,
  password: string,
): Promise<void> {
  const passwordFile = join(home, 'password');
  await writeFile(passwordFile, password, {mode: 0o600});
  if (account) await chown(passwordFile, account.uid, account.gid);
  const args = [
    '-D',
    join(home, 'data'),
    '-U',
    superuser,
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '-N',
  ];
  const child = spawn(join(binaries.binDir, 'initdb'), args, {
    ...account,
    cwd: home,
    env: serverEnv(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  const code = await exitOf(child);
  await rm(passwordFile, {force: true});
  if (code !== 0) throw startFailure('initdb failed', said);
}

async function tlsSettings(home: string, account: Account | undefined): Promise<Record<string, string>> {
  const {key, cert} = selfSigned();
  const keyFile = join(home, 'server.key');
  const certificateFile = join(home, 'server.crt');
  await writeFile(certificateFile, cert, {mode: 0o644});
  await writeFile(keyFile, key, {mode: 0o600});
  if (account) await chown(keyFile, account.uid, account.gid);
  return {ssl: 'on', ssl_cert_file: certificateFile, ssl_key_file: keyFile};
}

async function startServer(
  binaries: ServerBinaries,
  home: string,
  account: Account | undefined,
  settings: Readonly<Record<string, string>>,
) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const log = await open(join(home, 'log'), 'w', 0o600);
    const child = spawn(
      join(binaries.binDir, 'postgres'),
      ['-D', join(home, 'data'), ...asArguments({...throwaway, port: String(port), ...settings})],
      {
        ...account,
        cwd: home,
        env: serverEnv(),
        stdio: ['ignore', log.fd, log.fd],
      },
    );
    await log.close();
    child.unref();
    if (await isReady(child, join(home, 'data', 'postmaster.pid'))) return {child, port};
    await stop(child);
    const said = await readFile(join(home, 'log'), 'utf8').catch(() => '');
    // The port was free when it was picked, but another process may have taken it since.
    if (attempt === 5 || !/could not bind|Address already in use/.test(said))
      throw startFailure('the server did not start', said);
  }
}

/** Nothing here must survive a power cut, so nothing waits for a disk. No Unix socket: no clash with a server of the machine. */
const throwaway = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  logging_collector: 'off',
};

function asArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The server itself writes `ready` into the eighth line of this file; pg_ctl waits for the same. */
async function isReady(child: ChildProcess, pidFile: string): Promise<boolean> {
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  for (let waitedMs = 0; waitedMs < 30_000 && !ended; waitedMs += 10) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return true;
    await sleep(10);
  }
  return false;
}

/**
 * A shell that waits until its standard input closes, which happens whatever way this process ends, and then does what
 * `close` would have done. In a process group of its own, so that Ctrl-C reaches this process first.
 */
function startWatchdog(home: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', watchdogScript, 'switchback-pg-watchdog', home], {
    cwd: '/',
    env: serverEnv(),
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket | null)?.unref();
  return child;
}

const watchdogScript = `
cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null)
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2> /dev/null
  tries=0
  while kill -0 "$pid" 2> /dev/null && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$pid" 2> /dev/null
fi
rm -rf -- "$1"
`;

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const ended = exitOf(child);
  // Immediate shutdown: the data is thrown away, so no checkpoint is worth waiting for.
  child.kill('SIGQUIT');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const {port} = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function serverEnv(): Record<string, string> {
  return {PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC'};
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({connectionString: url});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function quoteIdentifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`;
}

function startFailure(what: string, said: string): Failure {
  return new Failure(
    'POSTGRES_START',
    `The rehearsal's PostgreSQL could not be started: ${what}: ${said.trim().slice(-800)}`,
    {
      remedy: "Read the server's words above; a full disk or an unreachable folder are the usual causes.",
    },
  );
}
