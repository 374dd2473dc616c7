import {Failure} from '../kernel/errors.js';
import type {Connection} from '../postgres/connection.js';
import {
  heldLocks,
  rewrittenTables,
  type SeenLock,
  stronger,
  tableFiles,
  type WatchedLock,
  type WatchedTable,
  type WatchedTables,
  watchLocks,
  watchTables,
} from '../postgres/effects.js';
import {openSession, type Session} from '../postgres/session.js';
import {type ParsedStatement, type PgNode, parseSql} from '../schema/grammar.js';
import {type Migration, shortStatement} from '../schema/verdict.js';

/** What a statement, or a whole program, was seen to do to the tables that were there before. */
export interface TrialEffect {
  readonly file: string;
  readonly line: number;
  /** On one line, cut. */
  readonly statement: string;
  readonly ms: number;
  /** Each with the time for which others had to wait: to the end of the transaction that took it. */
  readonly locks: readonly WatchedLock[];
  /** Tables whose rows were written into a new file. */
  readonly rewrites: readonly WatchedTable[];
}

/** A migration that does not apply to the copy, and that speaks against the release. */
export class MigrationRefused extends Error {
  constructor(
    readonly file: string,
    readonly line: number,
    readonly statement: string,
    readonly said: string,
  ) {
    super(`${line > 0 ? `${file}:${line}` : file} does not apply: ${said}`);
  }
}

/** What has to be there beforehand, since a copy of one database does not bring it. */
export async function rolesNamedIn(migrations: readonly Migration[]): Promise<string[]> {
  const named = new Set<string>();
  const made = new Set<string>();
  for (const {sql} of migrations) {
    const parsed = sql === undefined ? [] : await parseSql(sql);
    if ('error' in parsed) continue;
    for (const {type, fields} of parsed)
      if (type === 'CreateRoleStmt') made.add(String(fields['role']));
      else collectRoles(fields, named);
  }
  return [...named].filter((role) => !made.has(role));
}

function collectRoles(node: unknown, into: Set<string>): void {
  if (Array.isArray(node)) for (const one of node) collectRoles(one, into);
  else if (node && typeof node === 'object') {
    const {roletype, rolename} = node as PgNode;
    if (roletype === 'ROLESPEC_CSTRING' && typeof rolename === 'string') into.add(rolename);
    for (const value of Object.values(node)) collectRoles(value, into);
  }
}

/**
 * Runs migrations as PostgreSQL's own statements, each measured. A file runs in one transaction, as most tools do it;
 * one with statements that refuse that runs statement by statement.
 * @throws MigrationRefused; Failure TRIAL_COPY where the copy is at fault and not the migration.
 */
export async function applyMigrations(
  connection: Connection,
  migrations: readonly Migration[],
  signal: AbortSignal,
): Promise<TrialEffect[]> {
  const effects: TrialEffect[] = [];
  const statements = await statementsOf(migrations);
  for (const [at, {file}] of migrations.entries()) {
    // A connection for each, so that what a file sets for its session does not reach the next one.
    await using session = await openSession(connection, {signal});
    await session.query('RESET ALL');
    const tables = await watchTables(session);
    const watch = {connection, session, file, tables, files: await tableFiles(session), signal};
    effects.push(...(await applyFile(watch, statements[at]!)));
  }
  return effects;
}

/** Runs a program that applies migrations, and watches from outside. */
export async function watchProgram<T>(
  connection: Connection,
  what: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<{result: T; effect: TrialEffect}> {
  await using session = await openSession(connection, {signal});
  const tables = await watchTables(session);
  const files = await tableFiles(session);
  const startedMs = performance.now();
  const {result, locks} = await watchLocks(connection, tables, signal, work);
  const ms = performance.now() - startedMs;
  const rewrites = await rewrittenTables(session, tables, files);
  return {result, effect: {file: what, line: 0, statement: '', ms, locks, rewrites}};
}

/**
 * The statements of each migration, in its order.
 * @throws Failure TRIAL_INPUT for one that is a program, or holds what only psql understands.
 */
export async function statementsOf(
  migrations: readonly Migration[],
): Promise<ReadonlyArray<readonly ParsedStatement[]>> {
  const all: Array<readonly ParsedStatement[]> = [];
  for (const {file, sql, firstLine = 1, unreadable} of migrations) {
    const parsed = sql === undefined ? undefined : await parseSql(sql);
    if (!parsed || 'error' in parsed)
      throw new Failure(
        'TRIAL_INPUT',
        `${file} cannot be run as plain SQL: ${parsed ? parsed.error : (unreadable?.why ?? 'it is not SQL')}`,
        {remedy: 'Set `database.trial.apply` to the command that applies your migrations.'},
      );
    all.push(parsed.map((statement) => ({...statement, line: firstLine + statement.line - 1})));
  }
  return all;
}

interface Watch {
  readonly connection: Connection;
  readonly session: Session;
  readonly file: string;
  readonly tables: WatchedTables;
  readonly files: Map<string, string>;
  readonly signal: AbortSignal;
}

/** What PostgreSQL says to a statement that wants to be alone, or to a value of an enum that is used too soon. */
const notInTransaction = new Set(['25001', '55P04']);

async function applyFile(watch: Watch, statements: readonly ParsedStatement[]): Promise<TrialEffect[]> {
  if (statements.some(({type}) => type === 'TransactionStmt')) return asWritten(watch, statements);
  const before = new Map(watch.files);
  try {
    return await together(watch, statements);
  } catch (error) {
    await watch.session.query('ROLLBACK').catch(() => {});
    if (!notInTransaction.has(codeOf(error))) throw error;
    watch.files.clear();
    for (const [oid, file] of before) watch.files.set(oid, file);
    const effects: TrialEffect[] = [];
    for (const statement of statements) effects.push(await alone(watch, statement));
    return effects;
  }
}

/** One transaction for all of them: what the first one locks stays locked until the last one has ended. */
async function together(watch: Watch, statements: readonly ParsedStatement[]): Promise<TrialEffect[]> {
  const transaction = new OpenTransaction(watch);
  await watch.session.query('BEGIN');
  for (const statement of statements) await transaction.run(statement);
  await commit(watch, statements.at(-1));
  return transaction.end();
}

/** A file that begins and ends its transactions itself. */
async function asWritten(watch: Watch, statements: readonly ParsedStatement[]): Promise<TrialEffect[]> {
  const effects: TrialEffect[] = [];
  let open: OpenTransaction | undefined;
  for (const statement of statements) {
    const kind = statement.type === 'TransactionStmt' ? String(statement.fields['kind']) : undefined;
    if (kind === undefined) {
      if (open) await open.run(statement);
      else effects.push(await alone(watch, statement));
      continue;
    }
    await execute(watch, statement);
    if (/_(BEGIN|START)$/.test(kind)) open = new OpenTransaction(watch);
    else if (open && /_(COMMIT|ROLLBACK)$/.test(kind)) {
      effects.push(...open.end());
      open = undefined;
    }
  }
  return open ? [...effects, ...open.end()] : effects;
}

/** A statement of its own: in a transaction that only looks at it, or bare and watched from outside. */
async function alone(watch: Watch, statement: ParsedStatement): Promise<TrialEffect> {
  const transaction = new OpenTransaction(watch);
  try {
    await watch.session.query('BEGIN');
    await transaction.run(statement);
    await commit(watch, statement);
    return transaction.end()[0]!;
  } catch (error) {
    await watch.session.query('ROLLBACK').catch(() => {});
    if (!notInTransaction.has(codeOf(error))) throw error;
  }
  const startedMs = performance.now();
  const {locks} = await watchLocks(watch.connection, watch.tables, watch.signal, () => execute(watch, statement));
  const ms = performance.now() - startedMs;
  return {
    ...placeOf(watch, statement),
    ms,
    locks,
    rewrites: await rewrittenTables(watch.session, watch.tables, watch.files),
  };
}

/** The effects of one transaction; how long its locks were held is known at its end. */
class OpenTransaction {
  readonly #seen: Array<{startedMs: number; effect: Omit<TrialEffect, 'locks'>; locks: SeenLock[]}> = [];
  readonly #held = new Map<string, SeenLock>();

  constructor(readonly watch: Watch) {}

  async run(statement: ParsedStatement): Promise<void> {
    const startedMs = performance.now();
    await execute(this.watch, statement);
    const ms = performance.now() - startedMs;
    const {session, tables, files} = this.watch;
    const rewrites = await rewrittenTables(session, tables, files);
    const locks = (await heldLocks(session, tables)).filter((lock) => this.#isNew(lock));
    this.#seen.push({startedMs, effect: {...placeOf(this.watch, statement), ms, rewrites}, locks});
  }

  end(): TrialEffect[] {
    const endMs = performance.now();
    return this.#seen.map(({startedMs, effect, locks}) => ({
      ...effect,
      locks: locks.map((lock) => ({...lock, heldMs: Math.round(endMs - startedMs)})),
    }));
  }

  /** A lock belongs to the statement that took it, and again to one that made it stronger. */
  #isNew(lock: SeenLock): boolean {
    const before = this.#held.get(lock.table);
    if (before && stronger(before, lock).mode === before.mode) return false;
    this.#held.set(lock.table, lock);
    return true;
  }
}

function placeOf({file}: Watch, {line, sql}: ParsedStatement) {
  return {file, line, statement: shortStatement(sql)};
}

async function execute(watch: Watch, statement: ParsedStatement): Promise<void> {
  try {
    await watch.session.query(statement.sql);
  } catch (error) {
    throw judged(watch, statement, error);
  }
}

/** Constraints that are checked at the end speak here. */
async function commit(watch: Watch, last: ParsedStatement | undefined): Promise<void> {
  try {
    await watch.session.query('COMMIT');
  } catch (error) {
    throw last ? judged(watch, last, error) : error;
  }
}

function judged(watch: Watch, statement: ParsedStatement, error: unknown): unknown {
  if (watch.signal.aborted || notInTransaction.has(codeOf(error))) return error;
  const {file, line, statement: text} = placeOf(watch, statement);
  const said = saidBy(error);
  if (!copyIsAtFault(codeOf(error), said)) return new MigrationRefused(file, line, text, said);
  return new Failure('TRIAL_COPY', `The copy cannot run ${file}:${line}: ${said}`, {
    remedy:
      'Give the trial a server like the live one (`image`, or `target-url` of a server made for trials with the extensions and roles of production).',
    cause: error,
  });
}

/** A server without an extension, a role or room says nothing of the migration. */
function copyIsAtFault(code: string, said: string): boolean {
  if (/^(08|53|57P|58)/.test(code) || code === '') return true;
  if (code === '42704') return /\b(role|tablespace)\b/i.test(said);
  return code === '0A000' && /extension|access method|preload/i.test(said);
}

function codeOf(error: unknown): string {
  return error instanceof Failure ? String(error.details['code'] ?? '') : '';
}

function saidBy(error: unknown): string {
  const cause = error instanceof Failure && error.cause instanceof Error ? error.cause : error;
  const {message, detail} = cause as {message?: string; detail?: string};
  return [message, detail].filter(Boolean).join('; ').replace(/\s+/g, ' ').slice(0, 500);
}
