import type {Key} from 'openpgp';
import {type Problem, refusal} from '../kernel/errors.js';

/** A public key that can open a set, as the manifest names it. */
export interface Recipient {
  /** Upper-case hex, 40 digits. */
  readonly fingerprint: string;
  /** Fingerprint of the subkey the data is really encrypted to. */
  readonly encryptionSubkey: string;
  /** ISO 8601; undefined when it never expires. */
  readonly expires?: string;
  readonly userId: string;
}

export interface Recipients {
  readonly keys: readonly Key[];
  readonly described: readonly Recipient[];
  /** Set when there are no keys: whoever encrypts with it can also decrypt. */
  readonly passphrase?: string;
  /** What is not wrong yet but will be: keys that expire soon, a single recipient. */
  readonly warnings: readonly string[];
}

export interface RecipientRules {
  readonly nowMs: number;
  /** A key that ends earlier than this many milliseconds from now is warned about; default 60 days. */
  readonly warnWithinMs?: number;
  /** Fingerprints that are allowed, all others are refused: a swapped key in a variable is the quiet attack. */
  readonly pinned?: readonly string[] | undefined;
}

const dayMs = 86_400_000;

/**
 * Reads armored public keys and checks that data can be encrypted to each of them now.
 * @param armored one or more armored texts; each may hold several keys.
 * @throws refusal RECIPIENTS with every key that is unreadable, private, expired, revoked, too weak or not pinned.
 */
export async function loadRecipients(armored: readonly string[], rules: RecipientRules): Promise<Recipients> {
  const problems: Problem[] = [];
  const keys = (await Promise.all(armored.map((text, index) => parseKeys(text, index, problems)))).flat();
  const checked = await Promise.all(keys.map((key) => describeRecipient(key, rules, problems)));
  if (!keys.length && !problems.length)
    problems.push({
      where: 'recipients',
      what: 'name no public key',
      remedy: 'Pass at least one armored OpenPGP public key',
    });
  problems.push(...missingPins(keys, rules.pinned));
  if (problems.length) throw refusal('RECIPIENTS', 'The recipients were', problems);
  const described = checked.filter((recipient) => recipient !== undefined);
  return {keys, described, warnings: warningsFor(described, rules)};
}

const minPassphrase = 16;

/**
 * A passphrase in the place of public keys.
 * @throws refusal RECIPIENTS when it is short enough to be guessed by whoever has a copy of the store.
 */
export function passphraseRecipient(passphrase: string): Recipients {
  if (passphrase.length < minPassphrase)
    throw refusal('RECIPIENTS', 'The passphrase was', [
      {
        where: 'passphrase',
        what: `has fewer than ${minPassphrase} characters`,
        remedy: 'Make one that nobody can guess: `openssl rand -base64 30`',
      },
    ]);
  return {
    keys: [],
    described: [],
    passphrase,
    warnings: [
      'The set opens with a passphrase that the runner held: whoever gets it reads every set made with it. Public keys avoid that.',
    ],
  };
}

async function parseKeys(text: string, index: number, problems: Problem[]): Promise<Key[]> {
  const where = `recipient ${index + 1}`;
  const blocks = text.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g) ?? [];
  if (/BEGIN PGP PRIVATE KEY/.test(text)) {
    problems.push({
      where,
      what: 'is a private key, which must never be where backups are made',
      remedy: 'Export the public one with `gpg --armor --export` and revoke this one if it was published',
    });
    return [];
  }
  try {
    if (!blocks.length) throw new Error('no block');
    const {readKeys} = await import('openpgp');
    return (await Promise.all(blocks.map((armoredKeys) => readKeys({armoredKeys})))).flat();
  } catch {
    problems.push({
      where,
      what: 'is not an armored OpenPGP public key',
      remedy: 'Export it with `gpg --armor --export <id>` and pass the whole block',
    });
    return [];
  }
}

async function describeRecipient(
  key: Key,
  {nowMs, pinned}: RecipientRules,
  problems: Problem[],
): Promise<Recipient | undefined> {
  const fingerprint = key.getFingerprint().toUpperCase();
  const where = `key ${fingerprint}`;
  const date = new Date(nowMs);
  try {
    const encryption = await key.getEncryptionKey(undefined, date);
    const {algorithm, bits} = encryption.getAlgorithmInfo();
    if (algorithm.startsWith('rsa') && (bits ?? 0) < 3072)
      problems.push({where, what: `is RSA with ${bits} bits only`, remedy: 'Use RSA 3072 or more, or Curve25519'});
    if (pinned?.length && !pinned.map(normalFingerprint).includes(fingerprint))
      problems.push({
        where,
        what: 'is not among the pinned fingerprints',
        remedy: 'Find out who changed the key; add the fingerprint only if you did',
      });
    const expires = await earliestExpiry(key);
    return {
      fingerprint,
      encryptionSubkey: encryption.getFingerprint().toUpperCase(),
      userId: key.getUserIDs()[0] ?? '',
      ...(expires ? {expires: expires.toISOString()} : {}),
    };
  } catch (error) {
    problems.push({
      where,
      what: `cannot be encrypted to (${(error as Error).message.replace(/^Error encrypting message: /, '')})`,
      remedy: `Extend it with \`gpg --quick-set-expire ${fingerprint} 2y\` and \`gpg --quick-set-expire ${fingerprint} 2y '*'\`, then export it again; or replace it`,
    });
    return undefined;
  }
}

async function earliestExpiry(key: Key): Promise<Date | undefined> {
  const ends = [
    await key.getExpirationTime(),
    ...(await Promise.all(key.getSubkeys().map((subkey) => subkey.getExpirationTime().catch(() => null)))),
  ];
  const dates = ends.filter((end) => end instanceof Date);
  return dates.sort((a, b) => a.getTime() - b.getTime())[0];
}

function missingPins(keys: readonly Key[], pinned: readonly string[] | undefined): Problem[] {
  const present = new Set(keys.map((key) => key.getFingerprint().toUpperCase()));
  return (pinned ?? [])
    .map(normalFingerprint)
    .filter((pin) => !present.has(pin))
    .map((pin) => ({
      where: `pinned key ${pin}`,
      what: 'is not among the recipients',
      remedy: 'Pass its public key, or remove the pin',
    }));
}

function warningsFor(described: readonly Recipient[], {nowMs, warnWithinMs = 60 * dayMs}: RecipientRules): string[] {
  const soon = described.filter(({expires}) => expires && Date.parse(expires) - nowMs < warnWithinMs);
  return [
    ...soon.map(
      ({fingerprint, expires}) =>
        `The key ${fingerprint} expires on ${expires!.slice(0, 10)}; extend it with \`gpg --quick-set-expire\` before then.`,
    ),
    ...(described.length === 1
      ? ['There is only one recipient: add an offline recovery key, or a lost key loses every backup.']
      : []),
  ];
}

function normalFingerprint(text: string): string {
  return text.replace(/^0x|\s/gi, '').toUpperCase();
}
