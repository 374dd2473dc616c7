import type {TrafficSource} from '../gate/run-gate.js';
import type {TrafficWindow} from '../gate/sample.js';
import type {Clock} from '../kernel/clock.js';
import type {PlatformCall} from '../platforms/platform.js';
import type {RailwayExtras} from '../platforms/railway/railway.js';

const windowMs = 60_000;
/** Railway takes in what happened within about a minute; an earlier look would count too few. */
const ingestionMs = 60_000;
/** While the old deployment drains, the counts are of both. */
const drainingMs = 10_000;
const id = 'traffic backend';

/**
 * Users' own requests to the backend, one window per minute, as Railway counts them. A minute without requests is left
 * out: it is neither zero errors nor health.
 * @param readyAtMs when the release began to serve, epoch milliseconds.
 */
export function railwayTraffic(
  backend: Pick<RailwayExtras, 'traffic'>,
  readyAtMs: number,
  clock: Clock,
  progress: PlatformCall['progress'],
): TrafficSource {
  let nextMs = readyAtMs + drainingMs;
  return {
    ids: [id],
    read: async (signal) => {
      const windows: TrafficWindow[] = [];
      while (nextMs + windowMs + ingestionMs <= clock.now()) {
        const traffic = await backend.traffic({startMs: nextMs, endMs: nextMs + windowMs}, {signal, progress});
        nextMs += windowMs;
        if (traffic.state === 'empty') continue;
        const errors = Object.entries(traffic.byStatus).reduce(
          (sum, [status, count]) => sum + (Number(status) >= 500 ? count : 0),
          0,
        );
        windows.push({
          source: id,
          atMs: nextMs,
          requests: traffic.requests,
          errors,
          ...(traffic.duration ? {p95Ms: traffic.duration.p95Ms} : {}),
        });
      }
      return windows;
    },
  };
}
