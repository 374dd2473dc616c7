import {cell, oneLine, table} from './text.js';

/** The parts of a preflight row that are shown; `Finding` of src/platforms fits it. */
export interface ShownFinding {
  readonly area: string;
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem' | 'unknown';
  readonly found: string;
  readonly remedy?: string;
}

const marks = {ok: '✅', warning: '⚠️', problem: '❌', unknown: '❔'} as const;
const words = {ok: 'ok     ', warning: 'warning', problem: 'PROBLEM', unknown: 'unknown'} as const;

/** One line a row for the log: state, what was checked, what was found, and the remedy. */
export function preflightLines(findings: readonly ShownFinding[]): string[] {
  const width = Math.max(0, ...findings.map((f) => f.area.length + f.check.length + 2));
  return findings.map(
    (f) =>
      `${words[f.state]}  ${`${f.area}: ${f.check}`.padEnd(width)}  ${oneLine(f.found, 200)}${f.state !== 'ok' && f.remedy ? `  → ${oneLine(f.remedy, 300)}` : ''}`,
  );
}

export function preflightSummary(findings: readonly ShownFinding[], heading: string): string {
  const count = (state: ShownFinding['state']) => findings.filter((f) => f.state === state).length;
  const rows = findings.map((f) => [
    marks[f.state],
    cell(f.area),
    cell(f.check),
    cell(f.found),
    f.state === 'ok' ? '' : cell(f.remedy ?? ''),
  ]);
  return [
    `## ${heading}`,
    '',
    `${count('ok')} well, ${count('warning')} to look at, ${count('unknown')} not verifiable, ${count('problem')} to fix. Nothing was changed.`,
    '',
    table(['', 'area', 'check', 'found', 'remedy'], rows),
    '',
  ].join('\n');
}
