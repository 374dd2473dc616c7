import {execFile} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {findNewestSet} from '../../src/backup/set-list.js';
import {openLocalStore} from '../../src/storage/local/local-store.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, series, startBackupWorld} from './backup-world.js';

const run = promisify(execFile);
const passphrase = 'Kj7-long-enough-for-anybody';

/** Sets that open with a passphrase, through the actions and through the commands that stand in their manifest. */
describe('sets with a passphrase', () => {
  let world: BackupWorld;
  let place: Workplace;
  let access: Record<string, string>;
  const described = (more: Record<string, unknown> = {}) => ({
    version: 1 as const,
    product: 'shop',
    database: {},
    backup: {storage: {type: 'local' as const, folder: 'sets', prefix: ''}, 'passphrase-env': 'SETS', ...more},
  });

  beforeAll(async () => {
    world = await startBackupWorld();
    place = await openWorkplace(described());
    access = {'database-url': await world.database('shop'), include: 'database'};
  }, 120_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const objects = async () => {
    const found: string[] = [];
    for await (const {key} of openLocalStore(join(place.root, 'sets')).list('')) found.push(key);
    return found;
  };

  test.each<[rule: string, inputs: Record<string, string>, said: RegExp]>([
    ['nobody could open it', {}, /missing, and so is a passphrase \(SETS is empty\)|SETS is empty/],
    ['it is too short', {passphrase: 'hunter2'}, /fewer than 16/],
    ['there are public keys too', {passphrase, recipients: 'keys/a.asc'}, /there are public keys too/],
  ])('a backup is refused when %s', async (_rule, inputs, said) => {
    await expect(place.backup({...access, ...inputs})).rejects.toMatchObject({message: expect.stringMatching(said)});
    expect(await objects()).toEqual([]);
  });

  test('the file cannot ask for both, or for neither', async () => {
    const {parseConfig} = await import('../../src/config/load-config.js');
    const text = (backup: object) =>
      JSON.stringify({...described(), backup: {storage: {type: 'local', folder: 'sets'}, ...backup}});
    expect(() => parseConfig(text({}), 'a.yml')).toThrow(/names nobody/);
    expect(() => parseConfig(text({recipients: ['a'], 'passphrase-env': 'SETS'}), 'a.yml')).toThrow(/in one way/);
    expect(parse(text({'passphrase-env': 'SETS'}))).toBeDefined();
  });

  test('a set is made, and says how it opens', async () => {
    const report = await place.backup(access, place.runner(undefined, {SETS: passphrase}));
    expect(report.failure).toBeUndefined();
    expect(report.summary).toContain('the passphrase');
    expect(place.masked).toContain(passphrase);
    const text = [report.summary, ...place.logs, ...place.annotations.map(({message}) => message)].join('\n');
    expect(text).not.toContain(passphrase);
    const set = (await findNewestSet(openLocalStore(join(place.root, 'sets')), series))!;
    expect(set.manifest.encryption).toEqual({scheme: 'openpgp/seipd1', recipients: [], passphrase: true});
    expect(set.manifest.warnings.join()).toContain('the runner held');
  });

  test('the commands of its manifest, run as they stand there, restore it with gpg and pg_restore alone', async () => {
    const {manifest} = (await findNewestSet(openLocalStore(join(place.root, 'sets')), series))!;
    const home = await mkdtemp(join(tmpdir(), 'sb-gpg-'));
    await writeFile(join(home, 'passphrase'), passphrase, {mode: 0o600});
    await writeFile(
      join(home, 'gpg.conf'),
      `batch\npinentry-mode loopback\npassphrase-file ${join(home, 'passphrase')}\n`,
    );
    const target = await world.database('by_hand', '');
    const env = {
      ...process.env,
      GNUPGHOME: home,
      PATH: `${world.server.binDir}:${process.env['PATH']}`,
      TARGET_DATABASE_URL: target,
    };
    const command = manifest.byHand.find((line) => line.includes('database.dump'))!;
    await run('bash', ['-o', 'pipefail', '-c', command], {env});
    expect(await world.sql(target, 'SELECT count(*)::int AS n FROM orders')).toEqual([{n: 5000}]);
    await run('gpgconf', ['--kill', 'all'], {env}).catch(() => {});
    await rm(home, {recursive: true, force: true});
  }, 60_000);

  test('restoring needs it, a wrong one speaks against the drill and not against the set', async () => {
    const marks = async () => (await objects()).filter((key) => /(failed|verified)-/.test(key));
    const {include: _, ...inputs} = access;
    await expect(place.restore({...inputs, mode: 'drill'})).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('`passphrase`'),
    });
    await expect(
      place.restore({...inputs, mode: 'verify', passphrase: 'another-long-passphrase'}),
    ).rejects.toMatchObject({code: 'PASSPHRASE'});
    expect(await marks()).toEqual([]);
    const report = await place.restore({...inputs, mode: 'verify', passphrase});
    expect(report.outputs).toMatchObject({verified: true});
    expect(await marks()).toHaveLength(1);
  });

  test('row 62: restore makes a new database with it, and warns that the configuration is not there', async () => {
    const {include: _, ...inputs} = access;
    const report = await place.restore({...inputs, passphrase, 'target-database': 'shop_again', owners: 'drop'});
    expect(report.outputs).toMatchObject({database: 'shop_again', verified: true});
    expect(report.summary).toContain('holds no configuration');
  });
});
