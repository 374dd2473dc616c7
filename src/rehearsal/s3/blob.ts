import {randomUUID} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {open, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {Readable} from 'node:stream';

/** Stored bytes that never change; counted, since copies and versions share them. */
export interface Blob {
  readonly size: number;
  /** Bytes from `start` up to but not including `end`. */
  read(start: number, end: number): Readable;
  share(): Blob;
  /** Gives up one share; the last one frees the bytes. */
  release(): Promise<void>;
}

/** Where bodies go: files in a folder, or memory. */
export interface BlobStore {
  /** Consumes the whole source; when it breaks, nothing is kept. */
  write(source: AsyncIterable<Buffer>): Promise<Blob>;
}

export function memoryBlobs(): BlobStore {
  return {
    write: async (source) => {
      const chunks: Buffer[] = [];
      for await (const chunk of source) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      return counted(
        bytes.length,
        (start, end) => Readable.from(slices(bytes.subarray(start, end))),
        async () => undefined,
      );
    },
  };
}

export function fileBlobs(dir: string): BlobStore {
  return {
    write: async (source) => {
      const path = join(dir, randomUUID());
      try {
        const size = await writeFile(path, source);
        return counted(
          size,
          (start, end) =>
            start >= end ? Readable.from([]) : createReadStream(path, {start, end: end - 1, highWaterMark: 1 << 18}),
          () => rm(path, {force: true}),
        );
      } catch (error) {
        await rm(path, {force: true});
        throw error;
      }
    },
  };
}

async function writeFile(path: string, source: AsyncIterable<Buffer>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    let size = 0;
    for await (const chunk of source) {
      await file.writeFile(chunk);
      size += chunk.length;
    }
    return size;
  } finally {
    await file.close();
  }
}

function counted(size: number, read: (start: number, end: number) => Readable, free: () => Promise<void>): Blob {
  let shares = 1;
  const blob: Blob = {
    size,
    read,
    share: () => {
      shares++;
      return blob;
    },
    release: async () => {
      if (--shares === 0) await free();
    },
  };
  return blob;
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 18) yield bytes.subarray(at, at + (1 << 18));
}

/** Bytes `start` to `end` of several blobs laid end to end. */
export async function* readBlobs(blobs: readonly Blob[], start: number, end: number): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const blob of blobs) {
    const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, blob.size)];
    if (from < to) for await (const chunk of blob.read(from, to)) yield chunk as Buffer;
    offset += blob.size;
  }
}
