import {Readable} from 'node:stream';
import {Failure} from '../kernel/errors.js';
import type {Store, UploadOptions} from './store.js';

/** A fault to play on a store, for tests and rehearsals. */
export interface StoreFault {
  readonly operation: 'put' | 'upload' | 'get' | 'head' | 'list' | 'delete' | 'unfinished' | 'abandon';
  /** Only keys or prefixes that contain this. */
  readonly key?: string;
  /**
   * `refuse`: fails before any effect. `lose-answer`: takes effect, then fails. `break`: a read, list or upload breaks
   * off in the middle. `corrupt`: a read delivers one changed byte. `cut`: a list or read ends early, without an error.
   */
  readonly kind: 'refuse' | 'lose-answer' | 'break' | 'corrupt' | 'cut';
  readonly failure?: Failure;
  /** How often it strikes; default 1. */
  times?: number;
}

/** The same store with faults on demand. */
export function faulty(store: Store, faults: StoreFault[]): Store {
  const strike = (operation: StoreFault['operation'], key: string): StoreFault | undefined => {
    const fault = faults.find(
      (one) => one.operation === operation && key.includes(one.key ?? '') && (one.times ?? 1) > 0,
    );
    if (fault) fault.times = (fault.times ?? 1) - 1;
    return fault;
  };
  const around = async <T>(operation: StoreFault['operation'], key: string, call: () => Promise<T>): Promise<T> => {
    const fault = strike(operation, key);
    if (fault?.kind === 'refuse') throw failureOf(fault);
    const result = await call();
    if (fault) throw failureOf(fault);
    return result;
  };
  return {
    location: store.location,
    traits: store.traits,
    put: (key, body, options) => around('put', key, () => store.put(key, body, options)),
    upload: (key, source, options) => faultyUpload(store, key, source, options, strike('upload', key)),
    get: async (key, options) => faultyRead(await store.get(key, options), strike('get', key)),
    head: (key) => around('head', key, () => store.head(key)),
    list: (prefix, options) => faultyList(store.list(prefix, options), strike('list', prefix)),
    delete: (key) => around('delete', key, () => store.delete(key)),
    unfinished: (prefix) => faultyList(store.unfinished(prefix), strike('unfinished', prefix)),
    abandon: (upload) => around('abandon', upload.key, () => store.abandon(upload)),
    facts: (signal) => store.facts(signal),
  };
}

function failureOf({failure}: StoreFault): Failure {
  return (
    failure ??
    new Failure('STORE_UNAVAILABLE', 'The store did not answer (planted fault)', {
      remedy: 'Remove the planted fault.',
      retryable: true,
    })
  );
}

async function faultyUpload(
  store: Store,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: UploadOptions | undefined,
  fault: StoreFault | undefined,
) {
  if (fault?.kind === 'refuse') throw failureOf(fault);
  const stored = await store.upload(key, fault?.kind === 'break' ? breaking(source, fault) : source, options);
  if (fault) throw failureOf(fault);
  return stored;
}

async function* breaking(source: AsyncIterable<Uint8Array>, fault: StoreFault): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    yield chunk;
    throw failureOf(fault);
  }
}

async function faultyRead(stream: Readable, fault: StoreFault | undefined): Promise<Readable> {
  if (!fault) return stream;
  if (fault.kind === 'refuse' || fault.kind === 'lose-answer') {
    stream.destroy();
    throw failureOf(fault);
  }
  return Readable.from(spoiled(stream, fault));
}

async function* spoiled(stream: AsyncIterable<Buffer>, fault: StoreFault): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    if (fault.kind === 'corrupt') {
      const changed = Buffer.from(chunk);
      changed[changed.length >> 1]! ^= 1;
      yield changed;
      yield* stream;
      return;
    }
    yield chunk.subarray(0, chunk.length >> 1);
    if (fault.kind === 'cut') return;
    throw failureOf(fault);
  }
}

async function* faultyList<T>(items: AsyncIterable<T>, fault: StoreFault | undefined): AsyncGenerator<T> {
  if (fault?.kind === 'refuse') throw failureOf(fault);
  let count = 0;
  for await (const item of items) {
    if (fault && count++ > 0) {
      if (fault.kind === 'cut') return;
      throw failureOf(fault);
    }
    yield item;
  }
  if (fault && fault.kind !== 'cut') throw failureOf(fault);
}
