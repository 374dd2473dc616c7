import type {Store} from '../storage/store.js';
import {discardSet, type Leftovers} from './discard-set.js';
import {listNames} from './set-list.js';
import {type Series, type SetId, seriesPrefix, setIdTime, splitKey} from './set-name.js';

/**
 * Removes what runs that died left behind: uploads and objects of sets that were never sealed and are older than any
 * run can be. A set that is being written right now is younger, and a sealed one is never touched.
 */
export async function removeLeftovers(
  store: Store,
  series: Series,
  olderThanMs: number,
  nowMs: number,
): Promise<Leftovers & {readonly sets: readonly SetId[]}> {
  const ids = new Set((await listNames(store, series)).unsealed.map(({id}) => id));
  for await (const {key} of store.unfinished(seriesPrefix(series))) {
    const place = splitKey(series, key);
    if (place) ids.add(place.id);
  }
  const dead = [...ids].filter((id) => nowMs - setIdTime(id) >= olderThanMs);
  const removed = {objects: 0, uploads: 0};
  for (const id of dead) {
    const {objects, uploads} = await discardSet(store, series, id);
    removed.objects += objects;
    removed.uploads += uploads;
  }
  return {...removed, sets: dead};
}
