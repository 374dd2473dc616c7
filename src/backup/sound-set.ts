import type {Store} from '../storage/store.js';
import {newestSets, type SealedSet} from './set-list.js';
import type {Series} from './set-name.js';

/** True for a set that was read back or proven, and failed no proof. */
export function isSound({
  manifest,
  verifications,
  failures,
}: Pick<SealedSet, 'manifest' | 'verifications' | 'failures'>): boolean {
  return failures.length === 0 && (verifications.length > 0 || manifest.checks['readBack'] === 'ok');
}

/** The newest sound set of a series; undefined when there is none. */
export async function findSoundSet(store: Store, series: Series, signal: AbortSignal): Promise<SealedSet | undefined> {
  for await (const set of newestSets(store, series, {signal})) if (isSound(set)) return set;
  return undefined;
}
