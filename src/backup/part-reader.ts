import {createHash} from 'node:crypto';
import {Tally} from '../crypto/digest.js';
import {decryptWith, type Opener} from '../crypto/private-key.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure} from '../kernel/errors.js';
import type {Store} from '../storage/store.js';
import type {ManifestPart} from './manifest.js';

export interface PartLocation {
  readonly store: Store;
  /** Key prefix of the set. */
  readonly prefix: string;
  readonly part: ManifestPart;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * The stored bytes of a part, each block compared with the manifest before it is passed on: not one byte that the
 * manifest does not vouch for gets out. A connection that breaks is taken up again at the block it broke in.
 * @throws Failure SET_DIGEST, SET_INCOMPLETE
 */
export async function* readChecked(location: PartLocation): AsyncGenerator<Buffer> {
  const {part, clock = systemClock, signal} = location;
  const {size, sha256} = part.blocks;
  await expectSize(location);
  // Not `retry`: what has come through stays, so the tries count anew with every block gained.
  for (let next = 0, tries = 0; next < sha256.length; ) {
    const before = next;
    try {
      for await (const block of blocksOf(await openFrom(location, next * size), size)) {
        checkBlock(part, next, block);
        next++;
        yield block;
      }
      if (next < sha256.length) throw wrongLength(part, `the store sent ${next} of ${sha256.length} blocks`, true);
    } catch (error) {
      tries = next > before ? 1 : tries + 1;
      if (tries > 4 || signal.aborted || (error instanceof Failure && !error.retryable)) throw error;
      await clock.sleep(250 * 2 ** tries, signal);
    }
  }
}

async function expectSize({store, prefix, part}: PartLocation): Promise<void> {
  const blocks = Math.ceil(part.ciphertext.bytes / part.blocks.size);
  if (blocks !== part.blocks.sha256.length)
    throw wrongLength(part, `the manifest lists ${part.blocks.sha256.length} blocks instead of ${blocks}`);
  const head = await store.head(`${prefix}${part.key}`);
  if (head?.bytes !== part.ciphertext.bytes) throw wrongLength(part, `the store holds ${head?.bytes ?? 'nothing'}`);
}

/** The plaintext of a part. Ends without an error only when it is, byte for byte, what was encrypted. */
export async function* readPlaintext(location: PartLocation, keys: readonly Opener[]): AsyncGenerator<Uint8Array> {
  const tally = new Tally();
  yield* tally.through(decryptWith(keys, readChecked(location)));
  const {bytes, sha256} = tally.digest();
  const {plaintext, key} = location.part;
  if (bytes !== plaintext.bytes || sha256 !== plaintext.sha256) {
    throw new Failure('SET_DIGEST', `${key} decrypts to something else than was backed up`, {
      remedy: 'Take another set; keep this one for finding the cause.',
      details: {expected: plaintext, found: {bytes, sha256}},
    });
  }
}

function openFrom({store, prefix, part, signal}: PartLocation, offset: number): Promise<AsyncIterable<Uint8Array>> {
  const key = `${prefix}${part.key}`;
  return store.get(key, {signal, ...(offset > 0 ? {range: [offset, part.ciphertext.bytes - 1] as const} : {})});
}

async function* blocksOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.length; ) {
      const length = Math.min(size - filled, chunk.length - offset);
      block.set(chunk.subarray(offset, offset + length), filled);
      filled += length;
      offset += length;
      if (filled < size) continue;
      yield block;
      block = Buffer.allocUnsafeSlow(size);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function checkBlock(part: ManifestPart, index: number, block: Buffer): void {
  const {size, sha256} = part.blocks;
  const expected = sha256[index];
  if (expected === undefined) throw wrongLength(part, 'the store holds more than was written');
  const expectedBytes = Math.min(size, part.ciphertext.bytes - index * size);
  if (block.length !== expectedBytes)
    throw wrongLength(
      part,
      `block ${index + 1} has ${block.length} instead of ${expectedBytes} bytes`,
      block.length < expectedBytes,
    );
  if (createHash('sha256').update(block).digest('hex') === expected) return;
  throw new Failure(
    'SET_DIGEST',
    `${part.key} is not what was backed up: block ${index + 1} of ${sha256.length} differs from the manifest`,
    {
      remedy: 'Take another set; the store changed this one, or somebody did.',
      details: {key: part.key, block: index},
    },
  );
}

function wrongLength(part: ManifestPart, what: string, retryable = false): Failure {
  return new Failure(
    'SET_INCOMPLETE',
    `${part.key} does not have the ${part.ciphertext.bytes} bytes that were written: ${what}`,
    {remedy: 'Take another set; this one was cut or added to.', retryable},
  );
}
