import {Failure} from '../../kernel/errors.js';
import {isRefusedAccess} from './answers.js';
import {type ServiceScope, trafficDocument} from './documents.js';
import type {Session} from './session.js';

/** A window of time; give Railway about 60 s to take in what happened before its end. */
export interface TrafficWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * What the public edge saw of a service, all versions together. `empty` is no evidence: it is neither zero errors nor
 * health, since Railway leaves out what nobody asked for.
 */
export type Traffic =
  | {readonly state: 'empty'; readonly window: TrafficWindow}
  | {
      readonly state: 'measured';
      readonly window: TrafficWindow;
      readonly requests: number;
      /** HTTP status to number of requests. */
      readonly byStatus: Readonly<Record<number, number>>;
      /** Of the whole window, in milliseconds; undefined when Railway had none. */
      readonly duration?: {
        readonly p50Ms: number;
        readonly p90Ms: number;
        readonly p95Ms: number;
        readonly p99Ms: number;
      };
    };

/** Reads the traffic figures of a window. @throws Failure RAILWAY_AUTH with the remedy when the token may not. */
export async function readTraffic(session: Session, scope: ServiceScope, window: TrafficWindow): Promise<Traffic> {
  const raw = await permitted(() =>
    session.read(trafficDocument, {
      environmentId: scope.environmentId,
      serviceId: scope.serviceId,
      startDate: new Date(window.startMs).toISOString(),
      endDate: new Date(window.endMs).toISOString(),
    }),
  );
  const byStatus: Record<number, number> = {};
  for (const group of raw.httpMetricsGroupedByStatus ?? []) {
    const count = group.samples.reduce((sum, sample) => sum + sample.value, 0);
    if (count > 0) byStatus[group.statusCode] = (byStatus[group.statusCode] ?? 0) + count;
  }
  const requests = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  if (requests === 0) return {state: 'empty', window};
  return {state: 'measured', window, requests, byStatus, duration: durationOf(raw.httpDurationMetrics?.samples ?? [])};
}

/** One sample covers the window. Of several the worst is taken: percentiles must not be averaged. */
function durationOf(
  samples: ReadonlyArray<{p50: number; p90: number; p95: number; p99: number}>,
): Extract<Traffic, {state: 'measured'}>['duration'] {
  if (samples.length === 0) return undefined;
  const worst = (pick: (sample: (typeof samples)[number]) => number) => Math.max(...samples.map(pick));
  return {
    p50Ms: worst((s) => s.p50),
    p90Ms: worst((s) => s.p90),
    p95Ms: worst((s) => s.p95),
    p99Ms: worst((s) => s.p99),
  };
}

async function permitted<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isRefusedAccess(error)) throw error;
    throw new Failure(error.code, `Railway's traffic figures could not be read: ${error.message}`, {
      remedy: 'Use a workspace token for the traffic figures (this kind may lack the right), or gate on probes alone.',
      cause: error,
      details: {...error.details},
    });
  }
}
