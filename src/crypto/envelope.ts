import {createMessage, encrypt, enums, type PartialConfig} from 'openpgp';
import type {Recipients} from './recipients.js';

/** The form that every GnuPG in use reads: SEIPD version 1 with AES-256, and no compression of compressed data. */
const portable: PartialConfig = {
  aeadProtect: false,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  preferredCompressionAlgorithm: enums.compression.uncompressed,
};

/**
 * Encrypts a stream to public keys as one binary OpenPGP message with bounded memory.
 * Ends with the source's error when the source fails: a cut message is never passed off as a whole one.
 */
export async function* encryptTo(
  recipients: Recipients,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const guarded = guard(source);
  const message = await createMessage({binary: ReadableStream.from(guarded.stream) as never});
  const encrypted = (await encrypt({
    message,
    encryptionKeys: [...recipients.keys],
    format: 'binary',
    config: portable,
  })) as unknown as ReadableStream<Uint8Array>;
  for await (const chunk of encrypted as unknown as AsyncIterable<Uint8Array>) yield chunk;
  guarded.rethrow();
}

/** Remembers an error of the source, since not every stream between here and the end passes errors on. */
function guard(source: AsyncIterable<Uint8Array>): {readonly stream: AsyncGenerator<Uint8Array>; rethrow(): void} {
  let failure: {readonly error: unknown} | undefined;
  let ended = false;
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) yield chunk;
      ended = true;
    } catch (error) {
      failure = {error};
      throw error;
    }
  }
  return {
    stream: stream(),
    rethrow: () => {
      if (failure) throw failure.error;
      if (!ended) throw new Error('bug: the encrypted stream ended before its source');
    },
  };
}
