import {connect} from 'node:net';
import {afterEach, describe, expect, test} from '@jest/globals';
import {type Ground, newPlace, newToken, oldToken, startGround} from './railway-construction.fixture.js';
import {serviceId, startFixture} from './railway-stand-in.fixture.js';

/** The stand-in as something to build in: what it refuses, what starts when, and what goes with a project. */

let ground: Ground;
afterEach(async () => {
  await ground[Symbol.asyncDispose]();
});

interface Answer {
  readonly data?: Record<string, {id: string; domain?: string}> | null;
  readonly errors?: ReadonlyArray<{message: string; extensions: {code?: string}}>;
}

async function ask(query: string, variables: object = {}, token = newToken): Promise<Answer> {
  const response = await fetch(`${ground.railway.url}/graphql/v2?source=test`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'project-access-token': token},
    body: JSON.stringify({query, variables}),
  });
  return (await response.json()) as Answer;
}

const {projectId, environmentId} = newPlace;

/** A write with one input; ids of the new project are filled in where the input has them. */
const write = (field: string, type: string, input: object, selection = '{ id }') =>
  ask(`mutation($input: ${type}!) { ${field}(input: $input) ${selection} }`, {input});

const createService = (name: string, more: object = {}) =>
  write('serviceCreate', 'ServiceCreateInput', {projectId, environmentId, name, ...more});

async function service(name = 'Postgres', variables: Record<string, string> = {}): Promise<string> {
  return (await createService(name, {variables})).data!.serviceCreate!.id;
}

async function start(serviceId: string): Promise<string | undefined> {
  await ask(`mutation { serviceInstanceDeployV2(serviceId: "${serviceId}", environmentId: "${environmentId}") }`);
  await ground.railway.settled();
  return ground.railway.state().deployments.at(-1)?.status;
}

async function setImage(serviceId: string): Promise<void> {
  await ask(
    `mutation { serviceInstanceUpdate(serviceId: "${serviceId}", environmentId: "${environmentId}", input: {source: {image: "ghcr.io/railwayapp-templates/postgres-ssl:16"}}) }`,
  );
}

const stateOf = (id: string) => ground.railway.state().services.find((one) => one.id === id)!;

/** Whether something takes the connection and keeps it. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), 150);
    let connected = false;
    socket.on('connect', () => (connected = true));
    socket.on('error', () => undefined);
    socket.on('end', () => (connected = false));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(connected);
    });
  });
}

async function newProject(): Promise<void> {
  ground = await startGround();
  await ground.replaceProject();
}

describe('a write', () => {
  test('with ids of another project is not authorized', async () => {
    await newProject();
    for (const foreign of [{projectId: 'project-1'}, {environmentId: 'environment-1'}])
      expect((await createService('api', foreign)).errors).toMatchObject([{message: 'Not Authorized'}]);
    const scope = {environmentId, serviceId: 'nobody'};
    expect((await write('tcpProxyCreate', 'TCPProxyCreateInput', {...scope, applicationPort: 1})).errors).toMatchObject(
      [{message: 'Not Authorized'}],
    );
  });

  test('of what is there already is refused, and so is bad input', async () => {
    await newProject();
    const serviceId = await service();
    const scope = {projectId, environmentId, serviceId};
    const proxy = {environmentId, serviceId, applicationPort: 5432};
    const domain = {environmentId, serviceId};
    const custom = {...scope, domain: 'api.shop.example'};
    await write('volumeCreate', 'VolumeCreateInput', {...scope, mountPath: '/data'});
    await write('tcpProxyCreate', 'TCPProxyCreateInput', proxy);
    await write('serviceDomainCreate', 'ServiceDomainCreateInput', domain);
    await write('customDomainCreate', 'CustomDomainCreateInput', custom);
    const refused = await Promise.all([
      createService('Postgres'),
      write('volumeCreate', 'VolumeCreateInput', {...scope, mountPath: '/data'}),
      write('tcpProxyCreate', 'TCPProxyCreateInput', proxy),
      write('serviceDomainCreate', 'ServiceDomainCreateInput', domain),
      write('customDomainCreate', 'CustomDomainCreateInput', custom),
      createService(' '),
      write('volumeCreate', 'VolumeCreateInput', {...scope, mountPath: 'data'}),
      write('tcpProxyCreate', 'TCPProxyCreateInput', {...proxy, applicationPort: 70_000}),
      write('customDomainCreate', 'CustomDomainCreateInput', {...custom, domain: 'no domain'}),
    ]);
    expect(refused.map((answer) => answer.errors?.[0]?.message)).toEqual([
      'A service named "Postgres" already exists in this project',
      'Service already has a volume',
      'TCP proxy already exists',
      'Service already has a domain',
      'Domain is already in use',
      ...['name', 'mountPath', 'applicationPort', 'domain'].map((name) => `Error in ${name} - Invalid input`),
    ]);
    expect(stateOf(serviceId)).toMatchObject({
      mountPaths: ['/data'],
      domains: ['api.shop.example', expect.any(String)],
    });
  });
});

describe('a database image', () => {
  const good = {POSTGRES_PASSWORD: 'secret-of-the-database', PGDATA: '/var/lib/postgresql/data/pgdata'};

  test.each([
    ['a password', {PGDATA: good.PGDATA}, '/var/lib/postgresql/data', /superuser password is not specified/],
    ['a folder for its data', {POSTGRES_PASSWORD: 'x'}, '/var/lib/postgresql/data', /PGDATA variable does not start/],
    ['one below the mount', {...good, PGDATA: '/var/lib/postgresql/data'}, '/var/lib/postgresql/data', /is not empty/],
    ['its volume where it expects it', good, '/data', /volume not mounted to the correct path.*got \/data/],
    ['a volume', good, undefined, /volume not mounted to the correct path/],
  ])('does not start without %s', async (_what, variables, mountPath, said) => {
    await newProject();
    const serviceId = await service('Postgres', variables);
    if (mountPath) await write('volumeCreate', 'VolumeCreateInput', {projectId, environmentId, serviceId, mountPath});
    await setImage(serviceId);
    expect(await start(serviceId)).toBe('CRASHED');
    expect(ground.railway.state().deployments.at(-1)?.reason).toMatch(said);
    expect(ground.databases).toEqual([]);
  });

  test('starts one server for its volume, whose proxy works from the next deployment on', async () => {
    await newProject();
    const serviceId = await service('Postgres', good);
    const mountPath = '/var/lib/postgresql/data';
    await write('volumeCreate', 'VolumeCreateInput', {projectId, environmentId, serviceId, mountPath});
    await setImage(serviceId);
    ground.railway.script.push({kind: 'held', status: 'QUEUED', forMs: 100});
    const first = start(serviceId);
    await new Promise((resolve) => setTimeout(resolve, 40));
    // Made while a deployment is on its way: that one has begun without it.
    await write('tcpProxyCreate', 'TCPProxyCreateInput', {environmentId, serviceId, applicationPort: 5432});
    expect(await first).toBe('SUCCESS');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(stateOf(serviceId).tcpProxy?.syncStatus).toBe('CREATING');
    expect(await start(serviceId)).toBe('SUCCESS');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(stateOf(serviceId).tcpProxy?.syncStatus).toBe('ACTIVE');
    expect(ground.databases).toEqual([
      {major: 16, user: 'postgres', password: good.POSTGRES_PASSWORD, database: 'postgres'},
    ]);
  });
});

test('what goes with a project: its tokens, services and fronts', async () => {
  ground = await startGround();
  const port = Number(new URL(ground.railway.serviceUrl('service-api')).port);
  expect(await isOpen(port)).toBe(true);
  expect(() => ground.railway.createProject({...newPlace, tokens: {}})).toThrow(/one project at a time/);
  await ground.railway.deleteProject();
  expect(await isOpen(port)).toBe(false);
  const refusal = [{message: 'Project Token not found'}];
  expect((await ask('{ projectToken { id } }', {}, oldToken)).errors).toMatchObject(refusal);
  ground.railway.createProject({...newPlace, tokens: {project: newToken}});
  expect((await ask('{ projectToken { id } }', {}, oldToken)).errors).toMatchObject(refusal);
  expect(ground.railway.state()).toMatchObject({services: [], deployments: []});
  expect(() => ground.railway.serviceUrl('service-api')).toThrow(/no public domain/);
  expect((await ask('{ projectToken { projectId project { name } } }')).data).toEqual({
    projectToken: {projectId, project: {name: newPlace.name}},
  });
});

test('and its processes, those of a deployment on its way among them', async () => {
  ground = await startGround();
  await using fixture = await startFixture();
  await fixture.railway.seedLive(serviceId, fixture.commits.good);
  fixture.railway.script.push({kind: 'slow', ms: 5_000});
  await fixture.deploy(fixture.commits.better);
  expect(fixture.railway.processes).toBe(1);
  await fixture.railway.deleteProject();
  expect(fixture.railway.processes).toBe(0);
  await fixture.railway.settled();
});

test('a custom domain leads to its service once its records are seen', async () => {
  await newProject();
  const serviceId = await service('api');
  const custom = {projectId, environmentId, serviceId, domain: 'api.shop.example', targetPort: 8080};
  const selection = '{ targetPort status { verified dnsRecords { hostlabel zone recordType status } } }';
  const made = await write('customDomainCreate', 'CustomDomainCreateInput', custom, selection);
  expect(made.data?.customDomainCreate).toEqual({
    targetPort: 8080,
    status: {
      verified: false,
      dnsRecords: [
        {
          hostlabel: 'api',
          zone: 'shop.example',
          recordType: 'DNS_RECORD_TYPE_CNAME',
          status: 'DNS_RECORD_STATUS_REQUIRES_UPDATE',
        },
      ],
    },
  });
  expect(() => ground.railway.serviceUrl(serviceId)).toThrow(/no public domain/);
  await ground.railway.verifyDomain('api.shop.example');
  expect((await fetch(ground.railway.serviceUrl(serviceId))).status).toBe(404);
  expect(stateOf(serviceId).domains).toEqual(['api.shop.example']);
  await expect(ground.railway.verifyDomain('other.example')).rejects.toThrow(/no service has the domain/);
});
