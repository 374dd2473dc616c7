import {createHash} from 'node:crypto';
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {restoreDatabase} from '../../src/backup/restore-database.js';
import {findNewestSet, listSets} from '../../src/backup/set-list.js';
import {checkDigests, checkPlaintext} from '../../src/backup/verify-set.js';
import type {SetResult} from '../../src/backup/write-set.js';
import {parseConnection} from '../../src/postgres/connection.js';
import {type BackupWorld, run, series, startBackupWorld, startGnupg} from './backup-world.js';

describe('a set', () => {
  let world: BackupWorld;
  let url: string;
  let set: SetResult;
  let streamed: SetResult;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    world = await startBackupWorld();
    url = await world.database('shop');
    set = await world.backUp(url);
    // Ids tell sets apart by the second; of two from the same one neither is the newer.
    await sleep(1_000 - (Date.now() % 1_000));
    streamed = await world.backUp(url, {
      database: {connection: parseConnection(url), expectedTables: [], depth: 'digests', compression: 'stream'},
    });
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test('is sealed by a manifest that names what it holds', async () => {
    const {manifest} = set;
    expect(manifest.parts.map(({role}) => role)).toEqual(['database', 'globals']);
    expect(manifest.checks).toEqual({childExitCodes: 'ok', storedSize: 'ok', readBack: 'ok'});
    expect(manifest.database).toMatchObject({name: 'shop', serverMajor: world.server.major, depth: 'digests'});
    expect(manifest.database?.content).toMatchObject({
      migration: {newest: '002_second', count: 2},
      largeObjects: {count: 1},
      objects: {views: 1, materializedViews: 1, functions: 2, triggers: 1, policies: 1, types: 1},
      invalid: [],
    });
    expect(manifest.database?.content?.tables.map(({name, rows}) => [name, rows])).toEqual([
      ['public."Odd name"', 2],
      ['public.customers', 2000],
      ['public.events_2026', 300],
      ['public.orders', 5000],
      ['public.schema_migrations', 2],
    ]);
  });

  test('digests a table by a sum that has not changed since the first sets', async () => {
    const [row] = await world.sql(
      url,
      'SELECT sum(hashtextextended(t::text, 0)::numeric)::text AS digest FROM orders t',
    );
    const orders = set.manifest.database?.content?.tables.find(({name}) => name === 'public.orders');
    expect(orders?.digest).toBe(row?.['digest']);
  });

  test('says the truth about the stored bytes', async () => {
    const part = set.manifest.parts[0]!;
    const stored = await readFile(join(world.store.location, set.prefix, part.key));
    expect(createHash('sha256').update(stored).digest('hex')).toBe(part.ciphertext.sha256);
    expect(stored.length).toBe(part.ciphertext.bytes);
  });

  test('is found as the newest one', async () => {
    expect((await findNewestSet(world.store, series))?.id).toBe(streamed.id);
    expect((await findNewestSet(world.store, series, {id: set.id}))?.id).toBe(set.id);
    expect(await findNewestSet(world.store, {...series, environment: 'staging'})).toBeUndefined();
    expect((await listSets(world.store, series)).unsealed).toEqual([]);
  });

  test('opens with stock gpg and pg_restore alone', async () => {
    const gnupg = await startGnupg(world.keys.privateKey);
    try {
      const archive = join(world.folder, 'by-hand.dump');
      await gnupg.decrypt(join(world.store.location, set.prefix, 'database.dump.pgp'), archive);
      await expectRestorable(archive, 'by_hand');
    } finally {
      await gnupg.close();
    }
  });

  test('whose archive is compressed from outside opens with gpg, zstd and pg_restore', async () => {
    const gnupg = await startGnupg(world.keys.privateKey);
    const archive = join(world.folder, 'by-hand-streamed.dump');
    try {
      await gnupg.decrypt(join(world.store.location, streamed.prefix, 'database.dump.zst.pgp'), `${archive}.zst`);
      await run('zstd', ['-q', '-d', '-f', `${archive}.zst`, '-o', archive]);
      await expectRestorable(archive, 'by_hand_streamed');
    } finally {
      await gnupg.close();
    }
  });

  async function expectRestorable(archive: string, database: string): Promise<void> {
    const target = await world.server.createDatabase(database);
    await run(join(world.server.binDir, 'pg_restore'), [
      '--exit-on-error',
      '--no-owner',
      `--dbname=${target}`,
      archive,
    ]);
    expect(await world.sql(target, 'SELECT count(*)::int AS n, sum(total)::text AS total FROM orders')).toEqual([
      {n: 5000, total: '12502500.00'},
    ]);
  }

  test.each(['archive', 'stream'])(
    'compressed in the %s is restored and equals the manifest in every point',
    async (where) => {
      const {manifest} = where === 'stream' ? streamed : set;
      expect(manifest.parts[0]!.compression.where).toBe(where);
      const restored = await restoreDatabase({
        store: world.store,
        manifest,
        keys: [world.unlocked],
        server: world.admin,
        database: `shop_restored_${where}`,
        owners: 'drop',
        env: process.env,
        signal,
      });
      expect(restored.comparison).toMatchObject({differences: [], notes: []});
      expect(restored.comparison.compared).toBeGreaterThan(25);
      expect(await world.sql(world.server.urlOf(`shop_restored_${where}`), 'SELECT twice(21) AS n')).toEqual([{n: 42}]);
    },
  );

  test('passes both checks that do not need a server', async () => {
    expect((await checkDigests({store: world.store, manifest: set.manifest, signal})).parts).toHaveLength(2);
    expect(
      await checkPlaintext({
        store: world.store,
        manifest: set.manifest,
        signal,
        keys: [world.unlocked],
        env: process.env,
      }),
    ).toMatchObject({tables: 5});
  });

  test('holds the moment of the dump, whatever is written meanwhile', async () => {
    const busy = await world.database('busy');
    let stop = false;
    const writer = (async () => {
      while (!stop)
        await world.sql(
          busy,
          `INSERT INTO customers (email) SELECT gen_random_uuid()::text FROM generate_series(1, 200)`,
        );
    })();
    const made = await world.backUp(busy, {allowShrink: true});
    stop = true;
    await writer;
    const restored = await restoreDatabase({
      store: world.store,
      manifest: made.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'busy_restored',
      owners: 'drop',
      env: process.env,
      signal,
    });
    expect(restored.comparison.differences).toEqual([]);
    const [{n}] = (await world.sql(busy, 'SELECT count(*)::int AS n FROM customers')) as [{n: number}];
    expect(n).toBeGreaterThan(
      made.manifest.database!.content!.tables.find(({name}) => name === 'public.customers')!.rows!,
    );
  });

  test('keeps table names to itself when asked to', async () => {
    const made = await world.backUp(url, {manifestDetail: 'minimal', allowShrink: true});
    const text = await readFile(join(world.store.location, made.manifestKey), 'utf8');
    expect(text).not.toContain('customers');
    const restored = await restoreDatabase({
      store: world.store,
      manifest: made.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'minimal_restored',
      owners: 'drop',
      env: process.env,
      signal,
    });
    expect(restored.comparison.compared).toBeGreaterThan(25);
  });

  test('leaves no temporary file behind', async () => {
    expect(await readdir(join(world.store.location, '.unfinished'))).toEqual([]);
  });
});
