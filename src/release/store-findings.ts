import {randomBytes} from 'node:crypto';
import {clockGap} from '../backup/store-clock.js';
import {storeHost} from '../config/same-place.js';
import type {BackupConfig, Config, StorageConfig} from '../config/schema.js';
import {formatDuration} from '../kernel/duration.js';
import {Failure, isAbort, messageOf} from '../kernel/errors.js';
import type {Finding} from '../platforms/platform.js';
import type {Store, StoreFacts} from '../storage/store.js';
import {type BackupAccess, firstPlace, openBackupStore} from './backup-access.js';
import {databaseConnection} from './database-access.js';

interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Rows about the stores of backups: a probe object, which it removes; clock, lock and encryption; where they lie. */
export async function storeFindings(config: Config, access: BackupAccess, context: Context): Promise<Finding[]> {
  const settings = config.backup!;
  const [first, second] = await Promise.all([
    findingsOf(settings, settings.storage, access, context),
    settings.also ? findingsOf(settings, settings.also, {...access, store: 'also'}, context) : [],
  ]);
  return [...first, ...second.map(ofSecond), ...placeFindings(config, access, context)];
}

async function findingsOf(settings: BackupConfig, storage: StorageConfig, access: BackupAccess, context: Context) {
  const [probe, asked] = await Promise.all([
    probeFinding(settings, access),
    factFindings(settings, storage, access, context),
  ]);
  return [probe, ...asked];
}

/** A release does not need it, so that it must not stop one; the backup that cannot copy is red by itself. */
function ofSecond(finding: Finding): Finding {
  return {
    ...finding,
    check: `second store: ${finding.check.replace(/^store /, '')}`,
    state: finding.state === 'problem' ? 'warning' : finding.state,
    ...(finding.remedy && {remedy: finding.remedy.replace('backup.storage', 'backup.also')}),
  };
}

const row = (check: string, state: Finding['state'], found: string, remedy?: string): Finding => ({
  area: 'backup',
  check,
  state,
  found,
  ...(remedy && {remedy}),
});

async function probeFinding(settings: BackupConfig, access: BackupAccess): Promise<Finding> {
  const check = 'store writable, readable, deletable';
  const key = `probe-${randomBytes(6).toString('hex')}`;
  let stage = 'written';
  try {
    const store = await openBackupStore(settings, access);
    await store.put(key, Buffer.from('switchback probe'));
    stage = 'read';
    const size = (await store.head(key))?.bytes;
    stage = 'deleted';
    await store.delete(key);
    if (size === 16) return row(check, 'ok', store.location);
    return row(
      check,
      'problem',
      `the probe object came back with ${size ?? 'no'} bytes instead of 16`,
      'Use another store: this one does not keep what it is given',
    );
  } catch (error) {
    // A writer that may not delete is the safer set-up: only retention needs the right.
    const onlyDelete = stage === 'deleted' && error instanceof Failure && error.code === 'STORE_DENIED';
    return row(
      check,
      onlyDelete ? 'warning' : 'problem',
      `the probe object could not be ${stage}: ${messageOf(error)}${onlyDelete ? `; ${key} is left there` : ''}`,
      error instanceof Failure ? error.remedy : 'Check bucket, endpoint and keys',
    );
  }
}

async function factFindings(
  settings: BackupConfig,
  storage: StorageConfig,
  access: BackupAccess,
  {signal}: Context,
): Promise<Finding[]> {
  let store: Store;
  let facts: StoreFacts;
  try {
    store = await openBackupStore(settings, access);
    facts = await store.facts(signal);
  } catch (error) {
    if (isAbort(error)) throw error;
    // The probe object says the same, and what to do about it.
    return [];
  }
  return [clockFinding(facts), lockFinding(storage, facts), encryptionFinding(storage, facts)].flat();
}

function clockFinding(facts: StoreFacts): Finding[] {
  const gap = clockGap(facts);
  if (gap)
    return [
      row('clock against the store', 'problem', gap, "Correct the runner's clock: sets are named and aged by it"),
    ];
  return facts.aheadMs === undefined
    ? []
    : [row('clock against the store', 'ok', `${formatDuration(Math.abs(Math.round(facts.aheadMs)))} apart`)];
}

function lockFinding(storage: StorageConfig, {lock, versioned}: StoreFacts): Finding[] {
  const check = 'lock of the store';
  if (storage.lock !== undefined) {
    const wanted = `${storage['lock-mode']} lock for ${formatDuration(storage.lock)}`;
    if (lock?.possible) return [row(check, 'ok', wanted)];
    return [
      lock
        ? row(check, 'problem', `${wanted} is asked for, but the bucket has no object lock`, lockRemedy)
        : row(check, 'warning', `${wanted} is asked for; whether the bucket can lock, these credentials may not ask`),
    ];
  }
  if (lock?.defaultDays !== undefined)
    return [row(check, 'ok', `the bucket locks new objects for ${lock.defaultDays} days`)];
  if (lock?.possible)
    return [
      row(check, 'warning', 'the bucket can lock objects, and nothing asks for it', 'Set `backup.storage.lock: 14d`'),
    ];
  return versioned ? [row(check, 'ok', 'no lock; the bucket keeps older versions')] : [];
}

const lockRemedy = 'Use a bucket made with object lock, or remove `backup.storage.lock`';

function encryptionFinding(storage: StorageConfig, {encryption}: StoreFacts): Finding[] {
  const wanted = storage.encryption;
  // The probe object was written with it, so the store has it, and the key may be used.
  if (wanted) return [row('encryption by the store', 'ok', `${wanted}${storage['kms-key'] ? ', own key' : ''}`)];
  return encryption ? [row('encryption by the store', 'ok', `${encryption}, by the bucket itself`)] : [];
}

/** A store in the account of the database dies with it, so that a locked account takes both; so does a second store in that of the first. */
export function placeFindings(config: Config, access: BackupAccess, {env}: Context): Finding[] {
  const settings = config.backup!;
  const database = databaseHost(config, access, env);
  const [first, second] = [firstPlace(settings, access), settings.also];
  const shared = database === undefined ? undefined : sharedWith(database, first);
  const apart = second && !sharedPlace(first, second) && !(database && sharedWith(database, second));
  return [
    ...(shared
      ? [
          row(
            'store apart from the database',
            apart ? 'ok' : 'warning',
            `database and store are both at ${shared}${apart ? '; the second store is not' : ': a locked or deleted account takes both'}`,
            apart ? undefined : 'Keep the sets, or a second copy of them (`backup.also`), with another provider',
          ),
        ]
      : []),
    ...(second ? apartFinding(first, second, apart === true) : []),
  ];
}

function apartFinding(first: StorageConfig, second: StorageConfig, apart: boolean): Finding[] {
  const check = 'second store: apart from the rest';
  if (apart) return [row(check, 'ok', nameOf(second))];
  const shared = sharedPlace(first, second);
  return [
    row(
      check,
      'warning',
      shared
        ? `both stores are at ${shared}: a locked account, or one outage, takes both`
        : 'the second store is where the database is: a locked or deleted account takes both',
      'Keep the second store with another provider',
    ),
  ];
}

/** What two stores have in common that could end both: a provider, this machine, an rclone remote. */
function sharedPlace(one: StorageConfig, other: StorageConfig): string | undefined {
  if (one.type !== other.type) return undefined;
  if (one.type !== 's3') return nameOf(one) === nameOf(other) ? nameOf(one) : undefined;
  const [host, otherHost] = [hostOf(one)!, hostOf(other)!];
  return host === otherHost ? host : sharedOwner(host, otherHost);
}

function nameOf(storage: StorageConfig): string {
  if (storage.type === 'local') return 'this machine';
  if (storage.type === 'rclone') return `the rclone remote ${storage.remote?.split(':')[0]}`;
  return hostOf(storage)!;
}

function hostOf(storage: StorageConfig): string | undefined {
  return storeHost(storage)?.replace(/:\d+$/, '');
}

function sharedWith(database: string, storage: StorageConfig): string | undefined {
  const host = hostOf(storage);
  return host === undefined ? undefined : sharedOwner(database, host);
}

function databaseHost(config: Config, access: BackupAccess, env: Context['env']): string | undefined {
  try {
    return databaseConnection(config, access, env)?.host;
  } catch {
    // Its own row says what is wrong with the address.
    return undefined;
  }
}

/** Whose both hosts are: by the end of their names; undefined for addresses of this machine and strangers. */
export function sharedOwner(databaseHost: string, storeHost: string): string | undefined {
  const [one, other] = [ownerOf(databaseHost), ownerOf(storeHost)];
  return one !== undefined && one === other ? one : undefined;
}

function ownerOf(host: string): string | undefined {
  if (!/[a-z]/i.test(host) || host.startsWith('/') || host === 'localhost') return undefined;
  if (/(^|\.)(rlwy\.net|railway\.app|railway\.internal)$/i.test(host)) return 'Railway';
  return host.toLowerCase().split('.').slice(-2).join('.');
}
