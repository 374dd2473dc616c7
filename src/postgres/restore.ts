import {succeeded} from '../kernel/child.js';
import {Failure, messageOf} from '../kernel/errors.js';
import {type ClientTools, invocation} from './client-tools.js';
import {type Connection, keepaliveOptions, libpqEnvironment, secretsOf} from './connection.js';
import {programFailure} from './dump-failure.js';
import {openSession, type Session} from './session.js';
import {type Environment, type OuterCompression, pipeThrough} from './unpacking.js';

export interface ArchiveRestore {
  /** The database to fill; it must exist and be empty. */
  readonly connection: Connection;
  readonly tools: ClientTools;
  /** The archive as it was before encryption; it must throw rather than end when it is not whole. */
  readonly source: AsyncIterable<Uint8Array>;
  readonly around: OuterCompression;
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** `keep` needs the same roles on the target; `drop` makes the connecting user own everything. */
  readonly owners: 'keep' | 'drop';
}

/**
 * Streams an archive into an empty database and stops at the first error. Done only when the source ended well and
 * every program ended with code 0.
 * @throws Failure of the source, or of the program that stopped.
 */
export async function restoreArchive({
  connection,
  tools,
  source,
  around,
  env,
  signal,
  owners,
}: ArchiveRestore): Promise<void> {
  const owned = owners === 'drop' ? ['--no-owner', '--no-privileges'] : [];
  const args = [
    '--exit-on-error',
    '--no-password',
    ...owned,
    `--dbname=dbname=${conninfoValue(connection.database)} ${keepaliveOptions}`,
  ];
  const program = invocation(tools, 'pg_restore', args, libpqEnvironment(connection, tools.major, env));
  const exit = await pipeThrough({
    ...program,
    path: env['PATH'] ?? '',
    secrets: secretsOf(connection),
    source,
    around,
    signal,
  });
  if (!succeeded(exit)) throw programFailure('pg_restore', exit);
}

export interface NewDatabase {
  readonly name: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
}

/**
 * Makes an empty database from template0, so that nothing local gets mixed in.
 * @param locale `exact` insists on the sort order of the original; `nearest` takes C where this machine lacks it.
 * @returns whether the sort order is the original's.
 * @throws Failure DATABASE_EXISTS, DATABASE_LOCALE
 */
export async function createDatabase(
  server: Connection,
  wanted: NewDatabase,
  locale: 'exact' | 'nearest',
  signal: AbortSignal,
): Promise<{readonly connection: Connection; readonly sameLocale: boolean}> {
  await using session = await openSession(server, {signal});
  const rows = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [wanted.name]);
  if (rows.length)
    throw new Failure('DATABASE_EXISTS', `The database ${wanted.name} exists already`, {
      remedy: 'Choose another name, or drop it first if it is a leftover.',
    });
  const connection = {...server, database: wanted.name};
  try {
    await create(session, wanted);
    return {connection, sameLocale: true};
  } catch (error) {
    if (!/locale name|encoding .* does not match locale/.test(messageOf(error))) throw error;
    if (locale === 'exact')
      throw new Failure('DATABASE_LOCALE', `The target server lacks the locale ${wanted.collate}`, {
        remedy: 'Restore into a server made from the image that production uses.',
        cause: error,
      });
    await create(session, {...wanted, collate: 'C', ctype: 'C'});
    return {connection, sameLocale: false};
  }
}

async function create(session: Session, {name, encoding, collate, ctype}: NewDatabase): Promise<void> {
  const template = 'CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L';
  const [row] = await session.query<{sql: string}>('SELECT format($1, $2::text, $3::text, $4::text, $5::text) AS sql', [
    template,
    name,
    encoding,
    collate,
    ctype,
  ]);
  await session.query(row!.sql);
}

/** Drops a database and everyone's connections to it; fine when it is gone already. */
export async function dropDatabase(server: Connection, name: string): Promise<void> {
  await using session = await openSession(server);
  const [row] = await session.query<{sql: string; force: boolean}>(
    `SELECT format('DROP DATABASE IF EXISTS %I', $1::text) AS sql, current_setting('server_version_num')::int >= 130000 AS force`,
    [name],
  );
  await session.query(row!.force ? `${row!.sql} WITH (FORCE)` : row!.sql);
}

/** Statistics are not in an archive; without them the first queries after a restore are slow. */
export async function analyze(connection: Connection, signal: AbortSignal): Promise<void> {
  await using session = await openSession(connection, {signal});
  await session.query('ANALYZE');
}

function conninfoValue(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
