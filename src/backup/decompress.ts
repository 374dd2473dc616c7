import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import {childFailure, findProgram, startChild, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import type {ManifestPart} from './manifest.js';

/** Undoes a part's outer compression. Ends with the source's error when the source fails. */
export async function* decompress(
  part: Pick<ManifestPart, 'compression'>,
  source: AsyncIterable<Uint8Array>,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (part.compression.where !== 'stream') {
    yield* source;
    return;
  }
  if (part.compression.method === 'gzip') {
    const unzip = createGunzip();
    yield* joined(source, unzip, unzip, async () => {});
    return;
  }
  const command = await findProgram('zstd', env);
  if (!command)
    throw new Failure('COMPRESSION', 'The part is compressed with zstd, which this machine does not have', {
      remedy: 'Install it: `sudo apt-get install -y zstd`.',
    });
  const child = startChild({command, args: ['-q', '-d', '-c'], env: {PATH: env['PATH'] ?? ''}, stdin: 'pipe', signal});
  try {
    yield* joined(source, child.stdin!, child.stdout!, async () => {
      const exit = await child.exit;
      if (!succeeded(exit)) throw childFailure('COMPRESSION', 'zstd', exit, 'The stream is damaged; take another set.');
    });
  } finally {
    child.stop();
    await child.exit;
  }
}

async function* joined(
  source: AsyncIterable<Uint8Array>,
  input: NodeJS.WritableStream,
  output: AsyncIterable<Uint8Array>,
  settle: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let failure: {readonly error: unknown} | undefined;
  const feeding = pipeline(Readable.from(source), input).catch((error: unknown) => {
    failure = {error};
  });
  try {
    yield* output;
  } catch (error) {
    failure ??= {error};
  }
  await feeding;
  if (failure) throw failure.error;
  await settle();
}
