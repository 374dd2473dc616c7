import {closeDatabases} from './database-image.js';
import {takeDown} from './instance.js';
import type {ProjectRecord} from './records.js';
import {endInFlight} from './status.js';
import type {World} from './world.js';

/** The end of a project and the start of the next, as their owner makes them on the platform's pages. */

export type NewProject = ProjectRecord;

export async function deleteProject(world: World): Promise<void> {
  const gone = [...world.deployments];
  // Without tokens nothing can be asked any more, while the rest is taken down.
  world.project = {...world.project, tokens: {}};
  for (const deployment of gone) endInFlight(deployment, 'REMOVED', 'The project was deleted');
  await Promise.all(gone.map((deployment) => takeDown(deployment)));
  await Promise.all([world.fronts.close(), closeDatabases(world)]);
  for (const list of [world.services, world.deployments, world.volumes, world.workflows]) list.length = 0;
  world.sharedVariables = {};
  world.staged = undefined;
  world.buckets.clear();
}

export function createProject(world: World, project: NewProject): void {
  if (world.services.length > 0 || Object.keys(world.project.tokens).length > 0)
    throw new Error('the stand-in holds one project at a time: delete the one it has first');
  world.project = project;
}

export async function verifyDomain(world: World, domain: string): Promise<void> {
  for (const service of world.services) {
    const found = service.customDomains.find((one) => one.domain === domain);
    if (!found) continue;
    found.verified = true;
    return world.fronts.open(() => world, service.id);
  }
  throw new Error(`no service has the domain ${domain}`);
}
