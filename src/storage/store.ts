import type {Readable} from 'node:stream';

/**
 * The port to a place that keeps objects. Keys are relative to the store's own root, use `/`, and hold only
 * `[A-Za-z0-9._-]` between slashes. Every implementation and every wrapper passes test/contract/storage-conformance.
 *
 * Promises of each implementation:
 * - An object is there completely or not at all; a reader never sees half of one.
 * - `upload` commits only when its source ended without an error. On any failure or abort nothing of it stays behind.
 * - `upload` has done with a chunk when it asks its source for the next one, which may lie in the same memory.
 * - `ifAbsent` never replaces an existing object: the loser gets STORE_EXISTS.
 * - Failures carry codes: STORE_NOT_FOUND, STORE_EXISTS, STORE_DENIED, STORE_LOCKED, STORE_CREDENTIALS (all final),
 *   STORE_UNAVAILABLE (retryable), STORE_LISTING (a listing that broke off), STORE.
 */
export interface Store {
  /** Where it is, for people and for the by-hand commands: `s3://bucket/prefix`, a folder, `remote:path`. No secrets. */
  readonly location: string;
  /** What this store can do beyond the port; found out, not assumed. */
  readonly traits: StoreTraits;
  /** Stores a small object held in memory. */
  put(key: string, body: Buffer, options?: PutOptions): Promise<StoredObject>;
  /** Stores a stream of unknown length with bounded memory. */
  upload(key: string, source: AsyncIterable<Uint8Array>, options?: UploadOptions): Promise<StoredObject>;
  /** Opens an object for reading; `range` is inclusive at both ends, like HTTP. */
  get(
    key: string,
    options?: {readonly range?: readonly [first: number, last: number]; readonly signal?: AbortSignal},
  ): Promise<Readable>;
  /** Size and time of an object; undefined when there is none. */
  head(key: string): Promise<StoredObject | undefined>;
  /** Every object whose key starts with `prefix`, in no promised order. Breaking off early is a failure, never a short list. */
  list(prefix: string, options?: {readonly signal?: AbortSignal}): AsyncIterable<StoredObject>;
  /** Removes an object; removing an absent one is fine. */
  delete(key: string): Promise<void>;
  /** Uploads that were begun and neither completed nor aborted. Empty where the store has no such thing. */
  unfinished(prefix: string): AsyncIterable<UnfinishedUpload>;
  /** Removes an unfinished upload with all its parts; fine when it is gone already. */
  abandon(upload: UnfinishedUpload): Promise<void>;
  /** Asks the store about itself. Changes nothing; what it does not tell, or these credentials may not ask, is undefined. */
  facts(signal?: AbortSignal): Promise<StoreFacts>;
}

/** What a store says of itself. Each is undefined where it does not say. */
export interface StoreFacts {
  /** How far its clock is ahead of this machine's, in milliseconds; negative when behind. Undefined: no clock of its own. */
  readonly aheadMs?: number | undefined;
  /** Replaced and deleted objects are kept as older versions. */
  readonly versioned?: boolean | undefined;
  /** Objects can be locked until a moment; `defaultDays` is what a new object gets by itself. */
  readonly lock?: {readonly possible: boolean; readonly defaultDays?: number | undefined} | undefined;
  /** What new objects are encrypted with on the store's side, such as `AES256` or `aws:kms`. */
  readonly encryption?: string | undefined;
}

export interface StoreTraits {
  /** Deleted or replaced objects can be brought back by the store itself. */
  readonly versioned: boolean;
  /** `ifAbsent` is enforced by the store, not only looked up beforehand. */
  readonly conditional: boolean;
}

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Epoch milliseconds by the store's clock. A copy resets it, so nothing may be ordered by it. */
  readonly modifiedMs: number;
  /** The store's own mark of this version; not a hash of the content. */
  readonly etag?: string;
}

export interface PutOptions {
  /** Never replaces an object. Where the store was opened with a lock, such an object is locked too. */
  readonly ifAbsent?: boolean;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface UploadOptions extends PutOptions {
  /** Expected size in bytes, from which the part size is chosen; only a hint. */
  readonly expectedBytes?: number;
  /**
   * SHA-256, lower-case hex, of the block of `size` bytes that begins at `index * size`, where the caller has digested
   * it by the time it has given the block out; undefined where not. A store may send it along, so that the other side
   * refuses what it did not receive as it was, and need not digest the block again.
   */
  readonly blockSha256?: (index: number, size: number) => string | undefined;
  /** Told as soon as an upload exists that a killed process would leave behind. */
  readonly onStarted?: (upload: UnfinishedUpload) => void;
}

export interface UnfinishedUpload {
  readonly key: string;
  readonly id: string;
  /** Epoch milliseconds by the store's clock. */
  readonly startedMs: number;
}

/** Reads a small object whole. */
export async function readAll(
  store: Store,
  key: string,
  options: {readonly limit?: number; readonly signal?: AbortSignal} = {},
): Promise<Buffer> {
  const limit = options.limit ?? 8 * 1024 * 1024;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await store.get(key, options.signal ? {signal: options.signal} : {})) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) throw new RangeError(`${key} is larger than ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
