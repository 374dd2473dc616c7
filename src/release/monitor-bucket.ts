import {randomBytes} from 'node:crypto';
import {Failure} from '../kernel/errors.js';
import type {HistoryFiles} from '../monitor/history-files.js';
import {readAll, type Store} from '../storage/store.js';

/**
 * History in a bucket, which knows no appending: each append is an object of its own beside the file, read after it in
 * the order of time. Replacing the file removes the appends that went into it.
 */
export function bucketFiles(store: Store, prefix: string): HistoryFiles {
  const key = (name: string) => `${prefix}/${name}`;
  const seen = new Map<string, string[]>();
  const parts = async (name: string) => {
    const keys: string[] = [];
    for await (const object of store.list(`${key(name)}.d/`)) keys.push(object.key);
    return keys.sort();
  };
  const text = (found: string) =>
    readAll(store, found).then(
      (body) => body.toString(),
      (error: unknown) => {
        if (error instanceof Failure && error.code === 'STORE_NOT_FOUND') return undefined;
        throw error;
      },
    );
  let appended = 0;
  return {
    location: `${store.location}/${prefix}`,
    list: async (folder) => {
      const names = new Set<string>();
      for await (const object of store.list(`${key(folder)}/`))
        names.add(object.key.slice(prefix.length + 1).replace(/\.d\/.*$/, ''));
      return [...names];
    },
    read: async (name) => {
      const keys = await parts(name);
      seen.set(name, keys);
      const texts = await Promise.all([key(name), ...keys].map(text));
      return texts.every((one) => one === undefined) ? undefined : texts.join('');
    },
    append: async (name, body) => {
      const order = `${Date.now().toString(36)}-${(appended++).toString(36).padStart(5, '0')}-${randomBytes(4).toString('hex')}`;
      await store.put(`${key(name)}.d/${order}`, Buffer.from(body));
    },
    replace: async (name, body) => {
      await store.put(key(name), Buffer.from(body));
      // Only what was read can be in the new text; an append that came since stays.
      for (const part of seen.get(name) ?? []) await store.delete(part);
      seen.delete(name);
    },
    remove: async (name) => {
      for (const part of [key(name), ...(await parts(name))]) await store.delete(part);
    },
    create: (name, body) =>
      store.put(key(name), Buffer.from(body), {ifAbsent: true}).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Failure && error.code === 'STORE_EXISTS') return false;
          throw error;
        },
      ),
    flush: async () => {},
  };
}
