import {readdirSync, readFileSync} from 'node:fs';
import pg from 'pg';
import {log} from './log.mjs';

/** Applies the numbered migrations that are not yet in `schema_migrations`, each in a transaction of its own. */

const folder = new URL('migrations/', import.meta.url);
const client = new pg.Client({connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 5_000});

await client.connect();
try {
  // Two deployments may start at the same moment; only one migrates.
  await client.query('SELECT pg_advisory_lock(727001)');
  await client.query(
    'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
  );
  const {rows} = await client.query('SELECT name FROM schema_migrations');
  const applied = new Set(rows.map((row) => row.name));
  const pending = readdirSync(folder)
    .filter((file) => /^\d{3}_.*\.sql$/.test(file) && !applied.has(file.replace('.sql', '')))
    .sort();
  for (const file of pending) await apply(file);
  log('info', `migrations applied: ${pending.length}`);
} finally {
  await client.end();
}

async function apply(file) {
  const name = file.replace('.sql', '');
  await client.query('BEGIN');
  try {
    await client.query(readFileSync(new URL(file, folder), 'utf8'));
    await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
    await client.query('COMMIT');
    log('info', `migration ${name} applied`);
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
