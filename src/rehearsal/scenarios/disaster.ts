import {contentOf, databasesOf, identityOf, query, typeIn} from '../database.js';
import {type Check, check, serving} from '../outside.js';
import type {Outcome, Scenario} from '../scenario.js';
import {type Between, ran} from '../scenario-checks.js';
import {names, secrets, type World} from '../world.js';

/** Content of the database of one play, before the damage and after it. */
interface Remembered {
  good: string;
  damaged: string;
}
const memory = new WeakMap<World, Remembered>();
const remembered = (world: World): Remembered => memory.get(world) ?? {good: 'never read', damaged: 'never read'};

/** A bug destroys data; the database goes back by its own name, and back again by the printed command. */
const databaseRestore: Scenario = {
  name: 'database-restore',
  about: 'a bug destroys data; the rollback of the database brings it back, and one printed command takes that back',
  acts: [
    {workflow: 'backup', commit: 'v1', after: (outcome) => [ran(outcome, 'success')]},
    {workflow: 'rollback', inputs: rollbackOfDatabase({'dry-run': true}), before: loseRows, after: changedNothing},
    {
      workflow: 'rollback',
      inputs: async (world) => rollbackOfDatabase({confirm: await identityOf(world)}),
      after: async (outcome) => [ran(outcome, 'success'), ...(await isRestored(outcome))],
    },
  ],
  outcome: 'restored, and back by one command',
  judge: comesBackByCommand,
};

/** Backend and database are gone; the recovery is killed in the middle, and the next run finishes it. */
const disaster: Scenario = {
  name: 'disaster',
  about:
    'backend and database are lost; the recovery loses its runner in the middle, and the next run opens the product',
  acts: [
    {workflow: 'release', commit: 'v2', after: (outcome) => [ran(outcome, 'success')]},
    {
      workflow: 'disaster-recovery',
      commit: 'v2',
      inputs: recoveryOfEverything,
      before: loseEverything,
      loseRunnerWhen: (event) => event.type === 'log' && event.line.includes('Restoring into the new database'),
      after: async (outcome) => [ran(outcome, 'failure'), ...(await onlyThePage(outcome))],
    },
    {workflow: 'disaster-recovery', commit: 'v2', inputs: recoveryOfEverything},
  ],
  outcome: 'recovered',
  judge: async (outcome) => [ran(outcome, 'success'), ...(await isRecovered(outcome))],
};

export const disasterScenarios: readonly Scenario[] = [databaseRestore, disaster];

function rollbackOfDatabase(more: Readonly<Record<string, string | boolean>>): Record<string, string | boolean> {
  return {component: 'database', to: 'previous', reason: 'orders were deleted', 'dry-run': false, ...more};
}

async function recoveryOfEverything(world: World): Promise<Record<string, string | boolean>> {
  return {reason: 'rehearsed', database: true, confirm: await identityOf(world)};
}

async function loseRows(world: World): Promise<void> {
  const good = await contentOf(world);
  await query(world, `DELETE FROM orders; DELETE FROM items WHERE id > 1; UPDATE items SET name = 'oops'`);
  memory.set(world, {good, damaged: await contentOf(world)});
}

async function loseEverything(world: World): Promise<void> {
  memory.set(world, {good: await contentOf(world), damaged: 'gone'});
  const service = world.railway.state().services.find(({id}) => id === names.railwayService);
  const answer = await fetch(`${world.railway.url}/graphql/v2?op=remove`, {
    method: 'POST',
    headers: {'content-type': 'application/json', 'project-access-token': secrets.railwayToken},
    body: JSON.stringify({
      query: 'mutation ($id: String!) { deploymentRemove(id: $id) }',
      variables: {id: service!.servingDeploymentId},
    }),
  });
  await answer.arrayBuffer();
  await query(world, 'DROP DATABASE shop WITH (FORCE)', 'postgres');
}

async function changedNothing(outcome: Between): Promise<Check[]> {
  const {world, result} = outcome;
  const identity = await identityOf(world);
  return [
    ran(outcome, 'success'),
    check(result.jobs['rollback']?.result === 'skipped', 'frontend and backend are not rolled back with it'),
    check((await contentOf(world)) === remembered(world).damaged, 'the dry run changed nothing'),
    check(
      result.log.some((line) => line.includes(`to type in \`confirm\` is ${identity}`)),
      `it printed the identity to type, ${identity}`,
    ),
  ];
}

async function isRestored({world, result}: Between): Promise<Check[]> {
  const kept = result.jobs['database']?.outputs['previous-database'] ?? '';
  const shown = (await (await fetch(`${world.backendUrl}/api/items`)).json()) as {items: unknown[]};
  return [
    check((await contentOf(world)) === remembered(world).good, 'every item and order is as it was in the set'),
    check(shown.items.length === 3, `a visitor sees ${shown.items.length} items again`),
    check((await contentOf(world, kept)) === remembered(world).damaged, `the replaced database is kept as ${kept}`),
    check(
      result.jobs['database']?.steps.find((step) => step.id === 'gate')?.outputs['verdict'] === 'pass',
      'the backend passed its gate over it',
    ),
  ];
}

async function comesBackByCommand({world, result}: Outcome): Promise<Check[]> {
  const line = result.log.find((one) => one.includes('psql ') && one.includes('RENAME TO')) ?? '';
  const command = line.slice(line.indexOf('psql '));
  await typeIn(world, command);
  const undone = (await databasesOf(world)).find((name) => name.includes('_undone_')) ?? 'nothing';
  return [
    check((await contentOf(world)) === remembered(world).damaged, 'the printed command swaps back, row by row'),
    check((await contentOf(world, undone)) === remembered(world).good, `what was restored is kept as ${undone}`),
  ];
}

async function onlyThePage({world}: Between): Promise<Check[]> {
  const [page, api] = await Promise.all([fetch(world.frontendUrl), fetch(`${world.backendUrl}/api/items`)]);
  await Promise.all([page.arrayBuffer(), api.arrayBuffer()]);
  return [
    check(page.status === 503, `the runner is lost, and users still get the page: ${page.status}`),
    check(api.status === 429, `callers of the backend get ${api.status}`),
  ];
}

async function isRecovered({world, result, results}: Outcome): Promise<Check[]> {
  const now = await serving(world);
  const items = (await (await fetch(`${world.backendUrl}/api/items`)).json()) as {items: unknown[]};
  const {outputs} = result.jobs['recover'] ?? {outputs: {} as Record<string, string>};
  return [
    check(now.answers, 'frontend and backend answer'),
    check(
      now.backend === world.product.commits.v2,
      `the backend serves the last known good commit ${now.backend.slice(0, 7)}`,
    ),
    check(items.items.length === 3, `a visitor sees ${items.items.length} items`),
    check((await contentOf(world)) === remembered(world).good, 'every item and order is as it was in the set'),
    check((await databasesOf(world)).join() === 'shop', 'and nothing half-made is left on the server'),
    check(
      outputs['met'] === 'true' && result.log.some((line) => line.includes('RTO, from the begin of the damage')),
      `RTO ${outputs['rto-ms']} ms and RPO ${outputs['rpo-ms']} ms were measured and met`,
    ),
    check(
      // By the run that found it missing: the lost runner's, and the next one's when nothing was restored yet.
      results.some(({log}) => log.some((line) => line.includes('nothing could be kept of it'))),
      'a run says plainly that no snapshot was possible',
    ),
  ];
}
