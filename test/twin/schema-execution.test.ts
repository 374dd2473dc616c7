import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import pg from 'pg';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';
import {judgeMigrations} from '../../src/schema/verdict.js';
import {base, type Pair, pairs, type Query, rows} from './schema-old-code.js';

/** The verdict's claim, put to PostgreSQL itself: old code fails on the new schema exactly where it said breaking. */
let server: Awaited<ReturnType<typeof startPostgres>>;

beforeAll(async () => {
  server = await startPostgres();
  await server.createDatabase('old');
  await asOwner('old', `${base}${rows}`);
});
afterAll(() => server.close());

async function connected<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({connectionString: server.urlOf(database)});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const asOwner = (database: string, sql: string) => connected(database, (client) => client.query(sql));

/** Runs old code as its own role and undoes it; what went wrong, or undefined. */
function runOldCode(database: string, queries: readonly Query[]): Promise<string | undefined> {
  return connected(database, async (client) => {
    await client.query('BEGIN; SET LOCAL ROLE old_code');
    for (const [sql, values = [], expected] of queries) {
      const answer = await client.query(sql, [...values]).catch((error: Error) => error);
      if (answer instanceof Error) return answer.message;
      if (expected && JSON.stringify(answer.rows) !== JSON.stringify(expected)) return JSON.stringify(answer.rows);
    }
    await client.query('SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK');
    return undefined;
  });
}

async function tryOut({old, migration, before = ''}: Pair, database: string) {
  await asOwner('postgres', `CREATE DATABASE ${database} TEMPLATE old`);
  if (before) await asOwner(database, before);
  const earlier = {file: '1.sql', sql: `${base}${before}`};
  const {verdict} = await judgeMigrations([earlier], [{file: '2.sql', sql: migration}]);
  const first = await runOldCode(database, old);
  await asOwner(database, migration);
  const then = await runOldCode(database, old);
  return {verdict, first, then};
}

describe(`${pairs.length} pairs of old code and migration`, () => {
  test.each(pairs.map((pair, at) => [pair.migration.slice(0, 100), pair, at] as const))('%s', async (_, pair, at) => {
    const {verdict, first, then} = await tryOut(pair, `pair_${at}`);
    expect(first).toBeUndefined();
    expect({verdict, then}).toEqual(then === undefined ? {verdict: 'compatible', then} : {verdict: 'breaking', then});
  });

  test('there are at least thirty of them, some of each kind', async () => {
    const verdicts = await Promise.all(
      pairs.map(
        async ({migration, before = ''}) =>
          (await judgeMigrations([{file: '1.sql', sql: `${base}${before}`}], [{file: '2.sql', sql: migration}]))
            .verdict,
      ),
    );
    expect(verdicts.filter((verdict) => verdict === 'breaking').length).toBeGreaterThanOrEqual(15);
    expect(verdicts.filter((verdict) => verdict === 'compatible').length).toBeGreaterThanOrEqual(15);
  });
});
