import {describe, expect, test} from '@jest/globals';
import {
  cleanProbesToPass,
  closedFormLog,
  oddsLog,
  PairEvidence,
  passLog,
  RateEvidence,
  rateLadder,
  SlowerEvidence,
} from '../../src/gate/evidence.js';

// The checkpoints of the reference's table 2h: p0 1 %, p1 5 %, α = β = 1 %.
const ladder = rateLadder(0.05);
const threshold = Math.log(100);
const engine = () => new RateEvidence({maxErrorRate: 0.01, ladder, burstGuard: 0.5, restartEvery: 60});
const windows = () => new RateEvidence({maxErrorRate: 0.01, ladder, restartEvery: 10});
const run = (evidence: {add(x: number): number; readonly log: number}, xs: Iterable<number>) => {
  for (const x of xs) evidence.add(x);
  return Math.exp(evidence.log);
};
const bits = (text: string) => [...text].map(Number);
const near = (actual: number, expected: number) => expect(Math.abs(actual / expected - 1)).toBeLessThan(1e-6);

test('the ladder of the defaults', () => {
  expect(ladder.rates.map((q) => q.toFixed(2))).toEqual(['0.05', '0.15', '0.45', '0.99']);
  expect(ladder.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(ladder.weights[3]).toBe(0.3);
});

test.each([
  [1, 1, 3.803695],
  [2, 2, 8.152236],
  [5, 2, 4.782517],
  [17, 3, 4.746707],
  [60, 0, -3.928602],
  [60, 3, 1.068721],
  [600, 6, -16.296977],
])('closed form ln E(%i, %i) = %f', (n, s, expected) => {
  expect(closedFormLog(n, s, 0.01, ladder)).toBeCloseTo(expected, 6);
});

test.each([
  [2, 5],
  [3, 17],
  [4, 38],
  [5, 61],
  [6, 94],
  [7, 133],
  [8, 173],
  [9, 213],
  [10, 253],
])('%i failures fail up to probe %i', (s, last) => {
  expect(closedFormLog(last, s, 0.01, ladder)).toBeGreaterThanOrEqual(threshold);
  expect(closedFormLog(last + 1, s, 0.01, ladder)).toBeLessThan(threshold);
});

test.each([
  [0, 100],
  [1, 181],
  [2, 219],
  [3, 257],
  [4, 294],
  [5, 330],
  [6, 365],
  [7, 399],
  [8, 432],
])('%i failures pass from probe %i', (s, first) => {
  expect(passLog(first, s, 0.01, 0.05)).toBeGreaterThanOrEqual(threshold);
  expect(passLog(first - 1, s, 0.01, 0.05)).toBeLessThan(threshold);
});

test.each([
  [100, 0, 4.647347],
  [60, 0, 2.722572],
  [60, 3, -1.997663],
  [181, 1, 4.63743],
  [600, 15, 3.328902],
])('ln E_pass(%i, %i) = %f', (n, s, expected) => {
  expect(passLog(n, s, 0.01, 0.05)).toBeCloseTo(expected, 6);
});

test.each([
  ['1', 36.093333],
  ['11', 59.378133],
  ['111', 105.482037],
  ['1111', 196.767767],
  ['0101', 251.213921],
  [`${'0'.repeat(10)}1`, 1.450961],
  ['0'.repeat(60), 0.215737],
  [`${'0'.repeat(60)}1`, 4.66555],
  [`${'0'.repeat(60)}111`, 13.339138],
  [`${'0'.repeat(120)}11111`, 15.80454],
])('the engine after %s', (outcomes, expected) => {
  near(run(engine(), bits(outcomes)), expected);
});

test.each([
  ['one dead window', [1], 36.093333],
  ['two dead windows', [1, 1], 2777.106667],
  ['three at 10 %', [0.1, 0.1, 0.1], 259.711866],
  ['four at 5 %', [0.05, 0.05, 0.05, 0.05], 157.985132],
  ['ten clean ones', new Array<number>(10).fill(0), 0.364739],
])('windows: %s', (_name, xs, expected) => {
  near(run(windows(), xs), expected);
});

test.each([
  [1, 1, 0.559815],
  [2, 1, -0.94867],
  [7, 7, 4.180075],
  [8, 8, 4.810295],
  [13, 12, 4.96998],
])('odds ln E(%i, %i) = %f', (m, b, expected) => {
  expect(oddsLog(b, m - b)).toBeCloseTo(expected, 6);
});

test.each([
  [8, 8],
  [12, 13],
  [15, 17],
])('%i of at most %i discordant pairs fail', (b, m) => {
  expect(oddsLog(b, m - b)).toBeGreaterThanOrEqual(threshold);
  expect(oddsLog(b, m + 1 - b)).toBeLessThan(threshold);
});

test.each([
  ['c', 1.750348],
  ['cc', 2.608019],
  ['ccccccc', 53.608551],
  ['cccccccc', 105.28726],
  ['cs', 0.892678],
  ['cscs', 1.557343],
  ['ffffff', 1],
  ['cb', 1.750348],
])('guarded pairs %s = %f', (pairs, expected) => {
  const evidence = new PairEvidence(0.5);
  for (const pair of pairs) evidence.add(pair === 'c' || pair === 'f', pair === 'b' || pair === 'f');
  near(Math.exp(evidence.log), expected);
});

test('latency pairs use the odds ladder', () => {
  const evidence = new SlowerEvidence();
  for (let i = 0; i < 8; i++) evidence.add(true);
  expect(evidence.log).toBeCloseTo(4.810295, 6);
});

describe('clean probes to PASS', () => {
  test.each([
    [0.01, [337, 507, 745]],
    [0.02, [168, 252, 371]],
    [0.05, [66, 100, 146]],
    [0.1, [32, 49, 71]],
  ])('p1 %f', (p1, expected) => {
    expect([0.05, 0.01, 0.001].map((beta) => cleanProbesToPass(p1 / 5, p1, beta))).toEqual(expected);
  });
});
