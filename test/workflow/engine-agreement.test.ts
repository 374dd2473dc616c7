import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {findAct, startWithAct} from '../../src/rehearsal/engine/act.js';
import type {WorkflowRequest, WorkflowResult, WorkflowRun} from '../../src/rehearsal/engine/engine.js';
import {type Ground, oneJob, openGround} from './engine-ground.js';

// The embedded engine and nektos/act must end with the same job results and outputs. Where act is known to differ from
// GitHub (no groups, approvals, permissions, job time limits, masked job outputs; any
// skipped ancestor counts against success(); a blank line in a command file is an error), the engine's own tests decide.

// act is used where it is found; TEST_ACT=build builds it with Go first.
const cache = join(dirname(fileURLToPath(import.meta.url)), '../../.cache');
let ground: Ground;
const act = await findAct(cache, {build: process.env.TEST_ACT === 'build'}).catch(
  (error: {message: string; remedy: string}) => {
    console.warn(`Not compared with act: ${error.message}. ${error.remedy}`);
    return undefined;
  },
);

beforeEach(() => {
  ground = openGround();
  ground.action(
    'js',
    {
      main: "const n = process.env.INPUT_NAME; console.log('hello', n); fs.appendFileSync(process.env.GITHUB_OUTPUT, `said<<E\\n${n}\\nand more\\nE\\n`); fs.appendFileSync(process.env.GITHUB_STATE, `n=${n}\\n`)",
      post: 'fs.appendFileSync(process.env.GITHUB_ENV, `LATE=${process.env.STATE_n}\\n`)',
    },
    {name: '${{ github.ref_name }}'},
  );
  ground.composite(
    'wrap',
    "- id: i\n  uses: $/js\n  with: {name: '${{ inputs.name }}'}\n- id: f\n  if: inputs.fail == 'true'\n  run: exit 1\n  shell: bash\n- if: failure()\n  run: echo seen=inner >> $GITHUB_ENV\n  shell: bash",
    "inputs: {name: {description: d}, fail: {description: d, default: 'false'}}\noutputs: {said: {value: '${{ steps.i.outputs.said }}'}}",
  );
});
afterEach(() => ground[Symbol.dispose]());

const job = (id: string, run: string, more = '') =>
  `  ${id}:\n    runs-on: ubuntu-latest\n${more}    steps: [{id: s, run: ${JSON.stringify(run)}}]\n`;
const out = (name: string, value: string) => `    outputs: {${name}: "${value}"}\n`;
const dispatch = (text: string) =>
  text.replace(
    'on: push',
    'on: {workflow_dispatch: {inputs: {flag: {type: boolean, default: false}, to: {type: choice, options: [a, b], default: b}}}}',
  );

const workflows: Record<string, {text: string; more?: Partial<WorkflowRequest>}> = {
  'steps, outputs and conditions after a failure': {
    text: oneJob(
      '- id: s\n  run: echo v=1 >> $GITHUB_OUTPUT; exit 1\n- id: t\n  if: failure()\n  run: echo w=2 >> $GITHUB_OUTPUT\n- id: u\n  run: echo x=3 >> $GITHUB_OUTPUT',
      'outputs: {all: "${{ steps.s.outputs.v }}${{ steps.t.outputs.w }}${{ steps.u.outputs.x }} ${{ steps.s.outcome }} ${{ steps.u.conclusion }}"}',
    ),
  },
  'continue-on-error': {
    text: oneJob(
      '- id: s\n  continue-on-error: true\n  run: exit 1',
      'outputs: {all: "${{ steps.s.outcome }} ${{ steps.s.conclusion }} ${{ job.status }}"}',
    ),
  },
  'JavaScript action: inputs, defaults, multi-line outputs': {
    text: oneJob(
      '- id: s\n  uses: $/js\n- id: t\n  uses: $/js\n  with: {name: given}',
      'outputs: {all: "${{ steps.s.outputs.said }} ${{ steps.t.outputs.said }}"}',
    ),
  },
  'composite action: outputs, failure inside': {
    text: oneJob(
      "- id: s\n  uses: $/wrap\n  with: {name: deep}\n- id: t\n  uses: $/wrap\n  continue-on-error: true\n  with: {name: x, fail: 'true'}",
      'outputs: {all: "${{ steps.s.outputs.said }} ${{ steps.t.outcome }} ${{ env.seen }}"}',
    ),
  },
  'checkout and local actions': {
    text: oneJob(
      '- uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n  with: {persist-credentials: false}\n- id: s\n  uses: ./js\n- id: t\n  run: echo "same=$(test "$(git rev-parse HEAD)" = "$GITHUB_SHA" && echo yes) $(git branch --show-current)" >> $GITHUB_OUTPUT',
      'outputs: {all: "${{ steps.s.outputs.said }} ${{ steps.t.outputs.same }} ${{ github.ref }} ${{ github.repository }}"}',
    ),
  },
  'environment layers': {
    text: oneJob(
      '- run: echo "B=file" >> $GITHUB_ENV; echo "C=file" >> $GITHUB_ENV\n- id: s\n  env: {C: step}\n  run: echo "v=$A $B $C ${{ env.B }} $V" >> $GITHUB_OUTPUT',
      'env: {A: job, B: job, V: "${{ vars.V }}"}\noutputs: {all: "${{ steps.s.outputs.v }}"}',
      'env: {A: workflow, C: workflow}',
    ),
    more: {vars: {V: 'var'}},
  },
  expressions: {
    text: oneJob(
      '- id: s\n  run: echo done',
      "outputs: {all: \"${{ format('{0}-{1}', 'a', 1) }} ${{ join(fromJSON('[1,2]'), '+') }} ${{ contains('Hello', 'ELL') }} ${{ 'A' == 'a' }} ${{ toJSON(fromJSON('{\\\"x\\\":[1]}')) }} ${{ github.event_name }} ${{ startsWith(github.ref, 'refs/') && 'yes' || 'no' }}\"}",
    ),
  },
  'failing gate: the rollback runs with the outputs of the deploy': {
    text: `on: push\njobs:\n${job('deploy', 'echo id=7 >> $GITHUB_OUTPUT', out('id', '${{ steps.s.outputs.id }}'))}${job('gate', 'exit 1', '    needs: deploy\n')}${job('rollback', 'echo "back=${{ needs.deploy.outputs.id }} ${{ needs.gate.result }}" >> $GITHUB_OUTPUT', `    needs: [deploy, gate]\n    if: failure() && needs.gate.result == 'failure'\n${out('back', '${{ steps.s.outputs.back }}')}`)}${job('after', 'echo', '    needs: gate\n')}${job('always', 'echo "r=${{ needs.after.result }}" >> $GITHUB_OUTPUT', `    needs: after\n    if: always()\n${out('r', '${{ steps.s.outputs.r }}')}`)}`,
  },
  'build fails: nothing after it runs but what asks for it': {
    text: `on: push\njobs:\n${job('build', 'exit 1')}${job('gate', 'echo', '    needs: build\n')}${job('rollback', 'echo', "    needs: [build, gate]\n    if: failure() && needs.gate.result == 'failure'\n")}${job('report', 'echo', '    needs: [build, gate]\n    if: "!cancelled()"\n')}`,
  },
  'a skipped job and its condition': {
    text: `on: push\njobs:\n${job('a', 'echo', '    if: "${{ vars.OFF == \'\' && false }}"\n')}${job('b', 'echo', '    needs: a\n')}${job('c', 'echo', '    needs: a\n    if: "!failure() && !cancelled()"\n')}`,
  },
  matrix: {
    text: `on: push\njobs:\n  m:\n    runs-on: ubuntu-latest\n    strategy: {fail-fast: false, matrix: {n: [1, 2], x: [a], include: [{n: 3, x: b}]}}\n    steps: [{run: "test \${{ matrix.n }} != 2"}]\n${job('after', 'echo "r=${{ needs.m.result }}" >> $GITHUB_OUTPUT', `    needs: m\n    if: always()\n${out('r', '${{ steps.s.outputs.r }}')}`)}`,
  },
  'dispatch inputs': {
    text: dispatch(
      oneJob(
        '- run: echo',
        'outputs: {all: "${{ inputs.flag == true }} ${{ inputs.to }} ${{ github.event.inputs.to }}"}',
      ),
    ),
    more: {event: {name: 'workflow_dispatch', inputs: {flag: true, to: 'a'}}},
  },
  schedule: {
    text: oneJob('- run: echo', 'outputs: {all: "${{ github.event_name }}"}').replace(
      'on: push',
      "on: {schedule: [{cron: '23 3 * * *', timezone: Europe/Berlin}]}",
    ),
    more: {event: {name: 'schedule'}},
  },
  'called workflow': {
    text: `on: push\npermissions: {}\nconcurrency: {group: g, queue: max}\njobs:\n  call:\n    uses: $/.github/workflows/called.yml\n    with: {name: given}\n    secrets: {S: "\${{ secrets.S }}"}\n${job('after', 'echo', `    needs: call\n${out('got', '${{ needs.call.outputs.out }}')}`)}`,
    more: {secrets: {S: 'secret-value'}},
  },
};

const called =
  'on:\n  workflow_call:\n    inputs: {name: {type: string, required: true}, more: {type: boolean, default: true}}\n    secrets: {S: {required: true}}\n    outputs: {out: {value: "${{ jobs.inner.outputs.v }}"}}\njobs:\n  inner:\n    runs-on: ubuntu-latest\n    environment: {name: production, deployment: false}\n    outputs: {v: "${{ steps.s.outputs.v }}"}\n    steps:\n      - id: s\n        env: {S: "${{ secrets.S }}"}\n        run: echo "v=${{ inputs.name }} ${{ inputs.more == true }} ${#S}" >> $GITHUB_OUTPUT\n';

const ends = (result: WorkflowResult) =>
  Object.fromEntries(
    Object.entries(result.jobs)
      .filter(([key]) => !/[/(]/.test(key))
      .map(([key, end]) => [key, {result: end.result, outputs: end.outputs}]),
  );

(act ? test : test.skip).each(Object.entries(workflows))(
  'both engines agree: %s',
  async (name, {text, more}) => {
    ground.write('.github/workflows/called.yml', called);
    const embedded = await ground.run(text, more);
    const second = await startWithAct(ground.request(more), act!).done;
    expect({conclusion: second.conclusion, ...ends(second)}).toEqual({
      conclusion: embedded.conclusion,
      ...ends(embedded),
    });
    console.info(`agreed: ${name}: ${JSON.stringify(ends(embedded))}`);
  },
  60_000,
);

// What goes on after a disturbance: the rest of the job, the jobs that ask for it, and what they are told.
const disturbed = `on: push
jobs:
${job('prepare', 'echo id=7 >> $GITHUB_OUTPUT', out('id', '${{ steps.s.outputs.id }}'))}  ship:
    needs: prepare
    runs-on: ubuntu-latest
    outputs: {cleaned: "\${{ steps.c.outputs.v }}"}
    steps:
      - run: echo ready; sleep 30
      - id: c
        if: failure() || cancelled()
        run: echo v=yes >> $GITHUB_OUTPUT
  rollback:
    needs: [prepare, ship]
    if: always() && needs.ship.result != 'success'
    runs-on: ubuntu-latest
    outputs: {back: "\${{ steps.s.outputs.back }}"}
    steps: [{id: s, run: 'echo "back=\${{ needs.prepare.outputs.id }} \${{ needs.ship.outputs.cleaned }}" >> $GITHUB_OUTPUT'}]
${job('after', 'echo', '    needs: ship\n')}${job('told', 'echo', "    needs: ship\n    if: '!cancelled()'\n")}`;

(act ? test : test.skip).each(['cancel', 'killRunner'] as const)(
  'both engines agree: %s while a job is at work',
  async (how) => {
    const play = async (start: () => WorkflowRun) => {
      ground.events.length = 0;
      const run = start();
      await ground.seen((event) => event.type === 'log' && event.line === 'ready');
      if (how === 'cancel') run.cancel();
      else run.killRunner('ship');
      return run.done;
    };
    const embedded = await play(() => ground.start(disturbed, {ladderScale: 0.1}));
    const second = await play(() => startWithAct(ground.request(), act!));
    expect(embedded.jobs.rollback?.outputs.back).toBe(how === 'cancel' ? '7 yes' : '7 ');
    expect({conclusion: second.conclusion, ...ends(second)}).toEqual({
      conclusion: embedded.conclusion,
      ...ends(embedded),
    });
  },
  60_000,
);
