import {Catalog} from './catalog.js';
import type {Context, LiveObjects} from './context.js';
import {type Compatibility, type Finding, unknown, worst} from './finding.js';
import {type ParsedStatement, parseSql} from './grammar.js';
import {judge} from './judge.js';
import {pathSetBy, placeNames} from './names.js';
import {Newborn} from './newborn.js';

/** One migration as text; `sql` is undefined when it is not SQL and could not be read. */
export interface Migration {
  /** Path in the repository. */
  readonly file: string;
  readonly sql?: string;
  /** Line of the file at which `sql` begins; 1 unless it was cut out of something else. */
  readonly firstLine?: number;
  /** Why there is no SQL, with the remedy. */
  readonly unreadable?: {readonly why: string; readonly instead: string};
}

export interface JudgedStatement extends Finding {
  readonly file: string;
  readonly line: number;
  /** The statement on one line, at most 300 characters. */
  readonly statement: string;
}

export interface SchemaVerdict {
  readonly verdict: Compatibility;
  /** One sentence for people. */
  readonly sentence: string;
  readonly migrations: number;
  readonly statements: readonly JudgedStatement[];
}

/**
 * Can code of the live release run on the schema of the new one? Judges the migrations between the two.
 * @param earlier all migrations that the live release has, oldest first: what they made tells what a name is.
 * @param added the migrations that come with the new release, oldest first; none means unchanged.
 * @param live what the database holds now, before the migrations; without it, what may be new counts as old.
 */
export async function judgeMigrations(
  earlier: readonly Migration[],
  added: readonly Migration[],
  live?: LiveObjects,
): Promise<SchemaVerdict> {
  const context: Context = {catalog: new Catalog(), newborn: new Newborn(), live};
  for (const migration of earlier) await learn(migration, context.catalog);
  context.catalog.startRange();
  const statements: JudgedStatement[] = [];
  for (const migration of added) statements.push(...(await judgeMigration(migration, context)));
  const verdict = worst(statements.map((one) => one.compatibility));
  return {verdict, sentence: sentenceOf(verdict, statements, added.length), migrations: added.length, statements};
}

async function learn(migration: Migration, catalog: Catalog): Promise<void> {
  const parsed = migration.sql === undefined ? [] : await parseSql(migration.sql);
  if (migration.sql === undefined || 'error' in parsed) catalog.noteGap();
  else for (const statement of inTheirSchemas(parsed)) catalog.learn(statement);
}

async function judgeMigration(migration: Migration, context: Context): Promise<JudgedStatement[]> {
  const {file, sql, firstLine = 1, unreadable} = migration;
  const place = (line: number, statement: string, finding: Finding): JudgedStatement => ({
    ...finding,
    file,
    line: firstLine + line - 1,
    statement: shortStatement(statement),
  });
  if (sql === undefined)
    return [
      place(
        1,
        '(not SQL)',
        unknown(
          unreadable?.why ?? 'This migration is not SQL.',
          unreadable?.instead ?? 'Configure a command that prints its SQL.',
        ),
      ),
    ];
  const parsed = await parseSql(sql);
  if ('error' in parsed)
    return [
      place(
        parsed.line,
        sql.split('\n')[parsed.line - 1] ?? '',
        unknown(
          `PostgreSQL's grammar does not read it: ${parsed.error}.`,
          'Correct it, or leave psql commands and templates out of migrations.',
        ),
      ),
    ];
  return [...inTheirSchemas(parsed)].map((statement) =>
    place(statement.line, statement.sql, judge(statement, context)),
  );
}

/** Follows `SET search_path` through one file. */
function* inTheirSchemas(statements: readonly ParsedStatement[]): Generator<ParsedStatement> {
  let schema = 'public';
  for (const statement of statements) {
    yield placeNames(statement, schema);
    schema = pathSetBy(statement) ?? schema;
  }
}

/** One line, at most 300 characters, without what a migration may say of passwords. */
export function shortStatement(statement: string): string {
  const line = statement
    .replace(/\b(password)(\s*=?\s*)(E?'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\4\$)/gi, "$1$2'***'")
    .replace(/\b(password\s*=\s*)[^\s'"*]+/gi, '$1***')
    .replace(/\/\/([^\s:@/']+):[^\s@/']+@/g, '//$1:***@')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

function sentenceOf(verdict: Compatibility, statements: readonly JudgedStatement[], migrations: number): string {
  const first = statements.find((one) => one.compatibility === verdict);
  const count = `${migrations} ${migrations === 1 ? 'migration' : 'migrations'} with ${statements.length} ${statements.length === 1 ? 'statement' : 'statements'}`;
  switch (verdict) {
    case 'unchanged':
      return migrations
        ? `${count} change nothing that code could see: going back is safe.`
        : 'No migration between the live commit and this one: going back is safe.';
    case 'compatible':
      return `${count}: code of the live release also runs on the new schema, so going back is safe.`;
    case 'breaking':
      return `Code of the live release cannot run on the new schema: ${first!.file}:${first!.line}. ${first!.why} Going back by itself would make an outage worse.`;
    default:
      return `Whether code of the live release can run on the new schema cannot be told: ${first!.file}:${first!.line}. ${first!.why}`;
  }
}
