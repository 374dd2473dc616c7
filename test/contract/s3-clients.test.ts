import {spawn} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CreateBucketCommand} from '@aws-sdk/client-s3';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {programPath, startMoto, testCredentials} from './moto.js';
import {scenarios, subjectOf} from './s3-scenarios.js';

let standIn: S3StandIn;
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchback-s3-clients-'));
  standIn = await startS3({...testCredentials, buckets: ['tools'], dir});
});
afterAll(async () => {
  await standIn.close();
  await rm(dir, {recursive: true});
});

async function play(endpoint: string, name: string): Promise<unknown> {
  const bucket = `scenario-${Object.keys(scenarios).indexOf(name)}`;
  using subject = subjectOf(endpoint, testCredentials, bucket);
  await subject.client.send(new CreateBucketCommand({Bucket: bucket}));
  return scenarios[name]!(subject).catch((error: unknown) => `gave up: ${String(error)}`);
}

const mib5 = 5 * 1024 * 1024;
const keys = (from: number, to: number) =>
  Array.from({length: to - from}, (_, i) => `p/${String(from + i).padStart(3, '0')}`);

/** What S3 answers, by its documentation. */
const expected: Readonly<Record<string, unknown>> = {
  'an object comes back with its headers and metadata': {
    ETag: '"5d41402abc4b2a76b9719d911017c592"',
    ContentType: 'text/x-test',
    CacheControl: 'no-store',
    ContentEncoding: 'zstd',
    Metadata: {release: 'r-1', umlaut: 'plain'},
    ContentLength: 5,
    AcceptRanges: 'bytes',
    body: 'hello',
  },
  'without a type an object is octets': 'application/octet-stream',
  'an empty object is an object': [0, '', '"d41d8cd98f00b204e9800998ecf8427e"'],
  'keys may hold anything': [
    true,
    ['a b', 'a+b', 'hash#1', "it's(1)*!", 'per%cent', 'q?x=1&y', 'tilde~_-.', 'ü/é', '日本/語'],
  ],
  'what is missing is missing by its right name': [
    '404 NoSuchKey',
    '404 NotFound',
    '404 NoSuchBucket',
    '404 NotFound',
    'ok',
  ],
  'ranges: first, middle, open end, suffix, past the end, outside': [
    '206 bytes 0-0/10 0',
    '206 bytes 3-5/10 345',
    '206 bytes 7-9/10 789',
    '206 bytes 7-9/10 789',
    '206 bytes 0-9/10 0123456789',
    '206 bytes 5-9/10 56789',
    '416 InvalidRange',
    '416 InvalidRange',
  ],
  'conditional reads': ['304 Unknown', 'ok', '412 PreconditionFailed', 'ok'],
  'lists page by token, in order, and never lose a key': [
    [10, true, keys(0, 10)],
    [10, true, keys(10, 20)],
    [3, false, keys(20, 23)],
  ],
  'lists roll up by delimiter, and rolled-up prefixes count': [
    [['b', 'd'], ['a/', 'c/'], false, 4],
    [['c/y'], ['c/x/'], false, 2],
    [['b'], ['a/'], true, 2],
    [['c/x/1', 'c/x/2', 'c/y', 'd'], [], false, 4],
    [[], [], false, 0],
  ],
  'paging through rolled-up prefixes': ['a/', 'b/', 'c', 'd/'],
  'order is by UTF-8 bytes': ['B', 'Z', '_', 'a', 'é', '\uffee', '\u{1f600}'],
  'the old list pages by marker': [
    [['a', 'b'], true],
    [['c'], false],
  ],
  'many are deleted at once, absent ones too': [['a', 'c', 'none'], [], [], ['b']],
  'a multipart upload is invisible until completed, then whole': [
    '404 NotFound',
    [
      [1, mib5],
      [2, mib5],
      [3, 4],
    ],
    [true, 2, '2'],
    ['big'],
    true,
    2 * mib5 + 4,
    'aabb',
    'bbtail',
    [],
  ],
  'part numbers may have gaps, and a part sent again counts': 'xnew',
  'a multipart upload that is wrong is refused by its right name': [
    '400 EntityTooSmall',
    '400 InvalidPartOrder',
    '400 InvalidPart',
    '400 InvalidPart',
    '404 NoSuchUpload',
    'ok',
    '404 NoSuchUpload',
    '404 NoSuchUpload',
    '404 NoSuchUpload',
    '404 NotFound',
  ],
  'an object is read by its parts': [2, 4, 'tail'],
  'writes only if nothing is there': ['ok', '412 PreconditionFailed', 'first'],
  'completes only if nothing is there': ['ok', '412 PreconditionFailed', 'one'],
  'writes only over what was read': ['ok', '412 PreconditionFailed', '404 NoSuchKey', 'two'],
  'a copy keeps or replaces metadata, and one onto itself is refused': [
    {a: '1'},
    'text/plain',
    {b: '2'},
    'text/x-new',
    'body',
    '400 InvalidRequest',
    '404 NoSuchKey',
  ],
  'tags are set, counted, read and removed': [
    [
      {Key: 'kind', Value: 'dump'},
      {Key: 'set', Value: 's1'},
    ],
    [{Key: 'keep', Value: 'yes + @no/1'}],
    1,
    '400 InvalidTag',
    [],
  ],
  'versions: the newest serves, a deletion is a marker, and old ones stay': [
    true,
    '404 NoSuchKey',
    'one',
    'before',
    [
      [3, false],
      [3, false],
      [6, false],
    ],
    [true],
    0,
    'two',
  ],
  'object lock holds what it holds': [
    '403 AccessDenied',
    'GOVERNANCE',
    'ON',
    '403 AccessDenied',
    '403 AccessDenied',
    'ok',
  ],
  'a lock needs a bucket made for it': '400 InvalidRequest',
  'checksums are kept and given back': [
    ['lnUnwg=='],
    ['lEfIpA=='],
    ['OadhSBelQZmKgz9//aQh2o+slAw='],
    ['+oJC6Z9IlmylFAkrQjO0RoUfQrV61QMb8TPh3XZ4fz4='],
    ['Tm8EpErIZgY='],
  ],
  'a multipart checksum is one over the parts': '02fcpk5/QKJNsvzEdkeBlFeIWeYNwKJOAWPjbe9fHIs=-2',
  'a body that is not what its checksum says is refused': [
    '400 BadDigest',
    '400 BadDigest',
    '400 BadDigest',
    '400 InvalidDigest',
    '404 NotFound',
  ],
  'strangers are refused': ['403 SignatureDoesNotMatch', '403 InvalidAccessKeyId', '403 RequestTimeTooSkewed'],
};

describe('the AWS SDK finds S3', () => {
  test.each(Object.keys(scenarios))('%s', async (name) => {
    expect(await play(standIn.url, name)).toEqual(expected[name]);
  });
});

/** Where moto is not like S3, and so not like the stand-in. A row that no longer differs fails: it has to go. */
const motoDiffers: Readonly<Record<string, string>> = {
  'many are deleted at once, absent ones too': 'lists deleted keys although the request asked for quiet',
  'a multipart upload that is wrong is refused by its right name':
    'looks at sizes before the order, answers 500 for an unknown upload',
  'an object is read by its parts': 'ignores partNumber',
  'object lock holds what it holds': "answers a legal hold with a document that the SDK can't read",
  'a multipart checksum is one over the parts': 'leaves out the number of parts',
  'a body that is not what its checksum says is refused': 'verifies no checksum and no Content-MD5',
  'strangers are refused': 'verifies no signature',
};

(programPath('moto_server') ? describe : describe.skip)('moto, written by others, answers the same', () => {
  let moto: Awaited<ReturnType<typeof startMoto>>;
  beforeAll(async () => {
    moto = await startMoto('first');
  }, 60_000);
  afterAll(() => moto?.close());

  test.each(Object.keys(scenarios).filter((name) => !(name in motoDiffers)))('%s', async (name) => {
    expect(await play(moto.endpoint, name)).toEqual(expected[name]);
  });

  test.each(Object.entries(motoDiffers))('except: %s (moto %s)', async (name) => {
    expect(await play(moto.endpoint, name)).not.toEqual(expected[name]);
  });
});

/** Runs a program with credentials in its environment; rejects with its words unless it ends well. */
function tool(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = spawn(program, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    const timer = setTimeout(() => child.kill('SIGKILL'), 25_000);
    child.on('close', () => clearTimeout(timer));
    child.on('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${program} ended with ${code}: ${err.slice(-1_500)}`)),
    );
  });
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const big = randomBytes(20 * 1024 * 1024 + 17);

const python = `
import io, sys, hashlib, urllib.request, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
s3 = boto3.client('s3', endpoint_url=sys.argv[1], config=Config(signature_version='s3v4', s3={'addressing_style': 'path'}, retries={'max_attempts': 1}))
body = open(sys.argv[2], 'rb').read()
s3.upload_fileobj(io.BytesIO(body), 'tools', 'boto/big')
got = io.BytesIO(); s3.download_fileobj('tools', 'boto/big', got)
for i in range(7): s3.put_object(Bucket='tools', Key='boto/n/%d' % i, Body=b'x')
pages = [[o['Key'] for o in p['Contents']] for p in s3.get_paginator('list_objects_v2').paginate(Bucket='tools', Prefix='boto/n/', PaginationConfig={'PageSize': 3})]
url = s3.generate_presigned_url('get_object', Params={'Bucket': 'tools', 'Key': 'boto/n/3'}, ExpiresIn=60)
signed = urllib.request.urlopen(url).read()
try: urllib.request.urlopen(url.replace('n/3', 'n/4')); tampered = 'served'
except urllib.error.HTTPError as e: tampered = e.code
try: s3.put_object(Bucket='tools', Key='boto/n/0', Body=b'y', IfNoneMatch='*'); again = 'written'
except ClientError as e: again = e.response['Error']['Code']
print(hashlib.md5(got.getvalue()).hexdigest(), [len(p) for p in pages], signed.decode(), tampered, again)
`;

const hasBoto3 = programPath('python3') !== undefined && programPath('aws') !== undefined;

describe('clients that nobody here wrote', () => {
  beforeAll(() => writeFile(join(dir, 'big'), big));

  (hasBoto3 ? test : test.skip)('boto3: parallel multipart, paginator, presigned URLs, conditions', async () => {
    const said = await tool('python3', ['-c', python, standIn.url, join(dir, 'big')]);
    expect(said.trim()).toBe(`${md5(big)} [3, 3, 1] x 403 PreconditionFailed`);
    expect(md5(await standIn.read('tools', 'boto/big'))).toBe(md5(big));
  });

  (hasBoto3 ? test : test.skip)('aws command line: multipart cp and back, sync, ls, rm', async () => {
    const aws = (...args: string[]) => tool('aws', ['--endpoint-url', standIn.url, ...args]);
    await aws('s3', 'cp', join(dir, 'big'), 's3://tools/cli/big');
    await mkdir(join(dir, 'tree', 'ü b'), {recursive: true});
    for (const name of ['one', 'ü b/two']) await writeFile(join(dir, 'tree', name), name);
    await aws('s3', 'sync', join(dir, 'tree'), 's3://tools/cli/tree');
    await aws('s3', 'cp', 's3://tools/cli/big', join(dir, 'back'));
    expect(md5(await readFile(join(dir, 'back')))).toBe(md5(big));
    expect(standIn.objects('tools').find((object) => object.key === 'cli/big')?.etag).toMatch(/-3$/);
    expect((await standIn.read('tools', 'cli/tree/ü b/two')).toString()).toBe('ü b/two');
    expect(await aws('s3', 'ls', 's3://tools/cli/')).toMatch(/PRE tree\/[\s\S]*20971537 big/);
    await aws('s3', 'rm', '--recursive', 's3://tools/cli/');
    expect(standIn.keys('tools').filter((key) => key.startsWith('cli/'))).toEqual([]);
  });

  (programPath('rclone') ? test : test.skip)('rclone: copies a tree, checks it, lists it, deletes it', async () => {
    const remote = ':s3,provider=Other,env_auth=true,region=us-east-1,force_path_style=true,no_check_bucket=true';
    const rclone = (...args: string[]) =>
      tool('rclone', [
        '--config',
        '/dev/null',
        '--s3-endpoint',
        standIn.url,
        '--s3-chunk-size',
        '5M',
        '--s3-upload-cutoff',
        '6M',
        '--retries',
        '1',
        '--low-level-retries',
        '1',
        ...args,
      ]);
    await mkdir(join(dir, 'rtree', 'deep'), {recursive: true});
    await writeFile(join(dir, 'rtree', 'big'), big);
    await writeFile(join(dir, 'rtree', 'deep', 'a+b %20'), 'small');
    await rclone('copy', join(dir, 'rtree'), `${remote}:tools/rclone`);
    await rclone('check', '--download', join(dir, 'rtree'), `${remote}:tools/rclone`);
    expect((await rclone('lsf', '-R', `${remote}:tools/rclone`)).split('\n').filter(Boolean).sort()).toEqual([
      'big',
      'deep/',
      'deep/a+b %20',
    ]);
    await rclone('purge', `${remote}:tools/rclone`);
    expect(standIn.keys('tools').filter((key) => key.startsWith('rclone/'))).toEqual([]);
  });
});
