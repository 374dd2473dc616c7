import {createDecipheriv, randomBytes} from 'node:crypto';
import {describe, expect, test} from '@jest/globals';
import {decrypt, readMessage} from 'openpgp';
import {sealedPackets} from '../../src/crypto/sealed-packets.js';

const sessionKey = randomBytes(32);
const piece = 131_072;
/** Where a packet or one of its pieces just fits, just not, or leaves a rest of one byte. */
const edges = [0, piece - 6, 2 * piece - 6].flatMap((full) => range(full - 52, full + 4)).filter((bytes) => bytes >= 0);

describe('the packets the data goes into', () => {
  test.each([
    ['one byte at a time', [0, 1, 190, 200, 9_000], 1],
    ['in the pieces of a pipe', [...edges, 7 * piece - 20, 2_500_000], 65_536],
    ['in the pieces of a file', [...range(-30, 4).map((more) => 8 * piece + more), 5_000_000], 1_000_000],
    ['in one', [...range(130, 200), ...range(8_310, 8_390), 1_000_000], 1_000_000],
  ] as const)('openpgp.js opens what came %s', async (_how, sizes, step) => {
    for (const bytes of sizes) {
      const body = randomBytes(bytes);
      const opened = await open(await collect(sealedPackets(sessionKey, pieces(body, step))));
      expect({bytes, same: body.equals(opened)}).toEqual({bytes, same: true});
    }
  });

  test('every changed byte after the first block is noticed, and so is every cut', async () => {
    const whole = await collect(sealedPackets(sessionKey, pieces(randomBytes(2_000), 700)));
    for (const at of range(40, whole.length - 1)) {
      if (at % 37 > 1) continue;
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      await expect(open(changed)).rejects.toThrow();
      await expect(open(whole.subarray(0, at))).rejects.toThrow();
    }
  });

  test('a source that fails half-way fails the message', async () => {
    async function* broken() {
      yield randomBytes(300_000);
      throw new Error('the dump died');
    }
    await expect(collect(sealedPackets(sessionKey, broken()))).rejects.toThrow('the dump died');
  });

  // Node 20 cannot give the memory of a buffer back by hand.
  const here = 'transfer' in ArrayBuffer.prototype ? test : test.skip;
  here('what the cipher puts out does not wait for the collector', async () => {
    const step = randomBytes(1_000_000);
    async function* source() {
      for (let i = 0; i < 30; i++) yield step;
    }
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for await (const _ of sealedPackets(sessionKey, source()))
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    expect(most).toBeLessThan(4_000_000);
  });

  test('the random block at the start ends with its last two bytes again, which older readers look at first', async () => {
    const [tag, length, version, ...encrypted] = await seal(randomBytes(10));
    expect([tag, length, version]).toEqual([0xd2, encrypted.length + 1, 1]);
    const inner = createDecipheriv('aes-256-cfb', sessionKey, Buffer.alloc(16)).update(Buffer.from(encrypted));
    expect(inner.subarray(16, 18)).toEqual(inner.subarray(14, 16));
  });

  test('two messages of the same text share no ciphertext', async () => {
    const body = Buffer.alloc(64, 'same');
    const [one, two] = [await seal(body), await seal(body)];
    expect(one.subarray(20, 60).equals(two.subarray(20, 60))).toBe(false);
  });
});

function seal(body: Buffer): Promise<Buffer> {
  return collect(sealedPackets(sessionKey, pieces(body, body.length)));
}

async function open(binaryMessage: Buffer): Promise<Buffer> {
  const {data} = await decrypt({
    message: await readMessage({binaryMessage}),
    sessionKeys: {data: sessionKey, algorithm: 'aes256'},
    format: 'binary',
  });
  return Buffer.from(data);
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
