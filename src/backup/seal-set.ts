import {readAll, type Store} from '../storage/store.js';
import {manifestName, signatureName} from './set-name.js';

export interface Seal {
  readonly manifest: Buffer;
  readonly signature?: Buffer | undefined;
}

/** The manifest goes last: from that moment the set exists. */
export async function sealSet(store: Store, prefix: string, seal: Seal, signal: AbortSignal): Promise<void> {
  if (seal.signature)
    await putOnce(store, `${prefix}${signatureName}`, seal.signature, 'application/pgp-signature', signal);
  await putOnce(store, `${prefix}${manifestName}`, seal.manifest, 'application/json', signal);
}

/** Never replaces an object. An unclear answer is settled by reading: only the store knows what it holds. */
async function putOnce(
  store: Store,
  key: string,
  bytes: Buffer,
  contentType: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await store.put(key, bytes, {ifAbsent: true, contentType, signal});
  } catch (error) {
    const stored = await readAll(store, key).catch(() => undefined);
    if (stored?.equals(bytes) !== true) throw error;
  }
}
