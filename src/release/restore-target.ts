import type {Manifest} from '../backup/manifest.js';
import {type Problem, refusal} from '../kernel/errors.js';
import {type Connection, parseConnection} from '../postgres/connection.js';
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
}

/** What a person types to say that they mean this very database: `<database>@<system identifier>`. */
export function identityOf({database, systemIdentifier, databaseOid}: ServerFacts): string {
  return `${database}@${systemIdentifier ?? `oid-${databaseOid}`}`;
}

/** `shop_20261122t184501z`: the original's name with the set's time behind it. */
export function defaultName(manifest: Manifest): string {
  return `${(manifest.database?.name ?? 'database').slice(0, 40)}_${manifest.id.slice(0, 16).toLowerCase()}`;
}

/**
 * Finds out where a restore goes and refuses what cannot be meant.
 * @param live address of the live database, when known.
 * @throws refusal RESTORE_TARGET
 */
export async function resolveTarget(
  request: {
    readonly mode: 'new' | 'in-place';
    readonly targetUrl: string | undefined;
    readonly database: string | undefined;
    readonly confirm: string | undefined;
  },
  live: Connection | undefined,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<RestoreTarget> {
  const given = request.targetUrl ? parseConnection(request.targetUrl) : live;
  const problems: Problem[] = [];
  if (!given)
    throw refusal('RESTORE_TARGET', 'The target was', [
      {
        where: 'input `target-url`',
        what: 'is missing, and so is `database-url`',
        remedy: 'Pass the address of a database on the server to restore to',
      },
    ]);
  const facts = await factsOf(given, signal);
  const database =
    request.mode === 'in-place'
      ? `${given.database}_restoring_${manifest.id.slice(-8)}`
      : (request.database ?? defaultName(manifest));
  if (database === given.database)
    problems.push({
      where: 'input `target-database`',
      what: `is ${database}, which exists`,
      remedy: 'Choose a name that is free; an existing database is never written into',
    });
  if (request.mode === 'in-place' && request.confirm !== identityOf(facts)) {
    problems.push({
      where: 'input `confirm`',
      what: `is not ${identityOf(facts)}`,
      remedy: 'Type exactly that, when this is the database to replace',
    });
  }
  if (problems.length) throw refusal('RESTORE_TARGET', 'The target was', problems);
  return {server: given, database, live: facts};
}

async function factsOf(connection: Connection, signal: AbortSignal): Promise<ServerFacts> {
  await using session = await openSession(connection, {signal});
  return await readServerFacts(session);
}
