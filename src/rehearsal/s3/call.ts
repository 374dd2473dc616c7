import type {IncomingMessage, ServerResponse} from 'node:http';
import type {Address} from './address.js';
import type {BlobStore} from './blob.js';
import {receiveBody} from './body.js';
import type {Bucket, Condition, Retention} from './bucket.js';
import type {S3Quirks} from './quirks.js';
import {invalidArgument, invalidRequest, malformedXml, notImplemented, S3Error} from './s3-error.js';
import type {Signed} from './signature.js';
import {parseXml, type XmlElement, type XmlNode, xmlDocument} from './xml.js';

/** Everything the stand-in remembers. */
export interface S3State {
  readonly buckets: Map<string, Bucket>;
  readonly blobs: BlobStore;
  /** For documents that are parsed and thrown away. */
  readonly memory: BlobStore;
  readonly quirks: S3Quirks;
  readonly region: string;
  readonly now: () => number;
}

/** One authenticated request on its way through an operation. */
export interface Call {
  readonly state: S3State;
  readonly address: Address;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signed: Signed;
}

export type Operation = (call: Call) => Promise<void> | void;

/** @throws S3Error NoSuchBucket. */
export function bucketOf(call: Call): Bucket {
  const bucket = call.state.buckets.get(call.address.bucket);
  if (!bucket)
    throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', {BucketName: call.address.bucket});
  return bucket;
}

export function header(call: Call, name: string): string | undefined {
  const value = call.request.headers[name];
  return value === undefined ? undefined : String(value);
}

export function sendXml(call: Call, root: string, content: XmlElement, headers: Record<string, string> = {}): void {
  const text = xmlDocument(root, content);
  call.response.writeHead(200, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  call.response.end(text);
}

export function sendEmpty(call: Call, status: number, headers: Record<string, string> = {}): void {
  call.response.writeHead(status, status === 204 ? headers : {'content-length': '0', ...headers});
  call.response.end();
}

/** The request's document, with its checksums verified. */
export async function readXml(call: Call, root: string, needsDigest = false): Promise<XmlNode> {
  const {text, proved} = await readText(call);
  if (needsDigest && !proved)
    throw invalidRequest('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  const node = parseXml(text);
  if (node?.name !== root) throw malformedXml();
  return node;
}

export async function readText(call: Call): Promise<{text: string; proved: boolean}> {
  const received = await receiveBody(call.request, call.signed, call.state.memory);
  const chunks: Buffer[] = [];
  for await (const chunk of received.blob.read(0, received.blob.size)) chunks.push(chunk as Buffer);
  return {
    text: Buffer.concat(chunks).toString(),
    proved: received.checksum !== undefined || call.request.headers['content-md5'] !== undefined,
  };
}

/** The conditions of a write; other servers refuse or overlook them, by quirk. */
export function conditionOf(call: Call): Condition {
  const [ifNoneMatch, ifMatch] = [header(call, 'if-none-match'), header(call, 'if-match')];
  if (ifNoneMatch === undefined && ifMatch === undefined) return {};
  if (call.state.quirks.conditionalWrites === 'refused')
    throw notImplemented(ifMatch === undefined ? 'If-None-Match' : 'If-Match');
  if (call.state.quirks.conditionalWrites === 'ignored') return {};
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw notImplemented('If-None-Match');
  return {...(ifNoneMatch === undefined ? {} : {ifNoneMatch}), ...(ifMatch === undefined ? {} : {ifMatch})};
}

/** Headers that are stored with an object and given back. */
export function storedHeaders(call: Call): Record<string, string> {
  const kept: Record<string, string> = {'content-type': header(call, 'content-type') ?? 'binary/octet-stream'};
  for (const [name, value] of Object.entries(call.request.headers)) {
    if (
      ['cache-control', 'content-disposition', 'content-language', 'expires'].includes(name) ||
      name.startsWith('x-amz-meta-')
    )
      kept[name] = String(value);
    if (
      ['x-amz-storage-class', 'x-amz-server-side-encryption', 'x-amz-server-side-encryption-aws-kms-key-id'].includes(
        name,
      )
    )
      kept[name] = String(value);
  }
  const encodings = (header(call, 'content-encoding') ?? '').split(',').map((one) => one.trim());
  const real = encodings.filter((one) => one !== '' && one !== 'aws-chunked').join(', ');
  return real === '' ? kept : {...kept, 'content-encoding': real};
}

/** Tags of the x-amz-tagging header. */
export function headerTags(call: Call): Array<[string, string]> {
  const text = header(call, 'x-amz-tagging');
  if (text === undefined) return [];
  if (call.state.quirks.plainObjectsOnly) throw notImplemented('x-amz-tagging');
  return checkedTags([...new URLSearchParams(text)]);
}

/** Letters, digits and spaces of any script, and a few signs. */
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export function checkedTags(tags: Array<[string, string]>): Array<[string, string]> {
  if (tags.length > 10) throw new S3Error(400, 'BadRequest', 'Object tags cannot be greater than 10');
  if (new Set(tags.map(([name]) => name)).size !== tags.length)
    throw new S3Error(400, 'InvalidTag', 'Cannot provide multiple Tags with the same key');
  if (
    tags.some(
      ([name, value]) =>
        !tagText.test(name) || !tagText.test(value) || name.length === 0 || name.length > 128 || value.length > 256,
    )
  )
    throw new S3Error(400, 'InvalidTag', 'The TagKey or TagValue you have provided is invalid');
  return tags;
}

/** Retention and legal hold of a new object: from its headers, else the bucket's default. */
export function headerLock(call: Call, bucket: Bucket, proved: boolean): {retention?: Retention; legalHold: boolean} {
  const [mode, until, hold] = [
    'x-amz-object-lock-mode',
    'x-amz-object-lock-retain-until-date',
    'x-amz-object-lock-legal-hold',
  ].map((name) => header(call, name));
  if (mode === undefined && until === undefined && hold === undefined)
    return {...defaultRetention(bucket, call.state.now()), legalHold: false};
  if (call.state.quirks.plainObjectsOnly) throw notImplemented('x-amz-object-lock-mode');
  if (!bucket.lock) throw invalidRequest('Bucket is missing Object Lock Configuration');
  if (!proved)
    throw invalidRequest(
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    );
  if ((mode === undefined) !== (until === undefined))
    throw invalidArgument('x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied');
  return {
    ...(mode === undefined ? {} : {retention: parseRetention(mode, until ?? '', call.state.now())}),
    legalHold: hold === 'ON',
  };
}

function defaultRetention(bucket: Bucket, nowMs: number): {retention?: Retention} {
  const defaults = bucket.lock?.defaults;
  return defaults ? {retention: {mode: defaults.mode, untilMs: nowMs + defaults.days * 86_400_000}} : {};
}

export function parseRetention(mode: string, until: string, nowMs: number): Retention {
  const untilMs = Date.parse(until);
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw malformedXml();
  if (!(untilMs > nowMs))
    throw invalidArgument('The retain until date must be in the future!', 'x-amz-object-lock-retain-until-date', until);
  return {mode, untilMs};
}
