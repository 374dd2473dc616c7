/** Rules of the literature that the gate is measured against. They decide nothing here. */

export interface SprtPlan {
  readonly p0: number;
  readonly p1: number;
  readonly alpha: number;
  readonly beta: number;
}

/** Wald's test of one rate against another: FAIL at s ≥ h1 + σn, PASS at s ≤ −h0 + σn. */
export function sprtLines({p0, p1, alpha, beta}: SprtPlan): {
  readonly k: number;
  readonly sigma: number;
  readonly h0: number;
  readonly h1: number;
} {
  const k = Math.log((p1 * (1 - p0)) / (p0 * (1 - p1)));
  return {
    k,
    sigma: Math.log((1 - p0) / (1 - p1)) / k,
    h0: Math.log((1 - alpha) / beta) / k,
    h1: Math.log((1 - beta) / alpha) / k,
  };
}

export function sprtRule(plan: SprtPlan): {add(x: number): 'fail' | 'pass' | undefined} {
  const {sigma, h0, h1} = sprtLines(plan);
  let n = 0;
  let s = 0;
  return {
    add: (x) => {
      n++;
      s += x;
      return s >= h1 + sigma * n ? 'fail' : s <= sigma * n - h0 ? 'pass' : undefined;
    },
  };
}

/** Wald's approximate mean number of probes at p0, at σ and at p1. */
export function waldMeanProbes(plan: SprtPlan): {
  readonly atP0: number;
  readonly atSigma: number;
  readonly atP1: number;
} {
  const {sigma, h0, h1} = sprtLines(plan);
  const logA = Math.log((1 - plan.beta) / plan.alpha);
  const logB = Math.log(plan.beta / (1 - plan.alpha));
  const at = (p: number, pass: number) =>
    (pass * logB + (1 - pass) * logA) /
    (p * Math.log(plan.p1 / plan.p0) + (1 - p) * Math.log((1 - plan.p1) / (1 - plan.p0)));
  return {atP0: at(plan.p0, 1 - plan.alpha), atSigma: (h0 * h1) / (sigma * (1 - sigma)), atP1: at(plan.p1, plan.beta)};
}

/** Exact chance of FAIL and mean number of probes at a true rate, by walking all counts that are still open. */
export function sprtExact(plan: SprtPlan, rate: number): {readonly fail: number; readonly meanProbes: number} {
  const {sigma, h0, h1} = sprtLines(plan);
  let open = new Map<number, number>([[0, 1]]);
  let fail = 0;
  let meanProbes = 0;
  for (let n = 1; open.size > 0 && n < 100_000; n++) {
    const next = new Map<number, number>();
    let mass = 0;
    for (const chance of open.values()) mass += chance;
    meanProbes += mass;
    if (mass < 1e-13) break;
    for (const [failures, chance] of open) {
      for (const [s, weight] of [
        [failures, 1 - rate],
        [failures + 1, rate],
      ] as const) {
        if (s >= h1 + sigma * n) fail += chance * weight;
        else if (s > sigma * n - h0) next.set(s, (next.get(s) ?? 0) + chance * weight);
      }
    }
    open = next;
  }
  return {fail, meanProbes};
}

/** Evidence of independent pairs with rates learnt as they come (Turner, Ly, Grünwald), prior 0.18; direction free. */
export function plugInPairs(candidate: readonly number[], baseline: readonly number[], prior = 0.18): number {
  let failuresC = 0;
  let failuresB = 0;
  let log = 0;
  const likelihood = (rate: number, x: number) => (x ? rate : 1 - rate);
  candidate.forEach((c, i) => {
    const b = baseline[i]!;
    const rateC = (failuresC + prior) / (i + 2 * prior);
    const rateB = (failuresB + prior) / (i + 2 * prior);
    const mean = (rateC + rateB) / 2;
    log += Math.log((likelihood(rateC, c) * likelihood(rateB, b)) / (likelihood(mean, c) * likelihood(mean, b)));
    failuresC += c;
    failuresB += b;
  });
  return Math.exp(log);
}
