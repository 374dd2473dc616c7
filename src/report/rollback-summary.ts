import {formatDuration} from '../kernel/duration.js';
import {cell, code, table} from './text.js';

export interface ShownRollback {
  readonly dryRun: boolean;
  readonly reason: string;
  readonly rows: ReadonlyArray<{
    readonly component: string;
    readonly from: string;
    readonly to: string;
    readonly state: string;
    readonly now: string;
    readonly by: string;
    readonly ms: number | undefined;
  }>;
  readonly verdict: string | undefined;
  readonly sentence: string | undefined;
  readonly totalMs: number;
  /** From the first bad answer to gated again; undefined when no live gate had failed. */
  readonly outageMs: number | undefined;
  readonly rtoMs: number;
  readonly left: readonly string[];
  readonly pin: string | undefined;
  readonly override?: string | undefined;
}

export function rollbackSummary(shown: ShownRollback): string {
  const bad = shown.left.length > 0 || (shown.verdict !== undefined && shown.verdict !== 'pass');
  const title = shown.dryRun
    ? '🔍 Rollback, dry run: nothing was changed'
    : bad
      ? '❌ Rollback is not complete'
      : '✅ Rolled back, read back and gated again';
  return [
    `## ${title}`,
    '',
    `Reason: ${cell(shown.reason)}`,
    '',
    ...(shown.override ? [`⚠️ **${cell(shown.override)}**: old code may meet a schema that it cannot use.`, ''] : []),
    table(
      ['component', 'target', 'result', 'serves now', 'how', 'took'],
      shown.rows.map((row) => [
        row.component,
        code(row.to),
        cell(row.state),
        code(row.now),
        cell(row.by),
        row.ms === undefined ? '' : formatDuration(row.ms),
      ]),
    ),
    '',
    ...(shown.sentence
      ? [`**Gate over the restored product: ${cell(shown.verdict ?? '')}.** ${cell(shown.sentence, 600)}`, '']
      : []),
    timing(shown),
    '',
    ...(shown.pin ? [`📌 ${cell(shown.pin)}. Release it with the rollback workflow, component \`unpin\`.`, ''] : []),
    ...(shown.left.length
      ? ['### Left to do by hand', '', ...shown.left.map((line) => `- ${cell(line, 600)}`), '']
      : []),
  ].join('\n');
}

/** Against the objective counts what users had to wait, where that is known. */
export function timing({totalMs, outageMs, rtoMs}: Pick<ShownRollback, 'totalMs' | 'outageMs' | 'rtoMs'>): string {
  const objective = `the objective is ${formatDuration(rtoMs)}${(outageMs ?? totalMs) > rtoMs ? ', **missed**' : ''}`;
  if (outageMs === undefined) return `Took ${formatDuration(totalMs)}; ${objective}.`;
  return `From the first bad answer to gated again: ${formatDuration(outageMs)}; ${objective}. The way back took ${formatDuration(totalMs)} of it.`;
}
