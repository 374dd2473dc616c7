import {consecutiveRule, type DecisionRule} from '../gate/rules.js';
import {type Random, seeded} from '../gate/simulation.js';
import {provedBurn} from './budget.js';
import {defaultJudgePolicy, type JudgePolicy, ServiceJudge} from './judgement.js';

/**
 * Services that are fine but not perfect, in continuous time: single failures, rough stretches of up to two minutes in
 * which half of the probes fail, and complete breaks of up to a minute, such as a restart. Together they make the wanted
 * availability; an alarm about any of them is false.
 */
export class SimulatedService {
  readonly #random: Random;
  readonly #single: number;
  readonly #roughEveryMs: number;
  readonly #breakEveryMs: number;
  #rough: readonly [from: number, to: number] = [0, 0];
  #break: readonly [from: number, to: number] = [0, 0];
  #failingFromMs = Number.POSITIVE_INFINITY;
  #failingRate = 0;

  constructor(random: Random, availability = 0.999) {
    this.#random = random;
    const unavailable = 1 - availability;
    this.#single = unavailable / 3;
    // The cap shortens the mean stretch to 1 - exp(-cap/mean) of what it was.
    const stretchMs = roughMeanMs * (1 - Math.exp(-roughMaxMs / roughMeanMs));
    this.#roughEveryMs = stretchMs / 2 / (unavailable / 3);
    this.#breakEveryMs = breakMaxMs / 2 / (unavailable / 3);
    this.#rough = this.#next(0, this.#roughEveryMs, this.#stretch());
    this.#break = this.#next(0, this.#breakEveryMs, random() * breakMaxMs);
  }

  /** From this moment on a share of all probes fails: a true outage, after five quiet minutes. */
  breakFrom(atMs: number, rate: number): void {
    this.#failingFromMs = atMs;
    this.#failingRate = rate;
  }

  /** Whether a probe at this moment fails; moments must not go back. */
  fails(atMs: number): boolean {
    const random = this.#random;
    if (atMs >= this.#failingFromMs - 300_000) return atMs >= this.#failingFromMs && random() < this.#failingRate;
    while (atMs >= this.#rough[1]) this.#rough = this.#next(this.#rough[1], this.#roughEveryMs, this.#stretch());
    while (atMs >= this.#break[1]) this.#break = this.#next(this.#break[1], this.#breakEveryMs, random() * breakMaxMs);
    if (atMs >= this.#break[0]) return true;
    return random() < (atMs >= this.#rough[0] ? 0.5 : this.#single);
  }

  #next(afterMs: number, everyMs: number, lengthMs: number): readonly [number, number] {
    const from = afterMs + this.#exponential(everyMs);
    return [from, from + lengthMs];
  }

  #stretch(): number {
    return Math.min(roughMaxMs, this.#exponential(roughMeanMs));
  }

  #exponential(mean: number): number {
    return -Math.log(1 - this.#random()) * mean;
  }
}

const roughMeanMs = 60_000;
const roughMaxMs = 120_000;
const breakMaxMs = 60_000;

/** A rule that looks at a service every minute; says whether it alarmed in this round. */
export type WatchRule = (service: SimulatedService, atMs: number) => boolean;

/** The monitor as it runs: a failure is looked at again, five times, five seconds apart. */
export function evidenceWatch(policy: JudgePolicy = defaultJudgePolicy, confirmations = 5, everyMs = 5_000): WatchRule {
  const judge = new ServiceJudge('simulated', policy);
  return (service, atMs) => {
    let alarmed = false;
    for (let i = 0; i <= confirmations; i++) {
      const at = atMs + i * everyMs;
      const outcome = service.fails(at) ? 'failed' : 'ok';
      const transition = judge.add({atMs: at, kind: i === 0 ? 'scheduled' : 'confirm', outcome});
      alarmed ||= transition?.to === 'down';
      if (!judge.wantsConfirmation) break;
    }
    return alarmed;
  };
}

/** So many failed rounds in a row; alarmed until the first success. */
export function inARowWatch(count: number): WatchRule {
  let rule: DecisionRule = consecutiveRule(count);
  let alarming = false;
  return (service, atMs) => {
    const failed = service.fails(atMs);
    if (!failed) {
      alarming = false;
      rule = consecutiveRule(count);
      return false;
    }
    const says = rule.add(1) === 'fail';
    if (!says || alarming) return false;
    alarming = true;
    return true;
  };
}

const minuteMs = 60_000;

/** False alarms a service in simulated time. */
export function falseAlarms(make: () => WatchRule, services: number, days: number, seed: number): number[] {
  return Array.from({length: services}, (_, i) => {
    const service = new SimulatedService(seeded(seed + i));
    const watch = make();
    let alarms = 0;
    for (let at = 0; at < days * 86_400_000; at += minuteMs) if (watch(service, at)) alarms++;
    return alarms;
  });
}

/** Rounds until the alarm, from the first round of a true outage that begins after a healthy day. */
export function roundsToAlarm(make: () => WatchRule, rate: number, runs: number, seed: number, limit = 500): number[] {
  return Array.from({length: runs}, (_, i) => {
    const service = new SimulatedService(seeded(seed + i));
    const watch = make();
    const startMs = 86_400_000;
    service.breakFrom(startMs, rate);
    for (let at = 0; at < startMs; at += minuteMs) watch(service, at);
    for (let round = 1; round <= limit; round++) if (watch(service, startMs + (round - 1) * minuteMs)) return round;
    return limit;
  });
}

const bucketMs = 300_000;

/**
 * Alarms of the error budget for a service that meets its objective exactly, or that fails a further share of all probes.
 * @param everyMs pace of the rounds, a divisor or a multiple of five minutes.
 * @returns the moments of the alarms; one that goes on and off within six hours is one.
 */
export function budgetAlarms(
  {everyMs, days, seed, failing = 0}: {everyMs: number; days: number; seed: number; failing?: number},
  objective = 0.999,
): number[] {
  const random = seeded(seed + 1);
  const service = new SimulatedService(seeded(seed), failing ? 0.9999 : objective);
  const [probes, failed] = [[0], [0]];
  const alarms: number[] = [];
  let burntMs = Number.NEGATIVE_INFINITY;
  for (let nowMs = 0; nowMs < days * 86_400_000; nowMs += bucketMs) {
    let [asked, bad] = [0, 0];
    for (let at = nowMs; at < nowMs + bucketMs; at += minuteMs) {
      if (at % everyMs !== 0) continue;
      asked++;
      if (service.fails(at) || random() < failing) bad++;
    }
    probes.push(probes.at(-1)! + asked);
    failed.push(failed.at(-1)! + bad);
    const since = (sums: number[], windowMs: number) =>
      sums.at(-1)! - sums[Math.max(0, sums.length - 1 - windowMs / bucketMs)]!;
    const burn = provedBurn(
      (windowMs) => ({probes: since(probes, windowMs), failed: since(failed, windowMs)}),
      objective,
    );
    if (!burn) continue;
    if (nowMs - burntMs > 6 * 3_600_000) alarms.push(nowMs);
    burntMs = nowMs;
  }
  return alarms;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param share from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}
