import {isPassphrase, type Opener} from '../crypto/private-key.js';
import {Failure} from '../kernel/errors.js';
import type {Store} from '../storage/store.js';
import {type DatabaseContent, databaseContentSchema, type Manifest, type ManifestPart} from './manifest.js';
import {readPlaintext} from './part-reader.js';

/** What the database held, from the manifest or, where that was kept out of clear text, from the encrypted part. */
export async function readContent(
  store: Store,
  prefix: string,
  manifest: Manifest,
  keys: readonly Opener[],
  signal: AbortSignal,
): Promise<DatabaseContent | undefined> {
  if (manifest.database?.content) return manifest.database.content;
  const part = manifest.parts.find(({role}) => role === 'details');
  if (!part) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of readPlaintext({store, prefix, part, signal}, keys)) chunks.push(chunk);
  return databaseContentSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
}

/** The part of a kind. @throws Failure SET_PART when the set has none */
export function partOf(manifest: Manifest, role: ManifestPart['role'], name?: string): ManifestPart {
  const part = manifest.parts.find(
    (candidate) => candidate.role === role && (name === undefined || candidate.name === name),
  );
  if (part) return part;
  throw new Failure('SET_PART', `The set ${manifest.id} holds no ${role}${name ? ` named ${name}` : ''}`, {
    remedy: `It holds ${manifest.parts.map((one) => `${one.role} ${one.name}`).join(', ')}; choose one of these or another set.`,
  });
}

/** The archives of the database in the order of a restore: one, or what goes before the rows, the rows, what goes after. */
export function databaseParts(manifest: Manifest): {
  readonly before: readonly ManifestPart[];
  readonly rows: readonly ManifestPart[];
  readonly after: readonly ManifestPart[];
} {
  const whole = partOf(manifest, 'database');
  const of = (section: ManifestPart['section']) =>
    manifest.parts.filter((part) => part.role === 'database' && part.section === section);
  if (whole.section === undefined) return {before: [], rows: [whole], after: []};
  const found = {before: of('pre-data'), rows: of('data'), after: of('post-data')};
  if (found.before.length === 1 && found.rows.length > 0 && found.after.length === 1) return found;
  throw new Failure('MANIFEST', `The manifest of ${manifest.id} does not name every section of its database`, {
    remedy: 'Do not use this set; take another one.',
  });
}

/** Whether something given can open the set, found out before anything is read. @throws Failure PRIVATE_KEY, PASSPHRASE */
export function refuseForeignKeys(manifest: Manifest, keys: readonly Opener[]): void {
  if (manifest.encryption.passphrase) {
    // Whether it is the right one, only the data tells.
    if (keys.some(isPassphrase)) return;
    throw new Failure('PASSPHRASE', 'This set was encrypted with a passphrase, not to a key', {
      remedy: 'Pass the `passphrase` it was made with.',
    });
  }
  const held = new Set(keys.flatMap((opener) => (isPassphrase(opener) ? [] : opener.fingerprints)));
  if (
    manifest.encryption.recipients.some(
      ({encryptionSubkey, fingerprint}) => held.has(encryptionSubkey) || held.has(fingerprint),
    )
  )
    return;
  throw new Failure('PRIVATE_KEY', 'The private key is not one of the recipients of this set', {
    remedy: `Pass the private key with the fingerprint ${manifest.encryption.recipients.map(({fingerprint}) => fingerprint).join(' or ')}.`,
  });
}
