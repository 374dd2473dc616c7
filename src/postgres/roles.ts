import type {Connection} from './connection.js';
import {openSession, type Session} from './session.js';

/**
 * Roles that a database's own objects name, so that a restore needs them even without owners and rights: those of
 * policies and of user mappings. Sorted by name; PUBLIC is none of them.
 */
export async function namedRoles(session: Session): Promise<string[]> {
  const rows = await session.query<{name: string}>(`
    SELECT rolname COLLATE "C" AS name FROM pg_roles
    WHERE oid IN (SELECT unnest(polroles) FROM pg_policy) OR oid IN (SELECT umuser FROM pg_user_mappings) ORDER BY 1`);
  return rows.map(({name}) => name);
}

/** Which of the roles a server lacks, in the order given, each with the statement that makes it without a right. */
export async function missingRoles(
  session: Session,
  roles: readonly string[],
): Promise<ReadonlyArray<{readonly name: string; readonly create: string}>> {
  return session.query<{name: string; create: string}>(
    `SELECT name, format('CREATE ROLE %I NOLOGIN', name) AS create FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, at)
     WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) ORDER BY at`,
    [roles],
  );
}

/**
 * Makes the roles that a server lacks, without a right and without a password. They belong to the whole server and stay
 * behind on it: only for one that is thrown away.
 * @returns the names of those that it made; PostgreSQL keeps names with `pg_` for itself.
 */
export async function makeRoles(server: Connection, roles: readonly string[], signal: AbortSignal): Promise<string[]> {
  await using session = await openSession(server, {signal});
  const missing = (await missingRoles(session, [...new Set(roles)])).filter(({name}) => !name.startsWith('pg_'));
  for (const {create} of missing) await session.query(create);
  return missing.map(({name}) => name);
}

/** Roles of a dump of globals, as `readGlobals` gives it. */
export function rolesOfGlobals(sql: string): string[] {
  return [...sql.matchAll(/^CREATE ROLE (?:"((?:[^"]|"")+)"|(\S+));$/gm)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
  );
}

/** The role that a server said it does not have; undefined when it said something else. */
export function roleSaidMissing(text: string): string | undefined {
  return /ERROR: {2}role "(.+)" does not exist/.exec(text)?.[1];
}
