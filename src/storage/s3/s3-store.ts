import type {Readable} from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {Failure} from '../../kernel/errors.js';
import type {
  PutOptions,
  Store,
  StoredObject,
  StoreFacts,
  StoreTraits,
  UnfinishedUpload,
  UploadOptions,
} from '../store.js';
import {abortUpload, MultipartUpload, PartPacker, partSizeFor} from './multipart.js';
import {ensureLocked, type ProtectedFields, protectedFields, type S3Protection} from './protection.js';
import {ClockWatch, readS3Facts} from './s3-facts.js';
import {s3Failure} from './s3-failure.js';

export interface S3Settings extends S3Protection {
  readonly bucket: string;
  /** Root of all keys, without slashes at its ends; may be empty. */
  readonly prefix: string;
  readonly region: string;
  /** Address of an S3-compatible store; undefined means AWS. */
  readonly endpoint?: string | undefined;
  /** Bucket in the path instead of the host name. */
  readonly pathStyle?: boolean;
  /** Undefined means the standard chain: environment, role by OIDC, profile, instance. */
  readonly credentials?:
    | {readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined}
    | undefined;
  /** Lower bound for the size of upload parts in bytes; default 8 MiB. */
  readonly partSize?: number | undefined;
  /** Parts sent at the same time; memory is (this + 1) times the part size. Default 4. */
  readonly parallel?: number;
  /** Largest number of tries per request; default 5. */
  readonly maxAttempts?: number;
}

/** A store in an S3 bucket, by the AWS SDK. */
export function openS3Store(settings: S3Settings): Store & {readonly client: S3Client; close(): void} {
  return new S3Store(settings);
}

class S3Store implements Store {
  readonly location: string;
  readonly client: S3Client;
  readonly #settings: S3Settings;
  readonly #root: string;
  readonly #clock: ClockWatch;
  #conditional = true;
  /** Locked objects are only taken with a checksum; elsewhere it is left out, since older servers refuse it. */
  #checksums: boolean;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    const prefix = settings.prefix.replace(/^\/+|\/+$/g, '');
    this.#root = prefix ? `${prefix}/` : '';
    this.location = `s3://${settings.bucket}${prefix ? `/${prefix}` : ''}`;
    this.client = makeClient(settings);
    this.#clock = new ClockWatch(this.client);
    this.#checksums = settings.lock !== undefined;
  }

  get traits(): StoreTraits {
    return {versioned: false, conditional: this.#conditional};
  }

  async put(key: string, body: Buffer, options: PutOptions = {}): Promise<StoredObject> {
    if (options.ifAbsent) await this.#refuseExisting(key, body);
    const fields = protectedFields(this.#settings, options.ifAbsent ?? false, Date.now());
    const send = (conditional: boolean) => {
      const command = new PutObjectCommand({
        Bucket: this.#settings.bucket,
        Key: this.#key(key),
        Body: body,
        ContentLength: body.length,
        ContentType: options.contentType ?? 'application/octet-stream',
        ...fields,
        ...(this.#checksums ? {ChecksumAlgorithm: 'CRC32' as const} : {}),
        ...(conditional ? {IfNoneMatch: '*'} : {}),
      });
      return this.#send(`Storing ${key}`, options.signal, (abortSignal) => this.client.send(command, {abortSignal}));
    };
    try {
      const answer = await this.#ifAbsent(options.ifAbsent ?? false, (conditional) =>
        this.#withChecksum(() => send(conditional)),
      );
      await this.#ensureLocked(key, fields);
      return {key, bytes: body.length, modifiedMs: Date.now(), ...(answer.ETag ? {etag: answer.ETag} : {})};
    } catch (error) {
      const own =
        error instanceof Failure && error.code === 'STORE_EXISTS' ? await this.#sameStored(key, body) : undefined;
      if (own) return own;
      throw error;
    }
  }

  async upload(key: string, source: AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<StoredObject> {
    const packer = new PartPacker(partSizeFor(options.expectedBytes, this.#settings.partSize));
    if (options.ifAbsent) await this.#refuseExisting(key);
    const fields = protectedFields(this.#settings, options.ifAbsent ?? false, Date.now());
    let upload: MultipartUpload | undefined;
    try {
      for await (const chunk of source) {
        for (const part of packer.add(chunk)) {
          upload ??= await this.#begin(key, options, fields);
          const sha256 = options.blockSha256?.(upload.next, packer.size);
          await upload.send(part, (sent) => packer.release(sent), sha256);
        }
      }
      options.signal?.throwIfAborted();
      if (!upload) return await this.put(key, packer.rest(), options);
      if (packer.rest().length) await upload.send(packer.rest(), () => {});
      const sent = upload;
      const {bytes, etag} = await this.#ifAbsent(options.ifAbsent ?? false, (conditional) =>
        sent.complete(conditional),
      );
      await this.#ensureLocked(key, fields);
      return {key, bytes, modifiedMs: Date.now(), ...(etag ? {etag} : {})};
    } catch (error) {
      await upload?.abort();
      throw error instanceof Failure ? error : s3Failure(`Uploading ${key}`, error, options.signal);
    }
  }

  async get(key: string, options: {range?: readonly [number, number]; signal?: AbortSignal} = {}): Promise<Readable> {
    const Range = options.range ? `bytes=${options.range[0]}-${options.range[1]}` : undefined;
    const command = new GetObjectCommand({
      Bucket: this.#settings.bucket,
      Key: this.#key(key),
      ...(Range ? {Range} : {}),
    });
    const answer = await this.#send(`Reading ${key}`, options.signal, (abortSignal) =>
      this.client.send(command, {abortSignal}),
    );
    return answer.Body as Readable;
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({Bucket: this.#settings.bucket, Key: this.#key(key)});
    try {
      const answer = await this.#send(`Looking at ${key}`, undefined, () => this.client.send(command));
      return {
        key,
        bytes: answer.ContentLength ?? 0,
        modifiedMs: answer.LastModified?.getTime() ?? 0,
        ...(answer.ETag ? {etag: answer.ETag} : {}),
      };
    } catch (error) {
      if (error instanceof Failure && error.code === 'STORE_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async *list(prefix: string, options: {signal?: AbortSignal} = {}): AsyncIterable<StoredObject> {
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#settings.bucket,
        Prefix: this.#key(prefix),
        ...(ContinuationToken ? {ContinuationToken} : {}),
      });
      const page = await this.#send(`Listing ${prefix}`, options.signal, (abortSignal) =>
        this.client.send(command, {abortSignal}),
      );
      for (const item of page.Contents ?? []) yield this.#stored(item);
      if (page.IsTruncated && !page.NextContinuationToken) throw brokenListing(prefix);
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken);
  }

  async delete(key: string): Promise<void> {
    const command = new DeleteObjectCommand({Bucket: this.#settings.bucket, Key: this.#key(key)});
    await this.#send(`Deleting ${key}`, undefined, () => this.client.send(command));
  }

  async *unfinished(prefix: string): AsyncIterable<UnfinishedUpload> {
    let marker: {KeyMarker?: string; UploadIdMarker?: string} | undefined = {};
    while (marker) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket: this.#settings.bucket,
        Prefix: this.#key(prefix),
        ...marker,
      });
      const page = await this.#send(`Listing unfinished uploads of ${prefix}`, undefined, () =>
        this.client.send(command),
      );
      for (const {Key, UploadId, Initiated} of page.Uploads ?? []) {
        if (Key && UploadId) yield {key: this.#relative(Key), id: UploadId, startedMs: Initiated?.getTime() ?? 0};
      }
      if (page.IsTruncated && !page.NextKeyMarker) throw brokenListing(prefix);
      marker = page.IsTruncated
        ? {
            KeyMarker: page.NextKeyMarker!,
            ...(page.NextUploadIdMarker ? {UploadIdMarker: page.NextUploadIdMarker} : {}),
          }
        : undefined;
    }
  }

  async abandon(upload: UnfinishedUpload): Promise<void> {
    await abortUpload(this.client, this.#settings.bucket, this.#key(upload.key), upload.id);
  }

  async facts(signal?: AbortSignal): Promise<StoreFacts> {
    const facts = await readS3Facts(this.client, this.#settings.bucket, this.#clock, signal);
    if (facts.lock?.defaultDays !== undefined) this.#checksums = true;
    return facts;
  }

  close(): void {
    this.client.destroy();
  }

  #begin(key: string, options: UploadOptions, fields: ProtectedFields): Promise<MultipartUpload> {
    return MultipartUpload.begin({
      client: this.client,
      bucket: this.#settings.bucket,
      key: this.#key(key),
      contentType: options.contentType ?? 'application/octet-stream',
      parallel: this.#settings.parallel ?? 4,
      fields,
      checksums: this.#checksums,
      ...(options.signal ? {signal: options.signal} : {}),
      onStarted: (id) => options.onStarted?.({key, id, startedMs: Date.now()}),
    });
  }

  /**
   * Asks the store to refuse what exists, and does without where it does not know how (Backblaze B2 answers 501). Some
   * servers accept the header and ignore it, so that callers have looked beforehand in any case; ids are random too.
   */
  async #ifAbsent<T>(wanted: boolean, send: (conditional: boolean) => Promise<T>): Promise<T> {
    if (!wanted || !this.#conditional) return send(false);
    try {
      return await send(true);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'STORE_UNSUPPORTED') throw error;
      this.#conditional = false;
      return send(false);
    }
  }

  async #ensureLocked(key: string, fields: ProtectedFields): Promise<void> {
    try {
      await ensureLocked({client: this.client, Bucket: this.#settings.bucket, Key: this.#key(key)}, fields);
    } catch (error) {
      await this.delete(key).catch(() => {});
      throw error;
    }
  }

  /** A bucket that locks what it gets wants a checksum with it; that it does is learned from its refusal. */
  async #withChecksum<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (this.#checksums || !(error instanceof Failure) || error.code !== 'STORE_CHECKSUM') throw error;
      this.#checksums = true;
      return send();
    }
  }

  async #refuseExisting(key: string, body?: Buffer): Promise<void> {
    const head = await this.head(key);
    if (head && !(body && (await this.#sameStored(key, body)))) throw existing(key);
  }

  /** The object, when it is byte for byte this one: then a create whose answer was lost had worked. */
  async #sameStored(key: string, body: Buffer): Promise<StoredObject | undefined> {
    const head = await this.head(key);
    if (head?.bytes !== body.length) return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of await this.get(key)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).equals(body) ? head : undefined;
  }

  async #send<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(signal);
    } catch (error) {
      throw s3Failure(what, error, signal);
    }
  }

  #stored(item: {Key?: string; Size?: number; LastModified?: Date; ETag?: string}): StoredObject {
    return {
      key: this.#relative(item.Key ?? ''),
      bytes: item.Size ?? 0,
      modifiedMs: item.LastModified?.getTime() ?? 0,
      ...(item.ETag ? {etag: item.ETag} : {}),
    };
  }

  #key(key: string): string {
    return this.#root + key;
  }

  #relative(key: string): string {
    return key.slice(this.#root.length);
  }
}

function makeClient(settings: S3Settings): S3Client {
  return new S3Client({
    region: settings.region,
    ...(settings.endpoint ? {endpoint: settings.endpoint} : {}),
    forcePathStyle: settings.pathStyle ?? false,
    ...(settings.credentials ? {credentials: {...settings.credentials}} : {}),
    maxAttempts: settings.maxAttempts ?? 5,
    retryMode: 'adaptive',
    // The payload's SHA-256 in the signature already protects each request; extra checksum headers are what older
    // B2, R2, Ceph and MinIO refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: 120_000,
      throwOnRequestTimeout: true,
      httpAgent: {maxSockets: 32, keepAlive: true},
      httpsAgent: {maxSockets: 32, keepAlive: true},
    },
  });
}

function brokenListing(prefix: string): Failure {
  return new Failure('STORE_LISTING', `The store cut the listing of ${prefix} short and gave no way to go on`, {
    remedy: 'Run again; nothing is deleted on the strength of half a list.',
  });
}

function existing(key: string): Failure {
  return new Failure('STORE_EXISTS', `${key} exists already`, {
    remedy: 'Nothing to do: an object is never replaced. A new run uses a new id.',
  });
}
