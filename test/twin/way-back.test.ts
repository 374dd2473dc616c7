import {afterEach, beforeEach, expect, test} from '@jest/globals';
import type {Anchor} from '../../src/platforms/platform.js';
import {openRailway} from '../../src/platforms/railway/railway.js';
import {openVercel} from '../../src/platforms/vercel/vercel.js';
import type {Recorded, StandIn} from '../../src/rehearsal/stand-in.js';
import {startVercel, type VercelStandIn} from '../../src/rehearsal/vercel/stand-in.js';
import {rollBack} from '../../src/release/rollback.js';
import {type Fixture, projectToken, serviceId, startFixture} from './railway-stand-in.fixture.js';

/** From the gate's `fail` to both sides read back as their anchors, against the rehearsal's stand-ins. */
const token = 'vcp_token_of_the_team';
const team = {id: 'team_acme', slug: 'acme'};
const signal = new AbortController().signal;
let railway: Fixture;
let vercel: VercelStandIn;
let anchors: {readonly frontend: Anchor; readonly backend: Anchor};
let abandoned: {readonly frontend: string; readonly backend: string};

beforeEach(async () => {
  [railway, vercel] = await Promise.all([
    startFixture(),
    startVercel({token, team, projects: [{id: 'prj_shop', name: 'shop'}]}),
  ]);
  const seed = (page: string, commit: string) =>
    vercel.seed({projectId: 'prj_shop', files: {'index.html': page}, promoted: true, commit});
  await Promise.all([railway.railway.seedLive(serviceId, railway.commits.good), seed('old', 'a'.repeat(40))]);
  const open = platforms();
  const call = {signal, progress: () => undefined};
  anchors = {frontend: (await open.frontend.readLive(call))!, backend: (await open.backend.readLive(call))!};
  abandoned = {frontend: await seed('new', 'b'.repeat(40)), backend: await railway.deploy(railway.commits.better)};
  await railway.reaches(abandoned.backend, 'SUCCESS');
});

afterEach(async () => {
  await Promise.all([railway[Symbol.asyncDispose](), vercel.close()]);
});

/** New ones each time: a rollback runs in a process that knows nothing but the ledger. */
function platforms() {
  return {
    frontend: openVercel({token, project: 'prj_shop', team: team.id, apiUrl: vercel.url}),
    backend: openRailway({token: projectToken, service: 'api', apiUrl: railway.railway.url}),
  };
}

function rollBackBoth() {
  return rollBack(
    platforms(),
    [
      {component: 'frontend', anchor: anchors.frontend, abandoned: []},
      {component: 'backend', anchor: anchors.backend, abandoned: [abandoned.backend]},
    ],
    {signal, progress: () => undefined, timeoutMs: 60_000, dryRun: false, allowRebuild: false, reason: 'gate failed'},
  );
}

async function wayBack(answerMs: number): Promise<number> {
  for (const standIn of [vercel, railway.railway]) {
    standIn.requests.length = 0;
    standIn.faults.push({route: '*', times: 1_000, fault: {kind: 'delay', ms: answerMs}});
  }
  const startedMs = Date.now();
  const results = await rollBackBoth();
  expect(results).toMatchObject([{state: 'restored'}, {state: 'restored'}]);
  return Date.now() - startedMs;
}

test('at most three requests one after another bring each platform to turn back', async () => {
  // Long answers: on a busy machine two that were asked side by side must not look like one after another.
  await wayBack(1_000);
  const turned = (standIn: StandIn, write: RegExp) => {
    const at = standIn.requests.findIndex((one) => write.test(one.operation ?? one.path));
    return chainTo(standIn.requests[at]!, standIn.requests);
  };
  const chains = {
    vercel: turned(vercel, /^rollback$/),
    railway: turned(railway.railway, /^deploymentRollback$/),
  };
  expect(chains.vercel.length).toBeLessThanOrEqual(2);
  expect(chains.railway.length).toBeLessThanOrEqual(3);
  // Vercel's read-back is one more when its move is quick; Railway starts a container, which is asked about until it serves.
  expect(chainTo(vercel.requests.at(-1)!, vercel.requests).length).toBeLessThanOrEqual(5);
  process.stdout.write(`one after another: ${JSON.stringify(chains)}\n`);
}, 120_000);

test('with answers after 50 ms both sides are back within seconds', async () => {
  const tookMs = await wayBack(50);
  process.stdout.write(
    `both sides read back after ${tookMs} ms, ${vercel.requests.length} requests to Vercel, ${railway.railway.requests.length} to Railway\n`,
  );
  // The figure is for an idle machine (2,000 ms); a busy one must not fail the test.
  expect(tookMs).toBeLessThan(20_000);
}, 60_000);

test('two runs at once bring both sides back, and whoever cannot tell its own change says so', async () => {
  const results = (await Promise.all([rollBackBoth(), rollBackBoth()])).flat();
  const told = results.map((result) => (result.state === 'failed' ? result.failure.code : result.state));
  for (const one of told) expect(one).toMatch(/^(restored|already|RAILWAY_ROLLBACK_\w+|VERCEL_\w+)$/);
  await railway.railway.settled();
  const third = await rollBackBoth();
  expect(third).toMatchObject([
    {component: 'frontend', state: 'already'},
    {component: 'backend', state: 'already'},
  ]);
  expect(vercel.state().projects[0]!.hosts.map((host) => host.deploymentId)).toEqual([anchors.frontend.deploymentId]);
  expect(railway.railway.state().services[0]!.servingCommit).toBe(railway.commits.good);
  process.stdout.write(`two runs at once ended as ${told.join(', ')}\n`);
}, 60_000);

/** The longest chain of requests of which each began after the former had ended, up to one of them. */
function chainTo(last: Recorded, all: readonly Recorded[]): string[] {
  const before = all.filter((one) => one !== last && one.endedMs !== undefined && one.endedMs <= last.atMs);
  const chains = before.map((one) => chainTo(one, before));
  const longest = chains.reduce<string[]>((best, chain) => (chain.length > best.length ? chain : best), []);
  return [...longest, last.operation ?? `${last.method} ${last.path}`];
}
