import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import {runBundle} from './bundle.js';

/** The committed bundle, started as the runner starts it. */

let product: StandIn;
let workspace: string;
let status: (n: number) => number;

beforeEach(async () => {
  let n = 0;
  status = () => 200;
  product = await startStandIn(({request, response}) => {
    const code = status(n++);
    sendJson(response, code, {status: code === 200 ? 'ok' : 'down', you: request.headers.authorization ?? ''});
  });
  workspace = await mkdtemp(join(tmpdir(), 'gate-bundle-'));
});

afterEach(async () => {
  await product.close();
  await rm(workspace, {recursive: true, force: true});
});

const fast = {
  interval: '10ms',
  'min-duration': '0s',
  'max-duration': '20s',
  'warm-up': '500ms',
  'evidence-file': 'evidence.json',
};
const step = (
  inputs: Record<string, string>,
  extra: {env?: Record<string, string>; signalAfter?: readonly [NodeJS.Signals, number]} = {},
) => runBundle('health-gate', {inputs: {...fast, ...inputs}, workspace, ...extra});

test('pass: outputs, summary and evidence are there', async () => {
  const done = await step({url: `${product.url}/health`, 'expect-json': '$.status == ok'});
  expect(done.exitCode).toBe(0);
  expect(done.outputs).toMatchObject({
    verdict: 'pass',
    rounds: '101',
    sentence: expect.stringMatching(/^PASS after 100 probes/),
  });
  expect(done.summary).toMatch(/^## ✅ Health gate/);
  expect(JSON.parse(await readFile(join(workspace, 'evidence.json'), 'utf8'))).toMatchObject({
    schema: 'switchback/gate-evidence@1',
    verdict: 'pass',
  });
});

test('fail: red, with outputs, the line of the check and no secret', async () => {
  status = (n) => (n < 1 ? 200 : 500);
  const token = 'gate-bearer-token-1';
  await writeFile(
    join(workspace, 'switchback.yml'),
    `version: 1\nproduct: shop\nbackend:\n  service: api\n  url: ${product.url}\nchecks:\n  - name: api\n    path: /health\n    auth: {kind: bearer, env: API_TOKEN}\n`,
  );
  const done = await step({config: 'switchback.yml'}, {env: {API_TOKEN: token}});
  expect(done.exitCode).toBe(1);
  expect(done.outputs).toMatchObject({verdict: 'fail'});
  expect(done.log).toContain('file=switchback.yml,line=7');
  expect(done.errors.join('\n')).toContain('[GATE_FAIL]');
  const evidence = await readFile(join(workspace, 'evidence.json'), 'utf8');
  for (const text of [done.logWithoutMasks, done.summary, JSON.stringify(done.outputs), evidence])
    expect(text).not.toContain(token);
});

test('a plan that cannot work ends before the first probe', async () => {
  const done = await step({url: product.url, 'max-duration': '500ms', confidence: '100%'});
  expect(done.exitCode).toBe(1);
  expect(done.errors.join('\n')).toMatch(/confidence/);
  expect(product.requests).toHaveLength(0);
});

test('SIGTERM ends it in order', async () => {
  const done = await step({url: product.url, 'min-duration': '20s'}, {signalAfter: ['SIGTERM', 1_500]});
  expect(done.exitCode).toBe(130);
  expect(done.errors.join('\n')).toContain('[CANCELLED]');
});
