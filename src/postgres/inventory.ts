import {namedRoles} from './roles.js';
import type {Session} from './session.js';

/** What is in a database, seen in one snapshot: the measure a restored copy is held against. */
export interface Inventory {
  /** Sorted by name. */
  readonly tables: readonly TableContent[];
  /** Rows over all tables. */
  readonly rows: number;
  readonly largeObjects: {readonly count: number; readonly digest?: string};
  /** Extension name to version. */
  readonly extensions: Readonly<Record<string, string>>;
  readonly sequences: readonly SequenceState[];
  /** How many there are of each kind of object. */
  readonly objects: Readonly<Record<ObjectKind, number>>;
  /** Constraints that were never validated and indexes that are not valid; a healthy database has none. */
  readonly invalid: readonly string[];
  readonly migration?: MigrationHead;
  /** Roles without which it cannot be restored, sorted; see `namedRoles`. */
  readonly roles: readonly string[];
}

export interface TableContent {
  /** `schema.table`, quoted where PostgreSQL would quote it. */
  readonly name: string;
  /** Undefined when counting was turned off. */
  readonly rows?: number;
  /** Sum of a hash of each row's text: independent of order; an error check, not a signature. */
  readonly digest?: string;
}

export interface SequenceState {
  readonly name: string;
  /** Undefined when it was never used. A number kept as text: it may exceed 2^53. */
  readonly lastValue?: string;
  readonly increment: string;
}

export interface MigrationHead {
  /** Which tool's table it was read from. */
  readonly table: string;
  readonly newest: string;
  readonly count: number;
}

export type ObjectKind =
  | 'views'
  | 'materializedViews'
  | 'functions'
  | 'triggers'
  | 'policies'
  | 'constraints'
  | 'indexes'
  | 'types';
export type Depth = 'digests' | 'counts' | 'off';

/** Schemas that belong to the server, not to its user; the same ones pg_dump leaves out. */
const userSchema = (column: string) =>
  `${column} NOT IN ('pg_catalog', 'information_schema') AND ${column} NOT LIKE 'pg\\_toast%' AND ${column} NOT LIKE 'pg\\_temp%'`;
/** Members of extensions come back with the extension, not with the dump. */
const noExtension = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '${catalog}'::regclass AND x.objid = ${oid} AND x.deptype = 'e')`;

export interface InventoryAids {
  /** Tables that need not be measured again, by name. */
  readonly known?: ReadonlyMap<string, TableContent>;
  /** More connections that see the same moment, to measure several tables at once. */
  readonly sessions?: readonly Session[];
}

/**
 * Takes stock of a database. The caller decides about the snapshot: inside `REPEATABLE READ` all of it is one moment,
 * except for the sequences' values, which PostgreSQL keeps outside of transactions and which can only be ahead.
 */
export async function takeInventory(session: Session, depth: Depth, aids: InventoryAids = {}): Promise<Inventory> {
  const names = await tableNames(session);
  const measured = new Map(aids.known);
  const queue = names.filter((name) => !measured.has(name)).values();
  const measure = async (one: Session) => {
    for (const name of queue) measured.set(name, await measureTable(one, name, depth));
  };
  await Promise.all([session, ...(aids.sessions ?? [])].map(measure));
  const tables = names.map((name) => measured.get(name)!);
  return {
    tables,
    rows: tables.reduce((sum, table) => sum + (table.rows ?? 0), 0),
    largeObjects: await measureLargeObjects(session, depth),
    extensions: await extensions(session),
    sequences: await sequences(session),
    objects: await objectCounts(session),
    invalid: await invalidObjects(session),
    roles: await namedRoles(session),
    ...(await migrationHead(session, names)),
  };
}

/** Names of all tables whose rows a dump contains, quoted as needed and sorted. */
export async function tableNames(session: Session): Promise<string[]> {
  const rows = await session.query<{name: string}>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ${userSchema('n.nspname')} AND ${noExtension('pg_class', 'c.oid')}
    ORDER BY n.nspname, c.relname`);
  return rows.map((row) => row.name);
}

/** Counts and digests one table. @param name as `tableNames` gives it */
export async function measureTable(session: Session, name: string, depth: Depth): Promise<TableContent> {
  if (depth === 'off') return {name};
  const digest = depth === 'digests' ? `, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS digest` : '';
  // ONLY: the rows of children and partitions are counted under their own names.
  const [row] = await session.query<{rows: string; digest?: string}>(
    `SELECT count(*)::text AS rows${digest} FROM ONLY ${name} t`,
  );
  return {name, rows: Number(row!.rows), ...(row!.digest === undefined ? {} : {digest: row!.digest})};
}

async function measureLargeObjects(session: Session, depth: Depth): Promise<Inventory['largeObjects']> {
  const [row] = await session.query<{count: string; readable: boolean}>(
    `SELECT count(*)::text AS count, has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS readable FROM pg_largeobject_metadata`,
  );
  const count = Number(row!.count);
  if (depth !== 'digests' || !row!.readable || count === 0) return {count};
  const [sum] = await session.query<{digest: string}>(
    `SELECT coalesce(sum(hashtextextended(loid::text || ':' || pageno::text || ':' || encode(data, 'hex'), 0)), 0)::text AS digest FROM pg_largeobject`,
  );
  return {count, digest: sum!.digest};
}

async function extensions(session: Session): Promise<Record<string, string>> {
  const rows = await session.query<{name: string; version: string}>(
    'SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY extname',
  );
  return Object.fromEntries(rows.map((row) => [row.name, row.version]));
}

async function sequences(session: Session): Promise<SequenceState[]> {
  const rows = await session.query<{name: string; last: string | null; increment: string}>(`
    SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS last, increment_by::text AS increment
    FROM pg_sequences WHERE ${userSchema('schemaname')} AND ${noExtension('pg_class', `format('%I.%I', schemaname, sequencename)::regclass::oid`)}
    ORDER BY schemaname, sequencename`);
  return rows.map(({name, last, increment}) => ({name, increment, ...(last === null ? {} : {lastValue: last})}));
}

async function objectCounts(session: Session): Promise<Record<ObjectKind, number>> {
  const inSchema = (alias: string, namespace: string, catalog: string) =>
    `FROM ${catalog} ${alias} JOIN pg_namespace n ON n.oid = ${alias}.${namespace} WHERE ${userSchema('n.nspname')} AND ${noExtension(catalog, `${alias}.oid`)}`;
  const ofTable = (alias: string, column: string, catalog: string) =>
    `FROM ${catalog} ${alias} JOIN pg_class r ON r.oid = ${alias}.${column} JOIN pg_namespace n ON n.oid = r.relnamespace WHERE ${userSchema('n.nspname')} AND r.relpersistence <> 't' AND ${noExtension('pg_class', 'r.oid')}`;
  const [row] = await session.query<Record<ObjectKind, string>>(`SELECT
    (SELECT count(*) ${inSchema('c', 'relnamespace', 'pg_class')} AND c.relkind = 'v') AS views,
    (SELECT count(*) ${inSchema('c', 'relnamespace', 'pg_class')} AND c.relkind = 'm') AS "materializedViews",
    (SELECT count(*) ${inSchema('p', 'pronamespace', 'pg_proc')}) AS functions,
    (SELECT count(*) ${ofTable('t', 'tgrelid', 'pg_trigger')} AND NOT t.tgisinternal) AS triggers,
    (SELECT count(*) ${ofTable('p', 'polrelid', 'pg_policy')}) AS policies,
    (SELECT count(*) ${ofTable('k', 'conrelid', 'pg_constraint')} AND k.contype IN ('c', 'f', 'p', 'u', 'x')) AS constraints,
    (SELECT count(*) ${ofTable('i', 'indrelid', 'pg_index')}) AS indexes,
    (SELECT count(*) ${inSchema('t', 'typnamespace', 'pg_type')} AND t.typtype IN ('e', 'd', 'r')) AS types`);
  return Object.fromEntries(Object.entries(row!).map(([kind, count]) => [kind, Number(count)])) as Record<
    ObjectKind,
    number
  >;
}

async function invalidObjects(session: Session): Promise<string[]> {
  const rows = await session.query<{name: string}>(`
    SELECT format('constraint %I on %s', conname, conrelid::regclass) AS name FROM pg_constraint WHERE NOT convalidated
    UNION ALL SELECT format('index %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid ORDER BY 1`);
  return rows.map((row) => row.name);
}

/** Where migration tools note what they applied: table name, column of the name, column of the order. */
const migrationTables: ReadonlyArray<readonly [table: string, name: string, order: string, where?: string]> = [
  ['_prisma_migrations', 'migration_name', 'finished_at', 'rolled_back_at IS NULL AND finished_at IS NOT NULL'],
  ['__drizzle_migrations', 'hash', 'created_at'],
  ['knex_migrations', 'name', 'id'],
  ['pgmigrations', 'name', 'id'],
  ['SequelizeMeta', 'name', 'name'],
  ['typeorm_migrations', 'name', 'id'],
  ['schema_migrations', 'version', 'version'],
  ['alembic_version', 'version_num', 'version_num'],
  ['flyway_schema_history', 'version', 'installed_rank', 'success'],
  ['django_migrations', `app || '.' || name`, 'id'],
  ['goose_db_version', 'version_id', 'id'],
  ['kysely_migration', 'name', 'timestamp'],
];

async function migrationHead(session: Session, names: readonly string[]): Promise<{migration?: MigrationHead}> {
  for (const [table, name, order, where] of migrationTables) {
    const full = names.find((candidate) => candidate.replace(/"/g, '').endsWith(`.${table}`));
    if (!full || !(await hasColumns(session, full, [order]))) continue;
    const filter = where ? `WHERE ${where}` : '';
    const rows = await session.query<{newest: string; count: string}>(
      `SELECT (${name})::text AS newest, count(*) OVER ()::text AS count FROM ${full} ${filter} ORDER BY ${order} DESC LIMIT 1`,
    );
    if (rows[0]) return {migration: {table: full, newest: rows[0].newest, count: Number(rows[0].count)}};
  }
  return {};
}

async function hasColumns(session: Session, table: string, columns: readonly string[]): Promise<boolean> {
  const [row] = await session.query<{count: string}>(
    'SELECT count(*)::text AS count FROM pg_attribute WHERE attrelid = $1::regclass AND attname = ANY ($2) AND NOT attisdropped',
    [table, columns],
  );
  return Number(row!.count) === columns.length;
}
