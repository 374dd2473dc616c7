import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {Failure} from '../../src/kernel/errors.js';
import type {FaultKind} from '../../src/rehearsal/stand-in.js';
import {adapterAt, anchorOf, release} from './railway-adapter.js';
import {fault, graphqlError, shaA, startWorld, type World} from './railway-world.js';

const liveA = (world: World) => void world.seed({commit: shaA, active: true});

test('a run cancelled while it waits stops at once, its deployment known', async () => {
  await using running = await startWorld((world) => {
    liveA(world);
    world.nextScript = Array(50).fill('BUILDING');
  });
  const {railway, timed, controller, clock} = adapterAt(running);
  const created: string[] = [];
  clock.sleep = async (_ms, signal) => {
    controller.abort();
    if (signal?.aborted) throw new Failure('CANCELLED', 'The wait was cancelled', {remedy: 'x'});
  };
  await expect(railway.deploy(release, {...timed, onCreated: (id) => void created.push(id)})).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  expect(created).toEqual(['dep_2']);
  const before = running.server.requests.length;
  // The next step of the killed run has a signal of its own.
  const next = adapterAt(running);
  expect(await next.railway.cancel('dep_2', next.call)).toBe(true);
  expect(running.world.get('dep_2')!.status).toBe('REMOVED');
  expect(running.server.requests.length).toBeGreaterThan(before);
});

test('a run cancelled while the deployment is being started still learns its id', async () => {
  await using running = await startWorld(liveA);
  const {railway, timed, controller} = adapterAt(running);
  const created: string[] = [];
  running.server.faults.push(fault('serviceInstanceDeployV2', {kind: 'delay', ms: 150}));
  const deploying = railway.deploy(release, {...timed, onCreated: (id) => void created.push(id)});
  const outcome = expect(deploying).rejects.toMatchObject({code: 'CANCELLED'});
  while (!running.operations().includes('serviceInstanceDeployV2'))
    await new Promise((resolve) => setTimeout(resolve, 2));
  controller.abort();
  await outcome;
  expect(created).toEqual(['dep_2']);
});

test('a cancelled run sends nothing more', async () => {
  await using running = await startWorld(liveA);
  const {railway, timed, controller} = adapterAt(running);
  controller.abort();
  await expect(railway.readLive(timed)).rejects.toMatchObject({code: 'CANCELLED'});
  await expect(railway.preflight({requiredVariables: []}, timed)).rejects.toMatchObject({code: 'CANCELLED'});
  await expect(railway.deploy(release, timed)).rejects.toMatchObject({code: 'CANCELLED'});
  await expect(railway.rollback(anchorOf('dep_1'), {...timed, abandoned: [], reason: 'x'})).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  expect(running.server.requests).toEqual([]);
});

test('a killed deployment that is repeated takes its own deployment over', async () => {
  await using running = await startWorld((world) => {
    liveA(world);
    world.nextScript = Array(3).fill('BUILDING').concat('DEPLOYING', 'SUCCESS');
  });
  const first = adapterAt(running);
  await expect(
    first.railway.deploy(release, {...first.timed, onCreated: () => first.controller.abort()}),
  ).rejects.toMatchObject({code: 'CANCELLED'});
  const second = adapterAt(running);
  expect(await second.railway.deploy(release, second.timed)).toMatchObject({
    outcome: 'ready',
    adopted: true,
    deploymentId: 'dep_2',
  });
  expect(running.world.mutations).toEqual(['serviceInstanceDeployV2']);
});

test('nothing is asked after the deadline, even when every answer fails', async () => {
  await using running = await startWorld(liveA);
  const {railway, call, clock} = adapterAt(running);
  const startMs = clock.now();
  running.server.faults.push(
    fault('POST *', {kind: 'status', status: 429, headers: {'retry-after': '50'}}, {times: 1_000}),
  );
  await expect(railway.readLive(call)).rejects.toMatchObject({code: 'RAILWAY_DEADLINE'});
  expect(clock.now() - startMs).toBeLessThan(200_000);
});

const kinds: readonly FaultKind[] = [
  {kind: 'status', status: 429, headers: {'retry-after': '11'}},
  {kind: 'status', status: 500},
  {kind: 'status', status: 502, body: '<html>'},
  {kind: 'status', status: 503},
  {kind: 'close-before'},
  {kind: 'close-after'},
  graphqlError('Problem processing request'),
  graphqlError('Not Authorized'),
];

test('whatever a run of bad luck brings, no second deployment, no green one that does not serve, no endless wait', async () => {
  let worst = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(14), fc.constantFrom(...kinds)), {maxLength: 8}), async (luck) => {
      await using running = await startWorld((world) => {
        world.seed({commit: shaA, status: 'REMOVED'});
        world.seed({commit: shaA, active: true});
      });
      const {railway, timed} = adapterAt(running);
      for (const [skip, kind] of luck) running.server.faults.push(fault('POST *', kind, {skip}));
      const deployed = await railway.deploy(release, timed).catch(failureOnly);
      expect(running.world.rows.length).toBeLessThanOrEqual(3);
      if ('outcome' in deployed && deployed.outcome === 'ready')
        expect(running.world.active).toEqual([deployed.deploymentId]);
      running.server.faults.length = 0;
      const made = running.world.rows.length;
      const back = await railway.rollback(anchorOf('dep_2'), {...timed, abandoned: ['dep_3'], reason: 'x'});
      expect(running.world.get(running.world.active[0]!)!.meta).toEqual({commitHash: shaA});
      expect(running.world.active).toEqual([back.live.deploymentId]);
      expect(running.world.rows.length).toBeLessThanOrEqual(made + 1);
      worst = Math.max(worst, running.server.requests.length);
    }),
    {numRuns: 60},
  );
  expect(worst).toBeLessThan(200);
}, 120_000);

function failureOnly(error: unknown): Failure {
  if (error instanceof Failure && error.remedy) return error;
  throw error;
}
