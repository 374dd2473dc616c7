import {expect, test} from '@jest/globals';
import {adapterAt, release} from './railway-adapter.js';
import {shaA, shaB, startWorld} from './railway-world.js';

test('a commit goes live and is proved, with at most 8 requests beside the polls', async () => {
  await using running = await startWorld((world) => world.seed({commit: shaA, active: true}));
  const {railway, timed} = adapterAt(running);
  const live = await railway.readLive(timed);
  expect(live).toMatchObject({
    deploymentId: 'dep_1',
    commit: shaA,
    hosts: ['api.shop.example', 'backend-x1y2.up.railway.app'],
    restorable: {by: 'rollback'},
  });
  const created: string[] = [];
  const deployment = await railway.deploy(release, {...timed, onCreated: (id) => void created.push(id)});
  expect(deployment).toMatchObject({
    deploymentId: 'dep_2',
    outcome: 'ready',
    adopted: false,
    staged: false,
    commit: shaB,
    url: 'https://api.shop.example',
    warnings: [],
  });
  expect(created).toEqual(['dep_2']);
  const promotion = await railway.promote('dep_2', timed);
  expect(promotion).toMatchObject({
    changed: false,
    hosts: [{host: 'api.shop.example', deploymentId: 'dep_2'}, {deploymentId: 'dep_2'}],
  });
  const beyondPolls = running.operations().filter((name) => name !== 'deployment');
  expect(beyondPolls).toEqual([
    'projectToken',
    'environment',
    'serviceInstance',
    'serviceInstance',
    'serviceInstanceDeployV2',
    'serviceInstance',
    'serviceInstance',
  ]);
  expect(beyondPolls.length).toBeLessThanOrEqual(8);
});
