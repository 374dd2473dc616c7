import {type Bucket, byBytes, type Version} from './bucket.js';

/** What a list request asks for; `after` is the place to go on from, exclusive. */
export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly after: string;
}

export interface ListPage<T> {
  readonly entries: readonly T[];
  readonly prefixes: readonly string[];
  /** Where the next page starts; undefined when this was the last one. */
  readonly next?: string;
}

/** One page over sorted keys; rolled-up prefixes count as entries, as in S3. `select` may drop a key by returning nothing. */
export function listPage<T>(
  keys: readonly string[],
  query: ListQuery,
  select: (key: string) => readonly T[],
): ListPage<T> {
  const entries: T[] = [];
  const prefixes: string[] = [];
  let last = '';
  for (let at = firstAfter(keys, query); at < keys.length; at++) {
    const key = keys[at]!;
    if (!key.startsWith(query.prefix)) {
      if (byBytes(key, query.prefix) > 0) break;
      continue;
    }
    const rolled = commonPrefix(key, query);
    // A page that ended with a rolled-up prefix goes on after everything below that prefix.
    if (rolled !== undefined && (rolled === prefixes.at(-1) || rolled === query.after)) continue;
    const found = select(key);
    if (found.length === 0) continue;
    if (entries.length + prefixes.length >= query.maxKeys)
      return {entries, prefixes, ...(query.maxKeys > 0 ? {next: last} : {})};
    if (rolled === undefined) entries.push(...found);
    else prefixes.push(rolled);
    last = rolled ?? key;
  }
  return {entries, prefixes};
}

function firstAfter(keys: readonly string[], query: ListQuery): number {
  const from = byBytes(query.after, query.prefix) > 0 ? query.after : query.prefix;
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = byBytes(keys[middle]!, from);
    if (order < 0 || (order === 0 && from === query.after)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function commonPrefix(key: string, query: ListQuery): string | undefined {
  if (query.delimiter === '') return undefined;
  const at = key.indexOf(query.delimiter, query.prefix.length);
  return at < 0 ? undefined : key.slice(0, at + query.delimiter.length);
}

/** Current objects of a bucket. */
export function listObjects(bucket: Bucket, query: ListQuery): ListPage<Version> {
  return listPage(bucket.keys(), query, (key) => {
    const current = bucket.current(key);
    return current ? [current] : [];
  });
}
