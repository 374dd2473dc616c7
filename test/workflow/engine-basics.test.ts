import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type Ground, openGround, printed} from './engine-ground.js';

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

test('a workflow with jobs, outputs, checkout, a JavaScript and a composite action runs to its end', async () => {
  ground.write(
    'actions/hello/action.yml',
    'name: h\ndescription: h\ninputs:\n  dry-run: {description: d, default: "no"}\nruns:\n  using: node24\n  main: main.js\n  post: post.js\n',
  );
  ground.write('actions/hello/package.json', '{"type":"commonjs"}');
  ground.write(
    'actions/hello/main.js',
    "require('fs').appendFileSync(process.env.GITHUB_OUTPUT, `said=${process.env['INPUT_DRY-RUN']}\\n`); console.log('main', process.cwd());",
  );
  ground.write('actions/hello/post.js', "console.log('post of hello');");
  ground.write(
    'actions/wrap/action.yml',
    'name: w\ndescription: w\noutputs:\n  said: {value: "${{ steps.in.outputs.said }}"}\nruns:\n  using: composite\n  steps:\n    - id: in\n      uses: $/actions/hello\n      with: {dry-run: wrapped}\n',
  );
  const result = await ground.run(`
name: Small
on: push
env: {TOP: top}
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: {said: "\${{ steps.w.outputs.said }}"}
    steps:
      - uses: actions/checkout@v7
      - run: test -f actions/hello/main.js && echo "$TOP \${{ github.ref_name }}"
      - id: w
        uses: $/actions/wrap
      - run: exit 3
      - if: failure()
        run: echo cleaning
  b:
    needs: a
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo "got \${{ needs.a.outputs.said }} \${{ needs.a.result }}"
  c:
    needs: a
    runs-on: ubuntu-latest
    steps: [{run: echo never}]
`);
  expect(result.jobs.a?.steps.map((step) => step.conclusion)).toEqual([
    'success',
    'success',
    'success',
    'failure',
    'success',
    'success',
    'success',
  ]);
  expect(result.jobs.c?.result).toBe('skipped');
  expect(result.jobs.a).toMatchObject({result: 'failure', outputs: {said: 'wrapped'}});
  expect(printed(result, 'b')).toContain('got wrapped failure');
  expect(printed(result)).toEqual(expect.arrayContaining(['top main', 'cleaning', 'post of hello']));
  expect(result.conclusion).toBe('failure');
});
