import {expect, test} from '@jest/globals';
import {adapterAt, anchorOf} from './railway-adapter.js';
import {shaA, shaB, startWorld} from './railway-world.js';

test('a rollback makes one new deployment of the anchor and proves that it serves', async () => {
  await using running = await startWorld((world) => {
    world.seed({commit: shaA, status: 'REMOVED'});
    world.seed({commit: shaB, active: true});
  });
  const {railway, timed} = adapterAt(running);
  const result = await railway.rollback(anchorOf('dep_1'), {...timed, abandoned: ['dep_2'], reason: 'gate failed'});
  expect(result).toMatchObject({outcome: 'restored', by: 'rollback', live: {deploymentId: 'dep_3', commit: shaA}});
  expect(running.world.mutations).toEqual(['deploymentRollback']);
  expect(running.world.active).toEqual(['dep_3']);
  const again = await railway.rollback(anchorOf('dep_1'), {...timed, abandoned: ['dep_2'], reason: 'gate failed'});
  expect(again).toMatchObject({outcome: 'already', by: 'none', live: {deploymentId: 'dep_3'}});
  expect(running.world.mutations).toEqual(['deploymentRollback']);
});

test('a deployment that a killed run made and could not note is cancelled by its commit', async () => {
  const seeded = () =>
    startWorld((world) => {
      world.seed({commit: shaA, active: true});
      world.seed({commit: shaB, status: 'BUILDING'});
    });
  await using running = await seeded();
  const {railway, timed} = adapterAt(running);
  const result = await railway.rollback(anchorOf('dep_1'), {
    ...timed,
    abandoned: [],
    abandonedCommit: shaB,
    reason: 'the runner was lost',
  });
  expect(result).toMatchObject({outcome: 'already', live: {deploymentId: 'dep_1'}});
  expect(running.world.mutations).toEqual(['deploymentCancel']);
  expect(result.warnings.join()).toContain('Cancelled deployment dep_2');

  await using other = await seeded();
  const foreign = adapterAt(other);
  await foreign.railway.rollback(anchorOf('dep_1'), {...foreign.timed, abandoned: [], reason: 'not its commit'});
  expect(other.world.mutations).toEqual([]);
});

test('what serves is started again when it began before the given moment, and only then', async () => {
  await using running = await startWorld(
    (world) => void world.seed({commit: shaA, active: true, createdAt: Date.UTC(2025, 11, 1)}),
  );
  const {railway, timed} = adapterAt(running);
  const call = {...timed, abandoned: [], reason: 'the database was restored', newerThanMs: Date.UTC(2025, 11, 15)};
  const result = await railway.rollback(anchorOf('dep_1'), call);
  expect(result).toMatchObject({outcome: 'restored', by: 'rollback', live: {deploymentId: 'dep_2', commit: shaA}});
  expect(running.world.mutations).toEqual(['deploymentRedeploy']);
  // The next run finds it new enough.
  expect(await railway.rollback(anchorOf('dep_1'), call)).toMatchObject({outcome: 'already', by: 'none'});
  expect(running.world.mutations).toEqual(['deploymentRedeploy']);
});

test('an image that is gone is built again where what serves has to start anew', async () => {
  await using running = await startWorld(
    (world) => void world.seed({commit: shaA, active: true, createdAt: Date.UTC(2025, 11, 1), canRollback: false}),
  );
  const {railway, timed} = adapterAt(running);
  const result = await railway.rollback(anchorOf('dep_1'), {
    ...timed,
    abandoned: [],
    reason: 'the database was restored',
    newerThanMs: Date.UTC(2025, 11, 15),
    allowRebuild: true,
  });
  expect(result).toMatchObject({outcome: 'restored', by: 'rebuild', live: {commit: shaA}});
});
