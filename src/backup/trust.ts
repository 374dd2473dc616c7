import {verifyDetached} from '../crypto/private-key.js';
import {Failure} from '../kernel/errors.js';
import {readAll, type Store} from '../storage/store.js';
import {decodeManifest, type Manifest, manifestDigest} from './manifest.js';
import {manifestName, type Series, type SetId, setPrefix, signatureName} from './set-name.js';

/** Whose manifests are believed. Without signers anyone who can write to the store can make a set. */
export interface Trust {
  /** Armored public keys that may have signed; empty accepts unsigned manifests. */
  readonly signers: readonly string[];
}

export interface TrustedManifest {
  readonly manifest: Manifest;
  /** As stored, and as signed. */
  readonly bytes: Buffer;
  /** SHA-256 of its stored bytes. */
  readonly sha256: string;
  /** Fingerprint of the signer; undefined when no signature was asked for. */
  readonly signedBy: string | undefined;
}

/**
 * Reads a manifest and checks who sealed it.
 * @throws Failure MANIFEST, SIGNATURE, STORE_NOT_FOUND
 */
export async function readTrustedManifest(
  store: Store,
  series: Series,
  id: SetId,
  trust: Trust,
  signal?: AbortSignal,
): Promise<TrustedManifest> {
  const prefix = setPrefix(series, id);
  const bytes = await readAll(store, `${prefix}${manifestName}`, {
    limit: 16 * 1024 * 1024,
    ...(signal ? {signal} : {}),
  }).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure('MANIFEST', `The manifest of ${id} is far too large`, {
      remedy: 'Do not use this set; take another one.',
      cause: error,
    });
  });
  const signedBy = trust.signers.length
    ? await verifyDetached(bytes, await readSignature(store, prefix, id), trust.signers)
    : undefined;
  return {manifest: decodeManifest(bytes, {id, ...series}), bytes, sha256: manifestDigest(bytes), signedBy};
}

async function readSignature(store: Store, prefix: string, id: SetId): Promise<string> {
  try {
    return (await readAll(store, `${prefix}${signatureName}`, {limit: 64 * 1024})).toString('utf8');
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'STORE_NOT_FOUND') throw error;
    throw new Failure('SIGNATURE', `The set ${id} is not signed`, {
      remedy:
        'Use a signed set. Sets made before signing was turned on need `signed-by` to be left empty, at your own judgement.',
      cause: error,
    });
  }
}
