import type {Opener} from '../crypto/private-key.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure, messageOf} from '../kernel/errors.js';
import {type ClientTools, restoreClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import {takeInventory} from '../postgres/inventory.js';
import {MeasureAhead} from '../postgres/measure-ahead.js';
import {analyze, createDatabase, dropDatabase, restoreArchive} from '../postgres/restore.js';
import {makeRoles, missingRoles, rolesOfGlobals} from '../postgres/roles.js';
import {readServerFacts, type ServerFacts} from '../postgres/server-facts.js';
import {openSession, openSessions, type Session} from '../postgres/session.js';
import type {Store} from '../storage/store.js';
import {type Comparison, compareContent} from './compare.js';
import {databaseParts, readContent, refuseForeignKeys} from './content.js';
import type {Manifest, ManifestDatabase, ManifestPart} from './manifest.js';
import {readPlaintext} from './part-reader.js';
import {eachOf} from './set-list.js';
import {setPrefix} from './set-name.js';

export interface DatabaseRestore {
  readonly store: Store;
  /** Already checked for who sealed it (`readTrustedManifest`). */
  readonly manifest: Manifest;
  readonly keys: readonly Opener[];
  /** A database of the target server that exists, such as `postgres`; it is not touched. */
  readonly server: Connection;
  /** Name of the database to make; must not exist. */
  readonly database: string;
  readonly owners: 'keep' | 'drop';
  /** `nearest` accepts another sort order where the target lacks the original's; only for drills. */
  readonly locale?: 'exact' | 'nearest';
  /** Makes the roles that the database names and the server lacks; only where the server is thrown away. */
  readonly makeRoles?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly log?: (line: string) => void;
}

export interface RestoredDatabase {
  readonly connection: Connection;
  readonly server: ServerFacts;
  readonly comparison: Comparison;
  readonly sameLocale: boolean;
  /** Roles that were made for it. */
  readonly madeRoles: readonly string[];
  /** Milliseconds by stage. */
  readonly durationMs: {readonly restore: number; readonly compare: number; readonly total: number};
}

/**
 * Restores the database of a set into a new database and holds it against the manifest. Every block is checked before
 * it is decrypted, pg_restore stops at the first error, and whatever goes wrong the new database is dropped again: what
 * exists afterwards is whole. A difference from the manifest is a failure too.
 * @throws Failure RESTORE_DIFFERS with the differences, DATABASE_ROLE or DATABASE_EXTENSION for what the server lacks,
 * or of the stage that failed.
 */
export async function restoreDatabase(request: DatabaseRestore): Promise<RestoredDatabase> {
  const {manifest, keys, signal, log = () => {}} = request;
  const source = manifest.database;
  if (!source)
    throw new Failure('MANIFEST', `The manifest of ${manifest.id} does not describe its database`, {
      remedy: 'Take another set.',
    });
  refuseForeignKeys(manifest, keys);
  databaseParts(manifest);
  const server = await readFacts(request.server, signal);
  const tools = await restoreClient(archiveMajor(source), server.major, request.env);
  await refuseMissingExtensions(request.server, source, signal);
  const expected = await readContent(request.store, setPrefix(manifest, manifest.id), manifest, keys, signal);
  const madeRoles = await provideRoles(request, expected?.roles);
  for (;;) {
    try {
      return {...(await restoreInto(request, source, expected, tools)), server, madeRoles};
    } catch (error) {
      const role = request.makeRoles && error instanceof Failure ? error.details['role'] : undefined;
      const made = typeof role === 'string' ? await makeRoles(request.server, [role], signal) : [];
      if (!made.length) throw error;
      log(`Made the role ${role}, which the archive names; beginning again.`);
      madeRoles.push(...made);
    }
  }
}

async function restoreInto(
  request: DatabaseRestore,
  source: ManifestDatabase,
  expected: ManifestDatabase['content'],
  tools: ClientTools,
): Promise<Omit<RestoredDatabase, 'server' | 'madeRoles'>> {
  const {signal, log = () => {}} = request;
  const wanted = {name: request.database, encoding: source.encoding, collate: source.collate, ctype: source.ctype};
  const {connection, sameLocale} = await createDatabase(request.server, wanted, request.locale ?? 'exact', signal);
  try {
    log(`Restoring into the new database ${request.database} with pg_restore ${tools.version}.`);
    const filled = await fill(request, source, expected, tools, connection);
    return {connection, sameLocale, ...filled};
  } catch (error) {
    await dropAgain(request, log);
    throw error;
  }
}

/** Restores, and measures each table as soon as its rows are there; what is left to compare is compared at the end. */
async function fill(
  request: DatabaseRestore,
  source: ManifestDatabase,
  expected: ManifestDatabase['content'],
  tools: ClientTools,
  connection: Connection,
): Promise<Pick<RestoredDatabase, 'comparison' | 'durationMs'>> {
  const {manifest, signal, clock = systemClock, log = () => {}} = request;
  const startedMs = clock.now();
  await using sessions = await openSessions(connection, measuredAtOnce, signal);
  const ahead = new MeasureAhead(sessions.all[0]!, source.depth);
  try {
    await fillInOrder(request, databaseParts(manifest), tools, connection);
  } catch (error) {
    sessions.hangUp();
    await ahead.stop();
    throw error;
  }
  const restoredMs = clock.now();
  log(`Restored, and ${ahead.size} tables measured meanwhile; comparing with the manifest.`);
  const [compared, analyzed] = await Promise.allSettled([
    compareRestored(sessions.all, ahead, expected, source),
    analyze(connection, signal),
  ]);
  if (compared.status === 'rejected') throw compared.reason;
  if (analyzed.status === 'rejected') throw analyzed.reason;
  const endMs = clock.now();
  return {
    comparison: compared.value,
    durationMs: {restore: restoredMs - startedMs, compare: endMs - restoredMs, total: endMs - startedMs},
  };
}

/** What stands before the rows, then the rows side by side, then what needs them; the first failure stops the others. */
async function fillInOrder(
  {store, manifest, keys, owners, env, signal: outer, clock = systemClock}: DatabaseRestore,
  {before, rows, after}: ReturnType<typeof databaseParts>,
  tools: ClientTools,
  connection: Connection,
): Promise<void> {
  const prefix = setPrefix(manifest, manifest.id);
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const restore = async (part: ManifestPart) => {
    const around = part.compression.where === 'stream' ? (part.compression.method as 'zstd' | 'gzip') : 'none';
    const source = readPlaintext({store, prefix, part, signal, clock}, keys);
    await restoreArchive({connection, tools, around, owners, env, signal, source});
  };
  for (const part of before) await restore(part);
  let first: {readonly error: unknown} | undefined;
  await eachOf(rows, restoredAtOnce, (part) =>
    restore(part).catch((error: unknown) => {
      first ??= {error};
      stop.abort();
    }),
  );
  if (first) throw first.error;
  for (const part of after) await restore(part);
}

/** Archives with rows that are restored at the same time. */
const restoredAtOnce = 4;

/** How many tables are measured at the same time once the restore has ended. */
const measuredAtOnce = 3;

async function compareRestored(
  sessions: readonly Session[],
  ahead: MeasureAhead,
  expected: ManifestDatabase['content'],
  source: ManifestDatabase,
): Promise<Comparison> {
  if (!expected)
    throw new Failure('MANIFEST', 'The manifest does not say what the database held', {
      remedy: 'Take another set: without that nothing proves the restore.',
    });
  const [session, ...others] = sessions;
  const known = await ahead.finish(sessions);
  const found = await takeInventory(session!, source.depth, {known, sessions: others});
  const comparison = compareContent(expected, {
    ...found,
    tables: [...found.tables],
    sequences: [...found.sequences],
    invalid: [...found.invalid],
    roles: [...found.roles],
  });
  if (comparison.differences.length === 0) return comparison;
  const shown = comparison.differences
    .slice(0, 10)
    .map(({what, expected: before, found: now}) => `- ${what}: was ${before}, is ${now}`);
  throw new Failure(
    'RESTORE_DIFFERS',
    `The restored database differs from the manifest in ${comparison.differences.length} points\n${shown.join('\n')}`,
    {
      remedy: 'Take another set, and find out why this one lost something.',
      details: {differences: comparison.differences, compared: comparison.compared},
    },
  );
}

async function readFacts(connection: Connection, signal: AbortSignal): Promise<ServerFacts> {
  await using session = await openSession(connection, {signal});
  return await readServerFacts(session);
}

/** Asked before anything is restored: a dump of pgvector needs a server that has pgvector. */
async function refuseMissingExtensions(
  server: Connection,
  source: ManifestDatabase,
  signal: AbortSignal,
): Promise<void> {
  const needed = Object.keys(source.content?.extensions ?? {});
  await using session = await openSession(server, {signal});
  const there = new Set(
    (await session.query<{name: string}>('SELECT name FROM pg_available_extensions')).map(({name}) => name),
  );
  const missing = needed.filter((name) => !there.has(name));
  if (missing.length)
    throw new Failure('DATABASE_EXTENSION', `The target server lacks the extension ${missing.join(', ')}`, {
      remedy: 'Restore into a server made from the image that production uses.',
      details: {missing},
    });
}

/**
 * Makes or asks for the roles that the database names. Sets that do not note them have only their part with all roles
 * of the server, of which one may be needed: nothing to refuse for.
 */
async function provideRoles(request: DatabaseRestore, noted: readonly string[] | undefined): Promise<string[]> {
  const {server, signal} = request;
  if (request.makeRoles) return makeRoles(server, noted ?? (await readRoles(request)), signal);
  await using session = await openSession(server, {signal});
  const missing = await missingRoles(session, noted ?? []);
  if (!missing.length) return [];
  throw new Failure(
    'DATABASE_ROLE',
    `The target server lacks the role${missing.length > 1 ? 's' : ''} ${missing.map(({name}) => name).join(', ')}, which policies of this database name`,
    {
      remedy: `Make what is missing there first, then restore again: \`${missing.map(({create}) => create).join('; ')};\`. Nothing was changed.`,
      details: {missing: missing.map(({name}) => name)},
    },
  );
}

async function readRoles({store, manifest, keys, signal}: DatabaseRestore): Promise<string[]> {
  const part = manifest.parts.find(({role}) => role === 'globals');
  if (!part) return [];
  const chunks: Uint8Array[] = [];
  const prefix = setPrefix(manifest, manifest.id);
  for await (const chunk of readPlaintext({store, prefix, part, signal}, keys)) chunks.push(chunk);
  return rolesOfGlobals(Buffer.concat(chunks).toString('utf8'));
}

function archiveMajor(source: ManifestDatabase): number {
  return Number.parseInt(source.clientVersion, 10);
}

async function dropAgain({server, database}: DatabaseRestore, log: (line: string) => void): Promise<void> {
  try {
    await dropDatabase(server, database);
  } catch (error) {
    log(`The half-made database ${database} could not be dropped: ${messageOf(error)}`);
  }
}
