import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {conclusions, type Ground, oneJob, openGround, printed} from './engine-ground.js';

// Actions: where they are found, their stages, and what composites may see.

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

const say = (text: string) => `console.log(\`${text}\`);`;

test('19 post: last in first out, registered when main starts, private state, also after failure; none for a skipped main', async () => {
  const programs = {
    main: "fs.appendFileSync(process.env.GITHUB_STATE, `kept=${process.env.INPUT_NAME}\\n`); console.log('main', process.env.INPUT_NAME); process.exit(process.env.INPUT_NAME === 'two' ? 1 : 0)",
    post: "console.log('post', process.env.INPUT_NAME, process.env.STATE_kept)",
  };
  ground.action('js', programs, {name: ''});
  ground.composite('wrap', "- uses: $/js\n  with: {name: '${{ inputs.name }}'}", 'inputs: {name: {description: d}}');
  const result = await ground.run(
    oneJob(`
- uses: $/wrap
  with: {name: one}
- uses: $/js
  with: {name: two}
- uses: $/js
  with: {name: never}
- run: echo "state \${STATE_kept-none}"
  if: always()`),
  );
  expect(printed(result).filter((line) => !line.startsWith('##'))).toEqual([
    'main one',
    'main two',
    'state none',
    'post two two',
    'post one one',
  ]);
  expect(result.jobs.a?.steps.map((step) => step.name)).toEqual([
    'Run $/wrap',
    'Run $/js',
    'Run $/js',
    'Run echo "state ${STATE_kept-none}"',
    'Post Run $/js',
    'Post Run $/wrap',
  ]);
});

test('19 post: post-if is evaluated as written against the job, inputs anew at post time', async () => {
  ground.action(
    'onfail',
    {main: '', post: say('cleaning ${process.env.INPUT_WHAT}'), postIf: 'failure()'},
    {what: 'x'},
  );
  ground.action('onok', {main: '', post: say('never'), postIf: 'success()'});
  const result = await ground.run(
    oneJob(
      '- uses: $/onfail\n  with: {what: \'${{ env.LATER }}\'}\n- uses: $/onok\n- run: echo LATER=set-later >> "$GITHUB_ENV"; exit 1',
    ),
  );
  expect(printed(result)).toContain('cleaning set-later');
  expect(printed(result)).not.toContain('never');
  expect(conclusions(result)).toEqual(['success', 'success', 'failure', 'skipped', 'success']);
});

test('20 pre: before any main step, state shared with main and post, never for ./ actions', async () => {
  const programs = {
    pre: "console.log('pre', process.env.INPUT_NAME); fs.appendFileSync(process.env.GITHUB_STATE, 'from=pre\\n')",
    main: "console.log('main', process.env.STATE_from)",
    post: "console.log('post', process.env.STATE_from)",
  };
  ground.action('js', programs, {name: 'n'});
  ground.composite('wrap', "- uses: $/js\n  with: {name: '${{ inputs.name }}'}", 'inputs: {name: {description: d}}');
  const result = await ground.run(
    oneJob('- run: echo first step\n- uses: actions/checkout@v7\n- uses: $/wrap\n  with: {name: inner}\n- uses: ./js'),
  );
  const lines = printed(result).filter((line) => !/^(HEAD|##)/.test(line));
  expect(lines).toEqual(['pre inner', 'first step', 'main pre', 'main undefined', 'post undefined', 'post pre']);
  expect(result.jobs.a?.steps.find((step) => step.name === 'Run ./js')?.annotations).toEqual([
    {level: 'warning', message: "`pre` execution is not supported for local action from './js'"},
  ]);
});

test('21 composite isolation: own steps, text inputs, outputs also after failure, own action_path, env handed down', async () => {
  ground.composite(
    'c',
    `
- id: s
  shell: bash
  run: echo "v=deep" >> "$GITHUB_OUTPUT"; echo "seen [$OUTER] [\${{ steps.outer.outputs.v }}] \${{ inputs.flag == true }} \${{ inputs.flag == 'true' }}"
- run: basename "$GITHUB_ACTION_PATH"; basename "\${{ github.action_path }}"; exit 7
  shell: bash
- run: echo never
  shell: bash`,
    'inputs: {flag: {description: d, default: "false"}}\noutputs: {v: {value: "${{ steps.s.outputs.v }}"}}',
  );
  ground.composite(
    'b',
    '- id: n\n  uses: $/c\n  with: {flag: "true"}',
    'outputs: {v: {value: "${{ steps.n.outputs.v }}"}}',
  );
  ground.composite('a', '- id: n\n  uses: $/b', 'outputs: {v: {value: "got ${{ steps.n.outputs.v }}"}}');
  const result = await ground.run(
    oneJob(`
- id: outer
  run: echo v=outer >> "$GITHUB_OUTPUT"
- id: x
  uses: $/a
  env: {OUTER: handed}
- if: failure()
  run: echo "\${{ steps.x.outputs.v }} [\${{ steps.s.outputs.v }}] \${{ steps.x.outcome }}"`),
  );
  expect(printed(result)).toEqual([
    'seen [handed] [] false true',
    'c',
    'c',
    '##[error]Process completed with exit code 7.',
    'got deep [] failure',
  ]);
});

test('22 composite contexts: secrets, vars and needs are refused when the manifest is read, with file and line', async () => {
  ground.composite(
    'c',
    '- run: echo "${{ secrets.A }}"\n  shell: bash\n- run: echo "${{ vars.A }} ${{ needs.x }}"\n  shell: bash',
  );
  const refused = ground.run(oneJob('- uses: $/c'));
  await expect(refused).rejects.toMatchObject({
    code: 'WORKFLOW_REFUSED',
    message: expect.stringMatching(
      /c\/action\.yml:6: Unrecognized named-value: 'secrets'[\s\S]*c\/action\.yml:8: Unrecognized named-value: 'vars'/,
    ),
  });
  expect(ground.events).toEqual([]);
});

test('23 action resolution: ./ in the workspace at run time, $/ in the repository, others by table or refused', async () => {
  const other = mkdtempSync(join(tmpdir(), 'engine-other-'));
  writeFileSync(join(other, 'action.yml'), 'name: o\ndescription: o\nruns: {using: node24, main: m.js}\n');
  writeFileSync(
    join(other, 'm.js'),
    'console.log("other", process.env.GITHUB_ACTION_REPOSITORY, process.env.GITHUB_ACTION_REF)',
  );
  ground.action('js', {main: say('local')});
  const steps =
    '- uses: $/js\n- uses: ./js\n  continue-on-error: true\n- uses: actions/checkout@v7\n- uses: ./js\n- uses: other/thing@v3';
  await expect(ground.run(oneJob(steps))).rejects.toMatchObject({
    message: expect.stringContaining('uses: other/thing@v3 is not on this machine'),
  });
  const result = await ground.run(oneJob(steps), {resolveAction: {'other/thing': other}});
  rmSync(other, {recursive: true});
  expect(result.jobs.a?.steps.map((step) => step.outcome)).toEqual([
    'success',
    'failure',
    'success',
    'success',
    'success',
    'success',
  ]);
  expect(result.jobs.a?.steps[1]?.annotations[0]?.message).toMatch(
    /Can't find 'action.yml'.*under .*\/js'. Did you forget to run actions\/checkout/,
  );
  expect(printed(result)).toContain('other other/thing v3');
});

test('23 action resolution: what is not supported is refused by name, all of it, before anything runs', async () => {
  const refused = ground.run(`on: push
jobs:
  a:
    runs-on: windows-latest
    container: node:24
    steps:
      - uses: docker://alpine
      - run: echo
        shell: pwsh
      - uses: actions/checkout@v7
        with: {made-up: 1}
      - uses: $/missing
`);
  await expect(refused).rejects.toMatchObject({code: 'WORKFLOW_REFUSED'});
  const message = await refused.catch((error: Error) => error.message);
  for (const part of [
    'test.yml:5: container',
    'runs-on: windows-latest',
    'docker://alpine',
    'test.yml:9: shell: pwsh',
    'actions/checkout are not supported by this engine: made-up',
    'missing: holds no action.yml',
  ])
    expect(message).toContain(part);
  expect(ground.events).toEqual([]);
});

test('24 nesting limits: ten composites in each other run, eleven are refused; the same for called workflows', async () => {
  for (let i = 1; i <= 11; i++)
    ground.composite(`c${i}`, i === 11 ? '- run: echo bottom\n  shell: bash' : `- uses: $/c${i + 1}`);
  expect(printed(await ground.run(oneJob('- uses: $/c2')))).toEqual(['bottom']);
  await expect(ground.run(oneJob('- uses: $/c1'))).rejects.toMatchObject({
    message: expect.stringContaining('nested more than 10 deep'),
  });
  const called = (i: number) =>
    `on: workflow_call\njobs: {j: {${i === 11 ? "runs-on: ubuntu-latest, steps: [{run: 'echo bottom'}]" : `uses: ./.github/workflows/w${i + 1}.yml`}}}\n`;
  for (let i = 1; i <= 11; i++) ground.write(`.github/workflows/w${i}.yml`, called(i));
  const caller = (i: number) => `on: push\njobs: {j: {uses: ./.github/workflows/w${i}.yml}}`;
  expect((await ground.run(caller(2))).conclusion).toBe('success');
  await expect(ground.run(caller(1))).rejects.toMatchObject({
    message: expect.stringContaining('called more than 10 deep'),
  });
});

test('checkout: real git with path, ref, depth and credentials that are gone afterwards; other repositories are refused', async () => {
  ground.write('file.txt', 'old\n');
  const old = ground.commit();
  ground.write('file.txt', 'new\n');
  const result = await ground.run(
    oneJob(`
- id: co
  uses: actions/checkout@v7
- run: cat file.txt; git rev-list --count HEAD; git config remote.origin.url; git branch --show-current; git config --get-regexp extraheader
- uses: actions/checkout@v7
  with: {path: sub, ref: ${old}, fetch-depth: 0, persist-credentials: false}
- run: cat sub/file.txt; cd sub; git rev-list --count --all; git config --get-regexp extraheader || echo no credentials; git fetch -q origin main && git log -1 --format=%s FETCH_HEAD
- uses: actions/checkout@v7
  with: {repository: else/where}`),
  );
  expect(printed(result).filter((line) => !line.startsWith('HEAD'))).toEqual([
    'new',
    '1',
    'https://github.com/acme/shop',
    'main',
    expect.stringContaining('AUTHORIZATION: basic ***'),
    'old',
    '2',
    'no credentials',
    'test',
    expect.stringContaining('else/where is not on this machine'),
  ]);
  expect(result.jobs.a?.steps[0]?.outputs).toEqual({
    ref: 'refs/heads/main',
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
  });
});
