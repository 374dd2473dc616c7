/**
 * Confidence sequences: intervals that hold the true failure rate at all probe counts at once (Robbins). They are what
 * the sentences quote and the plots draw; verdicts come from the evidence.
 */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** ln Γ by Lanczos' series: 14 digits for positive arguments. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const coefficients = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const z = x - 1;
  let sum = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) sum += coefficients[i]! / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/**
 * All rates p that `failures` of `probes` do not contradict: {p : ln B(a+s, b+n−s) − ln B(a,b) − ln p^s(1−p)^(n−s) < ln(1/α)}.
 * @param prior of the mixture as Beta(a, b), by candidate rate; halves by default.
 */
export function rateInterval(probes: number, failures: number, alpha: number, prior: Prior = halves): Interval {
  if (probes === 0) return {low: 0, high: 1};
  const limit = Math.log(1 / alpha);
  const excluded = (p: number) => {
    const {a, b} = prior(p);
    const mixture = logBeta(a + failures, b + probes - failures) - logBeta(a, b);
    return (
      mixture -
        (failures > 0 ? failures * Math.log(p) : 0) -
        (probes > failures ? (probes - failures) * Math.log1p(-p) : 0) >=
      limit
    );
  };
  const centre = failures / probes;
  return {
    low: failures === 0 || !excluded(nearZero) ? 0 : edge(0, centre, excluded),
    high: failures === probes || !excluded(1 - nearZero) ? 1 : edge(1, centre, excluded),
  };
}

const nearZero = 1e-15;

/** The Beta prior used to judge one candidate rate. */
export type Prior = (rate: number) => {readonly a: number; readonly b: number};

const halves: Prior = () => ({a: 0.5, b: 0.5});

/** Bisects between a contradicted rate and one that is not. */
function edge(excludedEnd: number, includedEnd: number, excluded: (p: number) => boolean): number {
  let out = excludedEnd;
  let inside = includedEnd;
  for (let i = 0; i < 60; i++) {
    const middle = (out + inside) / 2;
    if (excluded(middle)) out = middle;
    else inside = middle;
  }
  return inside;
}

/** Prior that is tightest after `optimalCount` probes at each rate, as published with Howard et al. (`confseq`). */
export function tunedPrior(optimalCount: number, alpha: number): Prior {
  const bound = Math.log(1 / alpha);
  return (rate) => {
    const variance = rate * (1 - rate);
    const rho = (variance * optimalCount) / (2 * bound + Math.log1p(2 * bound));
    const r = Math.max(rho - variance, variance / 1000);
    return {a: r / (1 - rate), b: r / rate};
  };
}

/**
 * Order statistics (from 1) between which the true quantile lies at all sample sizes at once.
 * @returns undefined at an end that the data cannot bound yet.
 */
export function quantileRanks(
  count: number,
  quantile: number,
  alpha: number,
): {readonly low: number | undefined; readonly high: number | undefined} {
  const holds = (below: number) => {
    const interval = rateInterval(count, below, alpha);
    return interval.low < quantile && quantile < interval.high;
  };
  const centre = Math.min(count, Math.max(0, Math.round(count * quantile)));
  if (count === 0 || !holds(centre)) return {low: undefined, high: undefined};
  const low = lastHolding(centre, 0, holds);
  const high = lastHolding(centre, count, holds);
  return {low: low === 0 ? undefined : low, high: high === count ? undefined : high + 1};
}

/** The farthest count from `from` towards `to` that still holds; holding counts are one run. */
function lastHolding(from: number, to: number, holds: (below: number) => boolean): number {
  let inside = from;
  let outside = to;
  if (holds(to)) return to;
  while (Math.abs(outside - inside) > 1) {
    const middle = Math.trunc((inside + outside) / 2);
    if (holds(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}

/**
 * Half width of a band around an empirical distribution that holds at all sample sizes from `from` on.
 * @param constant of the bound; by default the one published for any α.
 */
export function distributionBand(
  count: number,
  alpha: number,
  from = 1,
  constant = 0.8 * Math.log(1612 / alpha),
): number {
  return 0.85 * Math.sqrt((Math.log(1 + Math.log(count / from)) + constant) / count);
}
