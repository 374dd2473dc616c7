import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {run} from '../../actions/health-gate/run.js';
import {spec} from '../../actions/health-gate/spec.js';
import type {EvidenceRecord} from '../../src/gate/record.js';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Annotation, Run} from '../../src/runner/run-action.js';

const commit = 'c'.repeat(40);
let product: StandIn;
let folder: string;
let answer: (n: number) => number;
let lines: string[];
let annotations: Annotation[];

beforeEach(async () => {
  let n = 0;
  answer = () => 200;
  lines = [];
  annotations = [];
  product = await startStandIn(({response}) => {
    const status = answer(n++);
    sendJson(response, status, {status: status === 200 ? 'ok' : 'down'}, {'x-commit': commit});
  });
  folder = await mkdtemp(join(tmpdir(), 'gate-action-'));
});

afterEach(async () => {
  await product.close();
  await rm(folder, {recursive: true, force: true});
});

const fast = {
  interval: '10ms',
  'min-duration': '0s',
  'max-duration': '20s',
  'warm-up': '500ms',
  'github-token': 'ghs_0123456789',
  commit,
};

function inputs(given: Record<string, string>) {
  return parseInputs(spec, (name) => ({...fast, ...given})[name]).inputs;
}

function runner(env: Record<string, string> = {}): Run {
  return {
    signal: new AbortController().signal,
    env: {GITHUB_WORKSPACE: folder, RUNNER_TEMP: folder, ...env},
    log: (line) => lines.push(line),
    debug: () => {},
    annotate: (annotation) => annotations.push(annotation),
    group: (_title, work) => work(),
    mask: () => {},
    maskFound: () => {},
    saveState: () => {},
    state: () => '',
    isPost: false,
  };
}

test('inputs alone are enough: one address passes and leaves its evidence', async () => {
  const report = await run(
    inputs({url: `${product.url}/health`, 'expect-json': '$.status == ok', 'expect-commit-header': 'x-commit'}),
    runner(),
  );
  expect(report.outputs).toMatchObject({verdict: 'pass', rounds: 101});
  expect(report.failure).toBeUndefined();
  expect(report.summary).toContain('## ✅ Health gate (candidate): pass');
  const record = JSON.parse(await readFile(report.outputs['evidence-file'] as string, 'utf8')) as EvidenceRecord;
  expect(record.verdict).toBe('pass');
  expect(lines[0]).toContain('100 clean probes per check are needed to pass');
});

test('another commit is not this release, unless any will do', async () => {
  const asked = {url: `${product.url}/health`, 'expect-commit-header': 'x-commit'};
  const other = await run(inputs({...asked, commit: 'd'.repeat(40)}), runner());
  expect(other.outputs.verdict).not.toBe('pass');
  expect((await run(inputs({...asked, commit: 'any'}), runner())).outputs).toMatchObject({verdict: 'pass'});
}, 90_000);

test('a red verdict fails the step after its outputs, and marks the line of the check in the file', async () => {
  answer = (n) => (n < 1 ? 200 : 503);
  await writeFile(
    join(folder, 'switchback.yml'),
    `version: 1\nproduct: shop\nbackend:\n  service: api\n  url: ${product.url}\nchecks:\n  - name: api health\n    path: /health\ngate:\n  interval: 20ms\n`,
  );
  const report = await run(inputs({config: 'switchback.yml'}), runner());
  expect(report.outputs).toMatchObject({verdict: 'fail'});
  expect(report.failure).toMatchObject({
    code: 'GATE_FAIL',
    message: expect.stringContaining('api health failed 3 of 3'),
  });
  expect(annotations).toEqual([expect.objectContaining({file: 'switchback.yml', line: 7, level: 'error'})]);
  expect(report.summary).toContain('### First failures');
});

test('an input wins over the file, and a bad plan names its line', async () => {
  await writeFile(
    join(folder, 'switchback.yml'),
    `version: 1\nproduct: shop\nbackend:\n  service: api\n  url: ${product.url}\nchecks:\n  - name: api\n    expect:\n      json:\n        - path: "$.["\n          equals: ok\ngate:\n  interval: 1s\n`,
  );
  await expect(
    run(inputs({config: 'switchback.yml', 'max-duration': '30s', interval: '1s'}), runner()),
  ).rejects.toMatchObject({
    code: 'GATE_PLAN',
    message: expect.stringMatching(
      /30 probes, but 101[\s\S]*switchback\.yml:10 `checks\[0\]\.expect\.json\[0\]\.path`|switchback\.yml:10[\s\S]*/,
    ),
  });
  expect(product.requests).toHaveLength(0);
});

test('a login wall is an error of the measurement, not of the release', async () => {
  await product.close();
  product = await startStandIn(({response}) => {
    response.writeHead(401, {'content-type': 'text/html', 'set-cookie': '_vercel_sso_nonce=abc; Path=/'});
    response.end('<html>Authentication Required</html>');
  });
  const report = await run(inputs({url: product.url}), runner());
  expect(report.outputs).toMatchObject({verdict: 'error'});
  expect(report.outputs.sentence).toContain('login wall');
});

test('several places are merged into one verdict', async () => {
  const place = async (name: string) => {
    const report = await run(
      inputs({url: product.url, place: name, runners: '2', 'evidence-file': `evidence/${name}.json`}),
      runner(),
    );
    return report.outputs.verdict;
  };
  expect(await place('east')).toBe('pass');
  const early = await run(inputs({merge: 'evidence/', 'fail-on': 'fail'}), runner());
  expect(early.outputs).toMatchObject({verdict: 'inconclusive'});
  expect(early.failure).toBeUndefined();
  expect(await place('west')).toBe('pass');
  const merged = await run(inputs({merge: 'evidence/'}), runner());
  expect(merged.outputs).toMatchObject({verdict: 'pass', sentence: expect.stringContaining('from all 2 places')});
  expect(merged.summary).toContain('| east | pass |');
});

test('the record has its plots beside it, and the summary its charts', async () => {
  const report = await run(inputs({url: product.url, 'evidence-file': 'evidence.json'}), runner());
  const svg = await readFile(join(folder, 'evidence.svg'), 'utf8');
  expect(svg).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
  expect(svg).not.toMatch(/<script|href=|url\(/);
  expect(report.summary).toContain('```mermaid');
});

test('evidence that is none is refused', async () => {
  await writeFile(join(folder, 'other.json'), '{"a": 1}');
  await expect(run(inputs({merge: 'other.json,missing.json'}), runner())).rejects.toMatchObject({
    code: 'EVIDENCE',
    message: expect.stringMatching(
      /other\.json: is no evidence record[\s\S]*missing\.json|missing\.json[\s\S]*other\.json/,
    ),
  });
});
