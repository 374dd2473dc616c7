import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from '@jest/globals';
import pg from 'pg';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';
import {judgeMigrations} from '../../src/schema/verdict.js';

/**
 * The other direction: whatever of the corpus the verdict calls compatible is applied to PostgreSQL, and old code that
 * reads every column and writes every table must still work. Each in a transaction that is undone.
 */
const corpus = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'contract', 'schema-corpus.json'), 'utf8')) as {
  base: string[];
  cases: Array<{class: string; sql: string; before?: string}>;
};

const oldCode = [
  "INSERT INTO users (email, name) VALUES ('new@example.com', NULL) RETURNING id, status",
  "INSERT INTO users (email, name) VALUES ('x@example.com', 'X') ON CONFLICT (email) DO UPDATE SET name = excluded.name",
  "INSERT INTO users (email, name, age, code, tags, payload) VALUES ('y@example.com', 'X', 0, repeat('c', 20), '{a}', '{}')",
  'SELECT id, email, name, age, status, balance, code, tags, created_at, payload FROM users',
  "INSERT INTO orders (user_id, number, state) VALUES (1, 'n-2', 'paid') ON CONFLICT (number) DO NOTHING",
  "INSERT INTO orders (user_id, parent_id, number, state) VALUES (1, 1, 'n-3', 'open') RETURNING id, quantity",
  'DELETE FROM orders WHERE id = 1',
  'SELECT id, user_id, parent_id, number, state, quantity, note FROM orders',
  "UPDATE users SET balance = 99999999.99, name = 'Z' WHERE id = 1",
  "SELECT 'sad'::mood, 1::amount",
  'SELECT id, email FROM active_users',
  'SELECT user_id, n FROM totals',
  'SELECT full_name(u) FROM users u',
  "SELECT nextval('invoice_seq')",
  "INSERT INTO audit.log (what) VALUES ('x')",
  "INSERT INTO events VALUES (2, '2025-06-06')",
  "INSERT INTO events_old VALUES (2, '2020-06-06')",
  'SELECT count(*) FROM events_2025',
];

test('old code works after every statement of the corpus that is called compatible', async () => {
  await using server = await startPostgres();
  const client = new pg.Client({connectionString: server.url});
  await client.connect();
  await client.query(
    `${corpus.base.join('\n')} INSERT INTO users (email, name) VALUES ('a@example.com', 'A');
     INSERT INTO orders (user_id, number, state) VALUES (1, 'n-1', 'open'); REFRESH MATERIALIZED VIEW totals;`,
  );
  const works = async () => {
    for (const sql of oldCode) await client.query(sql);
  };
  const broken: string[] = [];
  const refused: string[] = [];
  let applied = 0;
  for (const {sql, before = ''} of corpus.cases) {
    const earlier = {file: '1.sql', sql: `${corpus.base.join('\n')}\n${before}`};
    const {verdict} = await judgeMigrations([earlier], [{file: '2.sql', sql}]);
    if (verdict !== 'compatible' && verdict !== 'unchanged') continue;
    await client.query('BEGIN');
    if (before) await client.query(before);
    // A schema that already refuses this old code says nothing about the statement.
    await client.query('SAVEPOINT zero');
    const fits = await works().then(
      () => true,
      () => false,
    );
    await client.query(fits ? 'ROLLBACK TO zero' : 'ROLLBACK');
    if (!fits) continue;
    // What cannot run inside a transaction runs there without the word that forbids it.
    const plain = sql.replace(/ CONCURRENTLY/g, '').replace(/\b(BEGIN|COMMIT);?/g, '');
    const wrong = await client.query(`SAVEPOINT one; ${plain}; SET search_path TO DEFAULT`).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (wrong) refused.push(`${sql}: ${wrong}`);
    else {
      applied++;
      await works().catch((error: Error) => broken.push(`${sql}: ${error.message}`));
    }
    await client.query('ROLLBACK');
  }
  await client.end();
  expect(broken).toEqual([]);
  // A few need what this server does not have: roles, extensions, another version.
  expect(refused.length).toBeLessThan(15);
  expect(applied).toBeGreaterThan(100);
}, 120_000);
