import {Failure} from '../kernel/errors.js';
import type {Store, UnfinishedUpload} from '../storage/store.js';
import {type CopiedSet, type CopyRequest, copySet} from './copy-set.js';
import {discardSet} from './discard-set.js';
import {listNames, type NameListing} from './set-list.js';
import {type Series, type SetId, seriesPrefix, setIdTime} from './set-name.js';

export interface CatchUpRequest extends Omit<CopyRequest, 'id'> {
  /** The set that was just sealed: copied first, whatever the rules say. */
  readonly made?: SetId | undefined;
  /** Older ones are copied while retention is bound to keep them: so many of the newest, and all younger than this. */
  readonly keepLast: number;
  readonly keepWithinMs: number;
  /** Most sets copied in one run. */
  readonly most: number;
  readonly nowMs: number;
  /** Around the copying of one set: repeats what failed for a passing reason. */
  readonly attempt?: (copy: () => Promise<CopiedSet>) => Promise<CopiedSet>;
  /** Told before each copy begins. */
  readonly onSet?: (id: SetId) => void;
}

export interface CatchUp {
  /** In the order they were copied: newest first. */
  readonly copied: readonly CopiedSet[];
  readonly failed: ReadonlyArray<{readonly id: SetId; readonly failure: Failure}>;
  /** Wanted and not tried: beyond the limit of a run, or after the store had failed. */
  readonly waiting: readonly SetId[];
  /** Sets that nobody would believe in the first store either. */
  readonly unbelieved: ReadonlyArray<{readonly id: SetId; readonly why: string}>;
}

/**
 * Copies the sets that the second store lacks, newest first. One that cannot be read does not stop the others; a store
 * that fails does, and the signal, whose reason is then the failure of the set that was being copied.
 * @throws Failure of a listing
 */
export async function copyMissing(request: CatchUpRequest): Promise<CatchUp> {
  const {from, to, series, signal} = request;
  const [first, second] = await Promise.all([listNames(from, series, {signal}), listNames(to, series, {signal})]);
  const queue = missingSets(first, second, request);
  const copied: CopiedSet[] = [];
  const failed: Array<{id: SetId; failure: Failure}> = [];
  const unbelieved: Array<{id: SetId; why: string}> = [];
  let isDown = false;
  while (queue.length && copied.length + failed.length < request.most && !isDown) {
    const id = queue.shift()!;
    request.onSet?.(id);
    try {
      copied.push(await (request.attempt ?? once)(() => copySet({...request, id})));
    } catch (error) {
      const failure = signal.aborted && signal.reason instanceof Failure ? signal.reason : error;
      if (!(failure instanceof Failure)) throw error;
      if (!signal.aborted && (await isGone(from, first, id))) continue;
      if (isUnbelieved(failure) && id !== request.made) unbelieved.push({id, why: failure.message});
      else failed.push({id, failure});
      isDown = !isOfTheSet(failure);
    }
  }
  return {copied, failed, unbelieved, waiting: queue};
}

const once = (copy: () => Promise<CopiedSet>) => copy();

/**
 * What is wanted and not there, newest first. Only what the retention of the second store keeps in any case: a set that
 * goes there by its rules must not come back with the next run.
 */
export function missingSets(
  first: Pick<NameListing, 'listed'>,
  second: Pick<NameListing, 'listed'>,
  rules: Pick<CatchUpRequest, 'made' | 'keepLast' | 'keepWithinMs' | 'nowMs'>,
): SetId[] {
  const there = new Set(second.listed.map(({id}) => id));
  const good = (listing: Pick<NameListing, 'listed'>) =>
    listing.listed.filter(({failures}) => failures.length === 0).map(({id}) => id);
  // One that failed its proof in the first store is not worth a second place.
  const candidates = new Set(good(first));
  // Counted as the second store will count them: it may hold some that the first one has given up.
  const all = [...new Set([...candidates, ...good(second)])].sort(newestFirst);
  const isKept = (id: SetId, rank: number) =>
    candidates.has(id) && (rank < rules.keepLast || rules.nowMs - setIdTime(id) < rules.keepWithinMs);
  const wanted = new Set(all.filter(isKept));
  // Sealed a moment ago, also where the listing does not know of it yet.
  if (rules.made !== undefined) wanted.add(rules.made);
  return [...wanted].filter((id) => !there.has(id)).sort(newestFirst);
}

function newestFirst(a: SetId, b: SetId): number {
  return a < b ? 1 : -1;
}

function isUnbelieved({code}: Failure): boolean {
  return code === 'MANIFEST' || code === 'SIGNATURE';
}

function isOfTheSet(failure: Failure): boolean {
  return isUnbelieved(failure) || failure.code.startsWith('SET_');
}

/** Retention may have taken the set away meanwhile, which is nobody's fault. */
async function isGone(from: Store, first: NameListing, id: SetId): Promise<boolean> {
  const listed = first.listed.find((set) => set.id === id);
  return listed !== undefined && (await from.head(`${listed.prefix}manifest.json`).catch(() => null)) === undefined;
}

/**
 * Removes what dead copies left: uploads older than any run, and unsealed sets whose origin is gone too. Parts of a set
 * that the first store still has stay: the next copy keeps them, and another run may be at it right now.
 */
export async function removeDeadCopies(
  {from, to, series, signal}: Pick<CatchUpRequest, 'from' | 'to' | 'series' | 'signal'>,
  olderThanMs: number,
  nowMs: number,
): Promise<{readonly objects: number; readonly uploads: number}> {
  const uploads = await removeUploads(to, series, nowMs - olderThanMs);
  const [first, second] = await Promise.all([listNames(from, series, {signal}), listNames(to, series, {signal})]);
  const origins = new Set(first.listed.map(({id}) => id));
  let objects = 0;
  for (const {id} of second.unsealed) {
    if (origins.has(id) || nowMs - setIdTime(id) < olderThanMs) continue;
    objects += (await discardSet(to, series, id)).objects;
  }
  return {objects, uploads};
}

async function removeUploads(store: Store, series: Series, beforeMs: number): Promise<number> {
  const dead: UnfinishedUpload[] = [];
  for await (const upload of store.unfinished(seriesPrefix(series)))
    if (upload.startedMs <= beforeMs) dead.push(upload);
  for (const upload of dead) await store.abandon(upload);
  return dead.length;
}
