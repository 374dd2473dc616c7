import {availableParallelism} from 'node:os';
import type {Readable} from 'node:stream';
import {
  type Child,
  type ChildExit,
  childFailure,
  findProgram,
  outputOf,
  startChild,
  succeeded,
} from '../kernel/child.js';
import {cancelled, Failure} from '../kernel/errors.js';
import {type ClientTools, invocation} from './client-tools.js';
import {type Connection, keepaliveOptions, libpqEnvironment, secretsOf} from './connection.js';
import {programFailure} from './dump-failure.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** How the archive is made smaller, and where: inside the archive, or around it by a program of its own. */
export interface DumpCompression {
  readonly method: 'zstd' | 'gzip' | 'none';
  readonly level: number;
  readonly around: boolean;
  /** The program around it; set exactly when `around` is. */
  readonly program?: string;
}

export interface DumpRequest {
  readonly connection: Connection;
  readonly tools: ClientTools;
  readonly compression: DumpCompression;
  /** Exported by the session that counts, so that both see the same moment. */
  readonly snapshot: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** How long to wait for table locks, in milliseconds. */
  readonly lockWaitMs: number;
  /** No byte for this long means that the other side is dead, in milliseconds. */
  readonly idleLimitMs: number;
  /** What of the database; default all. */
  readonly selection?: readonly string[];
}

export interface Dump {
  /** The archive. Ends without an error only after every program involved has ended with code 0. */
  readonly stream: AsyncGenerator<Buffer>;
  /** pg_dump's arguments, as the manifest records them; nothing secret. */
  readonly args: readonly string[];
  /** What pg_dump said although it succeeded; known once the stream has ended. */
  warnings(): readonly string[];
}

/**
 * Compression inside the archive, so that a set opens with gpg and pg_restore alone: zstd from pg_dump 16 on, before it
 * gzip at its fastest level, which costs a third of the default one. `around` asks for the zstd program outside the
 * archive where pg_dump does not know it: faster still, and one more program on the day of the restore.
 */
export async function chooseCompression(
  tools: ClientTools,
  env: Environment,
  options: {readonly around?: boolean} = {},
): Promise<DumpCompression> {
  if (tools.major >= 16 && (await archiveKnowsZstd(tools, env))) return {method: 'zstd', level: 3, around: false};
  const program = options.around ? await findProgram('zstd', env) : undefined;
  return program ? {method: 'zstd', level: 3, around: true, program} : {method: 'gzip', level: 1, around: false};
}

/** Starts pg_dump in custom format, the one form that streams and restores selectively. */
export function startDump(request: DumpRequest): Dump {
  const {connection, tools, compression, env, signal} = request;
  const args = dumpArguments(request);
  const secrets = secretsOf(connection);
  const environment = libpqEnvironment(connection, tools.major, env);
  const {command, args: given, env: passed} = invocation(tools, 'pg_dump', args, environment);
  const around = compression.around ? startCompressor(compression, env, signal) : undefined;
  // The plain archive goes from one program to the other by the kernel; pumping it through Node costs a core.
  const dump = startChild({command, args: given, env: passed, signal, secrets, stdout: around?.stdin ?? 'pipe'});
  around?.stdin?.destroy();
  const children = around ? [dump, around] : [dump];
  const said: string[] = [];
  const product = readProduct((around ?? dump).stdout!, children, request.idleLimitMs, async () => {
    const exit = await dump.exit;
    if (signal.aborted) throw signal.reason instanceof Failure ? signal.reason : cancelled('The dump');
    if (!succeeded(exit)) throw programFailure('pg_dump', exit);
    if (around) await expectCompressed(await around.exit);
    said.push(...exit.stderr.split('\n').filter(Boolean));
  });
  const stream = expectArchive(product, around ? zstdMark : archiveMark);
  return {
    stream,
    args: args.filter((arg) => !arg.startsWith('--snapshot') && !arg.startsWith('--dbname')),
    warnings: () => said,
  };
}

const archiveMark = Buffer.from('PGDMP');
const zstdMark = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** A program that succeeds without writing an archive is not believed; what it wrote instead would open for nobody. */
async function* expectArchive(source: AsyncIterable<Buffer>, mark: Buffer): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head) {
      head = Buffer.concat([head, chunk.subarray(0, mark.length)]);
      if (!mark.subarray(0, head.length).equals(head.subarray(0, mark.length))) throw noArchive();
      if (head.length >= mark.length) head = undefined;
    }
    yield chunk;
  }
  if (head) throw noArchive();
}

function noArchive(): Failure {
  return new Failure('ARCHIVE', 'pg_dump ended well, but what it wrote is no archive', {
    remedy: "Look at the pg_dump of this machine: it is not PostgreSQL's own, or a wrapper around it prints.",
  });
}

function dumpArguments({compression, snapshot, lockWaitMs, selection = []}: DumpRequest): string[] {
  const inside =
    compression.around || compression.method === 'none'
      ? '0'
      : compression.method === 'gzip'
        ? String(compression.level)
        : `zstd:${compression.level}`;
  return [
    '--format=custom',
    `--compress=${inside}`,
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${lockWaitMs}`,
    '--no-password',
    ...selection,
    `--dbname=${keepaliveOptions}`,
  ];
}

function startCompressor(compression: DumpCompression, env: Environment, signal: AbortSignal): Child {
  const threads = Math.min(2, availableParallelism());
  return startChild({
    command: compression.program!,
    args: ['-q', '-c', `-${compression.level}`, `-T${threads}`],
    env: {PATH: env['PATH'] ?? ''},
    stdin: 'pipe',
    signal,
  });
}

function expectCompressed(exit: ChildExit): void {
  if (!succeeded(exit)) throw childFailure('COMPRESSION', 'zstd', exit, 'Check the zstd program of this machine.');
}

/**
 * Passes a program's output on and ends only after `settle` agreed: the last byte proves nothing, since a program that
 * dies half-way leaves output that looks whole. Stops the programs when the reader stops.
 */
async function* readProduct(
  output: Readable,
  children: readonly Child[],
  idleLimitMs: number,
  settle: () => Promise<void>,
): AsyncGenerator<Buffer> {
  const watch = watchdog(idleLimitMs, () => stopAll(children));
  let broken: unknown;
  try {
    try {
      for await (const chunk of output) {
        watch.pause();
        yield chunk as Buffer;
        watch.restart();
      }
    } catch (error) {
      broken = error;
    }
    watch.pause();
    if (watch.bit)
      throw new Failure(
        'DATABASE_IDLE',
        `The dump sent nothing for ${Math.round(idleLimitMs / 1000)} s and was stopped`,
        {remedy: 'Check the network between runner and database, then run again.', retryable: true},
      );
    await settle();
    if (broken !== undefined) throw broken;
  } finally {
    watch.pause();
    stopAll(children);
    await Promise.all(children.map((child) => child.exit));
  }
}

function stopAll(children: readonly Child[]): void {
  for (const child of children) child.stop();
}

/** Counts only the time spent waiting for the program, not the time its reader takes. */
function watchdog(limitMs: number, bite: () => void): {pause(): void; restart(): void; readonly bit: boolean} {
  let bit = false;
  let timer: NodeJS.Timeout | undefined;
  const start = () =>
    setTimeout(() => {
      bit = true;
      bite();
    }, limitMs);
  timer = start();
  return {
    get bit() {
      return bit;
    },
    pause: () => clearTimeout(timer),
    restart: () => {
      clearTimeout(timer);
      timer = start();
    },
  };
}

/** True when this build of pg_dump was made with zstd: it refuses the method before it connects. */
async function archiveKnowsZstd(tools: ClientTools, env: Environment): Promise<boolean> {
  const args = [
    '--format=custom',
    '--compress=zstd:3',
    '--no-password',
    '--dbname=host=/nonexistent connect_timeout=2',
  ];
  const library: Record<string, string> = env['LD_LIBRARY_PATH'] ? {LD_LIBRARY_PATH: env['LD_LIBRARY_PATH']} : {};
  const exit = await outputOf(invocation(tools, 'pg_dump', args, {PATH: env['PATH'] ?? '', LC_ALL: 'C', ...library}));
  return /connection to server/.test(exit.stderr);
}
