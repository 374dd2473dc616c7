import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {request as httpRequest} from 'node:http';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {afterEach, expect, test} from '@jest/globals';
import type {S3Options, S3StandIn} from '../../src/rehearsal/s3/stand-in.js';
import {startS3} from '../../src/rehearsal/s3/stand-in.js';

const keys = {accessKeyId: 'AKIAREHEARSAL', secretAccessKey: 'rehearsal-secret/with+signs='};
const Bucket = 'sets';
const MiB = 1024 * 1024;
const clients: S3Client[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

const start = (options: Partial<S3Options> = {}) => startS3({...keys, buckets: [Bucket], ...options});

function clientOf(server: {url: string}, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: keys,
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
  clients.push(client);
  return client;
}

test('a wrong secret, an unknown key, a wrong region and a skewed clock are refused by their own codes', async () => {
  await using server = await start();
  const put = (config: S3ClientConfig) =>
    clientOf(server, config).send(new PutObjectCommand({Bucket, Key: 'k', Body: 'x'}));
  await expect(put({credentials: {...keys, secretAccessKey: 'wrong'}})).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
    $metadata: {httpStatusCode: 403},
  });
  await expect(put({credentials: {...keys, accessKeyId: 'AKIAOTHER'}})).rejects.toMatchObject({
    name: 'InvalidAccessKeyId',
  });
  await expect(put({region: 'eu-central-1'})).rejects.toMatchObject({
    name: 'AuthorizationHeaderMalformed',
    Region: 'us-east-1',
  });
  await expect(put({systemClockOffset: 16 * 60_000})).rejects.toMatchObject({name: 'RequestTimeTooSkewed'});
  await expect(put({systemClockOffset: -14 * 60_000})).resolves.toBeDefined();
  expect(server.objects(Bucket).map((object) => object.key)).toEqual(['k']);
});

test('a temporary credential is good only with its token', async () => {
  await using server = await start({sessionToken: 'token-1'});
  const head = (sessionToken: string | undefined) =>
    clientOf(server, {credentials: {...keys, sessionToken}}).send(new ListObjectsV2Command({Bucket}));
  await expect(head('token-1')).resolves.toMatchObject({KeyCount: 0});
  await expect(head('token-2')).rejects.toMatchObject({name: 'InvalidToken'});
  await expect(head(undefined)).rejects.toMatchObject({name: 'AccessDenied'});
});

test('bodies are stored as sent: buffers, streams with trailing checksum, and unsigned payloads', async () => {
  await using server = await start();
  const bytes = randomBytes(300_000);
  const client = clientOf(server);
  await client.send(new PutObjectCommand({Bucket, Key: 'buffer', Body: bytes}));
  await client.send(
    new PutObjectCommand({
      Bucket,
      Key: 'stream',
      Body: Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
      ContentLength: bytes.length,
    }),
  );
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const) {
    await client.send(new PutObjectCommand({Bucket, Key: ChecksumAlgorithm, Body: bytes, ChecksumAlgorithm}));
  }
  for (const key of ['buffer', 'stream', 'CRC32', 'CRC32C', 'SHA1', 'SHA256'])
    expect((await server.read(Bucket, key)).equals(bytes)).toBe(true);
  const head = await client.send(new HeadObjectCommand({Bucket, Key: 'SHA256', ChecksumMode: 'ENABLED'}));
  expect(head).toMatchObject({
    ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
    ETag: `"${createHash('md5').update(bytes).digest('hex')}"`,
  });
});
