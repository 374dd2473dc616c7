/** Seeded streams of outcomes, and the figures that a rule reaches on them: what tests and benchmarks measure by. */

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** A small fast generator (sfc32); the same seed gives the same streams everywhere. */
export function seeded(seed: number): Random {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88;
  let c = 0xb7e15162 ^ Math.imul(seed, 2_654_435_761);
  let counter = 1;
  const next = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** One outcome after the other: 1 failed, 0 fine. */
export type Stream = () => number;

export const steady =
  (rate: number) =>
  (random: Random): Stream =>
  () =>
    random() < rate ? 1 : 0;

/** Fails `overall` of the time, and again with chance `again` right after a failure. */
export const bursts =
  (overall: number, again: number) =>
  (random: Random): Stream => {
    const afterOk = (overall * (1 - again)) / (1 - overall);
    let failed = random() < overall;
    return () => {
      failed = random() < (failed ? again : afterOk);
      return failed ? 1 : 0;
    };
  };

/** Starts well and fails from probe `onset` on. */
export const lateOnset =
  (before: number, onset: number, after: number) =>
  (random: Random): Stream => {
    let n = 0;
    return () => (random() < (n++ < onset ? before : after) ? 1 : 0);
  };

/** Shares of errors of one-minute windows of `requests`, hit now and then by an incident. */
export const incidentWindows =
  (mean: number, hit: number, incident: number, requests: number) =>
  (random: Random): Stream => {
    const base = (mean - hit * incident) / (1 - hit);
    return () => {
      const rate = random() < hit ? incident : base;
      let errors = 0;
      for (let i = 0; i < requests; i++) if (random() < rate) errors++;
      return errors / requests;
    };
  };

/** Standard normal by the polar method. */
export function normal(random: Random): number {
  for (;;) {
    const x = 2 * random() - 1;
    const y = 2 * random() - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
  }
}

export interface Outcome {
  readonly verdict: 'fail' | 'pass' | undefined;
  readonly probes: number;
}

/** Feeds one stream to one rule. */
export function play(rule: {add(x: number): 'fail' | 'pass' | undefined}, stream: Stream, maxProbes: number): Outcome {
  for (let probes = 1; probes <= maxProbes; probes++) {
    const verdict = rule.add(stream());
    if (verdict) return {verdict, probes};
  }
  return {verdict: undefined, probes: maxProbes};
}

export interface Figures {
  readonly runs: number;
  readonly fails: number;
  readonly passes: number;
  /** Probes to FAIL over all runs (a run without counts as infinite). */
  readonly medianFail: number;
  readonly p95Fail: number;
  readonly medianPass: number;
}

/** Repeats a play on fresh streams. */
export function measure(runs: number, one: (run: number) => Outcome): Figures {
  const fail: number[] = [];
  const pass: number[] = [];
  for (let run = 0; run < runs; run++) {
    const {verdict, probes} = one(run);
    if (verdict === 'fail') fail.push(probes);
    if (verdict === 'pass') pass.push(probes);
  }
  return {
    runs,
    fails: fail.length,
    passes: pass.length,
    medianFail: quantile(fail, 0.5, runs),
    p95Fail: quantile(fail, 0.95, runs),
    medianPass: quantile(pass, 0.5, pass.length),
  };
}

/** Quantile among `total` values of which the missing ones are infinite. */
export function quantile(values: number[], share: number, total: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(0, Math.ceil(share * total) - 1);
  return total === 0 || rank >= sorted.length ? Number.POSITIVE_INFINITY : sorted[rank]!;
}
