import {expect, test} from '@jest/globals';
import {distributionBand, logGamma, quantileRanks, rateInterval, tunedPrior} from '../../src/gate/sequence.js';

const uniform = () => ({a: 1, b: 1});

// Checkpoints of the reference's table 2h; intervals hold at every sample size at once.
test.each([
  [0, 100, 0.05, 0, 0.073284],
  [0, 100, 0.01, 0, 0.08808],
  [6, 600, 0.01, 0.000873, 0.038321],
  [30, 600, 0.01, 0.021578, 0.095007],
])('uniform prior: %i of %i at α %f', (s, n, alpha, low, high) => {
  const interval = rateInterval(n, s, alpha, uniform);
  expect(interval.low).toBeCloseTo(low, 6);
  expect(interval.high).toBeCloseTo(high, 6);
});

test('a uniform prior and no failure has the closed limit', () => {
  expect(rateInterval(100, 0, 0.01, uniform).high).toBeCloseTo(1 - (0.01 / 101) ** (1 / 100), 10);
});

test.each([
  [0, 100, 0, 0.072084],
  [2, 100, 0.00021, 0.122012],
  [6, 600, 0.001078, 0.035808],
])('prior of halves: %i of %i at 1 %%', (s, n, low, high) => {
  const interval = rateInterval(n, s, 0.01);
  expect(interval.low).toBeCloseTo(low, 6);
  expect(interval.high).toBeCloseTo(high, 6);
});

test.each([
  [700, 1000, 100, 0.651629, 0.745949],
  [15, 50, 50, 0.129556, 0.511896],
  [5, 50, 50, 0.013021, 0.269264],
  [1, 50, 50, 0, 0.13489],
  [100, 200, 1, 0.328923, 0.671076],
])('published values of confseq: %i of %i', (s, n, t, low, high) => {
  const interval = rateInterval(n, s, 0.05, tunedPrior(t, 0.05));
  expect(interval.low).toBeCloseTo(low, 5);
  expect(interval.high).toBeCloseTo(high, 5);
});

test('p95 of 600 latencies lies between order statistics 547 and 589', () => {
  expect(quantileRanks(600, 0.95, 0.01)).toEqual({low: 547, high: 589});
});

test('too few latencies bound nothing above', () => {
  expect(quantileRanks(10, 0.95, 0.01).high).toBeUndefined();
});

test('band of the empirical distribution', () => {
  expect(distributionBand(600, 0.01)).toBeCloseTo(0.118, 3);
  expect(distributionBand(1000, 0.05, 100, 8.1227)).toBeCloseTo(0.082048, 6);
});

test('all failed, none failed, no probe', () => {
  expect(rateInterval(50, 50, 0.01).high).toBe(1);
  expect(rateInterval(50, 0, 0.01).low).toBe(0);
  expect(rateInterval(0, 0, 0.01)).toEqual({low: 0, high: 1});
});

test('ln Γ of whole numbers is ln of factorials', () => {
  expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 10);
});
