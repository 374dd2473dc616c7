import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import pg from 'pg';
import type {World} from './world.js';

/** The rehearsed product's database as an outsider sees and breaks it: by a client of its own, never by the actions' code. */

/** Rows of one statement. */
export async function query(world: World, sql: string, database = 'shop'): Promise<Array<Record<string, unknown>>> {
  return rowsAt(world.postgres.urlOf(database), sql);
}

async function rowsAt(url: string, sql: string): Promise<Array<Record<string, unknown>>> {
  const client = new pg.Client({connectionString: url});
  // A swap ends connections; that is what is rehearsed.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows as Array<Record<string, unknown>>;
  } finally {
    await client.end();
  }
}

/** What customers would miss: every item and every order. */
export async function contentOf(world: World, database = 'shop'): Promise<string> {
  return contentAt(world.postgres.urlOf(database));
}

export async function contentAt(url: string): Promise<string> {
  const items = await rowsAt(url, 'SELECT id, name FROM items ORDER BY id');
  const orders = await rowsAt(url, 'SELECT id, item_id, quantity FROM orders ORDER BY id');
  return JSON.stringify({items, orders});
}

export async function databasesOf(world: World): Promise<string[]> {
  const rows = await query(world, `SELECT datname FROM pg_database WHERE datname LIKE 'shop%' ORDER BY 1`, 'postgres');
  return rows.map((row) => String(row['datname']));
}

/** What whoever answers for the restore has to type. */
export async function identityOf(world: World): Promise<string> {
  const [row] = await query(world, 'SELECT system_identifier::text AS id FROM pg_control_system()', 'postgres');
  return `shop@${String(row!['id'])}`;
}

/** Runs a command that a log printed, as its reader would: in a shell, with the password in PGPASSWORD. */
export async function typeIn(world: World, command: string): Promise<void> {
  const env = {PATH: `${world.postgres.binDir}:${process.env['PATH'] ?? ''}`, PGPASSWORD: world.postgres.password};
  await promisify(execFile)('/bin/sh', ['-c', command], {env});
}
