import {childFailure, outputOf, succeeded} from '../kernel/child.js';
import {messageOf} from '../kernel/errors.js';
import type {Connection} from '../postgres/connection.js';
import {openSession} from '../postgres/session.js';
import type {LiveObjects} from '../schema/context.js';
import {findLayout, type Layout, readMigrations, type TreeReader} from '../schema/layouts.js';
import {type JudgedStatement, judgeMigrations, type Migration, type SchemaVerdict} from '../schema/verdict.js';
import {readCommit} from './commit-tree.js';

export interface SchemaQuestion {
  /** Folder of the checked-out repository. */
  readonly root: string;
  /** Commit that is live now: what a rollback would bring back. Undefined when the platform does not tell it. */
  readonly from: string | undefined;
  /** Commit of the release. */
  readonly to: string;
  /** Folder with the migrations; default: the usual places. */
  readonly folder?: string | undefined;
  /** Prints the SQL of the migrations between `{from}` and `{to}`; run without a shell. */
  readonly command?: readonly string[] | undefined;
  /** Asked for the size of tables and for what exists; nothing is written. */
  readonly connection?: Connection | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export interface ReleaseSchemaVerdict extends SchemaVerdict {
  /** How the migrations are written; undefined when none were found. */
  readonly layout: string | undefined;
  /** Why the database was not asked, when it was not. */
  readonly unasked?: string;
}

/**
 * Can code of the live commit run on the schema of the release's commit? Whatever stands in the way of an answer makes
 * the verdict unknown, with what to do about it; only an abort throws.
 */
export async function schemaVerdict(question: SchemaQuestion): Promise<ReleaseSchemaVerdict> {
  try {
    return await answer(question);
  } catch (error) {
    if (question.signal?.aborted) throw error;
    return cannotTell(messageOf(error), 'Read the message, and judge the migrations by hand.');
  }
}

async function answer(question: SchemaQuestion): Promise<ReleaseSchemaVerdict> {
  const range = await readRange(question);
  if ('why' in range) return cannotTell(range.why, range.instead);
  const {layout, before, added} = range;
  const {live, unasked} = added.length ? await look(question) : {};
  const verdict = await judgeMigrations(before, added, live);
  return {
    ...verdict,
    statements: verdict.statements.map((one) => withSize(one, live)),
    layout,
    ...(unasked && {unasked}),
  };
}

/** The migrations of the two commits. */
export interface MigrationRange {
  readonly layout: string | undefined;
  /** Those of the live commit, oldest first. */
  readonly before: readonly Migration[];
  /** Those that come with the release, oldest first. */
  readonly added: readonly Migration[];
}

/**
 * Reads the migrations between the two commits, in the order in which they run.
 * @returns why they cannot be told, with the remedy, where that is so.
 */
export async function readRange(
  question: SchemaQuestion,
): Promise<MigrationRange | {readonly why: string; readonly instead: string}> {
  const {from, to} = question;
  if (from === to) return {layout: undefined, before: [], added: []};
  if (!from)
    return {
      why: 'The platform does not tell the commit of the live backend.',
      instead: 'Deploy by commit, so that the next release knows where it starts.',
    };
  const [old, next] = await Promise.all([readCommit(question, from), readCommit(question, to)]);
  if (!old || !next)
    return {
      why: `Commit ${(old ? to : from).slice(0, 7)} is not in this clone.`,
      instead: 'Check the product out with `fetch-depth: 0`.',
    };
  const layout = findLayout(next.paths, question.folder) ?? findLayout(old.paths, question.folder);
  if (!layout && !question.command && question.folder)
    return {
      why: `There is no migration in ${question.folder}.`,
      instead: 'Correct `database.migrations`, or remove it when there are none.',
    };
  const before = layout ? await readMigrations(layout, old) : [];
  const added = question.command ? [await printed(question, question.command)] : await addedBy(layout, before, next);
  return {layout: question.command ? 'command' : layout?.name, before, added};
}

/** What the release brings; a migration that the live release has in another form, or alone, is a question of its own. */
async function addedBy(
  layout: Layout | undefined,
  before: readonly Migration[],
  next: TreeReader,
): Promise<Migration[]> {
  if (!layout) return [];
  const after = await readMigrations(layout, next);
  const known = new Map(before.map((one) => [one.file, one]));
  const here = new Set(after.map((one) => one.file));
  return [
    ...before
      .filter((one) => !here.has(one.file))
      .map((one) => odd(one.file, 'is in the live release, but not in this one')),
    ...after.flatMap((one) => {
      const live = known.get(one.file);
      if (!live) return [one];
      return says(live) === says(one) ? [] : [odd(one.file, 'reads differently in the live release')];
    }),
  ];
}

function odd(file: string, what: string): Migration {
  return {
    file,
    unreadable: {
      why: `This migration ${what}, so what the database holds cannot be told.`,
      instead: 'Leave released migrations as they are, and correct them by a new one.',
    },
  };
}

function says({sql, unreadable}: Migration): string {
  return sql === undefined ? (unreadable?.why ?? '') : sql.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim();
}

/** Variables that tools need to find themselves; nothing that may hold a secret. */
export const harmlessVariables = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TMPDIR',
  'VIRTUAL_ENV',
  'PYTHONPATH',
  'NODE_PATH',
  'GEM_HOME',
  'BUNDLE_PATH',
];

async function printed({root, from, to, env, signal}: SchemaQuestion, command: readonly string[]): Promise<Migration> {
  const fill = (word: string) => word.replaceAll('{from}', from ?? '').replaceAll('{to}', to);
  const [program, ...args] = command.map(fill);
  const run = await outputOf({
    command: program!,
    args,
    cwd: root,
    env: environmentOf(harmlessVariables, env),
    signal: AbortSignal.any([AbortSignal.timeout(300_000), ...(signal ? [signal] : [])]),
    outputLimit: 64 * 1024 * 1024,
  });
  const file = `output of ${program}`;
  if (succeeded(run)) return {file, sql: run.stdout};
  const failure = childFailure('MIGRATIONS_COMMAND', 'The command that prints the migrations', run, '');
  return {
    file,
    unreadable: {
      why: failure.message.replace(/\s+/g, ' ').slice(0, 500),
      instead: 'Correct `database.migrations-command`.',
    },
  };
}

/** Those of the named variables that are set. */
export function environmentOf(
  wanted: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(wanted.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** What the database holds; a database that does not answer leaves the verdict without it. */
async function look({connection, signal}: SchemaQuestion): Promise<{live?: LiveObjects; unasked?: string}> {
  if (!connection) return {unasked: 'no database address was given'};
  try {
    await using session = await openSession(connection, {statementTimeoutMs: 20_000, ...(signal && {signal})});
    const relations = await session.query<{name: string; bytes: string}>(sizes);
    const functions = await session.query<{name: string}>(
      `SELECT n.nspname || '.' || p.proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace`,
    );
    return {
      live: {
        relations: new Map(relations.map(({name, bytes}) => [name, Number(bytes)])),
        functions: new Set(functions.map(({name}) => name)),
      },
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    return {unasked: messageOf(error)};
  }
}

/** A partitioned table is as big as its partitions. */
const sizes = `
SELECT n.nspname || '.' || c.relname AS name,
  CASE c.relkind
    WHEN 'p' THEN (SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(c.oid))
    ELSE pg_total_relation_size(c.oid)
  END::text AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'`;

function withSize(statement: JudgedStatement, live: LiveObjects | undefined): JudgedStatement {
  const bytes = statement.lock && live?.relations.get(statement.lock.table);
  return bytes === undefined ? statement : {...statement, lock: {...statement.lock!, bytes}};
}

async function cannotTell(why: string, instead: string): Promise<ReleaseSchemaVerdict> {
  const {verdict, statements} = await judgeMigrations([], [{file: '', unreadable: {why, instead}}]);
  const sentence = `Whether code of the live release can run on the new schema cannot be told. ${why} ${instead}`;
  return {verdict, sentence, migrations: 0, statements, layout: undefined};
}
