import {type Blob, readBlobs} from './blob.js';
import {receiveBody} from './body.js';
import {type Bucket, bareEtag, type Version} from './bucket.js';
import {
  bucketOf,
  type Call,
  checkedTags,
  conditionOf,
  header,
  headerLock,
  headerTags,
  type Operation,
  parseRetention,
  readXml,
  sendEmpty,
  sendXml,
  storedHeaders,
} from './call.js';
import {type ChecksumName, isChecksumName, startChecksum} from './checksum.js';
import {
  accessDenied,
  invalidArgument,
  invalidRequest,
  malformedXml,
  notImplemented,
  preconditionFailed,
  S3Error,
} from './s3-error.js';
import {childText, type XmlNode} from './xml.js';

/** Operations on one object, by S3's names. */
export const objectOperations: Readonly<Record<string, Operation>> = {
  PutObject: putObject,
  CopyObject: copyObject,
  GetObject: (call) => getObject(call, true),
  HeadObject: (call) => getObject(call, false),
  DeleteObject: deleteObject,
  GetObjectTagging: getTagging,
  PutObjectTagging: putTagging,
  DeleteObjectTagging: deleteTagging,
  GetObjectRetention: getRetention,
  PutObjectRetention: putRetention,
  GetObjectLegalHold: getLegalHold,
  PutObjectLegalHold: putLegalHold,
};

async function putObject(call: Call): Promise<void> {
  const [bucket, key, now] = [bucketOf(call), checkedKey(call.address.key), call.state.now];
  refuseChecksums(call);
  const condition = conditionOf(call);
  bucket.check(key, condition);
  const tags = headerTags(call);
  const received = await receiveBody(call.request, call.signed, call.state.blobs);
  const proved = received.checksum !== undefined || header(call, 'content-md5') !== undefined;
  const version = await keepOnlyIf(received.blob, () => {
    commitCheck(bucket, key, condition);
    return bucket.add({
      ...headerLock(call, bucket, proved),
      key,
      deleteMarker: false,
      blobs: [received.blob],
      size: received.blob.size,
      etag: received.md5.toString('hex'),
      lastModifiedMs: now(),
      headers: storedHeaders(call),
      tags,
      ...(received.checksum
        ? {
            checksum: {
              name: received.checksum.name,
              value: received.checksum.value.toString('base64'),
              type: 'FULL_OBJECT' as const,
            },
          }
        : {}),
    });
  });
  sendEmpty(call, 200, {etag: `"${version.etag}"`, ...versionHeader(bucket, version), ...checksumHeaders(version)});
}

/** Somebody wrote the key while this body was on its way. */
export function commitCheck(bucket: Bucket, key: string, condition: Parameters<Bucket['check']>[1]): void {
  try {
    bucket.check(key, condition);
  } catch {
    throw new S3Error(
      409,
      'ConditionalRequestConflict',
      'The conditional request cannot succeed due to a conflicting operation against this resource.',
      {Condition: 'If-None-Match', Key: key},
    );
  }
}

async function keepOnlyIf<T>(blob: Blob, commit: () => Promise<T>): Promise<T> {
  try {
    return await commit();
  } catch (error) {
    await blob.release();
    throw error;
  }
}

export function refuseChecksums(call: Call): void {
  if (!call.state.quirks.refuseChecksums) return;
  const sent = Object.keys(call.request.headers).find(
    (name) => name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer' || name === 'x-amz-sdk-checksum-algorithm',
  );
  if (sent) throw notImplemented(sent);
}

export function checkedKey(key: string): string {
  if (Buffer.byteLength(key) > 1_024) throw new S3Error(400, 'KeyTooLongError', 'Your key is too long');
  return key;
}

/** The object that x-amz-copy-source names. */
export function copySource(call: Call): {bucket: Bucket; version: Version} {
  const [path, versionId] = (header(call, 'x-amz-copy-source') ?? '').split('?versionId=');
  const [name, ...key] = decodeURIComponent(path!).replace(/^\//, '').split('/');
  const bucket = call.state.buckets.get(name!);
  if (!bucket) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', {BucketName: name!});
  const version = bucket.find(key.join('/'), versionId);
  const [ifMatch, ifNoneMatch] = [
    header(call, 'x-amz-copy-source-if-match'),
    header(call, 'x-amz-copy-source-if-none-match'),
  ];
  if (ifMatch !== undefined && bareEtag(ifMatch) !== version.etag)
    throw preconditionFailed('x-amz-copy-source-If-Match');
  if (ifNoneMatch !== undefined && bareEtag(ifNoneMatch) === version.etag)
    throw preconditionFailed('x-amz-copy-source-If-None-Match');
  return {bucket, version};
}

async function copyObject(call: Call): Promise<void> {
  const [bucket, source] = [bucketOf(call), copySource(call)];
  const key = checkedKey(call.address.key);
  const condition = conditionOf(call);
  bucket.check(key, condition);
  const replaces = header(call, 'x-amz-metadata-directive') === 'REPLACE';
  if (source.version.size > 5 * 1024 ** 3)
    throw invalidRequest(
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  if (!replaces && source.bucket === bucket && source.version.key === key && source.version === bucket.current(key)) {
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const tags = header(call, 'x-amz-tagging-directive') === 'REPLACE' ? headerTags(call) : source.version.tags;
  const {partSizes: _parts, versionId: _id, retention: _retention, ...copied} = source.version;
  const version = await bucket.add({
    ...copied,
    ...headerLock(call, bucket, true),
    key,
    blobs: source.version.blobs.map((blob) => blob.share()),
    lastModifiedMs: call.state.now(),
    headers: replaces ? storedHeaders(call) : source.version.headers,
    tags,
  });
  const sourceId: Record<string, string> = source.bucket.versioning
    ? {'x-amz-copy-source-version-id': source.version.versionId}
    : {};
  sendXml(
    call,
    'CopyObjectResult',
    {LastModified: isoTime(version.lastModifiedMs), ETag: `"${version.etag}"`},
    {...versionHeader(bucket, version), ...sourceId},
  );
}

async function getObject(call: Call, withBody: boolean): Promise<void> {
  const bucket = bucketOf(call);
  const version = bucket.find(call.address.key, call.address.query.get('versionId') ?? undefined);
  if (isNotModified(call, version)) return sendEmpty304(call, version);
  const span = partSpan(call, version) ?? rangeOf(header(call, 'range'), version.size);
  const [start, end] = span ?? [0, version.size];
  const headers: Record<string, string> = {
    ...version.headers,
    ...overrides(call),
    etag: `"${version.etag}"`,
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    'content-length': String(end - start),
    ...versionHeader(bucket, version),
    ...lockHeaders(version),
    ...(version.tags.length > 0 ? {'x-amz-tagging-count': String(version.tags.length)} : {}),
    ...(span ? {'content-range': `bytes ${start}-${end - 1}/${version.size}`} : {}),
    ...(header(call, 'x-amz-checksum-mode') === 'ENABLED' && (!span || call.address.query.has('partNumber'))
      ? checksumHeaders(version)
      : {}),
    ...(call.address.query.has('partNumber') && version.partSizes
      ? {'x-amz-mp-parts-count': String(version.partSizes.length)}
      : {}),
  };
  call.response.writeHead(span ? 206 : 200, headers);
  if (!withBody) return void call.response.end();
  const held = version.blobs.map((blob) => blob.share());
  try {
    await pour(readBlobs(held, start, end), call.response);
  } finally {
    await Promise.all(held.map((blob) => blob.release()));
  }
}

async function pour(source: AsyncIterable<Buffer>, response: Call['response']): Promise<void> {
  for await (const chunk of source) {
    if (response.destroyed) return;
    if (!response.write(chunk))
      await new Promise<void>((resolve) => {
        const done = () => {
          response.off('drain', done);
          response.off('close', done);
          resolve();
        };
        response.on('drain', done);
        response.on('close', done);
      });
  }
  response.end();
}

function isNotModified(call: Call, version: Version): boolean {
  const [match, noneMatch] = [header(call, 'if-match'), header(call, 'if-none-match')];
  const [since, unmodified] = [
    Date.parse(header(call, 'if-modified-since') ?? ''),
    Date.parse(header(call, 'if-unmodified-since') ?? ''),
  ];
  const modifiedMs = Math.floor(version.lastModifiedMs / 1_000) * 1_000;
  if (match !== undefined && match !== '*' && bareEtag(match) !== version.etag) throw preconditionFailed('If-Match');
  if (match === undefined && modifiedMs > unmodified) throw preconditionFailed('If-Unmodified-Since');
  if (noneMatch !== undefined) return noneMatch === '*' || bareEtag(noneMatch) === version.etag;
  return modifiedMs <= since;
}

function sendEmpty304(call: Call, version: Version): void {
  call.response.writeHead(304, {
    etag: `"${version.etag}"`,
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
  });
  call.response.end();
}

/** Half-open span of one byte range; undefined when there is none or it is not understood, which S3 ignores. */
export function rangeOf(range: string | undefined, size: number): [start: number, end: number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1]!, match[2]!];
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start >= size || start >= end) {
    throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: range!,
      ActualObjectSize: String(size),
    });
  }
  return [start, end];
}

function partSpan(call: Call, version: Version): [number, number] | undefined {
  const number = call.address.query.get('partNumber');
  if (number === null) return undefined;
  const sizes = version.partSizes ?? [version.size];
  const index = Number(number) - 1;
  if (sizes[index] === undefined)
    throw new S3Error(416, 'InvalidPartNumber', 'The requested partnumber is not satisfiable');
  const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
  return [start, start + sizes[index]];
}

function overrides(call: Call): Record<string, string> {
  const names = [
    'content-type',
    'content-language',
    'expires',
    'cache-control',
    'content-disposition',
    'content-encoding',
  ];
  return Object.fromEntries(
    names.flatMap((name) =>
      call.address.query.has(`response-${name}`) ? [[name, call.address.query.get(`response-${name}`)!]] : [],
    ),
  );
}

async function deleteObject(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  const [key, versionId] = [call.address.key, call.address.query.get('versionId') ?? undefined];
  const ifMatch = header(call, 'if-match');
  if (ifMatch !== undefined && ifMatch !== '*') bucket.check(key, {ifMatch});
  const removed = await bucket.remove(key, versionId, call.state.now(), bypasses(call));
  sendEmpty(call, 204, {
    ...(removed.versionId ? {'x-amz-version-id': removed.versionId} : {}),
    ...(removed.deleteMarker ? {'x-amz-delete-marker': 'true'} : {}),
  });
}

export function bypasses(call: Call): boolean {
  return header(call, 'x-amz-bypass-governance-retention') === 'true';
}

function getTagging(call: Call): void {
  const version = findVersion(call);
  sendXml(
    call,
    'Tagging',
    {TagSet: {Tag: version.tags.map(([Key, Value]) => ({Key, Value}))}},
    versionHeader(bucketOf(call), version),
  );
}

async function putTagging(call: Call): Promise<void> {
  const version = findVersion(call);
  const document = await readXml(call, 'Tagging');
  const set = document.nodes.find((node) => node.name === 'TagSet') ?? document;
  version.tags = checkedTags(set.nodes.map((tag) => [childText(tag, 'Key') ?? '', childText(tag, 'Value') ?? '']));
  sendEmpty(call, 200, versionHeader(bucketOf(call), version));
}

function deleteTagging(call: Call): void {
  findVersion(call).tags = [];
  sendEmpty(call, 204);
}

function getRetention(call: Call): void {
  const {retention} = lockedVersion(call);
  if (!retention)
    throw new S3Error(
      404,
      'NoSuchObjectLockConfiguration',
      'The specified object does not have a ObjectLock configuration',
    );
  sendXml(call, 'Retention', {Mode: retention.mode, RetainUntilDate: isoTime(retention.untilMs)});
}

async function putRetention(call: Call): Promise<void> {
  const version = lockedVersion(call);
  const document = await readXml(call, 'Retention', true);
  const now = call.state.now();
  const next = parseRetention(childText(document, 'Mode') ?? '', childText(document, 'RetainUntilDate') ?? '', now);
  const held = version.retention;
  const weakens =
    held &&
    held.untilMs > now &&
    (next.untilMs < held.untilMs || (held.mode === 'COMPLIANCE' && next.mode !== 'COMPLIANCE'));
  if (weakens && (held.mode === 'COMPLIANCE' || !bypasses(call)))
    throw accessDenied('Access Denied because object protected by object lock.');
  version.retention = next;
  sendEmpty(call, 200);
}

function getLegalHold(call: Call): void {
  sendXml(call, 'LegalHold', {Status: lockedVersion(call).legalHold ? 'ON' : 'OFF'});
}

async function putLegalHold(call: Call): Promise<void> {
  const version = lockedVersion(call);
  const status = childText(await readXml(call, 'LegalHold', true), 'Status');
  if (status !== 'ON' && status !== 'OFF') throw malformedXml();
  version.legalHold = status === 'ON';
  sendEmpty(call, 200);
}

function findVersion(call: Call): Version {
  if (call.state.quirks.plainObjectsOnly) throw notImplemented();
  return bucketOf(call).find(call.address.key, call.address.query.get('versionId') ?? undefined);
}

function lockedVersion(call: Call): Version {
  const version = findVersion(call);
  if (!bucketOf(call).lock) throw invalidRequest('Bucket is missing Object Lock Configuration');
  return version;
}

export function versionHeader(bucket: Bucket, version: Version): Record<string, string> {
  return bucket.versioning ? {'x-amz-version-id': version.versionId} : {};
}

export function checksumHeaders(version: Version): Record<string, string> {
  return version.checksum
    ? {
        [`x-amz-checksum-${version.checksum.name}`]: version.checksum.value,
        'x-amz-checksum-type': version.checksum.type,
      }
    : {};
}

function lockHeaders(version: Version): Record<string, string> {
  return {
    ...(version.retention
      ? {
          'x-amz-object-lock-mode': version.retention.mode,
          'x-amz-object-lock-retain-until-date': isoTime(version.retention.untilMs),
        }
      : {}),
    ...(version.legalHold ? {'x-amz-object-lock-legal-hold': 'ON'} : {}),
  };
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A checksum over blobs laid end to end. */
export async function checksumOf(name: ChecksumName, blobs: readonly Blob[]): Promise<Buffer> {
  const checksum = startChecksum(name);
  for await (const chunk of readBlobs(
    blobs,
    0,
    blobs.reduce((sum, blob) => sum + blob.size, 0),
  ))
    checksum.update(chunk);
  return checksum.digest();
}

/** The checksum that an element such as `<ChecksumCRC32>` states. */
export function statedChecksum(node: XmlNode): {name: ChecksumName; value: string} | undefined {
  for (const child of node.nodes) {
    const name = child.name.replace(/^Checksum/, '').toLowerCase();
    if (child.name.startsWith('Checksum') && isChecksumName(name)) return {name, value: child.text};
  }
  return undefined;
}

export function integerOf(text: string | null, fallback: number, name: string, max: number): number {
  if (text === null || text === '') return fallback;
  if (!/^\d{1,9}$/.test(text))
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  return Math.min(Number(text), max);
}
