import {Failure} from '../kernel/errors.js';
import type {Store, UnfinishedUpload} from '../storage/store.js';
import {manifestName, type Series, type SetId, setPrefix} from './set-name.js';

/** What was removed of sets that were never sealed. */
export interface Leftovers {
  readonly objects: number;
  readonly uploads: number;
}

/**
 * Removes everything of a set that was never sealed. A set with a manifest is left alone, so this is safe to call
 * again and again, also by a post step that does not know how far the run came.
 */
export async function discardSet(
  store: Store,
  series: Series,
  id: SetId,
  known: readonly UnfinishedUpload[] = [],
): Promise<Leftovers> {
  const prefix = setPrefix(series, id);
  const uploads = await abandonAll(store, prefix, known);
  if (await store.head(`${prefix}${manifestName}`)) return {objects: 0, uploads};
  let objects = 0;
  for await (const {key} of store.list(prefix)) {
    // A role that may not delete leaves an unsealed object behind: it costs money, but it is no set.
    if (!(await deleteIfAllowed(store, key))) continue;
    objects++;
  }
  return {objects, uploads};
}

async function abandonAll(store: Store, prefix: string, known: readonly UnfinishedUpload[]): Promise<number> {
  const uploads = new Map(known.filter(({key}) => key.startsWith(prefix)).map((upload) => [upload.id, upload]));
  for await (const upload of store.unfinished(prefix)) uploads.set(upload.id, upload);
  for (const upload of uploads.values()) await store.abandon(upload);
  return uploads.size;
}

async function deleteIfAllowed(store: Store, key: string): Promise<boolean> {
  try {
    await store.delete(key);
    return true;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'STORE_DENIED' || error.code === 'STORE_LOCKED')) return false;
    throw error;
  }
}
