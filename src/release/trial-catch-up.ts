import {tableNames} from '../postgres/inventory.js';
import type {Session} from '../postgres/session.js';
import type {Migration} from '../schema/verdict.js';
import type {MigrationRange} from './schema-verdict.js';

/** What has to run on a copy, which may be older than the live release, or newer than the last release that failed. */
export interface CopyPlan {
  /** Of the live release, missing in the copy. */
  readonly missing: readonly Migration[];
  /** Of the new release, still to run. */
  readonly added: readonly Migration[];
  readonly notes: readonly string[];
}

export async function planFor(session: Session, {before, added}: MigrationRange): Promise<CopyPlan> {
  const applied = await appliedMigrations(session);
  const has = ({file}: Migration) => namesOf(file).some((name) => applied.has(name));
  const newest = before.findLastIndex(has);
  if (newest < 0)
    return {
      missing: [],
      added,
      notes: before.length
        ? ['Which migrations the copy holds is noted nowhere in it; it was taken for as new as the live release.']
        : [],
    };
  // What lies before the newest known one is there, even where a tool began to note only later.
  const missing = before.slice(newest + 1);
  const there = added.filter(has);
  return {
    missing,
    added: added.filter((one) => !there.includes(one)),
    notes: [
      ...(missing.length
        ? [`The copy was older than the live release and was brought up first: ${list(missing)}.`]
        : []),
      ...(there.length ? [`The copy holds already, from an earlier release that failed: ${list(there)}.`] : []),
    ],
  };
}

function list(migrations: readonly Migration[]): string {
  return migrations.map(({file}) => file).join(', ');
}

/** Where tools note what they applied: table, column with the name or version, and which rows count. */
const notes: ReadonlyArray<readonly [table: string, column: string, where?: string]> = [
  ['_prisma_migrations', 'migration_name', 'finished_at IS NOT NULL AND rolled_back_at IS NULL'],
  ['schema_migrations', 'version'],
  ['schema_migrations', 'name'],
  ['schema_migrations', 'filename'],
  ['migrations', 'name'],
  ['pgmigrations', 'name'],
  ['knex_migrations', 'name'],
  ['flyway_schema_history', 'version', 'success'],
  ['goose_db_version', 'version_id', 'is_applied'],
  ['gorp_migrations', 'id'],
];

async function appliedMigrations(session: Session): Promise<ReadonlySet<string>> {
  const applied = new Set<string>();
  const names = await tableNames(session);
  for (const [table, column, where = 'true'] of notes) {
    const full = names.find((name) => name.replace(/"/g, '').endsWith(`.${table}`));
    if (!full) continue;
    const rows = await session
      .query<{value: string | null}>(`SELECT "${column}"::text AS value FROM ${full} WHERE ${where}`)
      // A table of that name without that column belongs to another tool.
      .catch(() => []);
    for (const {value} of rows) if (value) applied.add(value);
  }
  return applied;
}

/** What tools call `db/migrations/V002__add_price.up.sql`, or `prisma/migrations/002_add/migration.sql`. */
function namesOf(file: string): string[] {
  const parts = file.split('/');
  const base = parts.at(-1)!;
  const name = base === 'migration.sql' ? (parts.at(-2) ?? base) : base;
  const stem = name.replace(/(\.up)?\.sql$/, '');
  const version = /^V?(\d+(?:[._]\d+)*)/.exec(stem)?.[1];
  return [...new Set([name, stem, ...(version ? [version, version.replace(/^0+(?=\d)/, '')] : [])])];
}
