import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from '@jest/globals';
import {stringify} from 'yaml';
import {parseConfig} from '../../src/config/load-config.js';
import type {ConfigText} from '../../src/config/schema.js';
import {startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {makeKeys, type RehearsalKeys} from '../../src/rehearsal/keys.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {backupFreshness} from '../../src/release/monitor-freshness.js';
import {chooseRecoverySet} from '../../src/release/recovery-check.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {testCredentials} from '../contract/moto.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, series, startBackupWorld} from './backup-world.js';
import {plantSet} from './retention-sets.js';

const otherCredentials = {accessKeyId: 'AKIAOTHEROTHEROT', secretAccessKey: 'b3RoZXItc2VjcmV0LWZvci10ZXN0cw'};
const day = 86_400_000;

/** The actions with two stores of two owners: keys of one are refused by the other. */
describe('row 63: a second store', () => {
  let world: BackupWorld;
  let first: S3StandIn;
  let second: S3StandIn;
  let place: Workplace;
  let signer: RehearsalKeys;
  let access: Record<string, string>;
  let config: ConfigText;

  beforeAll(async () => {
    world = await startBackupWorld();
    signer = await makeKeys();
    first = await startS3({...testCredentials, buckets: ['backups']});
    second = await startS3({...otherCredentials, buckets: ['copies']});
    config = {
      version: 1,
      product: 'shop',
      ledger: {store: 'file'},
      database: {},
      backup: {
        storage: {type: 's3', bucket: 'backups', prefix: 'sb', endpoint: first.url, 'path-style': true},
        also: {type: 's3', bucket: 'copies', prefix: 'kept', endpoint: second.url, 'path-style': true},
        recipients: ['keys/backup.asc'],
        'signed-by': ['keys/signer.asc'],
        assets: ['uploads'],
        configuration: false,
        'part-size': '5MiB',
      },
    };
    place = await openWorkplace(config);
    await place.write('keys/backup.asc', world.keys.publicKey);
    await place.write('keys/signer.asc', signer.publicKey);
    await place.write('uploads/a/photo.bin', Buffer.alloc(50_000, 9));
    access = {
      'database-url': await world.database('shop'),
      'storage-access-key-id': testCredentials.accessKeyId,
      'storage-secret-access-key': testCredentials.secretAccessKey,
      'also-access-key-id': otherCredentials.accessKeyId,
      'also-secret-access-key': otherCredentials.secretAccessKey,
    };
  }, 120_000);
  afterEach(() => {
    first.faults.length = 0;
    second.faults.length = 0;
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await first?.close();
    await second?.close();
    await world?.[Symbol.asyncDispose]();
  });

  const backUp = (more: Record<string, string> = {}) =>
    place.backup({...access, 'signing-key': signer.privateKey, include: 'assets', retries: '0', ...more});
  const withKey = () => ({...access, 'private-key': world.keys.privateKey});
  /** File names of a set, by store; empty where it is not. */
  const filesOf = (store: S3StandIn, bucket: string, id: unknown) =>
    store
      .keys(bucket)
      .filter((key) => key.includes(String(id)))
      .map((key) => key.split('/').at(-1)!);
  const copyOf = (id: unknown) => filesOf(second, 'copies', id);
  const openStore = (store: S3StandIn, bucket: string, prefix: string, credentials: typeof testCredentials) =>
    openS3Store({bucket, prefix, region: 'us-east-1', endpoint: store.url, pathStyle: true, credentials});

  test('every set is copied after its seal, byte for byte, with keys of its own', async () => {
    const report = await backUp({include: 'database,assets', 'manifest-detail': 'minimal'});
    const id = String(report.outputs['set-id']);
    expect(report.failure).toBeUndefined();
    expect(report.outputs).toMatchObject({copied: id, 'not-copied': '', 'copy-ms': expect.any(Number)});
    const files = filesOf(first, 'backups', id);
    expect(copyOf(id)).toEqual(files);
    expect(files).toEqual(expect.arrayContaining(['details.json.pgp', 'manifest.json', 'manifest.json.asc']));
    for (const file of files) {
      const one = await first.read('backups', `sb/v1/shop/production/${id}/${file}`);
      expect(one.equals(await second.read('copies', `kept/v1/shop/production/${id}/${file}`))).toBe(true);
    }
    const written = second.requests.filter(({method}) => method === 'PUT').map(({path}) => path.split('/').at(-1));
    expect(written.at(-1)).toBe('manifest.json');
    expect(report.summary).toContain('Second store');
    expect(place.masked).not.toContain('copies');
  });

  test('the keys of the first store do not open the second', async () => {
    const report = await backUp({
      'also-access-key-id': testCredentials.accessKeyId,
      'also-secret-access-key': testCredentials.secretAccessKey,
    });
    expect(report.failure).toMatchObject({code: 'BACKUP_ALSO', remedy: expect.stringContaining('also-access-key-id')});
    await expect(backUp({'also-secret-access-key': ''})).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('also-secret-access-key'),
    });
  });

  test('a second store that is down: the set stays, the failure says what is missing, the next run catches up', async () => {
    second.faults.push({route: '*', fault: {kind: 'status', status: 503}, times: 10_000});
    const failed = await backUp();
    const id = String(failed.outputs['set-id']);
    expect(failed.outputs).toMatchObject({verified: true, reused: false, 'not-copied': expect.stringContaining(id)});
    expect(failed.failure).toMatchObject({
      code: 'BACKUP_ALSO',
      message: expect.stringMatching(new RegExp(`copies/kept, lacks .*${id}.*stays`)),
      remedy: expect.stringContaining('The next backup copies what is missing'),
    });
    expect(failed.summary).toContain(id);
    expect(filesOf(first, 'backups', id)).toContain('manifest.json');
    expect(copyOf(id)).toEqual([]);
    second.faults.length = 0;
    const next = await backUp();
    expect(next.failure).toBeUndefined();
    expect(String(next.outputs.copied).split(',')).toEqual(expect.arrayContaining([id, next.outputs['set-id']]));
    expect(copyOf(id)).toContain('manifest.json');
    expect(second.uploads('copies')).toEqual([]);
  }, 60_000);

  test('the post step takes the uploads of a killed copy back, and touches no set', async () => {
    const {outputs} = await backUp({copy: 'false'});
    expect(copyOf(outputs['set-id'])).toEqual([]);
    const store = openStore(second, 'copies', 'kept', otherCredentials);
    let started = '';
    const stop = new AbortController();
    async function* endless() {
      for (;;) yield Buffer.alloc(5 * 1024 * 1024);
    }
    second.faults.push({route: 'UploadPart', fault: {kind: 'delay', ms: 200}, times: 100});
    second.faults.push({route: 'AbortMultipartUpload', fault: {kind: 'status', status: 403}, times: 100});
    const uploading = store.upload(`v1/shop/production/${outputs['set-id']}/assets-uploads.tar.zst.pgp`, endless(), {
      signal: stop.signal,
      onStarted: (upload) => {
        started = JSON.stringify([upload]);
        setTimeout(() => stop.abort(), 300);
      },
    });
    await uploading.catch(() => {});
    second.faults.length = 0;
    expect(second.uploads('copies')).toHaveLength(1);
    place.state.set('copies', started);
    const before = second.keys('copies');
    await place.cleanUpBackup({...access});
    expect(second.uploads('copies')).toEqual([]);
    expect(second.keys('copies')).toEqual(before);
    place.state.set('copies', '');
    expect((await place.backup({...access, mode: 'copy'})).outputs).toMatchObject({copied: outputs['set-id']});
    store.close();
  });

  test('a byte that changed in the first store never gets a seal in the second', async () => {
    const {outputs} = await backUp({copy: 'false'});
    const id = String(outputs['set-id']);
    await first.tamper('backups', `sb/v1/shop/production/${id}/assets-uploads.tar.zst.pgp`, (bytes) => {
      const changed = Buffer.from(bytes);
      changed[bytes.length >> 1]! ^= 1;
      return changed;
    });
    const next = await backUp();
    expect(next.failure).toMatchObject({code: 'BACKUP_ALSO', message: expect.stringContaining(id)});
    expect(next.failure!.remedy).toContain('restore verify');
    expect(next.outputs).toMatchObject({copied: next.outputs['set-id'], 'not-copied': id});
    expect(copyOf(id)).not.toContain('manifest.json');
    // The way out that the remedy names.
    expect((await place.restore({...access, mode: 'verify', set: id})).failure).toMatchObject({code: 'SET_DIGEST'});
    const after = await place.backup({...access, mode: 'copy'});
    expect(after.failure).toBeUndefined();
    expect(copyOf(id)).not.toContain('manifest.json');
  });

  test('a reused set is copied too, and nothing is copied twice', async () => {
    const {outputs} = await backUp({copy: 'false', include: 'database', 'allow-shrink': 'true'});
    const reused = await backUp({include: 'database', 'skip-if-fresh': '15m'});
    expect(reused.outputs).toMatchObject({reused: true, copied: outputs['set-id']});
    const again = await place.backup({...access, mode: 'copy'});
    expect(again.outputs).toMatchObject({copied: '', 'not-copied': ''});
    expect(again.summary).toContain('Nothing was missing');
  });

  test('freshness is asked of both, and each has its own alarm', async () => {
    await using github = await startGitHub({
      owner: 'acme',
      repo: 'shop',
      tokens: [{token: 'ghs_x', permissions: {issues: 'write'}}],
    });
    const runner = () => place.runner(undefined, {GITHUB_API_URL: github.url});
    const ask = (more: Record<string, string> = {}) =>
      place.backup({...access, mode: 'freshness', 'github-token': 'ghs_x', ...more}, runner());
    expect((await ask()).outputs).toMatchObject({'age-ms': expect.any(Number), 'also-age-ms': expect.any(Number)});
    await backUp({copy: 'false'});
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const newest = await backUp({copy: 'false'});
    const stale = await ask({'max-age': '2s'});
    expect(stale.failure).toMatchObject({code: 'BACKUP_ALSO_STALE', message: expect.stringContaining('copies/kept')});
    expect(stale.outputs).toMatchObject({'set-id': newest.outputs['set-id'], 'age-ms': expect.any(Number)});
    expect(github.issues().map(({title, state}) => `${state}: ${title}`)).toEqual([
      'open: Backups of shop do not reach the second store',
    ]);
    second.faults.push({route: '*', fault: {kind: 'status', status: 403}, times: 10_000});
    expect((await ask()).failure).toMatchObject({code: 'BACKUP_ALSO_STALE'});
    second.faults.length = 0;
    await place.backup({...access, mode: 'copy'});
    expect((await ask()).failure).toBeUndefined();
    expect(github.issues().map(({state}) => state)).toEqual(['closed']);
  }, 60_000);

  test('the monitor tells the age of the copies beside that of the sets', async () => {
    const {config: parsed} = parseConfig(stringify(config), 'switchback.yml');
    const ages = async () =>
      (await backupFreshness(parsed, access, new AbortController().signal)!()).map(
        ({name, state}) => `${name}: ${state}`,
      );
    expect(await ages()).toEqual(['backup age: fresh', 'restore drill age: never', 'second copy age: fresh']);
    second.faults.push({route: '*', fault: {kind: 'status', status: 403}, times: 10_000});
    expect(await ages()).toEqual(['backup age: fresh', 'restore drill age: never', 'second copy age: unknown']);
    const days = 30 * day;
    const later = await backupFreshness(parsed, access, new AbortController().signal, () => Date.now() + days)!();
    expect(later.map(({state}) => state)).toEqual(['late', 'never', 'unknown']);
    second.faults.length = 0;
    const stale = await backupFreshness(parsed, access, new AbortController().signal, () => Date.now() + days)!();
    expect(stale.map(({state}) => state)).toEqual(['late', 'never', 'late']);
  });

  test('retention runs in each store by its own listing', async () => {
    const one = openStore(first, 'backups', 'old', testCredentials);
    const other = openStore(second, 'copies', 'old', otherCredentials);
    const now = Date.now();
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push(await plantSet(one, series, now - i * day, i));
    // The second store lacks one, and holds one that the first has given up.
    for (const i of [0, 1, 3, 4, 5]) await plantSet(other, series, now - i * day, i);
    ids.push(await plantSet(other, series, now - 6 * day, 6));
    const {backup} = config;
    await place.write(
      '.github/switchback.yml',
      stringify({
        ...config,
        backup: {
          ...backup,
          storage: {...backup!.storage, prefix: 'old'},
          also: {...backup!.also, prefix: 'old'},
          'signed-by': [],
          retention: {'keep-last': 3, daily: 0, weekly: 0, monthly: 0, 'keep-within': '0s', 'min-verified': 1},
        },
      }),
    );
    const retain = {...access, mode: 'retain', grace: '0s'};
    const planned = await place.backup(retain);
    expect(planned.outputs).toMatchObject({planned: 3, removed: 0, 'also-planned': 3, 'also-removed': 0});
    const applied = await place.backup({...retain, apply: 'true'});
    expect(applied.outputs).toMatchObject({removed: 3, 'also-removed': 3});
    const sealed = (store: S3StandIn, bucket: string) =>
      store
        .keys(bucket)
        .filter((key) => /^old\/.*manifest\.json$/.test(key))
        .map((key) => key.split('/').at(-2))
        .sort()
        .reverse();
    expect(sealed(first, 'backups')).toEqual([ids[0], ids[1], ids[2]]);
    expect(sealed(second, 'copies')).toEqual([ids[0], ids[1], ids[3]]);
    // Doubt about the second stops only the second, and is told.
    for (const key of second.keys('copies').filter((one) => one.startsWith('old/') && one.includes(ids[0]!)))
      await second.put('copies', key, Buffer.from('{}'));
    const doubtful = await place.backup({...retain, apply: 'true'});
    expect(doubtful.failure).toMatchObject({code: 'RETENTION_UNREADABLE'});
    expect(doubtful.outputs).toMatchObject({planned: 0});
    await place.write('.github/switchback.yml', stringify(config));
    one.close();
    other.close();
  }, 60_000);

  test('with the first store gone, the failure names the second, and a restore from it is equal', async () => {
    const {outputs} = await backUp({include: 'database,assets', 'allow-shrink': 'true'});
    await first.close();
    await expect(place.restore({...withKey(), 'target-database': 'nowhere'})).rejects.toMatchObject({
      code: expect.stringMatching(/^STORE/),
      remedy: expect.stringContaining('store: also'),
    });
    const from = {...withKey(), store: 'also'};
    const {config: parsed} = parseConfig(stringify(config), 'switchback.yml');
    const wanted = {
      set: 'newest',
      beforeMs: Date.now() + 1_000,
      maxAgeMs: day,
      signedBy: undefined,
      privateKey: world.keys.privateKey,
      keyPassphrase: undefined,
      passphrase: undefined,
      root: place.root,
      env: process.env,
      signal: new AbortController().signal,
    };
    await expect(chooseRecoverySet(parsed, access, wanted, undefined)).rejects.toMatchObject({
      remedy: expect.stringContaining('store: also'),
    });
    const chosen = await chooseRecoverySet(parsed, {...access, store: 'also'}, wanted, undefined);
    expect(chosen.id).toBe(outputs['set-id']);
    const list = await place.restore({...from, mode: 'list'});
    expect(JSON.parse(String(list.outputs.sets))[0]).toMatchObject({id: outputs['set-id']});
    const drill = await place.restore({...from, mode: 'drill', alarm: 'false'});
    expect(drill.outputs).toMatchObject({verified: true, 'set-id': outputs['set-id']});
    expect(copyOf(outputs['set-id']).some((name) => name.startsWith('verified-'))).toBe(true);
    const back = await place.restore({
      ...from,
      parts: 'database,assets',
      'target-database': 'from_second',
      owners: 'drop',
    });
    expect(back.outputs).toMatchObject({database: 'from_second', verified: true});
    expect(await world.sql(world.server.urlOf('from_second'), 'SELECT count(*)::int AS n FROM orders')).toEqual([
      {n: 5000},
    ]);
    const photo = await readFile(join(place.root, 'restored/assets-uploads/a/photo.bin'));
    expect(photo.equals(Buffer.alloc(50_000, 9))).toBe(true);
    // And a set of what is left goes there too, where nothing else can be written.
    const left = await backUp({store: 'also', include: 'database', 'as-found': 'true'});
    expect(left.failure).toBeUndefined();
    expect(copyOf(left.outputs['set-id'])).toContain('manifest.json');
  }, 120_000);
});
