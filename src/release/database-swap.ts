import {Failure} from '../kernel/errors.js';
import type {Connection} from '../postgres/connection.js';
import {readServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';
import {swapDatabases} from '../postgres/swap.js';
import {identityOf} from './restore-target.js';

export interface SwapBack {
  /** The live database as users' code reaches it; its server is the one that is changed. */
  readonly live: Connection;
  /** Name under which the replaced database was kept. */
  readonly kept: string;
  /** Typed by a person: `<database>@<system identifier>` of the live database. */
  readonly confirm: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Undoes a restore in place: the kept database takes its name back, and what was restored is kept under a dated name in
 * its turn, so that this can be undone as well.
 * @returns the name under which the restored database now stands, and how long users could not connect.
 * @throws Failure SWAP_CONFIRM when the typed identity is not the live database's, SWAP_KEPT when there is no such kept
 * one: nothing was changed then; SWAP when it could not be done, both
 * databases are then where they were.
 */
export async function swapBack({live, kept, confirm, signal}: SwapBack): Promise<{
  readonly keptAs: string;
  readonly unavailableMs: number;
}> {
  const identity = await identityOfLive(live, signal);
  if (confirm !== identity) {
    throw new Failure('SWAP_CONFIRM', `\`confirm\` is not ${identity}; nothing was changed`, {
      remedy: 'Type exactly that, when this is the database to swap back.',
    });
  }
  const server = {...live, database: 'postgres'};
  await refuseMissing(server, kept, signal);
  const keptAs = datedName(live.database, 'undone', Date.now());
  const {unavailableMs} = await swapDatabases({server, live: live.database, restored: kept, keepAs: keptAs, signal});
  return {keptAs, unavailableMs};
}

async function refuseMissing(server: Connection, kept: string, signal: AbortSignal): Promise<void> {
  await using session = await openSession(server, {signal});
  if ((await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [kept])).length) return;
  throw new Failure('SWAP_KEPT', `The server has no database ${kept}; nothing was changed`, {
    remedy: 'Pass the name that the restore printed as its output `previous-database`.',
  });
}

async function identityOfLive(live: Connection, signal: AbortSignal): Promise<string> {
  await using session = await openSession(live, {signal});
  return identityOf(await readServerFacts(session));
}

/** `shop_undone_20261122t184501z`, within PostgreSQL's 63 bytes: it would cut a longer name without an error. */
export function datedName(database: string, word: 'before' | 'undone', nowMs: number): string {
  const characters = [...database];
  while (Buffer.byteLength(characters.join('')) > 38) characters.pop();
  return `${characters.join('')}_${word}_${stamp(nowMs)}`;
}

function stamp(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase()}z`;
}

/**
 * The one command that swaps back with nothing but `psql`, which takes the password from PGPASSWORD: in an address it
 * would stand in the list of processes, where every user of the machine reads it.
 */
export function swapBackCommand(
  {host, port, user, tls, database: live}: Connection,
  kept: string,
  nowMs: number,
): string {
  const server = Object.entries({host, port: String(port), user, dbname: 'postgres', sslmode: tls})
    .map(([name, value]) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
  const undone = datedName(live, 'undone', nowMs);
  const both = `${literal(live)}, ${literal(kept)}`;
  const statements = [
    `ALTER DATABASE ${quoted(live)} ALLOW_CONNECTIONS false`,
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname IN (${both})`,
    `BEGIN; ALTER DATABASE ${quoted(live)} RENAME TO ${quoted(undone)}; ALTER DATABASE ${quoted(kept)} RENAME TO ${quoted(live)}; COMMIT`,
    `ALTER DATABASE ${quoted(undone)} ALLOW_CONNECTIONS true`,
  ];
  return `psql ${shellWord(server)} -X -v ON_ERROR_STOP=1 ${statements.map((one) => `-c ${shellWord(one)}`).join(' ')}`;
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const shellWord = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
