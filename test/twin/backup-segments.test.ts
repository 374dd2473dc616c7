import {execFile} from 'node:child_process';
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {databaseParts} from '../../src/backup/content.js';
import {restoreDatabase} from '../../src/backup/restore-database.js';
import {checkPlaintext} from '../../src/backup/verify-set.js';
import {type SetResult, writeSet} from '../../src/backup/write-set.js';
import {parseConnection} from '../../src/postgres/connection.js';
import {spread} from '../../src/postgres/dump-segments.js';
import {all} from '../contract/storage-conformance.js';
import {type BackupWorld, run, sampleSql, startBackupWorld, startGnupg} from './backup-world.js';

const shell = promisify(execFile);

/** A big database in several streams of one snapshot. */
describe('a database in several archives', () => {
  let world: BackupWorld;
  let url: string;
  let set: SetResult;
  const signal = new AbortController().signal;
  const database = (address: string) => ({
    connection: parseConnection(address),
    expectedTables: [],
    depth: 'digests' as const,
    jobs: 3,
  });

  beforeAll(async () => {
    world = await startBackupWorld();
    url = await world.database(
      'shop',
      `${sampleSql}
       ALTER TABLE customers ADD COLUMN last_order bigint REFERENCES orders;
       CREATE TABLE "we""ird $n*a.me?" (a int); INSERT INTO "we""ird $n*a.me?" SELECT generate_series(1, 30000);
       CREATE SCHEMA s; CREATE TABLE s.orders (a int GENERATED ALWAYS AS IDENTITY); INSERT INTO s.orders DEFAULT VALUES;
       CREATE SEQUENCE free; SELECT setval('free', 4711); COMMENT ON TABLE orders IS 'said of it';`,
    );
    set = await world.backUp(url, {database: database(url)});
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const schemaOf = async (address: string) => {
    const {stdout} = await run(join(world.server.binDir, 'pg_dump'), ['--schema-only', `--dbname=${address}`], {
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.replace(/^\\(un)?restrict.*$/gm, '');
  };

  test('its manifest names them in the order of a restore', () => {
    const keys = set.manifest.parts.filter(({role}) => role === 'database').map(({key, section}) => [key, section]);
    expect(keys).toEqual([
      ['database-1-before.dump.pgp', 'pre-data'],
      ['database-2-rows-01.dump.pgp', 'data'],
      ['database-2-rows-02.dump.pgp', 'data'],
      ['database-2-rows-03.dump.pgp', 'data'],
      ['database-3-after.dump.pgp', 'post-data'],
    ]);
    expect(set.manifest.database!.content!.tables.length).toBeGreaterThan(6);
  });

  test('what is restored from them is the same, rows and schema', async () => {
    const restored = await restoreDatabase({
      store: world.store,
      manifest: set.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'again',
      owners: 'keep',
      env: process.env,
      signal,
    });
    expect(restored.comparison.differences).toEqual([]);
    expect(await schemaOf(world.server.urlOf('again'))).toBe(await schemaOf(url));
    expect(await world.sql(world.server.urlOf('again'), `SELECT last_value::int AS n FROM free`)).toEqual([{n: 4711}]);
  }, 60_000);

  test('the commands of the manifest, run one after another, restore it with the stock programs alone', async () => {
    const gnupg = await startGnupg(world.keys.privateKey);
    const target = await world.database('by_hand', '');
    const env = {
      ...process.env,
      GNUPGHOME: gnupg.home,
      PATH: `${world.server.binDir}:${process.env['PATH']}`,
      TARGET_DATABASE_URL: target,
    };
    for (const command of set.manifest.byHand.filter((line) => line.includes('/database-')))
      await shell('bash', ['-o', 'pipefail', '-c', command], {env});
    await gnupg.close();
    expect(await world.sql(target, 'SELECT count(*)::int AS n FROM orders')).toEqual([{n: 5000}]);
    expect((await schemaOf(target)).replace(/^(GRANT|REVOKE|ALTER DEFAULT).*$/gm, '')).toBe(
      (await schemaOf(url)).replace(/^(GRANT|REVOKE|ALTER DEFAULT).*$/gm, ''),
    );
  }, 60_000);

  test('verification reads all of them and finds every table', async () => {
    const figures = await checkPlaintext({
      store: world.store,
      manifest: set.manifest,
      keys: [world.unlocked],
      env: process.env,
      signal,
    });
    expect(figures.tables).toBeGreaterThanOrEqual(set.manifest.database!.content!.tables.length);
  });

  test.each([
    ['before', 'MANIFEST'],
    ['after', 'MANIFEST'],
    ['rows-02', 'RESTORE_DIFFERS'],
  ])('a set that lacks %s is refused', async (name, code) => {
    const manifest = {...set.manifest, parts: set.manifest.parts.filter(({key}) => !key.includes(name))};
    await expect(
      restoreDatabase({
        store: world.store,
        manifest,
        keys: [world.unlocked],
        server: world.admin,
        database: 'lacking',
        owners: 'drop',
        env: process.env,
        signal,
      }),
    ).rejects.toMatchObject({code});
    expect(await world.sql(world.server.url, `SELECT 1 FROM pg_database WHERE datname = 'lacking'`)).toEqual([]);
  });

  test.each(['--section=pre-data', '--strict-names', '--exclude-table-data', '--section=post-data'])(
    'one stream that fails (%s) leaves no set',
    async (which) => {
      const folder = await mkdtemp(join(world.folder, 'bin-'));
      await writeFile(
        join(folder, 'pg_dump'),
        `#!/bin/sh\nREAL=${join(world.server.binDir, 'pg_dump')}\n[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) ${world.server.major}.99"; exit 0; }\ncase "$*" in *${which}*) "$REAL" "$@"; echo "pg_dump: error: it broke" >&2; exit 1;; esac\nexec "$REAL" "$@"\n`,
      );
      await chmod(join(folder, 'pg_dump'), 0o755);
      const before = (await all(world.store.list(''))).length;
      await expect(
        writeSet(world.requestFor(url, {database: database(url)}), {
          store: world.store,
          signal,
          env: {...process.env, SWITCHBACK_PG_BIN: folder},
        }),
      ).rejects.toMatchObject({code: 'DATABASE_DUMP', message: expect.stringContaining('it broke')});
      expect(await all(world.store.list(''))).toHaveLength(before);
      expect(await all(world.store.unfinished(''))).toEqual([]);
      await rm(folder, {recursive: true});
    },
  );

  test('all streams are of one moment, whatever is written meanwhile', async () => {
    let stop = false;
    const writer = (async () => {
      while (!stop)
        await world.sql(
          url,
          `INSERT INTO s.orders DEFAULT VALUES; INSERT INTO events VALUES ('2026-02-02', 'late'); UPDATE orders SET total = total + 1 WHERE id < 50`,
        );
    })();
    const made = await world.backUp(url, {database: database(url)});
    stop = true;
    await writer;
    const {comparison} = await restoreDatabase({
      store: world.store,
      manifest: made.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'moment',
      owners: 'drop',
      env: process.env,
      signal,
    });
    expect(comparison.differences).toEqual([]);
  }, 60_000);

  test('a set of one archive is what it was', async () => {
    const one = await world.backUp(url);
    expect(databaseParts(one.manifest)).toMatchObject({before: [], rows: [{key: 'database.dump.pgp'}], after: []});
  });
});

test('tables are spread by size, the largest first, and the first group has the rest', () => {
  const tables = [5, 90, 40, 30, 20].map((bytes) => ({name: `t${bytes}`, bytes}));
  const groups = spread(tables, 200, 3);
  expect(groups.map(({names}) => names)).toEqual([['t30', 't5'], ['t90'], ['t40', 't20']]);
  expect(groups.flatMap(({names}) => names).sort()).toEqual(tables.map(({name}) => name).sort());
  expect(spread([], 10, 4)).toEqual([{names: [], bytes: 10}]);
});
