import {createHash} from 'node:crypto';

/** Size and SHA-256 of a stream of bytes. */
export interface Digest {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Measures what flows through it. */
export class Tally {
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #digest: Digest | undefined;

  /** Passes the stream on unchanged while measuring it. */
  async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.add(chunk);
      yield chunk;
    }
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The result; nothing may be added afterwards. */
  digest(): Digest {
    this.#digest ??= {bytes: this.#bytes, sha256: this.#hash.digest('hex')};
    return this.#digest;
  }
}

/** Reads a stream to its end and measures it. */
export async function digestOf(source: AsyncIterable<Uint8Array>): Promise<Digest> {
  const tally = new Tally();
  for await (const chunk of source) tally.add(chunk);
  return tally.digest();
}

/**
 * Digests of a stream in blocks of one size (the last may be shorter): with them a reader can check each block before
 * it uses it, instead of all bytes after it used them.
 */
export class BlockTally {
  readonly #digests: string[] = [];
  #hash = createHash('sha256');
  #filled = 0;

  constructor(readonly blockSize: number) {}

  add(chunk: Uint8Array): void {
    for (let offset = 0; offset < chunk.length; ) {
      const length = Math.min(this.blockSize - this.#filled, chunk.length - offset);
      this.#hash.update(chunk.subarray(offset, offset + length));
      this.#filled += length;
      offset += length;
      if (this.#filled === this.blockSize) this.#close();
    }
  }

  /** The digest of one block; undefined while it is not full. */
  at(index: number): string | undefined {
    return this.#digests[index];
  }

  /** The digests of all blocks, in order; nothing may be added afterwards. */
  digests(): readonly string[] {
    if (this.#filled > 0) this.#close();
    return this.#digests;
  }

  #close(): void {
    this.#digests.push(this.#hash.digest('hex'));
    this.#hash = createHash('sha256');
    this.#filled = 0;
  }
}
