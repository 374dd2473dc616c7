import {formatBytes} from '../kernel/bytes.js';
import {formatDuration} from '../kernel/duration.js';
import {code, table} from './text.js';

export interface HistoryEntry {
  readonly id: string;
  readonly atMs: number;
  readonly storedBytes: number;
  readonly rows: number | undefined;
  readonly durationMs: number;
}

/** Size, time and growth of a series, and how much could have been lost before each set; newest first. */
export function backupHistory(entries: readonly HistoryEntry[], rpoMs: number): string {
  if (entries.length < 2) return '';
  const rows = entries.map((entry, index) => {
    const before = entries[index + 1];
    const gapMs = before ? entry.atMs - before.atMs : undefined;
    const growth =
      before && before.storedBytes > 0
        ? `${(((entry.storedBytes - before.storedBytes) / before.storedBytes) * 100).toFixed(1)} %`
        : '';
    return [
      code(entry.id),
      formatBytes(entry.storedBytes),
      growth,
      entry.rows === undefined ? '' : String(entry.rows),
      formatDuration(entry.durationMs),
      gapMs === undefined ? '' : `${formatDuration(gapMs)}${gapMs > rpoMs ? ' (above the objective)' : ''}`,
    ];
  });
  return [
    '#### History',
    '',
    `Objective for loss (RPO): ${formatDuration(rpoMs)}.`,
    '',
    table(['set', 'stored', 'growth', 'rows', 'took', 'after the one before'], rows),
  ].join('\n');
}

export interface RetentionFigures {
  /** Which store, where there are two. */
  readonly where?: string | undefined;
  readonly applied: boolean;
  readonly kept: ReadonlyArray<{readonly id: string; readonly because: readonly string[]}>;
  readonly planned: readonly string[];
  readonly removed: readonly string[];
  readonly waiting: readonly string[];
  readonly keptByLock: readonly string[];
  readonly failed: ReadonlyArray<{readonly id: string; readonly why: string}>;
  readonly bytes: number;
  /** Of all sets, before anything was removed. */
  readonly storedBytes: number;
  readonly graceMs: number;
}

export function retentionSummary(figures: RetentionFigures): string {
  const {kept, planned, removed, waiting, keptByLock, failed} = figures;
  const list = (title: string, ids: readonly string[]) =>
    ids.length
      ? [
          `${title}: ${ids
            .slice(0, 100)
            .map((id) => code(id))
            .join(', ')}`,
          '',
        ]
      : [];
  return [
    `## ${failed.length ? '❌' : '✅'} Retention${figures.where ? ` in ${code(figures.where, 200)}` : ''}: ${kept.length} kept, ${planned.length} may go, ${removed.length} removed`,
    '',
    `${kept.length + planned.length} sets hold ${formatBytes(figures.storedBytes)}.`,
    '',
    figures.applied
      ? `Freed ${formatBytes(figures.bytes)}.`
      : `Nothing was removed: this run only planned. A removal follows its announcement by at least ${formatDuration(figures.graceMs)}.`,
    '',
    ...list('Removed', removed),
    ...list('Announced or waiting', waiting),
    ...list('Kept by a lock of the store', keptByLock),
    ...failed.map(({id, why}) => `> ${code(id)} could not be removed: ${code(why)}`),
    '<details><summary>Why each set stays</summary>',
    '',
    table(
      ['set', 'because'],
      kept.slice(0, 300).map(({id, because}) => [code(id), because.join(', ')]),
    ),
    '',
    '</details>',
  ].join('\n');
}
