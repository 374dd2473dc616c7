import type {Store} from '../storage/store.js';
import {type ListOptions, newestSets, type SealedSet} from './set-list.js';
import type {Series} from './set-name.js';

/** What `checks.content` of a set says that was taken of a damaged product: to look into it, not to go back to. */
export const asFound = 'as found';

/** True for a set that was read back or proven, failed no proof, and was not taken of damaged content. */
export function isSound({
  manifest,
  verifications,
  failures,
}: Pick<SealedSet, 'manifest' | 'verifications' | 'failures'>): boolean {
  if (manifest.checks['content'] === asFound) return false;
  return failures.length === 0 && (verifications.length > 0 || manifest.checks['readBack'] === 'ok');
}

/** The newest sound set of a series; undefined when there is none. */
export async function findSoundSet(store: Store, series: Series, options: ListOptions): Promise<SealedSet | undefined> {
  for await (const set of newestSets(store, series, options)) if (isSound(set)) return set;
  return undefined;
}
