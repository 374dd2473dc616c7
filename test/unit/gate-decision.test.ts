import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {PlannedCheck} from '../../src/gate/check-state.js';
import {blame, overallLog, shares} from '../../src/gate/combine.js';
import {closedFormLog, rateLadder} from '../../src/gate/evidence.js';
import {Gate} from '../../src/gate/gate.js';
import {type GateSettings, policyProblems, resolvePolicy} from '../../src/gate/policy.js';
import {consecutiveRule, failureLimitRule, peerRule, runningRateRule, windowRule} from '../../src/gate/rules.js';
import type {Sample} from '../../src/gate/sample.js';

const settings: GateSettings = {'warm-up': 0, 'min-duration': 0};
const ok: Sample = {outcome: 'ok', latencyMs: 100};
const bad: Sample = {outcome: 'failed', class: 'status-5xx', latencyMs: 100};
const wall: Sample = {outcome: 'unusable', class: 'wall'};

function plan(overrides: Partial<PlannedCheck> = {}): PlannedCheck {
  return {id: 'api', kind: 'http', mode: 'stream', critical: true, weight: 1, paired: false, ...overrides};
}

function gateOf(checks: PlannedCheck[] = [plan()], overrides: GateSettings = {}, traffic: string[] = []) {
  return new Gate({
    policy: resolvePolicy({...settings, ...overrides}),
    checks,
    traffic: traffic.map((id) => ({id, weight: 1})),
  });
}

/** Feeds rounds one second apart; each gives every check its sample. */
function feed(
  gate: Gate,
  rounds: number,
  sample: (round: number, check: string) => {candidate: Sample; baseline?: Sample; void?: boolean},
  from = 0,
) {
  for (let round = from; round < from + rounds && !gate.decision; round++) {
    const atMs = round * 1_000;
    const given = gate.checks.map(({plan: {id}}) => ({check: id, round, atMs, ...sample(round, id)}));
    gate.feed({round, atMs, void: given.some((one) => one.void)}, given);
  }
  return gate.decision;
}

describe('verdicts', () => {
  test('a failure is told at once, a pass waits for its time', () => {
    expect(feed(gateOf(undefined, {'min-duration': 120_000}), 10, () => ({candidate: bad}))).toMatchObject({
      verdict: 'fail',
      reason: 'rate',
      atMs: 2_000,
      checks: ['api'],
    });
    expect(feed(gateOf(undefined, {'min-duration': 120_000}), 600, () => ({candidate: ok}))).toMatchObject({
      verdict: 'pass',
      atMs: 120_000,
    });
    expect(feed(gateOf(undefined, {'min-probes': 150}), 600, () => ({candidate: ok}))).toMatchObject({
      verdict: 'pass',
      atMs: 149_000,
    });
  });

  test('FAIL wins over PASS in the same round, and the first decision stands', () => {
    const gate = gateOf([plan({id: 'a'}), plan({id: 'b'})]);
    feed(gate, 99, () => ({candidate: ok}));
    expect(gate.decision).toBeUndefined();
    const more = feed(gateOf([plan({id: 'a'}), plan({id: 'b', mode: 'leak', kind: 'tenant'})]), 200, (round, id) => ({
      candidate: id === 'a' ? ok : round < 99 ? ok : {outcome: 'broken'},
    }));
    expect(more).toMatchObject({verdict: 'fail', reason: 'contract', atMs: 99_000});
    const done = gateOf();
    feed(done, 3, () => ({candidate: bad}));
    const first = done.decision;
    for (let i = 0; i < 200; i++) done.feed({round: i, atMs: i}, [{check: 'api', round: i, atMs: i, candidate: ok}]);
    expect(done.decision).toBe(first);
    expect(done.afterVerdict).toBe(200);
  });

  test('between objective and limit the time limit leaves it open', () => {
    const gate = gateOf();
    feed(gate, 250, (round) => ({candidate: round % 35 === 34 ? bad : ok}));
    expect(gate.timeUp(250_000)).toMatchObject({verdict: 'inconclusive', reason: 'time-limit'});
  });

  test('an advisory check never decides', () => {
    const gate = gateOf([plan({id: 'api'}), plan({id: 'extra', critical: false})]);
    expect(feed(gate, 300, (_round, id) => ({candidate: id === 'api' ? ok : bad}))).toMatchObject({
      verdict: 'pass',
      atMs: 99_000,
    });
  });

  test('several mildly bad checks are found together, and named as such', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const gate = gateOf(ids.map((id) => plan({id})));
    const decision = feed(gate, 600, (round, id) => ({candidate: round % 20 === 5 * ids.indexOf(id) ? bad : ok}));
    expect(decision).toMatchObject({verdict: 'fail'});
    expect(decision!.checks.length).toBeGreaterThan(0);
    const voices = gate.voices();
    expect(shares(voices).reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  });
});

describe('warm-up', () => {
  test('nothing counts before the first success, nor that success itself', () => {
    const gate = gateOf(undefined, {'warm-up': 60_000});
    feed(gate, 200, (round) => ({candidate: round < 30 ? bad : ok}));
    expect(gate.decision).toMatchObject({verdict: 'pass', atMs: 130_000});
    expect(gate.checks[0]!.warmUpProbes).toBe(31);
    expect(gate.checks[0]!.stream).toMatchObject({probes: 100, failures: 0});
  });

  test('no success at all: never ready', () => {
    expect(feed(gateOf(undefined, {'warm-up': 20_000}), 60, () => ({candidate: bad}))).toMatchObject({
      verdict: 'fail',
      reason: 'never-ready',
      atMs: 20_000,
    });
  });

  test('dead on both sides is not the release', () => {
    const gate = gateOf([plan({paired: true})], {'warm-up': 20_000});
    feed(gate, 300, () => ({candidate: bad, baseline: bad}));
    expect(gate.timeUp(300_000)).toMatchObject({verdict: 'inconclusive', reason: 'baseline-down'});
  });

  test('a login wall measures nothing', () => {
    expect(feed(gateOf(undefined, {'warm-up': 20_000}), 60, () => ({candidate: wall}))).toMatchObject({
      verdict: 'error',
      reason: 'wall',
    });
  });
});

describe('void rounds', () => {
  test('are not tested, whatever they show', () => {
    const gate = gateOf();
    feed(gate, 200, (round) => ({candidate: round % 10 === 3 ? bad : ok, void: round % 10 === 3}));
    expect(gate.decision).toMatchObject({verdict: 'pass'});
    expect(gate.checks[0]!.stream.failures).toBe(0);
  });

  test('too many of them: inconclusive, never a pass', () => {
    const gate = gateOf();
    feed(gate, 600, (round) => ({candidate: ok, void: round % 4 === 0}));
    expect(gate.timeUp(600_000)).toMatchObject({verdict: 'inconclusive', reason: 'void-rounds'});
  });
});

describe('baseline', () => {
  const paired = [plan({paired: true})];

  test('both must speak: the objective alone is not enough', () => {
    const gate = gateOf(paired);
    feed(gate, 100, (round) => ({candidate: round % 5 === 0 ? bad : ok, baseline: round % 5 === 0 ? bad : ok}));
    expect(gate.decision).toBeUndefined();
    expect(gate.checks[0]!.stream.objectiveLog).toBeGreaterThan(Math.log(100));
  });

  test('a baseline behind a login wall is given up, and the objective decides', () => {
    const gate = gateOf(paired, {'warm-up': 60_000});
    feed(gate, 20, (round) => ({candidate: round === 0 ? ok : bad, baseline: wall}));
    expect(gate.decision).toMatchObject({verdict: 'fail', reason: 'rate', atMs: 3_000});
  });

  test('slower than the baseline beyond the tolerance', () => {
    const gate = gateOf(paired);
    expect(feed(gate, 100, () => ({candidate: {outcome: 'ok', latencyMs: 180}, baseline: ok}))).toMatchObject({
      verdict: 'fail',
      reason: 'latency',
      checks: ['api latency'],
    });
  });

  test('within the tolerance', () => {
    expect(feed(gateOf(paired), 300, () => ({candidate: {outcome: 'ok', latencyMs: 118}, baseline: ok}))).toMatchObject(
      {verdict: 'pass'},
    );
  });
});

describe('contracts', () => {
  const tls = plan({id: 'tls', kind: 'tls', mode: 'contract', weight: 0.25});
  const broken: Sample = {outcome: 'broken', class: 'tls'};

  test('broken twice in a row is broken; once is not', () => {
    expect(
      feed(gateOf([plan(), tls]), 300, (round, id) => ({candidate: id === 'tls' && round % 2 === 1 ? broken : ok})),
    ).toMatchObject({verdict: 'pass'});
    expect(
      feed(gateOf([plan(), tls]), 300, (round, id) => ({candidate: id === 'tls' && round >= 4 ? broken : ok})),
    ).toMatchObject({verdict: 'fail', reason: 'contract', atMs: 5_000, checks: ['tls']});
  });

  test('transport trouble is a failed probe, not a broken contract', () => {
    const gate = gateOf([plan({id: 'tls', kind: 'tls', mode: 'contract'})]);
    feed(gate, 2, () => ({candidate: {outcome: 'failed', class: 'connect'}}));
    expect(gate.decision).toBeUndefined();
    expect(gate.checks[0]!.stream.failures).toBe(2);
  });

  test('a pass needs each contract to have been read', () => {
    const gate = gateOf([plan(), tls]);
    for (let round = 0; round < 200; round++)
      gate.feed({round, atMs: round}, [{check: 'api', round, atMs: round, candidate: ok}]);
    expect(gate.decision).toBeUndefined();
  });
});

describe('traffic of users', () => {
  test('bad windows fail the release', () => {
    const gate = gateOf(undefined, {}, ['traffic backend']);
    feed(gate, 2, () => ({candidate: ok}));
    for (let i = 1; i <= 6 && !gate.decision; i++)
      gate.addWindow({source: 'traffic backend', atMs: i * 60_000, requests: 300, errors: 60});
    expect(gate.decision).toMatchObject({verdict: 'fail', reason: 'traffic', checks: ['traffic backend']});
  });

  test('no traffic is no evidence, and small windows do not count', () => {
    const gate = gateOf(undefined, {}, ['traffic backend']);
    for (let i = 1; i <= 50; i++) gate.addWindow({source: 'traffic backend', atMs: i, requests: 19, errors: 19});
    expect(gate.traffic.get('traffic backend')!.windows).toBe(0);
    expect(feed(gate, 200, () => ({candidate: ok}))).toMatchObject({verdict: 'pass'});
  });

  test('slow windows need eight', () => {
    const gate = gateOf([plan({weight: 1e-9})], {'max-latency': 500}, ['traffic backend']);
    for (let i = 1; i <= 20 && !gate.decision; i++)
      gate.addWindow({source: 'traffic backend', atMs: i, requests: 100, errors: 0, p95Ms: 800});
    // Two voices share the evidence, so it takes one window more than the eight of a single one.
    expect(gate.decision).toMatchObject({verdict: 'fail', reason: 'latency', atMs: 9});
  });
});

describe('rules of the peers', () => {
  const fails = (rule: {add(x: number): string | undefined}, xs: number[]) =>
    xs.findIndex((x) => rule.add(x) === 'fail') + 1;

  test('each as its maker counts', () => {
    expect(fails(consecutiveRule(3), [1, 1, 0, 1, 1, 1])).toBe(6);
    expect(fails(failureLimitRule(3), [1, 0, 1, 0, 1, 0, 1])).toBe(7);
    expect(fails(windowRule(2, 0.99, 2, 5), [1, 0, 0, 0, 0, 1])).toBe(6);
    expect(fails(runningRateRule(0.01, 4), [0, 1, 0, 0])).toBe(4);
  });

  test('a selected rule decides instead of the evidence', () => {
    expect(feed(gateOf(undefined, {rule: 'consecutive'}), 100, () => ({candidate: bad}))).toMatchObject({
      verdict: 'fail',
      reason: 'rule',
      atMs: 2_000,
    });
    expect(
      feed(gateOf(undefined, {rule: 'failure-limit'}), 100, (round) => ({candidate: round % 2 ? ok : bad})),
    ).toMatchObject({verdict: 'fail', reason: 'rule', atMs: 6_000});
    expect(feed(gateOf(undefined, {rule: 'window'}), 700, () => ({candidate: ok}))).toMatchObject({
      verdict: 'pass',
      atMs: 599_000,
    });
    expect(peerRule('consecutive').add(0)).toBeUndefined();
  });
});

describe('properties', () => {
  const counts = fc
    .record({probes: fc.integer({min: 1, max: 3_000}), failures: fc.nat(3_000)})
    .filter(({probes, failures}) => failures < probes);
  const ladder = rateLadder(0.05);

  test('one more failure never lowers the closed form', () => {
    fc.assert(
      fc.property(
        counts,
        ({probes, failures}) =>
          closedFormLog(probes, failures + 1, 0.01, ladder) > closedFormLog(probes, failures, 0.01, ladder),
      ),
    );
  });

  test('more confidence never makes a verdict earlier', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), {minLength: 1, maxLength: 400}), (failed) => {
        const at = (confidence: number) =>
          feed(gateOf(undefined, {confidence}), failed.length, (round) => ({candidate: failed[round] ? bad : ok}))
            ?.atMs ?? Number.POSITIVE_INFINITY;
        expect(at(0.95)).toBeLessThanOrEqual(at(0.99));
        expect(at(0.99)).toBeLessThanOrEqual(at(0.999));
      }),
      {numRuns: 50},
    );
  });

  test('the mean of evidence is never later than each for its share', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: -20, max: 20, noNaN: true}), {minLength: 1, maxLength: 30}), (logs) => {
        const voices = logs.map((log, i) => ({id: String(i), weight: 1, log}));
        const threshold = Math.log(100);
        const shared = logs.some((log) => log >= threshold + Math.log(logs.length));
        if (shared) expect(overallLog(voices)).toBeGreaterThanOrEqual(threshold - 1e-9);
        const {proved, contributing} = blame(voices, threshold);
        expect(proved.length + contributing.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('plans that cannot work', () => {
  test.each<[string, GateSettings, RegExp]>([
    [
      'unhealthy below the objective',
      {'max-error-rate': 0.05, 'unhealthy-error-rate': 0.05},
      /not above max-error-rate/,
    ],
    ['an objective of zero', {'max-error-rate': 0}, /not between/],
    ['certainty', {confidence: 1}, /from 50% to below 100%/],
    ['too little time', {'max-duration': 60_000, 'min-duration': 0}, /60 probes, but 101/],
    ['a pass after the end', {'min-duration': 700_000}, /longer than max-duration/],
    ['a guard that is none', {'burst-guard': 1}, /between 0% and 99%/],
    ['a pace too fast', {interval: 1}, /below 10 ms/],
    ['a comparison with something odd', {compare: 'yesterday'}, /neither auto/],
    ['half a runner', {runners: 0.5}, /whole number/],
  ])('%s', (_name, given, what) => {
    expect(
      policyProblems(given)
        .map((problem) => `${problem.where} ${problem.what}`)
        .join('\n'),
    ).toMatch(what);
  });

  test('the defaults work', () => {
    expect(policyProblems({})).toEqual([]);
    expect(resolvePolicy({})).toMatchObject({minProbes: 100, unhealthyErrorRate: 0.05, burstGuard: 0.5});
  });
});
