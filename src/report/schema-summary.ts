import {cell, code, table} from './text.js';

/** The parts of a verdict that are shown; `ReleaseSchemaVerdict` of src/release fits it. */
export interface ShownSchema {
  readonly verdict: 'unchanged' | 'compatible' | 'breaking' | 'unknown';
  readonly sentence: string;
  readonly layout?: string | undefined;
  readonly unasked?: string;
  readonly statements: ReadonlyArray<{
    readonly compatibility: ShownSchema['verdict'];
    readonly file: string;
    readonly line: number;
    readonly statement: string;
    readonly why: string;
    readonly instead?: string;
    readonly lock?: {
      readonly cost: string;
      readonly table: string;
      readonly why: string;
      readonly instead?: string;
      readonly bytes?: number;
    };
  }>;
}

const marks = {unchanged: '✅', compatible: '✅', breaking: '❌', unknown: '❔'} as const;
const rank = {breaking: 0, unknown: 1, compatible: 2, unchanged: 3} as const;
const shownRows = 60;
/** Below this size a lock is over before anyone notices. */
export const bigTableBytes = 100 * 1024 * 1024;

type ShownLock = NonNullable<ShownSchema['statements'][number]['lock']>;

/** What a lock does to users: of a big table it hurts, of a small one it does not matter. */
export function lockNote(lock: ShownLock | undefined): string {
  if (!lock || lock.cost === 'none' || lock.cost === 'brief') return '';
  const away = lock.instead ? `. ${lock.instead}` : '';
  if (lock.bytes === undefined) return `${lock.why} (size of ${lock.table || 'the table'} not known)${away}`;
  return lock.bytes < bigTableBytes ? '' : `${lock.why}: ${lock.table} holds ${megabytes(lock.bytes)}${away}`;
}

function megabytes(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** The verdict with a row for each statement, the worst first. */
export function schemaSummary(
  shown: ShownSchema,
  range: {readonly from?: string | undefined; readonly to: string},
): string {
  const rows = [...shown.statements].sort((a, b) => rank[a.compatibility] - rank[b.compatibility]);
  const left = rows.length - shownRows;
  return [
    `## ${marks[shown.verdict]} Schema: ${shown.verdict}`,
    '',
    cell(shown.sentence, 1_000),
    '',
    `From ${code(range.from?.slice(0, 12) ?? 'unknown')} to ${code(range.to.slice(0, 12))}; migrations: ${cell(shown.layout ?? 'none found')}.${shown.unasked ? ` Sizes of tables are not known: ${cell(shown.unasked)}.` : ''}`,
    '',
    ...(rows.length ? [table(head, rows.slice(0, shownRows).map(row)), ''] : []),
    ...(left > 0 ? [`… and ${left} more statements of milder kinds.`, ''] : []),
  ].join('\n');
}

const head = ['', 'verdict', 'where', 'statement', 'why', 'the safe way', 'while it runs'];

function row(one: ShownSchema['statements'][number]): string[] {
  return [
    marks[one.compatibility],
    one.compatibility,
    one.file ? code(`${one.file}:${one.line}`) : '',
    cell(one.statement, 160),
    cell(one.why, 400),
    cell(one.instead ?? '', 400),
    cell(lockNote(one.lock), 300),
  ];
}

/** One line a statement for the log. */
export function schemaLines(shown: ShownSchema): string[] {
  return [...shown.statements]
    .sort((a, b) => rank[a.compatibility] - rank[b.compatibility])
    .slice(0, shownRows)
    .map(
      (one) => `${one.compatibility.padEnd(10)}  ${one.file}:${one.line}  ${one.statement.slice(0, 120)}  ${one.why}`,
    );
}
