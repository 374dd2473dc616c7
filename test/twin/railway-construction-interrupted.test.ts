import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {FaultKind} from '../../src/rehearsal/stand-in.js';
import {buildAll, type Ground, startGround} from './railway-construction.fixture.js';

/** A construction that is disturbed at each of its requests in turn, and must come to the same end. */

let ground: Ground;
/** Operation of each request of an undisturbed construction, in order. */
let undisturbed: readonly string[];

beforeAll(async () => {
  ground = await startGround();
  await ground.replaceProject();
  await buildAll(ground.open(), ground.call());
  undisturbed = ground.railway.requests.map((request) => request.operation ?? '?');
});
afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

const writes = /(Create|Upsert|Update|DeployV2)$/;

/** What must be there in the end: each thing once. */
function built() {
  const {services, deployments} = ground.railway.state();
  return {
    services: services.map(({name, mountPaths, tcpProxy, domains, variableNames}) => ({
      name,
      mountPaths,
      proxy: tcpProxy && `${tcpProxy.applicationPort} ${tcpProxy.syncStatus}`,
      domains: domains.length,
      variables: variableNames.length,
    })),
    deployments: deployments.map((d) => `${d.image} ${d.status}`),
  };
}

const expected = {
  services: [
    {name: 'Postgres', mountPaths: ['/var/lib/postgresql/data'], proxy: '5432 ACTIVE', domains: 0, variables: 12},
    {name: 'api', mountPaths: [], proxy: undefined, domains: 1, variables: 3},
  ],
  deployments: ['ghcr.io/railwayapp-templates/postgres-ssl:16 SUCCESS'],
};

async function disturbed(fault: FaultKind, skip: number, signal?: AbortSignal): Promise<unknown> {
  await ground.replaceProject();
  ground.railway.faults.push({route: 'POST /graphql/v2', fault, skip});
  return buildAll(ground.open(), ground.call(signal)).catch((error: unknown) => error);
}

/** Places of the requests that a disturbance is tried at: every write, and for reads every one too where asked. */
const places = (which: 'writes' | 'all') =>
  undisturbed.flatMap((operation, at) => (which === 'all' || writes.test(operation) ? [at] : []));

test('undisturbed, every kind of write is among its requests', () => {
  expect([...new Set(undisturbed.filter((operation) => writes.test(operation)))].sort()).toEqual([
    'serviceCreate',
    'serviceDomainCreate',
    'serviceInstanceDeployV2',
    'serviceInstanceUpdate',
    'tcpProxyCreate',
    'variableCollectionUpsert',
    'volumeCreate',
  ]);
  expect(built()).toEqual(expected);
});

describe('a dropped connection', () => {
  test.each([
    ['before the effect', 'close-before', 'all'],
    ['instead of the answer', 'close-after', 'writes'],
  ] as const)(
    '%s costs nothing but time',
    async (_when, kind, which) => {
      for (const at of places(which)) {
        const result = await disturbed({kind}, at);
        expect([undisturbed[at], result]).toEqual([
          undisturbed[at],
          expect.objectContaining({database: expect.anything()}),
        ]);
        expect([undisturbed[at], built()]).toEqual([undisturbed[at], expected]);
      }
    },
    180_000,
  );
});

describe('a run that dies', () => {
  test.each(['before', 'applied', 'answered'] as const)(
    '%s a write is taken up by the next one',
    async (when) => {
      for (const at of places('writes')) {
        const death = new AbortController();
        const result = await disturbed({kind: 'disturb', when, act: () => death.abort()}, at, death.signal);
        // One whose last write was answered may have had nothing left to ask.
        if (when !== 'answered')
          expect([undisturbed[at], result]).toMatchObject([undisturbed[at], {code: 'CANCELLED'}]);
        const again = await buildAll(ground.open(), ground.call());
        expect(again.domains.hosts).toHaveLength(1);
        expect([undisturbed[at], built()]).toEqual([undisturbed[at], expected]);
      }
    },
    180_000,
  );

  test('a finished construction is only looked at', async () => {
    await ground.replaceProject();
    const first = await buildAll(ground.open(), ground.call());
    ground.railway.requests.length = 0;
    const second = await buildAll(ground.open(), ground.call());
    expect(second).toEqual({
      database: {...first.database, made: false},
      service: {...first.service, made: false},
      domains: first.domains,
    });
    expect(ground.railway.requests.filter((request) => writes.test(request.operation ?? ''))).toEqual([]);
  });
});
