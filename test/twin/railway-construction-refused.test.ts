import {afterEach, describe, expect, test} from '@jest/globals';
import {imageOf, mountPath, templateVariables} from '../../src/platforms/railway/postgres-template.js';
import {
  buildAll,
  failureOf,
  type Ground,
  newPlace,
  newToken,
  newWorkspaceToken,
  oldToken,
  owner,
  settings,
  startGround,
} from './railway-construction.fixture.js';

/** What a construction must not touch, and what it says when Railway will not have it. */

let ground: Ground;
afterEach(async () => {
  await ground[Symbol.asyncDispose]();
});

async function emptyProject(...options: Parameters<typeof startGround>): Promise<void> {
  ground = await startGround(...options);
  await ground.replaceProject();
}

/** Sends a write as somebody else would. */
async function byHand(query: string, input: object): Promise<void> {
  const response = await fetch(`${ground.railway.url}/graphql/v2?source=hand`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'project-access-token': newToken},
    body: JSON.stringify({query, variables: {input}}),
  });
  expect(await response.json()).not.toHaveProperty('errors');
  ground.railway.requests.length = 0;
}

const {projectId, environmentId} = newPlace;
const createByHand = (name: string, variables: Record<string, string>) =>
  byHand('mutation($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }', {
    projectId,
    environmentId,
    name,
    variables,
  });

const writes = () =>
  ground.railway.requests
    .map((request) => String((request.body as {query?: string}).query))
    .filter((query) => query.startsWith('mutation'));

const makeDatabase = (major = 16) =>
  ground.open().database({name: 'Postgres', major, owner}, {...ground.call(), timeoutMs: 10_000});
const makeService = () => {
  const {variables, sharedVariables} = settings;
  return ground.open().service({name: 'api', settings, variables, sharedVariables, owner}, ground.call());
};

/** An answer that claims what did not happen. */
const claim = (field: string, value: unknown, times = 1) => ({
  route: field,
  times,
  fault: {
    kind: 'status' as const,
    status: 200,
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({data: {[field]: value}}),
  },
});

describe('what belongs to somebody else', () => {
  test.each([
    ['without a mark', {}, /no recovery made it/],
    ['of another recovery', {SWITCHBACK_RECOVERY: 'recovery-0'}, /recovery recovery-0 made it/],
  ])('a service %s is refused before anything is written', async (_kind, variables, whose) => {
    await emptyProject();
    await createByHand('Postgres', variables);
    await createByHand('api', variables);
    for (const [name, work] of [
      ['Postgres', makeDatabase],
      ['api', makeService],
    ] as const) {
      const failure = await failureOf(work());
      expect(failure).toMatchObject({code: 'RAILWAY_NOT_EMPTY', message: expect.stringMatching(whose)});
      expect(failure.message).toContain(`already has a service ${name}`);
      expect(failure.remedy).toContain('empty project');
    }
    expect(writes()).toEqual([]);
  });

  test('another value of a shared variable is refused before anything is written', async () => {
    await emptyProject();
    await byHand('mutation($input: VariableUpsertInput!) { variableUpsert(input: $input) }', {
      projectId,
      environmentId,
      name: 'WORD',
      value: 'theirs-and-secret',
    });
    const failure = await failureOf(makeService());
    expect(failure).toMatchObject({code: 'RAILWAY_NOT_EMPTY', message: expect.stringContaining('WORD')});
    expect(`${failure.message} ${failure.remedy}`).not.toMatch(/secret/);
    expect(writes()).toEqual([]);
  });

  test('a service of another name stays as it is', async () => {
    await emptyProject();
    await createByHand('theirs', {KEY: 'value'});
    await buildAll(ground.open(), ground.call());
    const theirs = ground.railway.state().services.find(({name}) => name === 'theirs');
    expect(theirs).toMatchObject({variableNames: ['KEY'], domains: [], mountPaths: [], activeDeploymentIds: []});
    const {services} = await ground.open().inspect(ground.call());
    expect(services.map((service) => [service.name, service.owner])).toEqual([
      ['theirs', undefined],
      ['Postgres', owner],
      ['api', owner],
    ]);
  });
});

describe('a token', () => {
  test('that is wrong, or of a project that is gone, is told as such', async () => {
    await emptyProject();
    for (const token of ['wrong-token', oldToken]) {
      const failure = await failureOf(ground.open(token).inspect(ground.call()));
      expect(failure.code).toBe('RAILWAY_TOKEN');
      expect(`${failure.message} ${failure.remedy}`).not.toContain(token);
    }
    expect(() => ground.open(' ')).toThrow(/token of the new project is empty/);
  });

  test('of a workspace needs the project, and then builds the same', async () => {
    await emptyProject();
    const failure = await failureOf(ground.open(newWorkspaceToken).inspect(ground.call()));
    expect(failure.code).toBe('RAILWAY_SCOPE');
    const named = ground.open(newWorkspaceToken, {project: projectId, environment: 'production'});
    expect(await named.inspect(ground.call())).toMatchObject({projectId, projectName: newPlace.name, environmentId});
    expect((await buildAll(named, ground.call())).database.made).toBe(true);
  });

  test.each([
    ['serviceCreate', 'service Postgres'],
    ['volumeCreate', 'the volume of service Postgres'],
    ['variableCollectionUpsert', 'the variables of service Postgres'],
    ['serviceInstanceUpdate', 'the settings of service Postgres'],
    ['tcpProxyCreate', 'the public access of service Postgres'],
    ['serviceInstanceDeployV2', 'the first deployment of service Postgres'],
  ])('without the right to %s is told what it was for, and what to pass instead', async (field, what) => {
    await emptyProject(undefined, {answers: {projectTokenLacks: [field]}});
    const failure = await failureOf(makeDatabase());
    expect(failure).toMatchObject({code: 'RAILWAY_AUTH', message: expect.stringContaining(`it was about ${what}`)});
    expect(failure.remedy).toMatch(/workspace token, with `backend.project` and `backend.environment`/);
  });
});

test('a repository that the new workspace may not read is named', async () => {
  await emptyProject();
  ground.railway.graphqlFaults.push({operation: 'serviceInstanceUpdate', message: 'Repository not found', code: null});
  const failure = await failureOf(makeService());
  expect(failure).toMatchObject({code: 'RAILWAY_REFUSED', message: expect.stringContaining('settings of service api')});
  expect(failure.remedy).toMatch(/GitHub app access to acme\/shop/);
});

describe('an answer that says done', () => {
  test('is not believed of settings', async () => {
    await emptyProject();
    ground.railway.faults.push(claim('serviceInstanceUpdate', true));
    const failure = await failureOf(makeService());
    expect(failure).toMatchObject({code: 'RAILWAY_SETTINGS', message: expect.stringMatching(/startCommand.*source/)});
    expect(failure.remedy).toContain('by hand');
  });

  test('is not believed of variables', async () => {
    await emptyProject();
    ground.railway.faults.push(claim('variableCollectionUpsert', true));
    const failure = await failureOf(makeDatabase());
    expect(failure).toMatchObject({
      code: 'RAILWAY_VARIABLES',
      message: expect.stringMatching(/other values of: POSTGRES_USER, POSTGRES_PASSWORD/),
    });
  });

  test('is not believed of a service', async () => {
    await emptyProject();
    ground.railway.faults.push(claim('serviceCreate', {id: 'never-made'}));
    expect((await failureOf(makeDatabase())).code).toBe('RAILWAY_UNPROVEN');
  });

  test('and was lost gets no namesake while the mark of what it made does not show', async () => {
    await emptyProject();
    ground.railway.faults.push(
      {route: 'serviceCreate', fault: {kind: 'close-after'}},
      {...claim('variables', {}), times: 30},
    );
    expect((await failureOf(makeDatabase())).code).toBe('RAILWAY_NOT_EMPTY');
    expect(writes()).toHaveLength(1);
    ground.railway.faults.length = 0;
    expect(await makeDatabase()).toMatchObject({made: false});
  });

  test('without the id of what was made is looked after', async () => {
    await emptyProject();
    ground.railway.faults.push(
      claim('serviceCreate', null),
      claim('volumeCreate', null),
      claim('tcpProxyCreate', null),
    );
    expect(await makeDatabase()).toMatchObject({made: true});
    expect(ground.railway.state().services).toHaveLength(1);
  });
});

describe('a database', () => {
  test('that does not start is told with what Railway says, and started anew by the next run', async () => {
    await emptyProject();
    ground.railway.script.push({kind: 'fail', in: 'container', message: 'no room for the container'});
    const failure = await failureOf(makeDatabase());
    expect(failure).toMatchObject({
      code: 'RAILWAY_FAILED',
      message: expect.stringContaining('Database service Postgres'),
    });
    expect(failure.message).toContain('no room');
    expect(await makeDatabase()).toMatchObject({made: false});
    expect(ground.railway.state().deployments.map((d) => d.status)).toEqual(['FAILED', 'SUCCESS']);
  });

  test('that runs without public access is deployed once more, since the access takes a deployment', async () => {
    await emptyProject();
    const {user, password, database} = {user: 'postgres', password: 'made-by-hand', database: 'railway'};
    await createByHand('Postgres', {SWITCHBACK_RECOVERY: owner, ...templateVariables({user, password, database})});
    const serviceId = ground.railway.state().services[0]!.id;
    const place = {projectId, environmentId, serviceId};
    await byHand('mutation($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }', {...place, mountPath});
    const at = `serviceId: "${serviceId}", environmentId: "${environmentId}"`;
    await byHand(`mutation { serviceInstanceUpdate(${at}, input: {source: {image: "${imageOf(16)}"}}) }`, {});
    await byHand(`mutation { serviceInstanceDeployV2(${at}) }`, {});
    await ground.railway.settled();
    const built = await makeDatabase();
    expect(built).toMatchObject({serviceId, made: false, url: expect.stringContaining(':made-by-hand@127.0.0.1:')});
    expect(ground.railway.state().deployments.map((d) => d.status)).toEqual(['REMOVED', 'SUCCESS']);
    expect(ground.railway.state().services[0]!.tcpProxy).toMatchObject({syncStatus: 'ACTIVE'});
  });

  test('that runs is not deployed again for a variable that is put back', async () => {
    await emptyProject();
    const {serviceId} = await makeDatabase();
    ground.railway.setVariables(serviceId, {PGPORT: '1'});
    await makeDatabase();
    await ground.railway.settled();
    expect(ground.railway.state().deployments).toHaveLength(1);
    expect(writes().filter((query) => query.includes('variableCollectionUpsert'))).toHaveLength(2);
  });

  test('that takes too long ends the wait, and is followed by the next run', async () => {
    await emptyProject();
    ground.railway.script.push({kind: 'stuck', status: 'QUEUED', forMs: 600});
    const failure = await failureOf(
      ground.open().database({name: 'Postgres', major: 16, owner}, {...ground.call(), timeoutMs: 200}),
    );
    expect(failure.code).toBe('RAILWAY_TIMED_OUT');
    await makeDatabase();
    expect(ground.railway.state().deployments).toHaveLength(1);
  });

  test.each([12, 16.5, Number.NaN])('of version %p is refused before anything is asked', async (major) => {
    await emptyProject();
    expect((await failureOf(makeDatabase(major))).code).toBe('RAILWAY_DATABASE');
    expect(writes()).toEqual([]);
  });

  test('whose password somebody has sealed is refused with the way out', async () => {
    await emptyProject();
    const {serviceId} = await makeDatabase();
    ground.railway.setVariables(serviceId, {POSTGRES_PASSWORD: {value: 'sealed-by-hand', sealed: true}});
    const failure = await failureOf(makeDatabase());
    expect(failure).toMatchObject({code: 'RAILWAY_DATABASE', message: expect.stringContaining('sealed')});
  });
});

test('a domain that is in use elsewhere is named', async () => {
  await emptyProject();
  await createByHand('theirs', {});
  const theirs = ground.railway.state().services[0]!.id;
  await byHand('mutation($input: CustomDomainCreateInput!) { customDomainCreate(input: $input) { id } }', {
    projectId,
    environmentId,
    serviceId: theirs,
    domain: 'api.shop.example',
  });
  const {serviceId} = await makeService();
  const wanted = [{domain: 'api.shop.example', kind: 'custom' as const, targetPort: 8080}];
  const failure = await failureOf(ground.open().domains(serviceId, wanted, ground.call()));
  expect(failure).toMatchObject({
    code: 'RAILWAY_REFUSED',
    message: expect.stringMatching(/already in use.*about the domain api\.shop\.example of service/),
    remedy: expect.stringContaining('Remove api.shop.example from the service that has it'),
  });
});
