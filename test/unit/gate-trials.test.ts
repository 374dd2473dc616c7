import {describe, expect, test} from '@jest/globals';
import {RateEvidence, rateLadder} from '../../src/gate/evidence.js';
import {resolvePolicy} from '../../src/gate/policy.js';
import {consecutiveRule, evidenceRule, failureLimitRule, runningRateRule} from '../../src/gate/rules.js';
import {
  alarms,
  burstAlarms,
  clusteredWindows,
  gateFigures,
  latencyFigures,
  onsetFigures,
  pairFigures,
  ruleFigures,
  steadyWindows,
  verdicts,
  windowFigures,
} from '../../src/gate/trials.js';

// The acceptance figures of the reference, section 5, in small (`npm run bench gate` runs them in full). Seeded, hence
// the same on every machine; bounds are those of the full experiment, scaled.
const seed = 20260822;

describe('false alarms stay below the promise', () => {
  test.each([
    [0.01, 0.99, 20],
    [0.005, 0.99, 4],
    [0.001, 0.99, 1],
    [0.01, 0.95, 100],
    [0.01, 0.999, 3],
  ])('at %f with confidence %f at most %i of 2,000', (rate, confidence, most) => {
    expect(alarms(rate, 2_000, 1_000, seed, confidence).fails).toBeLessThanOrEqual(most);
  });
});

describe('detection', () => {
  test.each([
    [0.05, 135, 7, 380, 40, 0.98],
    [0.1, 39, 4, 117, 12, 0.999],
    [0.2, 16, 2, 41, 5, 0.999],
    [0.5, 5, 1, 15, 2, 0.999],
  ])('%f', (rate, median, around, p95, aroundP95, share) => {
    const figures = alarms(rate, 2_000, 600, seed);
    expect(figures.fails / figures.runs).toBeGreaterThanOrEqual(share - 0.003);
    expect(Math.abs(figures.medianFail - median)).toBeLessThanOrEqual(around);
    expect(Math.abs(figures.p95Fail - p95)).toBeLessThanOrEqual(aroundP95);
  });

  test('a dead service after three probes, exactly', () => {
    expect(alarms(1, 10, 10, seed)).toMatchObject({fails: 10, medianFail: 3, p95Fail: 3});
  });
});

describe('passing', () => {
  test('a clean stream exactly at probe 100', () => {
    expect(verdicts(0, 10, 600, seed)).toMatchObject({passes: 10, medianPass: 100});
  });

  test.each([
    [0.001, 100],
    [0.01, 181],
  ])('median at %f is %i', (rate, median) => {
    expect(verdicts(rate, 2_000, 600, seed).medianPass).toBe(median);
  });

  test('hardly ever at 5 %', () => {
    expect(verdicts(0.05, 4_000, 600, seed).passes).toBeLessThanOrEqual(52);
  });
});

test('bursts do not fail a healthy service, and the guard is what earns that', () => {
  expect(burstAlarms(0.005, 0.5, 0.5, 1_000, 2_000, seed).fails).toBeLessThanOrEqual(10);
  expect(burstAlarms(0.005, 0.5, undefined, 1_000, 2_000, seed).fails).toBeGreaterThan(20);
});

describe('against a flaky baseline of 3 %', () => {
  test('no worse is not failed, though the objective alone would', () => {
    const figures = pairFigures(0.03, 0.03, 600, 600, seed);
    expect(figures.fails).toBeLessThanOrEqual(8);
    expect(figures.objectiveFails).toBeGreaterThan(300);
  });

  test('a dead candidate: 8 pairs, exactly 8 with a clean baseline', () => {
    expect(pairFigures(1, 0.03, 1_000, 100, seed).medianFail).toBe(8);
    expect(pairFigures(1, 0, 10, 100, seed)).toMatchObject({fails: 10, medianFail: 8, p95Fail: 8});
  });

  test('20 %: about 87 pairs', () => {
    expect(Math.abs(pairFigures(0.2, 0.03, 1_000, 600, seed).medianFail - 87)).toBeLessThanOrEqual(8);
  });
});

describe('late onset', () => {
  test.each([
    [60, 7],
    [120, 8],
    [300, 11],
    [600, 13],
  ])('dead after %i clean probes: %i more, exactly', (onset, more) => {
    expect(onsetFigures(0, onset, 1, 3, 100, seed)).toMatchObject({fails: 3, medianFail: more, p95Fail: more});
  });

  test('20 % after 300 probes at 0.1 %', () => {
    expect(Math.abs(onsetFigures(0.001, 300, 0.2, 1_000, 1_000, seed).medianFail - 32)).toBeLessThanOrEqual(4);
  });
});

describe('ten checks, one promise', () => {
  test('all at the objective', () => {
    expect(
      gateFigures(new Array<number>(10).fill(0.01), 200, 400, seed, {'min-duration': 600_000}).fails,
    ).toBeLessThanOrEqual(3);
  });

  test('one dead: round 7; all dead: round 3', () => {
    expect(gateFigures([1, ...new Array<number>(9).fill(0)], 3, 100, seed)).toMatchObject({fails: 3, medianFail: 7});
    expect(gateFigures(new Array<number>(10).fill(1), 3, 100, seed)).toMatchObject({fails: 3, medianFail: 3});
  });

  // Table 2h asks each check for its share of α; the mean of all is never later.
  test.each([
    [0.95, [1, 3, 5, 6]],
    [0.99, [3, 6, 7, 8]],
    [0.999, [7, 9, 10, 11]],
  ])('a dead one among 1, 5, 10 and 20 at confidence %f', (confidence, expected) => {
    const alone = [1, 5, 10, 20].map((m) => {
      const rate = new RateEvidence({maxErrorRate: 0.01, ladder: rateLadder(0.05), burstGuard: 0.5, restartEvery: 60});
      while (rate.add(1) < Math.log(m / (1 - confidence)) - 1e-9);
      return rate.count;
    });
    expect(alone).toEqual(expected);
    [1, 5, 10, 20].forEach((m, i) => {
      expect(
        gateFigures([1, ...new Array<number>(m - 1).fill(0)], 1, 100, seed, {confidence}).medianFail,
      ).toBeLessThanOrEqual(expected[i]!);
    });
  });
});

describe('latency', () => {
  test.each([
    [1, 3],
    [1.1, 6],
  ])('factor %f is no alarm', (factor, most) => {
    expect(latencyFigures(factor, 300, 600, seed).fails).toBeLessThanOrEqual(most);
  });

  test.each([
    [1.5, 50, 5],
    [5, 4, 1],
  ])('factor %f is found after about %i pairs', (factor, median, around) => {
    expect(Math.abs(latencyFigures(factor, 600, 600, seed).medianFail - median)).toBeLessThanOrEqual(around);
  });

  test('8 % of the answers hang: only the tail objective can see it', () => {
    const share = latencyFigures(1, 400, 600, seed, {share: 0.08, ms: 2_000}).fails / 400;
    expect(Math.abs(share - 0.424)).toBeLessThan(0.08);
  });
});

describe('windows of traffic', () => {
  test('an incident now and then is no alarm', () => {
    expect(windowFigures(clusteredWindows, 500, 120, seed).fails).toBeLessThanOrEqual(5);
  });

  test('5 % is found after about four windows', () => {
    expect(Math.abs(windowFigures(steadyWindows(0.05), 500, 120, seed).medianFail - 4)).toBeLessThanOrEqual(1);
  });
});

describe('against the peers, on the same streams', () => {
  const policy = resolvePolicy({});

  test('at 10 % ten times sooner than three in a row', () => {
    const gate = ruleFigures(() => evidenceRule(policy), 0.1, 500, 5_000, seed).medianFail;
    const row = ruleFigures(() => consecutiveRule(3), 0.1, 500, 5_000, seed).medianFail;
    expect(gate).toBeLessThanOrEqual(row / 10);
  });

  test('at 1 % a hundredth of the false alarms', () => {
    const gate = ruleFigures(() => evidenceRule(policy), 0.01, 1_000, 2_000, seed).fails;
    for (const peer of [() => runningRateRule(), () => failureLimitRule(3)])
      expect(gate).toBeLessThanOrEqual(ruleFigures(peer, 0.01, 1_000, 2_000, seed).fails / 100);
  });
});

test('a million failures or successes neither overflow nor vanish', () => {
  for (const x of [1, 0]) {
    const rate = new RateEvidence({maxErrorRate: 0.01, ladder: rateLadder(0.05), burstGuard: 0.5, restartEvery: 60});
    for (let i = 0; i < 1_000_000; i++) rate.add(x);
    expect(Number.isFinite(rate.log)).toBe(true);
  }
});
