import {formatDuration} from '../kernel/duration.js';
import {cell, code, table} from './text.js';

export interface ShownRecoveryPlan {
  readonly resumed: boolean;
  readonly since: string;
  readonly release: string;
  readonly commit: string;
  readonly database: string;
  readonly set: string | undefined;
  readonly identity: string | undefined;
}

/** What the steps that follow are going to do. */
export function recoveryPlanSummary(plan: ShownRecoveryPlan): string {
  return [
    `## 🧭 Disaster recovery${plan.resumed ? ', going on where a run stopped' : ''}`,
    '',
    table(
      ['what', 'which'],
      [
        ['damage since', cell(plan.since)],
        ['code goes back to', `${code(plan.release)} (commit ${code(plan.commit.slice(0, 7))})`],
        ['database', cell(plan.database)],
        ...(plan.set ? [['restored from the set', code(plan.set)]] : []),
        ...(plan.identity ? [['identity of the database', code(plan.identity)]] : []),
      ],
    ),
    '',
  ].join('\n');
}

export interface ShownMeasures {
  readonly rtoMs: number;
  readonly rpoMs: number;
  readonly objectives: {readonly rto: number; readonly rpo: number};
  readonly set: string | undefined;
  readonly release: string | undefined;
}

/** Measured times against the objectives, for log and summary. */
export function measureLines({rtoMs, rpoMs, objectives, set}: ShownMeasures): string[] {
  const against = (ms: number, limit: number) =>
    `${formatDuration(ms)}; the objective is ${formatDuration(limit)}, ${ms > limit ? 'MISSED' : 'met'}`;
  return [
    `RTO, from the begin of the damage to the end of maintenance mode: ${against(rtoMs, objectives.rto)}.`,
    set
      ? `RPO, what came after the restored set ${set}: ${against(rpoMs, objectives.rpo)}.`
      : `RPO: the database was not restored, so nothing was lost with it; the objective is ${formatDuration(objectives.rpo)}, met.`,
  ];
}

export function recoverySummary(shown: ShownMeasures): string {
  const {rtoMs, rpoMs, objectives, set} = shown;
  const missed = rtoMs > objectives.rto || rpoMs > objectives.rpo;
  const row = (what: string, ms: number, limit: number) => [
    what,
    formatDuration(ms),
    formatDuration(limit),
    ms > limit ? '❌ **missed**' : '✅ met',
  ];
  return [
    `## ${missed ? '⚠️ Recovered, later than the objectives allow' : '✅ Recovered'}`,
    '',
    table(
      ['measure', 'measured', 'objective', ''],
      [
        row('RTO: begin of the damage to open again', rtoMs, objectives.rto),
        row(
          `RPO: data after the restored set${set ? ` ${code(set)}` : ' (database not restored)'}`,
          rpoMs,
          objectives.rpo,
        ),
      ],
    ),
    '',
    ...(shown.release ? [`The product runs ${code(shown.release)}, gated before it was opened.`, ''] : []),
  ].join('\n');
}

export function unfinishedSummary(left: readonly string[]): string {
  return [
    '## ❌ The recovery is not finished',
    '',
    'Maintenance mode stays on: users get the page. Run it again when the cause is fixed; what is done is not repeated.',
    '',
    ...left.map((line) => `- ${cell(line, 600)}`),
    '',
  ].join('\n');
}
