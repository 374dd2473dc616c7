import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from '@jest/globals';
import type {PlatformCall} from '../../src/platforms/platform.js';
import {openRailway, type RailwayOptions} from '../../src/platforms/railway/railway.js';
import type {RailwayServiceOptions, RailwayStandInOptions} from '../../src/rehearsal/railway/options.js';
import {type Fixture, projectToken, serviceId, startFixture, workspaceToken} from './railway-stand-in.fixture.js';

/**
 * The adapter against the rehearsal's Railway, which was written from the same reference by other hands and runs real
 * processes: the two agree only where both read it right.
 */
let opened: Fixture | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
});

async function start(
  service: Partial<RailwayServiceOptions> = {},
  options: Partial<RailwayStandInOptions> = {},
  adapter: Partial<RailwayOptions> = {},
) {
  const fixture = await startFixture(service, options);
  opened = fixture;
  const lines: string[] = [];
  const call: PlatformCall & {timeoutMs: number} = {
    signal: new AbortController().signal,
    progress: (line) => void lines.push(line),
    timeoutMs: 20_000,
  };
  const railway = openRailway({
    token: projectToken,
    service: 'api',
    apiUrl: fixture.railway.url,
    pollMs: 25,
    ...adapter,
  });
  return {
    ...fixture,
    adapter: railway,
    call,
    lines,
    operations: () => fixture.railway.requests.map((request) => request.operation ?? request.path),
  };
}

test('a release, its proof, and the way back', async () => {
  const {railway, commits, adapter, call, get, operations} = await start();
  await railway.seedLive(serviceId, commits.good);
  const anchor = await adapter.readLive(call);
  expect(anchor).toMatchObject({commit: commits.good, restorable: {by: 'rollback'}});
  const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
  expect(deployment).toMatchObject({outcome: 'ready', adopted: false, commit: commits.better});
  expect((await get()).body.commit).toBe(commits.better);
  expect((await fetch(deployment.url!)).status).toBe(200);
  expect(await adapter.promote(deployment.deploymentId, call)).toMatchObject({changed: false});
  expect(operations().filter((name) => name !== 'deployment').length).toBeLessThanOrEqual(8);
  const back = await adapter.rollback(anchor!, {...call, abandoned: [deployment.deploymentId], reason: 'test'});
  expect(back).toMatchObject({outcome: 'restored', by: 'rollback', live: {commit: commits.good}});
  expect((await get()).body.commit).toBe(commits.good);
  const again = await adapter.rollback(anchor!, {...call, abandoned: [deployment.deploymentId], reason: 'test'});
  expect(again).toMatchObject({outcome: 'already', live: {deploymentId: back.live.deploymentId}});
});

test.each([
  ['exits', 'failed', /cannot start/],
  ['unhealthy', 'failed', /HEALTHCHECK/],
] as const)('a version that %s ends %s, and the old one keeps serving', async (version, outcome, tells) => {
  const {railway, commits, adapter, call, get} = await start({healthcheckTimeoutS: 1, restartPolicyMaxRetries: 1});
  await railway.seedLive(serviceId, commits.good);
  const deployment = await adapter.deploy({commit: commits[version], release: 'r1'}, call);
  expect(deployment.outcome).toBe(outcome);
  expect(`${deployment.reason?.message} ${deployment.reason?.logTail.join('\n')}`).toMatch(tells);
  expect((await get()).body.commit).toBe(commits.good);
});

test('skipped, waiting, approval and superseded each end by themselves', async () => {
  const {railway, commits, adapter, call} = await start();
  await railway.seedLive(serviceId, commits.good);
  railway.script.push({kind: 'skipped', reason: 'No changes to watched files'});
  expect(await adapter.deploy({commit: commits.better, release: 'r1'}, call)).toMatchObject({
    outcome: 'skipped',
    reason: {message: expect.stringContaining('No changes to watched files')},
  });
  railway.script.push({kind: 'held', status: 'NEEDS_APPROVAL'});
  const held = await adapter.deploy({commit: commits.better, release: 'r2'}, call);
  expect(held.outcome).toBe('awaiting-approval');
  expect(await adapter.cancel(held.deploymentId, call)).toBe(true);
  railway.script.push({kind: 'held', status: 'WAITING'});
  const waiting = await adapter.deploy({commit: commits.better, release: 'r3'}, call);
  expect(waiting.outcome).toBe('blocked');
  expect(await adapter.cancel(waiting.deploymentId, call)).toBe(true);
  railway.script.push({kind: 'superseded'});
  const superseded = await adapter.deploy({commit: commits.better, release: 'r4'}, call);
  expect(superseded).toMatchObject({outcome: 'superseded', reason: {code: 'RAILWAY_SUPERSEDED'}});
  const newer = railway.state().deployments.at(-1)!;
  expect(superseded.reason?.message).toContain(newer.id);
});

test('a push by automatic deploys is taken over', async () => {
  const {railway, commits, adapter, call} = await start({autoDeploy: true});
  await railway.seedLive(serviceId, commits.good);
  const pushed = await railway.push(serviceId, commits.better);
  const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
  expect(deployment).toMatchObject({outcome: 'ready', adopted: true, deploymentId: pushed});
  expect(deployment.warnings.join()).toMatch(/Automatic deploys are on/);
});

test.each(['serviceInstanceDeployV2', 'deploymentRollback'])(
  'an answer to %s that is lost makes no second deployment',
  async (operation) => {
    const {railway, commits, adapter, call} = await start();
    await railway.seedLive(serviceId, commits.good);
    const anchor = (await adapter.readLive(call))!;
    railway.faults.push({route: operation, fault: {kind: 'close-after'}});
    const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
    expect(deployment.outcome).toBe('ready');
    const back = await adapter.rollback(anchor, {...call, abandoned: [deployment.deploymentId], reason: 'test'});
    expect(back).toMatchObject({outcome: 'restored', live: {commit: commits.good}});
    expect(railway.state().deployments.length).toBe(3);
    expect(railway.faults[0]!.times).toBe(0);
  },
);

test('preflight reads and does not write', async () => {
  const {railway, commits, adapter, call} = await start();
  await railway.seedLive(serviceId, commits.good);
  railway.setVariables(serviceId, {KEY: {value: 'sealed-value', sealed: true}, EMPTY: ''});
  const before = JSON.stringify(railway.state());
  const findings = await adapter.preflight(
    {requiredVariables: ['GREETING', 'KEY', 'EMPTY', 'ABSENT'], repository: 'acme/shop', commit: commits.better},
    call,
  );
  const table = findings.map((row) => `${row.check}: ${row.state}: ${row.found}`);
  expect(table).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^token: ok: project token/),
      expect.stringMatching(/^service: ok: api/),
      expect.stringMatching(/^source: ok: repository acme\/shop/),
      'no other deployment on its way: ok: none',
      'automatic deploys: ok: off',
      'healthcheck: ok: path /health',
      expect.stringMatching(/^way back: ok/),
      'required variables: ok: GREETING, KEY (sealed, so only their names could be checked: KEY)',
      expect.stringMatching(/^variable EMPTY: problem: is set, but renders empty/),
      'variable ABSENT: problem: is not set',
    ]),
  );
  expect(JSON.stringify(findings)).not.toMatch(/sealed-value|hello/);
  expect(findings.filter((row) => row.state !== 'ok').every((row) => row.remedy)).toBe(true);
  const sent = railway.requests.map((request) => (request.body as {query?: string}).query ?? request.method);
  expect(sent.length).toBeGreaterThan(5);
  expect(sent.filter((text) => !text.startsWith('query '))).toEqual([]);
  expect(JSON.stringify(railway.state())).toBe(before);
});

// Where the sources are silent, Railway may answer either way; the adapter must be right under both.
test.each<[name: string, options: Partial<RailwayStandInOptions>, service: Partial<RailwayServiceOptions>]>([
  ['cancelled ones end FAILED', {answers: {cancelLeaves: 'FAILED'}}, {}],
  ['limits in documented headers', {answers: {rateLimitHeaders: true}}, {}],
  ['the bare path is refused', {answers: {queryStringRequired: true}}, {}],
  ['sealed variables have no key', {answers: {sealed: 'absent'}}, {}],
  ['rollbacks put stored variables back', {answers: {rollbackRewritesVariables: true}}, {}],
  [
    'a project token lacks all that may be lacking',
    {
      answers: {
        projectTokenLacks: ['domains', 'serviceInstanceAutoDeployStatus', 'deploymentTriggers', 'platformStatus'],
      },
    },
    {},
  ],
  ['a service with a volume has a gap', {}, {volume: {mountPath: '/data'}, publicDomain: true}],
  ['an overlap keeps two active', {}, {overlapSeconds: 1}],
])('release, cancel and rollback hold when %s', async (_name, options, service) => {
  const {railway, commits, adapter, call, get} = await start(service, options);
  await railway.seedLive(serviceId, commits.good);
  const anchor = (await adapter.readLive(call))!;
  const findings = await adapter.preflight({requiredVariables: ['GREETING']}, call);
  expect(findings.filter((row) => row.state === 'problem')).toEqual([]);
  const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
  expect(deployment.outcome).toBe('ready');
  railway.script.push({kind: 'stuck', status: 'BUILDING'});
  const stuck = await adapter.deploy({commit: commits.docs, release: 'r2'}, {...call, timeoutMs: 300});
  expect(stuck.outcome).toBe('timed-out');
  const abandoned = [deployment.deploymentId, stuck.deploymentId];
  const back = await adapter.rollback(anchor, {...call, abandoned, reason: 'test'});
  expect(back).toMatchObject({outcome: 'restored', live: {commit: commits.good}});
  expect(back.warnings.join()).toContain(`Cancelled deployment ${stuck.deploymentId}`);
  expect((await get()).body.commit).toBe(commits.good);
});

test('a rollback that Railway accepts and never makes, and one that somebody crosses, are both told', async () => {
  const {railway, commits, adapter, call} = await start();
  await railway.seedLive(serviceId, commits.good);
  const anchor = (await adapter.readLive(call))!;
  const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
  const back = () =>
    adapter.rollback(anchor, {...call, timeoutMs: 1_500, abandoned: [deployment.deploymentId], reason: 'test'});
  railway.script.push({kind: 'vanishes', cause: 'rollback'});
  await expect(back()).rejects.toMatchObject({code: 'RAILWAY_ROLLBACK_NOT_SEEN'});
  railway.script.push({kind: 'foreign', cause: 'rollback', commit: commits.docs});
  await expect(back()).rejects.toMatchObject({
    code: expect.stringMatching(/^RAILWAY_ROLLBACK_(CONTESTED|NOT_SERVING|FAILED)$/),
  });
});

test('a deployment that is deleted while it is followed is no success, and the way back is open', async () => {
  const {railway, commits, adapter, call, get} = await start();
  await railway.seedLive(serviceId, commits.good);
  const anchor = (await adapter.readLive(call))!;
  railway.script.push({kind: 'deleted'});
  const deployment = await adapter.deploy({commit: commits.better, release: 'r1'}, call);
  expect(deployment).toMatchObject({
    outcome: 'deleted',
    reason: {code: 'RAILWAY_DELETED', message: expect.stringContaining('was deleted while it was waited for')},
  });
  await expect(adapter.promote(deployment.deploymentId, call)).rejects.toMatchObject({
    code: expect.stringMatching(/^RAILWAY_/),
  });
  const abandoned = [deployment.deploymentId];
  expect(await adapter.rollback(anchor, {...call, abandoned, reason: 'test'})).toMatchObject({outcome: 'already'});
  expect((await get()).body.commit).toBe(commits.good);
});

test('traffic is what the front saw, and silence is empty', async () => {
  const {railway, commits, adapter, call} = await start(
    {},
    {},
    {token: workspaceToken, tokenKind: 'workspace', project: 'project-1'},
  );
  await railway.seedLive(serviceId, commits.good);
  const endMs = Date.now();
  const window = {startMs: endMs - 600_000, endMs};
  expect(await adapter.traffic({startMs: endMs - 7_200_000, endMs: endMs - 3_600_000}, call)).toMatchObject({
    state: 'empty',
  });
  railway.seedRequests(serviceId, [
    ...Array(9).fill({atMs: endMs - 60_000, status: 200, durationMs: 10}),
    {atMs: endMs - 50_000, status: 502, durationMs: 900},
  ]);
  expect(await adapter.traffic(window, call)).toMatchObject({
    state: 'measured',
    requests: 10,
    byStatus: {200: 9, 502: 1},
  });
});

test('settings hold values for the backup, and what cannot be read is named', async () => {
  const {railway, adapter, call} = await start();
  railway.setVariables(serviceId, {KEY: {value: 'sealed-value', sealed: true}});
  const settings = await adapter.settings(call);
  expect(settings.variables).toMatchObject({GREETING: 'hello'});
  expect(settings.sealed).toEqual(['KEY']);
  expect(settings.service).toMatchObject({healthcheckPath: '/health'});
  expect((await adapter.publicUrls(call)).length).toBeGreaterThan(0);
  expect((await adapter.variableNames(call)).map((one) => one.name)).toEqual(
    expect.arrayContaining(['GREETING', 'KEY']),
  );
});

test('an upload is looked up by its mark and serves', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'railway-upload-'));
  try {
    const body = `import {createServer} from 'node:http'; createServer((q, r) => r.end('uploaded')).listen(process.env.PORT, '127.0.0.1');`;
    writeFileSync(join(folder, 'server.mjs'), body);
    writeFileSync(join(folder, '.env'), 'SECRET=1');
    const {railway, commits, adapter, call} = await start({repo: undefined, folder: undefined}, {}, {source: 'upload'});
    railway.faults.push({route: 'POST */up', fault: {kind: 'close-after'}});
    const deployment = await adapter.deploy({commit: commits.better, release: 'r1', path: folder}, call);
    expect(deployment).toMatchObject({outcome: 'ready', commit: commits.better});
    expect(await (await fetch(railway.serviceUrl(serviceId))).text()).toBe('uploaded');
    expect(railway.state().deployments.length).toBe(1);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
});
