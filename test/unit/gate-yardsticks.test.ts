import {describe, expect, test} from '@jest/globals';
import {plugInPairs, sprtExact, sprtLines, sprtRule, waldMeanProbes} from '../../src/gate/yardsticks.js';

// The yardsticks of the reference's table 2h: the simulations compare the gate with these.
const defaults = {p0: 0.01, p1: 0.05, alpha: 0.01, beta: 0.01};
const firstOf = (plan: typeof defaults, x: number) => {
  const rule = sprtRule(plan);
  for (let n = 1; ; n++) if (rule.add(x)) return n;
};

test('SPRT of the defaults', () => {
  const {k, sigma, h0, h1} = sprtLines(defaults);
  expect([k, sigma, h0, h1].map((v) => v.toFixed(6))).toEqual(['1.650681', '0.024985', '2.783772', '2.783772']);
  expect([firstOf(defaults, 1), firstOf(defaults, 0)]).toEqual([3, 112]);
  const wald = waldMeanProbes(defaults);
  expect([wald.atP0, wald.atSigma, wald.atP1].map((v) => v.toFixed(2))).toEqual(['182.05', '318.10', '109.06']);
});

describe.each([
  ['the defaults', defaults, 0.005784, 0.009821, 184.403, 124.034],
  ["NIST's", {p0: 0.01, p1: 0.1, alpha: 0.05, beta: 0.1}, 0.022047, 0.099579, 30.213, 22.369],
  ["Wald's", {p0: 0.1, p1: 0.3, alpha: 0.02, beta: 0.03}, 0.013692, 0.027424, 29.902, 26.602],
])('exact figures of %s set', (_name, plan, alpha, beta, asn0, asn1) => {
  test('errors and mean probes', () => {
    const healthy = sprtExact(plan, plan.p0);
    const sick = sprtExact(plan, plan.p1);
    expect(healthy.fail).toBeCloseTo(alpha, 6);
    expect(1 - sick.fail).toBeCloseTo(beta, 6);
    expect(healthy.meanProbes).toBeCloseTo(asn0, 3);
    expect(sick.meanProbes).toBeCloseTo(asn1, 3);
  });
});

test.each([
  ["NIST's", {p0: 0.01, p1: 0.1, alpha: 0.05, beta: 0.1}, 0.0397, 0.939, 1.205, 24, 2],
  ["Wald's", {p0: 0.1, p1: 0.3, alpha: 0.02, beta: 0.03}, 0.1862, 2.5826, 2.8754, 14, 4],
])('lines of %s set', (_name, plan, sigma, h0, h1, accept, reject) => {
  const lines = sprtLines(plan);
  expect(lines.sigma).toBeCloseTo(sigma, 4);
  expect(lines.h0).toBeCloseTo(h0, 3);
  expect(lines.h1).toBeCloseTo(h1, 3);
  expect([firstOf(plan, 0), firstOf(plan, 1)]).toEqual([accept, reject]);
});

const bits = (text: string) => [...text].map(Number);

test.each([
  ['1010001', '1011101', 1.095505],
  ['1111110111', '0010100000', 11.150295],
])('plug-in pairs of the safestats manual: %s, %s', (a, b, expected) => {
  expect(plugInPairs(bits(a), bits(b))).toBeCloseTo(expected, 6);
});
