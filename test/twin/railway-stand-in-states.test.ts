import {afterEach, describe, expect, test} from '@jest/globals';
import type {Scripted} from '../../src/rehearsal/railway/script.js';
import {environmentId, type Fixture, serviceId, startFixture, until} from './railway-stand-in.fixture.js';

/** Every way a deployment can go, on demand. */

let fixture: Fixture;
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly deploymentStopped: boolean;
  readonly meta: Record<string, string>;
  readonly instances: Array<{id: string; status: string}>;
}

async function show(id: string): Promise<Shown> {
  const {deployment} = await fixture.data<{deployment: Shown}>(
    'query($id: String!) { deployment(id: $id) { id status deploymentStopped meta instances { id status } } }',
    {id},
  );
  return deployment;
}

async function statusesOf(id: string): Promise<string[]> {
  const statuses = fixture.railway.state().changes.filter((change) => change.deploymentId === id);
  return statuses.map(({status}) => status);
}

const act = (field: string, id: string) => fixture.ask(`mutation($id: String!) { ${field}(id: $id) }`, {id});
const serving = () => fixture.railway.state().services[0]?.servingDeploymentId;

describe('a scripted deployment', () => {
  test.each<[what: string, scripted: Scripted, statuses: string[], reason: RegExp]>([
    ['fails in its build', {kind: 'fail', in: 'build'}, ['INITIALIZING', 'BUILDING', 'FAILED'], /Build failed/],
    [
      'fails before it is deployed',
      {kind: 'fail', in: 'pre-deploy'},
      ['INITIALIZING', 'BUILDING', 'DEPLOYING', 'FAILED'],
      /Pre-deploy command failed/,
    ],
    [
      'gets no container',
      {kind: 'fail', in: 'container', message: 'no room'},
      ['INITIALIZING', 'BUILDING', 'DEPLOYING', 'FAILED'],
      /no room/,
    ],
    [
      'fails its health check',
      {kind: 'fail', in: 'healthcheck'},
      ['INITIALIZING', 'BUILDING', 'DEPLOYING', 'FAILED'],
      /Healthcheck failed/,
    ],
    ['is skipped', {kind: 'skipped', reason: 'No changes to watched files'}, ['SKIPPED'], /watched files/],
    [
      'is skipped after CI',
      {kind: 'held', status: 'WAITING', forMs: 20, thenSkip: 'CI check suite failed'},
      ['WAITING', 'SKIPPED'],
      /CI check suite/,
    ],
  ])('%s, and the old one keeps serving', async (_what, scripted, statuses, reason) => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.script.push(scripted);
    const id = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(id, statuses.at(-1)!);
    expect(await statusesOf(id)).toEqual(statuses);
    expect(fixture.railway.state().deployments.at(-1)!.reason).toMatch(reason);
    expect((await show(id)).meta.skippedReason).toEqual(
      statuses.at(-1) === 'SKIPPED' ? expect.stringMatching(reason) : undefined,
    );
    expect((await fixture.get()).body).toMatchObject({deployment: first});
    expect(fixture.railway.processes).toBe(1);
  });

  test.each<[status: 'WAITING' | 'QUEUED']>([['WAITING'], ['QUEUED']])(
    'stays %s until its time is up',
    async (status) => {
      fixture = await startFixture();
      fixture.railway.script.push({kind: 'held', status, forMs: 150});
      const id = await fixture.deploy(fixture.commits.good);
      expect(await show(id)).toMatchObject({status, deploymentStopped: true, instances: []});
      await fixture.reaches(id, 'SUCCESS');
      expect(await statusesOf(id)).toEqual([status, 'INITIALIZING', 'BUILDING', 'DEPLOYING', 'SUCCESS']);
    },
  );

  test('needs approval, and goes on once approved', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'held', status: 'NEEDS_APPROVAL'});
    const id = await fixture.deploy(fixture.commits.good);
    expect(await show(id)).toMatchObject({status: 'NEEDS_APPROVAL'});
    expect(await act('deploymentApprove', id)).toMatchObject({data: {deploymentApprove: true}});
    await fixture.reaches(id, 'SUCCESS');
    expect(await act('deploymentApprove', id)).toMatchObject({
      errors: [{message: 'Deployment does not need approval'}],
    });
  });

  test('holds a status that no published schema knows', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'stuck', status: 'CANCELLED'});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'CANCELLED');
    expect(await show(id)).toMatchObject({id, status: 'CANCELLED'});
  });

  test('hangs in a status for ever, and can be cancelled', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'stuck', status: 'BUILDING'});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'BUILDING');
    expect(await act('deploymentCancel', id)).toMatchObject({data: {deploymentCancel: true}});
    await fixture.reaches(id, 'REMOVED');
    expect(await act('deploymentCancel', id)).toMatchObject({
      errors: [{message: expect.stringContaining('not cancellable')}],
    });
  });

  test('leaves FAILED behind when cancelled, where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {cancelLeaves: 'FAILED'}});
    fixture.railway.script.push({kind: 'slow', ms: 60_000});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'BUILDING');
    await act('deploymentCancel', id);
    await fixture.reaches(id, 'FAILED');
  });

  test('is superseded by a foreign one while it builds', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'superseded', by: fixture.commits.better});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'REMOVED');
    await fixture.railway.settled();
    const newest = fixture.railway.state().deployments.at(-1)!;
    expect(newest).toMatchObject({cause: 'foreign', commit: fixture.commits.better, status: 'SUCCESS'});
    expect(serving()).toBe(newest.id);
  });

  test('crashes after it was good', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'crash', afterMs: 30});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'CRASHED');
    expect(await statusesOf(id)).toEqual(['INITIALIZING', 'BUILDING', 'DEPLOYING', 'SUCCESS', 'CRASHED']);
    expect(await show(id)).toMatchObject({deploymentStopped: true, instances: [{status: 'CRASHED'}]});
    expect(await fixture.get()).toMatchObject({status: 502});
  });

  test('sleeps, is neither stoppable nor restartable, and wakes on a request that it does not answer', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'sleeps', afterMs: 10});
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'SLEEPING');
    expect(await act('deploymentStop', id)).toMatchObject({errors: [{message: 'Deployment is not stoppable'}]});
    expect(await act('deploymentRestart', id)).toMatchObject({errors: [{message: 'Deployment is not restartable'}]});
    expect(fixture.railway.state().services[0]!.activeDeploymentIds).toEqual([id]);
    expect(await fixture.get()).toMatchObject({status: 502});
    await fixture.reaches(id, 'SUCCESS');
    await until(
      async () => (await fixture.get()).status === 200,
      () => 'should be awake',
    );
  });
});

describe('one deployment takes the place of another', () => {
  const active = () => fixture.railway.state().services[0]!.activeDeploymentIds;

  test('both are active during the overlap, and the new one has the traffic', async () => {
    fixture = await startFixture({overlapSeconds: 0.4});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const second = await fixture.railway.seedLive(serviceId, fixture.commits.better);
    expect(active()).toEqual([second, first]);
    expect((await fixture.get()).body).toMatchObject({deployment: second});
    await fixture.reaches(first, 'REMOVED');
    expect(active()).toEqual([second]);
    expect(await statusesOf(first)).toEqual([
      'INITIALIZING',
      'BUILDING',
      'DEPLOYING',
      'SUCCESS',
      'REMOVING',
      'REMOVED',
    ]);
  });

  test('requests under way are answered while the old one drains', async () => {
    fixture = await startFixture({drainingSeconds: 2}, {delaysMs: {removing: 0}});
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const second = await fixture.deploy(fixture.commits.better);
    const slow: Array<Promise<{status: number}>> = [];
    await until(
      () => {
        slow.push(fixture.get('/slow'));
        return fixture.railway.state().deployments.some((d) => d.id === second && d.status === 'SUCCESS');
      },
      () => 'should be live',
    );
    const statuses = (await Promise.all(slow)).map(({status}) => status);
    expect(statuses.length).toBeGreaterThan(3);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(fixture.railway.requestsOf(serviceId).some(({deploymentId}) => deploymentId !== second)).toBe(true);
  });

  test('with a volume the old one goes first, and nothing serves in between', async () => {
    fixture = await startFixture({volume: {mountPath: '/data'}, publicDomain: true}, {delaysMs: {settling: 150}});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const second = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(first, 'REMOVED');
    expect([active(), (await fixture.get()).status]).toEqual([[], 502]);
    await fixture.reaches(second, 'SUCCESS');
    expect(await fixture.get()).toMatchObject({status: 200, body: {deployment: second}});
  });

  test('an older one that is ready after a newer one does not go live', async () => {
    fixture = await startFixture();
    fixture.railway.script.push({kind: 'slow', ms: 700});
    const older = await fixture.deploy(fixture.commits.good);
    const newer = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(newer, 'SUCCESS');
    await fixture.reaches(older, 'REMOVED');
    expect(serving()).toBe(newer);
  });

  test('a newer one ends an older one in flight, where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {supersedesInFlight: true}});
    fixture.railway.script.push({kind: 'stuck', status: 'QUEUED'});
    const older = await fixture.deploy(fixture.commits.good);
    const newer = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(newer, 'SUCCESS');
    expect(await show(older)).toMatchObject({status: 'REMOVED'});
  });

  test('latestDeployment may lag behind the list', async () => {
    fixture = await startFixture({}, {delaysMs: {latestLag: 300}});
    const latest = async () =>
      (
        await fixture.data<{serviceInstance: {latestDeployment: {id: string} | null}}>(
          'query($s: String!, $e: String!) { serviceInstance(serviceId: $s, environmentId: $e) { latestDeployment { id } } }',
          {s: serviceId, e: environmentId},
        )
      ).serviceInstance.latestDeployment?.id;
    const id = await fixture.deploy(fixture.commits.good);
    expect(await latest()).toBeUndefined();
    await until(
      async () => (await latest()) === id,
      () => 'should be named in the end',
    );
  });
});

describe('stop, restart, remove, redeploy', () => {
  test('a stopped deployment stays SUCCESS, answers nobody, and comes back under its id', async () => {
    fixture = await startFixture();
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(await act('deploymentStop', id)).toMatchObject({data: {deploymentStop: true}});
    expect(await act('deploymentStop', id)).toMatchObject({data: {deploymentStop: true}});
    expect(await show(id)).toMatchObject({status: 'SUCCESS', deploymentStopped: true, instances: [{status: 'EXITED'}]});
    expect(fixture.railway.state().services[0]!.activeDeploymentIds).toEqual([]);
    await expect(fetch(fixture.railway.serviceUrl(serviceId), {signal: AbortSignal.timeout(250)})).rejects.toThrow(
      /timeout/,
    );
    expect(await act('deploymentRestart', id)).toMatchObject({data: {deploymentRestart: true}});
    await until(
      async () => (await fixture.get()).status === 200,
      () => 'should serve again',
    );
    expect(await show(id)).toMatchObject({
      status: 'SUCCESS',
      deploymentStopped: false,
      instances: [{status: 'RUNNING'}],
    });
  });

  test('removing one that is live or in flight ends it', async () => {
    fixture = await startFixture();
    const live = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.script.push({kind: 'stuck', status: 'QUEUED'});
    const held = await fixture.deploy(fixture.commits.better);
    await act('deploymentRemove', held);
    await act('deploymentRemove', live);
    await fixture.reaches(held, 'REMOVED');
    await fixture.reaches(live, 'REMOVED');
    expect(fixture.railway.processes).toBe(0);
  });

  test('redeploying keeps the image only when asked to, and takes today’s variables', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.setVariables(serviceId, {GREETING: 'changed'});
    const redeploy = (flag: boolean) =>
      fixture.data<{deploymentRedeploy: {id: string}}>(
        'mutation($id: String!, $flag: Boolean) { deploymentRedeploy(id: $id, usePreviousImageTag: $flag) { id status } }',
        {id: first, flag},
      );
    const kept = (await redeploy(true)).deploymentRedeploy.id;
    await fixture.reaches(kept, 'SUCCESS');
    expect(await statusesOf(kept)).toEqual(['INITIALIZING', 'DEPLOYING', 'SUCCESS']);
    expect((await fixture.get()).body).toMatchObject({greeting: 'changed', commit: fixture.commits.good});
    const built = (await redeploy(false)).deploymentRedeploy.id;
    await fixture.reaches(built, 'SUCCESS');
    expect(await statusesOf(built)).toContain('BUILDING');
  });

  test('a process that ends by itself and well keeps SUCCESS', async () => {
    fixture = await startFixture({
      startCommand: ['node', '-e', 'setTimeout(() => process.exit(0), 200)'],
      healthcheckPath: undefined,
    });
    const id = await fixture.deploy(fixture.commits.good);
    await until(
      async () => (await show(id)).instances[0]?.status === 'EXITED',
      () => 'should have exited',
    );
    expect(await show(id)).toMatchObject({status: 'SUCCESS', deploymentStopped: true});
  });

  test('a start command that does not exist is a crash, not an error of ours', async () => {
    fixture = await startFixture(
      {startCommand: ['no-such-program'], healthcheckPath: undefined, restartPolicyMaxRetries: 1},
      {delaysMs: {settling: 500}},
    );
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'CRASHED');
    const logs = await fixture.data<{deploymentLogs: Array<{message: string}>}>(
      'query($id: String!) { deploymentLogs(deploymentId: $id) { message } }',
      {id},
    );
    expect(logs.deploymentLogs[0]!.message).toMatch(/ENOENT/);
  });

  test('a failing pre-deploy command fails the deployment with its exit code and lines', async () => {
    fixture = await startFixture({
      preDeployCommand: ['node', '-e', 'console.error("migration broke"); process.exit(4)'],
    });
    const id = await fixture.deploy(fixture.commits.good);
    await fixture.reaches(id, 'FAILED');
    expect(fixture.railway.state().deployments[0]!.reason).toBe('Pre-deploy command failed with exit code 4');
    const logs = await fixture.data<{deploymentLogs: Array<{message: string}>}>(
      'query($id: String!) { deploymentLogs(deploymentId: $id) { message } }',
      {id},
    );
    expect(logs.deploymentLogs.map(({message}) => message)).toContain('migration broke');
  });
});

describe('pushes', () => {
  test('deploy the branch head only when auto-deploy is on', async () => {
    fixture = await startFixture();
    expect(await fixture.railway.push(serviceId)).toBeUndefined();
    const status = () =>
      fixture.data(
        'query($s: String!, $e: String!) { serviceInstanceAutoDeployStatus(serviceId: $s, environmentId: $e, projectId: "project-1") { enabled canEnable reason } }',
        {s: serviceId, e: environmentId},
      );
    expect(await status()).toEqual({serviceInstanceAutoDeployStatus: {enabled: false, canEnable: true, reason: null}});
    await fixture.data(
      'mutation($s: String!, $e: String!) { serviceInstanceAutoDeployUpdate(input: {enabled: true, serviceId: $s, environmentId: $e, projectId: "project-1"}) { enabled } }',
      {s: serviceId, e: environmentId},
    );
    expect(await status()).toMatchObject({serviceInstanceAutoDeployStatus: {enabled: true}});
    const id = await fixture.railway.push(serviceId);
    await fixture.reaches(id!, 'SUCCESS');
    expect(await show(id!)).toMatchObject({
      meta: {
        commitHash: fixture.commits.docs,
        branch: 'main',
        repo: 'acme/shop',
        commitMessage: expect.stringContaining('better'),
      },
    });
  });

  test.each<[conclusion: 'success' | 'failure', status: string]>([
    ['success', 'SUCCESS'],
    ['failure', 'SKIPPED'],
  ])('wait for CI, whose %s makes them %s', async (conclusion, status) => {
    fixture = await startFixture({autoDeploy: true, checkSuites: true});
    const id = await fixture.railway.push(serviceId, fixture.commits.good);
    await fixture.reaches(id!, 'WAITING');
    fixture.railway.finishChecks(serviceId, conclusion);
    await fixture.reaches(id!, status);
    expect((await show(id!)).meta.skippedReason).toBe(conclusion === 'failure' ? 'CI check suite failed' : undefined);
  });

  test('that touch no watched file are skipped', async () => {
    fixture = await startFixture({autoDeploy: true, watchPatterns: ['/app/**']});
    await fixture.railway.seedLive(serviceId, fixture.commits.better);
    const id = await fixture.railway.push(serviceId, fixture.commits.docs);
    await fixture.reaches(id!, 'SKIPPED');
    expect((await show(id!)).meta).toMatchObject({skippedReason: 'No changes to watched files'});
    const explicit = await fixture.deploy(fixture.commits.docs);
    await fixture.reaches(explicit, 'SUCCESS');
  });
});

describe('image services', () => {
  test('deploy what their image stands for; a redeploy of the service ignores a changed source', async () => {
    const app = (word: string) => [
      'node',
      '-e',
      `require('http').createServer((q, s) => s.end('${word}')).listen(process.env.PORT, '127.0.0.1')`,
    ];
    const images = {
      'ghcr.io/acme/api:1': {folder: '.', startCommand: app('one'), digest: 'sha256:111'},
      'ghcr.io/acme/api:2': {folder: '.', startCommand: app('two')},
    };
    fixture = await startFixture({repo: undefined, image: 'ghcr.io/acme/api:1', healthcheckPath: '/'}, {images});
    const first = await fixture.railway.seedLive(serviceId, 'ghcr.io/acme/api:1');
    expect(await statusesOf(first)).toEqual(['INITIALIZING', 'DEPLOYING', 'SUCCESS']);
    expect(await show(first)).toMatchObject({meta: {image: 'ghcr.io/acme/api:1', imageDigest: 'sha256:111'}});
    const scope = {s: serviceId, e: environmentId};
    expect(
      await fixture.data(
        'mutation($s: String!, $e: String!) { serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: {source: {image: "ghcr.io/acme/api:2"}}) }',
        scope,
      ),
    ).toEqual({serviceInstanceUpdate: true});
    await fixture.data(
      'mutation($s: String!, $e: String!) { serviceInstanceRedeploy(serviceId: $s, environmentId: $e) }',
      scope,
    );
    await fixture.railway.settled();
    expect((await fixture.get()).body).toEqual({text: 'one'});
    const {id} = await fixture.data<{id: string}>(
      'mutation($s: String!, $e: String!) { id: serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }',
      scope,
    );
    await fixture.reaches(id, 'SUCCESS');
    expect((await fixture.get()).body).toEqual({text: 'two'});
  });

  test('without a description are pretended: no process, but every state', async () => {
    fixture = await startFixture(
      {},
      {services: [{id: 'db', name: 'Postgres', image: 'ghcr.io/acme/postgres:16', volume: {mountPath: '/data'}}]},
    );
    const id = await fixture.railway.seedLive('db', 'ghcr.io/acme/postgres:16');
    expect(await show(id)).toMatchObject({status: 'SUCCESS', instances: [{status: 'RUNNING'}]});
    expect(fixture.railway.processes).toBe(0);
    expect(() => fixture.railway.serviceUrl('db')).toThrow('no public domain');
  });
});
