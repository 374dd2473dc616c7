import {Readable} from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {Failure} from '../../kernel/errors.js';
import type {ProtectedFields} from './protection.js';
import {s3Failure} from './s3-failure.js';
import {joinSignals} from './signals.js';

const MiB = 1024 * 1024;
const maxParts = 10_000;

export interface MultipartTarget {
  readonly client: S3Client;
  readonly bucket: string;
  /** Full key, prefix included. */
  readonly key: string;
  readonly contentType: string;
  readonly parallel: number;
  /** Lock and encryption of the object. */
  readonly fields: ProtectedFields;
  /** Parts carry a checksum, as locked objects need it. */
  readonly checksums: boolean;
  readonly signal?: AbortSignal;
  readonly onStarted?: (uploadId: string) => void;
}

/**
 * One size for all parts of an upload: R2 refuses unequal ones at the very end, so it cannot grow on the way.
 * 8 MiB reach 78 GiB; a larger expectation gets larger parts with threefold room.
 */
export function partSizeFor(expectedBytes: number | undefined, floor = 8 * MiB): number {
  const needed = Math.ceil((3 * (expectedBytes ?? 0)) / maxParts / MiB) * MiB;
  return Math.max(5 * MiB, floor, needed);
}

/** Packs chunks of any size into buffers of exactly `size` bytes; only the last may be shorter. */
export class PartPacker {
  #buffer: Buffer;
  #filled = 0;
  readonly #free: Buffer[] = [];
  constructor(readonly size: number) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }
  /** Takes `chunk` and yields each part it completes. */
  *add(chunk: Uint8Array): Generator<Buffer> {
    for (let offset = 0; offset < chunk.length; ) {
      const length = Math.min(this.size - this.#filled, chunk.length - offset);
      this.#buffer.set(chunk.subarray(offset, offset + length), this.#filled);
      this.#filled += length;
      offset += length;
      if (this.#filled === this.size) yield this.#take();
    }
  }
  /** What is left after the last full part; may be empty. */
  rest(): Buffer {
    return this.#buffer.subarray(0, this.#filled);
  }
  /** Gives a sent part's memory back. */
  release(part: Buffer): void {
    if (part.length === this.size) this.#free.push(part);
  }
  #take(): Buffer {
    const full = this.#buffer;
    this.#filled = 0;
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
    return full;
  }
}

/** One multipart upload: parts go out in parallel, a failure or abort anywhere removes all of it. */
export class MultipartUpload {
  readonly #target: MultipartTarget;
  readonly #id: string;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #done: CompletedPart[] = [];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #number = 0;
  #bytes = 0;
  #failure: unknown;

  private constructor(target: MultipartTarget, id: string) {
    this.#target = target;
    this.#id = id;
    this.#signal = joinSignals(this.#stop.signal, target.signal);
  }

  static async begin(target: MultipartTarget): Promise<MultipartUpload> {
    const {client, bucket: Bucket, key: Key} = target;
    try {
      const answer = await client.send(
        new CreateMultipartUploadCommand({
          Bucket,
          Key,
          ContentType: target.contentType,
          ...target.fields,
          ...(target.checksums ? {ChecksumAlgorithm: 'CRC32' as const} : {}),
        }),
        {abortSignal: target.signal},
      );
      if (!answer.UploadId)
        throw new Failure('STORE', `The store began an upload of ${Key} without an id`, {
          remedy: 'Check that the endpoint is an S3 store.',
        });
      target.onStarted?.(answer.UploadId);
      return new MultipartUpload(target, answer.UploadId);
    } catch (error) {
      throw s3Failure(`Beginning the upload of ${Key}`, error, target.signal);
    }
  }

  /**
   * Sends one part as soon as a slot is free; `release` is called when its memory may be reused.
   * @param sha256 of the part, in hex, where it is known already.
   */
  async send(part: Buffer, release: (part: Buffer) => void, sha256?: string): Promise<void> {
    while (this.#inFlight.size >= this.#target.parallel) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure;
    this.#signal.throwIfAborted();
    if (this.#number >= maxParts) throw tooManyParts(part.length);
    const sending = this.#upload(part, ++this.#number, sha256)
      .then(() => release(part))
      .catch((error: unknown) => {
        this.#failure ??= error;
        this.#stop.abort();
      })
      .finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  /** @param conditional refuse when the key exists by now. May be called again after STORE_UNSUPPORTED. */
  async complete(conditional: boolean): Promise<{readonly bytes: number; readonly etag: string | undefined}> {
    await Promise.all(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure;
    const {client, bucket: Bucket, key: Key, signal} = this.#target;
    const Parts = [...this.#done].sort((a, b) => a.PartNumber! - b.PartNumber!);
    try {
      const answer = await client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId: this.#id,
          MultipartUpload: {Parts},
          ...(conditional ? {IfNoneMatch: '*'} : {}),
        }),
        {abortSignal: signal},
      );
      return {bytes: this.#bytes, etag: answer.ETag};
    } catch (error) {
      const failure = s3Failure(`Completing the upload of ${Key}`, error, signal);
      // The answer may have been lost after the store had done it; repeating would then say "no such upload".
      const etag =
        failure.code === 'STORE_EXISTS' || failure.code === 'CANCELLED' ? undefined : await this.#completedAfterAll();
      if (etag) return {bytes: this.#bytes, etag};
      throw failure;
    }
  }

  /** Removes the upload and asks until no part is left: parts in flight can survive the first abort. */
  async abort(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#inFlight);
    await abortUpload(this.#target.client, this.#target.bucket, this.#target.key, this.#id);
  }

  /** Number of parts given out so far, which is the index of the next one. */
  get next(): number {
    return this.#number;
  }

  async #upload(part: Buffer, PartNumber: number, sha256: string | undefined): Promise<void> {
    const {client, bucket: Bucket, key: Key} = this.#target;
    const input = {
      Bucket,
      Key,
      UploadId: this.#id,
      PartNumber,
      Body: part,
      ContentLength: part.length,
      ...(this.#target.checksums ? {ChecksumAlgorithm: 'CRC32' as const} : {}),
    };
    try {
      const command = new UploadPartCommand(input);
      if (sha256) signWith(command, sha256);
      sendInSlices(command, part);
      const answer = await client.send(command, {abortSignal: this.#signal});
      this.#done.push({
        ETag: answer.ETag,
        PartNumber,
        ...(answer.ChecksumCRC32 ? {ChecksumCRC32: answer.ChecksumCRC32} : {}),
      });
      this.#bytes += part.length;
    } catch (error) {
      throw s3Failure(`Uploading part ${PartNumber} of ${Key}`, error, this.#signal);
    }
  }

  async #completedAfterAll(): Promise<string | undefined> {
    try {
      const head = await this.#target.client.send(
        new HeadObjectCommand({Bucket: this.#target.bucket, Key: this.#target.key}),
      );
      return head.ContentLength === this.#bytes ? head.ETag : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The signature then covers this digest, and the signer does not read the part once more to find it. */
function signWith(command: UploadPartCommand, sha256: string): void {
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as {headers: Record<string, string>}).headers['x-amz-content-sha256'] = sha256;
      return next(args);
    },
    {step: 'build', name: 'knownPayloadDigest'},
  );
}

const sliceBytes = 512 * 1024;

/**
 * The connection takes a slice when it has sent the one before. Given a whole part it encrypts all of it at once, and
 * holds a copy of each part in flight outside of the heap. Each try of the SDK begins with the first slice again.
 */
function sendInSlices(command: UploadPartCommand, part: Buffer): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as object;
      const sliced = Object.assign(Object.create(Object.getPrototypeOf(request) as object), request, {
        body: slices(part),
      });
      return next({...args, request: sliced});
    },
    // Behind the retries, which repeat only what is no stream, and behind the signature.
    {step: 'finalizeRequest', priority: 'low', name: 'slicedBody'},
  );
}

function slices(part: Buffer): Readable {
  let offset = 0;
  return new Readable({
    read() {
      const slice = part.subarray(offset, offset + sliceBytes);
      offset += slice.length;
      this.push(slice.length ? slice : null);
    },
  });
}

/** Aborts an upload and makes sure that nothing of it is left. Works after the caller's own signal has fired. */
export async function abortUpload(client: S3Client, Bucket: string, Key: string, UploadId: string): Promise<void> {
  for (let round = 0; round < 5; round++) {
    try {
      await client.send(new AbortMultipartUploadCommand({Bucket, Key, UploadId}), {
        abortSignal: AbortSignal.timeout(4_000),
      });
    } catch (error) {
      const failure = s3Failure(`Aborting the upload of ${Key}`, error);
      if (failure.code === 'STORE_NOT_FOUND') return;
      if (!failure.retryable || round === 4) throw failure;
    }
    if (!(await hasParts(client, Bucket, Key, UploadId))) return;
  }
  throw new Failure('STORE', `Parts of the aborted upload ${Key} are still there`, {
    remedy: 'Remove them with `aws s3api abort-multipart-upload`, or run the backup again: it cleans up leftovers.',
  });
}

async function hasParts(client: S3Client, Bucket: string, Key: string, UploadId: string): Promise<boolean> {
  try {
    await client.send(new ListPartsCommand({Bucket, Key, UploadId, MaxParts: 1}), {
      abortSignal: AbortSignal.timeout(4_000),
    });
    return true;
  } catch (error) {
    const {code} = s3Failure('Listing parts', error);
    // A role that may not list parts cannot prove it; the abort itself was accepted.
    return code !== 'STORE_NOT_FOUND' && code !== 'STORE_DENIED' && code !== 'STORE';
  }
}

function tooManyParts(size: number): Failure {
  return new Failure('STORE_PARTS', `The upload needs more than ${maxParts} parts of ${size / MiB} MiB`, {
    remedy: `Set \`part-size\` to ${Math.ceil((2 * size) / MiB)}MiB or more.`,
  });
}
