import {cancelled, Failure, isAbort, messageOf} from '../../kernel/errors.js';

const remedies: Record<string, string> = {
  STORE_NOT_FOUND: 'Check bucket, prefix and region; nothing is created by itself.',
  STORE_EXISTS: 'Nothing to do: an object is never replaced. A new run uses a new id.',
  STORE_DENIED:
    'Give these credentials s3:ListBucket, s3:GetObject, s3:PutObject and s3:AbortMultipartUpload on the prefix (deleting only for retention).',
  STORE_LOCKED: 'Nothing to do: the object is kept until its lock ends.',
  STORE_CREDENTIALS:
    'Pass valid credentials as secrets, or let the job assume a role (OIDC) whose lifetime covers the whole backup.',
  STORE_UNAVAILABLE: 'Wait and run again; the store did not answer properly.',
  STORE_UNSUPPORTED: 'This store lacks a function; use another one.',
  STORE_NO_LOCK:
    'Make a bucket with object lock (it can only be turned on when a bucket is made, or by the provider), or remove `backup.storage.lock`.',
  STORE_CHECKSUM:
    'Give these credentials s3:GetBucketObjectLockConfiguration, so that the lock of this bucket is known before the upload.',
  STORE: 'Read the message; if it persists, check endpoint, region and `path-style`.',
};

const byName: Record<string, string> = {
  NoSuchKey: 'STORE_NOT_FOUND',
  NotFound: 'STORE_NOT_FOUND',
  NoSuchBucket: 'STORE_NOT_FOUND',
  NoSuchUpload: 'STORE_NOT_FOUND',
  PreconditionFailed: 'STORE_EXISTS',
  ConditionalRequestConflict: 'STORE_UNAVAILABLE',
  AccessDenied: 'STORE_DENIED',
  Forbidden: 'STORE_DENIED',
  ObjectLocked: 'STORE_LOCKED',
  InvalidAccessKeyId: 'STORE_CREDENTIALS',
  SignatureDoesNotMatch: 'STORE_CREDENTIALS',
  ExpiredToken: 'STORE_CREDENTIALS',
  InvalidToken: 'STORE_CREDENTIALS',
  CredentialsProviderError: 'STORE_CREDENTIALS',
  RequestTimeTooSkewed: 'STORE_UNAVAILABLE',
  NotImplemented: 'STORE_UNSUPPORTED',
  SlowDown: 'STORE_UNAVAILABLE',
  RequestTimeout: 'STORE_UNAVAILABLE',
  TimeoutError: 'STORE_UNAVAILABLE',
  InternalError: 'STORE_UNAVAILABLE',
  ServiceUnavailable: 'STORE_UNAVAILABLE',
};

/** Puts what the SDK threw into the words of the store port. */
export function s3Failure(what: string, error: unknown, signal?: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (signal?.aborted || isAbort(error)) return signal?.reason instanceof Failure ? signal.reason : cancelled(what);
  const {
    name = '',
    $metadata,
    code: errno,
  } = error as {name?: string; code?: string; $metadata?: {httpStatusCode?: number}};
  const status = $metadata?.httpStatusCode;
  const code = lockCode(name, messageOf(error)) ?? byName[name] ?? codeOf(status, errno);
  const shown = name && name !== 'Error' ? name : (errno ?? 'no answer');
  return new Failure(code, `${what}: ${shown}${status ? ` (HTTP ${status})` : ''}: ${messageOf(error)}`, {
    remedy: remedies[code]!,
    retryable: code === 'STORE_UNAVAILABLE',
    cause: error,
    details: {status, name},
  });
}

/** The lock of a bucket speaks through one error name and two messages. */
function lockCode(name: string, message: string): string | undefined {
  if (!/^(InvalidRequest|MissingUploadObjectWithObjectLockHeaders)$/.test(name)) return undefined;
  if (/missing object ?lock ?configuration/i.test(message)) return 'STORE_NO_LOCK';
  return /content-md5|x-amz-checksum/i.test(message) ? 'STORE_CHECKSUM' : undefined;
}

function codeOf(status: number | undefined, errno: string | undefined): string {
  if (status === undefined) return errno ? 'STORE_UNAVAILABLE' : 'STORE';
  if (status === 404) return 'STORE_NOT_FOUND';
  if (status === 501) return 'STORE_UNSUPPORTED';
  if (status === 412) return 'STORE_EXISTS';
  if (status === 401 || status === 403) return 'STORE_DENIED';
  return status >= 500 || status === 408 || status === 429 || status === 409 ? 'STORE_UNAVAILABLE' : 'STORE';
}
