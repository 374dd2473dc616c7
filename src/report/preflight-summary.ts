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

/** Before a folded part that says nothing which the log does not say; see `plainText`. */
const logged = '<!-- also in the log -->';

export function preflightSummary(findings: readonly ShownFinding[], heading: string): string {
  const count = (state: ShownFinding['state']) => findings.filter((f) => f.state === state).length;
  const order = ['problem', 'unknown', 'warning'] as const;
  const open = order.flatMap((state) => findings.filter((f) => f.state === state));
  const well = findings.filter((f) => f.state === 'ok');
  const parts = [
    ...(count('problem') ? [`${count('problem')} to fix`] : []),
    ...(count('unknown') ? [`${count('unknown')} not verifiable`] : []),
    ...(count('warning') ? [`${count('warning')} to look at`] : []),
    `${count('ok')} well`,
  ];
  return [
    `## ${heading}: ${parts.join(', ')}`,
    '',
    'Nothing live was changed.',
    '',
    ...(open.length
      ? [
          table(
            ['', 'area', 'check', 'found', 'remedy'],
            open.map((f) => [marks[f.state], cell(f.area), cell(f.check), cell(f.found), cell(f.remedy ?? '')]),
          ),
          '',
        ]
      : []),
    // The log has these rows already, so a terminal that shows both leaves them out here.
    logged,
    `<details><summary>What is well (${well.length})</summary>`,
    '',
    table(
      ['', 'area', 'check', 'found'],
      well.map((f) => [marks.ok, cell(f.area), cell(f.check), cell(f.found)]),
    ),
    '',
    '</details>',
    '',
  ].join('\n');
}
