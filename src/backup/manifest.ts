import {createHash} from 'node:crypto';
import * as z from 'zod';
import {Failure} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {setIdTime} from './set-name.js';

/**
 * The seal of a set: written last, never replaced. A set without it does not exist for restore and retention.
 * Fields that a newer version added are kept; another major version of the schema is refused.
 */

/** Keeps fields it does not know, without letting them into the types. */
const open = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape) as unknown as z.ZodObject<T>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.int().min(0);
const time = z.iso.datetime();
const fileName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,120}$/, {message: 'is not a plain file name'});

const digest = open({bytes: size, sha256});

const part = open({
  /** What it is a copy of. */
  role: z.enum(['database', 'globals', 'assets', 'configuration', 'details']),
  /** Distinguishes several of one role, such as asset folders. */
  name: z.string(),
  /** Object beside the manifest. */
  key: fileName,
  format: z.enum(['pgdump-custom', 'sql', 'tar', 'json']),
  /** Of a database that lies in several archives: which of its three sections this is. Absent: all of it. */
  section: z.enum(['pre-data', 'data', 'post-data']).optional(),
  /** Around the format, inside the encryption; `archive` means inside the dump, where pg_restore undoes it. */
  compression: open({
    method: z.enum(['none', 'gzip', 'zstd']),
    level: z.int().optional(),
    where: z.enum(['none', 'archive', 'stream']),
  }),
  /** Of the stream before encryption: survives re-encryption to another key. */
  plaintext: digest,
  /** Of the stored bytes: can be checked without any key. */
  ciphertext: digest,
  /** Digests of the stored bytes block by block, so that a restore checks each block before it uses it. */
  blocks: open({size: z.int().min(1), sha256: z.array(sha256)}),
  durationMs: z.number(),
});

const table = open({name: z.string(), rows: size.optional(), digest: z.string().optional()});
const sequence = open({name: z.string(), lastValue: z.string().optional(), increment: z.string()});

/** What a database held in the moment of the dump. */
export const databaseContentSchema = open({
  tables: z.array(table),
  rows: size,
  largeObjects: open({count: size, digest: z.string().optional()}),
  extensions: z.record(z.string(), z.string()),
  sequences: z.array(sequence),
  objects: z.record(z.string(), z.number()),
  invalid: z.array(z.string()),
  migration: open({table: z.string(), newest: z.string(), count: size}).optional(),
  /** Roles that policies and user mappings name; absent in sets made before it was noted. */
  roles: z.array(z.string()).optional(),
});

const database = open({
  name: z.string(),
  systemIdentifier: z.string().optional(),
  databaseOid: z.int().optional(),
  serverVersion: z.string(),
  serverMajor: z.int(),
  clientVersion: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  databaseBytes: size,
  inRecovery: z.boolean(),
  /** On a standby: when the last change that it had was made. */
  replayedAt: time.optional(),
  collationMismatch: z.boolean().optional(),
  snapshot: z.string(),
  depth: z.enum(['digests', 'counts', 'off']),
  /** Absent when it stands, encrypted, in the part `details`. */
  content: databaseContentSchema.optional(),
});

const schema = open({
  schema: z.string().regex(/^switchback-set\/1(\.\d+)?$/, {message: 'is not a version this software reads'}),
  id: z.string(),
  project: z.string(),
  environment: z.string(),
  startedAt: time,
  finishedAt: time,
  reason: z.string(),
  release: z.string().optional(),
  /** Full commit that was live or being released. */
  commit: z.string().optional(),
  trigger: z.record(z.string(), z.string()),
  parts: z.array(part).min(1),
  encryption: open({
    scheme: z.literal('openpgp/seipd1'),
    recipients: z.array(open({fingerprint: z.string(), encryptionSubkey: z.string(), expires: z.string().optional()})),
    /** Encrypted with a passphrase, to no key. */
    passphrase: z.boolean().optional(),
  }),
  database: database.optional(),
  tools: z.record(z.string(), z.string()),
  /** What was proved before the seal, such as `readBack: ok`. */
  checks: z.record(z.string(), z.string()),
  warnings: z.array(z.string()),
  /** Commands that open each part without this software. */
  byHand: z.array(z.string()),
});

export type Manifest = z.infer<typeof schema>;
export type ManifestPart = Manifest['parts'][number];
export type ManifestDatabase = NonNullable<Manifest['database']>;
export type DatabaseContent = NonNullable<ManifestDatabase['content']>;

export const manifestSchemaName = 'switchback-set/1';
const manifestLimit = 8 * 1024 * 1024;

/** The exact bytes that are signed and stored. */
export function encodeManifest(manifest: Manifest): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(schema.parse(manifest), undefined, 2)}\n`);
  if (bytes.length > manifestLimit)
    throw new Failure('MANIFEST', `The manifest would have ${bytes.length} bytes`, {
      remedy: 'Set the detail of the manifest to `minimal`, which moves the tables into the encrypted part.',
    });
  return bytes;
}

/**
 * Reads a manifest and checks that it belongs where it was found.
 * @throws Failure MANIFEST when it is cut, of another version, or names another set than its key.
 */
export function decodeManifest(
  bytes: Uint8Array,
  expected?: {readonly id: string; readonly project: string; readonly environment: string},
): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch (error) {
    throw unreadable('is not whole JSON', error);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw unreadable(
      `has a bad \`${oneLine(issue.path.join('.'), 120)}\`: ${oneLine(issue.message, 200)}`,
      parsed.error,
    );
  }
  const manifest = parsed.data;
  // Ids carry the moment too, so that sorting by id is sorting by what the manifests say.
  if (setIdTime(manifest.id) !== Math.floor(manifestTime(manifest) / 1000) * 1000)
    throw unreadable(
      `says it was started at ${manifest.startedAt}, but is called ${oneLine(manifest.id, 60)}`,
      undefined,
    );
  for (const key of ['id', 'project', 'environment'] as const) {
    if (expected && manifest[key] !== expected[key])
      throw unreadable(`says ${key} ${oneLine(manifest[key], 60)}, but lies under ${expected[key]}`, undefined);
  }
  return manifest;
}

/** The moment a set speaks of, in epoch milliseconds. */
export function manifestTime(manifest: Manifest): number {
  return Date.parse(manifest.startedAt);
}

function unreadable(what: string, cause: unknown): Failure {
  return new Failure('MANIFEST', `The manifest ${what}`, {
    remedy: 'Do not use this set; take another one, and find out who changed it.',
    cause,
  });
}

/** SHA-256 of a manifest's stored bytes, as verifications name it. */
export function manifestDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
