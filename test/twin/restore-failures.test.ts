import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {readPlaintext} from '../../src/backup/part-reader.js';
import {type DatabaseRestore, restoreDatabase} from '../../src/backup/restore-database.js';
import type {SetResult} from '../../src/backup/write-set.js';
import {fakeClock} from '../../src/kernel/clock.js';
import {findClientTools} from '../../src/postgres/client-tools.js';
import {parseConnection} from '../../src/postgres/connection.js';
import {restoreArchive} from '../../src/postgres/restore.js';
import {swapDatabases} from '../../src/postgres/swap.js';
import {faulty, type StoreFault} from '../../src/storage/faults.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

/** Whatever goes wrong in a restore, nothing that users reach has changed and no half-made database stays. */
describe('a restore that cannot be whole', () => {
  let world: BackupWorld;
  let set: SetResult;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    world = await startBackupWorld();
    set = await world.backUp(await world.database('shop'));
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const attempt = (more: Partial<DatabaseRestore> = {}) =>
    restoreDatabase({
      store: world.store,
      manifest: set.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'half',
      owners: 'drop',
      env: process.env,
      signal,
      clock: fakeClock(),
      ...more,
    });
  const databases = async () =>
    (await world.sql(world.server.url, 'SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')).map(
      ({datname}) => datname,
    );

  test.each<[rule: string, fault: StoreFault, code: string]>([
    ['21: a changed byte', {operation: 'get', key: 'database', kind: 'corrupt'}, 'SET_DIGEST'],
    [
      '33: a part that ends early, again and again',
      {operation: 'get', key: 'database', kind: 'cut', times: 99},
      'SET_INCOMPLETE',
    ],
    [
      '11: a connection that breaks, again and again',
      {operation: 'get', key: 'database', kind: 'break', times: 99},
      'STORE_UNAVAILABLE',
    ],
  ])('row %s', async (_rule, fault, code) => {
    await expect(attempt({store: faulty(world.store, [fault])})).rejects.toMatchObject({code});
    expect(await databases()).toEqual(['postgres', 'shop']);
  });

  test('a connection that breaks twice is taken up again', async () => {
    const store = faulty(world.store, [{operation: 'get', key: 'database', kind: 'break', times: 2}]);
    expect((await attempt({store, database: 'resumed'})).comparison.differences).toEqual([]);
  });

  test('row 22: rows that the archive lacks', async () => {
    const content = set.manifest.database!.content!;
    const tables = content.tables.map((table) => ({...table, digest: '1'}));
    await expect(
      attempt({manifest: {...set.manifest, database: {...set.manifest.database!, content: {...content, tables}}}}),
    ).rejects.toMatchObject({code: 'RESTORE_DIFFERS', message: expect.stringContaining('content of public.orders')});
    expect(await databases()).not.toContain('half');
  });

  test('row 23: an object that is there already stops it at the first error', async () => {
    const target = await world.database('taken', 'CREATE TABLE customers (other int)');
    const [tools] = (await findClientTools(process.env)).filter(({major}) => major === world.server.major);
    const part = set.manifest.parts[0]!;
    const source = readPlaintext({store: world.store, prefix: set.prefix, part, signal}, [world.unlocked]);
    await expect(
      restoreArchive({
        connection: parseConnection(target),
        tools: tools!,
        source,
        around: 'none',
        env: process.env,
        signal,
        owners: 'drop',
      }),
    ).rejects.toMatchObject({message: expect.stringContaining('already exists')});
  });

  test('row 24: an extension that the server lacks is named before anything is made', async () => {
    const content = {...set.manifest.database!.content!, extensions: {vector: '0.8.0'}};
    await expect(
      attempt({manifest: {...set.manifest, database: {...set.manifest.database!, content}}}),
    ).rejects.toMatchObject({code: 'DATABASE_EXTENSION', message: expect.stringContaining('vector')});
    expect(await databases()).not.toContain('half');
  });

  test('row 27: owners that do not exist on the server', async () => {
    await world.sql(world.server.url, 'CREATE ROLE app LOGIN');
    const owned = await world.database('owned', 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO app');
    const made = await world.backUp(owned, {allowShrink: true});
    await world.sql(world.server.url, 'DROP DATABASE owned');
    await world.sql(world.server.url, 'DROP ROLE app');
    await expect(attempt({manifest: made.manifest, owners: 'keep'})).rejects.toMatchObject({
      message: expect.stringContaining('role "app" does not exist'),
    });
    expect((await attempt({manifest: made.manifest, database: 'unowned'})).comparison.differences).toEqual([]);
  });

  test('roles that policies name are asked for before anything is made, or named by the error of an older set', async () => {
    await world.sql(world.server.url, 'CREATE ROLE clerk; CREATE ROLE "Of fice"');
    const url = await world.database(
      'policies',
      'CREATE TABLE t AS SELECT 1 AS a; CREATE POLICY p ON t TO clerk, "Of fice" USING (true)',
    );
    const {manifest} = await world.backUp(url, {allowShrink: true});
    await world.sql(world.server.url, 'DROP DATABASE policies');
    await world.sql(world.server.url, 'DROP ROLE clerk, "Of fice"');
    await expect(attempt({manifest})).rejects.toMatchObject({
      code: 'DATABASE_ROLE',
      message: expect.stringContaining('lacks the roles Of fice, clerk'),
      remedy: expect.stringContaining('CREATE ROLE "Of fice" NOLOGIN; CREATE ROLE clerk NOLOGIN'),
    });
    const {roles: _, ...content} = manifest.database!.content!;
    await expect(attempt({manifest: {...manifest, database: {...manifest.database!, content}}})).rejects.toMatchObject({
      code: 'DATABASE_ROLE',
      remedy: expect.stringContaining('CREATE ROLE'),
    });
    expect(await databases()).not.toContain('half');
    await world.sql(world.server.url, 'CREATE ROLE "Of fice" NOLOGIN; CREATE ROLE clerk NOLOGIN');
    expect((await attempt({manifest, database: 'with_roles'})).comparison.differences).toEqual([]);
  }, 60_000);

  test('row 28: a unique index that hides duplicates', async () => {
    const url = await world.database('doubled', 'CREATE TABLE t (a int UNIQUE); INSERT INTO t VALUES (1)');
    await world.sql(
      url,
      `UPDATE pg_index SET indisready = false, indisvalid = false, indisunique = false WHERE indexrelid = 't_a_key'::regclass; INSERT INTO t VALUES (1)`,
    );
    await world.sql(
      url,
      `UPDATE pg_index SET indisready = true, indisvalid = true, indisunique = true WHERE indexrelid = 't_a_key'::regclass`,
    );
    const made = await world.backUp(url, {allowShrink: true});
    await expect(attempt({manifest: made.manifest})).rejects.toMatchObject({
      message: expect.stringContaining('Key (a)=(1) is duplicated'),
    });
  });

  test('row 30: cancelled half-way', async () => {
    const stop = new AbortController();
    const slow = {
      ...world.store,
      get: world.store.get.bind(world.store),
      head: async (key: string) => {
        setTimeout(() => stop.abort(), 150);
        return world.store.head(key);
      },
    };
    await expect(attempt({store: slow as typeof world.store, signal: stop.signal})).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await databases()).not.toContain('half');
  });

  test('row 31: a writer that will not go is put out for the swap, and both names change at once', async () => {
    const live = await world.database('live', 'CREATE TABLE t AS SELECT 1 AS a');
    await world.database('fresh', 'CREATE TABLE t AS SELECT 2 AS a');
    let writing = true;
    const seen = new Set<number>();
    const writer = (async () => {
      while (writing) {
        const rows = await world.sql(live, 'SELECT a FROM t').catch(() => []);
        for (const {a} of rows) seen.add(a as number);
      }
    })();
    await swapDatabases({server: world.admin, live: 'live', restored: 'fresh', keepAs: 'live_before', signal});
    await new Promise((resolve) => setTimeout(resolve, 300));
    writing = false;
    await writer;
    expect([...seen].sort()).toEqual([1, 2]);
    expect(await world.sql(world.server.urlOf('live_before'), 'SELECT a FROM t')).toEqual([{a: 1}]);
  });

  test('a swap that cannot be made leaves both where they were, open to users', async () => {
    const live = await world.database('stays', 'CREATE TABLE t AS SELECT 1 AS a');
    await world.database('stays_new', 'CREATE TABLE t AS SELECT 2 AS a');
    await expect(
      swapDatabases({server: world.admin, live: 'stays', restored: 'stays_new', keepAs: 'shop', signal}),
    ).rejects.toMatchObject({code: 'SWAP'});
    expect(await world.sql(live, 'SELECT a FROM t')).toEqual([{a: 1}]);
  });
});
