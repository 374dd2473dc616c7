import {createCipheriv, createHash, randomBytes} from 'node:crypto';

/** Length of a packet's partial pieces as a power of two; both layers use it. Small enough for a processor's cache. */
const pieceBits = 17;
const pieceBytes = 2 ** pieceBits;
const partialHeader = 0xe0 | pieceBits;
const blockBytes = 16;

/**
 * The integrity-protected packet (tag 18, version 1) around one literal packet, as a stream: RFC 4880, sections 5.13
 * and 5.9, the form every GnuPG in use reads. The key packets that go before it are the caller's.
 * @param sessionKey 32 random bytes for AES-256, used for this one message.
 * @param source may yield pieces of any size; what it throws is passed on, and the packet then never ends well.
 */
export async function* sealedPackets(
  sessionKey: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const seal = new Seal(sessionKey);
  const pieces = new LiteralPieces();
  yield Buffer.of(0xc0 | 18);
  for await (const chunk of source) {
    for (const piece of pieces.add(chunk)) {
      seal.add(piece);
      yield* seal.full();
    }
  }
  seal.add(pieces.last());
  yield* seal.end();
}

/** Cuts the plaintext into the pieces of a literal packet, each with its header before it. */
class LiteralPieces {
  // Tag 11, then after the first length: binary, no file name, no date.
  static readonly #prelude = Buffer.from([0x62, 0, 0, 0, 0, 0]);
  #piece = Buffer.allocUnsafeSlow(pieceBytes);
  #filled = LiteralPieces.#prelude.length;
  #first = true;

  constructor() {
    this.#piece.set(LiteralPieces.#prelude);
  }

  /** A full piece goes out only when more follows: the last one needs another header. */
  *add(chunk: Uint8Array): Generator<readonly Buffer[]> {
    for (let offset = 0; offset < chunk.length; ) {
      if (this.#filled === pieceBytes) {
        // Used up before the next one is filled: `add` of the seal has taken its bytes in.
        yield this.#headed([partialHeader]);
        this.#filled = 0;
      }
      const length = Math.min(pieceBytes - this.#filled, chunk.length - offset);
      this.#piece.set(chunk.subarray(offset, offset + length), this.#filled);
      this.#filled += length;
      offset += length;
    }
  }

  last(): readonly Buffer[] {
    return this.#headed(definiteLength(this.#filled));
  }

  #headed(length: readonly number[]): readonly Buffer[] {
    const header = Buffer.from(this.#first ? [0xc0 | 11, ...length] : length);
    this.#first = false;
    return [header, this.#piece.subarray(0, this.#filled)];
  }
}

/** Encrypts and digests what is inside of the packet, and cuts the result into the packet's own pieces. */
class Seal {
  readonly #cipher;
  readonly #hash = createHash('sha1');
  #waiting: Buffer[] = [Buffer.of(1)];
  #bytes = 1;

  constructor(sessionKey: Uint8Array) {
    this.#cipher = createCipheriv('aes-256-cfb', sessionKey, Buffer.alloc(blockBytes));
    const prefix = randomBytes(blockBytes);
    this.add([prefix, prefix.subarray(-2)]);
  }

  add(inner: readonly Buffer[]): void {
    for (const bytes of inner) {
      this.#hash.update(bytes);
      const encrypted = this.#cipher.update(bytes);
      this.#waiting.push(encrypted);
      this.#bytes += encrypted.length;
    }
  }

  /** Every full piece; what is left waits, so that the last piece is never empty. */
  *full(): Generator<Buffer> {
    while (this.#bytes > pieceBytes) yield* this.#take(pieceBytes, [partialHeader]);
  }

  *end(): Generator<Buffer> {
    // The digest covers the head of its own packet.
    this.add([Buffer.from([0xc0 | 19, 20])]);
    const digest = this.#cipher.update(this.#hash.digest());
    this.#waiting.push(digest, this.#cipher.final());
    this.#bytes += digest.length;
    yield* this.full();
    yield* this.#take(this.#bytes, definiteLength(this.#bytes));
  }

  /** As views of what was encrypted: nothing is copied. */
  *#take(length: number, header: readonly number[]): Generator<Buffer> {
    yield Buffer.from(header);
    this.#bytes -= length;
    for (let left = length; left > 0; ) {
      const next = this.#waiting.shift()!;
      const part = next.subarray(0, left);
      if (part.length < next.length) this.#waiting.unshift(next.subarray(part.length));
      left -= part.length;
      yield part;
    }
  }
}

function definiteLength(bytes: number): number[] {
  if (bytes < 192) return [bytes];
  if (bytes < 8384) return [((bytes - 192) >> 8) + 192, (bytes - 192) & 0xff];
  return [0xff, (bytes >>> 24) & 0xff, (bytes >>> 16) & 0xff, (bytes >>> 8) & 0xff, bytes & 0xff];
}
