import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {makeKeys, type RehearsalKeys} from '../../src/rehearsal/keys.js';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {testCredentials} from '../contract/moto.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

describe('the backup and restore actions', () => {
  let world: BackupWorld;
  let s3: S3StandIn;
  let place: Workplace;
  let signer: RehearsalKeys;
  let access: Record<string, string>;
  let withKey: Record<string, string>;
  let setId: string;

  beforeAll(async () => {
    world = await startBackupWorld();
    s3 = await startS3({...testCredentials, buckets: ['backups']});
    signer = await makeKeys();
    place = await openWorkplace({
      version: 1,
      product: 'shop',
      database: {'expected-tables': ['public.customers', 'orders']},
      backup: {
        storage: {type: 's3', bucket: 'backups', prefix: 'sb', endpoint: s3.url, 'path-style': true},
        recipients: ['keys/backup.asc'],
        'signed-by': ['keys/signer.asc'],
        assets: ['uploads'],
      },
    });
    await place.write('keys/backup.asc', world.keys.publicKey);
    await place.write('keys/signer.asc', signer.publicKey);
    await place.write('uploads/a/photo.bin', Buffer.alloc(50_000, 9));
    access = {
      'database-url': await world.database('shop'),
      'storage-access-key-id': testCredentials.accessKeyId,
      'storage-secret-access-key': testCredentials.secretAccessKey,
    };
    withKey = {...access, 'private-key': world.keys.privateKey};
  }, 120_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await s3?.close();
    await world?.[Symbol.asyncDispose]();
  });

  test('a backup without the key that signs is refused before anything happens', async () => {
    await expect(place.backup(access)).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('signing-key'),
    });
    expect(s3.objects('backups')).toEqual([]);
  });

  test('a backup seals database, assets and configuration, and says so', async () => {
    const report = await place.backup({...access, 'signing-key': signer.privateKey, release: 'r-1'}, place.runner());
    expect(report.failure).toBeUndefined();
    expect(report.outputs).toMatchObject({verified: true, reused: false});
    setId = String(report.outputs['set-id']);
    expect(
      s3
        .objects('backups')
        .map(({key}) => key.split('/').at(-1))
        .sort(),
    ).toEqual([
      'assets-uploads.tar.zst.pgp',
      'configuration.json.pgp',
      'database.dump.pgp',
      'globals.sql.pgp',
      'manifest.json',
      'manifest.json.asc',
    ]);
    expect(report.summary).toContain('gpg --decrypt');
    expect(report.summary).toContain(setId);
    expect(s3.uploads('backups')).toEqual([]);
    expect(place.state.get('sealed')).toBe('true');
  });

  test('its secrets are masked, and in no log line, output or summary', async () => {
    expect(place.masked).toContain(world.server.password);
    expect(place.logs.join('\n')).not.toContain(world.server.password);
    const manifest = await s3.read(
      'backups',
      s3.objects('backups').find(({key}) => key.endsWith('manifest.json'))!.key,
    );
    for (const secret of [world.server.password, testCredentials.secretAccessKey])
      expect(manifest.toString()).not.toContain(secret);
  });

  test('a fresh set is reused when asked to', async () => {
    const report = await place.backup({...access, 'signing-key': signer.privateKey, 'skip-if-fresh': '15m'});
    expect(report.outputs).toMatchObject({'set-id': setId, reused: true});
  });

  test('the post step of a sealed backup touches nothing', async () => {
    const before = s3.objects('backups').length;
    await place.cleanUpBackup({...access, 'signing-key': signer.privateKey});
    expect(s3.objects('backups')).toHaveLength(before);
  });

  test('list shows the set and its proof', async () => {
    const report = await place.restore({...access, mode: 'list'});
    expect(JSON.parse(String(report.outputs.sets))).toMatchObject([
      {id: setId, release: 'r-1', parts: ['database', 'globals', 'assets', 'configuration'], proof: 'read back'},
    ]);
  });

  test('verify without a key re-reads, with the key decrypts and records', async () => {
    expect((await place.restore({...access, mode: 'verify'})).outputs).toMatchObject({verified: false, compared: 4});
    const report = await place.restore({...withKey, mode: 'verify'});
    expect(report.outputs).toMatchObject({verified: true, compared: 4});
    expect(s3.objects('backups').some(({key}) => /verified-.*\.json$/.test(key))).toBe(true);
  });

  test('a drill restores into a server of its own', async () => {
    const report = await place.restore({
      ...withKey,
      mode: 'drill',
      'sql-checks': 'SELECT count(*) = 2000 FROM customers',
    });
    expect(report.failure).toBeUndefined();
    expect(report.outputs).toMatchObject({verified: true, 'set-id': setId});
    expect(report.summary).toContain('Restore drill passed');
  });

  test('restore makes a new database and brings the assets back', async () => {
    const report = await place.restore({
      ...withKey,
      parts: 'database,assets,configuration',
      'target-database': 'shop_new',
      owners: 'drop',
    });
    expect(report.outputs).toMatchObject({
      database: 'shop_new',
      verified: true,
      identity: expect.stringMatching(/^shop@\d+$/),
    });
    expect(await world.sql(world.server.urlOf('shop_new'), 'SELECT count(*)::int AS n FROM orders')).toEqual([
      {n: 5000},
    ]);
    expect(
      (await readFile(join(place.root, 'restored/assets-uploads/a/photo.bin'))).equals(Buffer.alloc(50_000, 9)),
    ).toBe(true);
    expect(report.summary).toContain('as in force');
  });

  test('an existing database is never written into', async () => {
    await expect(place.restore({...withKey, 'target-database': 'shop_new'})).rejects.toMatchObject({
      code: 'DATABASE_EXISTS',
    });
    await expect(place.restore({...withKey, 'target-database': 'shop'})).rejects.toMatchObject({
      code: 'RESTORE_TARGET',
    });
  });

  test('in place needs the typed identity, takes a set first, and keeps what it replaced', async () => {
    await world.sql(
      access['database-url']!,
      'DELETE FROM orders; ALTER DATABASE shop SET search_path = "$user", public, extra',
    );
    const refused = await place
      .restore({...withKey, mode: 'in-place', set: setId})
      .catch((error: Error) => error as Error);
    const identity = /is not (shop@\d+)/.exec((refused as Error).message)![1]!;
    const report = await place.restore({
      ...withKey,
      mode: 'in-place',
      set: setId,
      confirm: identity,
      owners: 'keep',
      'signing-key': signer.privateKey,
    });
    expect(report.outputs).toMatchObject({database: 'shop', verified: true});
    expect(await world.sql(access['database-url']!, 'SELECT count(*)::int AS n FROM orders')).toEqual([{n: 5000}]);
    expect(await world.sql(access['database-url']!, 'SHOW search_path')).toEqual([
      {search_path: '"$user", public, extra'},
    ]);
    const kept = world.server.urlOf(String(report.outputs['previous-database']));
    expect(await world.sql(kept, 'SELECT count(*)::int AS n FROM orders')).toEqual([{n: 0}]);
    const sets = JSON.parse(String((await place.restore({...access, mode: 'list'})).outputs.sets)) as Array<{
      id: string;
      reason: string;
    }>;
    expect(sets[0]).toMatchObject({id: report.outputs['safety-set-id'], reason: 'before a restore in place'});
    // The way back: it is signed like any other.
    const back = await place.restore({...withKey, mode: 'verify', set: String(report.outputs['safety-set-id'])});
    expect(back.outputs).toMatchObject({verified: true});
  });

  test('an unsigned or foreign manifest is refused', async () => {
    const [key] = s3
      .objects('backups')
      .map(({key}) => key)
      .filter((one) => one.includes(setId) && one.endsWith('manifest.json'));
    const original = await s3.read('backups', key!);
    await s3.put(
      'backups',
      key!,
      Buffer.from(original.toString().replace('"reason": "schedule"', '"reason": "Schedule"')),
    );
    await expect(place.restore({...withKey, mode: 'verify', set: setId})).rejects.toMatchObject({code: 'SIGNATURE'});
    await s3.put('backups', key!, original);
    await expect(place.restore({...withKey, mode: 'verify', set: setId})).resolves.toMatchObject({
      outputs: {verified: true},
    });
    await place.write('keys/signer.asc', world.keys.publicKey);
    await expect(place.restore({...withKey, mode: 'verify', set: setId})).rejects.toMatchObject({code: 'SIGNATURE'});
    await place.write('keys/signer.asc', signer.publicKey);
  });

  test('sets that nobody signed keep no alarm silent and stand in for no backup', async () => {
    const stranger = await makeKeys();
    await place.write('keys/signer.asc', stranger.publicKey);
    const stale = await place.backup({...access, mode: 'freshness', alarm: 'false'});
    expect(stale.failure).toMatchObject({code: 'BACKUP_STALE'});
    const made = await place.backup({
      ...access,
      'signing-key': stranger.privateKey,
      'skip-if-fresh': '15m',
      include: 'database',
      'allow-shrink': 'true',
    });
    expect(made.outputs).toMatchObject({reused: false});
    await place.write('keys/signer.asc', signer.publicKey);
    await expect(place.backup({...access, mode: 'freshness', alarm: 'false'})).resolves.not.toHaveProperty('failure');
  });

  test('a set that is too old is refused unless it is named', async () => {
    await expect(place.restore({...withKey, mode: 'verify', 'max-age': '1ms'})).rejects.toMatchObject({
      code: 'SET_TOO_OLD',
    });
  });

  test('a backup that is cancelled ends in order and leaves nothing', async () => {
    const before = s3.objects('backups').length;
    const stop = new AbortController();
    s3.faults.push({route: 'PutObject', fault: {kind: 'delay', ms: 500}, times: 100});
    const running = place.backup({...access, 'signing-key': signer.privateKey}, place.runner(stop.signal));
    setTimeout(() => stop.abort(), 700);
    await expect(running).rejects.toMatchObject({code: 'CANCELLED'});
    s3.faults.length = 0;
    expect(s3.objects('backups')).toHaveLength(before);
    expect(s3.uploads('backups')).toEqual([]);
  });
});
