import type {Connection} from './connection.js';
import {openSession} from './session.js';
import {statement} from './statement.js';

/** What a server says of one of its databases without connecting to it. */
export interface DatabaseState {
  readonly exists: boolean;
  /** False while a swap has it closed. */
  readonly open: boolean;
  /** Its comment, which goes with it through every renaming. */
  readonly note: string | undefined;
  readonly oid: number | undefined;
}

/** @param server another database of the same server, such as `postgres`. */
export async function readDatabaseState(
  server: Connection,
  database: string,
  signal?: AbortSignal,
): Promise<DatabaseState> {
  await using session = await openSession(server, signal ? {signal} : {});
  const [row] = await session.query<{note: string | null; open: boolean; oid: string}>(
    `SELECT shobj_description(oid, 'pg_database') AS note, datallowconn AS open, oid::text AS oid FROM pg_database WHERE datname = $1`,
    [database],
  );
  return {
    exists: row !== undefined,
    open: row?.open === true,
    note: row?.note ?? undefined,
    oid: row && Number(row.oid),
  };
}

/** Sets the comment of a database. */
export async function writeNote(server: Connection, database: string, note: string): Promise<void> {
  await using session = await openSession(server);
  await session.query(await statement(session, 'COMMENT ON DATABASE %I IS %L', [database, note]));
}
