import {createHash} from 'node:crypto';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {conclusions, type Ground, oneJob, openGround, printed} from './engine-ground.js';

// The runner's side of the contract, one test a row: what a step gets, what it may print and write, and what follows.

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

const showInputs =
  "for (const [k, v] of Object.entries(process.env)) if (k.startsWith('INPUT_')) console.log(`${k}=${v}`);";

test('1 input env: INPUT_ and upper case, space to _, hyphen kept, defaults evaluated, none inside a composite', async () => {
  ground.action('js', {main: showInputs}, {'dry-run': 'no', 'my input': '${{ github.ref_name }}', other: 'x'});
  ground.composite(
    'wrap',
    "- run: env | grep -c '^INPUT_' || true\n  shell: bash",
    'inputs: {flag: {description: d, default: "1"}}',
  );
  const result = await ground.run(
    oneJob("- uses: $/js\n  with: {dry-run: 'yes', Undeclared: u}\n- uses: $/wrap\n  with: {flag: '2'}"),
  );
  expect(printed(result)).toEqual(
    expect.arrayContaining(['INPUT_DRY-RUN=yes', 'INPUT_MY_INPUT=main', 'INPUT_OTHER=x', 'INPUT_UNDECLARED=u', '0']),
  );
  expect(result.jobs.a?.steps[0]?.annotations).toEqual([
    {level: 'warning', message: "Unexpected input(s) 'Undeclared', valid inputs are ['dry-run', 'my input', 'other']"},
  ]);
});

test('2 spawn: node directly with the script, cwd is the workspace, stdin is closed', async () => {
  ground.action('js', {
    main: "console.log(process.execPath, process.argv[1].endsWith('/js/main.cjs'), process.cwd() === process.env.GITHUB_WORKSPACE, JSON.stringify(fs.readFileSync(0, 'utf8')), process.env['A-B'])",
  });
  const result = await ground.run(oneJob('- uses: $/js\n  env: {A-B: kept}'));
  expect(printed(result)).toEqual([`${process.execPath} true true "" kept`]);
});

test('3 env layers: workflow, job, GITHUB_ENV, step; GITHUB_ and RUNNER_ cannot be overridden', async () => {
  const steps = `
- run: echo "1 $W $J $S"; echo J=from-file >> "$GITHUB_ENV"; echo S=from-file >> "$GITHUB_ENV"
- env: {S: step, GITHUB_SHA: x, RUNNER_OS: x}
  run: echo "2 $W $J $S \${{ env.S }} \${{ env.J }}"; test "$GITHUB_SHA" = "\${{ github.sha }}" && echo "$RUNNER_OS"`;
  const result = await ground.run(oneJob(steps, 'env: {J: job, W: job}', 'env: {W: workflow, J: workflow}'));
  expect(printed(result)).toEqual([
    '1 job job ',
    '2 job from-file step step from-file',
    process.platform === 'darwin' ? 'macOS' : 'Linux',
  ]);
});

test('4 clean env: nothing of the host but PATH and locale, a home of its own, no GITHUB_TOKEN', async () => {
  process.env.HOST_SECRET = 'from the host';
  const result = await ground.run(
    oneJob(
      '- run: env | cut -d= -f1 | sort | grep -vE "^(GITHUB|RUNNER)_" | tr "\\n" " "; echo; env | grep -c GITHUB_TOKEN || true; echo "$HOME"',
    ),
  );
  delete process.env.HOST_SECRET;
  const [names, tokens, home] = printed(result);
  expect(
    names
      ?.trim()
      .split(' ')
      .filter((name) => !['_', 'PWD', 'SHLVL', 'OLDPWD'].includes(name)),
  ).toEqual(['CI', 'HOME', 'LANG', 'PATH']);
  expect(tokens).toBe('0');
  expect(home?.startsWith(ground.root)).toBe(true);
});

test('5 fresh file commands: new and empty for each step, read after a failure too', async () => {
  const result = await ground.run(
    oneJob(`
- id: first
  run: test -f "$GITHUB_OUTPUT" && ! test -s "$GITHUB_OUTPUT" && echo "a=1" >> "$GITHUB_OUTPUT"; echo "$GITHUB_OUTPUT" > ../first; exit 4
- if: always()
  run: test "$GITHUB_OUTPUT" != "$(cat ../first)" && ! test -e "$(cat ../first)" && ! test -s "$GITHUB_OUTPUT" && echo "read \${{ steps.first.outputs.a }}"`),
  );
  expect(printed(result)).toContain('read 1');
  expect(conclusions(result)).toEqual(['failure', 'success']);
});

test('6 heredoc parse: a missing end delimiter or a bad line fails the step, and what came before counts', async () => {
  const result = await ground.run(
    oneJob(`
- id: good
  run: printf 'a<<E=1\\nx=1\\n\\ny\\nE=1\\nb=1<<2\\n\\n' >> "$GITHUB_OUTPUT"
- id: open
  if: always()
  run: printf 'a=kept\\nb<<END\\nnever\\n' >> "$GITHUB_OUTPUT"
- id: bad
  if: always()
  run: echo "no separator" >> "$GITHUB_OUTPUT"`),
  );
  expect(conclusions(result)).toEqual(['success', 'failure', 'failure']);
  expect(result.jobs.a?.steps.map((step) => step.outputs)).toEqual([{a: 'x=1\n\ny', b: '1<<2'}, {a: 'kept'}, {}]);
  expect(result.jobs.a?.steps[1]?.annotations[0]?.message).toContain("Matching delimiter not found 'END'");
});

test('7 GITHUB_ENV: reaches later steps only; NODE_OPTIONS is refused and the step goes on', async () => {
  const result = await ground.run(
    oneJob(`
- run: echo X=1 >> "$GITHUB_ENV"; echo NODE_OPTIONS=--bad >> "$GITHUB_ENV"; echo Y=2 >> "$GITHUB_ENV"; echo "same $X"
- run: echo "next $X $Y \${NODE_OPTIONS-unset} \${{ env.X }}"`),
  );
  expect(printed(result)).toEqual(expect.arrayContaining(['same ', 'next 1 2 unset 1']));
  expect(conclusions(result)).toEqual(['success', 'success']);
  expect(result.jobs.a?.steps[0]?.annotations[0]).toMatchObject({
    level: 'error',
    message: expect.stringContaining('NODE_OPTIONS'),
  });
});

test('8 GITHUB_PATH: prepended for later steps, the last line first', async () => {
  const result = await ground.run(
    oneJob(`
- run: |
    for d in one two; do mkdir $d; printf '#!/bin/sh\\necho %s' $d > $d/tool; chmod +x $d/tool; echo "$PWD/$d" >> "$GITHUB_PATH"; done
    command -v tool || echo not yet
- run: tool`),
  );
  expect(printed(result)).toEqual(['not yet', 'two']);
});

test('9 outputs: strings of steps with an id, the last write wins, absent is empty', async () => {
  const result = await ground.run(
    oneJob(`
- id: x
  run: echo y=1 >> "$GITHUB_OUTPUT"; echo y=2 >> "$GITHUB_OUTPUT"
- run: echo z=3 >> "$GITHUB_OUTPUT"
- env: {STEPS: "\${{ toJSON(steps) }}"}
  run: echo "[\${{ steps.x.outputs.y }}] [\${{ steps.x.outputs.none }}] [\${{ steps.nobody.outputs.z }}]"; echo "$STEPS"`),
  );
  const [first, ...steps] = printed(result);
  expect(first).toBe('[2] [] []');
  expect(JSON.parse(steps.join(''))).toEqual({x: {outputs: {y: '2'}, outcome: 'success', conclusion: 'success'}});
});

test('10 stdout commands: both streams, only at line start, escapes decoded, stop-commands honoured', async () => {
  const result = await ground.run(
    oneJob(`
- id: x
  run: |
    echo "::set-output name=a::1%250A%0A2"
    echo "  ::set-output name=b::two" >&2
    echo "text ::set-output name=c::no"
    echo "::notice file=a%2Cb.js,line=3,title=T%3A::hello"
    echo "::stop-commands::tok3n"
    echo "::set-output name=a::hostile"
    echo "::add-mask::word"
    echo "::tok3n::"
    echo "word"
    echo "::unknown::stays"
- run: echo "::set-env name=A::1"`),
  );
  expect(result.jobs.a?.steps[0]?.outputs).toEqual({a: '1%0A\n2', b: 'two'});
  expect(result.jobs.a?.steps[0]?.annotations).toEqual([
    {level: 'notice', message: 'hello', title: 'T:', file: 'a,b.js', line: '3'},
  ]);
  expect(printed(result)).toEqual(
    expect.arrayContaining([
      '::set-output name=a::hostile',
      'word',
      '::unknown::stays',
      'text ::set-output name=c::no',
    ]),
  );
  expect(conclusions(result)).toEqual(['success', 'failure']);
});

test('11 masking: secrets and add-mask, whole, by line and encoded, in logs, annotations, outputs and summaries', async () => {
  const pem = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----';
  const result = await ground.run(
    oneJob(`
- id: x
  env: {PEM: "\${{ secrets.PEM }}"}
  run: |
    echo "$PEM" | while read -r line; do echo "line: $line"; done
    printf %s "x$PEM" | base64 -w0; echo
    echo "::add-mask::hidden-value"
    echo "say hidden-value"
    echo "::error::because of hidden-value"
    echo "out=hidden-value" >> "$GITHUB_OUTPUT"
    echo "sum hidden-value and $PEM" >> "$GITHUB_STEP_SUMMARY"
- run: echo "later hidden-value \${{ github.token }}"`),
    {secrets: {PEM: pem}},
  );
  const everything = JSON.stringify([result, ground.events]);
  for (const secret of [
    'hidden-value',
    'MIIEvQIBADANBg',
    'kqhkiG9w0BAQEF',
    'ghs_rehearsaltoken',
    Buffer.from(pem).toString('base64').slice(4, 40),
  ])
    expect(everything).not.toContain(secret);
  expect(printed(result)).toEqual(expect.arrayContaining(['line: ***', 'say ***', 'later *** ***']));
  expect(result.jobs.a?.summary).toBe('sum *** and ***\n');
});

test('12 masked job output: dropped with a warning, the consumer gets an empty text', async () => {
  const result = await ground.run(
    `on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: {bad: "\${{ steps.x.outputs.v }}", good: fine}
    steps: [{id: x, run: 'echo "v=url-with-s3cret-inside" >> "$GITHUB_OUTPUT"'}]
  b:
    runs-on: ubuntu-latest
    needs: a
    steps: [{run: 'echo "[\${{ needs.a.outputs.bad }}] [\${{ needs.a.outputs.good }}]"'}]
`,
    {secrets: {S: 's3cret'}},
  );
  expect(result.jobs.a?.outputs).toEqual({good: 'fine'});
  expect(printed(result, 'b')).toEqual(['[] [fine]']);
  expect(printed(result)).toContain("##[warning]Skip output 'bad' since it may contain secret.");
});

test('13 annotation cap: ten of a kind per step, inner steps of a composite included, 4096 characters', async () => {
  ground.composite(
    'many',
    '- run: for i in 1 2 3 4 5 6; do echo "::error::in $i"; done\n  shell: bash\n- run: for i in 1 2 3 4 5 6; do echo "::error::again $i"; done; echo "::warning::$(printf "%05000d" 1)"\n  shell: bash',
  );
  const result = await ground.run(oneJob('- uses: $/many'));
  const annotations = result.jobs.a?.steps[0]?.annotations ?? [];
  expect(annotations.filter((one) => one.level === 'error')).toHaveLength(10);
  expect(annotations.filter((one) => one.level === 'warning').map((one) => one.message.length)).toEqual([4096]);
});

test('14 summary cap: more than 1 MiB is not taken, with an error, and the step result stays', async () => {
  const result = await ground.run(
    oneJob(
      '- run: head -c 1048577 /dev/zero | tr "\\0" x > "$GITHUB_STEP_SUMMARY"\n- run: head -c 1048576 /dev/zero | tr "\\0" y > "$GITHUB_STEP_SUMMARY"',
    ),
  );
  expect(conclusions(result)).toEqual(['success', 'success']);
  expect(result.jobs.a?.summary).toBe('y'.repeat(1_048_576));
  expect(result.jobs.a?.steps[0]?.annotations[0]?.message).toContain(
    'supports content up to a size of 1024k, got 1025k',
  );
});

test('15 step result: exit code; outcome and conclusion differ with continue-on-error', async () => {
  const result = await ground.run(
    oneJob(`
- id: x
  continue-on-error: true
  run: exit 9
- id: skipped
  if: \${{ false }}
  run: exit 1
- run: echo "\${{ steps.x.outcome }} \${{ steps.x.conclusion }} \${{ steps.skipped.outcome }} \${{ steps.skipped.conclusion }} \${{ job.status }}"`),
  );
  expect(printed(result).pop()).toBe('failure success skipped skipped success');
  expect(result.conclusion).toBe('success');
});

test('18 shells: bash by name has pipefail, without a name it has not; sh and templates work', async () => {
  const result = await ground.run(
    oneJob(
      `
- run: false | true
- shell: bash
  continue-on-error: true
  run: false | true
- shell: sh
  run: echo "sh \${BASH_VERSION-none}"
- shell: bash {0}
  run: false; echo "goes on"
- run: false; echo never
- if: always()
  working-directory: deep
  run: pwd`.replace('working-directory: deep', 'working-directory: ..'),
    ),
  );
  expect(conclusions(result)).toEqual(['success', 'success', 'success', 'success', 'failure', 'success']);
  expect(result.jobs.a?.steps[1]?.outcome).toBe('failure');
  expect(printed(result)).toEqual(expect.arrayContaining(['sh none', 'goes on']));
  expect(printed(result)).not.toContain('never');
});

test('18 shells: defaults of job and workflow reach steps, but not into composites', async () => {
  ground.composite('c', '- run: pwd\n  shell: bash');
  const result = await ground.run(
    oneJob(
      '- run: mkdir -p ../sub; pwd | grep -o "shop$"\n  working-directory: .\n- run: echo "${BASH_VERSION-none}"\n- uses: $/c',
      'defaults: {run: {working-directory: ../sub}}',
      'defaults: {run: {shell: sh, working-directory: /}}',
    ),
  );
  expect(printed(result).slice(0, 2)).toEqual(['shop', 'none']);
  expect(printed(result)[2]?.endsWith('/shop/shop')).toBe(true);
});

test('38 event file: GITHUB_EVENT_PATH equals github.event', async () => {
  const result = await ground.run(
    oneJob('- run: cat "$GITHUB_EVENT_PATH"; echo; echo "$EVENT"\n  env: {EVENT: "${{ toJSON(github.event) }}"}'),
    {event: {name: 'push', payload: {forced: true, head_commit: {message: 'a "quoted" text'}}}},
  );
  const [file, ...context] = printed(result);
  expect(JSON.parse(file!)).toEqual(JSON.parse(context.join('\n')));
  expect(JSON.parse(file!)).toMatchObject({
    ref: 'refs/heads/main',
    forced: true,
    head_commit: {message: 'a "quoted" text'},
    repository: {full_name: 'acme/shop'},
  });
});

test('38 event file: a schedule carries its cron text', async () => {
  const result = await ground.run(
    `on: {schedule: [{cron: '23 3 * * *'}]}\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo "\${{ github.event.schedule }} \${{ github.event_name }}"'}]}}`,
    {event: {name: 'schedule'}},
  );
  expect(printed(result)).toEqual(['23 3 * * * schedule']);
});

test("39 hashFiles: workspace only, digest of digests, '' when nothing matches", async () => {
  const files: Record<string, string> = {
    'a.lock': 'one',
    'deep/b.lock': 'two',
    'deep/skip/c.lock': 'three',
    'd.txt': 'four',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(ground.root, 'repo/deep/skip'), {recursive: true});
    writeFileSync(join(ground.root, 'repo', path), content);
  }
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const total = createHash('sha256').update(digest('one')).update(digest('two')).digest('hex');
  const result = await ground.run(
    oneJob(
      "- run: echo \"[${{ hashFiles('**/*.lock') }}]\"\n- uses: actions/checkout@v7\n- run: echo \"${{ hashFiles('**/*.lock', '!deep/skip/**') }} [${{ hashFiles('../*') }}]\"",
    ),
  );
  expect(printed(result).filter((line) => !line.startsWith('HEAD'))).toEqual(['[]', `${total} []`]);
});
