import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import {listSets} from '../../src/backup/set-list.js';
import {checkPlaintext} from '../../src/backup/verify-set.js';
import {writeSet} from '../../src/backup/write-set.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import type {Store} from '../../src/storage/store.js';
import {testCredentials} from '../contract/moto.js';
import {type BackupWorld, series, startBackupWorld} from './backup-world.js';

describe('a backup into a store that misbehaves', () => {
  let world: BackupWorld;
  let s3: S3StandIn;
  let store: Store & {close(): void};
  let url: string;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    world = await startBackupWorld();
    url = await world.database(
      'shop',
      `CREATE TABLE t AS SELECT i, (SELECT string_agg(md5((i * 37 + j)::text), '') FROM generate_series(1, 30) j) AS v FROM generate_series(1, 20000) i`,
    );
  }, 120_000);
  beforeEach(async () => {
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    store = openS3Store({
      bucket: 'backups',
      prefix: 'sb',
      region: 'us-east-1',
      endpoint: s3.url,
      pathStyle: true,
      credentials: testCredentials,
      partSize: 5 * 1024 * 1024,
    });
  });
  afterEach(async () => {
    store?.close();
    await s3?.close();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const backUp = () => writeSet(world.requestFor(url), {store, signal, env: process.env});

  test('row 42: every tenth answer an error, some connections closed: the set is whole', async () => {
    for (let skip = 2; skip < 120; skip += 10) {
      s3.faults.push({
        route: '* *',
        fault: skip % 20 === 2 ? {kind: 'status', status: 503} : {kind: 'close-before'},
        skip,
        times: 1,
      });
    }
    const set = await backUp();
    s3.faults.length = 0;
    expect(set.manifest.checks).toMatchObject({readBack: 'ok'});
    await checkPlaintext({store, manifest: set.manifest, signal, keys: [world.unlocked], env: process.env});
    expect(s3.uploads('backups')).toEqual([]);
  }, 60_000);

  test.each([
    ['36: credentials that end in the middle', 'UploadPart', 400, 'ExpiredToken', 'STORE_CREDENTIALS'],
    ['a role that may not write', 'CreateMultipartUpload', 403, 'AccessDenied', 'STORE_DENIED'],
  ])('row %s', async (_row, route, status, name, code) => {
    s3.faults.push({
      route,
      fault: {
        kind: 'status',
        status,
        body: `<Error><Code>${name}</Code><Message>no</Message></Error>`,
        headers: {'content-type': 'application/xml'},
      },
      times: 99,
    });
    await expect(backUp()).rejects.toMatchObject({code});
    s3.faults.length = 0;
    expect(s3.objects('backups')).toEqual([]);
    expect(s3.uploads('backups')).toEqual([]);
  });

  test.each(['CompleteMultipartUpload', 'PutObject'])(
    '%s takes effect and its answer is lost: the set is sealed once',
    async (route) => {
      s3.faults.push({route, fault: {kind: 'close-after'}, times: 1, skip: route === 'PutObject' ? 1 : 0});
      const set = await backUp();
      expect((await listSets(store, series)).sealed.map(({id}) => id)).toEqual([set.id]);
      expect(s3.uploads('backups')).toEqual([]);
    },
  );

  test('row 41: two at once are two whole sets', async () => {
    const [one, two] = await Promise.all([backUp(), backUp()]);
    expect(one.id).not.toBe(two.id);
    expect((await listSets(store, series)).sealed).toHaveLength(2);
  });
});
