import {type Bucket, coarser} from './bucket.js';
import {burnAlarm, errorBudget} from './budget.js';
import {type DayDigest, DayMemory, sumOfHours} from './day-digest.js';
import type {Freshness} from './freshness.js';
import {type History, hourSpanMs, minuteSpanMs} from './history.js';
import type {Incident} from './incident.js';
import type {Condition} from './judgement.js';
import {shortHash} from './sealed-line.js';
import {changePoints, trendOf} from './trend.js';

/** A service as the snapshot's maker knows it. */
export interface SnapshotService {
  readonly name: string;
  readonly component: string;
  readonly critical: boolean;
  readonly condition: Condition;
  readonly flapping: boolean;
  /** What it last answered when it did not answer well. */
  readonly detail?: string;
  readonly maxLatencyMs?: number;
}

export interface SnapshotRelease {
  readonly id: string;
  readonly commit: string;
  readonly atMs: number;
  readonly state: string;
  readonly url?: string;
}

export interface SnapshotFacts {
  readonly product: string;
  readonly nowMs: number;
  readonly intervalMs: number;
  readonly refreshMs: number;
  readonly lastRoundMs: number | undefined;
  readonly objective: number;
  readonly windowMs: number;
  readonly services: readonly SnapshotService[];
  readonly incidents: readonly Incident[];
  readonly releases: readonly SnapshotRelease[];
  readonly freshness: readonly Freshness[];
}

const dayMs = 86_400_000;
export const barDays = 90;
const sparkStepMs = 1_800_000;
const sparkPoints = 48;

/** The status page's data: one file for the first view, one more for each service whose chart is opened. */
export interface Snapshot {
  readonly status: ReturnType<typeof statusOf>;
  /** File name to content. */
  readonly series: ReadonlyMap<string, unknown>;
}

/**
 * Everything the page shows, computed from the history alone.
 * @param memory kept by a watch, so that days that are over are not digested again for each page.
 */
export async function makeSnapshot(
  history: History,
  facts: SnapshotFacts,
  memory: DayMemory = new DayMemory(),
): Promise<Snapshot> {
  const {nowMs} = facts;
  const tomorrowMs = Math.floor(nowMs / dayMs) * dayMs + dayMs;
  const days = await memory.read(history, tomorrowMs - 366 * dayMs, tomorrowMs);
  const minutes = await history.readMinutes(nowMs - 4 * dayMs, tomorrowMs);
  return {
    status: statusOf(facts, days, minutes),
    series: new Map(
      facts.services.map((service) => [seriesFile(service.name), seriesOf(service.name, days, minutes, nowMs)]),
    ),
  };
}

/** `series/checkout-1x2y3z4.json`: readable, and apart for names that differ in signs only. */
export function seriesFile(service: string): string {
  const slug = service
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  return `series/${slug}-${shortHash([service])}.json`;
}

function statusOf(facts: SnapshotFacts, days: readonly DayDigest[], minutes: readonly Bucket[]) {
  const {nowMs, services, incidents} = facts;
  return {
    version: 1,
    product: facts.product,
    generatedMs: nowMs,
    refreshMs: facts.refreshMs,
    intervalMs: facts.intervalMs,
    lastRoundMs: facts.lastRoundMs ?? null,
    overall: overallOf(services),
    objective: facts.objective,
    windowMs: facts.windowMs,
    firstDayMs: Math.floor(nowMs / dayMs) * dayMs - (barDays - 1) * dayMs,
    services: services.map((service) => serviceOf(service, facts, days, minutes)),
    incidents: incidents
      .filter((incident) => incident.openedMs > nowMs - barDays * dayMs)
      .map(incidentOf)
      .reverse(),
    releases: facts.releases,
    freshness: facts.freshness,
  };
}

/** `down` when a critical service is, `degraded` when anything else is not up. */
export function overallOf(services: ReadonlyArray<Pick<SnapshotService, 'condition' | 'critical'>>): Condition {
  if (services.some(({condition, critical}) => condition === 'down' && critical)) return 'down';
  return services.some(({condition}) => condition !== 'up') ? 'degraded' : 'up';
}

function serviceOf(
  service: SnapshotService,
  facts: SnapshotFacts,
  days: readonly DayDigest[],
  minutes: readonly Bucket[],
) {
  const {nowMs, objective, windowMs} = facts;
  const {name, component, critical, condition, flapping, detail} = service;
  const untilMs = nowMs + hourSpanMs;
  const budget = errorBudget(sumOfHours(days, name, untilMs - windowMs, untilMs), {objective, windowMs});
  const burn = burnAlarm(minutes, name, objective, nowMs + minuteSpanMs);
  const daily = days.flatMap(({startMs, services}) => {
    const value = services.get(name)?.median;
    return value === undefined || startMs + dayMs > nowMs ? [] : [{atMs: startMs, value}];
  });
  const trend = trendOf(daily.slice(-28));
  return {
    name,
    component,
    critical,
    condition,
    flapping,
    detail: detail ?? null,
    series: seriesFile(name),
    latencyMs: rounded(
      coarser(
        minutes.filter(({startMs}) => startMs > nowMs - hourSpanMs),
        dayMs,
      )
        .at(-1)
        ?.tallies.get(name)
        ?.latencies.quantile(0.5),
    ),
    maxLatencyMs: service.maxLatencyMs ?? null,
    budget: {
      availability: budget.availability ?? null,
      left: budget.left ?? null,
      known: rounded(budget.known, 4),
      burn: burn ? {severity: burn.severity, longMs: burn.longMs, atLeast: rounded(burn.atLeast, 1)} : null,
    },
    ...daysOf(days, name, nowMs),
    spark: sparkOf(minutes, name, nowMs),
    trend: trend?.proved
      ? {perDay: rounded(trend.perDay, 3), low: rounded(trend.low, 3), high: rounded(trend.high, 3)}
      : null,
    changes: changePoints(daily.slice(-90)).map(({atMs, before, after}) => ({
      atMs,
      before: rounded(before),
      after: rounded(after),
    })),
  };
}

/** A day each: share of probes that succeeded (null: none was taken), and share of the day that somebody was looking. */
function daysOf(days: readonly DayDigest[], service: string, nowMs: number) {
  const first = Math.floor(nowMs / dayMs) * dayMs - (barDays - 1) * dayMs;
  const recent = days.filter(({startMs}) => startMs >= first);
  const up: Array<number | null> = [];
  const known: number[] = [];
  for (let i = 0; i < barDays; i++) {
    const startMs = first + i * dayMs;
    const {probes, failed, knownS} = sumOfHours(recent, service, startMs, startMs + dayMs);
    up.push(probes ? rounded(1 - failed / probes, 5) : null);
    const lengthMs = i === barDays - 1 ? Math.max(1, nowMs - startMs) : dayMs;
    known.push(rounded(Math.min(1, (knownS * 1_000) / lengthMs), 3));
  }
  return {up, known};
}

function sparkOf(minutes: readonly Bucket[], service: string, nowMs: number): Array<number | null> {
  const fromMs = Math.floor(nowMs / sparkStepMs) * sparkStepMs - (sparkPoints - 1) * sparkStepMs;
  const spans = new Map(coarser(minutes, sparkStepMs).map((bucket) => [bucket.startMs, bucket.tallies.get(service)]));
  return Array.from({length: sparkPoints}, (_, i) =>
    rounded(spans.get(fromMs + i * sparkStepMs)?.latencies.quantile(0.5)),
  );
}

/** A year of hours and two days of minutes, in columns; null where nobody looked. */
function seriesOf(service: string, days: readonly DayDigest[], minutes: readonly Bucket[], nowMs: number) {
  const recent = minutes.filter(({startMs}) => startMs > nowMs - 2 * dayMs);
  return {
    version: 1,
    hours: columns(hourPoints(days, service), hourSpanMs, nowMs),
    minutes: columns(minutePoints(recent, service), minuteSpanMs, nowMs),
  };
}

interface SpanPoint {
  readonly startMs: number;
  readonly probes: number;
  readonly failed: number;
  readonly p50: number | undefined;
  readonly p95: number | undefined;
}

function hourPoints(days: readonly DayDigest[], service: string): SpanPoint[] {
  return days.flatMap(({startMs, services}) => {
    const day = services.get(service);
    if (!day) return [];
    return day.probes.map((probes, hour) => ({
      startMs: startMs + hour * hourSpanMs,
      probes,
      failed: day.failed[hour]!,
      p50: day.p50[hour],
      p95: day.p95[hour],
    }));
  });
}

function minutePoints(buckets: readonly Bucket[], service: string): SpanPoint[] {
  return buckets.flatMap(({startMs, tallies}) => {
    const tally = tallies.get(service);
    if (!tally) return [];
    const {probes, failed, latencies} = tally;
    return [{startMs, probes, failed, p50: latencies.quantile(0.5), p95: latencies.quantile(0.95)}];
  });
}

function columns(points: readonly SpanPoint[], stepMs: number, nowMs: number) {
  const known = points.filter(({startMs, probes}) => probes > 0 && startMs <= nowMs);
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return {startMs: nowMs, stepMs, p50: [], p95: [], errors: []};
  const length = Math.floor((last.startMs - first.startMs) / stepMs) + 1;
  const empty = () => new Array<number | null>(length).fill(null);
  const [p50, p95, errors] = [empty(), empty(), empty()];
  for (const point of known) {
    const i = Math.round((point.startMs - first.startMs) / stepMs);
    p50[i] = rounded(point.p50);
    p95[i] = rounded(point.p95);
    errors[i] = rounded(point.failed / point.probes, 4);
  }
  return {startMs: first.startMs, stepMs, p50, p95, errors};
}

function incidentOf(incident: Incident) {
  return {
    id: incident.id,
    sinceMs: incident.sinceMs,
    openedMs: incident.openedMs,
    closedMs: incident.closedMs ?? null,
    severity: incident.severity,
    flapping: incident.flapping,
    services: [...incident.services.keys()],
    detail: incident.detail ?? null,
    suspect: incident.suspect ?? null,
  };
}

function rounded(value: number, digits?: number): number;
function rounded(value: number | undefined, digits?: number): number | null;
function rounded(value: number | undefined, digits = 0): number | null {
  if (value === undefined) return null;
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
