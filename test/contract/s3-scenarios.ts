import {createHash} from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** A server under test, and how to reach it with more than the usual client. */
export interface S3Subject {
  readonly client: S3Client;
  /** A bucket of this scenario's own; made when it is missing. */
  readonly bucket: string;
  clientWith(config: S3ClientConfig): S3Client;
}

/** Does something with the AWS SDK and says what came of it, as plain data that two servers can be compared by. */
export type Scenario = (subject: S3Subject) => Promise<unknown>;

const MiB = 1024 * 1024;

/** The answer, or the error's code and status. */
async function outcome(call: Promise<unknown>, keep: (answer: any) => unknown = () => 'ok'): Promise<unknown> {
  try {
    return keep(await call);
  } catch (error) {
    const {name, $metadata} = error as {name: string; $metadata?: {httpStatusCode?: number}};
    return $metadata?.httpStatusCode ? `${$metadata.httpStatusCode} ${name}` : String(error);
  }
}

async function text(answer: {Body?: {transformToString(): Promise<string>}}): Promise<string> {
  return (await answer.Body?.transformToString()) ?? '';
}

const put = ({client, bucket}: S3Subject, Key: string, Body: string | Buffer, more: object = {}) =>
  client.send(new PutObjectCommand({Bucket: bucket, Key, Body, ...more}));
const get = ({client, bucket}: S3Subject, Key: string, more: object = {}) =>
  client.send(new GetObjectCommand({Bucket: bucket, Key, ...more}));
const head = ({client, bucket}: S3Subject, Key: string, more: object = {}) =>
  client.send(new HeadObjectCommand({Bucket: bucket, Key, ...more}));

async function upload(
  subject: S3Subject,
  Key: string,
  bodies: readonly Buffer[],
  created: object = {},
): Promise<{UploadId: string; parts: CompletedPart[]}> {
  const {client, bucket: Bucket} = subject;
  const {UploadId} = await client.send(new CreateMultipartUploadCommand({Bucket, Key, ...created}));
  const parts: CompletedPart[] = [];
  for (const [i, Body] of bodies.entries()) {
    const {ETag, ChecksumCRC32, ChecksumSHA256} = await client.send(
      new UploadPartCommand({Bucket, Key, UploadId, PartNumber: i + 1, Body, ...created}),
    );
    parts.push({
      PartNumber: i + 1,
      ETag,
      ...(ChecksumCRC32 ? {ChecksumCRC32} : {}),
      ...(ChecksumSHA256 ? {ChecksumSHA256} : {}),
    });
  }
  return {UploadId: UploadId!, parts};
}

const complete = (
  {client, bucket: Bucket}: S3Subject,
  Key: string,
  UploadId: string,
  Parts: readonly CompletedPart[],
  more: object = {},
) =>
  client.send(
    new CompleteMultipartUploadCommand({Bucket, Key, UploadId, MultipartUpload: {Parts: [...Parts]}, ...more}),
  );

export const scenarios: Readonly<Record<string, Scenario>> = {
  'an object comes back with its headers and metadata': async (s) => {
    await put(s, 'o', 'hello', {
      ContentType: 'text/x-test',
      CacheControl: 'no-store',
      ContentEncoding: 'zstd',
      Metadata: {release: 'r-1', Umlaut: 'plain'},
    });
    const {ETag, ContentType, CacheControl, ContentEncoding, Metadata, ContentLength, AcceptRanges, ...rest} =
      await get(s, 'o');
    return {
      ETag,
      ContentType,
      CacheControl,
      ContentEncoding,
      Metadata,
      ContentLength,
      AcceptRanges,
      body: await text(rest),
    };
  },
  'without a type an object is octets': async (s) => {
    await put(s, 'o', Buffer.from('x'));
    return (await head(s, 'o')).ContentType;
  },
  'an empty object is an object': async (s) => {
    await put(s, 'empty', '', {ContentLength: 0});
    return [(await head(s, 'empty')).ContentLength, await text(await get(s, 'empty')), (await head(s, 'empty')).ETag];
  },
  'keys may hold anything': async (s) => {
    const keys = ['a b', 'a+b', 'ü/é', 'q?x=1&y', 'per%cent', "it's(1)*!", 'hash#1', '日本/語', 'tilde~_-.'];
    for (const key of keys) await put(s, key, key);
    const read = await Promise.all(keys.map(async (key) => text(await get(s, key))));
    const {Contents} = await s.client.send(new ListObjectsV2Command({Bucket: s.bucket}));
    return [read.every((body, i) => body === keys[i]), Contents?.map((object) => object.Key)];
  },
  'what is missing is missing by its right name': async (s) => [
    await outcome(get(s, 'none')),
    await outcome(head(s, 'none')),
    await outcome(s.client.send(new ListObjectsV2Command({Bucket: 'no-such-bucket-here'}))),
    await outcome(s.client.send(new HeadBucketCommand({Bucket: 'no-such-bucket-here'}))),
    await outcome(s.client.send(new DeleteObjectCommand({Bucket: s.bucket, Key: 'none'}))),
  ],
  'ranges: first, middle, open end, suffix, past the end, outside': async (s) => {
    await put(s, 'o', '0123456789');
    const range = (Range: string) =>
      outcome(get(s, 'o', {Range}), async (answer) =>
        [answer.$metadata.httpStatusCode, answer.ContentRange, await text(answer)].join(' '),
      );
    const answers: unknown[] = [];
    for (const wanted of [
      'bytes=0-0',
      'bytes=3-5',
      'bytes=7-',
      'bytes=-3',
      'bytes=-30',
      'bytes=5-99',
      'bytes=10-',
      'bytes=20-30',
    ])
      answers.push(await range(wanted));
    return answers;
  },
  'conditional reads': async (s) => {
    const {ETag} = await put(s, 'o', 'x');
    return [
      await outcome(get(s, 'o', {IfNoneMatch: ETag})),
      await outcome(get(s, 'o', {IfNoneMatch: '"other"'})),
      await outcome(get(s, 'o', {IfMatch: '"other"'})),
      await outcome(get(s, 'o', {IfMatch: ETag})),
    ];
  },
  'lists page by token, in order, and never lose a key': async (s) => {
    const keys = Array.from({length: 23}, (_, i) => `p/${String(i).padStart(3, '0')}`);
    for (const key of [...keys, 'q/other']) await put(s, key, 'x');
    const pages: unknown[] = [];
    for (let ContinuationToken: string | undefined; ; ) {
      const page: any = await s.client.send(
        new ListObjectsV2Command({Bucket: s.bucket, Prefix: 'p/', MaxKeys: 10, ContinuationToken}),
      );
      pages.push([page.KeyCount, page.IsTruncated, page.Contents?.map((object: any) => object.Key)]);
      ContinuationToken = page.NextContinuationToken;
      if (!ContinuationToken) return pages;
    }
  },
  'lists roll up by delimiter, and rolled-up prefixes count': async (s) => {
    for (const key of ['a/1', 'a/2', 'b', 'c/x/1', 'c/x/2', 'c/y', 'd']) await put(s, key, 'x');
    const list = async (query: object) => {
      const {Contents, CommonPrefixes, IsTruncated, KeyCount} = await s.client.send(
        new ListObjectsV2Command({Bucket: s.bucket, ...query}),
      );
      return [
        Contents?.map((object) => object.Key) ?? [],
        CommonPrefixes?.map((prefix) => prefix.Prefix) ?? [],
        IsTruncated,
        KeyCount,
      ];
    };
    return [
      await list({Delimiter: '/'}),
      await list({Delimiter: '/', Prefix: 'c/'}),
      await list({Delimiter: '/', MaxKeys: 2}),
      await list({StartAfter: 'b'}),
      await list({Prefix: 'zzz'}),
    ];
  },
  'paging through rolled-up prefixes': async (s) => {
    for (const key of ['a/1', 'a/2', 'b/1', 'b/2', 'c', 'd/1']) await put(s, key, 'x');
    const seen: unknown[] = [];
    for (let ContinuationToken: string | undefined; ; ) {
      const page: any = await s.client.send(
        new ListObjectsV2Command({Bucket: s.bucket, Delimiter: '/', MaxKeys: 1, ContinuationToken}),
      );
      seen.push(
        ...(page.Contents ?? []).map((object: any) => object.Key),
        ...(page.CommonPrefixes ?? []).map((prefix: any) => prefix.Prefix),
      );
      ContinuationToken = page.NextContinuationToken;
      if (!ContinuationToken || seen.length > 20) return seen;
    }
  },
  'order is by UTF-8 bytes': async (s) => {
    for (const key of ['a', 'B', 'é', '\uffee', '\u{1f600}', 'Z', '_']) await put(s, key, 'x');
    return (await s.client.send(new ListObjectsV2Command({Bucket: s.bucket}))).Contents?.map((object) => object.Key);
  },
  'the old list pages by marker': async (s) => {
    for (const key of ['a', 'b', 'c']) await put(s, key, 'x');
    const first = await s.client.send(new ListObjectsCommand({Bucket: s.bucket, MaxKeys: 2}));
    const second = await s.client.send(new ListObjectsCommand({Bucket: s.bucket, Marker: 'b'}));
    return [first, second].map((page) => [page.Contents?.map((object) => object.Key), page.IsTruncated]);
  },
  'many are deleted at once, absent ones too': async (s) => {
    for (const key of ['a', 'b', 'c']) await put(s, key, 'x');
    const {Deleted, Errors} = await s.client.send(
      new DeleteObjectsCommand({Bucket: s.bucket, Delete: {Objects: [{Key: 'a'}, {Key: 'c'}, {Key: 'none'}]}}),
    );
    const quiet = await s.client.send(
      new DeleteObjectsCommand({Bucket: s.bucket, Delete: {Objects: [{Key: 'a'}], Quiet: true}}),
    );
    const left = await s.client.send(new ListObjectsV2Command({Bucket: s.bucket}));
    return [
      Deleted?.map((one) => one.Key).sort(),
      Errors ?? [],
      quiet.Deleted ?? [],
      left.Contents?.map((object) => object.Key),
    ];
  },
  'a multipart upload is invisible until completed, then whole': async (s) => {
    const bodies = [Buffer.alloc(5 * MiB, 'a'), Buffer.alloc(5 * MiB, 'b'), Buffer.from('tail')];
    const {UploadId, parts} = await upload(s, 'big', bodies);
    const before = await outcome(head(s, 'big'));
    const listed = await s.client.send(new ListPartsCommand({Bucket: s.bucket, Key: 'big', UploadId}));
    const paged = await s.client.send(new ListPartsCommand({Bucket: s.bucket, Key: 'big', UploadId, MaxParts: 2}));
    const under = await s.client.send(new ListMultipartUploadsCommand({Bucket: s.bucket}));
    const {ETag} = await complete(s, 'big', UploadId, parts);
    const digests = bodies.map((body) => createHash('md5').update(body).digest());
    const expected = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-3"`;
    const after = await s.client.send(new ListMultipartUploadsCommand({Bucket: s.bucket}));
    return [
      before,
      listed.Parts?.map((part) => [part.PartNumber, part.Size]),
      [paged.IsTruncated, paged.Parts?.length, String(paged.NextPartNumberMarker)],
      under.Uploads?.map((one) => one.Key),
      ETag === expected,
      (await head(s, 'big')).ContentLength,
      await text(await get(s, 'big', {Range: `bytes=${5 * MiB - 2}-${5 * MiB + 1}`})),
      await text(await get(s, 'big', {Range: 'bytes=-6'})),
      after.Uploads ?? [],
    ];
  },
  'part numbers may have gaps, and a part sent again counts': async (s) => {
    const {client, bucket: Bucket} = s;
    const {UploadId} = await client.send(new CreateMultipartUploadCommand({Bucket, Key: 'gap'}));
    const send = async (PartNumber: number, Body: Buffer) => ({
      PartNumber,
      ...(await client.send(new UploadPartCommand({Bucket, Key: 'gap', UploadId, PartNumber, Body}))),
    });
    await send(7, Buffer.from('old'));
    const last = await send(7, Buffer.from('new'));
    const first = await send(3, Buffer.alloc(5 * MiB, 'x'));
    const part = ({PartNumber, ETag, ChecksumCRC32}: CompletedPart) => ({
      PartNumber,
      ETag,
      ...(ChecksumCRC32 ? {ChecksumCRC32} : {}),
    });
    await complete(s, 'gap', UploadId!, [part(first), part(last)]);
    return text(await get(s, 'gap', {Range: 'bytes=-4'}));
  },
  'a multipart upload that is wrong is refused by its right name': async (s) => {
    const small = await upload(s, 'm', [Buffer.from('too small'), Buffer.from('tail')]);
    const big = await upload(s, 'm', [Buffer.alloc(5 * MiB), Buffer.from('tail')]);
    const answers = [
      await outcome(complete(s, 'm', small.UploadId, small.parts)),
      await outcome(complete(s, 'm', big.UploadId, [...big.parts].reverse())),
      await outcome(complete(s, 'm', big.UploadId, [{...big.parts[0]!, ETag: `"${'0'.repeat(32)}"`}, big.parts[1]!])),
      await outcome(complete(s, 'm', big.UploadId, [...big.parts, {...big.parts[1]!, PartNumber: 9}])),
      await outcome(complete(s, 'm', 'no-such-upload', big.parts)),
      await outcome(
        s.client.send(new AbortMultipartUploadCommand({Bucket: s.bucket, Key: 'm', UploadId: big.UploadId})),
      ),
      await outcome(complete(s, 'm', big.UploadId, big.parts)),
      await outcome(
        s.client.send(new AbortMultipartUploadCommand({Bucket: s.bucket, Key: 'm', UploadId: big.UploadId})),
      ),
      await outcome(s.client.send(new ListPartsCommand({Bucket: s.bucket, Key: 'm', UploadId: big.UploadId}))),
      await outcome(head(s, 'm')),
    ];
    await s.client.send(new AbortMultipartUploadCommand({Bucket: s.bucket, Key: 'm', UploadId: small.UploadId}));
    return answers;
  },
  'an object is read by its parts': async (s) => {
    const {UploadId, parts} = await upload(s, 'big', [Buffer.alloc(5 * MiB, 'a'), Buffer.from('tail')]);
    await complete(s, 'big', UploadId, parts);
    const second = await get(s, 'big', {PartNumber: 2});
    return [second.PartsCount, second.ContentLength, await text(second)];
  },
  'writes only if nothing is there': async (s) => {
    const answers = [
      await outcome(put(s, 'k', 'first', {IfNoneMatch: '*'})),
      await outcome(put(s, 'k', 'second', {IfNoneMatch: '*'})),
    ];
    return [...answers, await text(await get(s, 'k'))];
  },
  'completes only if nothing is there': async (s) => {
    const one = await upload(s, 'k', [Buffer.from('one')]);
    const two = await upload(s, 'k', [Buffer.from('two')]);
    const answers = [
      await outcome(complete(s, 'k', one.UploadId, one.parts, {IfNoneMatch: '*'})),
      await outcome(complete(s, 'k', two.UploadId, two.parts, {IfNoneMatch: '*'})),
    ];
    await s.client
      .send(new AbortMultipartUploadCommand({Bucket: s.bucket, Key: 'k', UploadId: two.UploadId}))
      .catch(() => undefined);
    return [...answers, await text(await get(s, 'k'))];
  },
  'writes only over what was read': async (s) => {
    const {ETag} = await put(s, 'k', 'one');
    return [
      await outcome(put(s, 'k', 'two', {IfMatch: ETag})),
      await outcome(put(s, 'k', 'three', {IfMatch: ETag})),
      await outcome(put(s, 'none', 'x', {IfMatch: ETag})),
      await text(await get(s, 'k')),
    ];
  },
  'a copy keeps or replaces metadata, and one onto itself is refused': async (s) => {
    await put(s, 'from', 'body', {Metadata: {a: '1'}, ContentType: 'text/plain'});
    const copy = (Key: string, more: object = {}) =>
      s.client.send(new CopyObjectCommand({Bucket: s.bucket, Key, CopySource: `${s.bucket}/from`, ...more}));
    await copy('kept');
    await copy('replaced', {MetadataDirective: 'REPLACE', Metadata: {b: '2'}, ContentType: 'text/x-new'});
    const [kept, replaced] = [await head(s, 'kept'), await head(s, 'replaced')];
    return [
      kept.Metadata,
      kept.ContentType,
      replaced.Metadata,
      replaced.ContentType,
      await text(await get(s, 'replaced')),
      await outcome(copy('from')),
      await outcome(s.client.send(new CopyObjectCommand({Bucket: s.bucket, Key: 'x', CopySource: `${s.bucket}/none`}))),
    ];
  },
  'tags are set, counted, read and removed': async (s) => {
    const at = {Bucket: s.bucket, Key: 'o'};
    await put(s, 'o', 'x', {Tagging: 'set=s1&kind=dump'});
    const first = await s.client.send(new GetObjectTaggingCommand(at));
    await s.client.send(new PutObjectTaggingCommand({...at, Tagging: {TagSet: [{Key: 'keep', Value: 'yes + @no/1'}]}}));
    const second = await s.client.send(new GetObjectTaggingCommand(at));
    const count = (await get(s, 'o')).TagCount;
    await s.client.send(new DeleteObjectTaggingCommand(at));
    const odd = await outcome(
      s.client.send(new PutObjectTaggingCommand({...at, Tagging: {TagSet: [{Key: 'k', Value: '<v>'}]}})),
    );
    const byKey = (tags: any) => [...(tags.TagSet ?? [])].sort((a, b) => (a.Key < b.Key ? -1 : 1));
    return [byKey(first), byKey(second), count, odd, (await s.client.send(new GetObjectTaggingCommand(at))).TagSet];
  },
  'versions: the newest serves, a deletion is a marker, and old ones stay': async (s) => {
    const {client, bucket: Bucket} = s;
    await put(s, 'v', 'before');
    await client.send(new PutBucketVersioningCommand({Bucket, VersioningConfiguration: {Status: 'Enabled'}}));
    const one = await put(s, 'v', 'one');
    await put(s, 'v', 'two');
    const gone = await client.send(new DeleteObjectCommand({Bucket, Key: 'v'}));
    const missing = await outcome(get(s, 'v'));
    const old = await text(await get(s, 'v', {VersionId: one.VersionId}));
    const before = await text(await get(s, 'v', {VersionId: 'null'}));
    const {Versions, DeleteMarkers} = await client.send(new ListObjectVersionsCommand({Bucket, Prefix: 'v'}));
    const objects = await client.send(new ListObjectsV2Command({Bucket}));
    await client.send(new DeleteObjectCommand({Bucket, Key: 'v', VersionId: gone.VersionId}));
    return [
      gone.DeleteMarker,
      missing,
      old,
      before,
      Versions?.map((version) => [version.Size, version.IsLatest]),
      DeleteMarkers?.map((marker) => marker.IsLatest),
      objects.KeyCount,
      await text(await get(s, 'v')),
    ];
  },
  'object lock holds what it holds': async (s) => {
    const Bucket = `${s.bucket}-locked`;
    const locked = {...s, bucket: Bucket};
    await s.client.send(new CreateBucketCommand({Bucket, ObjectLockEnabledForBucket: true}));
    const until = new Date(Date.now() + 3_600_000);
    const {VersionId} = await put(locked, 'k', 'x', {ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until});
    const remove = (more: object = {}) =>
      outcome(s.client.send(new DeleteObjectCommand({Bucket, Key: 'k', VersionId, ...more})));
    const at = {Bucket, Key: 'k', VersionId};
    const held = await remove();
    const retention = await s.client.send(new GetObjectRetentionCommand(at));
    await s.client.send(new PutObjectLegalHoldCommand({...at, LegalHold: {Status: 'ON'}}));
    const hold = await s.client.send(new GetObjectLegalHoldCommand(at));
    const byHold = await remove({BypassGovernanceRetention: true});
    await s.client.send(new PutObjectLegalHoldCommand({...at, LegalHold: {Status: 'OFF'}}));
    const shortened = await outcome(
      s.client.send(
        new PutObjectRetentionCommand({
          ...at,
          Retention: {Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 60_000)},
        }),
      ),
    );
    return [
      held,
      retention.Retention?.Mode,
      hold.LegalHold?.Status,
      byHold,
      shortened,
      await remove({BypassGovernanceRetention: true}),
    ];
  },
  'a lock needs a bucket made for it': async (s) =>
    outcome(put(s, 'k', 'x', {ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: new Date(Date.now() + 60_000)})),
  'checksums are kept and given back': async (s) => {
    const answers: unknown[] = [];
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME'] as const) {
      await put(s, ChecksumAlgorithm, 'the body', {ChecksumAlgorithm});
      const {ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256, ChecksumCRC64NVME} = await head(
        s,
        ChecksumAlgorithm,
        {ChecksumMode: 'ENABLED'},
      );
      answers.push([ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256, ChecksumCRC64NVME].filter(Boolean));
    }
    return answers;
  },
  'a multipart checksum is one over the parts': async (s) => {
    const {UploadId, parts} = await upload(s, 'big', [Buffer.alloc(5 * MiB, 'a'), Buffer.from('tail')], {
      ChecksumAlgorithm: 'SHA256',
    });
    await complete(s, 'big', UploadId, parts);
    return (await head(s, 'big', {ChecksumMode: 'ENABLED'})).ChecksumSHA256;
  },
  'a body that is not what its checksum says is refused': async (s) => [
    await outcome(put(s, 'k', 'body', {ChecksumCRC32: 'AAAAAA=='})),
    await outcome(put(s, 'k', 'body', {ChecksumSHA256: createHash('sha256').update('other').digest('base64')})),
    await outcome(put(s, 'k', 'body', {ContentMD5: createHash('md5').update('other').digest('base64')})),
    await outcome(put(s, 'k', 'body', {ContentMD5: 'short'})),
    await outcome(head(s, 'k')),
  ],
  'strangers are refused': async (s) => {
    const list = (config: S3ClientConfig) =>
      outcome(s.clientWith(config).send(new ListObjectsV2Command({Bucket: s.bucket})));
    const credentials = await s.client.config.credentials();
    return [
      await list({credentials: {...credentials, secretAccessKey: 'wrong'}}),
      await list({credentials: {...credentials, accessKeyId: 'AKIANOBODY'}}),
      await list({systemClockOffset: 20 * 60_000}),
    ];
  },
};

/** Opens a client for a server; path style, no retries, so that what is seen is what was answered. */
export function subjectOf(
  endpoint: string,
  credentials: {accessKeyId: string; secretAccessKey: string},
  bucket: string,
): S3Subject & Disposable {
  const clients: S3Client[] = [];
  const clientWith = (config: S3ClientConfig) => {
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      ...config,
    });
    clients.push(client);
    return client;
  };
  return {
    client: clientWith({}),
    bucket,
    clientWith,
    [Symbol.dispose]: () => {
      for (const client of clients) client.destroy();
    },
  };
}
