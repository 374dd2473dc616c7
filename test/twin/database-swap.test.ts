import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import pg from 'pg';
import {parseConnection} from '../../src/postgres/connection.js';
import {readServerFacts} from '../../src/postgres/server-facts.js';
import {openSession} from '../../src/postgres/session.js';
import {swapDatabases} from '../../src/postgres/swap.js';
import {type PostgresServer, startPostgres} from '../../src/rehearsal/postgres/server.js';
import {swapBack, swapBackCommand} from '../../src/release/database-swap.js';
import {identityOf} from '../../src/release/restore-target.js';

const signal = new AbortController().signal;

/** A real server, and somebody who goes on writing all the while. */
describe('a database that takes the place of the live one', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.close());

  /** Live with 5,000 rows, and a restored one with the first 3,000. */
  async function pair(live: string): Promise<{url: string; restored: string}> {
    const url = await server.createDatabase(live);
    const restored = `${live}_restoring`;
    await ask(url, fill(5_000));
    await ask(await server.createDatabase(restored), fill(3_000));
    return {url, restored};
  }

  test('loses no row that was acknowledged, and comes back row by row', async () => {
    const {url, restored} = await pair('shop');
    const writer = startWriter(url);
    await writer.wrote(20);
    const kept = 'shop_before_test';
    const swap = {server: parseConnection(server.url), live: 'shop', restored, keepAs: kept, signal};
    await swapDatabases(swap);
    await writer.wrote(20);
    const acknowledged = await writer.stop();
    expect(await count(url, 'id <= 5000')).toBe(3_000);
    // Each write that was acknowledged is in one of the two.
    const [old, now] = [await noted(server.urlOf(kept)), await noted(url)];
    expect([...old, ...now].sort((a, b) => a - b)).toEqual(expect.arrayContaining(acknowledged));

    const [oldContent, newContent] = [await content(server.urlOf(kept)), await content(url)];
    const back = await swapBack({live: parseConnection(url), kept, confirm: await identity(url), signal});
    expect(await content(url)).toBe(oldContent);
    expect(await content(server.urlOf(back.keptAs))).toBe(newContent);
  }, 120_000);

  test('is not touched without the typed identity', async () => {
    const {url, restored} = await pair('ledger');
    const before = await content(url);
    for (const confirm of [undefined, '', 'ledger', `${await identity(url)}0`]) {
      await expect(swapBack({live: parseConnection(url), kept: restored, confirm, signal})).rejects.toMatchObject({
        code: 'SWAP_CONFIRM',
      });
    }
    expect(await content(url)).toBe(before);
  }, 60_000);

  test('stays where it is when the kept one is gone', async () => {
    const {url} = await pair('orders');
    const before = await content(url);
    const confirm = await identity(url);
    await expect(swapBack({live: parseConnection(url), kept: 'no_such', confirm, signal})).rejects.toMatchObject({
      code: 'SWAP_KEPT',
    });
    expect(await content(url)).toBe(before);
  }, 60_000);

  test('comes back by the one printed command, whatever its name', async () => {
    const live = `sh"op's`;
    const {url, restored} = await pair(live);
    const held = new pg.Client({connectionString: url});
    held.on('error', () => undefined);
    await held.connect();
    const [liveContent, restoredContent] = [await content(url), await content(server.urlOf(restored))];
    const command = swapBackCommand(parseConnection(url), restored, Date.now());
    // The reader's own shell is what the command is printed for.
    await promisify(execFile)('/bin/sh', ['-c', command], {
      env: {PATH: `${server.binDir}:${process.env['PATH']}`, PGPASSWORD: server.password},
    });
    expect(await content(url)).toBe(restoredContent);
    const names = await ask(server.url, `SELECT datname FROM pg_database WHERE datname LIKE 'sh"op%undone%'`);
    expect(await content(server.urlOf(String(names[0]?.['datname'])))).toBe(liveContent);
    await held.end().catch(() => undefined);
  }, 60_000);

  async function identity(url: string): Promise<string> {
    await using session = await openSession(parseConnection(url));
    return identityOf(await readServerFacts(session));
  }
});

const fill = (rows: number) =>
  `CREATE TABLE items AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, ${rows}) i; CREATE TABLE notes (n int PRIMARY KEY)`;

async function ask(url: string, sql: string): Promise<Array<Record<string, unknown>>> {
  const client = new pg.Client({connectionString: url});
  // The swap ends its connection; that is what is tested, not a fault.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as Array<Record<string, unknown>>;
  } finally {
    await client.end();
  }
}

const count = async (url: string, where: string) =>
  Number((await ask(url, `SELECT count(*) AS n FROM items WHERE ${where}`))[0]!['n']);

const noted = async (url: string) => (await ask(url, 'SELECT n FROM notes ORDER BY n')).map((row) => Number(row['n']));

/** Every row of every table, as one digest. */
const content = async (url: string) =>
  String(
    (
      await ask(
        url,
        `SELECT md5((SELECT string_agg(t::text, ',' ORDER BY id) FROM items t) || coalesce((SELECT string_agg(n::text, ',' ORDER BY n) FROM notes), '')) AS d`,
      )
    )[0]!['d'],
  );

/** Writes one row after another, each on a connection of its own, as an app whose pool was cut does. */
function startWriter(url: string): {wrote(more: number): Promise<void>; stop(): Promise<number[]>} {
  const acknowledged: number[] = [];
  let [next, over] = [1, false];
  const loop = (async () => {
    while (!over) {
      const n = next++;
      try {
        await ask(url, `INSERT INTO notes VALUES (${n})`);
        acknowledged.push(n);
      } catch {
        // Refused or cut: not acknowledged; the next one tries again.
      }
    }
  })();
  return {
    wrote: async (more) => {
      const goal = acknowledged.length + more;
      while (acknowledged.length < goal) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    stop: async () => {
      over = true;
      await loop;
      return acknowledged;
    },
  };
}
