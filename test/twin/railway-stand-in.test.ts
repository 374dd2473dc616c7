import {afterEach, describe, expect, test} from '@jest/globals';
import {
  accountToken,
  environmentId,
  type Fixture,
  projectId,
  projectToken,
  serviceId,
  startFixture,
  until,
  workspaceToken,
} from './railway-stand-in.fixture.js';

let fixture: Fixture;
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const scope = {s: serviceId, e: environmentId};

describe('a deployment', () => {
  test('is a real process of that commit behind the public front, and replaces the old one', async () => {
    fixture = await startFixture();
    expect(await fixture.get()).toMatchObject({status: 404});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(await fixture.get()).toMatchObject({
      status: 200,
      body: {commit: fixture.commits.good, greeting: 'hello', deployment: first},
    });
    const second = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(second, 'SUCCESS');
    expect(await fixture.get()).toMatchObject({
      status: 200,
      body: {commit: fixture.commits.better, deployment: second},
    });
    await fixture.reaches(first, 'REMOVED');
    expect(fixture.railway.processes).toBe(1);
    const changes = fixture.railway.state().changes.filter((change) => change.deploymentId === second);
    expect(changes.map(({status}) => status)).toEqual(['INITIALIZING', 'BUILDING', 'DEPLOYING', 'SUCCESS']);
  });

  test('that never becomes healthy is FAILED and the old one keeps serving', async () => {
    fixture = await startFixture({healthcheckTimeoutS: 1.5});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const bad = await fixture.deploy(fixture.commits.unhealthy);
    await fixture.reaches(bad, 'FAILED');
    expect(fixture.railway.state().deployments.at(-1)).toMatchObject({canRollback: false, pid: undefined});
    const events = await fixture.data<{
      deploymentEvents: {edges: Array<{node: {step: string; payload: {error: string | null}}}>};
    }>('query($id: String!) { deploymentEvents(id: $id) { edges { node { step payload { error } } } } }', {id: bad});
    expect(await fixture.get()).toMatchObject({status: 200, body: {deployment: first}});
    expect(events.deploymentEvents.edges.at(-1)?.node).toMatchObject({
      step: 'HEALTHCHECK',
      payload: {error: expect.stringContaining('did not answer 200')},
    });
    await fixture.reaches(await fixture.deploy(fixture.commits.better), 'SUCCESS');
    await fixture.reaches(first, 'REMOVED');
    expect(fixture.railway.processes).toBe(1);
  });

  test('whose process exits at start is FAILED with its last lines in the log', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const bad = await fixture.deploy(fixture.commits.exits);
    await fixture.reaches(bad, 'FAILED');
    const {deploymentLogs} = await fixture.data<{deploymentLogs: Array<{message: string; severity: string}>}>(
      'query($id: String!) { deploymentLogs(deploymentId: $id, limit: 3) { message severity } }',
      {id: bad},
    );
    expect(deploymentLogs).toHaveLength(4);
    expect(deploymentLogs[0]).toEqual({message: 'cannot start', severity: 'error'});
    expect(await fixture.get()).toMatchObject({status: 200, body: {deployment: first}});
  });

  test('of an unknown commit is refused with HTTP 200 and nothing is made', async () => {
    fixture = await startFixture();
    const answer = await fixture.ask(
      'mutation($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e, commitSha: "0000000000000000000000000000000000000000") }',
      scope,
    );
    expect(answer).toMatchObject({
      status: 200,
      errors: [{message: 'Commit not found', traceId: expect.any(String), path: ['serviceInstanceDeployV2']}],
    });
    expect(fixture.railway.state().deployments).toEqual([]);
  });

  test('that crashes for good ends CRASHED after its restarts', async () => {
    fixture = await startFixture({restartPolicyMaxRetries: 1});
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    await until(
      async () => {
        await fixture.get('/crash').catch(() => undefined);
        return fixture.railway.state().deployments[0]?.status === 'CRASHED';
      },
      () => 'should crash',
    );
    expect(await fixture.get()).toMatchObject({status: 502});
    await fixture.data('mutation($id: String!) { deploymentRestart(id: $id) }', {id});
    await until(
      async () => (await fixture.get()).status === 200,
      () => 'should serve again',
    );
    expect(fixture.railway.state().deployments[0]).toMatchObject({id, status: 'SUCCESS'});
  });
});

describe('a rollback', () => {
  test('makes a new deployment from the kept files with the variables of that time', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.setVariables(serviceId, {GREETING: 'changed'});
    const second = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(second, 'SUCCESS');
    await fixture.reaches(first, 'REMOVED');
    expect((await fixture.get()).body).toMatchObject({greeting: 'changed'});
    expect(await fixture.data('mutation($id: String!) { deploymentRollback(id: $id) }', {id: first})).toEqual({
      deploymentRollback: true,
    });
    expect(await listed()).toEqual([second, first]);
    await until(
      async () => (await listed()).length === 3,
      () => 'a new deployment should appear',
    );
    const third = (await listed())[0]!;
    await fixture.reaches(third, 'SUCCESS');
    expect((await fixture.get()).body).toMatchObject({
      commit: fixture.commits.good,
      greeting: 'hello',
      deployment: third,
    });
    const statuses = fixture.railway.state().changes.filter((change) => change.deploymentId === third);
    expect(statuses.map(({status}) => status)).toEqual(['INITIALIZING', 'DEPLOYING', 'SUCCESS']);
  });

  test('is impossible once the image is past the plan’s retention', async () => {
    fixture = await startFixture({}, {plan: 'hobby'});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    await fixture.reaches(await fixture.deploy(fixture.commits.better), 'SUCCESS');
    await fixture.reaches(first, 'REMOVED');
    const ask = () => fixture.data('query($id: String!) { deployment(id: $id) { canRollback } }', {id: first});
    fixture.railway.advance(71 * 3_600_000);
    expect(await ask()).toEqual({deployment: {canRollback: true}});
    fixture.railway.advance(2 * 3_600_000);
    expect(await ask()).toEqual({deployment: {canRollback: false}});
    expect(await fixture.ask('mutation($id: String!) { deploymentRollback(id: $id) }', {id: first})).toMatchObject({
      status: 200,
      errors: [{message: expect.any(String)}],
    });
  });

  test('can be made to vanish, to fail and to have company', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const second = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(second, 'SUCCESS');
    const rollBack = () => fixture.data('mutation($id: String!) { deploymentRollback(id: $id) }', {id: first});
    fixture.railway.script.push({kind: 'vanishes', cause: 'rollback'});
    expect(await rollBack()).toEqual({deploymentRollback: true});
    await fixture.railway.settled();
    expect(await listed()).toEqual([second, first]);
    fixture.railway.script.push({kind: 'fail', in: 'healthcheck', cause: 'rollback'});
    await rollBack();
    await fixture.railway.settled();
    expect(fixture.railway.state().deployments.at(-1)).toMatchObject({cause: 'rollback', status: 'FAILED'});
    expect((await fixture.get()).body).toMatchObject({deployment: second});
    fixture.railway.script.push({kind: 'foreign', cause: 'rollback'});
    await rollBack();
    await fixture.railway.settled();
    expect(
      fixture.railway
        .state()
        .deployments.slice(-2)
        .map(({cause}) => cause)
        .sort(),
    ).toEqual(['foreign', 'rollback']);
  });
});

async function listed(): Promise<string[]> {
  const {deployments} = await fixture.data<{deployments: {edges: Array<{node: {id: string}}>}}>(
    'query($i: DeploymentListInput!) { deployments(input: $i, first: 20) { edges { node { id } } } }',
    {i: {projectId, environmentId, serviceId}},
  );
  return deployments.edges.map(({node}) => node.id);
}

describe('tokens', () => {
  const probe = 'query { projectToken { projectId environmentId } }';
  test.each<[rule: string, headers: Record<string, string>, query: string, message: string]>([
    ['no token', {}, probe, 'Not Authorized'],
    ['an unknown bearer', {authorization: 'Bearer nobody'}, probe, 'Not Authorized'],
    ['a project token as bearer', {authorization: `Bearer ${projectToken}`}, probe, 'Project Token not found'],
    ['a revoked project token', {'project-access-token': 'revoked'}, probe, 'Project Token not found'],
    [
      'a workspace token asking for the project token',
      {authorization: `Bearer ${workspaceToken}`},
      probe,
      'Not Authorized',
    ],
    [
      'a workspace token asking who it is',
      {authorization: `Bearer ${workspaceToken}`},
      'query { me { id } }',
      'Not Authorized',
    ],
    [
      'a project token asking for workspaces',
      {'project-access-token': projectToken},
      'query { apiToken { workspaces { id } } }',
      'Not Authorized',
    ],
    [
      'a foreign environment',
      {'project-access-token': projectToken},
      'query { environment(id: "elsewhere") { id } }',
      'Not Authorized',
    ],
  ])('%s is refused with HTTP 200', async (_rule, headers, query, message) => {
    fixture = await startFixture();
    expect(await fixture.ask(query, {}, headers)).toMatchObject({
      status: 200,
      data: null,
      errors: [{message, traceId: expect.any(String), extensions: {code: 'INTERNAL_SERVER_ERROR'}}],
    });
  });

  test.each<[kind: string, headers: Record<string, string>, query: string, data: object]>([
    ['project', {'project-access-token': projectToken}, probe, {projectToken: {projectId, environmentId}}],
    [
      'workspace',
      {authorization: `Bearer ${workspaceToken}`},
      'query { apiToken { workspaces { name } } }',
      {apiToken: {workspaces: [{name: 'Rehearsal'}]}},
    ],
    ['account', {authorization: `Bearer ${accountToken}`}, 'query { me { has2FA } }', {me: {has2FA: true}}],
  ])('a %s token answers its own probe', async (_kind, headers, query, data) => {
    fixture = await startFixture();
    expect(await fixture.ask(query, {}, headers)).toMatchObject({status: 200, data});
  });
});
