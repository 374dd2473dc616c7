import {expect, test} from '@jest/globals';
import {cleanProbesToPass} from '../../src/gate/evidence.js';
import {policyProblems, resolvePolicy} from '../../src/gate/policy.js';
import {wayBackPolicy} from '../../src/release/way-back-gate.js';

test.each([
  ['without settings it passes within half a minute', {}, {interval: 250, 'min-duration': 30_000}],
  ['what is quicker already stays', {interval: 20, 'min-duration': 1_000}, {interval: 20, 'min-duration': 1_000}],
  ['a long watch is for new versions', {'min-duration': 600_000}, {interval: 250, 'min-duration': 30_000}],
])('%s', (_rule, file, expected) => {
  expect(wayBackPolicy(file)).toEqual(expected);
});

test('the promise is the one of a release: as many clean probes, and no contradiction', () => {
  const policy = resolvePolicy(wayBackPolicy({}));
  expect(policy.minProbes).toBe(cleanProbesToPass(0.01, 0.05, 1 - 0.99));
  expect(policy.minProbes * policy.intervalMs).toBeLessThanOrEqual(30_000);
  expect(policyProblems(wayBackPolicy({}))).toEqual([]);
});
