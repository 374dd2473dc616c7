import type {Manifest} from '../backup/manifest.js';
import {type RestoredDatabase, restoreDatabase} from '../backup/restore-database.js';
import type {Series} from '../backup/set-name.js';
import {writeSet} from '../backup/write-set.js';
import type {Opener} from '../crypto/private-key.js';
import type {Recipients} from '../crypto/recipients.js';
import {formatDuration} from '../kernel/duration.js';
import type {Connection} from '../postgres/connection.js';
import {readDatabaseState, writeNote} from '../postgres/database-note.js';
import {dropDatabase} from '../postgres/restore.js';
import {reopenDatabase, swapDatabases, takeName} from '../postgres/swap.js';
import {readOnly} from '../storage/read-only.js';
import type {Store} from '../storage/store.js';
import {datedName, swapBackCommand} from './database-swap.js';
import type {ManifestSigner} from './manifest-signer.js';
import {readRecoveryMark, recoveryMark} from './recovery-mark.js';
import {
  besideName,
  identityOf,
  lookAtTarget,
  maintenanceOf,
  type RestoreTarget,
  resolveTarget,
} from './restore-target.js';

export interface DatabaseReturn {
  readonly mode: 'new' | 'in-place';
  readonly store: Store;
  readonly series: Series;
  /** Already checked for who sealed it. */
  readonly manifest: Manifest;
  readonly keys: readonly Opener[];
  /** Who can open the set that is taken before a restore in place. */
  readonly recipients: () => Promise<Recipients>;
  /** Signs that set; without it, it is of no use where signatures are asked for. */
  readonly sign?: ManifestSigner | undefined;
  readonly live: Connection | undefined;
  readonly targetUrl: string | undefined;
  /** Name of the new database, for `new`. */
  readonly database: string | undefined;
  readonly confirm: string | undefined;
  /**
   * Id of a recovery, under which a restore in place is done at most once: the restored database is marked with it
   * before the swap, and a later call that finds the mark on the live one touches nothing.
   */
  readonly recovery?: string | undefined;
  /** False where the caller has kept what was live by other means. */
  readonly takeSafetySet?: boolean;
  readonly owners: 'keep' | 'drop';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Told the name of the database before it is made: what a post step has to drop after a kill. */
  readonly onDatabase: (name: string) => void;
}

export interface DatabaseReturned {
  /** Name that now holds the restored content. */
  readonly database: string;
  readonly identity: string | undefined;
  /** The replaced database's new name. */
  readonly previous: string | undefined;
  readonly safetySet: string | undefined;
  /** Undefined when an earlier run of the same recovery had put it in place. */
  readonly restored: RestoredDatabase | undefined;
  /** When the restored database took the live one's name; undefined for `new`. */
  readonly inPlaceAtMs: number | undefined;
}

/**
 * Brings a database back: beside the live one, compared with the manifest, and for `in-place` swapped with it by
 * renaming, after a fresh set was taken. Until the swap nothing that users reach has changed.
 */
export async function returnDatabase(request: DatabaseReturn): Promise<DatabaseReturned> {
  const {mode, manifest, signal} = request;
  const target = await resolveTarget(request, request.live, manifest, signal);
  const earlier = mode === 'in-place' ? await takeUp(request, target.server) : undefined;
  const identity = target.live ? identityOf(target.live) : undefined;
  if (earlier !== undefined) return whatIsThere(request, target, earlier);
  const safe = mode === 'in-place' && !target.missing && request.takeSafetySet !== false;
  const safetySet = safe ? await takeSafetySet(request, target.server) : undefined;
  request.onDatabase(target.database);
  const restored = await restoreDatabase({
    ...request,
    store: readOnly(request.store),
    server: maintenanceOf(target.server),
    database: target.database,
  });
  const base = {identity, safetySet, restored};
  if (mode === 'new') return {...base, database: target.database, previous: undefined, inPlaceAtMs: undefined};
  const previous = await putInPlace(request, target);
  return {...base, database: target.server.database, previous, inPlaceAtMs: await noteEnd(request, target.server)};
}

/** What `returnDatabase` would do, for people, and the identity that has to be typed for it. */
export async function planReturn(
  request: Pick<DatabaseReturn, 'mode' | 'targetUrl' | 'database'>,
  live: Connection | undefined,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<{readonly lines: readonly string[]; readonly identity: string | undefined}> {
  const target = await lookAtTarget(request, live, manifest, signal);
  const identity = target.live && identityOf(target.live);
  const lines = [`The set ${manifest.id} would be restored into the new database ${target.database} and compared.`];
  if (request.mode === 'in-place') {
    const name = target.server.database;
    const kept = datedName(name, 'before', Date.now());
    lines.push(
      target.missing
        ? `There is no database ${name}: the restored one would take that name.`
        : `It would then take the name ${name}, whose database would be kept as ${kept} or with a later time.`,
      `The identity to type in \`confirm\` is ${identity}.`,
    );
  }
  return {lines, identity};
}

/**
 * What an earlier run of this recovery came to: the moment its restore was in place, 0 when it was killed before it
 * could note that, undefined when it did not come to it. A live database that was closed for the swap is opened, and a
 * half-made one is dropped.
 */
async function takeUp(
  {recovery, manifest, signal, log}: DatabaseReturn,
  target: Connection,
): Promise<number | undefined> {
  if (!recovery) return undefined;
  const server = maintenanceOf(target);
  const state = await readDatabaseState(server, target.database, signal);
  if (state.exists && !state.open) await reopenDatabase(server, target.database);
  const mark = readRecoveryMark(state.note);
  if (mark?.recovery === recovery) {
    log(`An earlier run put the set ${mark.set} in place; it is not restored again.`);
    return mark.atMs ?? 0;
  }
  const half = besideName(target.database, manifest.id);
  if ((await readDatabaseState(server, half, signal)).exists) {
    log(`Dropping ${half}, which an earlier run left half-made.`);
    await dropDatabase(server, half);
  }
  return undefined;
}

async function whatIsThere(request: DatabaseReturn, target: RestoreTarget, atMs: number): Promise<DatabaseReturned> {
  return {
    database: target.server.database,
    identity: target.live && identityOf(target.live),
    previous: undefined,
    safetySet: undefined,
    restored: undefined,
    inPlaceAtMs: atMs || (await noteEnd(request, target.server)),
  };
}

/** @returns the replaced database's new name; undefined when there was none. */
async function putInPlace(request: DatabaseReturn, target: RestoreTarget): Promise<string | undefined> {
  const {signal, log, recovery, manifest} = request;
  const live = target.server.database;
  const server = maintenanceOf(target.server);
  if (recovery) await writeNote(server, target.database, recoveryMark({recovery, set: manifest.id}));
  if (target.missing) {
    await takeName({server, live, restored: target.database, signal});
    log(`Equal to the manifest; ${live} did not exist and is the restored one now. Its rights and settings were lost.`);
    return undefined;
  }
  const previous = datedName(live, 'before', Date.now());
  log(`Equal to the manifest; ${live} is kept as ${previous}.`);
  const {unavailableMs} = await swapDatabases({server, live, restored: target.database, keepAs: previous, signal});
  log(
    `Swapped; ${live} could not be reached for ${formatDuration(unavailableMs)}. To swap back, with the user's password in PGPASSWORD:`,
  );
  log(swapBackCommand(target.server, previous, Date.now()));
  return previous;
}

/** From here on whatever runs on this database must have begun later. */
async function noteEnd({recovery, manifest}: DatabaseReturn, live: Connection): Promise<number> {
  const atMs = Date.now();
  if (recovery) await writeNote(maintenanceOf(live), live.database, recoveryMark({recovery, set: manifest.id, atMs}));
  return atMs;
}

/** Undoes a restore that was killed: lets users into the live database again and drops the half-made one. */
export async function undoReturn(mode: 'new' | 'in-place', target: Connection, database: string): Promise<void> {
  const server = maintenanceOf(target);
  if (mode === 'in-place') await reopenDatabase(server, target.database);
  await dropDatabase(server, database);
}

/** A restore in place is taken back by restoring this one. */
async function takeSafetySet(request: DatabaseReturn, live: Connection): Promise<string> {
  const {series, store, signal, env, log, sign} = request;
  const database = {connection: live, depth: 'digests' as const, expectedTables: [], allowEmpty: true};
  const wanted = {
    series,
    recipients: await request.recipients(),
    database,
    reason: 'before a restore in place',
    readBack: 'full' as const,
    asFound: true,
  };
  return (await writeSet(wanted, {store, signal, env, log, ...(sign ? {sign} : {})})).id;
}
