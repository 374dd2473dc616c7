import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import type {Store} from '../storage/store.js';
import {manifestTime} from './manifest.js';
import {type ListOptions, listNames, readSets, type SealedSet, type SetListing} from './set-list.js';
import {isSetId, type Series} from './set-name.js';
import {asFound, isSound} from './sound-set.js';

export interface SetChoice {
  /** `newest`, or an id. */
  readonly set: string;
  readonly release?: string | undefined;
  /** ISO 8601. */
  readonly before?: string | undefined;
  /** Refuses an older one, unless its id was given. */
  readonly maxAgeMs: number;
  /** Only sets that hold all of these. */
  readonly roles: readonly string[];
}

/**
 * Picks the set to restore: the one named, else the newest that fits, was read back or proven, and failed no proof. Order is by
 * the time inside the manifests.
 * @throws Failure SET_CHOICE with what there is instead
 */
export function chooseSet(
  listing: Pick<SetListing, 'sealed' | 'unreadable'>,
  choice: SetChoice,
  nowMs: number,
  known = listing.sealed.length,
): SealedSet {
  const named = choice.set !== 'newest';
  if (named && !isSetId(choice.set))
    throw new Failure(
      'SET_CHOICE',
      `${JSON.stringify(choice.set.slice(0, 60))} is neither \`newest\` nor the id of a set`,
      {remedy: 'Use `mode: list` to see the ids.'},
    );
  const unreadable = listing.unreadable.find(({id}) => id === choice.set);
  if (unreadable) throw unreadable.reason;
  const fitting = listing.sealed.filter(fitsTo(choice));
  // A set that failed its proof, or was taken of damaged content, is taken only by its name; one that was never read
  // back only when there is no better.
  const sound = fitting.filter(
    ({failures, manifest}) => named || (failures.length === 0 && manifest.checks['content'] !== asFound),
  );
  const best = sound.find(isSound) ?? sound[0];
  if (!best)
    throw new Failure('SET_CHOICE', `No set fits; there are ${known} sealed sets`, {
      remedy: 'Use `mode: list` to see them, and loosen `release`, `before` or `parts`.',
    });
  const ageMs = nowMs - manifestTime(best.manifest);
  if (!named && choice.before === undefined && choice.release === undefined && ageMs > choice.maxAgeMs) {
    throw new Failure('SET_TOO_OLD', `The newest set that fits, ${best.id}, is ${formatDuration(ageMs)} old`, {
      remedy: `If that is what you want, name it: \`set: ${best.id}\`. And find out why there is no newer one.`,
    });
  }
  return best;
}

/** Manifests read at the same time, and looked at before the next ones are read. */
const batch = 8;

/**
 * Picks as `chooseSet` does, and reads no more manifests than that takes: the one that was named, else from the newest
 * on until one fits and is sound. With thousands of sets that is what the hour of need has time for.
 * @throws Failure SET_CHOICE, SET_TOO_OLD, and what reading a manifest throws
 */
export async function findSet(
  store: Store,
  series: Series,
  choice: SetChoice,
  nowMs: number,
  options: ListOptions = {},
): Promise<SealedSet> {
  const {listed} = await listNames(store, series, options);
  const named = choice.set !== 'newest';
  const candidates = named ? listed.filter(({id}) => id === choice.set) : listed;
  const sealed: SealedSet[] = [];
  const unreadable: Array<SetListing['unreadable'][number]> = [];
  const fits = fitsTo(choice);
  for (let at = 0; at < candidates.length; at += batch) {
    const read = await readSets(store, series, candidates.slice(at, at + batch), options);
    sealed.push(...read.sealed);
    unreadable.push(...read.unreadable);
    if (read.sealed.some((set) => fits(set) && isSound(set))) break;
  }
  return chooseSet({sealed, unreadable}, choice, nowMs, listed.length);
}

function fitsTo(choice: SetChoice): (set: SealedSet) => boolean {
  const before = choice.before === undefined ? Number.POSITIVE_INFINITY : Date.parse(choice.before);
  if (Number.isNaN(before))
    throw new Failure('SET_CHOICE', `\`before\` is not a moment: ${choice.before!.slice(0, 60)}`, {
      remedy: 'Write it like 2026-11-22T18:00:00Z.',
    });
  return ({id, manifest}) =>
    (choice.set === 'newest' || id === choice.set) &&
    (choice.release === undefined || manifest.release === choice.release) &&
    manifestTime(manifest) <= before &&
    choice.roles.every((role) => manifest.parts.some((part) => part.role === role));
}
