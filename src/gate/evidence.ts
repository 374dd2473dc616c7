/**
 * The mathematics of the gate: running bets against health (e-processes) and their mirror for PASS. Pure; every value
 * is kept as a natural logarithm, so that a million failures or successes neither overflow nor vanish.
 *
 * Why bets: a process that cannot grow on average while the release is within its objective exceeds 1/α ever, at any
 * moment one cares to look, with probability at most α (Ville). So the gate may look after every probe.
 */

// Taken once: where a global is looked up through a sandbox, that costs more than the logarithm.
const {exp, log: ln, log1p, max, min} = Math;

/** A set of alternatives with the share of the stake that bets on each; the weights sum to 1. */
export interface Ladder {
  readonly rates: readonly number[];
  readonly weights: readonly number[];
}

const deadRate = 0.99;
const deadWeight = 0.3;

/** p1, 3·p1, 9·p1 … below 99 %, then 99 %: a dead service is the commonest fault, so it holds 30 % of the stake. */
export function rateLadder(unhealthyRate: number): Ladder {
  const rates: number[] = [];
  for (let q = unhealthyRate; q < deadRate; q *= 3) rates.push(q);
  if (rates.length === 0) return {rates: [max(deadRate, unhealthyRate)], weights: [1]};
  const each = (1 - deadWeight) / rates.length;
  return {rates: [...rates, deadRate], weights: [...rates.map(() => each), deadWeight]};
}

export interface StreamOptions {
  /** Largest failure rate that is still healthy, p0. */
  readonly maxErrorRate: number;
  readonly ladder: Ladder;
  /** Chance that a healthy service fails again right after a failure; undefined switches the guard off. */
  readonly burstGuard?: number;
  /** A fresh stake enters after every this many observations; undefined: all of it bets from the start. */
  readonly restartEvery?: number;
}

/** Share of the stake that bets from the first observation on; the rest pays for the restarts. */
const firstStake = 0.8;

/**
 * Evidence that a failure rate is above `maxErrorRate`: ladder, burst guard, restarts.
 * `add(x)` takes 1 for a failure, 0 for a success, or a fraction for a window of requests.
 */
export class RateEvidence {
  readonly #size: number;
  readonly #logStakes: Float64Array;
  readonly #weights: Float64Array;
  readonly #plain: Odds;
  readonly #guarded: Odds;
  readonly #restartEvery: number;
  #cash: number;
  #bets = 1;
  #count = 0;
  #failedLast = false;
  #log = 0;

  constructor(options: StreamOptions) {
    const {ladder, maxErrorRate, burstGuard, restartEvery} = options;
    this.#size = ladder.rates.length;
    this.#weights = Float64Array.from(ladder.weights);
    const stake = restartEvery === undefined ? 1 : firstStake;
    this.#cash = 1 - stake;
    this.#logStakes = Float64Array.from(ladder.weights, (w) => ln(stake * w));
    this.#plain = oddsAgainst(ladder, maxErrorRate);
    // The null may not become stricter after a failure, so a guard below p0 has no effect.
    this.#guarded = burstGuard === undefined ? this.#plain : oddsAgainst(ladder, max(burstGuard, maxErrorRate));
    this.#restartEvery = restartEvery ?? Number.POSITIVE_INFINITY;
  }

  /** ln E after the observations so far; 0 at the start. */
  get log(): number {
    return this.#log;
  }

  get count(): number {
    return this.#count;
  }

  /** How many bets run: one at the start and one more after each restart. */
  get bets(): number {
    return this.#bets;
  }

  add(x: number): number {
    if (this.#count > 0 && this.#count % this.#restartEvery === 0) this.#restart();
    const odds = this.#failedLast ? this.#guarded : this.#plain;
    const stakes = this.#logStakes;
    for (let k = 0; k < this.#size; k++) {
      stakes[k] = stakes[k]! + (x === 0 ? odds.onSuccess[k]! : x === 1 ? odds.onFailure[k]! : mixedOdds(odds, k, x));
    }
    this.#count++;
    this.#failedLast = x > 0;
    this.#log = logSum(stakes, this.#cash);
    return this.#log;
  }

  #restart(): void {
    this.#bets++;
    const stake = (1 - firstStake) / (this.#bets * (this.#bets - 1));
    this.#cash -= stake;
    for (let k = 0; k < this.#size; k++) {
      this.#logStakes[k] = logAdd(this.#logStakes[k]!, ln(this.#weights[k]! * stake));
    }
  }
}

interface Odds {
  readonly onFailure: Float64Array;
  readonly onSuccess: Float64Array;
}

/** Log pay-out of each alternative against the null rate; alternatives not above it do not bet. */
function oddsAgainst(ladder: Ladder, nullRate: number): Odds {
  const bets = (q: number) => q > nullRate;
  return {
    onFailure: Float64Array.from(ladder.rates, (q) => (bets(q) ? ln(q / nullRate) : 0)),
    onSuccess: Float64Array.from(ladder.rates, (q) => (bets(q) ? ln((1 - q) / (1 - nullRate)) : 0)),
  };
}

/** The pay-out is linear in x, hence fair for any fraction from 0 to 1. */
function mixedOdds(odds: Odds, k: number, x: number): number {
  return ln(x * exp(odds.onFailure[k]!) + (1 - x) * exp(odds.onSuccess[k]!));
}

/** ln(e^a + e^b). */
export function logAdd(a: number, b: number): number {
  const high = max(a, b);
  return high === Number.NEGATIVE_INFINITY ? high : high + log1p(exp(min(a, b) - high));
}

/** ln(Σ e^v + plain). */
function logSum(logs: ArrayLike<number>, plain: number): number {
  let high = plain > 0 ? ln(plain) : Number.NEGATIVE_INFINITY;
  for (let k = 0; k < logs.length; k++) if (logs[k]! > high) high = logs[k]!;
  if (high === Number.NEGATIVE_INFINITY) return high;
  let sum = plain * exp(-high);
  for (let k = 0; k < logs.length; k++) sum += exp(logs[k]! - high);
  return high + ln(sum);
}

/**
 * ln E(n, s) without guard and restarts: depends on the counts alone, so it is a table "s failures within n probes".
 * Used as the reference that the engine is tested against.
 */
export function closedFormLog(probes: number, failures: number, maxErrorRate: number, ladder: Ladder): number {
  const terms = ladder.rates.map(
    (q, k) =>
      ln(ladder.weights[k]!) +
      (failures > 0 ? failures * ln(q / maxErrorRate) : 0) +
      (probes > failures ? (probes - failures) * ln((1 - q) / (1 - maxErrorRate)) : 0),
  );
  return logSum(terms, 0);
}

/**
 * ln E_pass(n, s): evidence that the failure rate is below `unhealthyRate`. Half the stake waits for a clean stream,
 * the rest for a service that fails now and then.
 */
export function passLog(probes: number, failures: number, maxErrorRate: number, unhealthyRate: number): number {
  const likelihood = (q: number) =>
    (failures > 0 ? failures * ln(q / unhealthyRate) : 0) + (probes - failures) * ln((1 - q) / (1 - unhealthyRate));
  const clean = failures === 0 ? ln(0.5) - probes * log1p(-unhealthyRate) : Number.NEGATIVE_INFINITY;
  const middle = Math.sqrt(maxErrorRate * unhealthyRate);
  return logSum([clean, ln(0.25) + likelihood(maxErrorRate), ln(0.25) + likelihood(middle)], 0);
}

/** Clean probes until `passLog` reaches 1/β: what a plan must at least have time for. */
export function cleanProbesToPass(maxErrorRate: number, unhealthyRate: number, beta: number): number {
  const needed = -ln(beta);
  let low = 0;
  let high = 1;
  while (passLog(high, 0, maxErrorRate, unhealthyRate) < needed) high *= 2;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (passLog(middle, 0, maxErrorRate, unhealthyRate) >= needed) high = middle;
    else low = middle;
  }
  return high;
}

const oddsSteps = [1, 2, 3, 4, 5, 6] as const;

/**
 * ln E of `ups` ups and `downs` downs against "an up has at most the chance `nullShare`": alternatives with odds 2, 4
 * … 64, equal weights. Serves pairs (up: only the candidate failed) and latencies (up: slower than the baseline).
 */
export function oddsLog(ups: number, downs: number, nullShare = 0.5): number {
  const terms = oddsSteps.map((k) => {
    const share = 2 ** k / (1 + 2 ** k);
    if (share <= nullShare) return 0;
    return ups * ln(share / nullShare) + downs * ln((1 - share) / (1 - nullShare));
  });
  return logSum(terms, 0) - ln(oddsSteps.length);
}

/**
 * Candidate against live baseline: only pairs in which exactly one side failed speak, so an outage of the runner, the
 * network or a shared backend drops out. With a guard, only a pair after a quiet one counts, and a side bet watches
 * whether a fault of the candidate alone persists: one hiccup is one piece of evidence.
 */
export class PairEvidence {
  readonly #guard: number | undefined;
  #candidateOnly = 0;
  #baselineOnly = 0;
  #persistLog = 0;
  #before: 'quiet' | 'candidate' | 'other' = 'quiet';
  #log = 0;

  constructor(burstGuard: number | undefined) {
    this.#guard = burstGuard;
  }

  get log(): number {
    return this.#log;
  }

  add(candidateFailed: boolean, baselineFailed: boolean): number {
    const guard = this.#guard;
    if (guard === undefined || this.#before === 'quiet') {
      if (candidateFailed && !baselineFailed) this.#candidateOnly++;
      if (baselineFailed && !candidateFailed) this.#baselineOnly++;
    } else if (this.#before === 'candidate' && !baselineFailed) {
      this.#persistLog += candidateFailed ? ln(deadRate / guard) : ln((1 - deadRate) / (1 - guard));
    }
    this.#before =
      !candidateFailed && !baselineFailed ? 'quiet' : candidateFailed && !baselineFailed ? 'candidate' : 'other';
    const split = oddsLog(this.#candidateOnly, this.#baselineOnly);
    this.#log = guard === undefined ? split : ln(0.5) + split + logAdd(0, this.#persistLog);
    return this.#log;
  }
}

/** Latency against the baseline: one bet per pair on "slower than the tolerance allows" with a null share of one half. */
export class SlowerEvidence {
  slower = 0;
  pairs = 0;
  #log = 0;

  get log(): number {
    return this.#log;
  }

  add(slower: boolean): number {
    this.pairs++;
    if (slower) this.slower++;
    this.#log = oddsLog(this.slower, this.pairs - this.slower);
    return this.#log;
  }
}

/** Ladder for "at most `share` of the latencies are over the limit": alternatives from twice that share up. */
export function tailLadder(share: number): Ladder {
  return rateLadder(2 * share);
}

/** ln of the weighted mean of several e-values: an e-value again, whatever the dependence between them. */
export function meanLog(logs: readonly number[], weights?: readonly number[]): number {
  return logSum(
    logs.map((log, i) => log + ln(weights ? weights[i]! : 1 / logs.length)),
    0,
  );
}
