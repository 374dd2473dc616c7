import {setTimeout as sleep} from 'node:timers/promises';
import {Failure} from '../kernel/errors.js';
import type {Connection} from './connection.js';
import {openSession, type Session} from './session.js';
import {statement} from './statement.js';

export interface Swap {
  /** A database of the same server that is neither of the two, such as `postgres`. */
  readonly server: Connection;
  /** The one users reach; keeps its content under `keepAs`. */
  readonly live: string;
  /** The restored one, which takes the live one's name. */
  readonly restored: string;
  readonly keepAs: string;
  readonly signal: AbortSignal;
}

/**
 * Puts a restored database in the place of the live one by renaming both in one transaction: at every moment there is
 * exactly one database under the live name, and the old one is kept. Owner, rights and settings of the live database go
 * with the name. Connections are closed for the moment of the swap.
 * @returns for how long no new connection to the live name was possible.
 * @throws Failure SWAP; both databases are then where they were.
 */
export async function swapDatabases({server, live, restored, keepAs, signal}: Swap): Promise<{unavailableMs: number}> {
  await using session = await openSession(server, {signal});
  await takeOverSettings(session, live, restored);
  let closedMs = 0;
  let reopenedMs = 0;
  try {
    // The live one last: its users wait from here on.
    await closeDatabase(session, restored);
    closedMs = Date.now();
    await closeDatabase(session, live);
    await session.query(
      await statement(session, 'BEGIN; ALTER DATABASE %I RENAME TO %I; ALTER DATABASE %I RENAME TO %I; COMMIT', [
        live,
        keepAs,
        restored,
        live,
      ]),
    );
  } catch (error) {
    await session.query('ROLLBACK').catch(() => {});
    throw new Failure('SWAP', `The restored database could not take the place of ${live}`, {
      remedy: 'Both databases are where they were, and connections are allowed again. Read the cause, then run again.',
      cause: error,
    });
  } finally {
    await reopen(session, live);
    reopenedMs = Date.now();
    for (const name of [restored, keepAs]) await reopen(session, name);
  }
  return {unavailableMs: reopenedMs - closedMs};
}

/**
 * Gives a restored database the live name where no database has it: the live one was lost. Owner, rights and settings
 * went with it, so that the database keeps those of whoever restored it.
 * @throws Failure SWAP when the name is taken or the renaming was refused; nothing was changed then.
 */
export async function takeName({server, live, restored, signal}: Omit<Swap, 'keepAs'>): Promise<void> {
  await using session = await openSession(server, {signal});
  try {
    await closeDatabase(session, restored);
    await session.query(await statement(session, 'ALTER DATABASE %I RENAME TO %I', [restored, live]));
  } catch (error) {
    throw new Failure('SWAP', `The restored database ${restored} could not take the name ${live}`, {
      remedy: 'Read the cause, then run again.',
      cause: error,
    });
  } finally {
    for (const name of [restored, live]) await reopen(session, name);
  }
}

/** Lets users in again after a swap that was killed in the middle; fine when nothing was closed. */
export async function reopenDatabase(server: Connection, name: string): Promise<void> {
  await using session = await openSession(server);
  await reopen(session, name);
}

async function reopen(session: Session, name: string): Promise<void> {
  const rows = await session.query('SELECT 1 FROM pg_database WHERE datname = $1 AND NOT datallowconn', [name]);
  if (rows.length) await session.query(await statement(session, 'ALTER DATABASE %I ALLOW_CONNECTIONS true', [name]));
}

async function closeDatabase(session: Session, name: string): Promise<void> {
  await session.query(await statement(session, 'ALTER DATABASE %I ALLOW_CONNECTIONS false', [name]));
  for (let tries = 0; tries < 100; tries++) {
    const rows = await session.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
      [name],
    );
    if (!rows.length) return;
    await sleep(100);
  }
  throw new Failure('SWAP', `Connections to ${name} could not be ended`, {
    remedy: 'Stop the application (maintenance mode), then run again.',
  });
}

/** An archive of one database does not carry what belongs to the database itself. */
async function takeOverSettings(session: Session, from: string, to: string): Promise<void> {
  const [about] = await session.query<{owner: string; limit: number}>(
    'SELECT pg_get_userbyid(datdba) AS owner, datconnlimit AS limit FROM pg_database WHERE datname = $1',
    [from],
  );
  if (!about)
    throw new Failure('SWAP', `There is no database ${from}`, {
      remedy: 'Check the name; a missing database needs no swap: restore with `mode: new` under its name.',
    });
  await session.query(await statement(session, 'ALTER DATABASE %I OWNER TO %I', [to, about.owner]));
  const settings = await session.query<{role: string | null; setting: string}>(
    `SELECT r.rolname AS role, unnest(s.setconfig) AS setting FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = $1`,
    [from],
  );
  for (const {role, setting} of settings) {
    const cut = setting.indexOf('=');
    const [name, value] = [setting.slice(0, cut), setting.slice(cut + 1)];
    // Lists stand quoted in the catalog already; quoting them again would make one name of them.
    const form = quotedLists.has(name) ? '%s' : '%L';
    if (role)
      await session.query(
        await statement(session, `ALTER ROLE %I IN DATABASE %I SET %I = ${form}`, [role, to, name, value]),
      );
    else await session.query(await statement(session, `ALTER DATABASE %I SET %I = ${form}`, [to, name, value]));
  }
  const rights = await session.query<{grantee: string | null; privilege: string}>(
    `SELECT r.rolname AS grantee, a.privilege_type AS privilege FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = $1`,
    [from],
  );
  await session.query(await statement(session, 'REVOKE ALL ON DATABASE %I FROM PUBLIC', [to]));
  for (const {grantee, privilege} of rights) {
    if (grantee)
      await session.query(
        await statement(session, `GRANT ${privilegeWord(privilege)} ON DATABASE %I TO %I`, [to, grantee]),
      );
    else
      await session.query(await statement(session, `GRANT ${privilegeWord(privilege)} ON DATABASE %I TO PUBLIC`, [to]));
  }
}

const quotedLists = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'local_preload_libraries',
]);

function privilegeWord(text: string): string {
  return text === 'CONNECT' || text === 'CREATE' || text === 'TEMPORARY' ? text : 'CONNECT';
}
