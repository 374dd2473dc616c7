import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {Client} from 'pg';
import {parseConnection} from '../../src/postgres/connection.js';
import {takeInventory} from '../../src/postgres/inventory.js';
import {MeasureAhead} from '../../src/postgres/measure-ahead.js';
import {openSession, openSessions} from '../../src/postgres/session.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

describe('tables measured while a restore fills them', () => {
  let world: BackupWorld;
  const signal = new AbortController().signal;
  beforeAll(async () => {
    world = await startBackupWorld();
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  async function measured(
    name: string,
    expected: number,
    meanwhile: (sql: (text: string) => Promise<void>) => Promise<void>,
  ) {
    const url = await world.database(name, tables);
    await using sessions = await openSessions(parseConnection(url), 2, signal);
    const ahead = new MeasureAhead(sessions.all[0]!, 'digests');
    const writer = new Client(url);
    await writer.connect();
    try {
      for (const deadline = Date.now() + 60_000; ahead.size < expected && Date.now() < deadline; ) await sleep(20);
      await meanwhile(async (text) => void (await writer.query(text)));
      return await ahead.finish(sessions.all);
    } finally {
      await writer.end();
    }
  }

  test('are those with committed rows, and they measure as they would at the end', async () => {
    const known = await measured('ahead_all', 3, async () => {});
    await using session = await openSession(parseConnection(world.server.urlOf('ahead_all')));
    const {tables} = await takeInventory(session, 'digests');
    expect([...known.keys()].sort()).toEqual(['public.a', 'public.b', 'public.c']);
    // Measured side by side, so in any order.
    expect(known).toEqual(new Map(tables.filter(({name}) => known.has(name)).map((table) => [table.name, table])));
  });

  test.each([
    ['a row more', "INSERT INTO a VALUES (1001, 'new')"],
    ['a row less', 'DELETE FROM a WHERE id = 7'],
    ['a row changed', "UPDATE a SET text = 'other' WHERE id = 7"],
    ['as many rows, one of them another', "DELETE FROM a WHERE id = 7; INSERT INTO a VALUES (7, 'other')"],
    ['no row', 'TRUNCATE a'],
    ['all rows anew', 'CREATE TABLE copy AS TABLE a; TRUNCATE a; INSERT INTO a TABLE copy'],
  ])('do not count when there is %s at the end', async (what, change) => {
    const known = await measured(`ahead_${what.replace(/\W/g, '_')}`, 3, (sql) => sql(change));
    expect([...known.keys()].sort()).toEqual(['public.b', 'public.c']);
  });

  test('are not those that a writer is still at', async () => {
    const url = await world.database('ahead_busy', 'CREATE TABLE slow (id int)');
    const loader = new Client(url);
    await loader.connect();
    await loader.query('BEGIN; INSERT INTO slow SELECT generate_series(1, 5000)');
    await using sessions = await openSessions(parseConnection(url), 1, signal);
    const ahead = new MeasureAhead(sessions.all[0]!, 'digests');
    await sleep(500);
    expect(ahead.size).toBe(0);
    await loader.query('COMMIT');
    for (const deadline = Date.now() + 60_000; ahead.size < 1 && Date.now() < deadline; ) await sleep(20);
    await loader.end();
    expect((await ahead.finish(sessions.all)).get('public.slow')?.rows).toBe(5000);
  });
});

const tables = `
  CREATE TABLE a (id int, text text); CREATE TABLE b (raw bytea); CREATE TABLE c (doc jsonb); CREATE TABLE empty (id int);
  INSERT INTO a SELECT i, md5(i::text) FROM generate_series(1, 1000) i;
  INSERT INTO b SELECT decode(md5(i::text), 'hex') FROM generate_series(1, 500) i;
  INSERT INTO c SELECT jsonb_build_object('n', i) FROM generate_series(1, 500) i`;
