import {RateEvidence, rateLadder} from './evidence.js';
import {Gate} from './gate.js';
import {resolvePolicy, restartEvery, windowRestartEvery} from './policy.js';
import {evidenceRule} from './rules.js';
import type {Observation, Sample} from './sample.js';
import {
  bursts,
  type Figures,
  incidentWindows,
  lateOnset,
  measure,
  normal,
  type Outcome,
  play,
  quantile,
  type Random,
  type Stream,
  seeded,
  steady,
} from './simulation.js';
import {letterOf, StreamEvidence} from './stream.js';

/**
 * The experiments behind the acceptance figures of the gate. Each takes the number of runs, so that the benchmark runs
 * them in full and the tests in small.
 */

const policy = resolvePolicy({});
const threshold = Math.log(100);

/** The engine without its PASS side, as a rule. */
function failOnly(confidence: number, guard: number | undefined) {
  const rate = new RateEvidence({maxErrorRate: 0.01, ladder: rateLadder(0.05), burstGuard: guard, restartEvery});
  const at = -Math.log1p(-confidence);
  return {add: (x: number) => (rate.add(x) >= at ? ('fail' as const) : undefined)};
}

/** FAIL of a service that fails `rate` of its probes, looked at after each of `probes`. */
export function alarms(rate: number, runs: number, probes: number, seed: number, confidence = 0.99): Figures {
  const random = seeded(seed);
  const make = steady(rate);
  return measure(runs, () => play(failOnly(confidence, 0.5), make(random), probes));
}

/** FAIL of a service that fails in bursts. */
export function burstAlarms(
  overall: number,
  again: number,
  guard: number | undefined,
  runs: number,
  probes: number,
  seed: number,
): Figures {
  const random = seeded(seed);
  const make = bursts(overall, again);
  return measure(runs, () => play(failOnly(0.99, guard), make(random), probes));
}

/** The whole rule on one stream: FAIL or PASS, whichever comes first. */
export function verdicts(rate: number, runs: number, probes: number, seed: number): Figures {
  const random = seeded(seed);
  const make = steady(rate);
  return measure(runs, () => play(evidenceRule(policy), make(random), probes));
}

/** Any rule on steady streams, for the comparison with the peers. */
export function ruleFigures(
  makeRule: () => {add(x: number): 'fail' | 'pass' | undefined},
  rate: number,
  runs: number,
  probes: number,
  seed: number,
): Figures {
  const random = seeded(seed);
  const make = steady(rate);
  return measure(runs, () => play(makeRule(), make(random), probes));
}

/** Probes after the onset until FAIL; before it the service fails `before` of its probes. */
export function onsetFigures(
  before: number,
  onset: number,
  after: number,
  runs: number,
  probes: number,
  seed: number,
): Figures {
  const random = seeded(seed);
  const make = lateOnset(before, onset, after);
  return measure(runs, () => {
    const outcome = play(failOnly(0.99, 0.5), make(random), onset + probes);
    return {verdict: outcome.verdict, probes: outcome.probes - onset};
  });
}

const sample = (failed: boolean, latencyMs?: number): Sample => ({
  outcome: failed ? 'failed' : 'ok',
  ...(latencyMs === undefined ? {} : {latencyMs}),
});

/** Pairs of candidate and baseline, judged as the gate does. @returns also how often the objective alone would fail. */
export function pairFigures(
  candidateRate: number,
  baselineRate: number,
  runs: number,
  pairs: number,
  seed: number,
): Figures & {readonly objectiveFails: number} {
  const random = seeded(seed);
  return pairTrial(runs, pairs, () => {
    const candidate = steady(candidateRate)(random);
    const baseline = steady(baselineRate)(random);
    return () => [candidate(), baseline()];
  });
}

function pairTrial(
  runs: number,
  pairs: number,
  make: () => () => [number, number],
): Figures & {readonly objectiveFails: number} {
  let objectiveFails = 0;
  const figures = measure(runs, () => {
    const evidence = new StreamEvidence({policy, paired: true});
    const next = make();
    let verdict: Outcome = {verdict: undefined, probes: pairs};
    let objective = false;
    for (let n = 1; n <= pairs && (!objective || verdict.verdict === undefined); n++) {
      const [c, b] = next();
      evidence.add(c ? (b ? 'f' : 'c') : b ? 'b' : '.');
      if (verdict.verdict === undefined && evidence.rateLog >= threshold) verdict = {verdict: 'fail', probes: n};
      if (evidence.objectiveLog >= threshold) objective = true;
    }
    if (objective) objectiveFails++;
    return verdict;
  });
  return {...figures, objectiveFails};
}

/** Pairs of latencies (log-normal, 120 ms, σ 0.35 own + 0.35 shared), the candidate slower by `factor`; limit 500 ms at p95. */
export function latencyFigures(
  factor: number,
  runs: number,
  pairs: number,
  seed: number,
  hang: {readonly share: number; readonly ms: number} = {share: 0, ms: 0},
): Figures {
  const random = seeded(seed);
  // The published experiment tolerates a tenth and no fixed part.
  const stream = {policy: {...policy, latencyToleranceMs: 0}, paired: true, maxLatencyMs: 500};
  return measure(runs, () => {
    const evidence = new StreamEvidence(stream);
    for (let n = 1; n <= pairs; n++) {
      const shared = 0.35 * normal(random);
      const candidate = factor * 120 * Math.exp(shared + 0.35 * normal(random)) + (random() < hang.share ? hang.ms : 0);
      const baseline = 120 * Math.exp(shared + 0.35 * normal(random));
      evidence.add(
        letterOf(
          {check: '', round: n, atMs: 0, candidate: sample(false, candidate), baseline: sample(false, baseline)},
          stream,
          true,
        ),
      );
      if (evidence.latencyLog! >= threshold) return {verdict: 'fail', probes: n};
    }
    return {verdict: undefined, probes: pairs};
  });
}

/** One bet per window of platform traffic. */
export function windowFigures(make: (random: Random) => Stream, runs: number, windows: number, seed: number): Figures {
  const random = seeded(seed);
  return measure(runs, () => {
    const rate = new RateEvidence({maxErrorRate: 0.01, ladder: rateLadder(0.05), restartEvery: windowRestartEvery});
    return play({add: (x) => (rate.add(x) >= threshold ? 'fail' : undefined)}, make(random), windows);
  });
}

/** The stream of table T9: one per cent on average, a fiftieth of the windows hit by a 25 % incident. */
export const clusteredWindows = incidentWindows(0.01, 0.02, 0.25, 300);
export const steadyWindows = (rate: number) => incidentWindows(rate, 0, 0, 300);

/** Whole gates with several checks; `rates` are the failure rates of the checks. */
export function gateFigures(
  rates: readonly number[],
  runs: number,
  rounds: number,
  seed: number,
  settings: Parameters<typeof resolvePolicy>[0] = {},
): Figures & {readonly p95Pass: number} {
  const random = seeded(seed);
  const gatePolicy = resolvePolicy({'warm-up': 0, 'min-duration': 0, ...settings});
  const checks = rates.map((_, i) => ({
    id: `check ${i}`,
    kind: 'http' as const,
    mode: 'stream' as const,
    critical: true,
    weight: 1,
    paired: false,
  }));
  const passes: number[] = [];
  const figures = measure(runs, () => {
    const gate = new Gate({policy: gatePolicy, checks});
    for (let round = 1; round <= rounds; round++) {
      const observations: Observation[] = rates.map((rate, i) => ({
        check: checks[i]!.id,
        round,
        atMs: round * 1_000,
        candidate: sample(random() < rate),
      }));
      const decision = gate.feed({round, atMs: round * 1_000}, observations);
      if (!decision) continue;
      if (decision.verdict === 'pass') passes.push(round);
      return {verdict: decision.verdict === 'fail' ? 'fail' : 'pass', probes: round};
    }
    return {verdict: undefined, probes: rounds};
  });
  return {...figures, p95Pass: quantile(passes, 0.95, passes.length)};
}
