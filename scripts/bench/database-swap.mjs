// npm run bench -- database-swap [--mb N]: a restored database takes the place of a live one that is being written to,
// and is swapped back; measures for how long users could not write, and compares every row.
import pg from 'pg';
import {parseConnection} from '../../lib/src/postgres/connection.js';
import {readServerFacts} from '../../lib/src/postgres/server-facts.js';
import {openSession} from '../../lib/src/postgres/session.js';
import {swapDatabases} from '../../lib/src/postgres/swap.js';
import {startPostgres} from '../../lib/src/rehearsal/postgres/server.js';
import {swapBack} from '../../lib/src/release/database-swap.js';
import {identityOf} from '../../lib/src/release/restore-target.js';

const at = process.argv.indexOf('--mb');
const megabytes = at < 0 ? 1_024 : Number(process.argv[at + 1]);
const limitMs = 2_000;
const signal = new AbortController().signal;
const server = await startPostgres();
let ok = false;
try {
  ok = await measure();
} finally {
  await server.close();
}
process.exit(ok ? 0 : 1);

async function measure() {
  const url = await server.createDatabase('shop');
  // 8 kB a row, so that a page holds one.
  await ask(
    url,
    `CREATE TABLE items AS SELECT i AS id, (SELECT string_agg(md5((i * 250 + j)::text), '') FROM generate_series(1, 235) j) AS v FROM generate_series(1, ${megabytes * 128}) i; CREATE TABLE notes (n int)`,
  );
  await ask(server.url, 'CREATE DATABASE shop_restoring TEMPLATE shop');
  await ask(server.urlOf('shop_restoring'), 'DELETE FROM items WHERE id % 3 = 0');
  const size = (await ask(url, `SELECT pg_size_pretty(pg_database_size('shop')) AS size`))[0].size;
  const restoredContent = await content(server.urlOf('shop_restoring'));
  const writer = startWriter(url);
  await writer.wrote(20);
  const swapped = await swapDatabases({
    server: parseConnection(server.url),
    live: 'shop',
    restored: 'shop_restoring',
    keepAs: 'shop_before',
    signal,
  });
  await writer.wrote(20);
  const gapMs = await writer.stop();
  const before = await content(server.urlOf('shop_before'));
  const session = await openSession(parseConnection(url));
  const confirm = identityOf(await readServerFacts(session));
  await session.close();
  const back = await swapBack({live: parseConnection(url), kept: 'shop_before', confirm, signal});
  const same = (await content(url)) === before;
  const kept = (await content(server.urlOf(back.keptAs))) === restoredContent;
  console.log(
    `${size}: closed for ${swapped.unavailableMs} ms at the swap and ${back.unavailableMs} ms at the swap back; a writer saw ${gapMs} ms between two writes; swapped back ${same ? 'equal in every row' : 'DIFFERENT'}, the restored one kept ${kept ? 'whole' : 'DIFFERENT'}`,
  );
  return same && kept && Math.max(swapped.unavailableMs, back.unavailableMs, gapMs) < limitMs;
}

async function ask(address, sql) {
  const client = new pg.Client({connectionString: address});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function content(address) {
  const [row] = await ask(
    address,
    `SELECT md5(string_agg(md5(t::text), ',' ORDER BY id)) AS d, count(*) AS n FROM items t`,
  );
  return `${row.n} ${row.d}`;
}

function startWriter(address) {
  let [wrote, gapMs, lastMs, over] = [0, 0, Date.now(), false];
  const loop = (async () => {
    while (!over) {
      try {
        await ask(address, 'INSERT INTO notes VALUES (1)');
        wrote++;
        gapMs = Math.max(gapMs, Date.now() - lastMs);
        lastMs = Date.now();
      } catch {
        // Refused or cut: tried again.
      }
    }
  })();
  return {
    wrote: async (more) => {
      const goal = wrote + more;
      while (wrote < goal) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    stop: async () => {
      over = true;
      await loop;
      return gapMs;
    },
  };
}
