import {createHash, type Hash} from 'node:crypto';
import {crc32} from 'node:zlib';

/** The checksums that S3 knows, by the name used in `x-amz-checksum-<name>`. */
export const checksumNames = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumName = (typeof checksumNames)[number];

/** A running checksum. `digest` gives the raw bytes, big endian for the CRCs, as S3 encodes them. */
export interface Checksum {
  update(bytes: Buffer): void;
  digest(): Buffer;
}

export function isChecksumName(name: string): name is ChecksumName {
  return (checksumNames as readonly string[]).includes(name);
}

export function startChecksum(name: ChecksumName): Checksum {
  switch (name) {
    case 'crc32':
      return new Crc32();
    case 'crc32c':
      return new Crc32c();
    case 'crc64nvme':
      return new Crc64Nvme();
    default:
      return startHash(name);
  }
}

export function startHash(name: 'md5' | 'sha1' | 'sha256'): Checksum {
  const hash: Hash = createHash(name);
  return {update: (bytes) => void hash.update(bytes), digest: () => hash.digest()};
}

class Crc32 implements Checksum {
  #value = 0;
  update(bytes: Buffer): void {
    this.#value = crc32(bytes, this.#value);
  }
  digest(): Buffer {
    return uint32(this.#value);
  }
}

class Crc32c implements Checksum {
  #value = 0xffffffff;
  update(bytes: Buffer): void {
    let value = this.#value;
    for (const byte of bytes) value = (value >>> 8) ^ crc32cTable[(value ^ byte) & 255]!;
    this.#value = value;
  }
  digest(): Buffer {
    return uint32((this.#value ^ 0xffffffff) >>> 0);
  }
}

/** CRC-64/NVME, kept as two 32-bit halves: BigInt would be a hundred times slower. */
class Crc64Nvme implements Checksum {
  #high = 0xffffffff;
  #low = 0xffffffff;
  update(bytes: Buffer): void {
    let [high, low] = [this.#high, this.#low];
    for (const byte of bytes) {
      const index = (low ^ byte) & 255;
      low = ((low >>> 8) | (high << 24)) ^ crc64Low[index]!;
      high = (high >>> 8) ^ crc64High[index]!;
    }
    [this.#high, this.#low] = [high, low];
  }
  digest(): Buffer {
    return Buffer.concat([uint32(~this.#high >>> 0), uint32(~this.#low >>> 0)]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const crc32cTable = Int32Array.from({length: 256}, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

const crc64Table = Array.from({length: 256}, (_, index) => {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
  return value;
});
const crc64High = Int32Array.from(crc64Table, (value) => Number(BigInt.asIntN(32, value >> 32n)));
const crc64Low = Int32Array.from(crc64Table, (value) => Number(BigInt.asIntN(32, value)));
