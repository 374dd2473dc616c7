import {Failure} from '../kernel/errors.js';
import {type RetryPlan, retry} from '../kernel/retry.js';
import type {Store, StoredObject} from './store.js';

/**
 * The same store, which repeats what failed for a passing reason. Reads, deletions and small writes are harmless to
 * repeat; an upload is not repeated, for its source can be read only once: stores repeat its parts themselves.
 */
export function retrying(store: Store, plan: RetryPlan): Store {
  return {
    location: store.location,
    traits: store.traits,
    put: (key, body, options) =>
      retry(plan, (attempt) => putOnce(store, key, attempt, () => store.put(key, body, options), body)),
    upload: (key, source, options) => store.upload(key, source, options),
    get: (key, options) => retry(plan, () => store.get(key, options)),
    head: (key) => retry(plan, () => store.head(key)),
    list: (prefix, options) => retriedList(plan, () => store.list(prefix, options)),
    delete: (key) => retry(plan, () => store.delete(key)),
    unfinished: (prefix) => retriedList(plan, () => store.unfinished(prefix)),
    abandon: (upload) => retry(plan, () => store.abandon(upload)),
    facts: (signal) => retry(plan, () => store.facts(signal)),
  };
}

/** A repeated create may meet its own first try, whose answer was lost; the same size and bytes mean just that. */
async function putOnce(
  store: Store,
  key: string,
  attempt: number,
  put: () => Promise<StoredObject>,
  body: Buffer,
): Promise<StoredObject> {
  try {
    return await put();
  } catch (error) {
    if (attempt === 0 || !(error instanceof Failure) || error.code !== 'STORE_EXISTS') throw error;
    const own = await isStored(store, key, body);
    if (own) return own;
    throw error;
  }
}

async function isStored(store: Store, key: string, body: Buffer): Promise<StoredObject | undefined> {
  const head = await store.head(key);
  if (head?.bytes !== body.length) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of await store.get(key)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).equals(body) ? head : undefined;
}

/** A listing that breaks off begins again from its start; nothing is passed on before all of it is there. */
async function* retriedList<T>(plan: RetryPlan, open: () => AsyncIterable<T>): AsyncGenerator<T> {
  const items = await retry(plan, async () => {
    const found: T[] = [];
    for await (const item of open()) found.push(item);
    return found;
  });
  yield* items;
}
