import type {RequestRecord, ServiceRecord} from './records.js';
import type {World} from './world.js';

/** HTTP metrics of a service as its front counted them: all versions mixed, as on the platform. */

export interface TrafficWindow {
  readonly startDate: string;
  readonly endDate: string;
  readonly method?: string | null;
  readonly path?: string | null;
  readonly statusCode?: number | null;
  readonly stepSeconds?: number | null;
}

interface Sample {
  readonly ts: number;
  readonly rows: readonly RequestRecord[];
}

/** Request counts; empty without traffic, never zeros. */
export function requestCounts(
  world: World,
  service: ServiceRecord,
  window: TrafficWindow,
): Array<{ts: number; value: number}> {
  return samples(rowsIn(world, service, window), window).map(({ts, rows}) => ({ts, value: rows.length}));
}

export function countsByStatus(
  world: World,
  service: ServiceRecord,
  window: TrafficWindow,
): Array<{statusCode: number; samples: Array<{ts: number; value: number}>}> {
  const statuses = [...new Set(rowsIn(world, service, window).map((row) => row.status))].sort((a, b) => a - b);
  return statuses.map((statusCode) => ({statusCode, samples: requestCounts(world, service, {...window, statusCode})}));
}

/** Percentiles in milliseconds: one sample for the whole window when no step is asked for. */
export function durations(
  world: World,
  service: ServiceRecord,
  window: TrafficWindow,
): Array<{ts: number; p50: number; p90: number; p95: number; p99: number}> {
  return samples(rowsIn(world, service, window), window).map(({ts, rows}) => {
    const sorted = rows.map((row) => row.durationMs).sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
    return {ts, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99)};
  });
}

function rowsIn(world: World, service: ServiceRecord, window: TrafficWindow): RequestRecord[] {
  const [startMs, endMs] = [Date.parse(window.startDate), Date.parse(window.endDate)];
  return service.requests.filter(
    (row) =>
      row.atMs >= startMs &&
      row.atMs < endMs &&
      (!row.blocked || world.answers.blockedCounted) &&
      (window.method == null || row.method === window.method) &&
      (window.path == null || row.path === window.path) &&
      (window.statusCode == null || row.status === window.statusCode),
  );
}

function samples(rows: readonly RequestRecord[], window: TrafficWindow): Sample[] {
  if (rows.length === 0) return [];
  const startS = Math.floor(Date.parse(window.startDate) / 1_000);
  if (!window.stepSeconds) return [{ts: startS, rows}];
  const step = window.stepSeconds;
  const bins = new Map<number, RequestRecord[]>();
  for (const row of rows) {
    const ts = startS + Math.floor((row.atMs / 1_000 - startS) / step) * step;
    bins.set(ts, [...(bins.get(ts) ?? []), row]);
  }
  return [...bins].sort(([a], [b]) => a - b).map(([ts, binned]) => ({ts, rows: binned}));
}
