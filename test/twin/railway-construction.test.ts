import {afterEach, expect, test} from '@jest/globals';
import {Client} from 'pg';
import {parseConnection} from '../../src/postgres/connection.js';
import {openSession} from '../../src/postgres/session.js';
import {
  buildAll,
  type Ground,
  newPlace,
  newToken,
  oldToken,
  owner,
  realDatabase,
  startGround,
} from './railway-construction.fixture.js';

/** A product built again in an empty project: the adapter's construction against the stand-in. */

let ground: Ground;
afterEach(async () => {
  await ground[Symbol.asyncDispose]();
});

test('a product is built again from the settings of a project that is gone', async () => {
  ground = await startGround(realDatabase);
  const before = await ground.openBackend(oldToken).settings(ground.call());
  await ground.replaceProject();
  const construction = ground.open();
  expect(await construction.inspect(ground.call())).toEqual({
    projectId: newPlace.projectId,
    projectName: newPlace.name,
    environmentId: newPlace.environmentId,
    environmentName: 'production',
    services: [],
  });

  const database = await construction.database(
    {name: 'Postgres', major: 16, owner},
    {...ground.call(), timeoutMs: 60_000},
  );
  const connection = parseConnection(database.url);
  expect(connection).toMatchObject({host: '127.0.0.1', user: 'postgres', database: 'railway', tls: 'require'});
  {
    await using session = await openSession(connection);
    await session.query('CREATE TABLE public.items (id int PRIMARY KEY)');
    await session.query('INSERT INTO public.items SELECT generate_series(1, 7)');
  }

  const service = await construction.service(
    {
      name: 'api',
      settings: before,
      variables: {...before.variables, DATABASE_URL: '${{Postgres.DATABASE_URL}}'},
      sharedVariables: before.sharedVariables,
      owner,
    },
    ground.call(),
  );
  const domains = await construction.domains(service.serviceId, before.domains, ground.call());
  expect(ground.railway.state().deployments.map((d) => d.serviceId)).toEqual([database.serviceId]);

  const backend = ground.openBackend(newToken);
  const release = {commit: ground.commit, release: 'rel-1'};
  const deployment = await backend.deploy(release, {...ground.call(), timeoutMs: 60_000});
  expect(deployment).toMatchObject({outcome: 'ready', commit: ground.commit, adopted: false});

  const front = ground.railway.serviceUrl(service.serviceId);
  expect(domains.hosts).toEqual([
    {host: 'api.shop.example', kind: 'custom'},
    {host: front.replace('http://', ''), kind: 'service'},
  ]);
  const answer = await fetch(front);
  expect(await answer.json()).toEqual({commit: ground.commit, items: 7, greeting: 'shared-secret-value'});
  expect(domains.records).toMatchObject([
    {host: 'api.shop.example', type: 'CNAME', name: 'api.shop.example', verified: false},
    {host: 'api.shop.example', type: 'TXT', name: '_railway-verify.api', verified: false},
  ]);
  await ground.railway.verifyDomain('api.shop.example');
  const again = await construction.domains(service.serviceId, before.domains, ground.call());
  expect(again.records.map((record) => record.verified)).toEqual([true, true]);

  const after = await backend.settings(ground.call());
  expect(after.service).toEqual(before.service);
  expect(after.sharedVariables).toEqual(before.sharedVariables);
  expect(after.variables).toEqual({
    ...before.variables,
    DATABASE_URL: '${{Postgres.DATABASE_URL}}',
    SWITCHBACK_RECOVERY: owner,
  });
  const inspected = await construction.inspect(ground.call());
  expect(inspected.services).toEqual([
    {id: database.serviceId, name: 'Postgres', owner},
    {id: service.serviceId, name: 'api', owner},
  ]);
  expect(ground.masked).toEqual(expect.arrayContaining([connection.password, database.url, 'own-secret-value']));
  for (const word of [owner, 'postgres', 'railway']) expect(ground.masked).not.toContain(word);
  const told = ground.lines.join('\n');
  for (const secret of [connection.password!, 'own-secret-value', 'shared-secret-value'])
    expect(told).not.toContain(secret);
}, 120_000);

test('data outlives a deployment of the database, and the proxy leads to it again', async () => {
  ground = await startGround(realDatabase);
  await ground.replaceProject();
  const {database} = await buildAll(ground.open(), ground.call());
  const url = database.url.replace('?sslmode=require', '');
  const query = async (sql: string) => {
    const client = new Client({connectionString: url});
    await client.connect();
    const {rows} = await client.query(sql).finally(() => client.end());
    return rows as unknown[];
  };
  await query('CREATE TABLE kept AS SELECT 1 AS one');
  await fetch(`${ground.railway.url}/graphql/v2?source=test`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'project-access-token': newToken},
    body: JSON.stringify({
      query: `mutation { serviceInstanceRedeploy(serviceId: "${database.serviceId}", environmentId: "${newPlace.environmentId}") }`,
    }),
  });
  await ground.railway.settled();
  expect(ground.railway.state().deployments.map((d) => d.status)).toEqual(['REMOVED', 'SUCCESS']);
  expect(await query('SELECT one FROM kept')).toEqual([{one: 1}]);
  expect(ground.databases).toHaveLength(1);
}, 60_000);
