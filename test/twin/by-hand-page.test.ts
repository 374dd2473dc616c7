import {execFile} from 'node:child_process';
import {chmod, mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {type S3StandIn, startS3} from '../../src/rehearsal/s3/stand-in.js';
import {programPath, testCredentials} from '../contract/moto.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

const run = promisify(execFile);
const page = resolve(import.meta.dirname, '..', '..', 'action-docs', 'keys-and-restore-by-hand.md');
const shown = {set: '20261122T184501Z-9f2c41aa', bucket: 'shop-backups'};

let world: BackupWorld;
let s3: S3StandIn;
let place: Workplace;
let home: string;
let blocks: string[];

/** The one block that holds these words. */
function block(words: string): string {
  const found = blocks.filter((text) => text.includes(words));
  expect(found).toHaveLength(1);
  return found[0]!;
}

beforeAll(async () => {
  world = await startBackupWorld();
  s3 = await startS3({...testCredentials, buckets: [shown.bucket]});
  home = await mkdtemp(join(tmpdir(), 'sb-hand-'));
  await mkdir(join(home, 'bin'));
  await mkdir(join(home, 'keys'));
  await mkdir(join(home, '.gnupg'), {mode: 0o700});
  // A person types a passphrase; here it is empty, and nobody is asked.
  await writeFile(
    join(home, '.gnupg', 'gpg.conf'),
    "batch\nyes\npinentry-mode loopback\npassphrase ''\ntrust-model always\n",
  );
  await writeFile(
    join(home, 'bin', 'aws'),
    `#!/bin/sh\nexec ${programPath('aws') ?? 'false'} --endpoint-url ${s3.url} "$@"\n`,
  );
  await chmod(join(home, 'bin', 'aws'), 0o755);
  blocks = [...(await readFile(page, 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
}, 120_000);
afterAll(async () => {
  await run('gpgconf', ['--homedir', join(home, '.gnupg'), '--kill', 'all']).catch(() => {});
  await place?.[Symbol.asyncDispose]();
  await s3?.close();
  await world?.[Symbol.asyncDispose]();
  await rm(home, {recursive: true, force: true});
});

/** Runs what the page says, as it says it; only names and addresses are put in. */
async function follow(text: string, set: string, names: Readonly<Record<string, string>> = {}): Promise<string> {
  let script = text.replaceAll(shown.set, set).replaceAll('HOST', '127.0.0.1').replaceAll('USER', 'postgres');
  for (const [name, value] of Object.entries(names)) script = script.replaceAll(name, value);
  const {stdout} = await run('bash', ['-e', '-o', 'pipefail', '-c', script], {
    cwd: home,
    maxBuffer: 64 * 1024 * 1024,
    env: {
      HOME: home,
      GNUPGHOME: join(home, '.gnupg'),
      PATH: `${join(home, 'bin')}:${world.server.binDir}:${process.env['PATH']}`,
      PGPORT: String(world.server.port),
      PGPASSWORD: world.server.password,
      AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
    },
  });
  return stdout;
}

if (programPath('aws') && programPath('zstd'))
  test('every command of the page on restoring by hand does what it says, from the key to the renamed database', async () => {
    await follow(block('--quick-generate-key'), '');
    expect(await readFile(join(home, 'keys', 'shop.asc'), 'utf8')).toContain('PRIVATE KEY');
    place = await openWorkplace({
      version: 1,
      product: 'shop',
      database: {},
      backup: {
        storage: {type: 's3', bucket: shown.bucket, endpoint: s3.url, 'path-style': true},
        recipients: ['keys/backup.asc'],
        assets: ['uploads'],
      },
    });
    await place.write('keys/backup.asc', await readFile(join(home, 'keys', 'backup.asc')));
    await place.write('uploads/a/photo.bin', Buffer.alloc(50_000, 9));
    const access = {
      'database-url': await world.database('shop', 'CREATE TABLE items AS SELECT generate_series(1, 321) AS id'),
      'storage-access-key-id': testCredentials.accessKeyId,
      'storage-secret-access-key': testCredentials.secretAccessKey,
    };
    const set = String((await place.backup(access)).outputs['set-id']);
    const streams = String((await place.backup({...access, jobs: '3', 'allow-shrink': 'true'})).outputs['set-id']);

    expect(await follow(block('aws s3 ls'), set)).toContain(set);
    const checked = await follow(block('sha256sum'), set);
    const manifest = JSON.parse(await readFile(join(home, 'set', 'manifest.json'), 'utf8')) as {
      parts: Array<{key: string; ciphertext: {sha256: string}}>;
    };
    for (const {key, ciphertext} of manifest.parts) expect(checked).toContain(`${ciphertext.sha256}  set/${key}`);
    const shm = {'/dev/shm/': `${home}/`};
    expect(await follow(block('--list'), set, shm)).toContain('TABLE DATA public items');
    expect(await follow(block('createdb'), set)).toContain('321');
    expect(JSON.parse(await follow(block('configuration.json'), set))).toMatchObject({
      schema: 'switchback-configuration/1',
      file: expect.stringContaining('product: shop'),
    });
    await follow(block('tar --extract'), set);
    expect(await readFile(join(home, 'restored', 'a', 'photo.bin'))).toHaveLength(50_000);
    await follow(block('globals.sql'), set, shm);
    expect(await readFile(join(home, 'roles.sql'), 'utf8')).toContain('CREATE ROLE');

    // In several streams: fetched and restored by the same words.
    await follow(block('aws s3 ls'), streams, {' set/': ' streams/'});
    await world.database('shop_streams', '');
    await follow(block('for part in'), streams, {'set/': 'streams/', shop_restored: 'shop_streams'});
    expect(await world.sql(world.server.urlOf('shop_streams'), 'SELECT count(*)::int AS n FROM items')).toEqual([
      {n: 321},
    ]);

    await follow(block('RENAME TO shop_before'), set);
    expect(await world.sql(world.server.urlOf('shop'), 'SELECT count(*)::int AS n FROM items')).toEqual([{n: 321}]);
    expect(await world.sql(world.server.urlOf('shop_before'), 'SELECT 1 AS one')).toEqual([{one: 1}]);
    const followed = [
      '--quick-generate-key',
      'aws s3 ls',
      'sha256sum',
      '--list',
      'createdb',
      'configuration.json',
      'tar --extract',
      'globals.sql',
      'for part in',
      'RENAME TO shop_before',
    ];
    const left = blocks.filter((text) => !followed.some((words) => text.includes(words)));
    // Making keys by the command line of this product has a test of its own.
    expect(left.map((text) => text.trim())).toEqual(['switchback init --key-out ~/keys/shop.asc']);
  }, 180_000);
else test.skip('aws and zstd are not both on this machine', () => {});
