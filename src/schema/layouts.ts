import type {Migration} from './verdict.js';

/** A repository at one commit, as this module needs it: paths and texts. */
export interface TreeReader {
  /** All paths below the folder, relative to the repository's root. */
  list(folder: string): Promise<readonly string[]>;
  read(path: string): Promise<string>;
}

export type LayoutName = 'sql' | 'prisma' | 'drizzle' | 'alembic' | 'django' | 'knex' | 'typeorm' | 'rails';

export interface Layout {
  readonly name: LayoutName;
  readonly folder: string;
}

/** How each layout's own tool prints the SQL of its migrations, for those that are programs and not SQL. */
export const printers: Partial<Record<LayoutName, string>> = {
  alembic: 'alembic upgrade FROM:TO --sql (with Flask-Migrate: flask db upgrade FROM:TO --sql)',
  django: 'python manage.py sqlmigrate APP NAME',
  knex: 'knex has no printer; write raw SQL in knex.raw, or print it with a script',
  typeorm: 'typeorm schema:log, or SQL in queryRunner.query',
  rails: 'write SQL in execute, or dump both structure.sql files and pass the difference',
};

/** The usual places, most telling first; `folder` from the configuration wins. */
const places: ReadonlyArray<readonly [LayoutName, RegExp]> = [
  ['prisma', /^(.*\/)?prisma\/migrations\/[^/]+\/migration\.sql$/],
  ['drizzle', /^(.*\/)?drizzle\/\d{4}_[^/]+\.sql$/],
  ['alembic', /^(.*\/)?(alembic|migrations)\/versions\/[^/]+\.py$/],
  ['django', /^(.*\/)?migrations\/\d{4}_[^/]+\.py$/],
  ['rails', /^(.*\/)?db\/migrate\/\d{14}_[^/]+\.rb$/],
  ['sql', /^(.*\/)?(migrations?|migrate|db\/migrations|sql)\/V?\d+[^/]*\.(up\.)?sql$/i],
  ['typeorm', /^(.*\/)?migrations?\/\d{13}-[^/]+\.[jt]s$/],
  ['knex', /^(.*\/)?migrations?\/\d{14}_[^/]+\.[jt]s$/],
];

/** Finds where a repository keeps its migrations; undefined when no usual place holds any. */
export function findLayout(paths: readonly string[], folder?: string): Layout | undefined {
  const inside = folder ? paths.filter((path) => path.startsWith(`${folder.replace(/\/$/, '')}/`)) : paths;
  for (const [name, shape] of places) {
    const hit = inside.find((path) => shape.test(path));
    if (hit) return {name, folder: folder ?? rootOf(name, hit)};
  }
  const plain = folder && inside.find((path) => path.endsWith('.sql'));
  return plain ? {name: 'sql', folder} : undefined;
}

function rootOf(name: LayoutName, path: string): string {
  const parts = path.split('/');
  return parts.slice(0, name === 'prisma' ? -2 : -1).join('/');
}

/** Reads all migrations of a layout, oldest first. Down migrations and other files are left out. */
export async function readMigrations(layout: Layout, tree: TreeReader): Promise<Migration[]> {
  const paths = (await tree.list(layout.folder)).filter((path) => isMigration(layout, path)).sort(byNumber);
  return Promise.all(paths.map(async (file) => extract(layout.name, file, await tree.read(file))));
}

function isMigration({name}: Layout, path: string): boolean {
  const base = path.split('/').at(-1)!;
  if (/\.down\.sql$|_down\.sql$|^(down|rollback|undo)[._-]|^U\d/i.test(base)) return false;
  if (name === 'prisma') return base === 'migration.sql';
  if (name === 'sql' || name === 'drizzle') return base.endsWith('.sql');
  if (name === 'alembic' || name === 'django') return base.endsWith('.py') && base !== '__init__.py';
  if (name === 'rails') return /^\d+_.*\.rb$/.test(base);
  return /^\d+[-_].*\.(js|ts|cjs|mjs)$/.test(base) && !base.endsWith('.d.ts');
}

/** Numbers count as numbers, so that 10 comes after 9. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', {numeric: true});
}

/** The SQL of a migration's way up; of a program only when it holds nothing but literal SQL. */
function extract(name: LayoutName, file: string, text: string): Migration {
  if (file.endsWith('.sql')) return {file, sql: upPart(text)};
  const found = literalSql(name, text);
  if (found) return {file, sql: found.sql, firstLine: found.line};
  return {
    file,
    unreadable: {
      why: 'This migration is a program, which is not run to find out what it does.',
      instead: `Set \`database.migrations-command\` to what prints its SQL: ${printers[name] ?? 'a command of yours'}.`,
    },
  };
}

/** Tools that keep both directions in one file mark them by comments. Lines are kept, so that line numbers hold. */
function upPart(text: string): string {
  const down = /^--\s*(\+goose Down|migrate:down|\+migrate Down|@?down\b|rollback\b).*$/im.exec(text);
  const up = down ? text.slice(0, down.index) : text;
  return up.replace(/^--> statement-breakpoint.*$/gm, '');
}

const calls: Partial<Record<LayoutName, {readonly up: RegExp; readonly call: RegExp; readonly other: RegExp}>> = {
  alembic: {
    up: /def upgrade\(\)[^:]*:\n([\s\S]*?)(?=\ndef |$(?![\s\S]))/,
    call: /op\.execute\(\s*(?:sa\.text\(|text\()?\s*(?:"""([\s\S]*?)"""|'''([\s\S]*?)'''|"([^"\n]*)"|'([^'\n]*)')\s*\)?\s*,?\s*\)/g,
    other: /\bop\.|\bfor\b|\bif\b|\bwhile\b/,
  },
  typeorm: {
    up: /async up\([^)]*\)[^{]*\{([\s\S]*?)\n\s{0,4}\}/,
    call: /await\s+queryRunner\.query\(\s*(?:`([^`$]*)`|"([^"\n]*)"|'([^'\n]*)')\s*\)/g,
    other: /queryRunner|\bfor\b|\bif\b|\bwhile\b/,
  },
  knex: {
    up: /(?:exports\.up\s*=|export\s+(?:async\s+)?function\s+up|async function up)[^{]*\{([\s\S]*?)\n\}/,
    call: /(?:await\s+|return\s+)?knex(?:\.schema)?\.raw\(\s*(?:`([^`$]*)`|"([^"\n]*)"|'([^'\n]*)')\s*\)/g,
    other: /knex|\bfor\b|\bif\b|\bwhile\b/,
  },
  rails: {
    up: /def (?:up|change)\s*\n([\s\S]*?)\n {2}end/,
    call: /execute\s*\(?\s*(?:<<[~-]?['"]?SQL['"]?\s*\n([\s\S]*?)\n\s*SQL|"([^"\n#]*)"|'([^'\n]*)')\s*\)?/g,
    other: /\b(add_|remove_|create_|drop_|change_|rename_|if|unless|each)\w*/,
  },
};

/** Statements of a program's way up when it holds nothing but calls with literal SQL; undefined otherwise. */
function literalSql(name: LayoutName, text: string): {sql: string; line: number} | undefined {
  const shape = calls[name];
  const up = shape?.up.exec(text);
  if (!shape || !up) return undefined;
  const body = up[1]!;
  const statements = [...body.matchAll(shape.call)];
  const rest = body
    .replace(shape.call, '')
    .replace(/#.*$|\/\/.*$/gm, '')
    .replace(/"""[\s\S]*?"""/g, '');
  if (!statements.length || shape.other.test(rest)) return undefined;
  const line = text.slice(0, up.index + up[0].indexOf(body) + statements[0]!.index).split('\n').length;
  return {
    sql: statements
      .map((match) => (match.slice(1).find((group) => group !== undefined) ?? '').trim().replace(/;?$/, ';'))
      .join('\n'),
    line,
  };
}
