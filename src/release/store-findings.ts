import {randomBytes} from 'node:crypto';
import {clockGap} from '../backup/store-clock.js';
import type {BackupConfig, Config} from '../config/schema.js';
import {formatDuration} from '../kernel/duration.js';
import {Failure, isAbort, messageOf} from '../kernel/errors.js';
import type {Finding} from '../platforms/platform.js';
import type {Store, StoreFacts} from '../storage/store.js';
import {type BackupAccess, openBackupStore} from './backup-access.js';
import {databaseConnection} from './database-access.js';

interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Rows about the store of backups: a probe object, which it removes; its clock; its lock and encryption; where it lies. */
export async function storeFindings(config: Config, access: BackupAccess, context: Context): Promise<Finding[]> {
  const settings = config.backup!;
  const [probe, asked] = await Promise.all([probeFinding(settings, access), factFindings(settings, access, context)]);
  return [probe, ...asked, ...placeFindings(config, access, context)];
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

async function factFindings(settings: BackupConfig, access: BackupAccess, {signal}: Context): Promise<Finding[]> {
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
  return [clockFinding(facts), lockFinding(settings, facts), encryptionFinding(settings, facts)].flat();
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

function lockFinding({storage}: BackupConfig, {lock, versioned}: StoreFacts): Finding[] {
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

function encryptionFinding({storage}: BackupConfig, {encryption}: StoreFacts): Finding[] {
  const wanted = storage.encryption;
  // The probe object was written with it, so the store has it, and the key may be used.
  if (wanted) return [row('encryption by the store', 'ok', `${wanted}${storage['kms-key'] ? ', own key' : ''}`)];
  return encryption ? [row('encryption by the store', 'ok', `${encryption}, by the bucket itself`)] : [];
}

/** A store in the account of the database dies with it, so that a locked account takes both. */
export function placeFindings(config: Config, access: BackupAccess, {env}: Context): Finding[] {
  const {storage} = config.backup!;
  if (storage.type !== 's3') return [];
  const host = databaseHost(config, access, env);
  const endpoint = access['storage-endpoint'] ?? storage.endpoint;
  const store = endpoint === undefined ? 's3.amazonaws.com' : new URL(endpoint).hostname;
  const shared = host === undefined ? undefined : sharedOwner(host, store);
  return shared
    ? [
        row(
          'store apart from the database',
          'warning',
          `database and store are both at ${shared}: a locked or deleted account takes both`,
          'Keep the sets, or a second copy of them, with another provider',
        ),
      ]
    : [];
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
