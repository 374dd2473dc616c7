import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type GateRun, runGate} from '../../src/gate/run-gate.js';
import {type Exchange, type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';

const commit = 'a'.repeat(40);
/** Scripted product: the answer to the n-th request on each side. */
type Script = (n: number, exchange: Exchange) => void;

let product: StandIn;
let previous: StandIn;
let script: Script;
let previousScript: Script;

const healthy: Script = (_n, {response}) => sendJson(response, 200, {status: 'ok', commit}, {'x-commit': commit});
const broken: Script = (_n, {response}) => sendJson(response, 500, {status: 'broken', token: 'very-secret-token'});

beforeEach(async () => {
  script = healthy;
  previousScript = healthy;
  let n = 0;
  let m = 0;
  product = await startStandIn((exchange) => script(n++, exchange));
  previous = await startStandIn((exchange) => previousScript(m++, exchange));
});

afterEach(async () => {
  await product.close();
  await previous.close();
});

function gate(overrides: Partial<GateRun> = {}): GateRun {
  return {
    policy: {interval: 10, 'min-duration': 0, 'max-duration': 20_000, 'warm-up': 500},
    checks: [
      {name: 'api', path: '/health', expect: {json: [{path: '$.status', equals: 'ok'}], commit: {header: 'x-commit'}}},
    ],
    candidate: {urls: {backend: product.url}, commit},
    signal: new AbortController().signal,
    ...overrides,
  };
}

test('a healthy release passes after a hundred clean probes', async () => {
  const result = await runGate(gate());
  expect(result.verdict).toBe('pass');
  expect(result.record.checks[0]).toMatchObject({
    n: 100,
    failures: 0,
    warmup_probes: 1,
    letters: 'w-100',
    state: 'clear',
  });
  expect(result.sentence).toMatch(
    /^PASS after 100 probes \([\d.]+ s\): 0 failures\. A service failing 5% would look this good in fewer than 1 of 100 deployments\./,
  );
});

test('a release that breaks after its start fails after a few probes, and says why', async () => {
  script = (n, exchange) => (n < 1 ? healthy : broken)(n, exchange);
  const result = await runGate(gate());
  expect(result.verdict).toBe('fail');
  expect(result.record.checks[0]).toMatchObject({n: 3, failures: 3, state: 'proved'});
  expect(result.sentence).toContain('FAIL after 3 probes');
  expect(result.sentence).toContain('api failed 3 of 3 (status-5xx)');
  expect(result.firstFailures[0]).toMatchObject({
    check: 'api',
    class: 'status-5xx',
    status: 500,
    expected: 'status 2xx',
    got: 'status 500',
  });
  expect(JSON.stringify(result)).not.toContain('very-secret-token');
});

test('a release that never answers well was never ready', async () => {
  script = broken;
  const result = await runGate(gate());
  expect(result.verdict).toBe('fail');
  expect(result.record.reason_code).toBe('never-ready');
});

test('a fault on both sides does not fail the release', async () => {
  const flaky: Script = (n, exchange) => (n % 4 === 3 ? broken : healthy)(n, exchange);
  script = flaky;
  previousScript = flaky;
  const result = await runGate(
    gate({
      baseline: {urls: {backend: previous.url}},
      policy: {interval: 10, 'min-duration': 0, 'max-duration': 1_500, 'warm-up': 200, 'unhealthy-error-rate': 0.1},
    }),
  );
  expect(result.verdict).toBe('inconclusive');
  expect(result.record.reason_code).toBe('baseline-down');
  expect(result.sentence).toContain('The previous deployment also failed 2');
});

test('a fault on the candidate alone is found in pairs', async () => {
  script = (n, exchange) => (n < 1 ? healthy : broken)(n, exchange);
  const result = await runGate(gate({baseline: {urls: {backend: previous.url}}}));
  expect(result.verdict).toBe('fail');
  expect(result.record.reason_code).toBe('compare');
  expect(result.sentence).toContain('failed only on the new deployment, 0 only on the previous one');
});

test('an answer from another release is stale, not healthy', async () => {
  const result = await runGate(gate({candidate: {urls: {backend: product.url}, commit: 'b'.repeat(40)}}));
  expect(result.verdict).toBe('fail');
  expect(result.sentence).toContain('This address does not serve the release under test.');
});

test('a plan that cannot work is refused before the first probe, with every problem', async () => {
  const run = gate({
    policy: {'max-error-rate': 0.05, 'unhealthy-error-rate': 0.01},
    checks: [
      {name: 'a', expect: {json: [{path: '$.['}]}},
      {name: 'a', auth: {kind: 'bearer', env: 'MISSING'}},
    ],
  });
  await expect(runGate(run)).rejects.toMatchObject({
    code: 'GATE_PLAN',
    message: expect.stringMatching(/unhealthy-error-rate[^]*used twice[^]*MISSING/),
  });
  await expect(runGate(run)).rejects.toThrow('is not a JSONPath');
  expect(product.requests).toHaveLength(0);
});

test('a plan too short for a verdict is refused', async () => {
  await expect(runGate(gate({policy: {interval: 1_000, 'max-duration': 60_000, 'min-duration': 0}}))).rejects.toThrow(
    /60 probes, but 101 clean ones are needed/,
  );
});
