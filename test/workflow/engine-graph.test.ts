import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {conclusions, type Ground, oneJob, openGround, printed} from './engine-ground.js';

// Jobs: which run, what they see of each other, called workflows, inputs and expressions.

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

/** Jobs by id: `needs`, `if`, outputs and one script. */
function jobs(table: Record<string, {needs?: string; if?: string; run?: string; more?: string}>): string {
  const one = ([id, job]: [string, (typeof table)[string]]) =>
    `  ${id}:\n    runs-on: ubuntu-latest\n${job.needs ? `    needs: [${job.needs}]\n` : ''}${job.if ? `    if: ${job.if}\n` : ''}${job.more ? `    ${job.more}\n` : ''}    steps:\n      - id: s\n        run: ${job.run ?? 'true'}\n`;
  return `on: push\njobs:\n${Object.entries(table).map(one).join('')}`;
}

const results = async (text: string) =>
  Object.fromEntries(Object.entries((await ground.run(text)).jobs).map(([id, job]) => [id, job.result]));

test('16 default if: success() is implied unless a status function occurs', async () => {
  const result = await ground.run(
    oneJob(`
- run: exit 1
- if: \${{ true }}
  run: echo no
- if: "'failure()' != ''"
  run: echo no
- if: always() && true
  run: echo yes
- if: \${{ !success() }}
  run: echo yes
- if: failure() && steps.none.outcome == 'failure'
  run: echo no`),
  );
  expect(conclusions(result)).toEqual(['failure', 'skipped', 'skipped', 'success', 'success', 'skipped']);
});

test('17 status functions by level: a composite looks at itself, a step at the job, a job at its ancestors', async () => {
  ground.composite(
    'c',
    `
- run: echo "outer failure unseen"
  shell: bash
- if: failure()
  run: echo no
  shell: bash
- run: exit 1
  shell: bash
- if: failure()
  run: echo inner failure seen
  shell: bash`,
  );
  const text = oneJob('- run: exit 1\n- if: always()\n  uses: $/c\n- if: failure()\n  run: echo job failure seen');
  const result = await ground.run(
    `${text}  b:\n    needs: a\n    if: always()\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n  c:\n    needs: b\n    if: failure()\n    runs-on: ubuntu-latest\n    steps: [{run: echo ancestor failure seen}]\n  d:\n    needs: b\n    if: failure('b')\n    runs-on: ubuntu-latest\n    steps: [{run: 'true'}]\n`,
  );
  expect(printed(result).filter((line) => !line.startsWith('##'))).toEqual([
    'outer failure unseen',
    'inner failure seen',
    'job failure seen',
  ]);
  expect([result.jobs.b?.result, result.jobs.c?.result, result.jobs.d?.result]).toEqual([
    'success',
    'success',
    'skipped',
  ]);
});

test('25 job graph: all needs finish first, skipping spreads, a rollback that names the gate skips when the build failed', async () => {
  const table = {
    build: {run: 'exit 1'},
    gate: {needs: 'build'},
    rollback: {needs: 'build, gate', if: "failure() && needs.gate.result == 'failure'"},
    plain: {needs: 'build', if: "needs.build.result == 'failure'"},
    report: {needs: 'gate, rollback', if: 'always()'},
    after: {needs: 'report'},
  };
  expect(await results(jobs(table))).toEqual({
    build: 'failure',
    gate: 'skipped',
    rollback: 'skipped',
    plain: 'skipped',
    report: 'success',
    after: 'skipped',
  });
});

test('25 job graph: jobs without dependency run at the same time, as many as the limit says', async () => {
  const meet = (own: string, other: string) =>
    `touch $GITHUB_WORKSPACE/../../../${own}; for i in $(seq 200); do test -f $GITHUB_WORKSPACE/../../../${other} && exit 0; sleep 0.05; done; exit 1`;
  const both = await ground.run(jobs({a: {run: meet('one', 'two')}, b: {run: meet('two', 'one')}}));
  expect(both.conclusion).toBe('success');
  const started: string[] = [];
  await ground.run(jobs({a: {}, b: {}, c: {}}), {
    limit: 1,
    onEvent: (event) => void (/^job-(started|finished)$/.test(event.type) && started.push(event.type.slice(4))),
  });
  expect(started).toEqual(['started', 'finished', 'started', 'finished', 'started', 'finished']);
});

test('26 gate failure: the rollback sees the outputs of the deploy, and the run stays red', async () => {
  const result = await ground.run(
    jobs({
      deploy: {run: 'echo "id=dpl_1" >> "$GITHUB_OUTPUT"', more: 'outputs: {id: "${{ steps.s.outputs.id }}"}'},
      gate: {needs: 'deploy', run: 'exit 1'},
      rollback: {
        needs: 'deploy, gate',
        if: "failure() && needs.gate.result == 'failure'",
        run: 'echo "back from ${{ needs.deploy.outputs.id }}"',
      },
    }),
  );
  expect(printed(result, 'rollback')).toEqual(['back from dpl_1']);
  expect(result.conclusion).toBe('failure');
});

test('27 needs: direct ones only, with result and outputs', async () => {
  const result = await ground.run(
    jobs({
      a: {more: 'outputs: {v: "1"}'},
      b: {needs: 'a'},
      c: {needs: 'b', run: 'echo "${{ toJSON(needs.a) }} ${{ needs.b.result }} ${{ needs.a.outputs.v == null }}"'},
    }),
  );
  expect(printed(result, 'c')).toEqual(['null success true']);
});

test('28 job outputs: evaluated after post steps, also of a failed job, empty ones absent', async () => {
  ground.action('js', {main: '', post: "fs.appendFileSync(process.env.GITHUB_ENV, 'LATE=from-post\\n')"});
  const text = `on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    outputs: {id: "\${{ steps.s.outputs.id }}", late: "\${{ env.LATE }}", none: "\${{ steps.s.outputs.none }}"}\n    steps:\n      - uses: $/js\n      - id: s\n        run: echo id=7 >> "$GITHUB_OUTPUT"; exit 1\n`;
  expect((await ground.run(text)).jobs.a).toMatchObject({result: 'failure', outputs: {id: '7', late: 'from-post'}});
  expect(Object.keys((await ground.run(text)).jobs.a?.outputs ?? {})).toEqual(['id', 'late']);
});

test('matrix: product, exclude, include, names, outputs of all legs, max-parallel', async () => {
  const result = await ground.run(
    `on: push
jobs:
  m:
    runs-on: ubuntu-latest
    strategy: {max-parallel: 1, matrix: {os: [x, y], n: [1, 2], exclude: [{os: y, n: 1}], include: [{os: x, extra: e}, {os: z}]}}
    outputs: {"\${{ matrix.os }}": "\${{ matrix.n }}"}
    steps: [{run: 'echo "\${{ matrix.os }}\${{ matrix.n }}\${{ matrix.extra }} \${{ strategy.job-index }}/\${{ strategy.job-total }}"'}]
  after:
    needs: m
    runs-on: ubuntu-latest
    steps: [{run: 'echo "\${{ needs.m.result }}"'}]
`.replace('    outputs: {"${{ matrix.os }}": "${{ matrix.n }}"}\n', ''),
  );
  expect(Object.keys(result.jobs)).toEqual(['m (x, 1, e)', 'm (x, 2, e)', 'm (y, 2)', 'm (z)', 'm', 'after']);
  expect(
    Object.keys(result.jobs)
      .slice(0, 4)
      .flatMap((key) => printed(result, key)),
  ).toEqual(['x1e 0/4', 'x2e 1/4', 'y2 2/4', 'z 3/4']);
});

test('matrix: a failing leg cancels the others unless fail-fast is off', async () => {
  const text = (failFast: boolean) =>
    `on: push\njobs:\n  m:\n    runs-on: ubuntu-latest\n    strategy: {fail-fast: ${failFast}, matrix: {n: "\${{ fromJSON('[1, 2, 3]') }}"}}\n    steps: [{run: 'exit \${{ matrix.n == 1 }}'}]\n`.replace(
      'exit ${{ matrix.n == 1 }}',
      'test ${{ matrix.n }} != 1',
    );
  const legs = async (failFast: boolean) =>
    Object.values((await ground.run(text(failFast), {limit: 1})).jobs).map((job) => job.result);
  expect(await legs(true)).toEqual(['failure', 'cancelled', 'cancelled', 'failure']);
  expect(await legs(false)).toEqual(['failure', 'success', 'success', 'failure']);
});

test('34 dispatch inputs: typed in inputs, text in the event, defaults, choices and required ones checked together', async () => {
  const text = `on:
  workflow_dispatch:
    inputs:
      flag: {type: boolean, default: false}
      count: {type: number, default: 3}
      to: {type: choice, options: [previous, release]}
      why: {type: string, required: true}
jobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo "\${{ inputs.flag == true }} \${{ inputs.flag == ''true'' }} \${{ github.event.inputs.flag == ''true'' }} \${{ inputs.count + 0 }} \${{ inputs.to }}"'}]}}
`.replace('inputs.count + 0', 'inputs.count == 3');
  const result = await ground.run(text, {event: {name: 'workflow_dispatch', inputs: {flag: 'true', why: 'w'}}});
  expect(printed(result)).toEqual(['true false true true previous']);
  const refused = ground.run(text, {
    event: {name: 'workflow_dispatch', inputs: {flag: 'maybe', to: 'moon', extra: '1'}},
  });
  const message = await refused.catch((error: Error) => error.message);
  for (const part of [
    "flag is a boolean, not 'maybe'",
    "to has no choice 'moon'",
    'why is required and missing',
    'unknown input extra',
  ])
    expect(message).toContain(part);
});

test('events: a workflow that does not listen, or whose branches do not match, is refused', async () => {
  await expect(ground.run(oneJob('- run: echo'), {event: {name: 'schedule'}})).rejects.toMatchObject({
    message: expect.stringContaining('does not listen to schedule'),
  });
  const text = oneJob('- run: echo').replace('on: push', "on: {push: {branches: ['release/**']}}");
  await expect(ground.run(text)).rejects.toMatchObject({
    message: expect.stringContaining('is not started by a push to refs/heads/main'),
  });
});

test("35 workflow_call: typed inputs, secrets by name, outputs, the caller's github, no env from the caller", async () => {
  ground.write(
    '.github/workflows/called.yml',
    `on:
  workflow_call:
    inputs: {flag: {type: boolean, required: true}, text: {type: string, default: plain}}
    secrets: {GIVEN: {required: true}, ABSENT: {required: false}}
    outputs: {out: {value: "\${{ jobs.inner.outputs.v }}"}}
jobs:
  inner:
    runs-on: ubuntu-latest
    outputs: {v: from-inner}
    steps:
      - run: echo "\${{ inputs.flag == true }} \${{ inputs.text }} [\${{ secrets.ABSENT }}] [\${{ secrets.HIDDEN }}] \${{ secrets.GIVEN != '' }} [\${{ env.E }}] \${{ github.event_name }} $GITHUB_WORKFLOW"
`,
  );
  const text = (secrets: string, input: string) =>
    `name: Caller\non: push\nenv: {E: leaked}\njobs:\n  call:\n    uses: $/.github/workflows/called.yml\n    with: {${input}}\n    secrets: ${secrets}\n  after:\n    needs: call\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo "\${{ needs.call.outputs.out }}"'}]\n`;
  const more = {secrets: {GIVEN: 'given-value', HIDDEN: 'hidden-value'}};
  const result = await ground.run(text('{GIVEN: "${{ secrets.GIVEN }}"}', 'flag: true'), more);
  expect(printed(result, 'call/inner')).toEqual(['true plain [] [] true [] push Caller']);
  expect(printed(result, 'after')).toEqual(['from-inner']);
  expect(printed(await ground.run(text('inherit', 'flag: true'), more), 'call/inner')[0]).toContain('[***] true');
  const message = await ground.run(text('{}', 'flag: 5, more: 1'), more).catch((error: Error) => error.message);
  for (const part of [
    "input flag is a boolean, not '5'",
    'has no input more',
    'secret GIVEN of .github/workflows/called.yml is required and missing',
  ])
    expect(message).toContain(part);
});

test('40 expression errors: unknown contexts and functions stop the run before it starts, a failing step if fails its step', async () => {
  const message = await ground
    .run(oneJob('- run: echo ${{ nope.x }}\n- if: bogus()\n  run: echo'))
    .catch((error: Error) => error.message);
  for (const part of ["Unrecognized named-value: 'nope'", "Unrecognized function: 'bogus'"])
    expect(message).toContain(part);
  expect(ground.events).toEqual([]);
  const result = await ground.run(
    oneJob(
      "- if: fromJSON('{') == 1\n  run: echo\n- if: always()\n  run: echo next ${{ case(true, 'lazy', fromJSON('{')) }}",
    ),
  );
  expect(conclusions(result)).toEqual(['failure', 'success']);
  expect(printed(result)).toContain('next lazy');
});

test('40 expression errors: cycles and unknown needs are refused with their place', async () => {
  await expect(ground.run(jobs({a: {}, b: {needs: 'c'}, c: {needs: 'b'}, d: {needs: 'nobody'}}))).rejects.toMatchObject(
    {
      message: expect.stringMatching(
        /test\.yml:\d+: Job '[bc]' depends on job '[bc]' which creates a cycle[\s\S]*unknown job 'nobody'/,
      ),
    },
  );
});
