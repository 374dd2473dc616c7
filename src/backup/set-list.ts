import {Failure} from '../kernel/errors.js';
import type {Store, StoredObject} from '../storage/store.js';
import {type Manifest, manifestTime} from './manifest.js';
import {manifestName, type Series, type SetId, seriesPrefix, setPrefix, splitKey} from './set-name.js';
import {readTrustedManifest, type Trust} from './trust.js';

/** A set with a manifest that was seen in the listing and not read yet. */
export interface ListedSet {
  readonly id: SetId;
  /** Key prefix of its objects, relative to the store. */
  readonly prefix: string;
  /** Every object of the set, the manifest included. */
  readonly objects: readonly StoredObject[];
  /** Marks left by drills and deep checks, newest last; the names only. */
  readonly verifications: readonly string[];
  /** Marks left by proofs that this set did not pass, newest last. */
  readonly failures: readonly string[];
  /** Names of holds: no retention until they are removed. */
  readonly holds: readonly string[];
}

/** A sealed set: its manifest was read and belongs where it lies. */
export interface SealedSet extends ListedSet {
  readonly manifest: Manifest;
}

/** Objects of a set that has no manifest: it was cut off, or is being written right now. */
export interface UnsealedSet {
  readonly id: SetId;
  readonly objects: readonly StoredObject[];
}

export interface SetListing {
  /** Newest first, by the time inside the manifests. */
  readonly sealed: readonly SealedSet[];
  readonly unsealed: readonly UnsealedSet[];
  /** Sets whose manifest cannot be read or does not belong there, with the reason. */
  readonly unreadable: ReadonlyArray<{
    readonly id: SetId;
    readonly reason: Failure;
    readonly objects: readonly StoredObject[];
  }>;
  /** Every object seen, so that an empty answer can be told from an empty series. */
  readonly objectCount: number;
}

export interface ListOptions {
  readonly signal?: AbortSignal;
  /** Whose manifests are believed; others count as unreadable. Default: everyone's. */
  readonly trust?: Trust;
  /** Manifests read at the same time; default 16. */
  readonly parallel?: number;
}

/** What a listing alone tells, without reading any manifest. */
export interface NameListing {
  /** Newest first, by the time in their ids. */
  readonly listed: readonly ListedSet[];
  readonly unsealed: readonly UnsealedSet[];
  readonly objectCount: number;
}

/** Lists a whole series by names alone. A listing that breaks off is a failure, never a short list. */
export async function listNames(store: Store, series: Series, options: ListOptions = {}): Promise<NameListing> {
  const {sets, count} = await groupBySet(store, series, options);
  const listed: ListedSet[] = [];
  const unsealed: UnsealedSet[] = [];
  for (const [id, objects] of sets) {
    if (objects.some(({key}) => key.endsWith(`/${manifestName}`))) listed.push(describeSet(series, id, objects));
    else unsealed.push({id, objects});
  }
  listed.sort((a, b) => (a.id < b.id ? 1 : -1));
  return {listed, unsealed, objectCount: count};
}

/** Lists a whole series and reads every manifest. */
export async function listSets(store: Store, series: Series, options: ListOptions = {}): Promise<SetListing> {
  const {listed, unsealed, objectCount} = await listNames(store, series, options);
  const {sealed, unreadable} = await readSets(store, series, listed, options);
  return {sealed, unsealed, unreadable, objectCount};
}

/** Reads the manifests of sets that were listed. */
export async function readSets(
  store: Store,
  series: Series,
  listed: readonly ListedSet[],
  options: ListOptions = {},
): Promise<Pick<SetListing, 'sealed' | 'unreadable'>> {
  const sealed: SealedSet[] = [];
  const unreadable: Array<SetListing['unreadable'][number]> = [];
  await eachOf(listed, options.parallel ?? 16, async (set) => {
    try {
      sealed.push({...set, manifest: await readManifest(store, series, set.id, options)});
    } catch (error) {
      if (!(error instanceof Failure) || (error.code !== 'MANIFEST' && error.code !== 'SIGNATURE')) throw error;
      unreadable.push({id: set.id, reason: error, objects: set.objects});
    }
  });
  sealed.sort((a, b) => (a.id < b.id ? 1 : -1));
  return {sealed, unreadable};
}

export interface SetWanted {
  /** Exactly this set. */
  readonly id?: SetId | undefined;
  /** Only sets made for this release. */
  readonly release?: string | undefined;
  /** Only sets made at or before this moment, epoch milliseconds. */
  readonly before?: number | undefined;
  /** Only sets that contain this kind of part. */
  readonly role?: string | undefined;
}

/**
 * The newest sealed set that fits: by the time inside its manifest, which its id repeats, and never by the date of the
 * stored object, which a copy resets. Manifests are read from the newest on until one fits. Undefined when none does.
 */
export async function findNewestSet(
  store: Store,
  series: Series,
  wanted: SetWanted = {},
  options: ListOptions = {},
): Promise<SealedSet | undefined> {
  for await (const set of newestSets(store, series, options)) {
    const {manifest} = set;
    const fits =
      (wanted.id === undefined || set.id === wanted.id) &&
      (wanted.release === undefined || manifest.release === wanted.release) &&
      (wanted.before === undefined || manifestTime(manifest) <= wanted.before) &&
      (wanted.role === undefined || manifest.parts.some((part) => part.role === wanted.role));
    if (fits) return set;
  }
  return undefined;
}

/** Sealed sets from the newest on; each manifest is read when it is asked for. Unreadable ones are passed over. */
export async function* newestSets(store: Store, series: Series, options: ListOptions = {}): AsyncGenerator<SealedSet> {
  for (const set of (await listNames(store, series, options)).listed) {
    const {sealed} = await readSets(store, series, [set], options);
    if (sealed[0]) yield sealed[0];
  }
}

/** Reads the manifest of one set. @throws Failure MANIFEST, SIGNATURE, STORE_NOT_FOUND */
export async function readManifest(
  store: Store,
  series: Series,
  id: SetId,
  options: ListOptions = {},
): Promise<Manifest> {
  return (await readTrustedManifest(store, series, id, options.trust ?? {signers: []}, options.signal)).manifest;
}

function describeSet(series: Series, id: SetId, objects: readonly StoredObject[]): ListedSet {
  const names = objects.map(({key}) => key.slice(key.lastIndexOf('/') + 1)).sort();
  return {
    id,
    objects,
    prefix: setPrefix(series, id),
    verifications: names.filter((name) => name.startsWith('verified-')),
    failures: names.filter((name) => name.startsWith('failed-')),
    holds: names.filter((name) => name.startsWith('hold-')),
  };
}

async function groupBySet(
  store: Store,
  series: Series,
  {signal}: ListOptions,
): Promise<{sets: Map<SetId, StoredObject[]>; count: number}> {
  const sets = new Map<SetId, StoredObject[]>();
  let count = 0;
  for await (const object of store.list(seriesPrefix(series), signal ? {signal} : {})) {
    count++;
    const place = splitKey(series, object.key);
    if (!place) continue;
    const group = sets.get(place.id);
    if (group) group.push(object);
    else sets.set(place.id, [object]);
  }
  return {sets, count};
}

/** Runs `work` over all items, at most `parallel` at a time; the first failure stops it. */
export async function eachOf<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({length: Math.min(parallel, items.length)}, worker));
}
