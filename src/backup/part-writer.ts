import {BlockTally, type Digest, digestOf, Tally} from '../crypto/digest.js';
import {encryptTo} from '../crypto/envelope.js';
import type {Recipients} from '../crypto/recipients.js';
import {cancelled, Failure} from '../kernel/errors.js';
import {holdYoungHeap} from '../kernel/young-heap.js';
import type {Store, UnfinishedUpload} from '../storage/store.js';
import type {ManifestPart} from './manifest.js';

/** A part before it is written: what it is, and where its bytes come from. */
export interface PartSource extends Pick<ManifestPart, 'role' | 'name' | 'key' | 'format' | 'section' | 'compression'> {
  /** Ends without an error only when everything that feeds it ended well. */
  readonly stream: AsyncIterable<Uint8Array>;
  readonly expectedBytes?: number;
}

export interface PartContext {
  readonly store: Store;
  /** Key prefix of the set. */
  readonly prefix: string;
  readonly recipients: Recipients;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly onStarted?: (upload: UnfinishedUpload) => void;
}

/**
 * Streams one part: digest of the plaintext, encryption, digest of the ciphertext, upload. Bounded memory, nothing on
 * a disk. The object exists afterwards only if the source ended well.
 */
export async function writePart(source: PartSource, context: PartContext): Promise<ManifestPart> {
  const startedMs = context.now();
  holdYoungHeap();
  const plain = new Tally();
  const cipher = new Tally();
  const blocks = new BlockTally(blockSizeFor(source.expectedBytes));
  const stream = measured(
    [cipher, blocks],
    encryptTo(context.recipients, measured([plain], stopOn(context.signal, source.stream))),
  );
  const stored = await context.store.upload(`${context.prefix}${source.key}`, stream, {
    ifAbsent: true,
    signal: context.signal,
    ...(source.expectedBytes ? {expectedBytes: source.expectedBytes} : {}),
    ...(context.onStarted ? {onStarted: context.onStarted} : {}),
    blockSha256: (index, size) => (size === blocks.blockSize ? blocks.at(index) : undefined),
  });
  if (stored.bytes !== cipher.bytes) throw incomplete(source.key, cipher.bytes, stored.bytes);
  const {role, name, key, format, section, compression} = source;
  return {
    role,
    name,
    key,
    format,
    ...(section ? {section} : {}),
    compression,
    plaintext: plain.digest(),
    ciphertext: cipher.digest(),
    blocks: {size: blocks.blockSize, sha256: [...blocks.digests()]},
    durationMs: context.now() - startedMs,
  };
}

const MiB = 1024 * 1024;

/** 8 MiB, and more only where the list of digests would fill the manifest. */
function blockSizeFor(expectedBytes = 0): number {
  return Math.max(8, Math.ceil((3 * expectedBytes) / 10_000 / MiB)) * MiB;
}

/** One generator for all measures of a stream: each in a row costs as much garbage as a chunk of it. */
async function* measured(
  tallies: readonly {add(chunk: Uint8Array): void}[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (const tally of tallies) tally.add(chunk);
    yield chunk;
  }
}

/** Asks the store for the size, and for `full` reads every byte back: an accepted upload is not yet a stored one. */
export async function checkStored(
  part: Pick<ManifestPart, 'key' | 'ciphertext'>,
  store: Store,
  prefix: string,
  depth: 'size' | 'full',
  signal: AbortSignal,
): Promise<void> {
  const key = `${prefix}${part.key}`;
  const head = await store.head(key);
  if (head?.bytes !== part.ciphertext.bytes) throw incomplete(key, part.ciphertext.bytes, head?.bytes);
  if (depth === 'size') return;
  const stored: Digest = await digestOf(stopOn(signal, await store.get(key, {signal})));
  if (stored.sha256 === part.ciphertext.sha256 && stored.bytes === part.ciphertext.bytes) return;
  throw new Failure('SET_DIGEST', `${key} reads back differently from what was written`, {
    remedy: 'The store changed the data. Run the backup again; if it repeats, use another store.',
    details: {expected: part.ciphertext, stored},
  });
}

/** Ends a stream with the reason of the signal, also where the source itself does not listen. */
export async function* stopOn(signal: AbortSignal, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    if (signal.aborted) throw signal.reason instanceof Failure ? signal.reason : cancelled('The backup');
    yield chunk;
  }
}

function incomplete(key: string, expected: number, stored: number | undefined): Failure {
  return new Failure(
    'SET_INCOMPLETE',
    `${key} should have ${expected} bytes, but the store holds ${stored ?? 'nothing'}`,
    {remedy: 'Run the backup again; if it repeats, use another store.', retryable: true},
  );
}
