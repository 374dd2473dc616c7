import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {Failure} from '../../kernel/errors.js';
import type {StoreFacts} from '../store.js';
import {s3Failure} from './s3-failure.js';

/** Notes how far the store's clock is ahead of this machine's, from every answer that carries a date, refusals too. */
export class ClockWatch {
  aheadMs: number | undefined;

  constructor(client: S3Client) {
    client.middlewareStack.add(
      (next) => async (args) => {
        const sentMs = Date.now();
        const result = await next(args);
        const {headers} = result.response as {headers?: Record<string, string>};
        const atMs = Date.parse(headers?.['date'] ?? '');
        // The header speaks of a whole second somewhere between question and answer.
        if (Number.isFinite(atMs)) this.aheadMs = atMs + 500 - (sentMs + Date.now()) / 2;
        return result;
      },
      {step: 'deserialize', priority: 'low', name: 'switchbackClockWatch'},
    );
  }
}

/**
 * Asks a bucket about itself, all at once. Questions that the store does not know or these credentials may not ask stay
 * unanswered.
 * @throws Failure STORE_UNAVAILABLE, STORE_CREDENTIALS, CANCELLED
 */
export async function readS3Facts(
  client: S3Client,
  bucket: string,
  clock: ClockWatch,
  signal?: AbortSignal,
): Promise<StoreFacts> {
  const input = {Bucket: bucket};
  const options = signal ? {abortSignal: signal} : {};
  const [, versioning, lock, encryption] = await Promise.all([
    answerOf('Looking at the bucket', signal, () => client.send(new HeadBucketCommand(input), options)),
    answerOf('Asking for versions', signal, () => client.send(new GetBucketVersioningCommand(input), options)),
    lockOf(client, bucket, signal),
    answerOf('Asking for encryption', signal, () => client.send(new GetBucketEncryptionCommand(input), options)),
  ]);
  const rule = encryption?.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
  return {
    aheadMs: clock.aheadMs,
    versioned: versioning ? versioning.Status === 'Enabled' : undefined,
    lock,
    encryption: rule?.SSEAlgorithm,
  };
}

async function lockOf(client: S3Client, Bucket: string, signal: AbortSignal | undefined): Promise<StoreFacts['lock']> {
  try {
    const answer = await client.send(
      new GetObjectLockConfigurationCommand({Bucket}),
      signal ? {abortSignal: signal} : {},
    );
    const {ObjectLockEnabled, Rule} = answer.ObjectLockConfiguration ?? {};
    const {Days, Years} = Rule?.DefaultRetention ?? {};
    const defaultDays = Days ?? (Years === undefined ? undefined : Years * 365);
    return {possible: ObjectLockEnabled === 'Enabled', ...(defaultDays === undefined ? {} : {defaultDays})};
  } catch (error) {
    const {name = ''} = error as {name?: string};
    if (name === 'ObjectLockConfigurationNotFoundError') return {possible: false};
    const failure = s3Failure('Asking for the lock', error, signal);
    if (failure.code === 'STORE_UNSUPPORTED') return {possible: false};
    if (!unanswered.has(failure.code)) throw failure;
    return undefined;
  }
}

const unanswered = new Set(['STORE_DENIED', 'STORE_NOT_FOUND', 'STORE_UNSUPPORTED', 'STORE']);

async function answerOf<T>(
  what: string,
  signal: AbortSignal | undefined,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    const failure = s3Failure(what, error, signal);
    if (failure instanceof Failure && unanswered.has(failure.code)) return undefined;
    throw failure;
  }
}
