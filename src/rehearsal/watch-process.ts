import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

/** What the page of a watch says, as far as a rehearsal judges it. */
export interface SeenStatus {
  readonly generatedMs: number;
  readonly overall: string;
  readonly services: ReadonlyArray<{readonly name: string; readonly condition: string}>;
  readonly incidents: ReadonlyArray<{readonly services: readonly string[]; readonly closedMs: number | null}>;
}

export interface WatchProcess extends AsyncDisposable {
  readonly url: string;
  readonly log: () => string;
  status(): Promise<SeenStatus>;
  /** Ends it with SIGTERM. @returns its exit code. */
  stop(): Promise<number | null>;
}

const lib = fileURLToPath(new URL('..', import.meta.url));
const patienceMs = 60_000;

/** Starts `switchback monitor --watch` as a user would, with a clock that runs ahead. */
export async function startFastWatch(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<WatchProcess> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(lib, 'rehearsal', 'fast-time.js'),
      join(lib, '..', '..', 'bin', 'switchback.mjs'),
      'monitor',
      '--watch',
      '--port',
      '0',
      ...args,
    ],
    {
      cwd: folder,
      env: {PATH: process.env['PATH'] ?? '', GITHUB_WORKSPACE: folder, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  const url = await addressOf(child, () => text);
  return {
    url,
    log: () => text,
    status: async () => (await (await fetch(new URL('status.json', url))).json()) as SeenStatus,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function addressOf(child: ChildProcess, log: () => string): Promise<string> {
  for (const startedMs = Date.now(); Date.now() - startedMs < patienceMs && child.exitCode === null; await sleep(20)) {
    const url = /served at (\S+),/.exec(log())?.[1];
    if (url) return url;
  }
  child.kill('SIGKILL');
  throw new Error(`the watch did not start:\n${log().slice(-2_000)}`);
}
