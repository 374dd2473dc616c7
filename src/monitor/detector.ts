import type {Ladder} from '../gate/evidence.js';

export interface DetectorOptions {
  /** Largest failure rate that needs no alarm. */
  readonly maxErrorRate: number;
  readonly ladder: Ladder;
  /** Chance that a healthy service fails again right after a failure. */
  readonly burstGuard: number;
  /** Alarm at this evidence: a healthy service then runs at least so many probes between two alarms, on average. */
  readonly threshold: number;
}

/**
 * The gate's bets (src/gate/evidence.ts) for a watch without an end: a fresh stake enters before every probe and the
 * evidence of all of them is summed. While the service is within its objective the sum grows by at most one a probe on
 * average, so that the mean time to a false alarm is at least `threshold` probes, whatever was seen years before; and
 * an outage after a healthy year is found as fast as one on the first day.
 */
export class OutageDetector {
  readonly #rates: readonly number[];
  readonly #weights: readonly number[];
  readonly #sums: Float64Array;
  readonly #options: DetectorOptions;
  #failedLast = false;
  #sum = 0;

  constructor(options: DetectorOptions) {
    this.#options = options;
    this.#rates = options.ladder.rates;
    this.#weights = options.ladder.weights;
    this.#sums = new Float64Array(this.#rates.length);
  }

  /** Evidence so far. */
  get evidence(): number {
    return this.#sum;
  }

  get alarmed(): boolean {
    return this.#sum >= this.#options.threshold;
  }

  add(failed: boolean): void {
    const {maxErrorRate, burstGuard} = this.#options;
    const nullRate = this.#failedLast ? Math.max(burstGuard, maxErrorRate) : maxErrorRate;
    this.#sum = 0;
    for (let k = 0; k < this.#rates.length; k++) {
      const rate = this.#rates[k]!;
      const odds = rate <= nullRate ? 1 : failed ? rate / nullRate : (1 - rate) / (1 - nullRate);
      this.#sums[k] = (this.#sums[k]! + this.#weights[k]!) * odds;
      this.#sum += this.#sums[k]!;
    }
    this.#failedLast = failed;
  }

  reset(): void {
    this.#sums.fill(0);
    this.#sum = 0;
    this.#failedLast = false;
  }
}

/**
 * Evidence that a service is back: bets against "still failing at least half as often as during the outage". A dead
 * service is believed after few successes, one that fails now and then only after many.
 */
export class RecoveryDetector {
  readonly #threshold: number;
  readonly #healthyRate: number;
  #sum = 0;

  constructor(options: {readonly threshold: number; readonly healthyRate: number}) {
    this.#threshold = options.threshold;
    this.#healthyRate = options.healthyRate;
  }

  get recovered(): boolean {
    return this.#sum >= this.#threshold;
  }

  /** @param sickRate the failure rate to bet against, chosen before this outcome. */
  add(failed: boolean, sickRate: number): void {
    const healthy = Math.min(this.#healthyRate, sickRate / 2);
    this.#sum = (this.#sum + 1) * (failed ? healthy / sickRate : (1 - healthy) / (1 - sickRate));
  }
}
