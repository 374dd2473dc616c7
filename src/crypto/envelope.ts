import {randomBytes} from 'node:crypto';
import type {Recipients} from './recipients.js';
import {sealedPackets} from './sealed-packets.js';

/**
 * Encrypts a stream to public keys, or with a passphrase, as one binary OpenPGP message with bounded memory, in the
 * form that every GnuPG in use reads: integrity protection version 1 with AES-256, no compression.
 * A chunk is good until the next one is asked for, which may lie in the same memory.
 * Ends with the source's error when the source fails: a cut message is never passed off as a whole one.
 */
export async function* encryptTo(
  recipients: Recipients,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const sessionKey = randomBytes(32);
  // Loaded when first used: it is larger than everything else an action needs before its first line.
  const {encryptSessionKey} = await import('openpgp');
  // The library does what is hard, the public keys; the bulk of the data goes through the runtime's own cipher.
  const keyPackets = await encryptSessionKey({
    data: sessionKey,
    algorithm: 'aes256',
    encryptionKeys: [...recipients.keys],
    ...(recipients.passphrase === undefined ? {} : {passwords: [recipients.passphrase]}),
    format: 'binary',
    config: {aeadProtect: false},
  });
  yield keyPackets as Uint8Array;
  yield* sealedPackets(sessionKey, source);
}
