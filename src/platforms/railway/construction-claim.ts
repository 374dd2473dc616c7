import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {build, readPlainVariables, type Site, settledByMs} from './construction-site.js';
import {createServiceDocument, variableNamesDocument} from './documents.js';
import {lookUntil} from './polling.js';
import {servicesOf} from './target.js';
import {ownerVariable} from './variables.js';

/** The recovery that made each service, by id; services without the mark are left out. */
export async function ownersOf(site: Site): Promise<Map<string, string>> {
  const {session, projectId, environmentId} = site;
  const marked = new Set<string>();
  for (let after: string | undefined, pages = 0; pages < 20; pages++) {
    const {environment} = await session.read(variableNamesDocument, {projectId, environmentId, after});
    for (const {node} of environment.variables.edges)
      if (node.name === ownerVariable && node.serviceId) marked.add(node.serviceId);
    after = environment.variables.pageInfo?.endCursor ?? undefined;
    if (!environment.variables.pageInfo?.hasNextPage || !after) break;
  }
  const owners = new Map<string, string>();
  for (const id of marked) {
    const owner = await ownerOf(site, id);
    if (owner) owners.set(id, owner);
  }
  return owners;
}

async function ownerOf(site: Site, serviceId: string): Promise<string | undefined> {
  return (await readPlainVariables(site, serviceId)).get(ownerVariable);
}

/**
 * The service of this name that this recovery made; undefined when there is none of that name.
 * @throws Failure RAILWAY_NOT_EMPTY when it is somebody else's.
 */
export async function ownService(site: Site, name: string, owner: string): Promise<string | undefined> {
  const {projectId, environmentId} = site;
  const {list} = await servicesOf(site.session, {projectId, environmentId});
  const [found, second] = list.filter(({serviceName}) => serviceName === name);
  if (!found) return undefined;
  const mark = second ? undefined : await ownerOf(site, found.serviceId);
  if (mark === owner) return found.serviceId;
  const whose = second
    ? 'there are two of that name'
    : mark
      ? `recovery ${cleanLine(mark, 80)} made it`
      : 'no recovery made it';
  throw new Failure(
    'RAILWAY_NOT_EMPTY',
    `Railway project ${cleanLine(site.projectName, 80)} already has a service ${cleanLine(name, 80)}, and it is not of this recovery (${whose}); nothing was changed`,
    {
      remedy: `Recover into an empty project, or delete service ${cleanLine(name, 80)} there if nobody needs it, and run again.`,
      details: {service: name, serviceId: found.serviceId},
    },
  );
}

/** Makes a service that has nothing but its mark, or takes up the one of an earlier run. */
export async function claimService(
  site: Site,
  name: string,
  owner: string,
): Promise<{serviceId: string; made: boolean}> {
  const found = await ownService(site, name, owner);
  if (found) return {serviceId: found, made: false};
  const {session, projectId, environmentId} = site;
  const shown = cleanLine(name, 80);
  // Without a source there is nothing to deploy, and the mark is there from its first moment.
  const input = {projectId, environmentId, name, variables: {[ownerVariable]: owner}};
  let sent = false;
  const serviceId = await build(
    site,
    `service ${shown}`,
    async () => {
      // Before a repeat: a service whose mark does not show yet must not get a namesake.
      const late = sent ? await ownService(site, name, owner) : undefined;
      sent = true;
      return late ?? (await session.once(createServiceDocument, {input})).serviceCreate?.id;
    },
    () => ownService(site, name, owner).catch(unlessUnmarked),
  );
  session.call.progress(`railway: made service ${shown}`);
  await shows(site, shown, serviceId);
  return {serviceId, made: true};
}

function unlessUnmarked(error: unknown): undefined {
  if (!(error instanceof Failure) || error.code !== 'RAILWAY_NOT_EMPTY') throw error;
  return undefined;
}

/** Railway gives the id before every reader knows the service. */
async function shows(site: Site, name: string, serviceId: string): Promise<void> {
  const {session, projectId, environmentId} = site;
  const looked = await lookUntil(session, settledByMs(site), async () => {
    const {list} = await servicesOf(session, {projectId, environmentId});
    return list.some((one) => one.serviceId === serviceId) || undefined;
  });
  if (looked.value) return;
  throw (
    looked.trouble ??
    new Failure('RAILWAY_UNPROVEN', `Railway says that it made service ${name}, and does not list it`, {
      remedy: 'Look at the project on railway.com and run again: what is found there will be taken up.',
      details: {serviceId},
    })
  );
}
