import {randomBytes} from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store, type S3Settings} from '../../src/storage/s3/s3-store.js';
import {readAll} from '../../src/storage/store.js';
import {programPath, startMoto, testCredentials} from './moto.js';

const MiB = 1024 * 1024;
const day = 86_400_000;

/** Servers with object lock: ours, and one that nobody here wrote where the machine has it. */
const servers: ReadonlyArray<
  readonly [name: string, start: () => Promise<{readonly endpoint: string; close(): Promise<void>}>]
> = [
  [
    'the stand-in',
    async () => {
      const server = await startS3({...testCredentials, buckets: ['plain']});
      return {endpoint: server.url, close: () => server.close()};
    },
  ],
  ...(programPath('moto_server') ? [['moto', () => startMoto('plain')] as const] : []),
];

describe.each(servers)('lock and encryption in %s', (name, start) => {
  let server: Awaited<ReturnType<typeof start>>;
  let other: S3Client;
  const open: Array<() => void> = [];
  const settings = (bucket: string): S3Settings => ({
    bucket,
    prefix: 'sb',
    region: 'us-east-1',
    endpoint: server.endpoint,
    pathStyle: true,
    credentials: testCredentials,
  });
  const storeIn = (bucket: string, more: Partial<S3Settings> = {}) => {
    const store = openS3Store({...settings(bucket), ...more});
    open.push(() => store.close());
    return store;
  };
  const look = (Bucket: string, key: string) =>
    other.send(new HeadObjectCommand({Bucket, Key: `sb/${key}`})) as Promise<{
      ObjectLockMode?: string;
      ObjectLockRetainUntilDate?: Date;
      ServerSideEncryption?: string;
      SSEKMSKeyId?: string;
      VersionId?: string;
    }>;

  beforeAll(async () => {
    server = await start();
    other = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: testCredentials,
    });
    for (const Bucket of ['locking', 'locked'])
      await other.send(new CreateBucketCommand({Bucket, ObjectLockEnabledForBucket: true}));
    await other.send(
      new PutObjectLockConfigurationCommand({
        Bucket: 'locked',
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: {DefaultRetention: {Mode: 'GOVERNANCE', Days: 3}},
        },
      }),
    );
  }, 60_000);
  afterAll(async () => {
    for (const close of open) close();
    other?.destroy();
    await server?.close();
  });

  test('a bucket tells whether it can lock, and for how long it does by itself', async () => {
    expect(await storeIn('plain').facts()).toMatchObject({lock: {possible: false}});
    expect(await storeIn('locking').facts()).toMatchObject({versioned: true, lock: {possible: true}});
    expect(await storeIn('locked').facts()).toMatchObject({lock: {possible: true, defaultDays: 3}});
  });

  test('it tells its time', async () => {
    const {aheadMs} = await storeIn('plain').facts();
    expect(Math.abs(aheadMs!)).toBeLessThan(60_000);
  });

  test.each([
    ['governance', 1_000],
    ['compliance', 11 * MiB],
  ] as const)('what is never replaced is locked: %s, %d bytes', async (mode, bytes) => {
    const body = randomBytes(bytes);
    const key = `once-${mode}`;
    const store = storeIn('locking', {lock: {mode, forMs: 2 * day}, partSize: 5 * MiB});
    await store.upload(key, once(body), {ifAbsent: true});
    expect((await readAll(store, key, {limit: 32 * MiB})).equals(body)).toBe(true);
    const seen = await look('locking', key);
    expect(seen.ObjectLockMode).toBe(mode.toUpperCase());
    expect(Math.abs(seen.ObjectLockRetainUntilDate!.getTime() - Date.now() - 2 * day)).toBeLessThan(600_000);
    // For good only with its version; without it a mark is set above the data, which stays.
    await expect(
      other.send(new DeleteObjectCommand({Bucket: 'locking', Key: `sb/${key}`, VersionId: seen.VersionId})),
    ).rejects.toMatchObject({name: 'AccessDenied'});
    await store.delete(key);
    const {Versions} = await other.send(new ListObjectVersionsCommand({Bucket: 'locking', Prefix: `sb/${key}`}));
    expect(Versions?.map(({Size}) => Size)).toEqual([bytes]);
  });

  test('what may be replaced, such as a probe, is not locked', async () => {
    await storeIn('locking', {lock: {mode: 'governance', forMs: day}}).put('probe', Buffer.from('x'));
    expect((await look('locking', 'probe')).ObjectLockMode).toBeUndefined();
  });

  // moto forgets the bucket's own lock in multipart uploads, which a bucket that means it does not.
  test.each(name === 'moto' ? [1_000] : [1_000, 11 * MiB])(
    'a bucket that locks by itself takes %d bytes',
    async (bytes) => {
      const store = storeIn('locked', {partSize: 5 * MiB});
      await store.facts();
      const key = `default-${bytes}`;
      await store.upload(key, once(randomBytes(bytes)), {ifAbsent: true});
      expect(await look('locked', key)).toMatchObject({ObjectLockMode: 'GOVERNANCE'});
    },
  );

  test('a lock that the bucket does not have is refused, and nothing is left', async () => {
    const store = storeIn('plain', {lock: {mode: 'governance', forMs: day}, partSize: 5 * MiB});
    for (const bytes of [1_000, 11 * MiB])
      await expect(store.upload(`none-${bytes}`, once(randomBytes(bytes)), {ifAbsent: true})).rejects.toMatchObject({
        code: 'STORE_NO_LOCK',
      });
    expect(await store.head('none-1000')).toBeUndefined();
    expect(await unfinished(store)).toBe(0);
  });

  // The stand-in keeps no note of it.
  if (name === 'moto')
    test('the store encrypts too when it is asked to', async () => {
      const plain = storeIn('plain', {encryption: {method: 'AES256'}});
      await plain.put('sse-small', Buffer.from('x'));
      expect(await look('plain', 'sse-small')).toMatchObject({ServerSideEncryption: 'AES256'});
      const kms = storeIn('plain', {encryption: {method: 'aws:kms', key: 'alias/backups'}, partSize: 5 * MiB});
      await kms.upload('sse-large', once(randomBytes(11 * MiB)), {ifAbsent: true});
      expect(await look('plain', 'sse-large')).toMatchObject({
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: expect.stringContaining('alias/backups'),
      });
    });
});

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < body.length; offset += MiB) yield body.subarray(offset, offset + MiB);
}

async function unfinished(store: ReturnType<typeof openS3Store>): Promise<number> {
  let count = 0;
  for await (const _ of store.unfinished('')) count++;
  return count;
}
