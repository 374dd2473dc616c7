import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type GateRun, runGate} from '../../src/gate/run-gate.js';
import {verifyRecord} from '../../src/gate/verify.js';
import {type Exchange, type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';

const commit = 'a'.repeat(40);
const fast = {interval: 10, 'min-duration': 0, 'max-duration': 20_000, 'warm-up': 500};
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
    policy: fast,
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
    message: expect.stringMatching(/unhealthy-error-rate[\s\S]*used twice[\s\S]*MISSING/),
  });
  await expect(runGate(run)).rejects.toThrow('is not a JSONPath');
  expect(product.requests).toHaveLength(0);
});

test('a plan too short for a verdict is refused', async () => {
  await expect(runGate(gate({policy: {interval: 1_000, 'max-duration': 60_000, 'min-duration': 0}}))).rejects.toThrow(
    /60 probes, but 101 clean ones are needed/,
  );
});

test('a round in which the control fails too is void', async () => {
  let n = 0;
  await using control = await startStandIn(({response}) => sendJson(response, n++ % 12 === 5 ? 500 : 200, {}));
  // The product fails exactly when the control does: the network's fault, not the release's.
  script = (k, exchange) => (k % 12 === 5 ? broken : healthy)(k, exchange);
  const result = await runGate(gate({policy: {...fast, 'control-url': control.url}}));
  expect(result.verdict).toBe('pass');
  expect(result.record.overall.void_rounds).toBeGreaterThan(5);
  expect(result.record.checks[0]!.failures).toBeLessThanOrEqual(1);
});

test('probes that hang overlap: three timeouts take little longer than one', async () => {
  script = (n, exchange) => {
    if (n < 1) healthy(n, exchange);
  };
  const result = await runGate(
    gate({policy: {...fast, interval: 50}, checks: [{name: 'api', path: '/health', timeout: 600}]}),
  );
  expect(result.record.checks[0]).toMatchObject({failures: 3, failure_classes: {timeout: 3}});
  // Later rounds went out while the first still hung: far more requests than the three that decided.
  expect(product.requests.length).toBeGreaterThanOrEqual(7);
});

test('a contract is read once and again after two seconds, and then decides', async () => {
  const result = await runGate(
    gate({
      policy: {...fast, 'max-duration': 20_000, 'min-duration': 15_000},
      checks: [
        {name: 'api', path: '/health'},
        {name: 'cors', kind: 'cors', path: '/health', origin: 'https://shop.example'},
      ],
    }),
  );
  expect(result.verdict).toBe('fail');
  expect(result.record.checks[1]).toMatchObject({letters: '!2', state: 'broken'});
  expect(result.sentence).toBe(
    'FAIL: cors broke its contract twice: expected access-control-allow-origin: https://shop.example, got no such header.',
  );
  expect(product.requests.filter((request) => request.method === 'OPTIONS')).toHaveLength(2);
});

test('what is undecided at the time limit is reported as the policy says, and says so', async () => {
  script = (n, exchange) => (n % 35 === 34 ? broken : healthy)(n, exchange);
  const policy = {...fast, 'max-duration': 2_600, confidence: 0.999, interval: 10};
  const result = await runGate(gate({policy: {...policy, 'on-timeout': 'pass'}}));
  expect(result.verdict).toBe('pass');
  expect(result.record).toMatchObject({verdict: 'inconclusive', reported: 'pass'});
  expect(result.sentence).toMatch(
    /^INCONCLUSIVE at the time limit .* more clean probes would give PASS.* Reported as PASS by `on-timeout`/,
  );
});

test("the platform's counts of users' requests speak too", async () => {
  const source = 'traffic backend';
  let minute = 0;
  const result = await runGate(
    gate({
      policy: {...fast, 'min-duration': 10_000, 'max-duration': 12_000},
      traffic: {
        ids: [source],
        everyMs: 10,
        read: async () => [{source, atMs: 60_000 * ++minute, requests: 500, errors: 200}],
      },
    }),
  );
  expect(result.verdict).toBe('fail');
  expect(result.sentence).toMatch(
    /^FAIL by users' own requests: traffic backend: \d+ of \d+ requests failed in \d windows?/,
  );
});

test('counts that cannot be read are noted, and the probes decide', async () => {
  const result = await runGate(
    gate({traffic: {ids: ['traffic backend'], everyMs: 10, read: async () => Promise.reject(new Error('refused'))}}),
  );
  expect(result.verdict).toBe('pass');
  expect(result.record.notes[0]).toContain('could not be read');
});

test('a fired signal ends it at once as cancelled', async () => {
  const controller = new AbortController();
  const running = runGate(gate({policy: {...fast, 'min-duration': 20_000}, signal: controller.signal}));
  setTimeout(() => controller.abort(), 100);
  await expect(running).rejects.toMatchObject({code: 'CANCELLED'});
});

test('a machine without name resolution is an error of the measurement', async () => {
  const result = await runGate(
    gate({probes: {http: async () => ({outcome: 'unusable', class: 'local', detail: 'getaddrinfo EAI_AGAIN'})}}),
  );
  expect(result.verdict).toBe('error');
  expect(result.sentence).toContain('could not be reached from this machine');
});

test('every recorded run verifies by replay', async () => {
  script = (n, exchange) => (n % 9 === 8 ? broken : healthy)(n, exchange);
  const result = await runGate(
    gate({
      baseline: {urls: {backend: previous.url}},
      checks: [
        {name: 'api', path: '/health', 'max-latency': 2_000},
        {name: 'extra', path: '/x', severity: 'advisory'},
      ],
    }),
  );
  expect(verifyRecord(JSON.parse(JSON.stringify(result.record)) as typeof result.record)).toEqual([]);
});

test('progress is a line every few seconds, not a flood', async () => {
  const lines: string[] = [];
  await runGate(gate({progress: (line) => lines.push(line)}));
  expect(lines.length).toBeGreaterThanOrEqual(2);
  expect(lines.length).toBeLessThanOrEqual(4);
});
