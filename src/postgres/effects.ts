import {setTimeout as sleep} from 'node:timers/promises';
import type {Connection} from './connection.js';
import {openSession, type Session} from './session.js';

/** What others must wait for while a lock is held. */
export type Blocks = 'writes' | 'everything';

/** A table, or a materialized view, that existed before the first statement. */
export interface WatchedTable {
  /** `schema.name`. */
  readonly name: string;
  /** With its indexes. */
  readonly bytes: number;
}

/** The tables of a database by their oid, before anything is changed. */
export type WatchedTables = ReadonlyMap<string, WatchedTable>;

export interface SeenLock {
  readonly table: string;
  readonly bytes: number;
  /** As PostgreSQL calls it, such as `AccessExclusiveLock`. */
  readonly mode: string;
  readonly blocks: Blocks;
}

/** Weakest first. Weaker modes let reads and writes through. */
const blocking: ReadonlyArray<readonly [mode: string, blocks: Blocks]> = [
  ['ShareLock', 'writes'],
  ['ShareRowExclusiveLock', 'writes'],
  ['ExclusiveLock', 'writes'],
  ['AccessExclusiveLock', 'everything'],
];

const ownSchemas = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'`;

export async function watchTables(session: Session): Promise<WatchedTables> {
  const rows = await session.query<{oid: string; name: string; bytes: string}>(
    `SELECT c.oid::text AS oid, n.nspname || '.' || c.relname AS name, pg_total_relation_size(c.oid)::text AS bytes
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND ${ownSchemas}`,
  );
  return new Map(rows.map(({oid, name, bytes}) => [oid, {name, bytes: Number(bytes)}]));
}

/** The blocking locks that this session's open transaction holds now: until its end nothing is given back. */
export async function heldLocks(session: Session, tables: WatchedTables): Promise<SeenLock[]> {
  return locksOf(await session.query<LockRow>(`${lockQuery} AND l.pid = pg_backend_pid()`), tables);
}

/**
 * The tables whose content was written into a new file: rewritten, or emptied. Asked in the same transaction it tells
 * of changes that are not committed yet.
 */
export async function rewrittenTables(
  session: Session,
  tables: WatchedTables,
  files: Map<string, string>,
): Promise<WatchedTable[]> {
  const now = await tableFiles(session);
  const changed = [...now].filter(([oid, file]) => files.has(oid) && files.get(oid) !== file);
  for (const [oid, file] of now) files.set(oid, file);
  return changed.flatMap(([oid]) => tables.get(oid) ?? []);
}

/** Oid of each table to the name of the file that holds its rows. */
export async function tableFiles(session: Session): Promise<Map<string, string>> {
  const rows = await session.query<{oid: string; file: string}>(
    `SELECT c.oid::text AS oid, pg_relation_filenode(c.oid)::text AS file FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND ${ownSchemas}`,
  );
  return new Map(rows.map(({oid, file}) => [oid, file]));
}

export interface WatchedLock extends SeenLock {
  /** From the first look that found it to the last, in milliseconds. */
  readonly heldMs: number;
}

/**
 * Looks again and again, from a connection of its own, at what everyone else's transactions hold, while `work` runs:
 * for programs, and for statements that run outside of a transaction. A lock shorter than the pause may be missed.
 * @throws what `work` throws, otherwise the Failure of a look that could not be made.
 */
export async function watchLocks<T>(
  connection: Connection,
  tables: WatchedTables,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<{result: T; locks: WatchedLock[]}> {
  await using session = await openSession(connection, {signal});
  const seen = new Map<string, {lock: SeenLock; firstMs: number; lastMs: number}>();
  let running = true;
  const looking = (async () => {
    while (running && !signal.aborted) {
      const rows = await session.query<LockRow>(`${lockQuery} AND l.pid <> pg_backend_pid()`);
      for (const lock of locksOf(rows, tables)) {
        const known = seen.get(lock.table);
        const nowMs = performance.now();
        if (!known) seen.set(lock.table, {lock, firstMs: nowMs, lastMs: nowMs});
        else Object.assign(known, {lastMs: nowMs, lock: stronger(known.lock, lock)});
      }
      await sleep(10);
    }
  })();
  // When the work fails too, its own error is the one to tell.
  looking.catch(() => {});
  try {
    const result = await work();
    running = false;
    // A lock that nobody could look for is not a lock that was not there.
    await looking;
    return {
      result,
      locks: [...seen.values()].map(({lock, firstMs, lastMs}) => ({...lock, heldMs: Math.round(lastMs - firstMs)})),
    };
  } finally {
    running = false;
  }
}

export function stronger<L extends SeenLock>(a: L, b: L): L {
  const rank = ({mode}: SeenLock) => blocking.findIndex(([known]) => known === mode);
  return rank(b) > rank(a) ? b : a;
}

interface LockRow {
  readonly oid: string;
  readonly mode: string;
}

const lockQuery = `SELECT l.relation::text AS oid, l.mode FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

function locksOf(rows: readonly LockRow[], tables: WatchedTables): SeenLock[] {
  const strongest = new Map<string, SeenLock>();
  for (const {oid, mode} of rows) {
    const table = tables.get(oid);
    const blocks = blocking.find(([known]) => known === mode)?.[1];
    if (!table || !blocks) continue;
    const lock = {table: table.name, bytes: table.bytes, mode, blocks};
    const before = strongest.get(oid);
    strongest.set(oid, before ? stronger(before, lock) : lock);
  }
  return [...strongest.values()];
}
