import {type Bucket, coarser} from './bucket.js';
import {burnAlarm, errorBudget} from './budget.js';
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

/** Everything the page shows, computed from the history alone. */
export async function makeSnapshot(history: History, facts: SnapshotFacts): Promise<Snapshot> {
  const {nowMs} = facts;
  const tomorrowMs = Math.floor(nowMs / dayMs) * dayMs + dayMs;
  const hours = await history.readHours(tomorrowMs - 366 * dayMs, tomorrowMs);
  const minutes = await history.readMinutes(nowMs - 4 * dayMs, tomorrowMs);
  return {
    status: statusOf(facts, hours, minutes),
    series: new Map(
      facts.services.map((service) => [seriesFile(service.name), seriesOf(service.name, hours, minutes, nowMs)]),
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

function statusOf(facts: SnapshotFacts, hours: readonly Bucket[], minutes: readonly Bucket[]) {
  const {nowMs, services, incidents} = facts;
  const days = coarser(hours, dayMs);
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
    services: services.map((service) => serviceOf(service, facts, {days, hours, minutes})),
    incidents: incidents
      .filter((incident) => incident.openedMs > nowMs - barDays * dayMs)
      .map(incidentOf)
      .reverse(),
    releases: facts.releases,
    freshness: facts.freshness.map(({name, state, ageMs, maxAgeMs, sentence}) => ({
      name,
      state,
      ageMs: ageMs ?? null,
      maxAgeMs,
      sentence,
    })),
  };
}

function overallOf(services: readonly SnapshotService[]): Condition {
  if (services.some(({condition, critical}) => condition === 'down' && critical)) return 'down';
  return services.some(({condition}) => condition !== 'up') ? 'degraded' : 'up';
}

interface Spans {
  readonly days: readonly Bucket[];
  readonly hours: readonly Bucket[];
  readonly minutes: readonly Bucket[];
}

function serviceOf(service: SnapshotService, facts: SnapshotFacts, {days, hours, minutes}: Spans) {
  const {nowMs, objective, windowMs} = facts;
  const {name, component, critical, condition, flapping, detail} = service;
  const budget = errorBudget(hours, name, {objective, windowMs, nowMs: nowMs + hourSpanMs});
  const burn = burnAlarm(minutes, name, objective, nowMs + minuteSpanMs);
  const daily = days.flatMap(({startMs, tallies}) => {
    const value = tallies.get(name)?.latencies.quantile(0.5);
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
function daysOf(days: readonly Bucket[], service: string, nowMs: number) {
  const byDay = new Map(days.map((bucket) => [bucket.startMs, bucket.tallies.get(service)]));
  const first = Math.floor(nowMs / dayMs) * dayMs - (barDays - 1) * dayMs;
  const up: Array<number | null> = [];
  const known: number[] = [];
  for (let i = 0; i < barDays; i++) {
    const tally = byDay.get(first + i * dayMs);
    up.push(tally?.probes ? rounded(1 - tally.failed / tally.probes, 5)! : null);
    const lengthMs = i === barDays - 1 ? Math.max(1, nowMs - first - i * dayMs) : dayMs;
    known.push(tally ? rounded(Math.min(1, (tally.knownS * 1_000) / lengthMs), 3)! : 0);
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
function seriesOf(service: string, hours: readonly Bucket[], minutes: readonly Bucket[], nowMs: number) {
  return {
    version: 1,
    hours: columns(hours, service, hourSpanMs, nowMs),
    minutes: columns(
      minutes.filter(({startMs}) => startMs > nowMs - 2 * dayMs),
      service,
      minuteSpanMs,
      nowMs,
    ),
  };
}

function columns(buckets: readonly Bucket[], service: string, stepMs: number, nowMs: number) {
  const tallies = new Map(
    buckets.flatMap(({startMs, tallies: all}) => {
      const tally = all.get(service);
      return tally && startMs <= nowMs ? [[startMs, tally] as const] : [];
    }),
  );
  const startMs = Math.min(...tallies.keys());
  if (!Number.isFinite(startMs)) return {startMs: nowMs, stepMs, p50: [], p95: [], errors: []};
  const count = Math.floor((Math.max(...tallies.keys()) - startMs) / stepMs) + 1;
  const column = (value: (tally: NonNullable<ReturnType<typeof tallies.get>>) => number | null) =>
    Array.from({length: count}, (_, i) => {
      const tally = tallies.get(startMs + i * stepMs);
      return tally?.probes ? value(tally) : null;
    });
  return {
    startMs,
    stepMs,
    p50: column((tally) => rounded(tally.latencies.quantile(0.5))),
    p95: column((tally) => rounded(tally.latencies.quantile(0.95))),
    errors: column((tally) => rounded(tally.failed / tally.probes, 4)),
  };
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
