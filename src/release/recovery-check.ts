import {findSet} from '../backup/choose-set.js';
import {databaseParts, refuseForeignKeys} from '../backup/content.js';
import type {Manifest} from '../backup/manifest.js';
import type {SealedSet} from '../backup/set-list.js';
import {isSound} from '../backup/sound-set.js';
import {readTrustedManifest} from '../backup/trust.js';
import type {Config} from '../config/schema.js';
import {type Opener, unlockPrivateKey} from '../crypto/private-key.js';
import {Failure, isAbort, messageOf, type Problem} from '../kernel/errors.js';
import type {LedgerStore} from '../ledger/store.js';
import type {Component, PlatformCall} from '../platforms/platform.js';
import {restoreClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import type {Store} from '../storage/store.js';
import {
  type BackupAccess,
  backupSettings,
  openBackupStore,
  readKeyTexts,
  seriesOf,
  withWayOut,
} from './backup-access.js';
import type {Platforms} from './connection.js';
import type {LiveDatabase} from './recovery.js';
import {planRollback, type RollbackPlan} from './rollback-targets.js';

/** Runs a check; what it refuses becomes a problem instead of hiding the others. */
export async function collected<T>(
  where: string,
  problems: Problem[],
  check: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    if (isAbort(error)) throw error;
    const known = error instanceof Failure ? (error.details['problems'] as readonly Problem[] | undefined) : undefined;
    if (known) problems.push(...known);
    else {
      const remedy = error instanceof Failure ? error.remedy : 'Report it with this log';
      problems.push({where, what: messageOf(error).replace(/\.$/, ''), remedy: remedy.replace(/\.$/, '')});
    }
    return undefined;
  }
}

/** The code that is brought back: the named release, else the last known good one. */
export function planCode(store: LedgerStore, config: Config, release: string | undefined): Promise<RollbackPlan> {
  const components = (['frontend', 'backend'] as const).filter((component: Component) => config[component]);
  return planRollback(store, {to: release ? 'release' : 'last-known-good', components, release});
}

/** Both platforms answer and know what they are asked about. One that is down passes: that is what a recovery meets. */
export async function reachPlatforms(platforms: Platforms, call: PlatformCall, problems: Problem[]): Promise<void> {
  await Promise.all(
    Object.values(platforms).map((platform) =>
      collected(platform.name, problems, () =>
        platform.readLive(call).catch((error: unknown) => {
          if (!(error instanceof Failure) || !(error.retryable || error.code === 'RAILWAY_BUSY')) throw error;
          call.progress(`${platform.name} did not tell what is live: ${error.message}`);
          return undefined;
        }),
      ),
    ),
  );
}

export interface SetWanted {
  readonly set: string;
  readonly beforeMs: number;
  readonly maxAgeMs: number;
  /** Parts that the set must hold. Default: the database. */
  readonly roles?: readonly string[];
  readonly signedBy: readonly string[] | undefined;
  readonly privateKey: string | undefined;
  readonly keyPassphrase: string | undefined;
  /** Of sets that were encrypted with one instead of to keys. */
  readonly passphrase: string | undefined;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * The set that will be restored, proved as far as it can be without restoring it: sealed by who should have, sound, old
 * enough, readable by the given key, and with a pg_restore at hand that knows it.
 * @throws Failure RECOVERY_SET when no sound set fits, or that of the check that failed.
 */
export async function chooseRecoverySet(
  config: Config,
  access: BackupAccess,
  wanted: SetWanted,
  database: Pick<LiveDatabase, 'major'> | undefined,
): Promise<SealedSet> {
  return (await openRecoverySet(config, access, wanted, database)).set;
}

/** A set whose seal was checked, with what opens it. */
export interface OpenedSet {
  readonly set: SealedSet;
  readonly manifest: Manifest;
  readonly store: Store;
  readonly keys: readonly Opener[];
}

/** The same, opened. */
export async function openRecoverySet(
  config: Config,
  access: BackupAccess,
  wanted: SetWanted,
  server: Pick<LiveDatabase, 'major'> | undefined,
): Promise<OpenedSet> {
  const settings = backupSettings(config, access);
  const store = await openBackupStore(settings, access, wanted.root);
  const series = seriesOf(config);
  const before = new Date(wanted.beforeMs).toISOString();
  const named = wanted.set !== 'newest';
  const choice = {
    set: wanted.set,
    maxAgeMs: wanted.maxAgeMs,
    roles: wanted.roles ?? ['database'],
    ...(!named && {before}),
  };
  const {signal} = wanted;
  const signers = await readKeyTexts(wanted.signedBy ?? settings['signed-by'] ?? [], wanted.root);
  const {chosen, manifest} = await withWayOut(settings, access, async () => {
    const set = await findSet(store, series, choice, wanted.beforeMs, {signal});
    refuseUnproven(set, named, wanted);
    return {chosen: set, manifest: (await readTrustedManifest(store, series, set.id, {signers}, signal)).manifest};
  });
  databaseParts(manifest);
  const openers = await openersOf(wanted);
  if (openers.length) refuseForeignKeys(manifest, openers);
  if (server && manifest.database)
    await restoreClient(Number.parseInt(manifest.database.clientVersion, 10), server.major, wanted.env);
  return {set: chosen, manifest, store, keys: openers};
}

async function openersOf({privateKey, keyPassphrase, passphrase}: SetWanted): Promise<Opener[]> {
  return [
    ...(privateKey ? [await unlockPrivateKey(privateKey, keyPassphrase)] : []),
    ...(passphrase ? [{passphrase}] : []),
  ];
}

function refuseUnproven(chosen: SealedSet, named: boolean, {beforeMs, maxAgeMs}: SetWanted): void {
  if (named) return;
  const remedy = `Look at the sets with \`switchback restore list\`, and name one by its id if that is what you want`;
  if (!isSound(chosen))
    throw new Failure('RECOVERY_SET', `The newest set that fits, ${chosen.id}, was never read back or proven`, {
      remedy,
    });
  if (beforeMs - Date.parse(chosen.manifest.startedAt) > maxAgeMs)
    throw new Failure('RECOVERY_SET', `The newest sound set, ${chosen.id}, is older than \`max-age\``, {remedy});
}

/** What is wrong with the typed identity and what belongs to it. */
export function databaseProblems(
  given: {readonly confirm: string | undefined; readonly canOpen: boolean},
  connection: Connection | undefined,
  database: LiveDatabase | undefined,
): Problem[] {
  const problems: Problem[] = [];
  if (!connection)
    problems.push({
      where: 'input `database-url`',
      what: 'is missing, and the database is to be restored',
      remedy: 'Pass the address of the live database, or of the empty one that takes its place',
    });
  if (!given.canOpen)
    problems.push({
      where: 'input `private-key`',
      what: 'is missing',
      remedy: 'Pass the private key of a recipient, from a protected environment',
    });
  if (database && given.confirm !== database.identity)
    problems.push({
      where: 'input `confirm`',
      what: given.confirm ? `is not ${database.identity}` : `is missing; this database is ${database.identity}`,
      remedy: 'Type exactly that, when this is the database to replace',
    });
  return problems;
}
