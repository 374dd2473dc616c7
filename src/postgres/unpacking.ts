import type {Readable, Writable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import * as zlib from 'node:zlib';
import {type Child, type ChildExit, childFailure, findProgram, startChild, succeeded} from '../kernel/child.js';
import {cancelled, Failure} from '../kernel/errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;
/** A program's compression around the archive. */
export type OuterCompression = 'none' | 'zstd' | 'gzip';

export interface Consumer {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly source: AsyncIterable<Uint8Array>;
  readonly around: OuterCompression;
  /** Where to look for zstd. */
  readonly path: string;
  readonly signal: AbortSignal;
  readonly secrets?: readonly string[];
  /** Takes what the program prints; default: thrown away. */
  readonly collect?: (stdout: Readable) => void;
  /** The program may have enough before the source has ended. */
  readonly mayStopEarly?: boolean;
}

/**
 * Feeds a stream, unpacked, to a program and waits for all of them. A source that fails stops the program, so that a
 * broken stream never looks like a short one.
 * @throws Failure of the source or of the unpacking, CANCELLED; how the program itself ended is returned.
 */
export async function pipeThrough(consumer: Consumer): Promise<ChildExit> {
  const {command, args, env, signal, secrets} = consumer;
  const unpack = await startUnpacking(consumer);
  const program = startChild({
    command,
    args,
    env,
    signal,
    stdin: unpack.child?.stdout ?? 'pipe',
    ...(secrets ? {secrets} : {}),
  });
  // The programs hold both ends of this pipe now; a third holder would keep it open for ever.
  unpack.child?.stdout?.destroy();
  if (consumer.collect) consumer.collect(program.stdout!);
  else program.stdout?.resume();
  const fed = await feed(consumer.source, unpack.child?.stdin ?? program.stdin!, unpack.transform);
  if (fed && !isBrokenPipe(fed.error)) for (const child of [program, unpack.child]) child?.stop();
  const [exit, unpacked] = await Promise.all([program.exit, unpack.child?.exit]);
  if (signal.aborted) throw signal.reason instanceof Failure ? signal.reason : cancelled('The reading');
  if (fed && !isBrokenPipe(fed.error)) throw fed.error;
  if (!succeeded(exit) || consumer.mayStopEarly) return exit;
  if (unpacked && !succeeded(unpacked))
    throw childFailure(
      'COMPRESSION',
      'zstd',
      unpacked,
      'The stream is damaged, or the zstd program of this machine is.',
    );
  if (fed)
    throw new Failure('ARCHIVE', `${command.split('/').at(-1)} stopped reading before the end of the archive`, {
      remedy: 'Take another set; this archive holds more than it says.',
      cause: fed.error,
    });
  return exit;
}

interface Unpacking {
  readonly child?: Child;
  readonly transform?: NodeJS.ReadWriteStream;
}

async function startUnpacking({around, path, signal}: Consumer): Promise<Unpacking> {
  if (around === 'none') return {};
  if (around === 'gzip') return {transform: zlib.createGunzip()};
  const command = await findProgram('zstd', {PATH: path});
  // Joined by the kernel: the unpacked archive is the big stream, and it never passes through Node.
  if (command)
    return {child: startChild({command, args: ['-q', '-d', '-c'], env: {PATH: path}, stdin: 'pipe', signal})};
  const create = (zlib as {createZstdDecompress?: () => NodeJS.ReadWriteStream}).createZstdDecompress;
  if (create) return {transform: create()};
  throw new Failure('COMPRESSION', 'The archive is compressed with zstd, which this machine does not have', {
    remedy: 'Install it: `sudo apt-get install -y zstd`.',
  });
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  target: Writable,
  transform: NodeJS.ReadWriteStream | undefined,
): Promise<{readonly error: unknown} | undefined> {
  try {
    if (transform) await pipeline(source as unknown as Readable, transform, target);
    else await pipeline(source as unknown as Readable, target);
    return undefined;
  } catch (error) {
    return {error};
  }
}

/** The reader went away first; why, only its own exit says. */
function isBrokenPipe(error: unknown): boolean {
  const {code} = error as {code?: string};
  return (
    code === 'EPIPE' ||
    code === 'ECONNRESET' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    code === 'ERR_STREAM_DESTROYED'
  );
}
