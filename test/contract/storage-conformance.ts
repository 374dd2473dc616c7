import {randomBytes} from 'node:crypto';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {readAll, type Store, type StoredObject, type UnfinishedUpload} from '../../src/storage/store.js';

export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

const MiB = 1024 * 1024;

/** What the port promises; every store and every transparent wrapper runs it. */
export function describeStore(
  name: string,
  open: () => Promise<OpenedStore>,
  options: {readonly objects?: number} = {},
): void {
  describe(`${name} keeps the promises of the store port`, () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(async () => opened?.close());

    test('what was put is read back, byte for byte', async () => {
      const body = randomBytes(70_001);
      const stored = await store.put('a/put.bin', body);
      expect(stored).toMatchObject({key: 'a/put.bin', bytes: 70_001});
      expect((await readAll(store, 'a/put.bin')).equals(body)).toBe(true);
    });

    test('an empty object is an object', async () => {
      await store.put('a/empty', Buffer.alloc(0));
      expect(await store.head('a/empty')).toMatchObject({bytes: 0});
      expect(await readAll(store, 'a/empty')).toHaveLength(0);
    });

    test('a missing key: head knows of nothing, get says STORE_NOT_FOUND and not to try again', async () => {
      expect(await store.head('a/absent')).toBeUndefined();
      await expect(readAll(store, 'a/absent')).rejects.toMatchObject({code: 'STORE_NOT_FOUND', retryable: false});
    });

    test('a range is inclusive at both ends', async () => {
      await store.put('a/range', Buffer.from('0123456789'));
      const chunks: Buffer[] = [];
      for await (const chunk of await store.get('a/range', {range: [2, 5]})) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toBe('2345');
    });

    test.each([1, 5 * MiB, 8 * MiB, 8 * MiB + 1, 17 * MiB])(
      'an upload of %d bytes in uneven chunks is read back',
      async (bytes) => {
        const body = randomBytes(bytes);
        const stored = await store.upload('b/upload.bin', chunked(body, 100_003), {ifAbsent: true});
        expect(stored.bytes).toBe(bytes);
        expect((await readAll(store, 'b/upload.bin', {limit: 32 * MiB})).equals(body)).toBe(true);
        await store.delete('b/upload.bin');
      },
    );

    test('an upload has read a chunk when it asks for the next: its memory may be used again', async () => {
      const body = randomBytes(9 * MiB + 5);
      await store.upload('b/reused.bin', reusing(body, 131_073));
      expect((await readAll(store, 'b/reused.bin', {limit: 32 * MiB})).equals(body)).toBe(true);
      await store.delete('b/reused.bin');
    });

    test('ifAbsent never replaces: put', async () => {
      await store.put('c/once', Buffer.from('first'), {ifAbsent: true});
      await expect(store.put('c/once', Buffer.from('second'), {ifAbsent: true})).rejects.toMatchObject({
        code: 'STORE_EXISTS',
      });
      expect((await readAll(store, 'c/once')).toString()).toBe('first');
    });

    test('ifAbsent never replaces: a large upload, of which nothing stays behind', async () => {
      await store.put('c/large', Buffer.from('first'), {ifAbsent: true});
      await expect(store.upload('c/large', chunked(randomBytes(9 * MiB), MiB), {ifAbsent: true})).rejects.toMatchObject(
        {code: 'STORE_EXISTS'},
      );
      expect((await readAll(store, 'c/large')).toString()).toBe('first');
      expect(await all(store.unfinished('c/'))).toEqual([]);
    });

    test.each([
      ['small', 1_000],
      ['large', 20 * MiB],
    ])('a %s upload whose source fails leaves nothing behind', async (_size, bytes) => {
      const source = failing(randomBytes(bytes));
      await expect(store.upload('d/failed.bin', source)).rejects.toThrow('the source failed');
      expect(await store.head('d/failed.bin')).toBeUndefined();
      expect(await all(store.unfinished('d/'))).toEqual([]);
    });

    test('an aborted upload leaves nothing behind', async () => {
      const stop = new AbortController();
      const upload = store.upload(
        'd/aborted.bin',
        endless(() => stop.abort()),
        {signal: stop.signal},
      );
      await expect(upload).rejects.toMatchObject({code: 'CANCELLED'});
      expect(await store.head('d/aborted.bin')).toBeUndefined();
      expect(await all(store.unfinished('d/'))).toEqual([]);
    });

    test('an upload in progress is listed as unfinished, and abandoning it is final and repeatable', async () => {
      const begun: UnfinishedUpload[] = [];
      const stop = new AbortController();
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const upload = store
        .upload('e/begun.bin', holding(held), {signal: stop.signal, onStarted: (one) => begun.push(one)})
        .catch((error: unknown) => error);
      while (begun.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      // A store behind a program of its own sees it a moment later than the program was started.
      let listed = await all(store.unfinished('e/'));
      for (let tries = 0; listed.length === 0 && tries < 50; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        listed = await all(store.unfinished('e/'));
      }
      stop.abort();
      release();
      await upload;
      for (const one of [...listed, ...begun]) await store.abandon(one);
      expect(begun[0]).toMatchObject({key: 'e/begun.bin'});
      expect(listed.map(({key}) => key)).toEqual(['e/begun.bin']);
      expect(await all(store.unfinished('e/'))).toEqual([]);
    });

    test(`a list of ${options.objects ?? 60} holds everything under a prefix and nothing else`, async () => {
      const keys = Array.from({length: options.objects ?? 60}, (_, i) => `f/${String(i).padStart(4, '0')}`);
      for (let i = 0; i < keys.length; i += 50)
        await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, Buffer.from(key))));
      await store.put('ff/other', Buffer.from('x'));
      const listed = await all<StoredObject>(store.list('f/'));
      expect(listed.map(({key}) => key).sort()).toEqual(keys);
      expect(listed.every(({bytes}) => bytes === 6)).toBe(true);
      expect(await all(store.list('nothing/'))).toEqual([]);
    }, 60_000);

    test('deleting is final and repeatable', async () => {
      await store.put('g/gone', Buffer.from('x'));
      await store.delete('g/gone');
      await store.delete('g/gone');
      expect(await store.head('g/gone')).toBeUndefined();
    });
  });
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** One buffer for all chunks. */
async function* reusing(body: Buffer, size: number) {
  const memory = Buffer.alloc(size);
  for (let at = 0; at < body.length; at += size) {
    const length = body.copy(memory, 0, at, at + size);
    yield memory.subarray(0, length);
    memory.fill(0);
  }
}

async function* chunked(body: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < body.length; offset += size) yield body.subarray(offset, offset + size);
}

async function* failing(body: Buffer): AsyncGenerator<Buffer> {
  yield* chunked(body, 1_000_000);
  throw new Error('the source failed');
}

async function* endless(afterFirstParts: () => void): AsyncGenerator<Buffer> {
  for (let i = 0; i < 1_000; i++) {
    if (i === 12) afterFirstParts();
    yield randomBytes(MiB);
  }
}

async function* holding(until: Promise<void>): AsyncGenerator<Buffer> {
  for (let i = 0; i < 9; i++) yield randomBytes(MiB);
  await until;
  for (let i = 0; i < 9; i++) yield randomBytes(MiB);
}
