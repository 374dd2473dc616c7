import {Bucket, type Version} from './bucket.js';
import {bucketOf, type Call, type Operation, readText, readXml, sendEmpty, sendXml} from './call.js';
import {type ListPage, listObjects} from './listing.js';
import {bypasses, integerOf, isoTime} from './object-operations.js';
import {invalidArgument, malformedXml, notImplemented, S3Error} from './s3-error.js';
import {childText, type XmlElement, type XmlNode} from './xml.js';

/** Operations on buckets and lists, by S3's names. */
export const bucketOperations: Readonly<Record<string, Operation>> = {
  ListBuckets: listBuckets,
  CreateBucket: createBucket,
  HeadBucket: (call) => {
    bucketOf(call);
    sendEmpty(call, 200, {'x-amz-bucket-region': call.state.region});
  },
  DeleteBucket: deleteBucket,
  GetBucketLocation: (call) => {
    bucketOf(call);
    const text = call.state.region === 'us-east-1' ? '' : call.state.region;
    call.response.writeHead(200, {'content-type': 'application/xml'});
    call.response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${text}</LocationConstraint>`,
    );
  },
  GetBucketVersioning: (call) => sendXml(call, 'VersioningConfiguration', {Status: bucketOf(call).versioning}),
  PutBucketVersioning: putVersioning,
  GetObjectLockConfiguration: getLock,
  PutObjectLockConfiguration: putLock,
  GetBucketLifecycleConfiguration: getLifecycle,
  PutBucketLifecycleConfiguration: putLifecycle,
  DeleteBucketLifecycle: (call) => {
    bucketOf(call).settings.delete('lifecycle');
    sendEmpty(call, 204);
  },
  ListObjects: listV1,
  ListObjectsV2: listV2,
  ListObjectVersions: listVersions,
  DeleteObjects: deleteObjects,
};

function listBuckets(call: Call): void {
  const buckets = [...call.state.buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  sendXml(call, 'ListAllMyBucketsResult', {
    Owner: owner,
    Buckets: {Bucket: buckets.map((bucket) => ({Name: bucket.name, CreationDate: isoTime(bucket.createdMs)}))},
  });
}

const owner = {ID: 'rehearsal', DisplayName: 'rehearsal'};

function createBucket(call: Call): void {
  const name = call.address.bucket;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
    throw new S3Error(400, 'InvalidBucketName', 'The specified bucket is not valid.', {BucketName: name});
  if (call.state.buckets.has(name))
    throw new S3Error(
      409,
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      {BucketName: name},
    );
  const bucket = new Bucket(name, call.state.now());
  if (call.request.headers['x-amz-bucket-object-lock-enabled'] === 'true') {
    if (call.state.quirks.plainObjectsOnly) throw notImplemented('x-amz-bucket-object-lock-enabled');
    bucket.lock = {};
    bucket.versioning = 'Enabled';
  }
  call.state.buckets.set(name, bucket);
  call.request.resume();
  sendEmpty(call, 200, {location: `/${name}`});
}

function deleteBucket(call: Call): void {
  const bucket = bucketOf(call);
  if (!bucket.isEmpty)
    throw new S3Error(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty', {BucketName: bucket.name});
  call.state.buckets.delete(bucket.name);
  sendEmpty(call, 204);
}

async function putVersioning(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  if (call.state.quirks.plainObjectsOnly) throw notImplemented();
  const status = childText(await readXml(call, 'VersioningConfiguration'), 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw malformedXml();
  if (bucket.lock && status === 'Suspended')
    throw new S3Error(
      409,
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  bucket.versioning = status;
  sendEmpty(call, 200);
}

function getLock(call: Call): void {
  const bucket = bucketOf(call);
  if (call.state.quirks.plainObjectsOnly) throw notImplemented();
  if (!bucket.lock)
    throw new S3Error(
      404,
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
      {BucketName: bucket.name},
    );
  const defaults = bucket.lock.defaults;
  sendXml(call, 'ObjectLockConfiguration', {
    ObjectLockEnabled: 'Enabled',
    Rule: defaults ? {DefaultRetention: {Mode: defaults.mode, Days: defaults.days}} : undefined,
  });
}

async function putLock(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  const document = await readXml(call, 'ObjectLockConfiguration', true);
  if (bucket.versioning !== 'Enabled')
    throw new S3Error(
      409,
      'InvalidBucketState',
      'Versioning must be enabled on the bucket to apply a Object Lock configuration',
    );
  const rule = descend(document, 'Rule', 'DefaultRetention');
  const [mode, days, years] = rule ? [childText(rule, 'Mode'), childText(rule, 'Days'), childText(rule, 'Years')] : [];
  if (rule && ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || (days === undefined) === (years === undefined)))
    throw malformedXml();
  bucket.lock = rule ? {defaults: {mode: mode as 'GOVERNANCE', days: Number(days ?? Number(years) * 365)}} : {};
  sendEmpty(call, 200);
}

function descend(node: XmlNode | undefined, ...names: string[]): XmlNode | undefined {
  return names.reduce<XmlNode | undefined>((at, name) => at?.nodes.find((child) => child.name === name), node);
}

function getLifecycle(call: Call): void {
  const text = bucketOf(call).settings.get('lifecycle');
  if (text === undefined)
    throw new S3Error(404, 'NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist');
  call.response.writeHead(200, {'content-type': 'application/xml'});
  call.response.end(text);
}

async function putLifecycle(call: Call): Promise<void> {
  bucketOf(call).settings.set('lifecycle', (await readText(call)).text);
  sendEmpty(call, 200);
}

function listV2(call: Call): void {
  const query = call.address.query;
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : fromToken(token);
  const {page, maxKeys, common, encode} = listed(call, after);
  sendXml(call, 'ListBucketResult', {
    ...common,
    KeyCount: page.entries.length + page.prefixes.length,
    MaxKeys: maxKeys,
    ContinuationToken: token ?? undefined,
    NextContinuationToken: page.next === undefined ? undefined : Buffer.from(`next ${page.next}`).toString('base64'),
    StartAfter: query.has('start-after') ? encode(query.get('start-after')!) : undefined,
    Contents: page.entries.map((version) => contents(version, encode, query.get('fetch-owner') === 'true')),
    CommonPrefixes: page.prefixes.map((prefix) => ({Prefix: encode(prefix)})),
  });
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString();
  if (!text.startsWith('next '))
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  return text.slice(5);
}

function listV1(call: Call): void {
  const {page, maxKeys, common, encode} = listed(call, call.address.query.get('marker') ?? '');
  sendXml(call, 'ListBucketResult', {
    ...common,
    Marker: call.address.query.get('marker') ?? '',
    MaxKeys: maxKeys,
    NextMarker: page.next === undefined || !common.Delimiter ? undefined : encode(page.next),
    Contents: page.entries.map((version) => contents(version, encode, true)),
    CommonPrefixes: page.prefixes.map((prefix) => ({Prefix: encode(prefix)})),
  });
}

function listed(
  call: Call,
  after: string,
): {
  page: ListPage<Version>;
  maxKeys: number;
  common: Record<string, string | boolean | undefined>;
  encode: (text: string) => string;
} {
  const [bucket, query] = [bucketOf(call), call.address.query];
  const encode = encoder(query.get('encoding-type'));
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const maxKeys = integerOf(query.get('max-keys'), 1_000, 'max-keys', 1_000);
  const page = cut(listObjects(bucket, {prefix, delimiter, maxKeys, after}), call.state.quirks.listingCutAt);
  const common = {
    Name: bucket.name,
    Prefix: encode(prefix),
    Delimiter: delimiter ? encode(delimiter) : undefined,
    IsTruncated: page.next !== undefined,
    EncodingType: query.get('encoding-type') ?? undefined,
  };
  return {page, maxKeys, common, encode};
}

/** The quirk of servers that end a list early and say nothing. */
function cut(page: ListPage<Version>, at: number | undefined): ListPage<Version> {
  return at === undefined || page.entries.length <= at
    ? page
    : {entries: page.entries.slice(0, at), prefixes: page.prefixes};
}

function encoder(type: string | null): (text: string) => string {
  if (type === null) return (text) => text;
  if (type !== 'url') throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', type);
  return (text) => encodeURIComponent(text).replace(/%2F/g, '/');
}

function contents(version: Version, encode: (text: string) => string, withOwner: boolean): XmlElement {
  return {
    Key: encode(version.key),
    LastModified: isoTime(version.lastModifiedMs),
    ETag: `"${version.etag}"`,
    Size: version.size,
    StorageClass: version.headers['x-amz-storage-class'] ?? 'STANDARD',
    ...(withOwner ? {Owner: owner} : {}),
    ...(version.checksum
      ? {ChecksumAlgorithm: version.checksum.name.toUpperCase(), ChecksumType: version.checksum.type}
      : {}),
  };
}

function listVersions(call: Call): void {
  const [bucket, query] = [bucketOf(call), call.address.query];
  const encode = encoder(query.get('encoding-type'));
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  if (delimiter) throw notImplemented('delimiter');
  const max = integerOf(query.get('max-keys'), 1_000, 'max-keys', 1_000);
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('version-id-marker') ?? ''];
  const all = bucket
    .keys()
    .filter((key) => key.startsWith(prefix))
    .flatMap((key) => bucket.versionsOf(key));
  const from = all.findIndex(
    (version) =>
      version.key > keyMarker || (version.key === keyMarker && idMarker !== '' && isAfter(bucket, version, idMarker)),
  );
  const rest = from < 0 ? [] : all.slice(from);
  const page = rest.slice(0, max);
  const last = page.at(-1);
  sendXml(call, 'ListVersionsResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    VersionIdMarker: idMarker,
    MaxKeys: max,
    IsTruncated: rest.length > page.length,
    EncodingType: query.get('encoding-type') ?? undefined,
    ...(rest.length > page.length && last
      ? {NextKeyMarker: encode(last.key), NextVersionIdMarker: last.versionId}
      : {}),
    Version: page
      .filter((version) => !version.deleteMarker)
      .map((version) => ({...contents(version, encode, true), ...versionFields(bucket, version)})),
    DeleteMarker: page
      .filter((version) => version.deleteMarker)
      .map((version) => ({
        Key: encode(version.key),
        LastModified: isoTime(version.lastModifiedMs),
        Owner: owner,
        ...versionFields(bucket, version),
      })),
  });
}

function versionFields(bucket: Bucket, version: Version): XmlElement {
  return {VersionId: version.versionId, IsLatest: bucket.versionsOf(version.key)[0] === version};
}

function isAfter(bucket: Bucket, version: Version, marker: string): boolean {
  const versions = bucket.versionsOf(version.key);
  return versions.indexOf(version) > versions.findIndex((one) => one.versionId === marker);
}

async function deleteObjects(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  const document = await readXml(call, 'Delete', true);
  const objects = document.nodes.filter((node) => node.name === 'Object');
  if (objects.length === 0 || objects.length > 1_000) throw malformedXml();
  const [deleted, errors]: [XmlElement[], XmlElement[]] = [[], []];
  for (const object of objects) {
    const [key, versionId] = [childText(object, 'Key') ?? '', childText(object, 'VersionId')];
    try {
      const removed = await bucket.remove(key, versionId, call.state.now(), bypasses(call));
      const marker = removed.deleteMarker ? {DeleteMarker: true, DeleteMarkerVersionId: removed.versionId} : {};
      deleted.push({Key: key, ...(versionId === undefined ? {} : {VersionId: versionId}), ...marker});
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      errors.push({
        Key: key,
        ...(versionId === undefined ? {} : {VersionId: versionId}),
        Code: error.code,
        Message: error.message,
      });
    }
  }
  const quiet = childText(document, 'Quiet') === 'true';
  sendXml(call, 'DeleteResult', {...(quiet ? {} : {Deleted: deleted}), Error: errors});
}
