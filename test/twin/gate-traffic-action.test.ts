import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from '@jest/globals';
import {run} from '../../actions/health-gate/run.js';
import {spec} from '../../actions/health-gate/spec.js';
import type {EvidenceRecord} from '../../src/gate/record.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Run} from '../../src/runner/run-action.js';
import {type Fixture, projectToken, serviceId, startFixture} from './railway-stand-in.fixture.js';

/**
 * Users' own requests, counted by the rehearsal's Railway and judged by the whole action. Its clock runs three minutes
 * behind, then two: what is asked now lies in two windows that Railway has taken in by the time of the gate.
 */
const behindMs = [185_000, 125_000];
let fixture: Fixture;
let folder: string;

afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
  await rm(folder, {recursive: true, force: true});
});

/** The path `/` is fine; a page that no check asks for is not. */
async function productWith(requests: Readonly<Record<string, number>>): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), 'gate-traffic-'));
  let behind = behindMs[0]!;
  fixture = await startFixture(
    {healthcheckPath: '/', variables: {MODE: 'unhealthy'}},
    {now: () => Date.now() - behind},
  );
  await fixture.railway.seedLive(serviceId, fixture.commits.good);
  const url = fixture.railway.serviceUrl(serviceId);
  const readyAt = new Date(Date.now() - behind - 15_000).toISOString();
  for (behind of behindMs)
    for (const [path, count] of Object.entries(requests))
      await Promise.all(Array.from({length: count}, () => fetch(url + path).then((answer) => answer.arrayBuffer())));
  await writeFile(
    join(folder, 'switchback.yml'),
    `version: 1\nproduct: shop\nbackend:\n  service: api\n  url: ${url}\n  api-url: ${fixture.railway.url}\nchecks:\n  - name: front\n    path: /\n`,
  );
  return readyAt;
}

async function gate(readyAt: string, token = projectToken) {
  const given: Record<string, string> = {
    config: 'switchback.yml',
    stage: 'live',
    'ready-at': readyAt,
    'railway-token': token,
    'github-token': 'ghs_0123456789',
    interval: '20ms',
    'min-duration': '3s',
    'max-duration': '60s',
    commit: fixture.commits.good,
  };
  const runner: Run = {
    signal: new AbortController().signal,
    env: {GITHUB_WORKSPACE: folder, RUNNER_TEMP: folder},
    log: () => {},
    debug: () => {},
    annotate: () => {},
    group: (_title, work) => work(),
    mask: () => {},
    maskFound: () => {},
    saveState: () => {},
    state: () => '',
    isPost: false,
  };
  const {outputs} = await run(parseInputs(spec, (name) => given[name] ?? '').inputs, runner);
  const record = JSON.parse(await readFile(String(outputs['evidence-file']), 'utf8')) as EvidenceRecord;
  return {verdict: outputs.verdict, record};
}

test('errors that only users meet end the release, although every probe was fine', async () => {
  const {verdict, record} = await gate(await productWith({'/': 40, '/health': 60}));
  expect({verdict, blamed: record.blamed}).toEqual({verdict: 'fail', blamed: ['traffic backend']});
  expect(record.checks.map((check) => check.failures)).toEqual([0]);
  expect(record.traffic[0]!.windows.map(({errors}) => errors)).toEqual([60, 60]);
}, 300_000);

test('users who are served well are part of the evidence of a pass', async () => {
  const {verdict, record} = await gate(await productWith({'/': 100}));
  expect(verdict).toBe('pass');
  const {windows} = record.traffic[0]!;
  expect(windows.map(({errors}) => errors)).toEqual([0, 0]);
  expect(Math.min(...windows.map(({requests}) => requests))).toBeGreaterThanOrEqual(100);
}, 300_000);

test('a minute without users is neither health nor errors', async () => {
  const {verdict, record} = await gate(await productWith({}));
  expect(verdict).toBe('pass');
  expect(record.traffic.flatMap(({windows}) => windows)).toEqual([]);
}, 300_000);
