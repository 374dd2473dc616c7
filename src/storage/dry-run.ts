import type {Store, StoredObject} from './store.js';

/** One change that a dry run would have made. */
export interface WouldDo {
  readonly what: 'put' | 'upload' | 'delete' | 'abandon';
  readonly key: string;
}

/** The same store, except that changes are only noted. Sources of uploads are read to their end, so that they fail as they would. */
export function dryRun(store: Store, note: (change: WouldDo) => void): Store {
  const stored = (key: string, bytes: number): StoredObject => ({key, bytes, modifiedMs: Date.now()});
  return {
    location: store.location,
    traits: store.traits,
    get: (key, options) => store.get(key, options),
    head: (key) => store.head(key),
    list: (prefix, options) => store.list(prefix, options),
    unfinished: (prefix) => store.unfinished(prefix),
    put: async (key, body) => {
      note({what: 'put', key});
      return stored(key, body.length);
    },
    upload: async (key, source) => {
      const bytes = await lengthOf(source);
      note({what: 'upload', key});
      return stored(key, bytes);
    },
    delete: async (key) => note({what: 'delete', key}),
    abandon: async ({key}) => note({what: 'abandon', key}),
    facts: (signal) => store.facts(signal),
  };
}

async function lengthOf(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += chunk.length;
  return bytes;
}
