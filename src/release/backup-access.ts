import {readFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import type {Series} from '../backup/set-name.js';
import type {BackupConfig, Config} from '../config/schema.js';
import {loadRecipients, passphraseRecipient, type Recipients} from '../crypto/recipients.js';
import {type Problem, refusal} from '../kernel/errors.js';
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
 * Opens the store of backups: a bucket, a folder below `root`, or an rclone remote. Keys come from the inputs; without
 * them the standard AWS chain is used, so that OIDC works. The S3 client is loaded only for a bucket.
 * @throws refusal INPUT when only one half of a key pair was given.
 */
export async function openBackupStore(
  settings: BackupConfig,
  access: BackupAccess,
  root = process.cwd(),
): Promise<Store> {
  const {storage} = settings;
  if (storage.type === 'local') return openLocalStore(join(resolve(root, storage.folder ?? '.'), storage.prefix));
  if (storage.type === 'rclone')
    return openRcloneStore({remote: `${storage.remote}/${storage.prefix}`, env: process.env});
  const credentials = credentialsOf(access);
  const {openS3Store} = await import('../storage/s3/s3-store.js');
  return openS3Store({
    bucket: access['storage-bucket'] ?? storage.bucket ?? '',
    prefix: storage.prefix,
    region: storage.region,
    endpoint: access['storage-endpoint'] ?? storage.endpoint,
    pathStyle: storage['path-style'],
    credentials,
    partSize: settings['part-size'],
    lock: storage.lock === undefined ? undefined : {mode: storage['lock-mode'], forMs: storage.lock},
    encryption: storage.encryption && {method: storage.encryption, key: storage['kms-key']},
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

function credentialsOf(access: BackupAccess): S3Settings['credentials'] {
  const [id, key] = [access['storage-access-key-id'], access['storage-secret-access-key']];
  if (Boolean(id) !== Boolean(key)) {
    const absent = id ? 'storage-secret-access-key' : 'storage-access-key-id';
    throw refusal('INPUT', 'The inputs were', [
      {
        where: `input \`${absent}\``,
        what: 'is missing, and its other half was given',
        remedy: 'Pass both, or neither to use the standard AWS credential chain',
      },
    ]);
  }
  return id && key ? {accessKeyId: id, secretAccessKey: key} : undefined;
}
