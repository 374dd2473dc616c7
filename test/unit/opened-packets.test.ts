import {randomBytes} from 'node:crypto';
import {describe, expect, test} from '@jest/globals';
import {createMessage, encrypt, enums} from 'openpgp';
import {encryptTo} from '../../src/crypto/envelope.js';
import {dataOffset, holdsLiteral, openedPackets} from '../../src/crypto/opened-packets.js';
import {decryptWith, unlockPrivateKey} from '../../src/crypto/private-key.js';
import {loadRecipients} from '../../src/crypto/recipients.js';
import {sealedPackets} from '../../src/crypto/sealed-packets.js';
import {makeKeys} from '../../src/rehearsal/keys.js';

const sessionKey = randomBytes(32);

describe('the packets the data comes out of', () => {
  test.each([1, 7, 64, 65_536, 8 * 1024 * 1024])('open what was sealed, read %d bytes at a time', async (step) => {
    const sizes =
      step < 64 ? [0, 1, 15, 22, 23, 200, 9_000] : [0, 1, 150, 8_350, 131_064, 131_065, 131_066, 131_067, 500_000];
    for (const bytes of sizes) {
      const body = randomBytes(bytes);
      const sealed = await collect(sealedPackets(sessionKey, pieces(body, 60_000)));
      expect({bytes, same: (await open(sealed, step)).equals(body)}).toEqual({bytes, same: true});
    }
  });

  test('refuse every changed byte, every cut and every byte too many', async () => {
    const body = randomBytes(140_000);
    const sealed = await collect(sealedPackets(sessionKey, pieces(body, 9_000)));
    const at = [...range(0, 60), ...range(131_060, 131_100), ...range(sealed.length - 60, sealed.length - 1)];
    for (const place of at) {
      const changed = Buffer.from(sealed);
      changed[place]! ^= 0x21;
      // The tag is the caller's to read.
      if (place > 0) await expect(open(changed, 50_000)).rejects.toThrow();
      await expect(open(sealed.subarray(0, Math.max(1, place)), 50_000)).rejects.toThrow();
    }
    await expect(open(Buffer.concat([sealed, Buffer.of(0)]), 50_000)).rejects.toThrow('follow the end');
  });

  test('of another key are garbage that is refused', async () => {
    const sealed = await collect(sealedPackets(randomBytes(32), pieces(randomBytes(5_000), 700)));
    await expect(open(sealed, 700)).rejects.toThrow();
  });
});

describe('a message is opened, whichever way', () => {
  test('ours by the runtime, and any other form by the library', async () => {
    const keys = await makeKeys();
    const opener = await unlockPrivateKey(keys.privateKey);
    const recipients = await loadRecipients([keys.publicKey], {nowMs: Date.now()});
    const body = Buffer.alloc(200_000, 'some text that compresses ');
    const ours = await collect(encryptTo(recipients, pieces(body, 10_000)));
    const compressed = await encrypt({
      message: await createMessage({binary: body}),
      encryptionKeys: [...recipients.keys],
      format: 'binary',
      config: {preferredCompressionAlgorithm: enums.compression.zlib},
    });
    expect(dataOffset(ours)).toBeGreaterThan(0);
    for (const message of [ours, Buffer.from(compressed)])
      for (const step of [100, 8 * 1024 * 1024])
        expect((await collect(decryptWith([opener], pieces(message, step)))).equals(body)).toBe(true);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('-----BEGIN PGP MESSAGE-----')],
    ['a key packet that is cut', Buffer.from([0xc1, 94, 3])],
    ['a key packet in the old form', Buffer.from([0x84, 94, 3])],
    ['data without a key', Buffer.from([0xd2, 40, 1])],
    ['a length that cannot be', Buffer.from([0xc1, 255, 255, 255, 255, 255])],
  ])('%s is left to the library', (_what, start) => expect(dataOffset(start)).toBeUndefined());

  test('a compressed inside is told from a literal one', async () => {
    const sealed = await collect(sealedPackets(sessionKey, pieces(randomBytes(100), 100)));
    expect(holdsLiteral(sessionKey, sealed.subarray(1))).toBe(true);
    expect(holdsLiteral(randomBytes(32), sealed.subarray(1, 12))).toBe(false);
  });
});

function open(sealed: Buffer, step: number): Promise<Buffer> {
  return collect(openedPackets(sessionKey, pieces(sealed.subarray(1), step)));
}

async function* pieces(body: Buffer, step: number) {
  for (let at = 0; at < body.length; at += step) yield body.subarray(at, at + step);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function range(first: number, last: number): number[] {
  return Array.from({length: last - first + 1}, (_, index) => first + index);
}
