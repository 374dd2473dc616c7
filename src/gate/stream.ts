import {oddsLog, PairEvidence, passLog, RateEvidence, rateLadder, SlowerEvidence, tailLadder} from './evidence.js';
import {type GatePolicy, restartEvery, windowRestartEvery} from './policy.js';
import type {Observation, TrafficWindow} from './sample.js';

/**
 * One letter per observation, from which the evidence can be computed again:
 * w warm-up, v void, u unusable (none of them counts); alone: - ok, = ok but over the latency limit, x failed;
 * in pairs: . both ok, o over, s slower than the baseline, S slower and over, b only the baseline failed, B that and
 * over, c only the candidate failed, f both failed; contracts, for which only an
 * unreachable one (x) is a failed probe: + kept, ! broken; ~ from here on without the baseline.
 */
export type Letter =
  | 'w'
  | 'v'
  | 'u'
  | '-'
  | '='
  | 'x'
  | '.'
  | 'o'
  | 's'
  | 'S'
  | 'b'
  | 'B'
  | 'c'
  | 'f'
  | '+'
  | '!'
  | '~';

export interface StreamPolicy {
  readonly policy: Pick<
    GatePolicy,
    'maxErrorRate' | 'unhealthyErrorRate' | 'burstGuard' | 'latencyQuantile' | 'latencyTolerance' | 'latencyToleranceMs'
  >;
  readonly maxLatencyMs?: number;
  readonly paired: boolean;
}

/** The letter of a counted observation. */
export function letterOf(observation: Observation, stream: StreamPolicy, paired: boolean): Letter {
  const {candidate, baseline} = observation;
  const failed = candidate.outcome === 'failed';
  const over = !failed && stream.maxLatencyMs !== undefined && (candidate.latencyMs ?? 0) > stream.maxLatencyMs;
  if (!paired || !baseline || baseline.outcome === 'unusable') return failed ? 'x' : over ? '=' : '-';
  if (baseline.outcome !== 'ok') return failed ? 'f' : over ? 'B' : 'b';
  if (failed) return 'c';
  const slower =
    (candidate.latencyMs ?? 0) >
    (1 + stream.policy.latencyTolerance) * (baseline.latencyMs ?? 0) + stream.policy.latencyToleranceMs;
  return slower ? (over ? 'S' : 's') : over ? 'o' : '.';
}

/** All evidence of one stream of probes; fed letters, so that a record can be replayed through the very same code. */
export class StreamEvidence {
  readonly #policy: StreamPolicy['policy'];
  readonly #rate: RateEvidence;
  readonly #pairs: PairEvidence | undefined;
  readonly #slower: SlowerEvidence | undefined;
  readonly #tail: RateEvidence | undefined;
  #withoutBaseline = false;
  probes = 0;
  failures = 0;
  /** Successful probes over the latency limit. */
  overLimit = 0;

  constructor({policy, paired, maxLatencyMs}: StreamPolicy) {
    this.#policy = policy;
    this.#rate = new RateEvidence({
      maxErrorRate: policy.maxErrorRate,
      ladder: rateLadder(policy.unhealthyErrorRate),
      burstGuard: policy.burstGuard,
      restartEvery,
    });
    this.#pairs = paired ? new PairEvidence(policy.burstGuard) : undefined;
    this.#slower = paired ? new SlowerEvidence() : undefined;
    const tail = 1 - policy.latencyQuantile;
    this.#tail =
      maxLatencyMs === undefined ? undefined : new RateEvidence({maxErrorRate: tail, ladder: tailLadder(tail)});
  }

  add(letter: Letter): void {
    if (letter === '~') this.#withoutBaseline = true;
    if ('wvu~'.includes(letter)) return;
    const failed = letter === 'x' || letter === 'c' || letter === 'f';
    this.probes++;
    if (failed) this.failures++;
    this.#rate.add(failed ? 1 : 0);
    const over = '=oSB'.includes(letter);
    if (over) this.overLimit++;
    if (!failed) this.#tail?.add(over ? 1 : 0);
    if ('-=x+!'.includes(letter)) return;
    this.#pairs?.add(failed, 'bBf'.includes(letter));
    if ('.osS'.includes(letter)) this.#slower?.add(letter === 's' || letter === 'S');
  }

  /** ln evidence that the failure rate is above the objective. */
  get objectiveLog(): number {
    return this.#rate.log;
  }

  /** ln evidence that the candidate fails more than the baseline; undefined without one. */
  get relativeLog(): number | undefined {
    return this.#withoutBaseline ? undefined : this.#pairs?.log;
  }

  /** With a baseline both must speak: the minimum of two e-values is one for "within the objective or no worse". */
  get rateLog(): number {
    return Math.min(this.objectiveLog, this.relativeLog ?? Number.POSITIVE_INFINITY);
  }

  /** ln evidence about latency, the mean of the parts there are; undefined when latency is not judged. */
  get latencyLog(): number | undefined {
    const slower = this.#withoutBaseline ? undefined : this.#slower?.log;
    const tail = this.#tail?.log;
    if (slower === undefined) return tail;
    return tail === undefined ? slower : meanOfTwo(slower, tail);
  }

  get slowerPairs(): {readonly slower: number; readonly pairs: number} | undefined {
    return this.#slower;
  }

  get restarts(): number {
    return this.#rate.bets - 1;
  }

  /** ln evidence that the failure rate is below the unhealthy one. */
  get passLog(): number {
    return passLog(this.probes, this.failures, this.#policy.maxErrorRate, this.#policy.unhealthyErrorRate);
  }
}

function meanOfTwo(a: number, b: number): number {
  const high = Math.max(a, b);
  return high + Math.log((Math.exp(a - high) + Math.exp(b - high)) / 2);
}

/** Fewer requests say too little to be a bet of their own. */
export const minWindowRequests = 20;

/** Evidence from the platform's request counts: one bet per window, because errors cluster. */
export class WindowEvidence {
  readonly #rate: RateEvidence;
  readonly #maxLatencyMs: number | undefined;
  #slow = 0;
  #timed = 0;
  windows = 0;
  requests = 0;
  errors = 0;

  constructor(policy: StreamPolicy['policy'], maxLatencyMs: number | undefined) {
    this.#rate = new RateEvidence({
      maxErrorRate: policy.maxErrorRate,
      ladder: rateLadder(policy.unhealthyErrorRate),
      restartEvery: windowRestartEvery,
    });
    this.#maxLatencyMs = maxLatencyMs;
  }

  /** @returns false when the window holds too few requests to count. */
  add(window: Pick<TrafficWindow, 'requests' | 'errors' | 'p95Ms'>): boolean {
    if (window.requests < minWindowRequests) return false;
    this.windows++;
    this.requests += window.requests;
    this.errors += window.errors;
    this.#rate.add(Math.min(1, window.errors / window.requests));
    if (this.#maxLatencyMs !== undefined && window.p95Ms !== undefined) {
      this.#timed++;
      if (window.p95Ms > this.#maxLatencyMs) this.#slow++;
    }
    return true;
  }

  get rateLog(): number {
    return this.#rate.log;
  }

  /** Percentiles are never averaged: each window only says whether its own was over the limit. */
  get latencyLog(): number | undefined {
    return this.#maxLatencyMs === undefined ? undefined : oddsLog(this.#slow, this.#timed - this.#slow);
  }
}
