import {createDecipheriv, createHash, timingSafeEqual} from 'node:crypto';

const keyPacketTags = [1, 3];
const prefixBytes = 18;
/** The packet at the end: its head of two bytes and a SHA-1. */
const digestBytes = 22;

/**
 * Finds the end of the key packets of a message of the form that `sealedPackets` writes.
 * @param start the first bytes of the message; 64 KiB are enough.
 * @returns the offset of the data packet's length; undefined for any other form, which is left to the library.
 */
export function dataOffset(start: Buffer): number | undefined {
  for (let at = 0; at < start.length; ) {
    const tag = start[at]! - 0xc0;
    if (tag === 18) return at > 0 ? at + 1 : undefined;
    const length = keyPacketTags.includes(tag) ? definiteLength(start.subarray(at + 1, at + 6)) : undefined;
    if (!length) return undefined;
    at += 1 + length.size + length.bytes;
  }
  return undefined;
}

/** Whether a literal packet, and not a compressed one, comes first inside. @param data from `dataOffset` on */
export function holdsLiteral(sessionKey: Uint8Array, data: Buffer): boolean {
  const body = new PacketBody();
  const encrypted = Buffer.concat([...body.add(data.subarray(0, 64))]);
  const inner = decipher(sessionKey).update(encrypted.subarray(1));
  return encrypted[0] === 1 && inner[prefixBytes] === (0xc0 | 11);
}

/**
 * The inverse of `sealedPackets`: the literal data of an integrity-protected packet (tag 18, version 1), as a stream.
 * What it yields counts only once it has ended without an error, for the digest stands at the end.
 * @param source from `dataOffset` on.
 */
export async function* openedPackets(
  sessionKey: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const packet = new PacketBody();
  const seal = new Unsealing(sessionKey);
  const literal = new LiteralData();
  for await (const chunk of source)
    for (const body of packet.add(chunk)) for (const inner of seal.add(body)) yield* literal.add(inner);
  if (!packet.ended) throw new Error('the message is cut');
  seal.end();
  literal.end();
}

function decipher(sessionKey: Uint8Array) {
  return createDecipheriv(`aes-${sessionKey.length * 8}-cfb`, sessionKey, Buffer.alloc(16));
}

/** Takes the lengths out of a packet that may be written in pieces; its tag has been read. */
class PacketBody {
  #left = 0;
  #last = false;
  #length: number[] = [];

  get ended(): boolean {
    return this.#last && this.#left === 0;
  }

  *add(chunk: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        this.#lengthByte(chunk[at++]!);
        continue;
      }
      const part = chunk.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      yield part;
    }
  }

  #lengthByte(byte: number): void {
    if (this.#last) throw new Error('bytes follow the end of a packet');
    this.#length.push(byte);
    const first = this.#length[0]!;
    const partial = first >= 224 && first < 255;
    const length = partial ? {bytes: 2 ** (first & 0x1f)} : definiteLength(this.#length);
    if (!length) return;
    this.#left = length.bytes;
    this.#last = !partial;
    this.#length = [];
  }
}

/** A packet's length that is not partial; undefined while bytes of it are missing. */
function definiteLength(head: ArrayLike<number>): {readonly size: number; readonly bytes: number} | undefined {
  const [first = -1, ...more] = Array.from(head);
  if (first >= 0 && first < 192) return {size: 1, bytes: first};
  if (first >= 192 && first < 224 && more.length >= 1) return {size: 2, bytes: ((first - 192) << 8) + more[0]! + 192};
  if (first === 255 && more.length >= 4) return {size: 5, bytes: Buffer.from(more).readUInt32BE(0)};
  return undefined;
}

/** Decrypts, digests, and keeps the digest at the end back until it can be compared. */
class Unsealing {
  readonly #decipher;
  readonly #hash = createHash('sha1');
  #version: number | undefined;
  #toSkip = prefixBytes;
  #held: Buffer = Buffer.alloc(0);

  constructor(sessionKey: Uint8Array) {
    this.#decipher = decipher(sessionKey);
  }

  *add(body: Uint8Array): Generator<Uint8Array> {
    let encrypted = body;
    if (this.#version === undefined) {
      this.#version = body[0];
      if (this.#version !== 1) throw new Error(`the data packet has version ${this.#version}`);
      encrypted = body.subarray(1);
    }
    const plain = this.#decipher.update(encrypted);
    if (plain.length < digestBytes) yield* this.#pass(Buffer.concat([this.#held, plain]));
    else {
      yield* this.#give(this.#held);
      yield* this.#pass(plain);
    }
  }

  end(): void {
    if (this.#held.length < digestBytes || this.#held.readUInt16BE(0) !== 0xd314)
      throw new Error('the digest is missing');
    this.#hash.update(this.#held.subarray(0, 2));
    if (!timingSafeEqual(this.#hash.digest(), this.#held.subarray(2)))
      throw new Error('Modification detected: the digest at the end is another');
  }

  *#pass(plain: Buffer): Generator<Uint8Array> {
    const passed = Math.max(0, plain.length - digestBytes);
    this.#held = Buffer.from(plain.subarray(passed));
    yield* this.#give(plain.subarray(0, passed));
  }

  *#give(plain: Buffer): Generator<Uint8Array> {
    this.#hash.update(plain);
    const skipped = Math.min(this.#toSkip, plain.length);
    this.#toSkip -= skipped;
    if (skipped < plain.length) yield plain.subarray(skipped);
  }
}

/** The data of a literal packet, without its tag and without format, file name and date. */
class LiteralData {
  readonly #body = new PacketBody();
  #tagged = false;
  #prelude: Buffer | undefined = Buffer.alloc(0);

  *add(inner: Uint8Array): Generator<Uint8Array> {
    if (!this.#tagged && inner[0] !== (0xc0 | 11)) throw new Error('there is no literal data inside');
    const rest = this.#tagged ? inner : inner.subarray(1);
    this.#tagged = true;
    for (const part of this.#body.add(rest)) {
      const data = this.#prelude ? this.#afterPrelude(part) : part;
      if (data.length) yield data;
    }
  }

  end(): void {
    if (!this.#body.ended || this.#prelude) throw new Error('the literal data is cut');
  }

  #afterPrelude(part: Uint8Array): Uint8Array {
    const read = Buffer.concat([this.#prelude!, part]);
    const length = 6 + (read[1] ?? 0);
    this.#prelude = read.length < length ? read : undefined;
    return this.#prelude ? read.subarray(read.length) : read.subarray(length);
  }
}
