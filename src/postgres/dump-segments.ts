import {tableNames} from './inventory.js';
import type {Session} from './session.js';

/** One archive of several that together are a database: what it holds, and how pg_dump is told. */
export interface DumpSegment {
  /** Order of a restore: before the rows, the rows (in any order, also at the same time), after the rows. */
  readonly section: 'pre-data' | 'data' | 'post-data';
  /** Counts the archives with rows, from 1; 1 for the others. */
  readonly number: number;
  /** pg_dump's arguments for it. */
  readonly args: readonly string[];
  /** Rough size of what it holds, in bytes. */
  readonly expectedBytes: number;
}

/** Tables that are shared out; all others, large objects and sequences go into the first archive with rows. */
const maxNamed = 200;

/**
 * Shares a database out over several archives of one snapshot, so that several streams carry it and several
 * `pg_restore` fill it at the same time. A directory archive does so too, but pg_dump writes it to a disk only; these
 * are streams, and each opens with the stock programs.
 * @param session inside the snapshot.
 * @param jobs streams with rows; at least 2.
 */
export async function shareOut(session: Session, jobs: number, databaseBytes: number): Promise<DumpSegment[]> {
  const groups = spread(await largestTables(session), databaseBytes, jobs);
  const named = groups.slice(1).flatMap(({names}) => names);
  const rows = groups.map(({names, bytes}, index): DumpSegment => {
    const tables = index
      ? ['--strict-names', ...names.map((name) => `--table=${name}`)]
      : named.map((name) => `--exclude-table-data=${name}`);
    return {section: 'data', number: index + 1, args: ['--section=data', ...tables], expectedBytes: bytes};
  });
  const frame = (section: 'pre-data' | 'post-data'): DumpSegment => ({
    section,
    number: 1,
    args: [`--section=${section}`],
    expectedBytes: 0,
  });
  return [frame('pre-data'), ...rows, frame('post-data')];
}

interface Table {
  readonly name: string;
  readonly bytes: number;
}

interface Group {
  names: string[];
  bytes: number;
}

/** The largest first, each to the group that has least; the first group also has whatever is not named. */
export function spread(tables: readonly Table[], databaseBytes: number, jobs: number): Group[] {
  const rest = Math.max(0, databaseBytes - tables.reduce((sum, {bytes}) => sum + bytes, 0));
  const groups = Array.from({length: jobs}, (_, index): Group => ({names: [], bytes: index === 0 ? rest : 0}));
  for (const {name, bytes} of [...tables].sort((a, b) => b.bytes - a.bytes)) {
    const least = groups.reduce((best, group) => (group.bytes < best.bytes ? group : best));
    least.names.push(name);
    least.bytes += bytes;
  }
  return groups.filter(({names}, index) => index === 0 || names.length > 0);
}

async function largestTables(session: Session): Promise<Table[]> {
  const sizes = await session.query<{name: string; bytes: string}>(
    `SELECT name, pg_table_size(name::regclass)::text AS bytes FROM unnest($1::text[]) AS name`,
    [await tableNames(session)],
  );
  return sizes
    .map(({name, bytes}) => ({name, bytes: Number(bytes)}))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, maxNamed);
}
