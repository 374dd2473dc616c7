import {getOctokit} from '@actions/github';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {type GitHubStandIn, secondaryLimit, startGitHub} from '../../src/rehearsal/github/stand-in.js';

// Everything here goes through Octokit, so that routes, parameters and paging are its reading of GitHub, not ours.
const at = {owner: 'acme', repo: 'shop'};
const sha = 'a'.repeat(40);
const quiet = {auto_merge: false, required_contexts: []};
const clock = fakeClock();
let github: GitHubStandIn;
type Octokit = ReturnType<typeof getOctokit>;

beforeEach(async () => {
  github = await startGitHub({
    ...at,
    now: clock.now,
    tokens: [
      {token: 'writer', permissions: {deployments: 'write', issues: 'write'}},
      {token: 'reader', permissions: {deployments: 'read'}},
    ],
    branches: {main: {sha}, topic: {sha: 'b'.repeat(40), behind: 2}},
    checks: {[sha]: {build: 'success', slow: 'pending'}},
  });
});
afterEach(() => github.close());

const client = (token = 'writer'): Octokit => getOctokit(token, {baseUrl: github.url, log: silent});
const silent = {debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined};

async function deploy(octokit: Octokit, more: object = {}): Promise<number> {
  const {data} = await octokit.rest.repos.createDeployment({...at, ref: sha, ...quiet, ...more});
  return (data as {id: number}).id;
}

test('a deployment keeps its payload, task and environment, and lists newest first by filter', async () => {
  const octokit = client();
  const payload = {schema: 'x/1', anchors: {frontend: {deploymentId: 'dpl_1', hosts: ['a.example']}}};
  const first = await deploy(octokit, {task: 'switchback-release', payload, description: 'r-1'});
  const second = await deploy(octokit, {ref: 'main', task: 'switchback-release', environment: 'staging'});
  await deploy(octokit);
  const {data} = await octokit.rest.repos.listDeployments({...at, task: 'switchback-release'});
  expect(data.map((one) => one.id)).toEqual([second, first]);
  expect(data[1]).toMatchObject({
    payload,
    sha,
    ref: sha,
    environment: 'production',
    production_environment: true,
    description: 'r-1',
  });
  expect(data[0]).toMatchObject({sha, ref: 'main', environment: 'staging', production_environment: false, payload: {}});
  expect(data[0]!.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const {data: filtered} = await octokit.rest.repos.listDeployments({...at, environment: 'staging', sha});
  expect(filtered.map((one) => one.id)).toEqual([second]);
});

test('the two traps of creating: an automatic merge, and checks that have not passed', async () => {
  const octokit = client();
  const merged = await octokit.rest.repos.createDeployment({...at, ref: 'topic', required_contexts: []});
  expect([merged.status, github.deployments().length]).toEqual([202, 0]);
  await expect(octokit.rest.repos.createDeployment({...at, ref: 'main', auto_merge: false})).rejects.toMatchObject({
    status: 409,
  });
  const named = {...at, ref: 'main', auto_merge: false, required_contexts: ['build']};
  await expect(octokit.rest.repos.createDeployment(named)).resolves.toMatchObject({status: 201});
  await expect(octokit.rest.repos.createDeployment({...at, ref: 'gone', ...quiet})).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('No ref found'),
  });
});

test('lists come in pages that Octokit can follow, at most 100 a page', async () => {
  const open = await startGitHub({
    ...at,
    now: clock.now,
    contentPerMinute: 1_000,
    tokens: [{token: 'writer', permissions: {deployments: 'write'}}],
  });
  const many = getOctokit('writer', {baseUrl: open.url, log: silent});
  try {
    const made: number[] = [];
    for (let i = 0; i < 130; i++)
      made.push(((await many.rest.repos.createDeployment({...at, ref: sha, ...quiet})).data as {id: number}).id);
    const {data} = await many.rest.repos.listDeployments({...at, per_page: 500});
    expect(data.length).toBe(100);
    const all = await many.paginate(many.rest.repos.listDeployments, {...at, per_page: 50});
    expect(all.map((one) => one.id)).toEqual(made.reverse());
  } finally {
    await open.close();
  }
});

test('statuses are newest first, limited in length and state, and production is never made inactive by a later success', async () => {
  const octokit = client();
  const status = (deployment_id: number, state: string, more: object = {}) =>
    octokit.rest.repos.createDeploymentStatus({...at, deployment_id, state: state as 'success', ...more});
  const [one, two] = [await deploy(octokit), await deploy(octokit)];
  const [old, young] = [
    await deploy(octokit, {environment: 'staging'}),
    await deploy(octokit, {environment: 'staging'}),
  ];
  for (const id of [one, two, old, young]) {
    await status(id, 'in_progress', {description: 'staged frontend=dpl_1'});
    await status(id, 'success');
  }
  const latest = async (deployment_id: number) =>
    (await octokit.rest.repos.listDeploymentStatuses({...at, deployment_id})).data[0]?.state;
  expect([await latest(one), await latest(two), await latest(old), await latest(young)]).toEqual([
    'success',
    'success',
    'inactive',
    'success',
  ]);
  await expect(status(one, 'success', {description: 'x'.repeat(141)})).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('140'),
  });
  await expect(status(one, 'done')).rejects.toMatchObject({status: 422});
  await expect(status(12, 'success')).rejects.toMatchObject({status: 404});
});

test('an active deployment is not deleted unless it is the only one', async () => {
  const octokit = client();
  const one = await deploy(octokit);
  const two = await deploy(octokit);
  await expect(octokit.rest.repos.deleteDeployment({...at, deployment_id: one})).rejects.toMatchObject({status: 422});
  await octokit.rest.repos.createDeploymentStatus({...at, deployment_id: one, state: 'inactive'});
  await octokit.rest.repos.deleteDeployment({...at, deployment_id: one});
  await octokit.rest.repos.deleteDeployment({...at, deployment_id: two});
  expect(github.deployments()).toEqual([]);
});

test('issues are found by label, mixed with pull requests, commented and closed', async () => {
  const octokit = client();
  const {data: issue} = await octokit.rest.issues.create({
    ...at,
    title: 'Rolled back',
    body: 'why\n<!-- mark -->',
    labels: ['incident'],
  });
  await octokit.rest.issues.create({...at, title: 'Other', labels: ['bug']});
  github.addPullRequest('A change', ['incident']);
  const {data: listed} = await octokit.rest.issues.listForRepo({...at, labels: 'incident'});
  expect(listed.map((one) => [one.title, 'pull_request' in one])).toEqual([
    ['A change', true],
    ['Rolled back', false],
  ]);
  await octokit.rest.issues.createComment({...at, issue_number: issue.number, body: 'again'});
  await octokit.rest.issues.update({...at, issue_number: issue.number, state: 'closed', state_reason: 'completed'});
  const {data: closed} = await octokit.rest.issues.get({...at, issue_number: issue.number});
  expect(closed).toMatchObject({state: 'closed', state_reason: 'completed', comments: 1, body: 'why\n<!-- mark -->'});
  const {data: open} = await octokit.rest.issues.listForRepo({...at, labels: 'incident', state: 'open'});
  expect(open.map((one) => one.title)).toEqual(['A change']);
  await octokit.rest.issues.createLabel({...at, name: 'drill'});
  await expect(octokit.rest.issues.createLabel({...at, name: 'DRILL'})).rejects.toMatchObject({status: 422});
  await expect(octokit.rest.issues.create({...at, title: ' '})).rejects.toMatchObject({status: 422});
});

test('a token does what it may and nothing else', async () => {
  const reader = client('reader');
  await expect(reader.rest.repos.listDeployments(at)).resolves.toMatchObject({status: 200});
  await expect(deploy(reader)).rejects.toMatchObject({
    status: 403,
    response: {headers: {'x-accepted-github-permissions': 'deployments=write'}},
  });
  await expect(reader.rest.issues.listForRepo(at)).rejects.toMatchObject({status: 403});
  await expect(client('stranger').rest.repos.listDeployments(at)).rejects.toMatchObject({
    status: 401,
    message: expect.stringContaining('Bad credentials'),
  });
  await expect(client().rest.repos.listDeployments({...at, repo: 'other'})).rejects.toMatchObject({status: 404});
  await expect(client().request('GET /repos/{owner}/{repo}/releases', at)).rejects.toMatchObject({
    status: 501,
    message: expect.stringContaining('GET /releases'),
  });
  await expect(
    client().request('GET /repos/{owner}/{repo}/issues', {...at, headers: {'x-github-api-version': '2020-01-01'}}),
  ).rejects.toMatchObject({status: 400});
});

test('both rate limits refuse with what a client needs to wait', async () => {
  const small = await startGitHub({
    ...at,
    now: clock.now,
    hourlyLimit: 4,
    contentPerMinute: 2,
    tokens: [{token: 'writer', permissions: {deployments: 'write'}}],
  });
  const octokit = getOctokit('writer', {baseUrl: small.url, log: silent});
  try {
    await deploy(octokit);
    await deploy(octokit);
    await expect(deploy(octokit)).rejects.toMatchObject({status: 403, response: {headers: {'retry-after': '60'}}});
    const {headers} = await octokit.rest.repos.listDeployments(at);
    expect(headers).toMatchObject({'x-ratelimit-limit': '4', 'x-ratelimit-remaining': '0'});
    await expect(octokit.rest.repos.listDeployments(at)).rejects.toMatchObject({
      status: 403,
      response: {headers: {'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(clock.now() / 1_000 + 3_600)}},
    });
    clock.advance(3_600_000);
    await expect(deploy(octokit)).resolves.toBeGreaterThan(0);
    small.faults.push({route: 'GET /repos/*', fault: secondaryLimit(7)});
    await expect(octokit.rest.repos.listDeployments(at)).rejects.toMatchObject({
      status: 403,
      response: {headers: {'retry-after': '7'}},
    });
  } finally {
    await small.close();
  }
});

test('a lost answer leaves the deployment made, and an unchanged list costs a client nothing', async () => {
  const octokit = client();
  github.faults.push({route: 'POST /repos/*/deployments', fault: {kind: 'close-after'}});
  await expect(deploy(octokit)).rejects.toMatchObject({status: 500});
  expect(github.deployments().length).toBe(1);
  const {headers} = await octokit.rest.repos.listDeployments(at);
  await expect(
    octokit.rest.repos.listDeployments({...at, headers: {'if-none-match': headers.etag}}),
  ).rejects.toMatchObject({status: 304});
  expect(JSON.stringify(github.requests)).not.toContain('writer');
});
