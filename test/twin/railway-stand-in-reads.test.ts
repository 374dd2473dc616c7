import {afterEach, describe, expect, test} from '@jest/globals';
import {readAnchored} from '../../src/rehearsal/railway/log-reads.js';
import {rowFilter} from '../../src/rehearsal/railway/row-filter.js';
import {environmentId, type Fixture, projectId, serviceId, startFixture, until} from './railway-stand-in.fixture.js';

/** Lists, logs, metrics and variables. */

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = undefined;
});

const scope = {serviceId, environmentId};
const iso = (ms: number) => new Date(ms).toISOString();

describe('lists of deployments', () => {
  interface Listed {
    readonly deployments: {
      edges: Array<{cursor: string; node: {id: string; status: string}}>;
      pageInfo: {hasNextPage: boolean; endCursor: string};
    };
  }
  const list = (input: object, page: object = {}) =>
    fixture!.data<Listed>(
      'query($i: DeploymentListInput!, $first: Int, $after: String) { deployments(input: $i, first: $first, after: $after) { edges { cursor node { id status } } pageInfo { hasNextPage endCursor } } }',
      {i: {projectId, environmentId, ...input}, ...page},
    );

  test('are newest first, filtered by status, and paged by cursor', async () => {
    fixture = await startFixture();
    const first = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.script.push({kind: 'fail', in: 'build'});
    const failed = await fixture.deploy(fixture.commits.better);
    await fixture.reaches(failed, 'FAILED');
    const third = await fixture.railway.seedLive(serviceId, fixture.commits.better);
    await fixture.reaches(first, 'REMOVED');
    const ids = async (input: object, page?: object) =>
      (await list(input, page)).deployments.edges.map(({node}) => node.id);
    expect(await ids({})).toEqual([third, failed, first]);
    expect(await ids({status: {in: ['SUCCESS', 'REMOVED']}})).toEqual([third, first]);
    expect(await ids({status: {notIn: ['FAILED']}})).toEqual([third, first]);
    expect(await ids({serviceId})).toHaveLength(3);
    const page = (await list({}, {first: 2})).deployments;
    expect(page.pageInfo.hasNextPage).toBe(true);
    expect(await ids({}, {first: 2, after: page.pageInfo.endCursor})).toEqual([first]);
  });

  test('name a deployment that is not there the way the platform does', async () => {
    fixture = await startFixture();
    const answer = await fixture.ask('query { deployment(id: "nobody") { id } }');
    expect(answer).toMatchObject({
      status: 200,
      data: null,
      errors: [{message: 'Deployment not found', extensions: {}}],
    });
    expect(answer.errors![0]!.extensions.code).toBeUndefined();
  });

  test('the environment, project and service show the same from above', async () => {
    fixture = await startFixture();
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const data = await fixture.data<{environment: object; project: object; serviceInstance: object}>(
      `query($e: String!, $p: String!, $s: String!) {
        environment(id: $e, projectId: $p) { name unmergedChangesCount serviceInstances { edges { node { serviceId serviceName } } } deployments(first: 1) { edges { node { id service { name } environment { name } } } } }
        project(id: $p) { name subscriptionType services { edges { node { id name } } } environments { edges { node { id } } } }
        serviceInstance(environmentId: $e, serviceId: $s) { source { repo image } activeDeployments { id } healthcheckPath numReplicas domains { serviceDomains { domain } } edgeConfig { enabled } }
      }`,
      {e: environmentId, p: projectId, s: serviceId},
    );
    expect(data).toEqual({
      environment: {
        name: 'production',
        unmergedChangesCount: 0,
        serviceInstances: {edges: [{node: {serviceId, serviceName: 'api'}}]},
        deployments: {edges: [{node: {id, service: {name: 'api'}, environment: {name: 'production'}}}]},
      },
      project: {
        name: 'rehearsal',
        subscriptionType: 'hobby',
        services: {edges: [{node: {id: serviceId, name: 'api'}}]},
        environments: {edges: [{node: {id: environmentId}}]},
      },
      serviceInstance: {
        source: {repo: 'acme/shop', image: null},
        activeDeployments: [{id}],
        healthcheckPath: '/health',
        numReplicas: 1,
        domains: {serviceDomains: [{domain: new URL(fixture.railway.serviceUrl(serviceId)).host}]},
        edgeConfig: {enabled: false},
      },
    });
  });
});

describe('the filter language', () => {
  const row = {
    text: 'GET /api/items failed: pool timeout',
    attributes: {level: 'error', httpStatus: '503', method: 'GET', totalDuration: '1200'},
  };
  test.each<[filter: string, passes: boolean]>([
    ['', true],
    ['pool', true],
    ['POOL timeout', true],
    ['pool cart', false],
    ['pool OR cart', true],
    ['"pool timeout"', true],
    ['"timeout pool"', false],
    ['-pool', false],
    ['-cart', true],
    ['-(cart OR pool)', false],
    ['(cart OR pool) AND timeout', true],
    ['@level:error', true],
    ['-@level:error', false],
    ['@level:"error"', true],
    ['@absent:1', false],
    ['@httpStatus:503', true],
    ['@httpStatus:>=500', true],
    ['@httpStatus:500..599', true],
    ['@httpStatus:<500', false],
    ['@totalDuration:>1000 @method:GET', true],
    ['cart OR @httpStatus:<=503', true],
  ])('%j: %s', (filter, passes) => {
    expect(rowFilter(filter)(row)).toBe(passes);
  });
});

describe('logs', () => {
  test('come with one row more than asked for, JSON lines read into level and attributes', async () => {
    fixture = await startFixture(
      {
        startCommand: [
          'node',
          '-e',
          'for (let i = 0; i < 5; i++) console.log(JSON.stringify({level: "warn", message: "line " + i, i, at: {deep: true}})); console.log("plain"); setInterval(() => {}, 1000)',
        ],
        healthcheckPath: undefined,
      },
      {delaysMs: {settling: 600}},
    );
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    interface Row {
      readonly message: string;
      readonly severity: string;
      readonly timestamp: string;
      readonly attributes: Array<{key: string; value: string}>;
      readonly tags: {deploymentId: string; serviceId: string};
    }
    const logs = async (args: string) =>
      (
        await fixture!.data<{deploymentLogs: Row[]}>(
          `query($id: String!) { deploymentLogs(deploymentId: $id${args}) { message severity timestamp attributes { key value } tags { deploymentId serviceId } } }`,
          {id},
        )
      ).deploymentLogs;
    const all = await logs('');
    expect(all.map(({message}) => message)).toEqual(['line 0', 'line 1', 'line 2', 'line 3', 'line 4', 'plain']);
    expect(all[1]).toMatchObject({
      severity: 'warn',
      timestamp: expect.stringMatching(/\.\d{9}Z$/),
      attributes: [
        {key: 'level', value: '"warn"'},
        {key: 'i', value: '1'},
        {key: 'at', value: '{"deep":true}'},
      ],
      tags: {deploymentId: id, serviceId},
    });
    expect((await logs(', limit: 2')).map(({message}) => message)).toEqual(['line 3', 'line 4', 'plain']);
    expect((await logs(', filter: "@level:warn -\\"line 4\\""')).map(({message}) => message)).toEqual([
      'line 0',
      'line 1',
      'line 2',
      'line 3',
    ]);
    expect(await logs(`, startDate: "${iso(Date.now() + 60_000)}"`)).toEqual([]);
    const environment = await fixture.data<{environmentLogs: unknown[]}>(
      'query($e: String!) { environmentLogs(environmentId: $e, filter: "plain", beforeLimit: 5) { message } }',
      {e: environmentId},
    );
    expect(environment.environmentLogs).toEqual([{message: 'plain'}]);
    const build = await fixture.data<{buildLogs: Array<{message: string}>}>(
      'query($id: String!) { buildLogs(deploymentId: $id) { message } }',
      {id},
    );
    expect(build.buildLogs.map(({message}) => message)).toContain('Image published');
  });

  test('around an anchor hold rows on both sides', () => {
    const rows = [1, 2, 3, 4, 5, 6].map((n) => ({atMs: n * 1_000}));
    const read = (window: object) => readAnchored(rows, window, () => true).map(({atMs}) => atMs / 1_000);
    expect(read({})).toEqual([1, 2, 3, 4, 5, 6]);
    expect(read({limit: 2})).toEqual([4, 5, 6]);
    expect(read({anchorDate: iso(3_000), beforeLimit: 1})).toEqual([2, 3]);
    expect(read({anchorDate: iso(3_000), beforeLimit: 0, afterLimit: 1})).toEqual([3, 4, 5]);
    expect(read({beforeDate: iso(2_000), anchorDate: iso(4_000), beforeLimit: 100})).toEqual([2, 3, 4]);
  });
});

describe('traffic', () => {
  const window = (more: object = {}) => ({...scope, startDate: iso(0), endDate: iso(600_000), ...more});
  const counts = async (more?: object) =>
    (
      await fixture!.data<{httpMetricsGroupedByStatus: object[]}>(
        'query($serviceId: String!, $environmentId: String!, $startDate: DateTime!, $endDate: DateTime!, $stepSeconds: Int, $path: String) { httpMetricsGroupedByStatus(serviceId: $serviceId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate, stepSeconds: $stepSeconds, path: $path) { statusCode samples { ts value } } }',
        window(more),
      )
    ).httpMetricsGroupedByStatus;

  test('is counted by status, in one sample or in steps; none is an empty list', async () => {
    fixture = await startFixture();
    expect(await counts()).toEqual([]);
    fixture.railway.seedRequests(serviceId, [
      {atMs: 10_000, status: 200, durationMs: 10},
      {atMs: 20_000, status: 200, durationMs: 20},
      {atMs: 200_000, status: 200, durationMs: 30, path: '/slow'},
      {atMs: 200_500, status: 503, durationMs: 1_000},
      {atMs: 900_000, status: 500, durationMs: 1},
    ]);
    expect(await counts()).toEqual([
      {statusCode: 200, samples: [{ts: 0, value: 3}]},
      {statusCode: 503, samples: [{ts: 0, value: 1}]},
    ]);
    expect(await counts({stepSeconds: 60})).toEqual([
      {
        statusCode: 200,
        samples: [
          {ts: 0, value: 2},
          {ts: 180, value: 1},
        ],
      },
      {statusCode: 503, samples: [{ts: 180, value: 1}]},
    ]);
    expect(await counts({path: '/slow'})).toEqual([{statusCode: 200, samples: [{ts: 0, value: 1}]}]);
    const durations = await fixture.data(
      'query($serviceId: String!, $environmentId: String!, $startDate: DateTime!, $endDate: DateTime!) { httpDurationMetrics(serviceId: $serviceId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate) { samples { ts p50 p90 p95 p99 } } }',
      window(),
    );
    expect(durations).toEqual({httpDurationMetrics: {samples: [{ts: 0, p50: 20, p90: 1_000, p95: 1_000, p99: 1_000}]}});
    const total = await fixture.data(
      'query($serviceId: String!, $environmentId: String!, $startDate: DateTime!, $endDate: DateTime!) { httpMetrics(serviceId: $serviceId, environmentId: $environmentId, startDate: $startDate, endDate: $endDate, statusCode: 503) { samples { value } } }',
      window(),
    );
    expect(total).toEqual({httpMetrics: {samples: [{value: 1}]}});
  });

  test('through the front is real: counted, logged by deployment, without what the edge answered', async () => {
    fixture = await startFixture();
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    await fixture.get('/a');
    await fixture.get('/missing');
    const then = {action: 'block'};
    await fixture.data('mutation($i: UpdateServiceEdgeRulesInput!) { updateServiceEdgeRules(input: $i) { id } }', {
      i: {
        ...scope,
        edgeRules: {
          version: 1,
          rules: [{priority: 1, if: {attr: 'http.path', op: 'eq', value: '/blocked'}, then}],
        },
      },
    });
    await until(
      async () => (await fixture!.get('/blocked')).status === 403,
      () => 'should be blocked',
    );
    const recent = {startDate: iso(Date.now() - 60_000), endDate: iso(Date.now() + 60_000), path: '/blocked'};
    expect(await counts(recent)).not.toContainEqual(expect.objectContaining({statusCode: 403}));
    const logs = await fixture.data<{httpLogs: object[]}>(
      'query($id: String!) { httpLogs(deploymentId: $id, limit: 50, filter: "@httpStatus:>=400") { method path httpStatus deploymentId srcIp } }',
      {id},
    );
    expect(logs.httpLogs).toEqual([
      {method: 'GET', path: '/missing', httpStatus: 404, deploymentId: id, srcIp: '127.0.0.1'},
    ]);
  });

  test('blocked requests count where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {blockedCounted: true}});
    fixture.railway.seedRequests(serviceId, [{atMs: 1_000, status: 403, durationMs: 1, blocked: true}]);
    expect(await counts()).toEqual([{statusCode: 403, samples: [{ts: 0, value: 1}]}]);
  });
});

describe('resource metrics', () => {
  const metrics = async (groupBy: string[]) =>
    (
      await fixture!.data<{
        metrics: Array<{measurement: string; tags: object; values: Array<{ts: number; value: number}>}>;
      }>(
        'query($s: String!, $e: String!, $d: DateTime!, $g: [MetricTag!]) { metrics(serviceId: $s, environmentId: $e, startDate: $d, measurements: [CPU_USAGE, MEMORY_USAGE_GB], groupBy: $g) { measurement tags { deploymentId serviceId } values { ts value } } }',
        {s: serviceId, e: environmentId, d: iso(0), g: groupBy},
      )
    ).metrics;

  test('fill only the tags asked for', async () => {
    fixture = await startFixture();
    fixture.railway.seedMetrics([
      {serviceId, deploymentId: 'a', measurement: 'CPU_USAGE', values: [{ts: 10, value: 0.1}]},
      {serviceId, deploymentId: 'b', measurement: 'CPU_USAGE', values: [{ts: 20, value: 0.9}]},
    ]);
    expect(await metrics([])).toEqual([
      {
        measurement: 'CPU_USAGE',
        tags: {deploymentId: null, serviceId: null},
        values: [
          {ts: 10, value: 0.1},
          {ts: 20, value: 0.9},
        ],
      },
    ]);
    expect((await metrics(['DEPLOYMENT_ID'])).map(({tags}) => tags)).toEqual([
      {deploymentId: 'a', serviceId: null},
      {deploymentId: 'b', serviceId: null},
    ]);
  });

  test('of memory are what the process really uses', async () => {
    fixture = await startFixture();
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    const [memory] = await metrics(['DEPLOYMENT_ID']);
    expect(memory).toMatchObject({measurement: 'MEMORY_USAGE_GB', tags: {deploymentId: id}});
    expect(memory!.values[0]!.value).toBeGreaterThan(process.platform === 'linux' ? 0.01 : -1);
  });
});

describe('variables', () => {
  const variables = async (args = '') =>
    (
      await fixture!.data<{variables: Record<string, string | null>}>(
        `query($p: String!, $e: String!, $s: String) { variables(projectId: $p, environmentId: $e, serviceId: $s${args}) }`,
        {p: projectId, e: environmentId, s: serviceId},
      )
    ).variables;
  const own = {
    PLAIN: 'a',
    OF_OTHER: 'pg://${{Postgres.PGUSER}}@${{Postgres.RAILWAY_PRIVATE_DOMAIN}}',
    OF_SHARED: '${{shared.REGION}}!',
    OF_SELF: '${{ PLAIN }}b',
    UNRESOLVED: '${{Nowhere.X}}',
    LOOP: '${{LOOP}}',
    SECRET: {value: 's3cret', sealed: true} as const,
  };
  const others = {
    services: [{id: 'db', name: 'Postgres', image: 'postgres', publicDomain: false, variables: {PGUSER: 'shop'}}],
    sharedVariables: {REGION: 'eu'},
  };

  test('are rendered, raw on request, and never show a sealed value', async () => {
    fixture = await startFixture({variables: own}, others);
    expect(await variables()).toMatchObject({
      PLAIN: 'a',
      OF_OTHER: 'pg://shop@postgres.railway.internal',
      OF_SHARED: 'eu!',
      OF_SELF: 'ab',
      UNRESOLVED: '',
      LOOP: '',
      SECRET: null,
      RAILWAY_SERVICE_NAME: 'api',
    });
    expect(await variables(', unrendered: true')).toEqual({...own, SECRET: null});
    const {variablesForServiceDeployment: next} = await fixture.data<{variablesForServiceDeployment: object}>(
      'query($p: String!, $e: String!, $s: String!) { variablesForServiceDeployment(projectId: $p, environmentId: $e, serviceId: $s) }',
      {p: projectId, e: environmentId, s: serviceId},
    );
    expect(next).toMatchObject({
      OF_OTHER: 'pg://shop@postgres.railway.internal',
      SECRET: null,
      RAILWAY_ENVIRONMENT_ID: environmentId,
    });
    const shared = await fixture.data<{variables: object}>(
      'query($p: String!, $e: String!) { variables(projectId: $p, environmentId: $e) }',
      {p: projectId, e: environmentId},
    );
    expect(shared.variables).toEqual({REGION: 'eu'});
    const names = await fixture.data<{environment: {variables: {edges: Array<{node: object}>}}}>(
      'query($e: String!) { environment(id: $e) { variables { edges { node { name isSealed serviceId references } } } } }',
      {e: environmentId},
    );
    expect(names.environment.variables.edges.map(({node}) => node)).toEqual(
      expect.arrayContaining([
        {name: 'REGION', isSealed: false, serviceId: null, references: []},
        {name: 'OF_SELF', isSealed: false, serviceId, references: ['PLAIN']},
        {name: 'SECRET', isSealed: true, serviceId, references: []},
      ]),
    );
  });

  test('leave a sealed one out where that answer is chosen', async () => {
    fixture = await startFixture({variables: own}, {...others, answers: {sealed: 'absent'}});
    expect(Object.keys(await variables(', unrendered: true'))).not.toContain('SECRET');
  });

  test('reach the process whole, the sealed ones too, with the commit it was built from', async () => {
    fixture = await startFixture({variables: {GREETING: {value: 'sealed hello', sealed: true}}});
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect((await fixture.get()).body).toMatchObject({greeting: 'sealed hello', commit: fixture.commits.good});
  });

  test('name no commit for deployments made through the API, where that answer is chosen', async () => {
    fixture = await startFixture({}, {answers: {gitVariablesForApiDeploys: false}});
    await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect((await fixture.get()).body.commit).toBeUndefined();
  });

  test('of the time stay with a deployment', async () => {
    fixture = await startFixture();
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    fixture.railway.setVariables(serviceId, {GREETING: 'later'});
    const {deploymentSnapshot} = await fixture.data<{deploymentSnapshot: object}>(
      'query($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }',
      {id},
    );
    expect(deploymentSnapshot).toEqual({variables: {GREETING: 'hello'}});
  });
});

describe('around the product', () => {
  test('bucket credentials are there once the bucket is provisioned', async () => {
    fixture = await startFixture({}, {buckets: [{id: 'bucket', name: 'backups'}]});
    const ask = () =>
      fixture!.ask(
        'query($p: String!, $e: String!) { bucketS3Credentials(bucketId: "bucket", projectId: $p, environmentId: $e) { endpoint bucketName urlStyle } }',
        {p: projectId, e: environmentId},
      );
    expect(await ask()).toMatchObject({status: 200, errors: [{message: 'BucketInstance not found'}]});
    fixture.railway.provisionBucket('bucket', {
      accessKeyId: 'k',
      secretAccessKey: 's',
      endpoint: 'http://127.0.0.1:1',
      bucketName: 'backups-1a',
      region: 'auto',
      urlStyle: 'path',
    });
    expect(await ask()).toMatchObject({
      data: {bucketS3Credentials: [{endpoint: 'http://127.0.0.1:1', bucketName: 'backups-1a', urlStyle: 'path'}]},
    });
  });

  test('an incident of the platform shows', async () => {
    fixture = await startFixture();
    const ask = () => fixture!.data('query { platformStatus { isStable incident { message status } } }');
    expect(await ask()).toEqual({platformStatus: {isStable: true, incident: null}});
    fixture.railway.setPlatformStatus({
      isStable: false,
      incident: {
        id: 'i',
        message: 'Deploys are slow',
        status: 'INVESTIGATING',
        url: 'https://status.example',
        createdAt: null,
      },
    });
    expect(await ask()).toEqual({
      platformStatus: {isStable: false, incident: {message: 'Deploys are slow', status: 'INVESTIGATING'}},
    });
  });

  test('a share of the platform’s own pace passes through the same statuses', async () => {
    fixture = await startFixture({}, {pace: 0.001});
    const id = await fixture.railway.seedLive(serviceId, fixture.commits.good);
    expect(
      fixture.railway
        .state()
        .changes.filter((change) => change.deploymentId === id)
        .map(({status}) => status),
    ).toEqual(['INITIALIZING', 'BUILDING', 'DEPLOYING', 'SUCCESS']);
  });
});
