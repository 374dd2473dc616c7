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
