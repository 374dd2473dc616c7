import {formatDuration} from '../kernel/duration.js';
import {bigTableBytes} from './schema-summary.js';
import {cell, code, table} from './text.js';

export interface ShownTrial {
  readonly outcome: 'passed' | 'breaking' | 'refused' | 'inconclusive' | 'error';
  readonly sentence: string;
  /** What was copied. */
  readonly origin: string;
  readonly effects: ReadonlyArray<{
    readonly file: string;
    readonly line: number;
    readonly statement: string;
    readonly ms: number;
    readonly locks: ReadonlyArray<{
      readonly table: string;
      readonly bytes: number;
      readonly mode: string;
      readonly blocks: 'writes' | 'everything';
      readonly heldMs: number;
    }>;
    readonly rewrites: ReadonlyArray<{readonly name: string; readonly bytes: number}>;
  }>;
  readonly notes: readonly string[];
  readonly durationMs: Readonly<Record<string, number>>;
}

const marks = {passed: '✅', breaking: '❌', refused: '❌', inconclusive: '❔', error: '❔'} as const;
const titles = {
  passed: 'passed',
  breaking: 'old code fails on the new schema',
  refused: 'a migration does not apply',
  inconclusive: 'proves nothing',
  error: 'could not be made',
} as const;
const shownRows = 60;
/** A lock that is shorter goes unnoticed by users. */
const noticedMs = 1_000;

type Effect = ShownTrial['effects'][number];

/** What was seen when the migrations ran on a copy: times, locks and rewrites are measured, not foretold. */
export function trialSummary(shown: ShownTrial): string {
  const rows = [...shown.effects].sort((a, b) => heldMs(b) - heldMs(a) || b.ms - a.ms);
  const spans = Object.entries(shown.durationMs).map(([what, ms]) => `${what} ${formatDuration(Math.round(ms))}`);
  return [
    `## ${marks[shown.outcome]} Trial on a copy: ${titles[shown.outcome]}`,
    '',
    cell(shown.sentence, 1_200),
    '',
    `Copied: ${cell(shown.origin)}.${spans.length ? ` Took: ${spans.join(', ')}. Nobody else was on the copy and its disk was not waited for, so production takes longer.` : ''}`,
    '',
    ...(rows.length
      ? [
          table(
            ['where', 'statement', 'took', 'locked others out', 'written anew'],
            rows
              .slice(0, shownRows)
              .map((one) => [
                code(one.line > 0 ? `${one.file}:${one.line}` : one.file),
                cell(one.statement, 120),
                formatDuration(Math.round(one.ms)),
                cell(one.locks.map(lockText).join('; '), 300),
                cell(one.rewrites.map(({name, bytes}) => `${name}, ${size(bytes)}`).join('; '), 300),
              ]),
          ),
          '',
        ]
      : []),
    ...(rows.length > shownRows
      ? [`… and ${rows.length - shownRows} more statements that held locks for less.`, '']
      : []),
    ...shown.notes.map((note) => `- ${cell(note, 500)}`),
    ...(shown.notes.length ? [''] : []),
  ].join('\n');
}

/** One line a statement for the log. */
export function trialLines({effects}: ShownTrial): string[] {
  return effects
    .slice(0, shownRows)
    .map(({file, line, ms, locks, rewrites, statement}) =>
      [
        `${line > 0 ? `${file}:${line}` : file}  ${formatDuration(Math.round(ms))}`,
        ...locks.map(lockText),
        ...rewrites.map(({name, bytes}) => `writes ${name} anew, ${size(bytes)}`),
        statement.slice(0, 100),
      ].join('  '),
    );
}

/** What users would notice, as warnings. */
export function trialWarnings({effects}: ShownTrial): ReadonlyArray<{file: string; line: number; message: string}> {
  return effects.flatMap(({file, line, locks, rewrites}) => {
    const long = locks.filter((lock) => lock.heldMs >= noticedMs || lock.bytes >= bigTableBytes);
    const big = rewrites.filter(({bytes}) => bytes >= bigTableBytes);
    if (!long.length && !big.length) return [];
    const seen = [...long.map(lockText), ...big.map(({name, bytes}) => `writes ${name} anew, ${size(bytes)}`)];
    return [{file, line, message: `Seen on the copy: ${seen.join('; ')}.`}];
  });
}

function lockText({table: name, bytes, mode, blocks, heldMs: ms}: Effect['locks'][number]): string {
  return `${mode} on ${name} (${size(bytes)}) for ${formatDuration(ms)}: ${blocks === 'everything' ? 'reads and writes wait' : 'writes wait'}`;
}

function heldMs({locks}: Effect): number {
  return Math.max(0, ...locks.map((lock) => lock.heldMs));
}

function size(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  return bytes >= 1024 ** 2 ? `${Math.round(bytes / 1024 ** 2)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;
}
