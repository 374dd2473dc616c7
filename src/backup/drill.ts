import type {Opener} from '../crypto/private-key.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure} from '../kernel/errors.js';
import {checkStructures} from '../postgres/amcheck.js';
import {restoreClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import {dropDatabase} from '../postgres/restore.js';
import {readServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';
import {startThrowaway} from '../postgres/throwaway-server.js';
import type {Store} from '../storage/store.js';
import {refuseForeignKeys} from './content.js';
import type {Manifest, ManifestDatabase} from './manifest.js';
import {readPlaintext} from './part-reader.js';
import {restoreDatabase} from './restore-database.js';
import {setPrefix} from './set-name.js';
import {failureText, type Verification} from './verification.js';

export interface DrillRequest {
  readonly store: Store;
  /** Already checked for who sealed it. */
  readonly manifest: Manifest;
  /** Of the manifest's stored bytes. */
  readonly manifestSha256: string;
  readonly keys: readonly Opener[];
  /** A server made for drills; undefined starts one on this machine. Never the live one. */
  readonly server?: Connection | undefined;
  /** Container image for the started server, when the product needs extensions. */
  readonly image?: string | undefined;
  /** Each must answer with a first row whose first column is true. */
  readonly sqlChecks: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly log?: (line: string) => void;
  /** Told what a killed drill would leave behind. */
  readonly onHandle?: (handle: string) => void;
}

export interface DrillResult {
  readonly verification: Verification;
  /** Set when the set did not pass. */
  readonly failure?: Failure;
}

/**
 * Restores a set for real into a throwaway server and compares everything: rows, digests, constraints, sequences,
 * extensions, migration head, then index structures and the owner's own queries; other parts byte for byte. A set that
 * fails gives a result too: only what stopped the measuring itself is thrown.
 */
export async function runDrill(request: DrillRequest): Promise<DrillResult> {
  const clock = request.clock ?? systemClock;
  const measured: Measured = {durationMs: {}, notes: [], compared: 0};
  // The wrong key speaks against the drill, not against the set.
  refuseForeignKeys(request.manifest, request.keys);
  try {
    await drillParts(request, clock, measured);
    if (request.manifest.database) await drillDatabase(request, request.manifest.database, clock, measured);
    return {verification: verificationOf(request, clock, measured)};
  } catch (error) {
    if (!(error instanceof Failure) || !faultsOfTheSet.has(error.code)) throw error;
    return {verification: verificationOf(request, clock, measured, error), failure: error};
  }
}

/** What speaks against the set; anything else (no server, no key, a broken connection) speaks against the drill. */
const faultsOfTheSet = new Set([
  'SET_DIGEST',
  'SET_INCOMPLETE',
  'DECRYPT',
  'COMPRESSION',
  'RESTORE_DIFFERS',
  'DATABASE_DUMP',
  'DATABASE_SEARCH_PATH',
  'DATABASE_DAMAGED',
  'DRILL_CHECK',
  'ARCHIVE',
  'MANIFEST',
  'DATABASE_CONTENT',
]);

interface Measured {
  readonly durationMs: Record<string, number>;
  readonly notes: string[];
  compared: number;
  serverVersion?: string;
}

async function drillParts(
  {store, manifest, keys, signal}: DrillRequest,
  clock: Clock,
  measured: Measured,
): Promise<void> {
  const prefix = setPrefix(manifest, manifest.id);
  for (const part of manifest.parts) {
    if (part.role === 'database') continue;
    const startedMs = clock.now();
    for await (const _ of readPlaintext({store, prefix, part, signal, clock}, keys));
    measured.durationMs[part.key] = clock.now() - startedMs;
    measured.compared++;
  }
}

async function drillDatabase(
  request: DrillRequest,
  source: ManifestDatabase,
  clock: Clock,
  measured: Measured,
): Promise<void> {
  const startedMs = clock.now();
  await using throwaway = request.server
    ? undefined
    : await startThrowaway({
        major: source.serverMajor,
        databaseBytes: source.databaseBytes,
        image: request.image,
        env: request.env,
        signal: request.signal,
        ...(request.onHandle ? {onHandle: request.onHandle} : {}),
      });
  const server = request.server ?? throwaway!.connection;
  await refuseLive(server, source, request.signal);
  if (throwaway?.keptIn === 'disk')
    measured.notes.push(
      'The restored copy lay on the disk of this machine while it was compared; memory had no room for it.',
    );
  measured.durationMs['server'] = clock.now() - startedMs;
  const name = `switchback_drill_${request.manifest.id.slice(-8)}`;
  try {
    const restored = await restoreDatabase({
      ...request,
      server,
      database: name,
      owners: 'drop',
      locale: 'nearest',
      // Roles belong to a whole server: on one that is not ours they would be left behind.
      makeRoles: throwaway !== undefined,
      clock,
    });
    measured.durationMs['restore'] = restored.durationMs.restore;
    measured.durationMs['compare'] = restored.durationMs.compare;
    measured.compared += restored.comparison.compared;
    measured.notes.push(...restored.comparison.notes);
    if (!restored.sameLocale)
      measured.notes.push(
        `This machine lacks the locale ${source.collate}: the sort order of indexes was rebuilt in C, so a collation drift would not show.`,
      );
    if (restored.madeRoles.length)
      measured.notes.push(
        `Made for the drill, without rights and passwords, since the database names them: ${restored.madeRoles.join(', ')}.`,
      );
    measured.serverVersion = restored.server.version;
    await drillStructures(request, restored.connection, source, restored.server.major, clock, measured);
    await runSqlChecks(restored.connection, request.sqlChecks, request.signal, measured);
  } finally {
    if (request.server) await dropDatabase(request.server, name).catch(() => {});
  }
}

async function drillStructures(
  request: DrillRequest,
  connection: Connection,
  source: ManifestDatabase,
  major: number,
  clock: Clock,
  measured: Measured,
): Promise<void> {
  const startedMs = clock.now();
  const tools = await restoreClient(Number.parseInt(source.clientVersion, 10), major, request.env);
  const checked = await checkStructures(connection, tools, request.env, request.signal);
  if (checked) measured.durationMs['amcheck'] = clock.now() - startedMs;
  else measured.notes.push('Index structures were not checked: pg_amcheck or its extension is not on this machine.');
}

/**
 * @throws Failure DRILL_LIVE when a server is the one that the set came from.
 */
export async function refuseLive(server: Connection, source: ManifestDatabase, signal: AbortSignal): Promise<void> {
  await using session = await openSession(server, {signal});
  const facts = await readServerFacts(session);
  const unknown = facts.systemIdentifier === undefined || source.systemIdentifier === undefined;
  if (!unknown && facts.systemIdentifier !== source.systemIdentifier) return;
  throw new Failure(
    'DRILL_LIVE',
    unknown
      ? 'It cannot be told whether this server is the live one: its identifier is not readable'
      : 'This server is the one the set came from',
    {
      remedy:
        'Leave `target-url` out, so that a throwaway server is started, or give the address of a server made for drills.',
    },
  );
}

async function runSqlChecks(
  connection: Connection,
  checks: readonly string[],
  signal: AbortSignal,
  measured: Measured,
): Promise<void> {
  if (!checks.length) return;
  await using session = await openSession(connection, {signal});
  await session.query('RESET search_path');
  for (const check of checks) {
    const rows = await session.query(check).catch((error: unknown) => {
      throw new Failure('DRILL_CHECK', `The check \`${check.slice(0, 120)}\` could not be answered`, {
        remedy: 'Correct the query, or find out what the restore lost.',
        cause: error,
      });
    });
    measured.compared++;
    if (rows[0] && Object.values(rows[0])[0] === true) continue;
    throw new Failure('DRILL_CHECK', `The check \`${check.slice(0, 120)}\` is not true in the restored database`, {
      remedy: 'Find out what the restore lost, or correct the query: its first column must be true.',
    });
  }
}

function verificationOf(
  {manifest, manifestSha256}: DrillRequest,
  clock: Clock,
  measured: Measured,
  failure?: Failure,
): Verification {
  const differences = (failure?.details['differences'] ?? []) as Verification['differences'];
  return {
    schema: 'switchback-verification/1',
    set: manifest.id,
    depth: 'drill',
    ok: failure === undefined,
    at: new Date(clock.now()).toISOString(),
    manifestSha256,
    durationMs: {...measured.durationMs, total: Object.values(measured.durationMs).reduce((sum, ms) => sum + ms, 0)},
    compared: measured.compared,
    differences: differences.slice(0, 50),
    notes: measured.notes,
    ...(measured.serverVersion ? {serverVersion: measured.serverVersion} : {}),
    ...(failure ? {failure: failureText(failure)} : {}),
  };
}
