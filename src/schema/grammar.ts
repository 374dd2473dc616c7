import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {messageOf} from '../kernel/errors.js';

/** A node of PostgreSQL's own parse tree: one key, the node's type, and its fields. */
export type PgNode = Readonly<Record<string, any>>;

export interface ParsedStatement {
  /** Such as `AlterTableStmt`. */
  readonly type: string;
  readonly fields: PgNode;
  readonly sql: string;
  /** From 1, in the text that was given. */
  readonly line: number;
}

export interface UnreadableSql {
  readonly error: string;
  readonly line: number;
}

type PgParse = (
  sql: string,
) => Promise<{stmts?: ReadonlyArray<{stmt: PgNode; stmt_location?: number; stmt_len?: number}>}>;

/** The parser is 1.7 MB of WebAssembly: loaded only when there is a migration to read. */
let loading: Promise<PgParse> | undefined;

function loadParser(): Promise<PgParse> {
  if (!loading) nameFolder();
  loading ??= import('libpg-query').then(async (library) => {
    await library.loadModule();
    return library.parse as PgParse;
  });
  return loading;
}

/**
 * The parser looks for its WebAssembly beside itself by `__dirname`, which a bundle, being an ES module, does not have.
 * The build lays the file beside the bundle.
 */
function nameFolder(): void {
  const folder = dirname(fileURLToPath(import.meta.url));
  if (existsSync(join(folder, 'libpg-query.wasm'))) (globalThis as {__dirname?: string}).__dirname ??= folder;
}

/**
 * Parses SQL with PostgreSQL's grammar (version 18).
 * @param sql one or more statements; psql's own commands (`\connect`) are not SQL and make it unreadable.
 */
export async function parseSql(sql: string): Promise<readonly ParsedStatement[] | UnreadableSql> {
  // The parser refuses an empty text; a migration may well be one.
  if (!sql.trim()) return [];
  const parse = await loadParser();
  try {
    const {stmts = []} = await parse(sql);
    const bytes = Buffer.from(sql);
    return stmts.map(({stmt, stmt_location: start = 0, stmt_len: length}) => statementOf(stmt, bytes, start, length));
  } catch (error) {
    // The position counts bytes of UTF-8.
    const position = (error as {sqlDetails?: {cursorPosition?: number}}).sqlDetails?.cursorPosition ?? 0;
    return {error: messageOf(error), line: lineAt(Buffer.from(sql), position)};
  }
}

function statementOf(stmt: PgNode, bytes: Buffer, start: number, length: number | undefined): ParsedStatement {
  const [type, fields] = Object.entries(stmt)[0]! as [string, PgNode];
  const raw = bytes.subarray(start, length === undefined ? undefined : start + length).toString();
  // The parser counts white space and comments before a statement as part of it.
  const lead = /^(\s|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)*/.exec(raw)![0];
  return {type, fields, sql: raw.slice(lead.length).trim(), line: lineAt(bytes, start + Buffer.byteLength(lead))};
}

function lineAt(bytes: Buffer, offset: number): number {
  let line = 1;
  for (let at = bytes.indexOf(10); at >= 0 && at < offset; at = bytes.indexOf(10, at + 1)) line++;
  return line;
}
