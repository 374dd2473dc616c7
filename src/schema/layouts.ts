import {literalSql} from './literal-sql.js';
import type {Migration} from './verdict.js';

/** A repository at one commit, as this module needs it: paths and texts. */
export interface TreeReader {
  /** All paths, relative to the repository's root. */
  readonly paths: readonly string[];
  read(path: string): Promise<string>;
}

export type LayoutName = 'sql' | 'prisma' | 'drizzle' | 'alembic' | 'django' | 'knex' | 'typeorm' | 'rails';

export interface Layout {
  readonly name: LayoutName;
  /** Where migrations are looked for; undefined: in all the usual places. */
  readonly folder?: string;
}

/** How each layout's own tool prints the SQL of its migrations, for those that are programs and not SQL. */
const printers: Partial<Record<LayoutName, string>> = {
  alembic: 'alembic upgrade FROM:TO --sql (with Flask-Migrate: flask db upgrade FROM:TO --sql)',
  django: 'a script that calls python manage.py sqlmigrate APP NAME for each new migration',
  knex: 'a script that prints it, or write raw SQL in knex.raw',
  typeorm: 'a script that prints it, or write SQL in queryRunner.query',
  rails: 'a script that prints it, or write SQL in execute',
};

/** The usual places, most telling first; `folder` from the configuration wins. */
const places: ReadonlyArray<readonly [LayoutName, RegExp]> = [
  ['prisma', /(^|\/)prisma\/migrations\/[^/]+\/migration\.sql$/],
  ['drizzle', /(^|\/)drizzle\/(\d{4}_[^/]+\.sql|\d{14}_[^/]+\/migration\.sql)$/],
  ['alembic', /(^|\/)(alembic|migrations)\/versions\/[^/]+\.py$/],
  ['django', /(^|\/)migrations\/\d{4}_[^/]+\.py$/],
  ['rails', /(^|\/)db\/migrate\/\d{14}_[^/]+\.rb$/],
  ['sql', /(^|\/)(migrations?|migrate|sql)\/V?\d+[^/]*\.sql$/i],
  ['typeorm', /(^|\/)migrations?\/\d{13}-[^/]+\.[jt]s$/],
  ['knex', /(^|\/)migrations?\/\d{14}_[^/]+\.[cm]?[jt]s$/],
];
const elsewhere = /(^|\/)(node_modules|vendor|tests?|__tests__|fixtures|examples?|docs)\//;

/** Finds where a repository keeps its migrations; undefined when no usual place holds any. */
export function findLayout(paths: readonly string[], folder?: string): Layout | undefined {
  const inside = folder ? below(paths, folder) : paths.filter((path) => !elsewhere.test(path));
  for (const [name, shape] of places)
    if (inside.some((path) => shape.test(path))) return {name, ...(folder && {folder})};
  return folder ? ownFolder(inside, folder) : undefined;
}

/** What a folder may hold that the configuration names, most telling first. */
const kinds: ReadonlyArray<readonly [LayoutName, RegExp]> = [
  ['sql', /\.sql$/],
  ['typeorm', /^\d{13}-.*\.[jt]s$/],
  ['knex', /^\d+[-_].*\.[cm]?[jt]s$/],
  ['rails', /^\d+_.*\.rb$/],
  ['django', /^\d{4}_.*\.py$/],
  ['alembic', /\.py$/],
];

/** A folder that the configuration names may be called anything. */
function ownFolder(inside: readonly string[], folder: string): Layout | undefined {
  const kind = kinds.find(([, shape]) => inside.some((path) => shape.test(baseOf(path))));
  return kind && {name: kind[0], folder};
}

function below(paths: readonly string[], folder: string): string[] {
  const root = folder.replace(/^\.\//, '').replace(/\/+$/, '');
  return root === '.' || root === '' ? [...paths] : paths.filter((path) => path.startsWith(`${root}/`));
}

/** Reads all migrations of a layout, oldest first. Down migrations and other files are left out. */
export async function readMigrations({name, folder}: Layout, tree: TreeReader): Promise<Migration[]> {
  const usual = places.find(([place]) => place === name)![1];
  const candidates = folder
    ? below(tree.paths, folder)
    : tree.paths.filter((path) => usual.test(path) && !elsewhere.test(path));
  const files = await Promise.all(
    candidates
      .filter((path) => isMigration(name, baseOf(path)))
      .sort(byNumber)
      .map(async (file) => ({file, text: await tree.read(file)})),
  );
  return (name === 'alembic' ? byRevision(files) : files).map(({file, text}) => extract(name, file, text));
}

function baseOf(path: string): string {
  return path.split('/').at(-1)!;
}

function isMigration(name: LayoutName, base: string): boolean {
  if (/[._]down\.sql$|^(down|rollback|undo)[._-]|^U\d+__/i.test(base)) return false;
  if (name === 'prisma') return base === 'migration.sql';
  if (name === 'sql' || name === 'drizzle') return base.endsWith('.sql');
  if (name === 'alembic') return base.endsWith('.py') && !/^(__init__|env)\.py$/.test(base);
  return kinds.find(([kind]) => kind === name)![1].test(base) && !base.endsWith('.d.ts');
}

/** Numbers count as numbers, so that 10 comes after 9. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', {numeric: true});
}

/** Alembic names each revision's forerunner; the file names say nothing of the order. */
function byRevision<T extends {readonly text: string}>(files: readonly T[]): T[] {
  const ordered: T[] = [];
  const done = new Set<string>();
  let waiting = [...files];
  while (waiting.length) {
    const ready = waiting.filter(({text}) => idsIn(text, 'down_revision').every((one) => done.has(one)));
    // A forerunner that is nowhere, or a circle: the order of the names is as good as any.
    const next = ready.length ? ready : waiting;
    ordered.push(...next);
    for (const {text} of next) for (const one of idsIn(text, 'revision')) done.add(one);
    waiting = waiting.filter((file) => !next.includes(file));
  }
  return ordered;
}

/** The ids that an Alembic file assigns to `revision` or `down_revision`. */
function idsIn(text: string, name: string): string[] {
  const value = new RegExp(`^${name}\\b[^=\\n]*=(.*)$`, 'm').exec(text)?.[1] ?? '';
  return [...value.matchAll(/["']([^"']+)["']/g)].map((match) => match[1]!);
}

/** The SQL of a migration's way up; of a program only when it holds nothing but literal SQL. */
function extract(name: LayoutName, file: string, text: string): Migration {
  if (file.endsWith('.sql')) return {file, sql: upPart(text)};
  const sql = literalSql(name, text);
  if (sql !== undefined) return {file, sql};
  return {
    file,
    unreadable: {
      why: 'This migration is a program, which is not run to find out what it does.',
      instead: `Set \`database.migrations-command\` to what prints its SQL: ${printers[name] ?? 'a command of yours'}.`,
    },
  };
}

/** Tools that keep both directions in one file mark the way down by a comment of its own. */
function upPart(text: string): string {
  const down = /^[ \t]*--\s*(\+goose Down|\+migrate Down|migrate:down|Down Migration)\b[ \t\w:]*$/im.exec(text);
  return down ? text.slice(0, down.index) : text;
}
