import type {Store} from '../storage/store.js';
import {manifestTime} from './manifest.js';
import {newestSets} from './set-list.js';
import type {Series} from './set-name.js';

/** One line of a series' history. */
export interface HistoryRow {
  readonly id: string;
  readonly atMs: number;
  readonly storedBytes: number;
  readonly rows: number | undefined;
  /** From start to seal. */
  readonly durationMs: number;
}

/**
 * The latest sets, and the newest of each month before them: enough to see growth, without reading every manifest.
 * @returns newest first.
 */
export async function readHistory(
  store: Store,
  series: Series,
  limits: {readonly latest: number; readonly months: number; readonly signal: AbortSignal},
): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = [];
  const months = new Set<string>();
  let read = 0;
  for await (const {id, manifest} of newestSets(store, series, {signal: limits.signal})) {
    const month = manifest.startedAt.slice(0, 7);
    if (read++ < limits.latest || !months.has(month)) {
      rows.push({
        id,
        atMs: manifestTime(manifest),
        storedBytes: manifest.parts.reduce((sum, part) => sum + part.ciphertext.bytes, 0),
        rows: manifest.database?.content?.rows,
        durationMs: Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt),
      });
    }
    months.add(month);
    if (months.size > limits.months || read > 400) break;
  }
  return rows;
}
