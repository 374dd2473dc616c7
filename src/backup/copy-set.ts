import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure} from '../kernel/errors.js';
import {holdYoungHeap} from '../kernel/young-heap.js';
import {readAll, type Store, type UnfinishedUpload} from '../storage/store.js';
import type {ManifestPart} from './manifest.js';
import {readChecked} from './part-reader.js';
import {checkStored} from './part-writer.js';
import {sealSet} from './seal-set.js';
import {eachOf} from './set-list.js';
import {type Series, type SetId, setPrefix, signatureName} from './set-name.js';
import {readTrustedManifest, type Trust} from './trust.js';

export interface CopyRequest {
  readonly from: Store;
  readonly to: Store;
  readonly series: Series;
  readonly id: SetId;
  /** Whose sets are copied. */
  readonly trust: Trust;
  /** How the copied bytes are checked before the copy is sealed. */
  readonly readBack: 'full' | 'size';
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Told of each upload: what a post step needs to clean up. */
  readonly onStarted?: (upload: UnfinishedUpload) => void;
}

export interface CopiedSet {
  readonly id: SetId;
  /** Stored bytes of all parts. */
  readonly bytes: number;
  /** Of them, what a copy that was cut off had left there whole. */
  readonly reusedBytes: number;
  readonly durationMs: number;
}

/**
 * Copies a sealed set object by object, as it lies: each block is compared with the manifest before it is passed on,
 * each stored part is checked, and the manifest goes last, so that a copy that is cut off anywhere is no set. What it
 * leaves is whole parts; the next copy checks and keeps them. It removes nothing of them itself, since another run may
 * be copying the same set.
 * @throws Failure SET_DIGEST, SET_INCOMPLETE when the set is not what its manifest says; MANIFEST, SIGNATURE; STORE…
 */
export async function copySet(request: CopyRequest): Promise<CopiedSet> {
  const {from, to, series, id, trust, signal, clock = systemClock} = request;
  const startedMs = clock.now();
  holdYoungHeap();
  const prefix = setPrefix(series, id);
  const {manifest, bytes: seal} = await readTrustedManifest(from, series, id, trust, signal);
  const signature = await readSignature(from, prefix);
  let reusedBytes = 0;
  await eachOrStop(manifest.parts, signal, async (part, stop) => {
    if (await copyPart(part, prefix, {...request, signal: stop})) reusedBytes += part.ciphertext.bytes;
  });
  // The last look before the seal: a part may have been taken away since it was checked.
  await eachOf(manifest.parts, 4, (part) => checkStored(part, to, prefix, 'size', signal));
  await sealSet(to, prefix, {manifest: seal, signature}, signal);
  return {
    id,
    bytes: manifest.parts.reduce((sum, part) => sum + part.ciphertext.bytes, 0),
    reusedBytes,
    durationMs: clock.now() - startedMs,
  };
}

/** @returns true when the part was there already. */
async function copyPart(part: ManifestPart, prefix: string, request: CopyRequest): Promise<boolean> {
  const {from, to, readBack, signal, clock, onStarted} = request;
  const key = `${prefix}${part.key}`;
  if (await isThere(part, prefix, request)) return true;
  const source = readChecked({store: from, prefix, part, signal, ...(clock ? {clock} : {})});
  try {
    await to.upload(key, source, {
      ifAbsent: true,
      signal,
      expectedBytes: part.ciphertext.bytes,
      blockSha256: (index, size) => (size === part.blocks.size ? part.blocks.sha256[index] : undefined),
      ...(onStarted ? {onStarted} : {}),
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'STORE_EXISTS') throw error;
    // Another run copies the same set and was faster; its bytes are not vouched for by ours.
    await checkStored(part, to, prefix, 'full', signal);
    return true;
  }
  await checkStored(part, to, prefix, readBack, signal);
  return false;
}

/** Whole, byte by byte. Anything else under that name is in the way, and goes. */
async function isThere(part: ManifestPart, prefix: string, {to, signal}: CopyRequest): Promise<boolean> {
  const key = `${prefix}${part.key}`;
  if (!(await to.head(key))) return false;
  try {
    await checkStored(part, to, prefix, 'full', signal);
    return true;
  } catch (error) {
    if (!(error instanceof Failure) || !error.code.startsWith('SET_')) throw error;
    await to.delete(key);
    return false;
  }
}

async function readSignature(from: Store, prefix: string): Promise<Buffer | undefined> {
  const key = `${prefix}${signatureName}`;
  return (await from.head(key)) ? readAll(from, key, {limit: 64 * 1024}) : undefined;
}

/** Two parts at a time. The first failure stops the other, waits for its end, and is thrown. */
async function eachOrStop(
  parts: readonly ManifestPart[],
  signal: AbortSignal,
  work: (part: ManifestPart, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let first: {readonly error: unknown} | undefined;
  await eachOf(parts, 2, async (part) => {
    if (first) return;
    await work(part, either).catch((error: unknown) => {
      first ??= {error};
      stop.abort(error);
    });
  });
  if (first) throw (first as {readonly error: unknown}).error;
}
