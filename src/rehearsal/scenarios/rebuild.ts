import {contentAt, contentOf, query} from '../database.js';
import {type Check, check} from '../outside.js';
import type {Outcome, Scenario} from '../scenario.js';
import {type Between, lastEvent, ran} from '../scenario-checks.js';
import {names, secrets, type World} from '../world.js';

/** What customers would miss, as it was before everything at Railway was gone. */
const remembered = new WeakMap<World, string>();

const identity = `shop again@${names.rebuiltProject}`;
const rebuild = {reason: 'rehearsed', rebuild: true, confirm: identity};
const token = {RAILWAY_TOKEN: secrets.rebuiltRailwayToken};

/** The Railway project is gone with its database; everything of it is made again in an empty one. */
const disasterRebuild: Scenario = {
  name: 'disaster-rebuild',
  about:
    'the whole Railway project is gone; backend and database are made again in an empty one, and the frontend finds them there',
  acts: [
    {workflow: 'release', commit: 'v2', after: (outcome) => [ran(outcome, 'success')]},
    {
      workflow: 'disaster-recovery',
      commit: 'v2',
      inputs: {...rebuild, confirm: ''},
      secrets: token,
      before: loseProject,
      after: changedNothing,
    },
    {
      workflow: 'disaster-recovery',
      commit: 'v2',
      inputs: rebuild,
      secrets: token,
      loseRunnerWhen: (event) => event.type === 'log' && event.line.includes('Restoring into the new database'),
      after: async (outcome) => [ran(outcome, 'failure'), ...(await onlyThePage(outcome))],
    },
    {workflow: 'disaster-recovery', commit: 'v2', inputs: rebuild, secrets: token},
  ],
  outcome: 'rebuilt',
  judge: async (outcome) => [ran(outcome, 'success'), ...(await isRebuilt(outcome))],
};

export const rebuildScenarios: readonly Scenario[] = [disasterRebuild];

async function loseProject(world: World): Promise<void> {
  remembered.set(world, await contentOf(world));
  await world.railway.deleteProject();
  await query(world, 'DROP DATABASE shop WITH (FORCE)', 'postgres');
  world.railway.createProject({
    projectId: names.rebuiltProject,
    environmentId: names.rebuiltEnvironment,
    name: 'shop again',
    tokens: {project: secrets.rebuiltRailwayToken},
  });
}

function changedNothing(outcome: Between): Check[] {
  const {world, result} = outcome;
  const {services} = world.railway.state();
  return [
    ran(outcome, 'failure'),
    check(
      result.log.some((line) => line.includes(`this project is ${identity}`)),
      'a run without the typed identity prints it',
    ),
    check(services.length === 0, 'and makes nothing in the empty project'),
  ];
}

async function onlyThePage({world}: Between): Promise<Check[]> {
  const page = await fetch(world.frontendUrl);
  await page.arrayBuffer();
  return [check(page.status === 503, `the runner is lost, and users get the page: ${page.status}`)];
}

async function isRebuilt(outcome: Outcome): Promise<Check[]> {
  const {world, result} = outcome;
  const {services} = world.railway.state();
  const api = services.find(({name}) => name === 'api');
  if (!api) return [check(false, 'the project has a backend again')];
  const url = world.railway.serviceUrl(api.id);
  const [page, config, health, items] = await Promise.all([
    fetch(world.frontendUrl),
    textOf(`${world.frontendUrl}/config.js`),
    fetch(`${url}/api/health`),
    textOf(`${url}/api/items`),
  ]);
  const {outputs} = result.jobs['recover'] ?? {outputs: {} as Record<string, string>};
  return [
    check(page.ok && health.ok, `frontend and the new backend answer: ${page.status}, ${health.status}`),
    check(
      services
        .map(({name}) => name)
        .sort()
        .join() === 'Postgres,api',
      `the project has what was lost, once: ${services.map(({name}) => name).join(', ')}`,
    ),
    check(
      api.servingCommit === world.product.commits.v2,
      `the backend serves the last known good commit ${api.servingCommit?.slice(0, 7)}`,
    ),
    check(url !== world.backendUrl && config.includes(`"${url}"`), `users' browsers call its new address ${url}`),
    check((JSON.parse(items) as {items: unknown[]}).items.length === 3, 'a visitor sees 3 items there'),
    check(world.railwayDatabases.length === 1, 'on one new server'),
    check(
      (await contentAt(world.railwayDatabases[0]!.urlOf('railway'))) === remembered.get(world),
      'every item and order is as it was in the set',
    ),
    check(
      outputs['met'] === 'true',
      `RTO ${outputs['rto-ms']} ms and RPO ${outputs['rpo-ms']} ms were measured and met`,
    ),
    lastEvent(outcome, 'good'),
    check(
      result.log.some((line) => line.includes('Left for you') && line.includes('DATABASE_URL')),
      'the log says what people have to change themselves',
    ),
  ];
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}
