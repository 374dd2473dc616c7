import {createCipheriv, createHash, randomBytes} from 'node:crypto';

/** Length of a packet's partial pieces as a power of two; both layers use it. Small enough for a processor's cache. */
const pieceBits = 17;
const pieceBytes = 2 ** pieceBits;
const partialHeader = 0xe0 | pieceBits;
const framedBytes = 1 + pieceBytes;
/** Pieces given out together: each chunk costs every stage behind it some garbage, which lets the heap grow. */
const atOnce = 7;
const blockBytes = 16;

/**
 * The integrity-protected packet (tag 18, version 1) around one literal packet, as a stream: RFC 4880, sections 5.13
 * and 5.9, the form every GnuPG in use reads. The key packets that go before it are the caller's. What it yields is
 * good until the next chunk is asked for, which lies in the same memory.
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
      if (!seal.isFull) continue;
      yield seal.full();
      seal.forget();
    }
  }
  seal.add(pieces.last());
  for (const last of seal.end()) yield last;
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
  /** Pieces one after another, each behind its header; one literal piece begins two new ones at most. */
  readonly #pieces = Buffer.allocUnsafeSlow((atOnce + 2) * framedBytes);
  /** Where the last one begins, and how much is in it. */
  #last = 0;
  #filled = 0;

  constructor(sessionKey: Uint8Array) {
    this.#cipher = createCipheriv('aes-256-cfb', sessionKey, Buffer.alloc(blockBytes));
    const prefix = randomBytes(blockBytes);
    this.#append(Buffer.of(1));
    this.add([prefix, prefix.subarray(-2)]);
  }

  add(inner: readonly Buffer[]): void {
    for (const bytes of inner) {
      this.#hash.update(bytes);
      this.#encrypt(bytes);
    }
  }

  /** Whether `full` has to be given out, and `forget` called, before more is added. */
  get isFull(): boolean {
    return this.#last >= atOnce * framedBytes;
  }

  /** Every full piece but the last one. */
  full(): Buffer {
    return this.#pieces.subarray(0, this.#last);
  }

  forget(): void {
    this.#pieces.copyWithin(0, this.#last, this.#last + 1 + this.#filled);
    this.#last = 0;
  }

  end(): readonly Buffer[] {
    // The digest covers the head of its own packet.
    this.add([Buffer.from([0xc0 | 19, 20])]);
    this.#encrypt(this.#hash.digest());
    const last = this.#pieces.subarray(this.#last + 1, this.#last + 1 + this.#filled);
    return [this.full(), Buffer.from(definiteLength(this.#filled)), last];
  }

  #encrypt(bytes: Buffer): void {
    const encrypted = this.#cipher.update(bytes);
    this.#append(encrypted);
    // The cipher cannot write into memory of ours. Left to the collector, its output piles up until a full collection,
    // one for every two or three parts of an upload; those cost time, and each lets the heap's young part grow.
    // Node 20, on which the terminal's commands still run, has to leave it there.
    (encrypted.buffer as Partial<ArrayBuffer>).transfer?.(0);
  }

  /** A new piece begins only when more follows, so that the last one is never empty. */
  #append(bytes: Buffer): void {
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#filled === pieceBytes) {
        this.#pieces[this.#last] = partialHeader;
        this.#last += framedBytes;
        this.#filled = 0;
      }
      const length = Math.min(pieceBytes - this.#filled, bytes.length - offset);
      this.#pieces.set(bytes.subarray(offset, offset + length), this.#last + 1 + this.#filled);
      this.#filled += length;
      offset += length;
    }
  }
}

function definiteLength(bytes: number): number[] {
  if (bytes < 192) return [bytes];
  if (bytes < 8384) return [((bytes - 192) >> 8) + 192, (bytes - 192) & 0xff];
  return [0xff, (bytes >>> 24) & 0xff, (bytes >>> 16) & 0xff, (bytes >>> 8) & 0xff, bytes & 0xff];
}
