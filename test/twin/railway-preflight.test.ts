import {expect, test} from '@jest/globals';
import type {Finding} from '../../src/platforms/platform.js';
import type {RailwayOptions} from '../../src/platforms/railway/railway.js';
import {adapterAt} from './railway-adapter.js';
import {
  fault,
  graphqlError,
  type RunningWorld,
  sha,
  shaA,
  shaB,
  startWorld,
  type World,
  workspaceKey,
} from './railway-world.js';

interface Row {
  readonly world?: (world: World) => void;
  readonly meddle?: (running: RunningWorld) => void;
  readonly options?: Partial<RailwayOptions>;
  readonly requirements?: {
    readonly requiredVariables?: readonly string[];
    readonly repository?: string;
    readonly commit?: string;
  };
  readonly check: string;
  readonly state: Finding['state'];
  readonly found: RegExp;
  readonly remedy?: RegExp;
}

const rows: Readonly<Record<string, Row>> = {
  'a project token is the right kind': {
    check: 'token',
    state: 'ok',
    found: /project token, reaches environment production of project shop, and nothing else/,
  },
  'a workspace token is accepted': {
    options: {token: workspaceKey, tokenKind: 'workspace', project: 'prj_1'},
    check: 'token',
    state: 'ok',
    found: /workspace acme/,
  },
  'the service is named with its id': {check: 'service', state: 'ok', found: /backend in production \(svc_1\)/},
  'a wrong service is a finding': {
    options: {service: 'bckend'},
    check: 'service',
    state: 'problem',
    found: /it has: backend/,
    remedy: /exact name/,
  },
  'Railway being down is no finding about the service': {
    meddle: ({server}) => void server.faults.push(fault('environment', {kind: 'status', status: 503}, {times: 99})),
    check: 'service',
    state: 'unknown',
    found: /HTTP 503/,
    remedy: /status\.railway\.com/,
  },
  'the state being unreadable is unknown': {
    meddle: ({server}) =>
      void server.faults.push(fault('serviceInstance', graphqlError('Problem processing request'), {times: 99})),
    check: 'service state',
    state: 'unknown',
    found: /Problem processing request/,
  },
  'the repository fits': {requirements: {repository: 'Acme/Shop'}, check: 'source', state: 'ok', found: /acme\/shop/},
  'the repository does not fit': {
    requirements: {repository: 'acme/other'},
    check: 'source',
    state: 'problem',
    found: /builds acme\/shop, not acme\/other/,
    remedy: /Correct the service/,
  },
  'no repository, and commits are to be deployed': {
    world: (world) => void Object.assign(world, {repo: null}),
    options: {source: 'commit'},
    check: 'source',
    state: 'problem',
    found: /connected to no repository/,
  },
  'a moving tag is a warning': {
    options: {image: 'x/y:1'},
    check: 'source',
    state: 'warning',
    found: /x\/y:1/,
    remedy: /by digest/,
  },
  'an image by digest is fine': {
    options: {image: `x/y@sha256:${'1'.repeat(64)}`},
    check: 'source',
    state: 'ok',
    found: /sha256/,
  },
  'an image service, and no image to deploy': {
    world: (world) => void Object.assign(world, {repo: null, image: 'x/y:1'}),
    check: 'source',
    state: 'problem',
    found: /runs image x\/y:1, and releases name no image/,
    remedy: /Name the image/,
  },
  'uploads need no source': {
    world: (world) => void Object.assign(world, {repo: null}),
    check: 'source',
    state: 'ok',
    found: /uploads/,
  },
  'earlier ones to go back to are counted': {
    world: (world) => {
      world.seed({commit: shaB, status: 'REMOVED', createdAt: 1});
      world.seed({commit: shaA, status: 'REMOVED', createdAt: 2});
      world.seed({commit: shaB, status: 'FAILED', createdAt: 3});
    },
    check: 'way back',
    state: 'ok',
    found: /can be rolled back to, and to 1 earlier one\./,
  },
  'nothing on its way': {check: 'no other deployment on its way', state: 'ok', found: /none/},
  'another commit on its way': {
    world: (world) => void world.seed({commit: sha('c'), status: 'BUILDING'}),
    requirements: {commit: shaB},
    check: 'no other deployment on its way',
    state: 'problem',
    found: /dep_2 of commit cccccccccccc is BUILDING/,
    remedy: /Wait for it/,
  },
  'this commit on its way will be taken over': {
    world: (world) => void world.seed({commit: shaB, status: 'BUILDING'}),
    requirements: {commit: shaB},
    check: 'no other deployment on its way',
    state: 'ok',
    found: /none/,
  },
  'this commit waiting for CI would start later': {
    world: (world) => void world.seed({commit: shaB, status: 'WAITING'}),
    requirements: {commit: shaB},
    check: 'no other deployment on its way',
    state: 'problem',
    found: /WAITING, for CI/,
    remedy: /Wait for CI/,
  },
  'one waiting for approval is a warning': {
    world: (world) => void world.seed({commit: sha('c'), status: 'NEEDS_APPROVAL'}),
    check: 'no other deployment on its way',
    state: 'warning',
    found: /NEEDS_APPROVAL/,
  },
  'automatic deploys off': {check: 'automatic deploys', state: 'ok', found: /off/},
  'automatic deploys on': {
    world: (world) => void Object.assign(world, {autoDeploy: true}),
    check: 'automatic deploys',
    state: 'warning',
    found: /without a gate$/,
    remedy: /Switch automatic deploys off/,
  },
  'automatic deploys on, refused by configuration': {
    world: (world) => void Object.assign(world, {autoDeploy: true}),
    options: {allowAutoDeploy: false},
    check: 'automatic deploys',
    state: 'problem',
    found: /without a gate$/,
  },
  'automatic deploys with Wait for CI': {
    world: (world) => Object.assign(world, {autoDeploy: true, checkSuites: true}),
    check: 'automatic deploys',
    state: 'warning',
    found: /Wait for CI is on too/,
    remedy: /Wait for CI/,
  },
  'automatic deploys not readable': {
    world: (world) => void world.refusedRoots.add('serviceInstanceAutoDeployStatus'),
    check: 'automatic deploys',
    state: 'unknown',
    found: /Not Authorized/,
    remedy: /settings of the service/,
  },
  'triggers not readable do not hide the rest': {
    world: (world) => void world.refusedRoots.add('deploymentTriggers'),
    check: 'automatic deploys',
    state: 'ok',
    found: /off/,
  },
  'a healthcheck path': {check: 'healthcheck', state: 'ok', found: /\/healthz/},
  'no healthcheck path': {
    world: (world) => void Object.assign(world, {healthcheckPath: null}),
    check: 'healthcheck',
    state: 'warning',
    found: /only means that the container started/,
    remedy: /Set a healthcheck path/,
  },
  'a way back, and for how long': {
    check: 'way back',
    state: 'ok',
    found:
      /live dep_1 of commit aaaaaaaaaaaa can be rolled back to.*24 h \(Free\), 72 h \(Hobby\), 120 h \(Pro\).*which plan this is cannot be read/,
  },
  'a way back only by building': {
    world: (world) => void Object.assign(world.get('dep_1')!, {canRollback: false}),
    check: 'way back',
    state: 'warning',
    found: /cannot be rolled back to/,
    remedy: /build its commit again/,
  },
  'no way back': {
    world: (world) => {
      world.repo = null;
      world.get('dep_1')!.canRollback = false;
    },
    check: 'way back',
    state: 'problem',
    found: /cannot be rolled back to/,
  },
  'nothing live': {
    world: (world) => void Object.assign(world, {active: []}),
    check: 'way back',
    state: 'warning',
    found: /nothing is live/,
  },
  'no variable required': {check: 'required variables', state: 'ok', found: /none are required/},
  'variables present, and sealed ones by name': {
    requirements: {requiredVariables: ['DATABASE_URL', 'SEALED']},
    check: 'required variables',
    state: 'ok',
    found: /^DATABASE_URL, SEALED \(sealed, so only their names could be checked: SEALED\)$/,
  },
  'a sealed value given as null': {
    world: (world) => void Object.assign(world.variables, {SEALED: null}),
    requirements: {requiredVariables: ['SEALED']},
    check: 'required variables',
    state: 'ok',
    found: /^SEALED \(sealed/,
  },
  'an unresolved reference': {
    requirements: {requiredVariables: ['EMPTY']},
    check: 'variable EMPTY',
    state: 'problem',
    found: /renders empty/,
    remedy: /Set EMPTY/,
  },
  'a missing variable': {
    requirements: {requiredVariables: ['STRIPE_KEY']},
    check: 'variable STRIPE_KEY',
    state: 'problem',
    found: /is not set/,
  },
  'a shared variable that nothing refers to': {
    world: (world) => void world.variableRows.push({name: 'SHARED', isSealed: true, serviceId: null}),
    requirements: {requiredVariables: ['SHARED']},
    check: 'variable SHARED',
    state: 'problem',
    found: /is not set/,
  },
  'variables not readable are not missing': {
    world: (world) => void world.refusedRoots.add('variablesForServiceDeployment'),
    requirements: {requiredVariables: ['DATABASE_URL']},
    check: 'required variables',
    state: 'unknown',
    found: /could not be read/,
    remedy: /Check by hand that DATABASE_URL/,
  },
  'replicas are stated': {
    world: (world) => void Object.assign(world, {numReplicas: 3}),
    check: 'replicas',
    state: 'ok',
    found: /^3$/,
  },
  'a volume means downtime': {
    world: (world) => void world.volumes.push({id: 'v', serviceId: 'svc_1', mountPath: '/data', state: 'READY'}),
    check: 'volume',
    state: 'warning',
    found: /\/data.*short downtime/,
  },
  'staged changes of colleagues': {
    world: (world) => void Object.assign(world, {unmergedChangesCount: 2}),
    check: 'staged changes',
    state: 'warning',
    found: /2 changes/,
  },
  'an incident at Railway': {
    world: (world) => void Object.assign(world, {incident: 'Builds are slow'}),
    check: 'platform',
    state: 'warning',
    found: /Builds are slow/,
  },
  'the platform status not readable': {
    world: (world) => void world.refusedRoots.add('platformStatus'),
    check: 'platform',
    state: 'unknown',
    found: /Not Authorized/,
  },
  'the quota, as announced': {check: 'request quota', state: 'ok', found: /1000 requests each 3600 s/},
  'the quota nearly spent': {
    world: (world) => void Object.assign(world, {headers: {'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '9'}}),
    check: 'request quota',
    state: 'warning',
    found: /100 requests, 9 left/,
  },
  'no quota announced': {
    world: (world) => void Object.assign(world, {headers: {}}),
    check: 'request quota',
    state: 'ok',
    found: /announced none/,
  },
};

test.each(Object.entries(rows))('%s', async (_name, row) => {
  await using running = await startWorld((world) => {
    world.seed({commit: shaA, active: true});
    row.world?.(world);
  });
  row.meddle?.(running);
  const {railway, call, masked} = adapterAt(running, row.options);
  const findings = await railway.preflight({requiredVariables: [], ...row.requirements}, call);
  const found = findings.find((one) => one.check === row.check);
  expect(found).toMatchObject({area: 'Railway', state: row.state, found: expect.stringMatching(row.found)});
  if (row.remedy) expect(found?.remedy).toMatch(row.remedy);
  // What holds of every table: nothing written, a remedy wherever something is not ok, no value of a variable.
  expect(running.world.mutations).toEqual([]);
  expect(findings.filter((one) => one.state !== 'ok' && !one.remedy)).toEqual([]);
  expect(JSON.stringify(findings)).not.toContain('s3cret-db');
  if (row.requirements?.requiredVariables && found?.state !== 'unknown')
    expect(masked).toContain('postgres://app:s3cret-db@db.railway.internal/app');
  expect(running.server.requests.length).toBeLessThanOrEqual(16);
});
