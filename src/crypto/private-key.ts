import type {PrivateKey} from 'openpgp';
import {Failure, messageOf} from '../kernel/errors.js';
import {dataOffset, holdsLiteral, openedPackets} from './opened-packets.js';

/** A private key in memory, unlocked. It never touches a disk. */
export interface UnlockedKey {
  readonly fingerprint: string;
  /** Every fingerprint it answers to, subkeys included, upper-case hex. */
  readonly fingerprints: readonly string[];
  readonly key: PrivateKey;
}

/** What opens a set that was encrypted to no key. */
export interface Passphrase {
  readonly passphrase: string;
}

/** Whatever can open a set. */
export type Opener = UnlockedKey | Passphrase;

export function isPassphrase(opener: Opener): opener is Passphrase {
  return 'passphrase' in opener;
}

/**
 * Reads an armored private key and unlocks it.
 * @throws Failure PRIVATE_KEY when it is none, or the passphrase does not fit; neither is quoted.
 */
export async function unlockPrivateKey(armored: string, passphrase?: string): Promise<UnlockedKey> {
  let key: PrivateKey;
  try {
    const {readPrivateKey} = await import('openpgp');
    key = await readPrivateKey({armoredKey: armored});
  } catch (error) {
    throw new Failure('PRIVATE_KEY', 'The private key is not an armored OpenPGP private key', {
      remedy: 'Export it with `gpg --armor --export-secret-keys <id>` and store the whole block as a secret.',
      cause: error,
    });
  }
  if (!key.isDecrypted()) key = await unlock(key, passphrase);
  const fingerprints = [key, ...key.getSubkeys()].map((one) => one.getFingerprint().toUpperCase());
  return {key, fingerprint: fingerprints[0]!, fingerprints};
}

async function unlock(privateKey: PrivateKey, passphrase: string | undefined): Promise<PrivateKey> {
  if (!passphrase)
    throw new Failure('PRIVATE_KEY', 'The private key is locked and no passphrase was given', {
      remedy: 'Pass its passphrase as a secret.',
    });
  try {
    const {decryptKey} = await import('openpgp');
    return await decryptKey({privateKey, passphrase});
  } catch (error) {
    throw new Failure('PRIVATE_KEY', 'The passphrase does not open the private key', {
      remedy: 'Pass the passphrase that belongs to this key.',
      cause: error,
    });
  }
}

/**
 * Decrypts one OpenPGP message as a stream with bounded memory. What it yields counts only once it has ended without
 * an error: the proof against changes stands at the end of a message. Callers feed it bytes they have checked already.
 * @throws Failure DECRYPT
 */
export async function* decryptWith(
  openers: readonly Opener[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let feeding: {readonly error: unknown} | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      feeding = {error};
      throw error;
    }
  }
  try {
    const {start, all} = await peek(watched(), peekedBytes);
    const ours = await sessionKeyOf(openers, start);
    yield* ours ? openedPackets(ours.sessionKey, skip(all, ours.dataAt)) : decryptWithLibrary(openers, all);
  } catch (error) {
    if (feeding) throw feeding.error;
    throw openers.length > 0 && openers.every(isPassphrase) ? wrongPassphrase(error) : decryptFailure(error);
  }
  if (feeding) throw feeding.error;
}

const peekedBytes = 65_536;

/** The first bytes of a stream, and the stream with them still in it. */
async function peek(
  source: AsyncGenerator<Uint8Array>,
  bytes: number,
): Promise<{readonly start: Buffer; readonly all: AsyncGenerator<Uint8Array>}> {
  const read: Uint8Array[] = [];
  for (let length = 0; length < bytes; ) {
    const {value, done} = await source.next();
    if (done) break;
    read.push(value);
    length += value.length;
  }
  async function* all() {
    yield* read;
    yield* source;
  }
  return {start: Buffer.concat(read).subarray(0, bytes), all: all()};
}

async function* skip(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of source) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/**
 * The key of a message in the form that `encryptTo` writes, which the runtime's own cipher opens in half the time;
 * undefined for any other form. The library does what is hard: the private key, or the passphrase.
 */
async function sessionKeyOf(
  openers: readonly Opener[],
  start: Buffer,
): Promise<{readonly sessionKey: Uint8Array; readonly dataAt: number} | undefined> {
  const dataAt = dataOffset(start);
  if (dataAt === undefined) return undefined;
  const {decryptSessionKeys, readMessage} = await import('openpgp');
  // It refuses key packets without data behind them; what the data is does not matter to it.
  const binaryMessage = Buffer.concat([start.subarray(0, dataAt), Buffer.from([23, 1]), Buffer.alloc(22)]);
  const found = await decryptSessionKeys({message: await readMessage({binaryMessage}), ...waysIn(openers)});
  const [only, ...others] = found;
  // A passphrase can give several candidates, of which only the data tells the right one.
  if (!only || others.length || !/^aes(128|192|256)$/.test(only.algorithm ?? '')) return undefined;
  return holdsLiteral(only.data, start.subarray(dataAt)) ? {sessionKey: only.data, dataAt} : undefined;
}

async function* decryptWithLibrary(
  openers: readonly Opener[],
  source: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const {decrypt, readMessage} = await import('openpgp');
  const message = await readMessage({binaryMessage: ReadableStream.from(source) as never});
  const {data} = await decrypt({
    message,
    ...waysIn(openers),
    format: 'binary',
    config: {allowUnauthenticatedStream: true},
  });
  yield* data as unknown as AsyncIterable<Uint8Array>;
}

/** The library takes an empty list of either kind for the one way to try. */
function waysIn(openers: readonly Opener[]): {decryptionKeys?: PrivateKey[]; passwords?: string[]} {
  const decryptionKeys = openers.flatMap((opener) => (isPassphrase(opener) ? [] : [opener.key]));
  const passwords = openers.filter(isPassphrase).map(({passphrase}) => passphrase);
  return {...(decryptionKeys.length ? {decryptionKeys} : {}), ...(passwords.length ? {passwords} : {})};
}

/** Callers have compared the bytes with their digests before, so that nothing but the passphrase is left to be wrong. */
function wrongPassphrase(cause: unknown): Failure {
  return new Failure('PASSPHRASE', 'The passphrase does not open the data', {
    remedy: 'Pass the passphrase the set was made with; an older set may have an older one.',
    cause,
  });
}

function decryptFailure(error: unknown): Failure {
  const text = messageOf(error).replace(/^Error decrypting message: /, '');
  const wrongKey = /session key decryption failed|No decryption key packets found|no key|Decryption key/i.test(text);
  return new Failure('DECRYPT', `The data could not be decrypted: ${text}`, {
    remedy: wrongKey
      ? 'Pass the private key of one of the recipients that the manifest names.'
      : 'The data was changed or cut; take another set.',
    cause: error,
  });
}

/** An armored detached signature, as `gpg --verify` reads it. */
export async function signDetached({key}: UnlockedKey, bytes: Uint8Array): Promise<string> {
  try {
    const {createMessage, sign} = await import('openpgp');
    return await sign({
      message: await createMessage({binary: bytes}),
      signingKeys: key,
      detached: true,
      format: 'armored',
    });
  } catch (error) {
    throw new Failure('SIGNING_KEY', `The manifest could not be signed: ${messageOf(error)}`, {
      remedy: 'Pass a key that may sign and has not expired.',
      cause: error,
    });
  }
}

/**
 * Checks a detached signature against the keys that may have made it.
 * @returns the fingerprint of the signer's key.
 * @throws Failure SIGNATURE
 */
export async function verifyDetached(
  bytes: Uint8Array,
  armoredSignature: string,
  trusted: readonly string[],
): Promise<string> {
  const refuse = (why: string, cause?: unknown) =>
    new Failure('SIGNATURE', `The manifest is not signed by a trusted key: ${why}`, {
      remedy:
        'Do not use this set: whoever can write to the store could have made it. Take another one and find out who wrote this.',
      cause,
    });
  const {createMessage, readKeys, readSignature, verify} = await import('openpgp');
  const keys = (await Promise.all(trusted.map((armoredKeys) => readKeys({armoredKeys}).catch(() => [])))).flat();
  if (!keys.length)
    throw new Failure('SIGNATURE', 'No readable public key was given to check the manifest with', {
      remedy: 'Pass the armored public key of the signer in `signed-by`.',
    });
  try {
    const signature = await readSignature({armoredSignature});
    const {signatures} = await verify({
      message: await createMessage({binary: bytes}),
      signature,
      verificationKeys: keys,
      format: 'binary',
    });
    if (!signatures.length) throw new Error('it holds no signature');
    for (const one of signatures) {
      const signer = await one.verified.then(
        () => keys.find((key) => key.getKeys(one.keyID).length > 0),
        () => undefined,
      );
      if (signer) return signer.getFingerprint().toUpperCase();
    }
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  throw refuse('no signature in it fits');
}
