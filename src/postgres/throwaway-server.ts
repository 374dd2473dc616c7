import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {access, chmod, chown, constants, mkdtemp, open, readFile, rm, statfs, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {childFailure, findProgram, outputOf, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import {type ClientTools, findClientTools} from './client-tools.js';
import type {Connection} from './connection.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** A PostgreSQL for one drill, on this machine and for nobody else. */
export interface ThrowawayServer extends AsyncDisposable {
  /** Its maintenance database. */
  readonly connection: Connection;
  /** Folder of its data, or name of its container: what `removeThrowaway` needs after a kill. */
  readonly handle: string;
  /** Where its data lies: `memory`, `disk`, `container`. */
  readonly keptIn: 'memory' | 'disk' | 'container';
}

export interface ThrowawayRequest {
  readonly major: number;
  /** Size of the database that will be restored, in bytes. */
  readonly databaseBytes: number;
  /** Container image with the extensions that production uses; undefined means the machine's own server. */
  readonly image?: string | undefined;
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** Told before anything exists. */
  readonly onHandle?: (handle: string) => void;
}

/**
 * Starts a server of one major version: the machine's own programs, else a container.
 * @throws Failure DRILL_SERVER when neither can be had, DRILL_SPACE when there is no room for the data
 */
export async function startThrowaway(request: ThrowawayRequest): Promise<ThrowawayServer> {
  const tools = request.image ? undefined : await serverPrograms(request);
  if (tools) return startLocal(tools, request);
  const docker = await findProgram('docker', request.env);
  if (docker) return startContainer(docker, request);
  throw new Failure(
    'DRILL_SERVER',
    `There is no PostgreSQL ${request.major} server on this machine, and no container engine`,
    {
      remedy: `Install it before this step: \`sudo apt-get install -y postgresql-${request.major}\`, or pass \`target-url\` of a server made for the drill.`,
    },
  );
}

/** Stops and removes what a killed drill left behind; fine when it is gone. */
export async function removeThrowaway(handle: string, env: Environment): Promise<void> {
  if (handle.startsWith('container:')) {
    const docker = await findProgram('docker', env);
    if (docker)
      await outputOf({
        command: docker,
        args: ['rm', '--force', '--volumes', handle.slice('container:'.length)],
        env: dockerEnvironment(env),
      });
    return;
  }
  const pid = Number((await readFile(join(handle, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  if (pid > 1) await endProcess(pid);
  await rm(handle, {recursive: true, force: true, maxRetries: 5});
}

async function serverPrograms({major, env}: ThrowawayRequest): Promise<ClientTools | undefined> {
  for (const tools of await findClientTools(env)) {
    if (tools.major !== major) continue;
    const there = await access(join(tools.folder, 'initdb'), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return tools;
  }
  return undefined;
}

async function startLocal(tools: ClientTools, request: ThrowawayRequest): Promise<ThrowawayServer> {
  const {folder: parent, keptIn} = await roomFor(request.databaseBytes, request.env);
  const account = await unprivileged();
  const handle = await mkdtemp(join(parent, 'switchback-drill-'));
  request.onHandle?.(handle);
  let server: ChildProcess | undefined;
  const dispose = async () => {
    if (server?.pid) await endProcess(server.pid);
    await rm(handle, {recursive: true, force: true, maxRetries: 5});
  };
  try {
    const password = randomBytes(16).toString('hex');
    if (account) await chown(handle, account.uid, account.gid);
    await chmod(handle, account ? 0o711 : 0o700);
    await initialise(tools, handle, password, account, request.signal);
    const port = await freePort();
    server = await startServer(tools, handle, port, account, request.signal);
    return {connection: connectionTo(port, password), handle, keptIn, [Symbol.asyncDispose]: dispose};
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

async function initialise(
  tools: ClientTools,
  handle: string,
  password: string,
  account: Account | undefined,
  signal: AbortSignal,
): Promise<void> {
  const passwordFile = join(handle, 'password');
  await writeFile(passwordFile, password, {mode: 0o600});
  if (account) await chown(passwordFile, account.uid, account.gid);
  const args = [
    '-D',
    join(handle, 'data'),
    '-U',
    'postgres',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '-N',
  ];
  const exit = await outputOf({
    command: join(tools.folder, 'initdb'),
    args,
    env: serverEnvironment(tools),
    cwd: handle,
    signal,
    ...account,
  });
  await rm(passwordFile, {force: true});
  if (!succeeded(exit))
    throw childFailure('DRILL_SERVER', 'initdb', exit, "Read the lines above; they are the program's own.");
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_wal_size: '4GB',
  maintenance_work_mem: '256MB',
  autovacuum: 'off',
};

async function startServer(
  tools: ClientTools,
  handle: string,
  port: number,
  account: Account | undefined,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const log = await open(join(handle, 'log'), 'w');
  const options = Object.entries({...settings, port: String(port)}).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const child = spawn(join(tools.folder, 'postgres'), ['-D', join(handle, 'data'), ...options], {
    ...account,
    cwd: handle,
    env: serverEnvironment(tools),
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  for (let tries = 0; tries < 600 && child.exitCode === null && !signal.aborted; tries++) {
    const lines = (await readFile(join(handle, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return child;
    await sleep(50);
  }
  if (child.pid) await endProcess(child.pid);
  const said = (await readFile(join(handle, 'log'), 'utf8').catch(() => '')).split('\n').slice(-5).join('\n');
  throw new Failure('DRILL_SERVER', `The throwaway server did not start\n${said}`, {
    remedy: "Read the lines above; they are the server's own.",
  });
}

/** Memory before disk: what is restored is the plaintext of a backup. Room for it three times: rows, indexes, log. */
async function roomFor(
  databaseBytes: number,
  env: Environment,
): Promise<{readonly folder: string; readonly keptIn: 'memory' | 'disk'}> {
  const needed = 3 * databaseBytes + 128 * 1024 * 1024;
  for (const [folder, keptIn] of [
    ['/dev/shm', 'memory'],
    [env['RUNNER_TEMP'] ?? tmpdir(), 'disk'],
  ] as const) {
    const {bavail, bsize} = await statfs(folder).catch(() => ({bavail: 0, bsize: 0}));
    if (bavail * bsize >= needed) return {folder, keptIn};
  }
  throw new Failure(
    'DRILL_SPACE',
    `There is no room for the drill: it needs ${needed} bytes, three times the database`,
    {remedy: 'Use a larger runner, or pass `target-url` of a server made for the drill.'},
  );
}

async function startContainer(
  docker: string,
  {major, image = `postgres:${major}`, env, signal, onHandle}: ThrowawayRequest,
): Promise<ThrowawayServer> {
  const name = `switchback-drill-${randomBytes(6).toString('hex')}`;
  const handle = `container:${name}`;
  onHandle?.(handle);
  const password = randomBytes(16).toString('hex');
  // By name, not by value: arguments are readable by every process of the machine.
  const args = [
    'run',
    '--detach',
    '--rm',
    '--name',
    name,
    '--env',
    'POSTGRES_PASSWORD',
    '--publish',
    '127.0.0.1::5432',
    '--shm-size',
    '256m',
    image,
  ];
  const started = await outputOf({
    command: docker,
    args,
    env: {...dockerEnvironment(env), POSTGRES_PASSWORD: password},
    signal,
    secrets: [password],
  });
  const dispose = () => removeThrowaway(handle, env);
  if (!succeeded(started))
    throw childFailure(
      'DRILL_SERVER',
      `docker run ${image}`,
      started,
      `Install PostgreSQL ${major} on this machine, or make the image reachable.`,
    );
  const published = await outputOf({command: docker, args: ['port', name, '5432/tcp'], env: dockerEnvironment(env)});
  const port = Number(published.stdout.trim().split('\n')[0]?.split(':').at(-1));
  return {connection: connectionTo(port, password), handle, keptIn: 'container', [Symbol.asyncDispose]: dispose};
}

function connectionTo(port: number, password: string): Connection {
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    tls: 'disable',
    rootCertificate: undefined,
    channelBinding: 'disable',
  };
}

async function endProcess(pid: number): Promise<void> {
  for (const [signal, tries] of [
    ['SIGQUIT', 60],
    ['SIGKILL', 20],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let i = 0; i < tries && isAlive(pid); i++) await sleep(50);
    if (!isAlive(pid)) return;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** PostgreSQL refuses to run as root; self-hosted runners and containers often are. */
async function unprivileged(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  const fields = ['postgres', 'nobody']
    .map((name) => lines.find((line) => line.startsWith(`${name}:`))?.split(':'))
    .find((found) => found !== undefined);
  return fields ? {uid: Number(fields[2]), gid: Number(fields[3])} : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as {port: number};
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function serverEnvironment({folder}: ClientTools): Record<string, string> {
  return {PATH: `${folder}:/usr/local/bin:/usr/bin:/bin`, LC_ALL: 'C.UTF-8', TZ: 'UTC'};
}

function dockerEnvironment(env: Environment): Record<string, string> {
  const kept = ['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'XDG_RUNTIME_DIR'].map(
    (name) => [name, env[name]] as const,
  );
  return Object.fromEntries(kept.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}
