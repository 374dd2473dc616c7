import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {listSets} from '../../src/backup/set-list.js';
import {checkPlaintext} from '../../src/backup/verify-set.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {testCredentials} from '../contract/moto.js';
import {openWorkplace, type Workplace} from '../twin/backup-actions.js';
import {type BackupWorld, series, startBackupWorld} from '../twin/backup-world.js';
import {runBundle} from './bundle.js';

/** The bundle as the runner starts it, ended at moments that nobody chose. */
describe('the bundle of the backup action', () => {
  let world: BackupWorld;
  let s3: S3StandIn;
  let place: Workplace;
  let inputs: Record<string, string>;

  beforeAll(async () => {
    world = await startBackupWorld();
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    place = await openWorkplace({
      version: 1,
      product: 'shop',
      database: {},
      backup: {
        storage: {type: 's3', bucket: 'backups', prefix: 'sb', endpoint: s3.url, 'path-style': true},
        recipients: ['keys/backup.asc'],
        'part-size': '5MiB',
        configuration: false,
      },
    });
    await place.write('keys/backup.asc', world.keys.publicKey);
    // Large enough for several parts, so that a kill can hit a multipart upload in the middle.
    const url = await world.database(
      'shop',
      `CREATE TABLE t AS SELECT i, (SELECT string_agg(md5((i * 37 + j)::text), '') FROM generate_series(1, 30) j) AS v FROM generate_series(1, 24000) i`,
    );
    inputs = {
      'database-url': url,
      'storage-access-key-id': testCredentials.accessKeyId,
      'storage-secret-access-key': testCredentials.secretAccessKey,
      measure: 'counts',
      'leftovers-after': '0s',
    };
  }, 120_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await s3?.close();
    await world?.[Symbol.asyncDispose]();
  });

  const step = (more: Parameters<typeof runBundle>[1]['signalAfter'] = undefined) =>
    runBundle('backup', {inputs, workspace: place.root, ...(more ? {signalAfter: more} : {})});
  const store = () =>
    openS3Store({
      bucket: 'backups',
      prefix: 'sb',
      region: 'us-east-1',
      endpoint: s3.url,
      pathStyle: true,
      credentials: testCredentials,
    });

  test('seals a set and prints no secret', async () => {
    const done = await step();
    expect(done).toMatchObject({exitCode: 0, outputs: {verified: 'true', reused: 'false'}, errors: []});
    expect(done.logWithoutMasks).not.toContain(world.server.password);
    expect(done.summary).toContain('gpg --decrypt');
    expect(done.summary + JSON.stringify(done.outputs) + JSON.stringify(done.state)).not.toContain(
      world.server.password,
    );
  }, 60_000);

  test('killed at 50 moments leaves no half set, and the next run leaves nothing of the dead ones', async () => {
    const startedMs = Date.now();
    await step();
    const spanMs = Date.now() - startedMs;
    const opened = store();
    for (let i = 0; i < 50; i++) {
      // Spread evenly with a shift of its own, so that every stage is hit whatever this machine's speed.
      await step(['SIGKILL', Math.round(((i + ((i * 7) % 10) / 10) / 50) * spanMs)]);
    }
    const {sealed, unreadable} = await listSets(opened, series);
    expect(unreadable).toEqual([]);
    const signal = new AbortController().signal;
    for (const {manifest} of sealed.slice(0, 5))
      await checkPlaintext({store: opened, manifest, signal, keys: [world.unlocked], env: process.env});
    const after = await step();
    expect(after.exitCode).toBe(0);
    const left = await listSets(opened, series);
    expect(left.unsealed).toEqual([]);
    expect(s3.uploads('backups')).toEqual([]);
    opened.close();
  }, 600_000);

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it in order, red, with nothing left',
    async (signal) => {
      const before = s3.objects('backups').map(({key}) => key);
      s3.faults.push({route: 'UploadPart', fault: {kind: 'delay', ms: 20_000}, times: 50});
      const stopped = await step([signal, 8_000]);
      s3.faults.length = 0;
      expect(stopped.exitCode).not.toBe(0);
      expect(stopped.errors[0]).toContain('[CANCELLED]');
      expect(s3.objects('backups').map(({key}) => key)).toEqual(before);
      expect(s3.uploads('backups')).toEqual([]);
      expect(
        await world.sql(
          world.server.url,
          `SELECT pid FROM pg_stat_activity WHERE application_name IN ('switchback', 'pg_dump')`,
        ),
      ).toEqual([]);
    },
    60_000,
  );

  test('the post step removes what a killed step left', async () => {
    s3.faults.push({route: 'UploadPart', fault: {kind: 'delay', ms: 20_000}, times: 50});
    const killed = await step(['SIGKILL', 8_000]);
    s3.faults.length = 0;
    expect(s3.uploads('backups').length).toBeGreaterThan(0);
    const states = Object.fromEntries(Object.entries(killed.state).map(([name, value]) => [`STATE_${name}`, value]));
    const post = await runBundle('backup', {inputs, workspace: place.root, env: states});
    expect(post.exitCode).toBe(0);
    expect(post.log).toContain('unfinished uploads of the unsealed set');
    expect(s3.uploads('backups')).toEqual([]);
  }, 60_000);
});
