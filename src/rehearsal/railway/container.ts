import {type ChildProcess, spawn} from 'node:child_process';
import {createServer, type Socket} from 'node:net';
import {dirname} from 'node:path';
import {createInterface} from 'node:readline';

/** Child processes of deployments, each in a process group of its own, so that nothing of one stays behind. */

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Container {
  readonly pid: number;
  readonly port: number;
  readonly exited: Promise<Exit>;
  readonly running: () => boolean;
  /** SIGTERM to the group, SIGKILL after `drainMs`; resolves when it is gone. */
  stop(drainMs: number): Promise<void>;
}

export interface ContainerPlan {
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** All child processes of one stand-in. When this process dies, however it dies, a watchdog ends them. */
export class Containers {
  private readonly children = new Set<ChildProcess>();
  private readonly closing = new AbortController();
  private watchdog: ChildProcess | undefined;

  /** Processes started and not yet gone. */
  get count(): number {
    return this.children.size;
  }

  /** Starts a command and answers at once; a command that does not exist counts as an exit with code 127. */
  start(plan: ContainerPlan): Container {
    if (this.closing.signal.aborted) throw new Error('the stand-in is closed');
    const child = spawn(program(plan.command), plan.command.slice(1), {
      cwd: plan.folder,
      env: {...plan.env},
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.add(child);
    this.tellWatchdog('add', child);
    const drained = Promise.all([
      lines(child.stdout!, (line) => plan.onLine(line, 'stdout')),
      lines(child.stderr!, (line) => plan.onLine(line, 'stderr')),
    ]);
    const exited = new Promise<Exit>((resolve) => {
      child.once('error', (error) =>
        resolve(this.gone(child, {code: 127, signal: null}, () => plan.onLine(error.message, 'stderr'))),
      );
      child.once('exit', (code, signal) => {
        // What the group's leader leaves behind must not outlive it; its last lines are still read.
        killGroup(child, 'SIGKILL');
        void drained.then(() => resolve(this.gone(child, {code, signal})));
      });
    });
    const running = () => this.children.has(child) && child.exitCode === null && child.signalCode === null;
    return {pid: child.pid ?? 0, port: plan.port, exited, running, stop: (drainMs) => stop(child, exited, drainMs)};
  }

  /** Runs a command to its end. */
  async run(plan: ContainerPlan, signal: AbortSignal): Promise<Exit> {
    const container = this.start(plan);
    const end = () => void container.stop(0);
    signal.addEventListener('abort', end);
    try {
      return await container.exited;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Kills every group and waits until all are gone; nothing can be started afterwards. */
  async close(): Promise<void> {
    this.closing.abort();
    const ends = [...this.children].map((child) =>
      child.exitCode === null && child.signalCode === null
        ? new Promise<void>((resolve) => child.once('close', () => resolve()))
        : undefined,
    );
    this.killAll();
    await Promise.all(ends);
    this.children.clear();
    this.watchdog?.kill('SIGKILL');
  }

  private killAll(): void {
    for (const child of this.children) killGroup(child, 'SIGKILL');
  }

  private gone(child: ChildProcess, exit: Exit, tell?: () => void): Exit {
    tell?.();
    this.children.delete(child);
    this.tellWatchdog('remove', child);
    return exit;
  }

  private tellWatchdog(what: 'add' | 'remove', child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.watchdog ??= startWatchdog();
    this.watchdog.stdin?.write(`${what} ${child.pid}\n`);
  }
}

function startWatchdog(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', watchdogScript, 'rehearsal-watchdog'], {
    cwd: '/',
    env: {PATH: '/usr/bin:/bin'},
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket | null)?.unref();
  return child;
}

// Its input ends when we do. Groups that ended before are taken off the list: their numbers may be somebody else's by then.
const watchdogScript = `
pids=''
while read -r what pid; do
  kept=''
  for one in $pids; do [ "$one" = "$pid" ] || kept="$kept $one"; done
  pids=$kept
  [ "$what" = add ] && pids="$pids $pid"
done
for one in $pids; do kill -KILL "-$one" 2> /dev/null; done
`;

/** A free port outside the range from which the system takes ports for outgoing connections. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port between 20000 and 32000');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Where a child finds its programs: the Node that runs us first. */
export function childPath(): string {
  return [dirname(process.execPath), process.env.PATH ?? '/usr/bin:/bin'].join(':');
}

function program(command: readonly string[]): string {
  return command[0] === 'node' ? process.execPath : (command[0] ?? '');
}

function lines(stream: NodeJS.ReadableStream, tell: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const reader = createInterface({input: stream});
    reader.on('line', tell);
    reader.on('close', () => resolve());
  });
}

async function stop(child: ChildProcess, exited: Promise<Exit>, drainMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return void (await exited);
  killGroup(child, 'SIGTERM');
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), drainMs);
  await exited;
  clearTimeout(timer);
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}
