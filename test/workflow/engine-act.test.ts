import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {findAct, startWithAct} from '../../src/rehearsal/engine/act.js';
import {copyWorkflow} from '../../src/rehearsal/engine/act-copy.js';
import {type Ground, oneJob, openGround, printed} from './engine-ground.js';

// The second engine's own parts; what workflows mean to both is compared in engine-agreement.test.ts.

const cache = join(dirname(fileURLToPath(import.meta.url)), '../../.cache');
const act = await findAct(cache, {build: process.env.TEST_ACT === 'build'}).catch(() => undefined);
const withAct = act ? test : test.skip;

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

test('the copy for act rewrites $/ and removes what act does not know, and nothing else', () => {
  const text = `name: N # kept
on: {push: {branches: [main]}, schedule: [{cron: '1 2 * * *', timezone: UTC}]}
permissions: {}
concurrency: {group: g, queue: max}
jobs:
  a:
    environment: {name: p, deployment: false}
    permissions: {contents: read}
    runs-on: ubuntu-latest
    steps:
      - uses: $/actions/x
      - uses: actions/checkout@abc # v7
      - run: echo "uses $/actions/x"
  b: {uses: $/.github/workflows/c.yml}
`;
  const copy = copyWorkflow(text);
  expect(copy.own).toEqual(['actions/x', '.github/workflows/c.yml']);
  expect(copy.repositories).toEqual(['actions/checkout@abc']);
  expect(copy.text).toContain('- uses: rehearsal/suite/actions/x@v1\n');
  expect(copy.text).toContain('uses: ./.github/workflows/c.yml');
  expect(copy.text).toContain('echo "uses $/actions/x"');
  for (const gone of ['permissions', 'concurrency', 'timezone', 'deployment', 'queue'])
    expect(copy.text).not.toContain(gone);
  expect(copy.text).toContain('name: N # kept');
});

test('without act and Go, one line says how to get it', async () => {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  const failure = await findAct(join(ground.root, 'cache')).catch((error: unknown) => error);
  process.env.PATH = path;
  expect(failure).toMatchObject({
    code: 'ACT_MISSING',
    remedy: expect.stringMatching(
      /^Install Go and run `GOBIN=.* go install github\.com\/nektos\/act@v[\d.]+`, or put act on the PATH\.$/,
    ),
  });
});

withAct('act: log, events, steps, summaries and masks have the shape of the embedded engine', async () => {
  ground.write(
    '.github/workflows/called.yml',
    'on: workflow_call\njobs: {inner: {name: In/side, runs-on: ubuntu-latest, steps: [{run: echo inner}]}}',
  );
  ground.write(
    '.github/workflows/test.yml',
    `${oneJob('- id: s\n  run: echo "v=k-$(echo "$S" | head -1)" >> $GITHUB_OUTPUT; echo "sum $S" >> $GITHUB_STEP_SUMMARY; echo "$S" | sed "s/^/x/"\n  env: {S: "${{ secrets.S }}"}')}  m: {runs-on: ubuntu-latest, strategy: {matrix: {n: [1, 2]}}, steps: [{run: 'echo leg \${{ matrix.n }}'}]}\n  call: {uses: $/.github/workflows/called.yml}\n`,
  );
  ground.commit();
  process.env.HOST_SECRET = 'from the host';
  const result = await startWithAct(ground.request({secrets: {S: 'line one\nline two'}}), act!).done;
  delete process.env.HOST_SECRET;
  expect(new Set(Object.keys(result.jobs))).toEqual(new Set(['a', 'call', 'call/inner', 'm', 'm (1)', 'm (2)']));
  expect(printed(result)).toEqual(['x***', 'x***']);
  expect(printed(result, 'm (2)')).toEqual(['leg 2']);
  expect(result.jobs.a?.steps).toMatchObject([
    {id: 's', outcome: 'success', outputs: {v: expect.stringContaining('k-***')}},
  ]);
  expect(result.summaries).toBe('sum ***\n');
  expect(JSON.stringify([result, ground.events])).not.toMatch(/line (one|two)|from the host/);
  expect(new Set(ground.events.map((event) => event.type))).toEqual(
    new Set(['job-started', 'step-started', 'step-finished', 'log', 'output', 'summary', 'job-finished']),
  );
  expect(readdirSync(join(ground.root, 'work'))).toEqual([]);
});

withAct('act: a run that is killed leaves no process behind', async () => {
  ground.write(
    '.github/workflows/test.yml',
    oneJob(`- run: echo $$ > ${join(ground.root, 'pid')}; echo ready; sleep 60`),
  );
  ground.commit();
  const run = startWithAct(ground.request(), act!);
  await ground.seen((event) => event.type === 'log' && event.line === 'ready');
  run.killRunner();
  expect((await run.done).jobs.a?.result).toBe('failure');
  const pid = Number(readFileSync(join(ground.root, 'pid'), 'utf8'));
  const state = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : 'State: Z';
  expect(state).toMatch(/State:\s+Z/);
});

withAct('act: warnings and errors that a step announces stand in the log', async () => {
  ground.write(
    '.github/workflows/test.yml',
    oneJob('- run: echo "::warning::nothing could be kept"; echo "::error::and it ended badly"'),
  );
  ground.commit();
  const lines = printed(await startWithAct(ground.request(), act!).done);
  expect(lines).toContainEqual(expect.stringMatching(/##\[warning\].*nothing could be kept/));
  expect(lines).toContainEqual(expect.stringMatching(/##\[error\].*and it ended badly/));
});
