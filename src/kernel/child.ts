import type {ChildProcess, StdioOptions} from 'node:child_process';
import {access, constants} from 'node:fs/promises';
import {delimiter, join} from 'node:path';
import type {Readable, Stream, Writable} from 'node:stream';
import {Failure} from './errors.js';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child: nothing is inherited, so that no secret travels by accident. */
  readonly env: Readonly<Record<string, string>>;
  /** A stream with a file descriptor joins two processes without passing through this one. Default: ignore. */
  readonly stdin?: 'ignore' | 'pipe' | Stream;
  /** Default: pipe. */
  readonly stdout?: 'ignore' | 'pipe' | Stream;
  readonly cwd?: string;
  /** Runs the child as another account; only root may. */
  readonly uid?: number;
  readonly gid?: number;
  /** Aborting sends SIGINT, and SIGKILL to whoever is still there two seconds later. */
  readonly signal?: AbortSignal;
  /** Texts that must not appear in `stderr` of the result. */
  readonly secrets?: readonly string[];
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 100 lines, secrets removed. */
  readonly stderr: string;
  /** Set when the program could not be started at all. */
  readonly startError?: Error;
}

export interface Child {
  readonly process: ChildProcess;
  readonly stdout: Readable | null;
  readonly stdin: Writable | null;
  /** Never rejects; resolves after the end of the process and of its stderr. */
  readonly exit: Promise<ChildExit>;
  stop(): void;
}

const killAfterMs = 2_000;
/** How long output may still arrive after the end of a program. */
const lingerMs = 500;
const stderrLimit = 64 * 1024;

/** Starts a program without a shell. The caller must look at `exit`: a broken program may well have written output. */
export function startChild(options: ChildOptions): Child {
  const stdio: StdioOptions = [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'];
  // Loaded with the first program, not with the first import: with its network parts it is a tenth of a start.
  const {spawn} = process.getBuiltinModule('node:child_process');
  const child = spawn(options.command, options.args, {
    env: {...options.env},
    stdio,
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
    windowsHide: true,
  });
  let killer: NodeJS.Timeout | undefined;
  const hangUp = () => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const stop = () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    killer ??= setTimeout(() => {
      child.kill('SIGKILL');
      // A program of the program's own may still hold the other ends, and would keep the readers waiting.
      hangUp();
    }, killAfterMs);
    child.once('exit', () => setTimeout(hangUp, lingerMs).unref());
  };
  if (options.signal?.aborted) stop();
  options.signal?.addEventListener('abort', stop, {once: true});
  const exit = collectExit(child, options.secrets ?? []).finally(() => {
    clearTimeout(killer);
    options.signal?.removeEventListener('abort', stop);
  });
  // A child that ends early breaks the pipe to it; its exit code tells the story better than EPIPE does.
  child.stdin?.on('error', () => {});
  return {process: child, stdout: child.stdout, stdin: child.stdin, exit, stop};
}

/** Runs a program to its end and returns what it printed; for short texts, never for data. */
export async function outputOf(
  options: ChildOptions & {readonly outputLimit?: number},
): Promise<ChildExit & {readonly stdout: string}> {
  const child = startChild({...options, stdout: 'pipe'});
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length < (options.outputLimit ?? 4 * 1024 * 1024)) stdout += text;
  });
  return {...(await child.exit), stdout};
}

/** True when the program ran and ended with code 0. */
export function succeeded(exit: ChildExit): boolean {
  return exit.code === 0 && !exit.startError;
}

/** How a child ended, in words: `exit code 1`, `killed by SIGTERM`, `could not be started (ENOENT)`. */
export function endOf(exit: ChildExit): string {
  if (exit.startError)
    return `could not be started (${(exit.startError as NodeJS.ErrnoException).code ?? exit.startError.message})`;
  return exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.code}`;
}

/** The failure of a program that ended badly, with the last lines it printed. */
export function childFailure(code: string, what: string, exit: ChildExit, remedy: string): Failure {
  const lines = exit.stderr.trim().split('\n').slice(-8).join('\n');
  return new Failure(code, `${what} failed: ${endOf(exit)}${lines ? `\n${lines}` : ''}`, {
    remedy,
    details: {code: exit.code, signal: exit.signal},
  });
}

function collectExit(child: ChildProcess, secrets: readonly string[]): Promise<ChildExit> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrLimit);
  });
  const stderrEnd = new Promise<void>((resolve) => (child.stderr ? child.stderr.once('close', resolve) : resolve()));
  return new Promise((resolve) => {
    child.once('error', (startError) => {
      if (child.pid === undefined) resolve({code: null, signal: null, stderr: '', startError});
    });
    child.once('exit', (code, signal) => {
      // Not for ever: a grandchild may have inherited it.
      const patience = setTimeout(() => child.stderr?.destroy(), lingerMs);
      void stderrEnd
        .finally(() => clearTimeout(patience))
        .then(() => resolve({code, signal, stderr: redact(lastLines(stderr), secrets)}));
    });
  });
}

function lastLines(text: string): string {
  return text.split('\n').slice(-101).join('\n');
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((cleaned, secret) => (secret.length > 2 ? cleaned.replaceAll(secret, '***') : cleaned), text);
}

/** Absolute path of a program in PATH; undefined when there is none. */
export async function findProgram(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}
