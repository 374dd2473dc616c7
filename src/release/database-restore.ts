import type {Manifest} from '../backup/manifest.js';
import {type RestoredDatabase, restoreDatabase} from '../backup/restore-database.js';
import type {Series} from '../backup/set-name.js';
import {writeSet} from '../backup/write-set.js';
import type {Opener} from '../crypto/private-key.js';
import type {Recipients} from '../crypto/recipients.js';
import {formatDuration} from '../kernel/duration.js';
import type {Connection} from '../postgres/connection.js';
import {dropDatabase} from '../postgres/restore.js';
import {reopenDatabase, swapDatabases} from '../postgres/swap.js';
import {readOnly} from '../storage/read-only.js';
import type {Store} from '../storage/store.js';
import {datedName, swapBackCommand} from './database-swap.js';
import {identityOf, resolveTarget} from './restore-target.js';

export interface DatabaseReturn {
  readonly mode: 'new' | 'in-place';
  readonly store: Store;
  readonly series: Series;
  /** Already checked for who sealed it. */
  readonly manifest: Manifest;
  readonly keys: readonly Opener[];
  /** Who can open the set that is taken before a restore in place. */
  readonly recipients: () => Promise<Recipients>;
  readonly live: Connection | undefined;
  readonly targetUrl: string | undefined;
  /** Name of the new database, for `new`. */
  readonly database: string | undefined;
  readonly confirm: string | undefined;
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
  readonly restored: RestoredDatabase;
}

/**
 * Brings a database back: beside the live one, compared with the manifest, and for `in-place` swapped with it by
 * renaming, after a fresh set was taken. Until the swap nothing that users reach has changed.
 */
export async function returnDatabase(request: DatabaseReturn): Promise<DatabaseReturned> {
  const {mode, manifest, signal, log} = request;
  const target = await resolveTarget(request, request.live, manifest, signal);
  const server = maintenance(target.server);
  const safetySet = mode === 'in-place' ? await takeSafetySet(request, target.server) : undefined;
  request.onDatabase(target.database);
  const restored = await restoreDatabase({
    ...request,
    store: readOnly(request.store),
    server,
    database: target.database,
  });
  const identity = target.live ? identityOf(target.live) : undefined;
  if (mode === 'new') return {database: target.database, identity, previous: undefined, safetySet, restored};
  const previous = datedName(target.server.database, 'before', Date.now());
  log(`Equal to the manifest; ${target.server.database} is kept as ${previous}.`);
  const {unavailableMs} = await swapDatabases({
    server,
    live: target.server.database,
    restored: target.database,
    keepAs: previous,
    signal,
  });
  log(
    `Swapped; ${target.server.database} could not be reached for ${formatDuration(unavailableMs)}. To swap back, with the address of the server's database \`postgres\` in SERVER_URL:`,
  );
  log(swapBackCommand(target.server.database, previous, Date.now()));
  return {database: target.server.database, identity, previous, safetySet, restored};
}

/** Undoes a restore that was killed: lets users into the live database again and drops the half-made one. */
export async function undoReturn(mode: 'new' | 'in-place', target: Connection, database: string): Promise<void> {
  const server = maintenance(target);
  if (mode === 'in-place') await reopenDatabase(server, target.database);
  await dropDatabase(server, database);
}

/** A restore in place is taken back by restoring this one. */
async function takeSafetySet(request: DatabaseReturn, live: Connection): Promise<string> {
  const {series, store, signal, env, log} = request;
  const database = {connection: live, depth: 'digests' as const, expectedTables: [], allowEmpty: true};
  const wanted = {
    series,
    recipients: await request.recipients(),
    database,
    reason: 'before a restore in place',
    readBack: 'full' as const,
    allowShrink: true,
  };
  return (await writeSet(wanted, {store, signal, env, log})).id;
}

/** The same server by its maintenance database, since the live one is going to be renamed. */
function maintenance(server: Connection): Connection {
  return {...server, database: 'postgres'};
}
