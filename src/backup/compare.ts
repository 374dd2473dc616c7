import type {DatabaseContent} from './manifest.js';

/** One thing in which a restored database is not what the manifest says. */
export interface Difference {
  /** Such as `table public.orders`. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Not a loss, but worth knowing, such as another version of an extension. */
  readonly notes: readonly string[];
  /** How many single statements of the manifest were held against the database. */
  readonly compared: number;
}

/** Holds what was found in a restored database against what the manifest noted in the moment of the dump. */
export function compareContent(expected: DatabaseContent, found: DatabaseContent): Comparison {
  const differences: Difference[] = [];
  let compared = 0;
  const same = (what: string, a: unknown, b: unknown) => {
    compared++;
    if (a !== b) differences.push({what, expected: String(a ?? 'absent'), found: String(b ?? 'absent')});
  };
  compareTables(expected, found, same);
  compareSequences(expected, found, same);
  for (const [kind, count] of Object.entries(expected.objects)) same(`number of ${kind}`, count, found.objects[kind]);
  same('large objects', expected.largeObjects.count, found.largeObjects.count);
  if (expected.largeObjects.digest !== undefined && found.largeObjects.digest !== undefined)
    same('content of large objects', expected.largeObjects.digest, found.largeObjects.digest);
  same('migration head', expected.migration?.newest, found.migration?.newest);
  for (const name of Object.keys(expected.extensions)) same(`extension ${name}`, true, name in found.extensions);
  for (const name of found.invalid) same(`${name} is valid`, expected.invalid.includes(name), true);
  return {differences, compared, notes: extensionNotes(expected, found)};
}

type Same = (what: string, expected: unknown, found: unknown) => void;

function compareTables(expected: DatabaseContent, found: DatabaseContent, same: Same): void {
  const there = new Map(found.tables.map((table) => [table.name, table]));
  for (const {name, rows, digest} of expected.tables) {
    const table = there.get(name);
    there.delete(name);
    same(`table ${name}`, 'present', table ? 'present' : 'absent');
    if (!table) continue;
    if (rows !== undefined && table.rows !== undefined) same(`rows of ${name}`, rows, table.rows);
    if (digest !== undefined && table.digest !== undefined) same(`content of ${name}`, digest, table.digest);
  }
  for (const name of there.keys()) same(`table ${name}`, 'absent', 'present');
}

/** A sequence's value is read outside of the snapshot, so the dump's may be ahead of the manifest's, never behind it. */
function compareSequences(expected: DatabaseContent, found: DatabaseContent, same: Same): void {
  const there = new Map(found.sequences.map((sequence) => [sequence.name, sequence]));
  for (const {name, lastValue, increment} of expected.sequences) {
    const sequence = there.get(name);
    const reached = sequence !== undefined && !isBehind(sequence.lastValue, lastValue, increment);
    same(
      `sequence ${name}`,
      lastValue ?? 'unused',
      reached ? (lastValue ?? 'unused') : (sequence?.lastValue ?? (sequence ? 'unused' : undefined)),
    );
  }
}

function isBehind(found: string | undefined, expected: string | undefined, increment: string): boolean {
  if (expected === undefined) return false;
  if (found === undefined) return true;
  return increment.startsWith('-') ? BigInt(found) > BigInt(expected) : BigInt(found) < BigInt(expected);
}

function extensionNotes(expected: DatabaseContent, found: DatabaseContent): string[] {
  return Object.entries(expected.extensions)
    .filter(([name, version]) => found.extensions[name] !== undefined && found.extensions[name] !== version)
    .map(([name, version]) => `Extension ${name} is ${found.extensions[name]} here and was ${version} there.`);
}
