import {randomBytes} from 'node:crypto';
import {mkdir, mkdtemp, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {type Exchange, type StandIn, startStandIn} from '../stand-in.js';
import {readAddress} from './address.js';
import {fileBlobs, memoryBlobs, readBlobs} from './blob.js';
import {Bucket, type Version} from './bucket.js';
import {bucketOperations} from './bucket-operations.js';
import type {Operation, S3State} from './call.js';
import {multipartOperations} from './multipart-operations.js';
import {objectOperations} from './object-operations.js';
import type {S3Quirks} from './quirks.js';
import {noSuchKey, notImplemented, S3Error} from './s3-error.js';
import {type Credentials, verifySignature} from './signature.js';
import {xmlDocument} from './xml.js';

export interface S3Options extends Credentials {
  readonly buckets: readonly string[];
  /** Default `us-east-1`; requests signed for another region are refused. */
  readonly region?: string;
  /** Bodies go to a folder made below this one, removed by `close`; without it they stay in memory. */
  readonly dir?: string;
  readonly port?: number;
  readonly quirks?: S3Quirks;
  /** More signers than the first. */
  readonly alsoAccepted?: readonly Credentials[];
  /** The server's clock, epoch milliseconds. */
  readonly now?: () => number;
}

/** A look at one stored object from outside the API. */
export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly versionId: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface S3StandIn extends StandIn {
  readonly region: string;
  /** May be changed while it runs. */
  readonly quirks: S3Quirks;
  /** Names of the buckets that there are. */
  buckets(): string[];
  /** Current objects in key order. @throws when there is no such bucket. */
  objects(bucket: string): StoredObject[];
  /** Keys of the current objects, in order. */
  keys(bucket: string): string[];
  read(bucket: string, key: string): Promise<Buffer>;
  /** Puts an object in place without a request. */
  put(bucket: string, key: string, bytes: Buffer): Promise<void>;
  /** Changes stored bytes behind the API's back, keeping ETag and checksums as they were: a lying disk. */
  tamper(bucket: string, key: string, change: (bytes: Buffer) => Buffer): Promise<void>;
  /** A bucket goes with everything in it, as with an account that is closed. */
  removeBucket(bucket: string): void;
  /** Uploads under way: what a killed client leaves behind. */
  uploads(bucket: string): Array<{key: string; uploadId: string; parts: number}>;
}

/**
 * Starts an S3 server on 127.0.0.1 that believes nothing: signatures, checksums, lengths and conditions are all
 * verified, and errors are S3's own. Faults go by operation name, such as `UploadPart`.
 */
export async function startS3(options: S3Options): Promise<S3StandIn> {
  const dir =
    options.dir === undefined
      ? undefined
      : await mkdir(options.dir, {recursive: true}).then(() => mkdtemp(join(options.dir!, 's3-')));
  const now = options.now ?? Date.now;
  const state: S3State = {
    buckets: new Map(options.buckets.map((name) => [name, new Bucket(name, now())])),
    blobs: dir === undefined ? memoryBlobs() : fileBlobs(dir),
    memory: memoryBlobs(),
    quirks: options.quirks ?? {},
    region: options.region ?? 'us-east-1',
    now,
  };
  const known: Credentials[] = [options, ...(options.alsoAccepted ?? [])];
  const isBucket = (name: string) => state.buckets.has(name);
  const standIn = await startStandIn((exchange) => answer(exchange, state, known), {
    ...(options.port === undefined ? {} : {port: options.port}),
    streamBody: () => true,
    operationOf: (_url, _body, request) => {
      try {
        return readAddress(request, isBucket).operation;
      } catch {
        return undefined;
      }
    },
  });
  const close = async () => {
    await standIn.close();
    if (dir !== undefined) await rm(dir, {recursive: true, force: true});
  };
  return {
    ...standIn,
    ...outsideView(state),
    region: state.region,
    quirks: state.quirks,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const operations: Readonly<Record<string, Operation>> = {
  ...bucketOperations,
  ...objectOperations,
  ...multipartOperations,
};

async function answer(exchange: Exchange, state: S3State, known: readonly Credentials[]): Promise<void> {
  const {request, response} = exchange;
  const requestId = randomBytes(8).toString('hex').toUpperCase();
  response.setHeader('x-amz-request-id', requestId);
  response.setHeader('x-amz-id-2', randomBytes(24).toString('base64'));
  response.setHeader('date', new Date(state.now()).toUTCString());
  response.setHeader('server', 'AmazonS3');
  try {
    if (state.quirks.delayMs) await sleep(state.quirks.delayMs);
    const address = readAddress(request, (name) => state.buckets.has(name));
    const signed = verifySignature(request, known, state.region, state.now());
    const operation = operations[address.operation];
    if (!operation) throw notImplemented();
    await operation({state, address, request, response, signed});
  } catch (error) {
    // A client that went away in the middle of its body gets no answer, and nothing was stored.
    if (request.destroyed && !request.complete) return void response.destroy();
    if (response.headersSent) return void response.destroy();
    if (!(error instanceof S3Error)) throw error;
    refuse(exchange, error, requestId);
  }
}

function refuse({request, response}: Exchange, error: S3Error, requestId: string): void {
  const text =
    request.method === 'HEAD'
      ? ''
      : xmlDocument('Error', {Code: error.code, Message: error.message, ...error.fields, RequestId: requestId}, false);
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    ...(request.method === 'HEAD' ? {} : {'content-length': Buffer.byteLength(text)}),
  });
  response.end(text);
  // The rest of a refused body is read and dropped, so that the client sees the refusal and not a broken connection.
  request.resume();
}

function outsideView(
  state: S3State,
): Pick<S3StandIn, 'buckets' | 'objects' | 'keys' | 'read' | 'put' | 'tamper' | 'removeBucket' | 'uploads'> {
  const bucketNamed = (name: string) => {
    const bucket = state.buckets.get(name);
    if (!bucket) throw new S3Error(404, 'NoSuchBucket', `no bucket ${name}`);
    return bucket;
  };
  const currentOf = (bucket: string, key: string) => {
    const version = bucketNamed(bucket).current(key);
    if (!version) throw noSuchKey(key);
    return version;
  };
  const read = async (bucket: string, key: string) => {
    const version = currentOf(bucket, key);
    const chunks: Buffer[] = [];
    for await (const chunk of readBlobs(version.blobs, 0, version.size)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return {
    read,
    keys: (bucket) =>
      bucketNamed(bucket)
        .keys()
        .filter((key) => bucketNamed(bucket).current(key)),
    objects: (bucket) =>
      bucketNamed(bucket)
        .keys()
        .flatMap((key) => bucketNamed(bucket).current(key) ?? [])
        .map(({key, size, etag, lastModifiedMs, versionId, headers}) => ({
          key,
          size,
          etag,
          lastModifiedMs,
          versionId,
          headers,
        })),
    put: async (bucket, key, bytes) => {
      const blob = await state.blobs.write(one(bytes));
      await bucketNamed(bucket).add({
        ...seeded,
        key,
        blobs: [blob],
        size: bytes.length,
        etag: randomBytes(16).toString('hex'),
        lastModifiedMs: state.now(),
      });
    },
    buckets: () => [...state.buckets.keys()],
    tamper: async (bucket, key, change) => {
      const bytes = change(await read(bucket, key));
      Object.assign(currentOf(bucket, key), {blobs: [await state.blobs.write(one(bytes))], size: bytes.length});
    },
    removeBucket: (bucket) => void state.buckets.delete(bucketNamed(bucket).name),
    uploads: (bucket) =>
      [...bucketNamed(bucket).uploads.values()].map((upload) => ({
        key: upload.key,
        uploadId: upload.id,
        parts: upload.parts.size,
      })),
  };
}

const seeded: Pick<Version, 'deleteMarker' | 'headers' | 'tags' | 'legalHold'> = {
  deleteMarker: false,
  headers: {'content-type': 'binary/octet-stream'},
  tags: [],
  legalHold: false,
};

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.length > 0) yield bytes;
}
