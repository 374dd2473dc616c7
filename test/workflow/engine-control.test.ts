import {createPublicKey, createVerify} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {createConcurrencyGroups, type Permissions, type WorkflowRequest} from '../../src/rehearsal/engine/engine.js';
import {startIdentityIssuer} from '../../src/rehearsal/engine/identity-issuer.js';
import {sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import {conclusions, type Ground, oneJob, openGround, printed} from './engine-ground.js';

// Cancellation, time limits, lost runners, groups, environments, tokens.

let ground: Ground;
beforeEach(() => {
  ground = openGround();
});
afterEach(() => ground[Symbol.dispose]());

const logged = (line: string) => ground.seen((event) => event.type === 'log' && event.line === line);
const job = (id: string, run: string, more = '') =>
  `  ${id}:\n    runs-on: ubuntu-latest\n${more}    steps: [{run: ${JSON.stringify(run)}}]\n`;
const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has reaped yet is dead for our purpose.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function untilDead(pid: number): Promise<void> {
  while (alive(pid)) await sleep(10);
}

const stubborn = `
const child = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGINT', () => console.log('child: SIGINT')); setInterval(() => {}, 1000); console.log('child ready')"], {stdio: 'inherit'});
fs.writeFileSync(process.env.INPUT_PIDS, process.pid + ' ' + child.pid);
process.on('SIGINT', () => console.log('got SIGINT'));
process.on('SIGTERM', () => console.log('got SIGTERM'));
setInterval(() => {}, 1000);`;

test('29 cancel: SIGINT, SIGTERM, kill of the tree, the direct child only; always() and cancelled() go on, result cancelled', async () => {
  const pids = join(ground.root, 'pids');
  ground.action('slow', {main: stubborn, post: "console.log('post ran')"}, {pids});
  const text = oneJob(
    '- uses: $/slow\n- run: echo never\n- if: cancelled()\n  run: echo cleaning\n- if: always()\n  run: echo status ${{ job.status }}\n- if: failure()\n  run: echo no',
  );
  const run = ground.start(
    `${text}${job('b', 'echo after', '    needs: a\n    if: always()\n')}${job('c', 'echo no', '    needs: a\n')}`,
    {ladderScale: 0.05},
  );
  await logged('child ready');
  run.cancel();
  const result = await run.done;
  expect(printed(result).filter((line) => !line.startsWith('##'))).toEqual([
    'child ready',
    'got SIGINT',
    'got SIGTERM',
    'cleaning',
    'status cancelled',
    'post ran',
  ]);
  expect(conclusions(result)).toEqual(['cancelled', 'skipped', 'success', 'success', 'skipped', 'success']);
  expect([result.jobs.a?.result, result.jobs.b?.result, result.jobs.c?.result, result.conclusion]).toEqual([
    'cancelled',
    'success',
    'skipped',
    'cancelled',
  ]);
  for (const pid of readFileSync(pids, 'utf8').split(' ').map(Number)) await untilDead(pid);
});

test('29 cancel: a running step whose if is always() is not interrupted, nor a job whose if holds', async () => {
  const wait = 'echo waiting; while ! test -f $GITHUB_WORKSPACE/../../../go; do sleep 0.02; done; echo done';
  const run = ground.start(
    `${oneJob(`- if: always()\n  run: ${wait}\n- run: echo never`)}${job('keep', wait.replace('waiting', 'keeping'), '    if: always()\n')}${job('queued', 'echo no')}`,
  );
  await Promise.all([logged('waiting'), logged('keeping')]);
  run.cancel();
  await ground.seen((event) => event.type === 'cancel');
  writeFileSync(join(ground.root, 'work', 'go'), '');
  const result = await run.done;
  expect(printed(result)).toEqual(['waiting', 'done']);
  expect(conclusions(result)).toEqual(['success', 'skipped']);
  expect(
    Object.entries(result.jobs)
      .map(([id, end]) => `${id} ${end.result}`)
      .sort(),
  ).toEqual(['a cancelled', 'keep success', 'queued cancelled']);
});

test('29 cancel: inner steps of a composite are asked one by one', async () => {
  ground.composite(
    'c',
    '- run: echo inner; sleep 30\n  shell: bash\n- run: echo never\n  shell: bash\n- if: always()\n  run: echo inner clean-up\n  shell: bash',
  );
  const run = ground.start(oneJob('- uses: $/c'), {ladderScale: 0.02});
  await logged('inner');
  run.cancel();
  const result = await run.done;
  expect(printed(result)).toEqual(['inner', 'inner clean-up']);
  expect(conclusions(result)).toEqual(['cancelled']);
});

test('lost runner: everything dies at once, no post step, no output, result failure, and the jobs after it decide', async () => {
  const pids = join(ground.root, 'pids');
  ground.action('slow', {main: stubborn, post: "console.log('post ran')"}, {pids});
  const text = oneJob('- uses: $/slow\n- if: always()\n  run: echo never', 'outputs: {v: "1"}');
  const run = ground.start(
    `${text}${job('rescue', 'echo "rescue [${{ needs.a.outputs.v }}] ${{ needs.a.result }}"', '    needs: a\n    if: failure()\n')}`,
  );
  await logged('child ready');
  run.killRunner('a');
  const result = await run.done;
  expect(result.jobs.a).toMatchObject({result: 'failure', outputs: {}});
  expect(printed(result).filter((line) => !line.startsWith('##'))).toEqual(['child ready']);
  expect(printed(result, 'rescue')).toEqual(['rescue [] failure']);
  for (const pid of readFileSync(pids, 'utf8').split(' ').map(Number)) await untilDead(pid);
});

test('orphans: what a step leaves running in a group of its own is gone after the job', async () => {
  const pids = join(ground.root, 'pid');
  ground.action(
    'leaves',
    {
      main: `const c = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {detached: true, stdio: 'ignore'}); c.unref(); fs.writeFileSync(process.env.INPUT_PIDS, String(c.pid));`,
    },
    {pids},
  );
  expect((await ground.run(oneJob('- uses: $/leaves'))).conclusion).toBe('success');
  const pid = Number(readFileSync(pids, 'utf8'));
  if (existsSync('/proc')) await untilDead(pid);
  else process.kill(pid, 'SIGKILL');
  expect(pid).toBeGreaterThan(1);
});

test('30 timeouts: a step that times out fails and triggers a rollback, a job that does is cancelled and does not', async () => {
  const rollback = job('rollback', 'echo back', "    needs: a\n    if: failure() && needs.a.result == 'failure'\n");
  const byStep = await ground.run(
    oneJob('- run: sleep 30\n  timeout-minutes: 1\n- if: failure()\n  run: echo seen') + rollback,
    {minuteMs: 150, ladderScale: 0.01},
  );
  expect([byStep.jobs.a?.result, byStep.jobs.rollback?.result]).toEqual(['failure', 'success']);
  expect(byStep.jobs.a?.steps[0]?.annotations[0]?.message).toBe(
    "The action 'Run sleep 30' has timed out after 1 minutes.",
  );
  const byJob = await ground.run(
    oneJob('- run: sleep 30\n- if: cancelled()\n  run: echo seen', 'timeout-minutes: 1') + rollback,
    {minuteMs: 300, ladderScale: 0.01},
  );
  expect([byJob.jobs.a?.result, byJob.jobs.rollback?.result]).toEqual(['cancelled', 'skipped']);
  expect(printed(byJob)).toContain('seen');
});

test("30 timeouts: inner steps share the outer step's time", async () => {
  ground.composite('c', '- run: sleep 30\n  shell: bash\n- run: echo never\n  shell: bash');
  const result = await ground.run(
    oneJob('- uses: $/c\n  timeout-minutes: 1\n  continue-on-error: true\n- run: echo next'),
    {minuteMs: 150, ladderScale: 0.01},
  );
  expect(result.jobs.a?.steps.map((step) => [step.outcome, step.conclusion])).toEqual([
    ['failure', 'success'],
    ['success', 'success'],
  ]);
  expect(printed(result)).toContain('next');
});

test('31 concurrency: one runs, one waits and is replaced by a newer one; names ignore case', async () => {
  const more = {concurrency: createConcurrencyGroups()};
  const text = (group: string) =>
    oneJob(
      '- run: echo holding ${{ github.run_id }}; while ! test -f $GITHUB_WORKSPACE/../../../go; do sleep 0.02; done',
      '',
      `concurrency: ${group}`,
    );
  const first = ground.start(text('Deploy-Production'), {...more, runId: 1});
  await logged('holding 1');
  const second = ground.start(text('{group: deploy-production, cancel-in-progress: false}'), {...more, runId: 2});
  await ground.seen((event) => event.type === 'job-waiting' && event.name === 'deploy-production');
  const third = ground.start(text('deploy-PRODUCTION'), {...more, runId: 3});
  expect((await second.done).jobs.a?.result).toBe('cancelled');
  writeFileSync(join(ground.root, 'work', 'go'), '');
  expect([(await first.done).conclusion, (await second.done).conclusion, (await third.done).conclusion]).toEqual([
    'success',
    'cancelled',
    'success',
  ]);
});

test('31 concurrency: cancel-in-progress cancels the holder; a job level group works like a run level one', async () => {
  const more = {concurrency: createConcurrencyGroups(), ladderScale: 0.01};
  const text = oneJob(
    '- run: echo in ${{ github.run_id }}; if [ ${{ github.run_id }} = 1 ]; then sleep 30; fi',
    'concurrency: {group: "g-${{ github.ref }}", cancel-in-progress: true}',
  );
  const first = ground.start(text, {...more, runId: 1});
  await logged('in 1');
  const second = ground.start(text, {...more, runId: 2});
  expect([(await first.done).jobs.a?.result, (await second.done).jobs.a?.result]).toEqual(['cancelled', 'success']);
  await expect(ground.run(text.replace('true}', 'true, queue: max}'))).rejects.toMatchObject({
    message: expect.stringContaining('exclude each other'),
  });
});

test('31 concurrency: a called workflow that claims the group of its caller is refused', async () => {
  ground.write(
    '.github/workflows/called.yml',
    'on: workflow_call\nconcurrency: prod\njobs: {j: {runs-on: ubuntu-latest, steps: [{run: echo}]}}',
  );
  await expect(
    ground.run('on: push\nconcurrency: {group: Prod}\njobs: {c: {uses: ./.github/workflows/called.yml}}'),
  ).rejects.toMatchObject({message: expect.stringContaining('claims the concurrency group')});
});

test('32 environment gate: held until approval, secrets only afterwards, a rejection fails the job, cancel while held', async () => {
  const text = oneJob(
    '- run: echo "[${{ secrets.KEY }}]" "$V" | sed "s/e/E/g"',
    'environment: production\nenv: {V: "${{ vars.V }}"}',
  );
  const asked: string[] = [];
  const environments = {production: {secrets: {KEY: 'prod-secret-key'}, vars: {V: 'prod'}}, open: {protected: false}};
  let answer = (_: boolean) => {};
  const approve: WorkflowRequest['approve'] = (environment, key) => {
    asked.push(`${environment} ${key}`);
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const start = async (next: (run: ReturnType<Ground['start']>) => void) => {
    ground.events.length = 0;
    const run = ground.start(text, {approve, environments, vars: {V: 'repository'}});
    await ground.seen((event) => event.type === 'job-waiting');
    expect(ground.events.some((event) => event.type === 'job-started')).toBe(false);
    next(run);
    return run.done;
  };
  const approved = await start(() => answer(true));
  expect([approved.conclusion, printed(approved)]).toEqual(['success', ['[prod-sEcrEt-kEy] prod']]);
  const rejected = await start(() => answer(false));
  expect([rejected.jobs.a?.result, printed(rejected)]).toEqual([
    'failure',
    ['##[error]The deployment to production was rejected'],
  ]);
  expect((await start((run) => run.cancel())).jobs.a?.result).toBe('cancelled');
  expect(asked).toEqual(['production a', 'production a', 'production a']);
  expect((await ground.run(oneJob('- run: echo', 'environment: open'), {approve, environments})).conclusion).toBe(
    'success',
  );
});

test('33 deployment record: a job environment makes its own deployment with statuses; deployment: false makes none', async () => {
  await using api = await startStandIn(({response, url}) =>
    sendJson(response, 201, url.pathname.endsWith('/deployments') ? {id: 77} : {}),
  );
  const text = oneJob(
    '- id: s\n  run: echo "at=https://shop.invalid" >> "$GITHUB_OUTPUT"; exit 1',
    'environment: {name: production, url: "${{ steps.s.outputs.at }}"}',
  );
  await ground.run(text, {apiUrl: api.url, deploymentRecords: true});
  expect(api.requests.map((request) => `${request.method} ${request.path}`)).toEqual([
    'POST /repos/acme/shop/deployments',
    'POST /repos/acme/shop/deployments/77/statuses',
    'POST /repos/acme/shop/deployments/77/statuses',
  ]);
  expect(api.requests.map((request) => request.body)).toMatchObject([
    {task: 'deploy', environment: 'production', auto_merge: false},
    {state: 'in_progress'},
    {state: 'failure', environment_url: 'https://shop.invalid'},
  ]);
  await ground.run(oneJob('- run: echo', 'environment: {name: production, deployment: false}'), {
    apiUrl: api.url,
    deploymentRecords: true,
  });
  expect(api.requests).toHaveLength(3);
});

test('36 token scope: computed per job, lowered by the caller, and the API refuses what is outside', async () => {
  const granted = new Map<string, Permissions>();
  const tokenFor = (permissions: Permissions, key: string) => {
    granted.set(`Bearer token-of-${key}`, permissions);
    return `token-of-${key}`;
  };
  await using api = await startStandIn(({request, response}) =>
    sendJson(response, granted.get(String(request.headers.authorization))?.deployments === 'write' ? 201 : 403, {}),
  );
  ground.action(
    'post',
    {
      main: "fetch(process.env.GITHUB_API_URL + '/repos/acme/shop/deployments', {method: 'POST', headers: {authorization: 'Bearer ' + process.env['INPUT_GITHUB-TOKEN']}}).then((r) => console.log('status', r.status))",
    },
    {'github-token': '${{ github.token }}'},
  );
  ground.write(
    '.github/workflows/called.yml',
    'on: workflow_call\njobs:\n  inner:\n    runs-on: ubuntu-latest\n    permissions: {deployments: write, issues: write, contents: read}\n    steps: [{uses: $/post}]\n',
  );
  const result = await ground.run(
    `on: push
permissions: {}
jobs:
  gate: {runs-on: ubuntu-latest, steps: [{uses: $/post}]}
  deploy: {runs-on: ubuntu-latest, permissions: {deployments: write}, steps: [{uses: $/post}]}
  call: {uses: ./.github/workflows/called.yml, permissions: {deployments: read, contents: write}}
`,
    {apiUrl: api.url, tokenFor},
  );
  expect(['gate', 'deploy', 'call/inner'].map((key) => printed(result, key))).toEqual([
    ['status 403'],
    ['status 201'],
    ['status 403'],
  ]);
  expect([...granted.values()]).toEqual([{}, {deployments: 'write'}, {deployments: 'read', contents: 'read'}]);
  const started = ground.events.flatMap((event) => (event.type === 'job-started' ? [event.permissions] : []));
  expect(started).toEqual([...granted.values()]);
});

test('37 OIDC: request variables only with id-token: write; the issuer honours the audience and signs', async () => {
  await using issuer = await startIdentityIssuer();
  ground.action(
    'ask',
    {
      main: "const u = process.env.ACTIONS_ID_TOKEN_REQUEST_URL; if (!u) console.log('no identity'); else fetch(u + '&audience=sts.amazonaws.com', {headers: {authorization: 'Bearer ' + process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN}}).then(async (r) => fs.writeFileSync(process.env.INPUT_FILE, (await r.json()).value))",
    },
    {file: join(ground.root, 'token')},
  );
  const result = await ground.run(
    `on: push
jobs:
  without: {runs-on: ubuntu-latest, permissions: {contents: read}, steps: [{uses: $/ask}]}
  with: {runs-on: ubuntu-latest, permissions: {id-token: write}, environment: production, steps: [{uses: $/ask}, {run: 'env | grep -c ACTIONS_ID_TOKEN_REQUEST'}]}
`,
    {oidc: issuer},
  );
  expect([printed(result, 'without'), printed(result, 'with')]).toEqual([['no identity'], ['2']]);
  const [head, body, signature] = readFileSync(join(ground.root, 'token'), 'utf8').split('.');
  const {keys} = (await (await fetch(`${issuer.url}/.well-known/jwks`)).json()) as {
    keys: [import('node:crypto').JsonWebKey];
  };
  const key = createPublicKey({key: keys[0], format: 'jwk'});
  expect(createVerify('RSA-SHA256').update(`${head}.${body}`).verify(key, signature!, 'base64url')).toBe(true);
  expect(JSON.parse(Buffer.from(body!, 'base64url').toString())).toMatchObject({
    aud: 'sts.amazonaws.com',
    sub: 'repo:acme/shop:environment:production',
    iss: issuer.url,
  });
  expect((await fetch(`${issuer.url}/token`, {headers: {authorization: 'Bearer guessed'}})).status).toBe(401);
});
