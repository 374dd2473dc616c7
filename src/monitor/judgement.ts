import {rateLadder, tailLadder} from '../gate/evidence.js';
import {OutageDetector, RecoveryDetector} from './detector.js';
import type {Sample} from './sample.js';

export interface JudgePolicy {
  /** Failing at most this share of probes needs no alarm. */
  readonly maxErrorRate: number;
  /** Failing this share is what the monitor looks for first. */
  readonly unhealthyErrorRate: number;
  /** Chance that a healthy service fails again right after a failure. */
  readonly burstGuard: number;
  /** A healthy service runs at least so many probes between two false alarms, on average. */
  readonly probesPerFalseAlarm: number;
  /** Evidence at which a service counts as back. */
  readonly recoveryEvidence: number;
  /** Answers slower than this are slow; undefined: latency is not judged. */
  readonly maxLatencyMs?: number;
  /** Share of answers that must be faster. */
  readonly latencyQuantile: number;
  /** Down again within this time of a recovery is flapping: the next recovery must last before it is believed. */
  readonly flapWindowMs: number;
  /** First such wait; it doubles with each further fall, up to the window. */
  readonly flapCalmMs: number;
}

/** One false alarm a year at most for a service that is probed every minute. */
export const defaultJudgePolicy: JudgePolicy = {
  maxErrorRate: 0.01,
  unhealthyErrorRate: 0.05,
  burstGuard: 0.5,
  probesPerFalseAlarm: 525_600,
  recoveryEvidence: 1_000,
  latencyQuantile: 0.95,
  flapWindowMs: 3_600_000,
  flapCalmMs: 300_000,
};

export type Condition = 'up' | 'degraded' | 'down';

export interface Transition {
  readonly service: string;
  readonly to: Condition;
  /** When it was known. */
  readonly atMs: number;
  /** When it began, as the probes tell: the first failure of those that led to the alarm. */
  readonly sinceMs: number;
  /** What proved it. */
  readonly probes: number;
  readonly failures: number;
  /** It fell again soon after a recovery. */
  readonly flapping: boolean;
}

/**
 * What is believed of one service, probe by probe. Falling and rising both need evidence, so that neither one failure
 * nor one lucky answer changes anything; how much is a promise (`probesPerFalseAlarm`), not a count in a row.
 */
export class ServiceJudge {
  readonly service: string;
  readonly #policy: JudgePolicy;
  readonly #outage: OutageDetector;
  readonly #slowness: OutageDetector | undefined;
  #recovery: RecoveryDetector | undefined;
  #condition: Condition = 'up';
  #suspectedSinceMs: number | undefined;
  #slowSinceMs: number | undefined;
  #sick = {probes: 0, failures: 0};
  #recoveredAtMs: number | undefined;
  #falls = 0;
  #calmSinceMs: number | undefined;
  #last: Sample | undefined;

  constructor(service: string, policy: JudgePolicy = defaultJudgePolicy) {
    this.service = service;
    this.#policy = policy;
    const common = {burstGuard: policy.burstGuard, threshold: policy.probesPerFalseAlarm};
    this.#outage = new OutageDetector({
      ...common,
      maxErrorRate: policy.maxErrorRate,
      ladder: rateLadder(policy.unhealthyErrorRate),
    });
    const tail = 1 - policy.latencyQuantile;
    this.#slowness =
      policy.maxLatencyMs === undefined
        ? undefined
        : new OutageDetector({...common, maxErrorRate: tail, ladder: tailLadder(tail)});
  }

  get condition(): Condition {
    return this.#condition;
  }

  /** Fell again soon after a recovery, and has not been calm since. */
  get flapping(): boolean {
    return this.#falls > 1;
  }

  /** Share of the way to an alarm, on a logarithmic scale from 0 to 1. */
  get alarmNearness(): number {
    const resting = 10;
    const way = Math.log(Math.max(1, this.#outage.evidence / resting));
    return Math.min(1, way / Math.log(this.#policy.probesPerFalseAlarm / resting));
  }

  /** True when a closer look would tell more: the newest outcome contradicts what is believed. */
  get wantsConfirmation(): boolean {
    if (!this.#last || this.#last.outcome === 'unusable') return false;
    return this.#condition === 'down' ? this.#last.outcome === 'ok' : this.#last.outcome === 'failed';
  }

  /** Takes the next sample; samples come in the order of time. */
  add(sample: Sample): Transition | undefined {
    this.#last = sample;
    if (sample.outcome === 'unusable') return undefined;
    const failed = sample.outcome === 'failed';
    const transition = this.#condition === 'down' ? this.#whileDown(sample, failed) : this.#whileUp(sample, failed);
    if (transition) this.#condition = transition.to;
    return transition;
  }

  /** Begins in the condition that an earlier run had reached. */
  resume(condition: Condition, sinceMs: number): void {
    if (condition === 'up') return;
    this.#condition = condition;
    this.#suspectedSinceMs = sinceMs;
    this.#slowSinceMs = sinceMs;
    this.#falls = 1;
    this.#startRecovery();
    this.#sick = {probes: 1, failures: 1};
  }

  #whileUp(sample: Sample, failed: boolean): Transition | undefined {
    // What the resting bets hold without any suspicion; below it an earlier suspicion is forgotten.
    if (this.#outage.evidence < 25) {
      this.#suspectedSinceMs = undefined;
      this.#sick = {probes: 0, failures: 0};
    }
    if (failed) this.#suspectedSinceMs ??= sample.atMs;
    if (this.#suspectedSinceMs !== undefined) this.#countSick(failed);
    this.#outage.add(failed);
    if (this.#outage.alarmed) return this.#fall(sample);
    return failed ? undefined : this.#judgeLatency(sample);
  }

  #countSick(failed: boolean): void {
    this.#sick.probes++;
    if (failed) this.#sick.failures++;
  }

  #fall(sample: Sample): Transition {
    const soon = this.#recoveredAtMs !== undefined && sample.atMs - this.#recoveredAtMs < this.#policy.flapWindowMs;
    this.#falls = soon ? this.#falls + 1 : 1;
    this.#outage.reset();
    this.#slowness?.reset();
    this.#startRecovery();
    return this.#transition('down', sample.atMs, this.#suspectedSinceMs ?? sample.atMs);
  }

  #startRecovery(): void {
    this.#calmSinceMs = undefined;
    this.#recovery = new RecoveryDetector({
      threshold: this.#policy.recoveryEvidence,
      healthyRate: this.#policy.maxErrorRate,
    });
  }

  #whileDown(sample: Sample, failed: boolean): Transition | undefined {
    const observed = this.#sick.failures / Math.max(1, this.#sick.probes);
    const sickRate = Math.min(0.5, Math.max(this.#policy.unhealthyErrorRate, observed / 2));
    this.#recovery!.add(failed, sickRate);
    if (failed) this.#calmSinceMs = undefined;
    else this.#calmSinceMs ??= sample.atMs;
    if (!this.#recovery!.recovered) {
      this.#countSick(failed);
      return undefined;
    }
    if (this.#falls > 1 && (this.#calmSinceMs === undefined || sample.atMs - this.#calmSinceMs < this.#calmNeededMs()))
      return undefined;
    return this.#rise(sample.atMs, this.#calmSinceMs ?? sample.atMs);
  }

  /** A service that keeps falling must stay up the longer before it is believed. */
  #calmNeededMs(): number {
    return Math.min(this.#policy.flapWindowMs, this.#policy.flapCalmMs * 2 ** (this.#falls - 2));
  }

  #rise(atMs: number, sinceMs: number): Transition {
    const transition = this.#transition('up', atMs, sinceMs);
    this.#recovery = undefined;
    this.#recoveredAtMs = atMs;
    this.#suspectedSinceMs = undefined;
    this.#sick = {probes: 0, failures: 0};
    return transition;
  }

  #judgeLatency(sample: Sample): Transition | undefined {
    const {maxLatencyMs} = this.#policy;
    if (!this.#slowness || maxLatencyMs === undefined || sample.latencyMs === undefined) return undefined;
    const slow = sample.latencyMs > maxLatencyMs;
    if (this.#condition === 'degraded') {
      this.#recovery!.add(slow, Math.min(0.5, 2 * (1 - this.#policy.latencyQuantile)));
      return this.#recovery!.recovered ? this.#rise(sample.atMs, sample.atMs) : undefined;
    }
    if (this.#slowness.evidence < 25) this.#slowSinceMs = undefined;
    if (slow) this.#slowSinceMs ??= sample.atMs;
    this.#slowness.add(slow);
    if (!this.#slowness.alarmed) return undefined;
    this.#slowness.reset();
    this.#startRecovery();
    return this.#transition('degraded', sample.atMs, this.#slowSinceMs ?? sample.atMs);
  }

  #transition(to: Condition, atMs: number, sinceMs: number): Transition {
    const {probes, failures} = this.#sick;
    return {service: this.service, to, atMs, sinceMs, probes, failures, flapping: this.#falls > 1};
  }
}
