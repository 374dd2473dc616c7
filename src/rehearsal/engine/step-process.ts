import {type ChildProcess, spawn} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import type {Readable} from 'node:stream';
import {StringDecoder} from 'node:string_decoder';

/** One process of a step, in a group of its own, with the runner's ladder of signals. */

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  /** Firing it starts the ladder: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL of the group. */
  readonly stop: AbortSignal;
  /** Firing it kills the group at once. */
  readonly kill: AbortSignal;
  readonly ladderScale: number;
  /** While the process runs, a way to signal its group is in here. */
  readonly running?: Set<(signal: NodeJS.Signals) => void>;
}

export interface ProcessEnd {
  /** null when it was killed or could not be started. */
  readonly code: number | null;
  readonly startError?: Error;
}

const interruptMs = 7_500;
const terminateMs = 2_500;
/** How long open pipes are waited for after the process itself has ended. */
const pipesMs = 5_000;

const live = new Set<number>();
// Groups of their own do not die with this process: whoever ends the rehearsal must not leave steps behind.
process.on('exit', () => {
  for (const pid of live) signalGroup(pid, 'SIGKILL');
});

export function runProcess(options: ProcessOptions): Promise<ProcessEnd> {
  if (options.kill.aborted) return Promise.resolve({code: null});
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: {...options.env},
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid === undefined)
    return new Promise((resolve) => child.once('error', (startError) => resolve({code: null, startError})));
  live.add(child.pid);
  const timers = new Set<NodeJS.Timeout>();
  const send = (signal: NodeJS.Signals) => signalGroup(child.pid!, signal);
  options.running?.add(send);
  const unlisten = obeySignals(child, options, timers);
  const pipes = Promise.all([eachLine(child.stdout!, options.onLine), eachLine(child.stderr!, options.onLine)]);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      const late = setTimeout(() => signalGroup(child.pid!, 'SIGKILL'), pipesMs * options.ladderScale);
      timers.add(late);
      // A grandchild that left the group may hold the pipes for ever: they are cut after another while.
      timers.add(setTimeout(() => cut(child), 2 * pipesMs * options.ladderScale));
      void pipes.then(() => {
        for (const timer of timers) clearTimeout(timer);
        unlisten();
        options.running?.delete(send);
        live.delete(child.pid!);
        resolve({code});
      });
    });
  });
}

/** Kills what a job started and left behind, wherever it went: found by the tracking id in its environment (Linux). */
export function killOrphans(trackingId: string): number {
  let killed = 0;
  for (const pid of processIds()) {
    if (!environmentOf(pid).includes(trackingId)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed++;
    } catch {
      // Ended meanwhile.
    }
  }
  return killed;
}

function obeySignals(child: ChildProcess, options: ProcessOptions, timers: Set<NodeJS.Timeout>): () => void {
  const later = (ms: number, act: () => void) => timers.add(setTimeout(act, ms * options.ladderScale));
  const kill = () => signalGroup(child.pid!, 'SIGKILL');
  const stop = () => {
    // Only the direct child is told; it must pass the signal on itself.
    child.kill('SIGINT');
    later(interruptMs, () => child.kill('SIGTERM'));
    later(interruptMs + terminateMs, kill);
  };
  options.stop.addEventListener('abort', stop, {once: true});
  options.kill.addEventListener('abort', kill, {once: true});
  if (options.stop.aborted) stop();
  return () => {
    options.stop.removeEventListener('abort', stop);
    options.kill.removeEventListener('abort', kill);
  };
}

function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line.replace(/\r$/, ''));
  };
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  return new Promise((resolve) => {
    stream.once('close', () => {
      take(decoder.end());
      if (rest) onLine(rest);
      resolve();
    });
  });
}

function cut(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 1 && pid !== process.pid);
  } catch {
    return [];
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
