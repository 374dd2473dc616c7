import {type Clock, systemClock} from '../kernel/clock.js';
import {formatDuration} from '../kernel/duration.js';
import {messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {stepLine} from '../report/monitor-summary.js';
import {type Health, startPageServer} from '../status/page-server.js';
import {pageTexts, writePage} from '../status/write-page.js';
import type {OpenMonitor} from './monitor-opening.js';
import {keepPace} from './monitor-pace.js';

export interface ServiceOptions {
  readonly monitor: OpenMonitor;
  readonly intervalMs: number;
  /** How often an open page asks by itself, besides the events. */
  readonly refreshMs: number;
  readonly address: string;
  readonly port: number;
  /** Where a proxy publishes the page. */
  readonly pageUrl?: string | undefined;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly log: (line: string) => void;
  readonly warn: (line: string) => void;
}

export interface Served {
  readonly rounds: number;
  readonly alerts: number;
  readonly failedRounds: number;
}

/**
 * A monitor for ever: rounds at their pace, the page and its events served meanwhile. It ends in order when the signal
 * fires. A round that fails as a whole, such as with a history that cannot be written, is told and shows in `/health`;
 * the next one tries again.
 */
export async function serveMonitor(options: ServiceOptions): Promise<Served> {
  const {monitor, signal, log, warn, clock = systemClock} = options;
  const state = {rounds: 0, alerts: 0, failedRounds: 0, lastMs: undefined as number | undefined, trouble: ''};
  await using server = await startPageServer({
    address: options.address,
    port: options.port,
    hosts: options.pageUrl ? [new URL(options.pageUrl).hostname] : [],
    health: () => healthOf(state, options.intervalMs, clock.now()),
  });
  const publish = async () => {
    const snapshot = await monitor.session.snapshot(options);
    await writePage(monitor.folder, snapshot);
    if (monitor.files.location.startsWith('branch '))
      for (const [name, text] of pageTexts(snapshot)) await monitor.files.replace(`docs/${name}`, text);
    server.publish(snapshot);
  };
  const failed = (error: unknown) => {
    state.failedRounds++;
    state.trouble = oneLine(messageOf(error), 200);
    warn(`This round failed: ${state.trouble}`);
  };
  await publish().catch(failed);
  log(
    `The page is served at ${server.url}, its health at ${server.url}health; a round every ${formatDuration(options.intervalMs)}.`,
  );
  const session = monitor.session;
  const paced = {
    step: async (kind: 'scheduled' | 'confirm') => {
      const step = await session.step(kind);
      await publish();
      return step;
    },
    get closer() {
      return session.closer;
    },
  };
  for await (const step of keepPace(paced, {intervalMs: options.intervalMs, signal, clock, onFailure: failed})) {
    state.rounds++;
    state.alerts += step.dispatched.sent.length;
    state.lastMs = step.round.atMs;
    state.trouble = '';
    log(`${new Date(step.round.atMs).toISOString().slice(0, 19)}Z  ${oneLine(stepLine(step))}`);
  }
  return {rounds: state.rounds, alerts: state.alerts, failedRounds: state.failedRounds};
}

/** Not well: no round yet, or none for three intervals and a minute. */
function healthOf(
  {rounds, lastMs, trouble}: {rounds: number; lastMs: number | undefined; trouble: string},
  intervalMs: number,
  nowMs: number,
): Health {
  const ageMs = lastMs === undefined ? null : Math.max(0, nowMs - lastMs);
  return {ok: ageMs !== null && ageMs <= 3 * intervalMs + 60_000, rounds, 'last-round-age-ms': ageMs, trouble};
}
