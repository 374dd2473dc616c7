import {type Bucket, Tally} from './bucket.js';

/** The error budget of a service over a window: how much may fail, how much did, and how much nobody saw. */
export interface ErrorBudget {
  readonly objective: number;
  readonly windowMs: number;
  /** Share of probes that succeeded; undefined when none was taken. */
  readonly availability: number | undefined;
  /** 1 is an untouched budget, 0 a spent one, below 0 an overdrawn one; undefined without a probe. */
  readonly left: number | undefined;
  /** Share of the window that somebody was looking. */
  readonly known: number;
  readonly probes: number;
  readonly failed: number;
}

/** Adds up one service over buckets that begin in `[fromMs, toMs)`. */
export function tallyOf(buckets: Iterable<Bucket>, service: string, fromMs: number, toMs: number): Tally {
  const sum = new Tally();
  for (const {startMs, tallies} of buckets) {
    const tally = startMs >= fromMs && startMs < toMs ? tallies.get(service) : undefined;
    if (tally) sum.merge(tally);
  }
  return sum;
}

/** @param objective share of probes that shall succeed, such as 0.999; below 1. */
export function errorBudget(
  {probes, failed, knownS}: {readonly probes: number; readonly failed: number; readonly knownS: number},
  {objective, windowMs}: {readonly objective: number; readonly windowMs: number},
): ErrorBudget {
  const failing = probes ? failed / probes : undefined;
  return {
    objective,
    windowMs,
    probes,
    failed,
    availability: failing === undefined ? undefined : 1 - failing,
    left: failing === undefined ? undefined : 1 - failing / (1 - objective),
    known: Math.min(1, (knownS * 1_000) / windowMs),
  };
}

/** The site-reliability workbook's pairs: budget burnt this fast over both windows is worth a page, or a ticket. */
export const burnPairs = [
  {longMs: 3_600_000, shortMs: 300_000, rate: 14.4, severity: 'page'},
  {longMs: 6 * 3_600_000, shortMs: 1_800_000, rate: 6, severity: 'page'},
  {longMs: 3 * 86_400_000, shortMs: 6 * 3_600_000, rate: 1, severity: 'ticket'},
] as const;

/** Fewer say nothing about a share as small as an error budget. */
const fewestProbes = 30;

export interface BurnAlarm {
  readonly severity: 'page' | 'ticket';
  readonly longMs: number;
  readonly shortMs: number;
  /** How many times faster than allowed the budget burns over the long window: at least this. */
  readonly atLeast: number;
}

/**
 * The fastest burn that is proved.
 * @param buckets five-minute spans of at least three days; longer windows than they cover are judged by what there is.
 */
export function burnAlarm(
  buckets: readonly Bucket[],
  service: string,
  objective: number,
  nowMs: number,
): BurnAlarm | undefined {
  return provedBurn((windowMs) => tallyOf(buckets, service, nowMs - windowMs, nowMs), objective);
}

/**
 * With one probe a minute a single failure would "burn" an hour's window 16 times too fast, so the lower end of the
 * rate's interval must be above the limit in the long window, and the rate itself in the short one, which ends the alarm
 * soon after the cause.
 * @param counted what was probed in a window that ends now.
 */
export function provedBurn(
  counted: (windowMs: number) => {readonly probes: number; readonly failed: number},
  objective: number,
): BurnAlarm | undefined {
  const allowed = 1 - objective;
  for (const {longMs, shortMs, rate, severity} of burnPairs) {
    const long = counted(longMs);
    const short = counted(shortMs);
    if (long.probes < fewestProbes || short.probes === 0 || short.failed / short.probes < rate * allowed) continue;
    const atLeast = lowestRate(long.failed, long.probes) / allowed;
    if (atLeast >= rate) return {severity, longMs, shortMs, atLeast};
  }
  return undefined;
}

/**
 * It is asked again at every round, for years, and failures come in bursts: at 95 % a service that meets its objective
 * exactly raised 42 alarms a year, at this one in ten years (`npm run bench -- monitor`).
 */
const doubt = 0.001;
const halvings = 40;

/**
 * The least failure rate that can be believed after `failed` of `probes`, by Chernoff's bound, which holds for few
 * failures too: Wilson's interval takes two failures of 35 for proof.
 */
export function lowestRate(failed: number, probes: number): number {
  if (failed === 0) return 0;
  const seen = failed / probes;
  const doubtAt = (rate: number) =>
    probes * (seen * Math.log(seen / rate) + (seen < 1 ? (1 - seen) * Math.log((1 - seen) / (1 - rate)) : 0));
  let [low, high] = [1e-9, seen];
  for (let i = 0; i < halvings; i++) {
    const middle = Math.sqrt(low * high);
    if (doubtAt(middle) > -Math.log(doubt)) low = middle;
    else high = middle;
  }
  return low;
}
