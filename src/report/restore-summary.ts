import {formatBytes} from '../kernel/bytes.js';
import {formatDuration} from '../kernel/duration.js';
import {cell, code, table} from './text.js';

/** One row of the list of sets. */
export interface SetRow {
  readonly id: string;
  readonly ageMs: number;
  readonly reason: string;
  readonly release: string | undefined;
  readonly storedBytes: number;
  readonly parts: readonly string[];
  readonly rows: number | undefined;
  readonly proof: string;
}

export function setListSummary(
  sets: readonly SetRow[],
  counts: {readonly all: number; readonly unsealed: number; readonly unreadable: number},
): string {
  return [
    `## ${counts.all} sealed sets`,
    '',
    ...(counts.all > sets.length + counts.unreadable ? [`The newest ${sets.length} are shown.`, ''] : []),
    table(
      ['set', 'age', 'why', 'release', 'holds', 'stored', 'rows', 'proof'],
      sets.map((set) => [
        code(set.id),
        formatDuration(set.ageMs),
        cell(set.reason),
        cell(set.release ?? ''),
        cell(set.parts.join(', ')),
        formatBytes(set.storedBytes),
        set.rows === undefined ? '' : String(set.rows),
        cell(set.proof),
      ]),
    ),
    '',
    ...(counts.unsealed
      ? [
          `${counts.unsealed} sets were never sealed; the next backup removes them once no run can be making them any more.`,
          '',
        ]
      : []),
    ...(counts.unreadable
      ? [
          `> ${counts.unreadable} sets have a manifest that cannot be read or is not signed by a trusted key. Find out who changed them.`,
          '',
        ]
      : []),
  ].join('\n');
}

export interface RestoreFigures {
  readonly title: string;
  readonly set: string;
  readonly ageMs: number;
  readonly outcome: ReadonlyArray<readonly [what: string, value: string]>;
  readonly durationMs: Readonly<Record<string, number>>;
  readonly compared: number;
  readonly differences: ReadonlyArray<{readonly what: string; readonly expected: string; readonly found: string}>;
  readonly notes: readonly string[];
}

export function restoreSummary(figures: RestoreFigures): string {
  return [
    `## ${figures.differences.length ? '❌' : '✅'} ${figures.title}: ${code(figures.set)}`,
    '',
    `The set is ${formatDuration(figures.ageMs)} old. ${figures.compared} points compared, ${figures.differences.length} differ.`,
    '',
    ...figures.outcome.map(([what, value]) => `- ${cell(what)}: ${code(value)}`),
    '',
    table(
      ['stage', 'took'],
      Object.entries(figures.durationMs).map(([stage, ms]) => [cell(stage), formatDuration(ms)]),
    ),
    '',
    ...(figures.differences.length
      ? [
          table(
            ['differs', 'manifest', 'restored'],
            figures.differences
              .slice(0, 50)
              .map(({what, expected, found}) => [cell(what), cell(expected), cell(found)]),
          ),
          '',
        ]
      : []),
    ...figures.notes.map((note) => `> ${cell(note)}`),
  ].join('\n');
}

export function dryRunSummary(set: string, ageMs: number, lines: readonly string[]): string {
  return [
    `### 🔍 Restore of ${code(set)}, dry run: nothing was changed`,
    '',
    `The set is ${formatDuration(ageMs)} old.`,
    '',
    ...lines.map((line) => `- ${cell(line, 400)}`),
    '',
  ].join('\n');
}
