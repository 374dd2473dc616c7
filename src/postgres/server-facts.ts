import {Failure} from '../kernel/errors.js';
import type {Session} from './session.js';

/** What a server says about itself. */
export interface ServerFacts {
  /** Such as 15.18. */
  readonly version: string;
  readonly major: number;
  readonly database: string;
  /** Tells two clusters apart whatever they are called; undefined where the role may not read it. */
  readonly systemIdentifier: string | undefined;
  readonly databaseOid: number;
  readonly databaseBytes: number;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  /** True for a standby: its copy may lag behind. */
  readonly inRecovery: boolean;
  /** On a standby: when the last change that it has was made, ISO 8601; undefined when it has replayed none. */
  readonly replayedAt: string | undefined;
  /** True when indexes may be sorted by rules that the running system no longer has. */
  readonly collationMismatch: boolean;
  readonly superuser: boolean;
}

/**
 * Asks a server who it is.
 * @throws Failure DATABASE_VERSION for servers older than 10.
 */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const [row] = await session.query<Record<string, string | number | boolean>>(`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, d.datname AS database,
      d.oid::bigint AS oid, pg_database_size(d.oid)::text AS bytes, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate,
      d.datctype AS ctype, pg_is_in_recovery() AS recovery, current_setting('is_superuser') = 'on' AS superuser
    FROM pg_database d WHERE d.datname = current_database()`);
  const number = Number(row!['number']);
  if (number < 100_000)
    throw new Failure('DATABASE_VERSION', `The server is PostgreSQL ${row!['version']}`, {
      remedy: 'Upgrade it: versions before 10 are not supported.',
    });
  const major = Math.floor(number / 10_000);
  return {
    version: String(row!['version']).split(' ')[0]!,
    major,
    database: String(row!['database']),
    databaseOid: Number(row!['oid']),
    databaseBytes: Number(row!['bytes']),
    encoding: String(row!['encoding']),
    collate: String(row!['collate']),
    ctype: String(row!['ctype']),
    inRecovery: Boolean(row!['recovery']),
    superuser: Boolean(row!['superuser']),
    systemIdentifier: await systemIdentifier(session),
    collationMismatch: major >= 15 && (await collationMismatch(session)),
    replayedAt: row!['recovery'] ? await replayedAt(session) : undefined,
  };
}

async function replayedAt(session: Session): Promise<string | undefined> {
  const [row] = await session.query<{at: Date | null}>('SELECT pg_last_xact_replay_timestamp() AS at');
  return row?.at?.toISOString();
}

async function systemIdentifier(session: Session): Promise<string | undefined> {
  try {
    const [row] = await session.query<{id: string}>('SELECT system_identifier::text AS id FROM pg_control_system()');
    return row?.id;
  } catch (error) {
    if (error instanceof Failure && error.code === 'DATABASE_RIGHTS') return undefined;
    throw error;
  }
}

async function collationMismatch(session: Session): Promise<boolean> {
  const [row] = await session.query<{mismatch: boolean | null}>(
    'SELECT datcollversion <> pg_database_collation_actual_version(oid) AS mismatch FROM pg_database WHERE datname = current_database()',
  );
  return row?.mismatch === true;
}
