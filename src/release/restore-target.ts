import type {Manifest} from '../backup/manifest.js';
import {Failure, type Problem, refusal} from '../kernel/errors.js';
import {type Connection, parseConnection} from '../postgres/connection.js';
import {readDatabaseState} from '../postgres/database-note.js';
import {readServerFacts, type ServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';

/** Where a restore goes. */
export interface RestoreTarget {
  /** An existing database of the server that is not touched. */
  readonly server: Connection;
  /** Name of the database to make. */
  readonly database: string;
  /** The live database, when the target is its server. */
  readonly live: ServerFacts | undefined;
  /** The server is there and the live database is not. */
  readonly missing: boolean;
}

/** What a person types to say that they mean this very database: `<database>@<system identifier>`. */
export function identityOf({database, systemIdentifier, databaseOid}: ServerFacts): string {
  return `${database}@${systemIdentifier ?? `oid-${databaseOid}`}`;
}

/** `shop_20261122t184501z`: the original's name with the set's time behind it. */
export function defaultName(manifest: Manifest): string {
  return `${(manifest.database?.name ?? 'database').slice(0, 40)}_${manifest.id.slice(0, 16).toLowerCase()}`;
}

interface Wish {
  readonly mode: 'new' | 'in-place';
  readonly targetUrl: string | undefined;
  readonly database: string | undefined;
}

/**
 * Finds out where a restore goes and refuses what cannot be meant.
 * @param live address of the live database, when known.
 * @throws refusal RESTORE_TARGET
 */
export async function resolveTarget(
  request: Wish & {readonly confirm: string | undefined},
  live: Connection | undefined,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<RestoreTarget> {
  const target = await lookAtTarget(request, live, manifest, signal);
  const identity = identityOf(target.live!);
  if (request.mode === 'new' || request.confirm === identity) return target;
  throw refused([
    {
      where: 'input `confirm`',
      what: `is not ${identity}`,
      remedy: 'Type exactly that, when this is the database to replace',
    },
  ]);
}

/** The same without the typed identity: nobody is asked for it before something would change. */
export async function lookAtTarget(
  {mode, targetUrl, database: wanted}: Wish,
  live: Connection | undefined,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<RestoreTarget> {
  const server = targetUrl ? parseConnection(targetUrl) : live;
  if (!server)
    throw refused([
      {
        where: 'input `target-url`',
        what: 'is missing, and so is `database-url`',
        remedy: 'Pass the address of a database on the server to restore to',
      },
    ]);
  const {facts, missing} = await liveFacts(server, mode, signal);
  const database = mode === 'in-place' ? besideName(server.database, manifest.id) : (wanted ?? defaultName(manifest));
  if (database === server.database)
    throw refused([
      {
        where: 'input `target-database`',
        what: `is ${database}, which exists`,
        remedy: 'Choose a name that is free; an existing database is never written into',
      },
    ]);
  return {server, database, live: facts, missing};
}

const refused = (problems: readonly Problem[]) => refusal('RESTORE_TARGET', 'The target was', problems);

/** `shop_restoring_9f2c41aa`: where a restore in place makes the new database; nobody else makes such names. */
export function besideName(live: string, setId: string): string {
  return `${live}_restoring_${setId.slice(-8)}`;
}

/** A lost database has an identity too: its name on this very server. */
async function liveFacts(
  live: Connection,
  mode: 'new' | 'in-place',
  signal: AbortSignal,
): Promise<{facts: ServerFacts; missing: boolean}> {
  try {
    return {facts: await factsOf(live, signal), missing: false};
  } catch (error) {
    if (mode !== 'in-place' || !isMissingOrClosed(error)) throw error;
    const maintenance = maintenanceOf(live);
    const [server, state] = await Promise.all([
      factsOf(maintenance, signal),
      readDatabaseState(maintenance, live.database, signal),
    ]);
    return {facts: {...server, database: live.database, databaseOid: state.oid ?? 0}, missing: !state.exists};
  }
}

/** 3D000: the server answered and has no database of that name. 55000: it has, and a swap that was killed left it closed. */
function isMissingOrClosed(error: unknown): boolean {
  const code = error instanceof Failure && (error.cause as {code?: unknown} | undefined)?.code;
  return code === '3D000' || code === '55000';
}

/** The same server by its maintenance database, since the live one may be renamed, closed or gone. */
export function maintenanceOf(live: Connection): Connection {
  return {...live, database: 'postgres'};
}

async function factsOf(connection: Connection, signal: AbortSignal): Promise<ServerFacts> {
  await using session = await openSession(connection, {signal});
  return await readServerFacts(session);
}
