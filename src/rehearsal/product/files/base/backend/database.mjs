import pg from 'pg';
import {log} from './log.mjs';

/** Small on purpose: five connections serve this shop, and a sixth request waits 300 ms and no longer. */
export const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: 5,
  connectionTimeoutMillis: 300,
  statement_timeout: 2_000,
});

// A connection that the server ends while it is idle must not end the process.
pool.on('error', (error) => log('warn', `idle connection lost: ${error.message}`));

export async function query(text, values = []) {
  const {rows} = await pool.query(text, values);
  return rows;
}

/** Name of the newest migration. */
export async function newestMigration() {
  const [row] = await query('SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1');
  return row?.name;
}
