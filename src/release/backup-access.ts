import {readFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import type {Series} from '../backup/set-name.js';
import {isSamePlace} from '../config/same-place.js';
import type {BackupConfig, Config, StorageConfig} from '../config/schema.js';
import {loadRecipients, passphraseRecipient, type Recipients} from '../crypto/recipients.js';
import {Failure, type Problem, refusal} from '../kernel/errors.js';
import {openLocalStore} from '../storage/local/local-store.js';
import {openRcloneStore} from '../storage/rclone/rclone-store.js';
import type {S3Settings} from '../storage/s3/s3-store.js';
import type {Store} from '../storage/store.js';

/** Inputs that reach the store of backups and the database; see `backupAccessInputs`. */
export interface BackupAccess {
  readonly 'database-url'?: string | undefined;
  readonly 'storage-access-key-id'?: string | undefined;
  readonly 'storage-secret-access-key'?: string | undefined;
  readonly 'storage-bucket'?: string | undefined;
  readonly 'storage-endpoint'?: string | undefined;
  readonly 'also-access-key-id'?: string | undefined;
  readonly 'also-secret-access-key'?: string | undefined;
  /** Key under `backup` of the store that the run works in; default `storage`. */
  readonly store?: 'storage' | 'also' | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What the file and the inputs say about backups. @throws refusal INPUT when they say nothing of a store. */
export function backupSettings(config: Config, access: BackupAccess): BackupConfig {
  if (config.backup) return config.backup;
  throw refusal('CONFIG', 'The configuration was', [
    {
      where: '`backup`',
      what: 'is missing',
      remedy: `Describe the store and the recipients under \`backup\`${access['storage-bucket'] ? '; the bucket alone is not enough' : ''}`,
    },
  ]);
}

/** Whose sets these are. */
export function seriesOf(config: Config): Series {
  return {project: config.product, environment: config.environment};
}

/**
 * Opens the store that the run works in: `backup.storage`, or with `store: also` the second one. Keys come from the
 * inputs; without them the standard AWS chain is used, so that OIDC works.
 * @throws refusal INPUT when only one half of a key pair was given, or the second store is asked for and not described.
 */
export async function openBackupStore(
  settings: BackupConfig,
  access: BackupAccess,
  root = process.cwd(),
): Promise<Store> {
  if (access.store !== 'also')
    return openStore(firstPlace(settings, access), settings, keysOf('storage', access), root);
  if (settings.also) return openStore(settings.also, settings, keysOf('also', access), root);
  throw refusal('INPUT', 'The inputs were', [
    {
      where: 'input `store`',
      what: 'is also, and the file describes no second store',
      remedy: 'Describe it under `backup.also`, or leave `store` away',
    },
  ]);
}

/**
 * Opens the store that every set is copied to. Undefined when none is described, or when the run works in it anyway.
 * @throws refusal INPUT for half a key pair, and when the inputs make both stores one.
 */
export async function openSecondStore(
  settings: BackupConfig,
  access: BackupAccess,
  root = process.cwd(),
): Promise<Store | undefined> {
  const {also} = settings;
  if (!also || access.store === 'also') return undefined;
  if (isSamePlace(firstPlace(settings, access), also))
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'inputs `storage-bucket` and `storage-endpoint`',
        what: 'name the very place that `backup.also` describes',
        remedy: 'Give both stores places of their own',
      },
    ]);
  return openStore(also, settings, keysOf('also', access), root);
}

/** Where the first store lies: the file, and the inputs that stand above it. */
export function firstPlace({storage}: BackupConfig, access: BackupAccess): StorageConfig {
  return {
    ...storage,
    bucket: access['storage-bucket'] ?? storage.bucket,
    endpoint: access['storage-endpoint'] ?? storage.endpoint,
  };
}

/** A bucket, a folder below `root`, or an rclone remote. The S3 client is loaded only for a bucket. */
async function openStore(
  storage: StorageConfig,
  settings: BackupConfig,
  credentials: () => S3Settings['credentials'],
  root: string,
): Promise<Store> {
  if (storage.type === 'local') return openLocalStore(join(resolve(root, storage.folder ?? '.'), storage.prefix));
  if (storage.type === 'rclone')
    return openRcloneStore({remote: `${storage.remote}/${storage.prefix}`, env: process.env});
  const known = credentials();
  const {openS3Store} = await import('../storage/s3/s3-store.js');
  return openS3Store({
    bucket: storage.bucket ?? '',
    prefix: storage.prefix,
    region: storage.region,
    endpoint: storage.endpoint,
    pathStyle: storage['path-style'],
    credentials: known,
    partSize: settings['part-size'],
    lock: storage.lock === undefined ? undefined : {mode: storage['lock-mode'], forMs: storage.lock},
    encryption: storage.encryption && {method: storage.encryption, key: storage['kms-key']},
  });
}

/**
 * Runs what reads from the store of the run. Where a second store is described, a failure that has to do with the first
 * names it: in the hour of need nobody should have to remember that it is there.
 */
export async function withWayOut<T>(settings: BackupConfig, access: BackupAccess, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw namingSecond(settings, access, error);
  }
}

/** The same failure, with the second store in its remedy where that may help. */
export function namingSecond<E>(settings: BackupConfig, access: BackupAccess, error: E): E | Failure {
  if (!(error instanceof Failure) || !settings.also || access.store === 'also') return error;
  if (!/^(STORE|SET_(CHOICE|TOO_OLD|DIGEST|INCOMPLETE)|RECOVERY_SET|MANIFEST|SIGNATURE)/.test(error.code)) return error;
  const {code, message, remedy, retryable, retryAfterMs, details} = error;
  return new Failure(code, message, {
    remedy: `${remedy} The second store holds copies: \`store: also\` reads from it, with its own keys (\`also-access-key-id\`, \`also-secret-access-key\`).`,
    retryable,
    ...(retryAfterMs === undefined ? {} : {retryAfterMs}),
    details,
    cause: error,
  });
}

/**
 * Reads the recipients: paths of armored files inside the repository, or armored text.
 * @throws refusal RECIPIENTS
 */
export async function readRecipients(
  given: readonly string[],
  root: string,
  rules: {readonly nowMs: number; readonly pinned?: readonly string[] | undefined},
): Promise<Recipients> {
  return loadRecipients(await readKeyTexts(given, root), rules);
}

/**
 * Who can open the sets: the public keys of input or file, else the passphrase of input or environment.
 * @throws refusal INPUT for both or neither, RECIPIENTS
 */
export async function openRecipients(
  settings: BackupConfig,
  given: {readonly recipients?: readonly string[] | undefined; readonly passphrase?: string | undefined},
  env: Environment,
  root: string,
  rules: {readonly nowMs: number; readonly pinned?: readonly string[] | undefined},
): Promise<Recipients> {
  const keys = given.recipients ?? settings.recipients ?? [];
  const passphrase = given.passphrase ?? passphraseOf(settings, env);
  if (keys.length > 0 === (passphrase !== undefined))
    throw refusal('INPUT', 'The inputs were', [
      keys.length
        ? {
            where: 'input `passphrase`',
            what: 'is given, and there are public keys too',
            remedy: 'Use one of them; with public keys the runner cannot read what it stores',
          }
        : {
            where: 'input `recipients`',
            what: 'is missing, and so is a passphrase',
            remedy: `Name public keys under \`backup.recipients\`, or pass \`passphrase\`${settings['passphrase-env'] ? ` (${settings['passphrase-env']} is empty)` : ''}`,
          },
    ]);
  return passphrase === undefined ? readRecipients(keys, root, rules) : passphraseRecipient(passphrase);
}

/** The passphrase from the environment variable that the file names. */
export function passphraseOf(settings: BackupConfig, env: Environment): string | undefined {
  const name = settings['passphrase-env'];
  return name === undefined ? undefined : env[name] || undefined;
}

/** Armored texts as they are; everything else is the path of a file with one. @throws refusal RECIPIENTS */
export async function readKeyTexts(given: readonly string[], root: string): Promise<string[]> {
  const problems: Problem[] = [];
  const texts = await Promise.all(
    given.map(async (entry) => {
      if (entry.includes('-----BEGIN')) return entry;
      return readFile(resolve(root, entry), 'utf8').catch(() => {
        problems.push({
          where: `key file ${entry}`,
          what: 'cannot be read',
          remedy: 'Commit the armored public key there, and check the repository out before this step',
        });
        return '';
      });
    }),
  );
  if (problems.length) throw refusal('RECIPIENTS', 'The recipients were', problems);
  return texts;
}

/** One store's own pair of keys; the keys of one are never tried on the other. */
function keysOf(name: 'storage' | 'also', access: BackupAccess): () => S3Settings['credentials'] {
  const [idName, secretName] = [`${name}-access-key-id`, `${name}-secret-access-key`] as const;
  const [id, key] = [access[idName], access[secretName]];
  return () => {
    if (Boolean(id) === Boolean(key)) return id && key ? {accessKeyId: id, secretAccessKey: key} : undefined;
    throw refusal('INPUT', 'The inputs were', [
      {
        where: `input \`${id ? secretName : idName}\``,
        what: 'is missing, and its other half was given',
        remedy: 'Pass both, or neither to use the standard AWS credential chain',
      },
    ]);
  };
}
