import {availableParallelism} from 'node:os';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGzip} from 'node:zlib';
import {childFailure, findProgram, startChild, succeeded} from '../kernel/child.js';
import type {ManifestPart} from './manifest.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Compressed {
  readonly stream: AsyncIterable<Uint8Array>;
  readonly compression: ManifestPart['compression'];
  /** What the file name gets: `.zst` or `.gz`. */
  readonly suffix: string;
}

/** Compresses a stream: by the zstd program where there is one, else by gzip. Ends with the source's error when it fails. */
export async function compress(
  source: AsyncIterable<Uint8Array>,
  env: Environment,
  signal: AbortSignal,
): Promise<Compressed> {
  const command = await findProgram('zstd', env);
  if (!command)
    return {stream: gzip(source, signal), compression: {method: 'gzip', level: 6, where: 'stream'}, suffix: '.gz'};
  return {
    stream: zstd(command, source, env, signal),
    compression: {method: 'zstd', level: 3, where: 'stream'},
    suffix: '.zst',
  };
}

async function* gzip(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const zip = createGzip();
  const feeding = settle(pipeline(Readable.from(source), zip, {signal}));
  try {
    yield* zip as AsyncIterable<Buffer>;
  } catch {
    // The pipeline knows the cause.
  }
  const {error} = await feeding;
  if (error !== undefined) throw error;
}

async function* zstd(
  command: string,
  source: AsyncIterable<Uint8Array>,
  env: Environment,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const threads = Math.min(2, availableParallelism());
  const child = startChild({
    command,
    args: ['-q', '-c', '-3', `-T${threads}`],
    env: {PATH: env['PATH'] ?? ''},
    stdin: 'pipe',
    signal,
  });
  const feeding = settle(pipeline(Readable.from(source), child.stdin!)).then((fed) => {
    // A source that failed must not look like the end of a short one.
    if (fed.error !== undefined) child.stop();
    return fed;
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [{error}, exit] = await Promise.all([feeding, child.exit]);
    if (error !== undefined) throw error;
    if (!succeeded(exit)) throw childFailure('COMPRESSION', 'zstd', exit, 'Check the zstd program of this machine.');
  } finally {
    child.stop();
    await child.exit;
  }
}

async function settle(work: Promise<void>): Promise<{readonly error: unknown}> {
  return work.then(
    () => ({error: undefined}),
    (error: unknown) => ({error: error ?? new Error('failed')}),
  );
}
