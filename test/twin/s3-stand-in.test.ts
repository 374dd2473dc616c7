import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {request as httpRequest, type IncomingMessage} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {afterEach, describe, expect, test} from '@jest/globals';
import {type S3Options, type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';

const keys = {accessKeyId: 'AKIAREHEARSAL', secretAccessKey: 'rehearsal-secret/with+signs='};
const Bucket = 'sets';
const MiB = 1024 * 1024;
const clients: S3Client[] = [];

const silent = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

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
    logger: silent,
    ...config,
  });
  clients.push(client);
  return client;
}

describe('signatures', () => {
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
    expect(server.keys(Bucket)).toEqual(['k']);
  });

  test('a temporary credential is good only with its token', async () => {
    await using server = await start({sessionToken: 'token-1'});
    const list = (sessionToken: string | undefined) =>
      clientOf(server, {credentials: {...keys, sessionToken}}).send(new ListObjectsV2Command({Bucket}));
    await expect(list('token-1')).resolves.toMatchObject({KeyCount: 0});
    await expect(list('token-2')).rejects.toMatchObject({name: 'InvalidToken'});
    await expect(list(undefined)).rejects.toMatchObject({name: 'AccessDenied'});
  });

  // Keys, dates and signatures of the examples in Amazon's documentation of Signature Version 4 for S3.
  const published = {accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'};
  const scope = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
  const emptySha = createHash('sha256').digest('hex');
  const at2013 = async () => {
    const server = await startS3({...published, buckets: ['examplebucket'], now: () => Date.UTC(2013, 4, 24, 0, 5)});
    await server.put('examplebucket', 'test.txt', Buffer.from('Welcome to Amazon S3'));
    return server;
  };
  const signedGet = (signature: string, range = 'bytes=0-9') => ({
    host: 'examplebucket.s3.amazonaws.com',
    range,
    'x-amz-content-sha256': emptySha,
    'x-amz-date': '20130524T000000Z',
    authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=${signature}`,
  });

  test('the published GET is accepted, in virtual host style, and nothing next to it', async () => {
    await using server = await at2013();
    const right = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';
    expect(await raw(server, 'GET', '/test.txt', signedGet(right))).toMatchObject({status: 206, body: 'Welcome to'});
    expect(await raw(server, 'GET', '/test.txt', signedGet(right, 'bytes=0-8'))).toMatchObject({status: 403});
    expect(await raw(server, 'GET', '/test.txt', {...signedGet(right), 'x-amz-extra': '1'})).toMatchObject({
      status: 403,
      body: expect.stringContaining('were not signed'),
    });
    expect(await raw(server, 'GET', '/test.txt', {host: 'examplebucket.s3.amazonaws.com'})).toMatchObject({
      status: 403,
      body: expect.stringContaining('<Code>AccessDenied</Code>'),
    });
  });

  test('the published presigned URL is accepted until it expires', async () => {
    let nowMs = Date.UTC(2013, 4, 24, 12);
    await using server = await startS3({...published, buckets: ['examplebucket'], now: () => nowMs});
    await server.put('examplebucket', 'test.txt', Buffer.from('Welcome to Amazon S3'));
    const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host`;
    const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
    const get = (text: string) => raw(server, 'GET', `/test.txt?${text}`, {host: 'examplebucket.s3.amazonaws.com'});
    expect(await get(`${query}&X-Amz-Signature=${signature}`)).toMatchObject({
      status: 200,
      body: 'Welcome to Amazon S3',
    });
    expect(await get(`${query.replace('86400', '604800')}&X-Amz-Signature=${signature}`)).toMatchObject({
      status: 403,
      body: expect.stringContaining('SignatureDoesNotMatch'),
    });
    nowMs += 13 * 3_600_000;
    expect(await get(`${query}&X-Amz-Signature=${signature}`)).toMatchObject({
      status: 403,
      body: expect.stringContaining('Request has expired'),
    });
  });

  test('the published upload in signed chunks is accepted, and not with one byte changed', async () => {
    await using server = await at2013();
    const signatures = [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ];
    const sizes = [65_536, 1_024, 0];
    const body = Buffer.concat(
      sizes.map((size, i) =>
        Buffer.from(`${size.toString(16)};chunk-signature=${signatures[i]}\r\n${'a'.repeat(size)}\r\n`),
      ),
    );
    const headers = {
      host: 's3.amazonaws.com',
      'x-amz-date': '20130524T000000Z',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '66560',
      'content-length': '66824',
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9`,
    };
    expect(body.length).toBe(66_824);
    const changed = Buffer.from(body);
    changed[70_000 - 4_000] = 'b'.charCodeAt(0);
    expect(await raw(server, 'PUT', '/examplebucket/chunkObject.txt', headers, changed)).toMatchObject({status: 403});
    expect(server.keys('examplebucket')).toEqual(['test.txt']);
    expect(await raw(server, 'PUT', '/examplebucket/chunkObject.txt', headers, body)).toMatchObject({status: 200});
    expect((await server.read('examplebucket', 'chunkObject.txt')).equals(Buffer.alloc(66_560, 'a'))).toBe(true);
  });

  test('virtual host style works for the SDK too', async () => {
    await using server = await start();
    const port = new URL(server.url).port;
    const client = clientOf(
      {url: `http://s3.localhost:${port}`},
      {forcePathStyle: false, requestHandler: await localHandler()},
    );
    await client.send(new PutObjectCommand({Bucket, Key: 'a/b c', Body: 'x'}));
    expect(server.keys(Bucket)).toEqual(['a/b c']);
    expect(server.requests[0]?.headers['host']).toBe(`sets.s3.localhost:${port}`);
  });
});

describe('bodies', () => {
  test('are stored as sent: buffers, streams with trailing checksum, and every algorithm', async () => {
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
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME'] as const) {
      await client.send(new PutObjectCommand({Bucket, Key: ChecksumAlgorithm, Body: bytes, ChecksumAlgorithm}));
    }
    expect(server.keys(Bucket).length).toBe(7);
    for (const key of server.keys(Bucket)) expect((await server.read(Bucket, key)).equals(bytes)).toBe(true);
    const stream = server.requests.find((request) => request.path.endsWith('/stream'));
    expect(stream?.headers).toMatchObject({
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'content-encoding': expect.stringContaining('aws-chunked'),
    });
    expect((await client.send(new HeadObjectCommand({Bucket, Key: 'stream'}))).ContentEncoding).toBeUndefined();
  });

  test('a body that changes on its way is refused and not kept, buffer or stream', async () => {
    await using server = await start();
    const overBadWire = (config: S3ClientConfig) => {
      const client = clientOf(server, config);
      client.middlewareStack.add(
        (next) => async (args) => next({...args, request: tampered(args.request as {body: unknown})}),
        {step: 'finalizeRequest', priority: 'low', name: 'wire'},
      );
      return client;
    };
    const unchecked = overBadWire({requestChecksumCalculation: 'WHEN_REQUIRED'});
    await expect(
      unchecked.send(new PutObjectCommand({Bucket, Key: 'buffer', Body: Buffer.alloc(1_000, 'a')})),
    ).rejects.toMatchObject({name: 'XAmzContentSHA256Mismatch', $metadata: {httpStatusCode: 400}});
    const client = overBadWire({});
    await expect(
      client.send(
        new PutObjectCommand({
          Bucket,
          Key: 'stream',
          Body: Readable.from([Buffer.alloc(1_000, 'a')]),
          ContentLength: 1_000,
        }),
      ),
    ).rejects.toMatchObject({name: 'BadDigest'});
    expect(server.keys(Bucket)).toEqual([]);
  });

  test('one cut off in the middle is not kept, on disk neither', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'switchback-s3-'));
    try {
      await using server = await start({dir});
      const aborted = new AbortController();
      const endless = async function* () {
        yield Buffer.alloc(4 * MiB);
        await sleep(600_000, undefined, {signal: aborted.signal, ref: false}).catch(() => undefined);
      };
      const cut = clientOf(server).send(
        new PutObjectCommand({Bucket, Key: 'cut', Body: Readable.from(endless()), ContentLength: 8 * MiB}),
        {abortSignal: aborted.signal},
      );
      const files = async () => (await readdir(join(dir, (await readdir(dir))[0]!))).length;
      const untilFiles = async (count: number) => {
        for (let tries = 0; tries < 500 && (await files()) !== count; tries++) await sleep(10);
      };
      await untilFiles(1);
      expect(await files()).toBe(1);
      aborted.abort();
      await expect(cut).rejects.toMatchObject({name: 'AbortError'});
      await untilFiles(0);
      expect(await files()).toBe(0);
      await clientOf(server).send(new PutObjectCommand({Bucket, Key: 'whole', Body: 'x'}));
      expect(server.keys(Bucket)).toEqual(['whole']);
      expect(await files()).toBe(1);
    } finally {
      expect(await readdir(dir)).toEqual([]);
      await rm(dir, {recursive: true});
    }
  });

  test('replaced, deleted and aborted bytes leave the disk', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'switchback-s3-'));
    await using server = await start({dir});
    const client = clientOf(server);
    for (const Body of ['one', 'two']) await client.send(new PutObjectCommand({Bucket, Key: 'k', Body}));
    const {UploadId} = await client.send(new CreateMultipartUploadCommand({Bucket, Key: 'm'}));
    await client.send(new UploadPartCommand({Bucket, Key: 'm', UploadId, PartNumber: 1, Body: 'part'}));
    expect(server.uploads(Bucket)).toEqual([{key: 'm', uploadId: UploadId, parts: 1}]);
    const folder = join(dir, (await readdir(dir))[0]!);
    expect((await readdir(folder)).length).toBe(2);
    const {AbortMultipartUploadCommand, DeleteObjectCommand} = await import('@aws-sdk/client-s3');
    await client.send(new AbortMultipartUploadCommand({Bucket, Key: 'm', UploadId}));
    await client.send(new DeleteObjectCommand({Bucket, Key: 'k'}));
    expect(await readdir(folder)).toEqual([]);
    await rm(dir, {recursive: true});
  });

  test('stored bytes can rot without the server noticing, as disks do', async () => {
    await using server = await start();
    await clientOf(server).send(new PutObjectCommand({Bucket, Key: 'k', Body: 'precious'}));
    await server.tamper(Bucket, 'k', (bytes) => Buffer.from(bytes.toString().replace('p', 'q')));
    const unchecked = clientOf(server, {responseChecksumValidation: 'WHEN_REQUIRED'});
    expect(await (await unchecked.send(new GetObjectCommand({Bucket, Key: 'k'}))).Body?.transformToString()).toBe(
      'qrecious',
    );
    const checked = await clientOf(server).send(new GetObjectCommand({Bucket, Key: 'k', ChecksumMode: 'ENABLED'}));
    await expect(checked.Body?.transformToString()).rejects.toThrow(/[Cc]hecksum/);
  });
});

describe('conditions', () => {
  test('two writers of one key at once: one writes, one is told of the conflict', async () => {
    await using server = await start();
    const client = clientOf(server);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const slow = async function* () {
      yield Buffer.from('sl');
      await gate;
      yield Buffer.from('ow');
    };
    const late = client
      .send(new PutObjectCommand({Bucket, Key: 'k', Body: Readable.from(slow()), ContentLength: 4, IfNoneMatch: '*'}))
      .catch((error: unknown) => error);
    while (!server.requests.some((request) => request.method === 'PUT')) await sleep(5);
    await client.send(new PutObjectCommand({Bucket, Key: 'k', Body: 'fast', IfNoneMatch: '*'}));
    open();
    expect(await late).toMatchObject({name: 'ConditionalRequestConflict', $metadata: {httpStatusCode: 409}});
    expect((await server.read(Bucket, 'k')).toString()).toBe('fast');
  });
});

describe('quirks of other servers', () => {
  const put = (server: S3StandIn, Key: string, more: object = {}) =>
    clientOf(server, quiet).send(new PutObjectCommand({Bucket, Key, Body: 'x', ...more}));
  const quiet: S3ClientConfig = {
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };

  test('conditional writes refused with 501, or accepted and not honoured', async () => {
    await using refuses = await start({quirks: {conditionalWrites: 'refused'}});
    await expect(put(refuses, 'k', {IfNoneMatch: '*'})).rejects.toMatchObject({
      name: 'NotImplemented',
      $metadata: {httpStatusCode: 501},
    });
    await using ignores = await start({quirks: {conditionalWrites: 'ignored'}});
    await put(ignores, 'k', {IfNoneMatch: '*'});
    await expect(put(ignores, 'k', {IfNoneMatch: '*'})).resolves.toMatchObject({$metadata: {httpStatusCode: 200}});
  });

  test('default checksums refused: the SDK works only when told not to send them', async () => {
    await using server = await start({quirks: {refuseChecksums: true}});
    await expect(clientOf(server).send(new PutObjectCommand({Bucket, Key: 'k', Body: 'x'}))).rejects.toMatchObject({
      name: 'NotImplemented',
    });
    await expect(put(server, 'k')).resolves.toBeDefined();
  });

  test('parts of different sizes refused, parts over the limit refused', async () => {
    const run = async (quirks: S3Options['quirks'], sizes: number[]) => {
      await using server = await start({quirks});
      const client = clientOf(server);
      const {UploadId} = await client.send(new CreateMultipartUploadCommand({Bucket, Key: 'k'}));
      const Parts = [];
      for (const [i, size] of sizes.entries()) {
        const {ETag, ChecksumCRC32} = await client.send(
          new UploadPartCommand({Bucket, Key: 'k', UploadId, PartNumber: i + 1, Body: Buffer.alloc(size)}),
        );
        Parts.push({PartNumber: i + 1, ETag, ChecksumCRC32});
      }
      return await client.send(
        new CompleteMultipartUploadCommand({Bucket, Key: 'k', UploadId, MultipartUpload: {Parts}}),
      );
    };
    await expect(run({equalPartSizes: true}, [5 * MiB, 6 * MiB, 1])).rejects.toMatchObject({
      name: 'InvalidPart',
      message: expect.stringContaining('same length'),
    });
    await expect(run({equalPartSizes: true}, [6 * MiB, 6 * MiB, 1])).resolves.toBeDefined();
    await expect(run({}, [5 * MiB, 6 * MiB, 1])).resolves.toBeDefined();
    await expect(run({maxParts: 2}, [5 * MiB, 5 * MiB, 1])).rejects.toMatchObject({name: 'InvalidArgument'});
    await expect(run({minPartSize: 10}, [10, 1])).resolves.toBeDefined();
  });

  test('lists cut short in silence; uploads found only under their exact key', async () => {
    await using server = await start({quirks: {listingCutAt: 2, uploadsByExactKey: true}});
    for (const key of ['a', 'b', 'c']) await put(server, key);
    const client = clientOf(server);
    expect(await client.send(new ListObjectsV2Command({Bucket}))).toMatchObject({KeyCount: 2, IsTruncated: false});
    await client.send(new CreateMultipartUploadCommand({Bucket, Key: 'sets/1'}));
    const found = async (Prefix?: string) =>
      (await client.send(new ListMultipartUploadsCommand({Bucket, Prefix}))).Uploads?.length ?? 0;
    expect([await found(), await found('sets/'), await found('sets/1')]).toEqual([0, 0, 1]);
  });

  test('plain objects only, and a completion that fails inside a 200', async () => {
    await using server = await start({quirks: {plainObjectsOnly: true, completeFailsInside200: 1}});
    const client = clientOf(server);
    await put(server, 'k');
    await expect(
      client.send(new PutObjectTaggingCommand({Bucket, Key: 'k', Tagging: {TagSet: []}})),
    ).rejects.toMatchObject({name: 'NotImplemented'});
    const {UploadId} = await client.send(new CreateMultipartUploadCommand({Bucket, Key: 'm'}));
    const {ETag, ChecksumCRC32} = await client.send(
      new UploadPartCommand({Bucket, Key: 'm', UploadId, PartNumber: 1, Body: 'x'}),
    );
    const complete = () =>
      client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key: 'm',
          UploadId,
          MultipartUpload: {Parts: [{PartNumber: 1, ETag, ChecksumCRC32}]},
        }),
      );
    await expect(complete()).rejects.toMatchObject({name: 'InternalError'});
    expect(server.keys(Bucket)).toEqual(['k']);
    await complete();
    expect(server.keys(Bucket)).toEqual(['k', 'm']);
  });
});

describe('faults go by operation', () => {
  test('a lost answer leaves the object there; a throttled one does not', async () => {
    await using server = await start();
    server.faults.push(
      {route: 'PutObject', fault: {kind: 'close-after'}},
      {
        route: 'GetObject',
        fault: {
          kind: 'status',
          status: 503,
          body: '<Error><Code>SlowDown</Code></Error>',
          headers: {'content-type': 'application/xml'},
        },
      },
    );
    await expect(clientOf(server).send(new PutObjectCommand({Bucket, Key: 'k', Body: 'x'}))).rejects.toThrow();
    expect(server.keys(Bucket)).toEqual(['k']);
    await expect(clientOf(server).send(new GetObjectCommand({Bucket, Key: 'k'}))).rejects.toMatchObject({
      name: 'SlowDown',
    });
    expect(server.requests.map((request) => [request.operation, request.fault])).toEqual([
      ['PutObject', 'close-after'],
      ['GetObject', 'status'],
    ]);
    expect(JSON.stringify(server.requests)).not.toContain(keys.accessKeyId);
  });

  test('the SDK repeats what a closed connection lost, once', async () => {
    await using server = await start();
    server.faults.push({route: 'PutObject', fault: {kind: 'close-before'}});
    await clientOf(server, {maxAttempts: 2}).send(new PutObjectCommand({Bucket, Key: 'k', Body: 'x'}));
    expect([server.keys(Bucket), server.requests.length]).toEqual([['k'], 2]);
  });
});

test('an unknown operation is refused by name, not answered wrongly', async () => {
  await using server = await start();
  const {GetBucketAclCommand} = await import('@aws-sdk/client-s3');
  await expect(clientOf(server).send(new GetBucketAclCommand({Bucket}))).rejects.toMatchObject({
    name: 'NotImplemented',
    $metadata: {httpStatusCode: 501},
  });
});

async function raw(
  server: S3StandIn,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer,
): Promise<{status: number; body: string}> {
  const request = httpRequest(`${server.url}${path}`, {method, headers, setHost: false});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString()};
}

function tampered<T extends {body: unknown}>(request: T): T {
  const flip = (bytes: Uint8Array) => Buffer.from(bytes).fill('b', 500, 501);
  const body = request.body;
  if (body instanceof Uint8Array) return Object.assign(request, {body: flip(body)});
  const through = async function* () {
    for await (const chunk of body as AsyncIterable<Uint8Array>) yield chunk.length >= 1_000 ? flip(chunk) : chunk;
  };
  return Object.assign(request, {body: Readable.from(through())});
}

/** Sends every host name to this machine, where names below localhost may not resolve. */
async function localHandler(): Promise<NonNullable<S3ClientConfig['requestHandler']>> {
  const {Agent} = await import('node:http');
  const lookup = (_host: string, options: {all?: boolean}, done: (...found: unknown[]) => void) =>
    options.all ? done(null, [{address: '127.0.0.1', family: 4}]) : done(null, '127.0.0.1', 4);
  return {httpAgent: new Agent({lookup: lookup as never})};
}
