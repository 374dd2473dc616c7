import {
  GetObjectRetentionCommand,
  HeadObjectCommand,
  type ObjectLockMode,
  PutObjectRetentionCommand,
  type S3Client,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3';
import {Failure} from '../../kernel/errors.js';
import {s3Failure} from './s3-failure.js';

/** What the store itself shall do for an object beyond keeping it. */
export interface S3Protection {
  /** Objects that are never replaced cannot be removed either, for so many milliseconds from their writing. */
  readonly lock?: {readonly mode: 'governance' | 'compliance'; readonly forMs: number} | undefined;
  /** Encryption on the store's side, beside ours; undefined leaves it to the bucket. */
  readonly encryption?: {readonly method: 'AES256' | 'aws:kms'; readonly key?: string | undefined} | undefined;
}

/** Fields of a request that creates an object. */
export interface ProtectedFields {
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
  readonly ObjectLockMode?: ObjectLockMode;
  readonly ObjectLockRetainUntilDate?: Date;
}

export function protectedFields(
  {lock, encryption}: S3Protection,
  neverReplaced: boolean,
  nowMs: number,
): ProtectedFields {
  return {
    ...(encryption ? {ServerSideEncryption: encryption.method} : {}),
    ...(encryption?.key ? {SSEKMSKeyId: encryption.key} : {}),
    ...(lock && neverReplaced
      ? {
          ObjectLockMode: lock.mode === 'governance' ? 'GOVERNANCE' : 'COMPLIANCE',
          ObjectLockRetainUntilDate: new Date(nowMs + lock.forMs),
        }
      : {}),
  };
}

/** Where an object lies whose lock is checked. */
interface LockedObject {
  readonly client: S3Client;
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * Makes sure of the lock after the upload: there are servers that take the wish with a multipart upload, answer 200 and
 * lock nothing. Credentials that may not look have to believe the answer.
 * @throws Failure STORE_NO_LOCK
 */
export async function ensureLocked(
  {client, Bucket, Key}: LockedObject,
  {ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate}: ProtectedFields,
): Promise<void> {
  if (!Mode || !RetainUntilDate) return;
  if ((await lockedUntil({client, Bucket, Key}, Mode)) >= RetainUntilDate.getTime() - 1_000) return;
  try {
    await client.send(
      new PutObjectRetentionCommand({Bucket, Key, Retention: {Mode, RetainUntilDate}, ChecksumAlgorithm: 'CRC32'}),
    );
  } catch (error) {
    throw unlocked(Key, error);
  }
  if ((await lockedUntil({client, Bucket, Key}, Mode)) < RetainUntilDate.getTime() - 1_000) throw unlocked(Key);
}

/** Epoch milliseconds; 0 when it is not locked in this mode, infinite when these credentials may not ask. */
async function lockedUntil({client, Bucket, Key}: LockedObject, mode: ObjectLockMode): Promise<number> {
  try {
    const head = await client.send(new HeadObjectCommand({Bucket, Key}));
    if (head.ObjectLockMode === mode) return head.ObjectLockRetainUntilDate?.getTime() ?? 0;
    // Without a right of its own the headers are left out, so that their absence alone says nothing.
    const {Retention} = await client.send(new GetObjectRetentionCommand({Bucket, Key}));
    return Retention?.Mode === mode ? (Retention.RetainUntilDate?.getTime() ?? 0) : 0;
  } catch (error) {
    const failure = s3Failure(`Asking for the lock of ${Key}`, error);
    if (failure.code === 'STORE_DENIED') return Number.POSITIVE_INFINITY;
    if (failure.retryable || failure.code === 'STORE_CREDENTIALS') throw failure;
    return 0;
  }
}

function unlocked(key: string, cause?: unknown): Failure {
  return new Failure('STORE_NO_LOCK', `The store took ${key} and did not lock it, although it was asked to`, {
    remedy: 'Use a bucket whose lock works, or remove `backup.storage.lock`.',
    cause,
  });
}
