import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, describe, expect, test} from '@jest/globals';
import {
  environmentId,
  type Fixture,
  projectId,
  projectToken,
  serviceId,
  startFixture,
  until,
  workFolder,
} from './railway-stand-in.fixture.js';

/** Variables, settings, staged changes, volumes and uploads. */

let fixture: Fixture;
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const scope = {projectId, environmentId, serviceId};
const deployments = () => fixture.railway.state().deployments;

describe('variables', () => {
  const upsert = (input: object) =>
    fixture.data('mutation($i: VariableUpsertInput!) { variableUpsert(input: $i) }', {i: {...scope, ...input}});

  test('deploy the service again unless told not to', async () => {
    fixture = await startFixture();
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(await upsert({name: 'GREETING', value: 'quiet', skipDeploys: true})).toEqual({variableUpsert: true});
    expect(deployments()).toHaveLength(1);
    expect((await fixture.get()).body).toMatchObject({greeting: 'hello'});
    await upsert({name: 'GREETING', value: 'loud'});
    await fixture.railway.settled();
    expect(deployments().at(-1)).toMatchObject({cause: 'variables', status: 'SUCCESS', commit: fixture.commits.good});
    expect((await fixture.get()).body).toMatchObject({greeting: 'loud'});
  });

  test('replacing deletes the rest, deleting deletes one', async () => {
    fixture = await startFixture({variables: {A: '1', B: '2'}});
    await fixture.data('mutation($i: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $i) }', {
      i: {...scope, variables: {C: '3', D: '4'}, replace: true, skipDeploys: true},
    });
    expect(fixture.railway.state().services[0]!.variableNames).toEqual(['C', 'D']);
    await fixture.data('mutation($i: VariableDeleteInput!) { variableDelete(input: $i) }', {i: {...scope, name: 'C'}});
    expect(fixture.railway.state().services[0]!.variableNames).toEqual(['D']);
  });

  test('that are shared deploy the services that refer to them', async () => {
    fixture = await startFixture(
      {variables: {GREETING: '${{shared.WORD}}'}},
      {sharedVariables: {WORD: 'one'}, services: [{id: 'other', name: 'other', image: 'image', publicDomain: false}]},
    );
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    await fixture.railway.seedLive('other', 'image');
    await fixture.data('mutation($i: VariableUpsertInput!) { variableUpsert(input: $i) }', {
      i: {projectId, environmentId, name: 'WORD', value: 'two'},
    });
    await fixture.railway.settled();
    expect(deployments().map((d) => [d.serviceId, d.cause])).toEqual([
      [serviceId, 'deploy'],
      ['other', 'deploy'],
      [serviceId, 'variables'],
    ]);
    expect((await fixture.get()).body).toMatchObject({greeting: 'two'});
  });

  test('go back with a rollback only for the deployment, or for the service where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {rollbackRewritesVariables: true}});
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.setVariables(serviceId, {ADDED: 'later'});
    await fixture.railway.seedLive(serviceId, fixture.commits.better);
    await fixture.data('mutation($id: String!) { deploymentRollback(id: $id) }', {id: first});
    expect(fixture.railway.state().services[0]!.variableNames).toEqual(['GREETING']);
  });
});

describe('settings', () => {
  const update = (input: object) =>
    fixture.ask(
      'mutation($s: String!, $e: String!, $i: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: $i) }',
      {s: serviceId, e: environmentId, i: input},
    );

  test('are stored, start nothing, and hold for the next deployment', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(
      await update({
        healthcheckPath: '/missing',
        healthcheckTimeout: 0,
        overlapSeconds: 3,
        region: 'eu',
        startCommand: 'node  server.mjs',
      }),
    ).toMatchObject({data: {serviceInstanceUpdate: true}});
    expect(deployments()).toHaveLength(1);
    const {serviceInstance} = await fixture.data<{serviceInstance: object}>(
      'query($s: String!, $e: String!) { serviceInstance(serviceId: $s, environmentId: $e) { healthcheckPath overlapSeconds region startCommand } }',
      {s: serviceId, e: environmentId},
    );
    expect(serviceInstance).toEqual({
      healthcheckPath: '/missing',
      overlapSeconds: 3,
      region: 'eu',
      startCommand: 'node server.mjs',
    });
    const next = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(next, 'FAILED');
    // What it was made with stays with the deployment that is gone back to.
    await fixture.data('mutation($id: String!) { deploymentRollback(id: $id) }', {id: first});
    await fixture.railway.settled();
    expect(deployments().at(-1)).toMatchObject({cause: 'rollback', status: 'SUCCESS'});
  });

  test('refuse no replicas at all', async () => {
    fixture = await startFixture();
    expect(await update({numReplicas: 0})).toMatchObject({
      status: 200,
      errors: [{message: 'Error in numReplicas - Invalid input', extensions: {code: 'BAD_USER_INPUT'}}],
    });
  });

  test('of the trigger can be changed', async () => {
    fixture = await startFixture({autoDeploy: true});
    const {deploymentTriggers} = await fixture.data<{deploymentTriggers: {edges: Array<{node: {id: string}}>}}>(
      'query($p: String!, $e: String!, $s: String!) { deploymentTriggers(projectId: $p, environmentId: $e, serviceId: $s) { edges { node { id branch checkSuites repository } } } }',
      {p: projectId, e: environmentId, s: serviceId},
    );
    const {id} = deploymentTriggers.edges[0]!.node;
    const changed = await fixture.data(
      'mutation($id: String!) { deploymentTriggerUpdate(id: $id, input: {checkSuites: true}) { checkSuites branch validCheckSuites } }',
      {id},
    );
    expect(changed).toEqual({deploymentTriggerUpdate: {checkSuites: true, branch: 'main', validCheckSuites: 1}});
  });
});

describe('staged changes', () => {
  const commitStaged = (more = '') =>
    fixture.ask(`mutation($e: String!) { environmentPatchCommitStaged(environmentId: $e${more}) }`, {e: environmentId});
  const staged = () =>
    fixture.data<{
      environmentStagedChanges: {status: string; patch: object};
      environment: {unmergedChangesCount: number};
    }>(
      'query($e: String!) { environmentStagedChanges(environmentId: $e) { status patch } environment(id: $e) { unmergedChangesCount } }',
      {e: environmentId},
    );

  test('are one patch for everybody: committing applies what a colleague staged too', async () => {
    fixture = await startFixture();
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(await staged()).toMatchObject({
      environmentStagedChanges: {patch: {}},
      environment: {unmergedChangesCount: 0},
    });
    fixture.railway.stage({services: {[serviceId]: {variables: {COLLEAGUE: {value: 'x'}}}}});
    await fixture.data(
      'mutation($e: String!, $i: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $i, merge: true) { status } }',
      {
        e: environmentId,
        i: {services: {[serviceId]: {variables: {GREETING: {value: 'staged'}}, deploy: {overlapSeconds: 1}}}},
      },
    );
    expect(await staged()).toMatchObject({
      environmentStagedChanges: {
        status: 'STAGED',
        patch: {services: {[serviceId]: {variables: {COLLEAGUE: {value: 'x'}, GREETING: {value: 'staged'}}}}},
      },
      environment: {unmergedChangesCount: 1},
    });
    expect(deployments()).toHaveLength(1);
    expect(await commitStaged()).toMatchObject({data: {environmentPatchCommitStaged: expect.any(String)}});
    await fixture.railway.settled();
    expect(deployments().at(-1)).toMatchObject({cause: 'patch', status: 'SUCCESS'});
    expect((await fixture.get()).body).toMatchObject({greeting: 'staged'});
    expect(fixture.railway.state().services[0]!.variableNames).toContain('COLLEAGUE');
    expect(await commitStaged()).toMatchObject({errors: [{message: 'No patch to apply'}]});
  });

  test('start nothing with skipDeploys', async () => {
    fixture = await startFixture();
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.stage({services: {[serviceId]: {variables: {GREETING: {value: 'later'}}}}});
    await commitStaged(', skipDeploys: true');
    expect(deployments()).toHaveLength(1);
    expect(fixture.railway.state().services[0]!.variableNames).toContain('GREETING');
  });

  test('open public access to a database, whose address appears once the proxy is active', async () => {
    fixture = await startFixture(
      {},
      {
        services: [
          {
            id: 'db',
            name: 'Postgres',
            image: 'postgres',
            volume: {mountPath: '/data'},
            variables: {PGUSER: 'shop', PGPASSWORD: 'pw', PGDATABASE: 'shop'},
          },
        ],
      },
    );
    const read = async () =>
      (await fixture.data<{tcpProxies: Array<{syncStatus: string}>; variables: Record<string, string>}>(
        'query($p: String!, $e: String!) { tcpProxies(environmentId: $e, serviceId: "db") { syncStatus domain proxyPort applicationPort } variables(projectId: $p, environmentId: $e, serviceId: "db") }',
        {p: projectId, e: environmentId},
      )) as {tcpProxies: object[]; variables: Record<string, string>};
    expect((await read()).tcpProxies).toEqual([]);
    await fixture.data(
      'mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }',
      {e: environmentId, p: {services: {db: {networking: {tcpProxies: {5432: {}}}}}}},
    );
    expect((await read()).tcpProxies).toMatchObject([{syncStatus: 'CREATING', applicationPort: 5432}]);
    await until(
      async () => (await read()).variables.DATABASE_PUBLIC_URL !== undefined,
      () => 'the public address should appear',
    );
    expect(new URL((await read()).variables.DATABASE_PUBLIC_URL!)).toMatchObject({
      hostname: expect.stringMatching(/\.proxy\.rlwy\.net$/),
      username: 'shop',
      pathname: '/shop',
    });
  });
});

describe('volume backups', () => {
  const volume = 'volume-instance-db';
  const withVolume = (usedMB: number, delaysMs = {}) =>
    startFixture(
      {},
      {
        services: [
          {
            id: 'db',
            name: 'Postgres',
            image: 'postgres',
            volume: {mountPath: '/var/lib/postgresql/data', sizeMB: 1_000, usedMB},
          },
        ],
        delaysMs,
      },
    );
  const mutate = async (document: string, variables: object) =>
    Object.values(
      await fixture.data<Record<string, {workflowId: string}>>(document, variables as Record<string, unknown>),
    )[0]!.workflowId;
  const create = (name: string) =>
    mutate(
      'mutation($v: String!, $n: String) { volumeInstanceBackupCreate(volumeInstanceId: $v, name: $n) { workflowId } }',
      {v: volume, n: name},
    );
  const list = async () =>
    (
      await fixture.data<{volumeInstanceBackupList: Array<{id: string; name: string; usedMB: number}>}>(
        'query($v: String!) { volumeInstanceBackupList(volumeInstanceId: $v) { id name usedMB expiresAt } }',
        {v: volume},
      )
    ).volumeInstanceBackupList;
  const workflow = async (id: string) =>
    (
      await fixture.data<{workflowStatus: {status: string; error: string | null}}>(
        'query($id: String!) { workflowStatus(workflowId: $id) { status error } }',
        {id},
      )
    ).workflowStatus;
  const complete = (id: string) =>
    until(
      async () => (await workflow(id)).status === 'Complete',
      () => 'the workflow should complete',
    );

  test('are unknown at first, then run, then stand in the list', async () => {
    fixture = await withVolume(100, {workflow: 600});
    const id = await create('before release');
    expect(await workflow(id)).toEqual({status: 'NotFound', error: null});
    expect(await workflow(id)).toEqual({status: 'Running', error: null});
    expect(await list()).toEqual([]);
    await complete(id);
    expect(await list()).toEqual([{id: expect.any(String), name: 'before release', usedMB: 100, expiresAt: null}]);
  });

  test('are refused for a volume’s id and for a volume that is half full', async () => {
    fixture = await withVolume(501);
    const ask = (id: string) =>
      fixture.ask('mutation($v: String!) { volumeInstanceBackupCreate(volumeInstanceId: $v) { workflowId } }', {v: id});
    expect(await ask('volume-db')).toMatchObject({status: 200, errors: [{message: 'Not Authorized'}]});
    expect(await ask(volume)).toMatchObject({status: 200, errors: [{message: expect.stringContaining('50%')}]});
  });

  test('may end in an error and then leave nothing', async () => {
    fixture = await withVolume(100);
    const id = await create('broken');
    fixture.railway.failWorkflow('snapshot failed');
    await until(
      async () => (await workflow(id)).status === 'Error',
      () => 'the workflow should fail',
    );
    expect(await workflow(id)).toEqual({status: 'Error', error: 'snapshot failed'});
    expect(await list()).toEqual([]);
  });

  test('restore into a new volume that is mounted only by the commit; newer backups are gone', async () => {
    fixture = await withVolume(100);
    await fixture.railway.seedLive('db', 'postgres');
    await complete(await create('old'));
    fixture.railway.advance(1_000);
    await complete(await create('new'));
    const [old] = await list();
    const mounts = async () =>
      (
        await fixture.data<{environment: {volumeInstances: {edges: Array<{node: {serviceId: string | null}}>}}}>(
          'query($e: String!) { environment(id: $e) { volumeInstances { edges { node { id serviceId state } } } } }',
          {e: environmentId},
        )
      ).environment.volumeInstances.edges.map(({node}) => node);
    await complete(
      await mutate(
        'mutation($v: String!, $b: String!) { volumeInstanceBackupRestore(volumeInstanceId: $v, volumeInstanceBackupId: $b) { workflowId } }',
        {v: volume, b: old!.id},
      ),
    );
    expect((await list()).map(({name}) => name)).toEqual(['old']);
    expect((await mounts()).map(({serviceId: id}) => id)).toEqual(['db', null]);
    await fixture.data('mutation($e: String!) { environmentPatchCommitStaged(environmentId: $e) }', {e: environmentId});
    await fixture.railway.settled();
    expect((await mounts()).map(({serviceId: id}) => id)).toEqual([null, 'db']);
    expect(deployments().at(-1)).toMatchObject({serviceId: 'db', cause: 'patch', status: 'SUCCESS'});
  });

  test('have schedules that are replaced as a whole', async () => {
    fixture = await withVolume(100);
    await fixture.data(
      'mutation($v: String!) { volumeInstanceBackupScheduleUpdate(volumeInstanceId: $v, kinds: [DAILY, WEEKLY]) }',
      {v: volume},
    );
    const {volumeInstanceBackupScheduleList: kinds} = await fixture.data<{volumeInstanceBackupScheduleList: object[]}>(
      'query($v: String!) { volumeInstanceBackupScheduleList(volumeInstanceId: $v) { kind retentionSeconds } }',
      {v: volume},
    );
    expect(kinds).toEqual([
      {kind: 'DAILY', retentionSeconds: 518_400},
      {kind: 'WEEKLY', retentionSeconds: 2_592_000},
    ]);
  });

  test('to a point in time make a sibling service and leave the source alone', async () => {
    fixture = await withVolume(100);
    await complete(
      await mutate(
        'mutation($v: String!, $t: DateTime!) { volumeInstancePITRRestore(volumeInstanceId: $v, targetTimestamp: $t) { workflowId } }',
        {v: volume, t: new Date().toISOString()},
      ),
    );
    expect(fixture.railway.state().services.map(({name}) => name)).toEqual([
      'api',
      'Postgres',
      expect.stringMatching(/^Postgres-restored-\d{8}-\d{4}$/),
    ]);
  });
});

describe('uploads', () => {
  const up = (
    body: Buffer,
    query: string,
    headers: Record<string, string> = {'project-access-token': projectToken, 'content-type': 'application/gzip'},
  ) =>
    fetch(`${fixture.railway.url}/project/${projectId}/environment/${environmentId}/up?${query}`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
    });

  function archive(greeting: string): Buffer {
    const folder = workFolder();
    mkdirSync(join(folder, 'app'));
    writeFileSync(
      join(folder, 'app/server.mjs'),
      `import {createServer} from 'node:http'; createServer((q, s) => s.end(${JSON.stringify(greeting)})).listen(process.env.PORT, '127.0.0.1');`,
    );
    const packed = execFileSync('tar', ['-cz', '-C', folder, './app/server.mjs']);
    rmSync(folder, {recursive: true});
    return packed;
  }

  test('become a deployment with a message and without a commit', async () => {
    fixture = await startFixture({healthcheckPath: '/', startCommand: ['node', 'app/server.mjs']});
    const response = await up(archive('uploaded'), `serviceId=${serviceId}&message=by%20hand`);
    const answer = (await response.json()) as {deploymentId: string};
    expect([response.status, answer]).toEqual([
      200,
      {
        deploymentId: expect.any(String),
        url: expect.stringContaining(answer.deploymentId),
        logsUrl: expect.any(String),
        deploymentDomain: expect.any(String),
      },
    ]);
    await fixture.reaches(answer.deploymentId, 'SUCCESS');
    expect((await fixture.get()).body).toEqual({text: 'uploaded'});
    const {deployment} = await fixture.data<{deployment: {meta: object}}>(
      'query($id: String!) { deployment(id: $id) { meta } }',
      {id: answer.deploymentId},
    );
    expect(deployment.meta).toMatchObject({cliMessage: 'by hand'});
    expect(deployment.meta).not.toHaveProperty('commitHash');
  });

  test.each<[what: string, body: Buffer, query: string, headers: Record<string, string> | undefined, status: number]>([
    ['something else than gzip', Buffer.from('tar'), `serviceId=${serviceId}`, undefined, 400],
    ['an unknown service', Buffer.from([0x1f, 0x8b]), 'serviceId=nobody', undefined, 401],
    [
      'a wrong token',
      Buffer.from([0x1f, 0x8b]),
      `serviceId=${serviceId}`,
      {authorization: 'Bearer nobody', 'content-type': 'application/gzip'},
      401,
    ],
  ])('%s is refused and deploys nothing', async (_what, body, query, headers, status) => {
    fixture = await startFixture();
    const response = await up(body, query, headers);
    expect([response.status, await response.json()]).toEqual([status, {message: expect.any(String)}]);
    expect(deployments()).toEqual([]);
  });

  test('that cannot be unpacked fail in the build', async () => {
    fixture = await startFixture();
    const {deploymentId} = (await (await up(Buffer.from([0x1f, 0x8b, 1, 2, 3]), `serviceId=${serviceId}`)).json()) as {
      deploymentId: string;
    };
    await fixture.reaches(deploymentId, 'FAILED');
    expect(deployments()[0]!.reason).toMatch(/tar ended with/);
  });
});
