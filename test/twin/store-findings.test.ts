import {CreateBucketCommand} from '@aws-sdk/client-s3';
import {afterEach, describe, expect, test} from '@jest/globals';
import {writeSet} from '../../src/backup/write-set.js';
import {parseConfig} from '../../src/config/load-config.js';
import type {ConfigText} from '../../src/config/schema.js';
import {loadRecipients} from '../../src/crypto/recipients.js';
import {makeKeys} from '../../src/rehearsal/keys.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {placeFindings, sharedOwner, storeFindings} from '../../src/release/store-findings.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {testCredentials} from '../contract/moto.js';
import {all} from '../contract/storage-conformance.js';

const minute = 60_000;
let s3: S3StandIn;
afterEach(async () => s3?.close());

const open = (partSize?: number) =>
  openS3Store({
    bucket: 'backups',
    prefix: 'sb',
    region: 'us-east-1',
    endpoint: s3.url,
    pathStyle: true,
    credentials: testCredentials,
    partSize,
  });

describe('row 37: clocks that differ', () => {
  test.each([6, -6, 20, -20])('a set is refused before anything is stored: %d minutes', async (minutes) => {
    s3 = await startS3({...testCredentials, buckets: ['backups'], now: () => Date.now() + minutes * minute});
    const store = open();
    const recipients = await loadRecipients([(await makeKeys()).publicKey], {nowMs: Date.now()});
    async function* stream() {
      yield Buffer.from('x');
    }
    const part = {
      role: 'configuration' as const,
      name: 'x',
      key: 'x.json.pgp',
      format: 'json' as const,
      compression: {method: 'none' as const, where: 'none' as const},
      stream: stream(),
    };
    const request = {
      series: {project: 'shop', environment: 'production'},
      recipients,
      reason: 'test',
      readBack: 'full' as const,
      parts: [part],
    };
    await expect(
      writeSet(request, {store, signal: new AbortController().signal, env: process.env}),
    ).rejects.toMatchObject({
      code: 'CLOCK',
      message: expect.stringContaining(minutes > 0 ? 'behind the store' : 'ahead of the store'),
    });
    expect(s3.requests.filter(({method}) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    store.close();
  });

  test('a slow source does not make its parts sign too early', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    const store = open(5 * 1024 * 1024);
    const full: number[] = [];
    async function* slowly() {
      for (let i = 0; i < 2; i++) {
        await new Promise((resolve) => setTimeout(resolve, 4_000));
        full.push(Math.floor(Date.now() / 1000) * 1000);
        yield Buffer.alloc(5 * 1024 * 1024, i);
      }
    }
    await store.upload('slow', slowly());
    const signed = s3.requests
      .filter(({operation}) => operation === 'UploadPart')
      .map(({headers}) => String(headers['x-amz-date']))
      .map((text) => Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')))
      .sort((a, b) => a - b);
    expect(signed).toHaveLength(2);
    // Two seconds for rounding on both sides.
    for (const [i, atMs] of signed.entries()) expect(atMs).toBeGreaterThanOrEqual(full[i]! - 2_000);
    store.close();
  }, 60_000);
});

describe('what preflight says of the store', () => {
  const configOf = (
    storage: Record<string, unknown>,
    database: Record<string, unknown> = {},
    also?: Record<string, unknown>,
  ) =>
    parseConfig(
      JSON.stringify({
        version: 1,
        product: 'shop',
        backend: {service: 'a', url: 'https://b.example'},
        database: {...database},
        backup: {
          recipients: ['keys/a.asc'],
          storage: {type: 's3', bucket: 'backups', endpoint: s3.url, 'path-style': true, ...storage},
          ...(also && {also}),
        },
      } satisfies ConfigText),
      'switchback.yml',
    ).config;
  const findings = async (
    config: ReturnType<typeof configOf>,
    url?: string,
    more: Readonly<Record<string, string>> = {},
  ) => {
    const rows = await storeFindings(
      config,
      {
        'storage-access-key-id': testCredentials.accessKeyId,
        'storage-secret-access-key': testCredentials.secretAccessKey,
        ...(url ? {'database-url': url} : {}),
        ...more,
      },
      {env: {}, signal: new AbortController().signal},
    );
    return Object.fromEntries(rows.map(({check, state, found}) => [check, `${state}: ${found}`]));
  };
  const locking = async () => {
    const store = open();
    await store.client.send(new CreateBucketCommand({Bucket: 'locking', ObjectLockEnabledForBucket: true}));
    store.close();
  };

  test('a plain bucket on time', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    const rows = await findings(configOf({}));
    expect(rows).toMatchObject({
      'store writable, readable, deletable': expect.stringMatching(/^ok/),
      'clock against the store': expect.stringMatching(/^ok/),
    });
    expect(rows['lock of the store']).toBeUndefined();
    expect(await all(open().list(''))).toEqual([]);
  });

  test('row 37: a clock that is wrong is a problem', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups'], now: () => Date.now() + 7 * minute});
    expect((await findings(configOf({})))['clock against the store']).toMatch(/^problem: .*behind the store/);
  });

  test('a lock: had, wanted and missing, possible and unused', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    await locking();
    const lock = async (storage: Record<string, unknown>) => (await findings(configOf(storage)))['lock of the store'];
    expect(await lock({bucket: 'locking', lock: '14d'})).toMatch(/^ok: governance lock for 14/);
    expect(await lock({lock: '14d'})).toMatch(/^problem: .*no object lock/);
    expect(await lock({bucket: 'locking'})).toMatch(/^warning: .*nothing asks/);
  });

  test('row 63: database and store with one provider are warned about', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    expect(sharedOwner('containers.proxy.rlwy.net', 'storage.railway.app')).toBe('Railway');
    expect(sharedOwner('postgres.railway.internal', 'bucket.storage.railway.app')).toBe('Railway');
    expect(sharedOwner('db.eu.rds.amazonaws.com', 's3.amazonaws.com')).toBe('amazonaws.com');
    expect(sharedOwner('proxy.rlwy.net', 's3.eu-central-003.backblazeb2.com')).toBeUndefined();
    expect(sharedOwner('127.0.0.1', '127.0.0.1')).toBeUndefined();
    const rows = (endpoint: string) =>
      placeFindings(
        configOf({endpoint}),
        {'database-url': 'postgres://a:b@x.proxy.rlwy.net:1234/railway'},
        {env: {}, signal: new AbortController().signal},
      );
    expect(rows('https://storage.railway.app')).toMatchObject([
      {state: 'warning', found: expect.stringContaining('both at Railway')},
    ]);
    expect(rows('https://s3.eu-central-003.backblazeb2.com')).toEqual([]);
  });

  test('row 63: two stores with one provider are warned about, apart they are well', async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    const railway = 'https://storage.railway.app';
    const rows = (first: string, second: Record<string, unknown>) =>
      Object.fromEntries(
        placeFindings(
          configOf({endpoint: first}, {}, {type: 's3', bucket: 'copies', ...second}),
          {'database-url': 'postgres://a:b@x.proxy.rlwy.net:1234/railway'},
          {env: {}, signal: new AbortController().signal},
        ).map(({check, state, found}) => [check, `${state}: ${found}`]),
      );
    const b2 = 'https://s3.eu-central-003.backblazeb2.com';
    expect(rows(railway, {endpoint: b2})).toEqual({
      'store apart from the database': expect.stringMatching(/^ok: .*both at Railway; the second store is not/),
      'second store: apart from the rest': expect.stringMatching(/^ok: s3.eu-central-003/),
    });
    expect(rows(b2, {endpoint: 'https://s3.us-west-001.backblazeb2.com'})).toEqual({
      'second store: apart from the rest': expect.stringMatching(/^warning: both stores are at backblazeb2.com/),
    });
    expect(rows(b2, {endpoint: railway})).toEqual({
      'second store: apart from the rest': expect.stringMatching(/^warning: .*where the database is/),
    });
    expect(rows(b2, {type: 'local', folder: 'mnt'})).toEqual({
      'second store: apart from the rest': 'ok: this machine',
    });
  });

  test('the second store is probed with its own keys, and never stops a release', async () => {
    const other = {accessKeyId: 'AKIAOTHEROTHEROT', secretAccessKey: 'b3RoZXItc2VjcmV0LWZvci10ZXN0cw'};
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    await using second = await startS3({...other, buckets: ['copies']});
    const config = configOf({}, {}, {type: 's3', bucket: 'copies', endpoint: second.url, 'path-style': true});
    const keys = {'also-access-key-id': other.accessKeyId, 'also-secret-access-key': other.secretAccessKey};
    const check = 'second store: writable, readable, deletable';
    expect((await findings(config, undefined, keys))[check]).toMatch(/^ok: s3:..copies/);
    expect(second.keys('copies')).toEqual([]);
    const wrong = {
      'also-access-key-id': testCredentials.accessKeyId,
      'also-secret-access-key': testCredentials.secretAccessKey,
    };
    expect((await findings(config, undefined, wrong))[check]).toMatch(/^warning: .*could not be written/);
  });
});
