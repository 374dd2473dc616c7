import type {IncomingMessage} from 'node:http';
import {S3Error} from './s3-error.js';

/** Which bucket and key a request names, and what it wants done. */
export interface Address {
  readonly bucket: string;
  /** Empty for requests about the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** S3's own name, such as `PutObject`; also the name that faults go by. */
  readonly operation: string;
}

/**
 * Reads path style (`/bucket/key`) and virtual host style (`bucket.host/key`).
 * @param isBucket tells whether a host's first part is a bucket, for virtual host style.
 */
export function readAddress(request: IncomingMessage, isBucket: (name: string) => boolean): Address {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = decodePath(mark < 0 ? url : url.slice(0, mark)).slice(1);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const host = hostBucket(request.headers.host ?? '', isBucket);
  const slash = path.indexOf('/');
  const bucket = host ?? (slash < 0 ? path : path.slice(0, slash));
  const key = host === undefined ? (slash < 0 ? '' : path.slice(slash + 1)) : path;
  return {bucket, key, query, operation: operationName(request, bucket, key, query)};
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

function hostBucket(host: string, isBucket: (name: string) => boolean): string | undefined {
  const name = host.replace(/:\d+$/, '');
  if (/^[\d.]+$/.test(name)) return undefined;
  const labels = name.split('.');
  // Bucket names may hold dots, so the longest front part that is a bucket wins.
  for (let count = labels.length - 1; count > 0; count--) {
    const candidate = labels.slice(0, count).join('.');
    if (isBucket(candidate)) return candidate;
  }
  return undefined;
}

/** Sub-resources in the order in which they decide: the first one present names the operation. */
const bucketOperations: ReadonlyArray<readonly [query: string, names: Readonly<Record<string, string>>]> = [
  ['location', {GET: 'GetBucketLocation'}],
  ['versioning', {GET: 'GetBucketVersioning', PUT: 'PutBucketVersioning'}],
  ['object-lock', {GET: 'GetObjectLockConfiguration', PUT: 'PutObjectLockConfiguration'}],
  [
    'lifecycle',
    {GET: 'GetBucketLifecycleConfiguration', PUT: 'PutBucketLifecycleConfiguration', DELETE: 'DeleteBucketLifecycle'},
  ],
  ['versions', {GET: 'ListObjectVersions'}],
  ['uploads', {GET: 'ListMultipartUploads'}],
  ['delete', {POST: 'DeleteObjects'}],
  ['list-type', {GET: 'ListObjectsV2'}],
];
const objectOperations: typeof bucketOperations = [
  ['tagging', {GET: 'GetObjectTagging', PUT: 'PutObjectTagging', DELETE: 'DeleteObjectTagging'}],
  ['retention', {GET: 'GetObjectRetention', PUT: 'PutObjectRetention'}],
  ['legal-hold', {GET: 'GetObjectLegalHold', PUT: 'PutObjectLegalHold'}],
  ['uploads', {POST: 'CreateMultipartUpload'}],
  ['uploadId', {GET: 'ListParts', PUT: 'UploadPart', POST: 'CompleteMultipartUpload', DELETE: 'AbortMultipartUpload'}],
];
const unsupported = [
  'acl',
  'policy',
  'cors',
  'encryption',
  'notification',
  'replication',
  'website',
  'logging',
  'select',
  'restore',
  'torrent',
  'attributes',
  'tagging',
  'ownershipControls',
  'publicAccessBlock',
  'accelerate',
  'analytics',
  'inventory',
  'metrics',
  'requestPayment',
  'policyStatus',
];

function operationName(request: IncomingMessage, bucket: string, key: string, query: URLSearchParams): string {
  const method = request.method ?? 'GET';
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : 'Unsupported';
  const match = (key === '' ? bucketOperations : objectOperations).find(([name]) => query.has(name));
  if (match) {
    const copied = match[1][method] === 'UploadPart' && request.headers['x-amz-copy-source'] !== undefined;
    return copied ? 'UploadPartCopy' : (match[1][method] ?? 'Unsupported');
  }
  if (unsupported.some((name) => query.has(name))) return 'Unsupported';
  const plain: Record<string, string> =
    key === ''
      ? {GET: 'ListObjects', PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket'}
      : {
          GET: 'GetObject',
          HEAD: 'HeadObject',
          DELETE: 'DeleteObject',
          PUT: request.headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject',
        };
  return plain[method] ?? 'Unsupported';
}
