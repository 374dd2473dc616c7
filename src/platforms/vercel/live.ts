import type {Live, PlatformCall} from '../platform.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, findDeployment} from './deployment-record.js';
import {describeHosts, type HostReading, readHosts} from './hosts.js';
import {deploymentUrl} from './options.js';
import {productionHosts, readProject} from './project.js';
import {together} from './together.js';

/** What serves production now; undefined when nothing ever did. */
export async function readLive(vercel: Vercel, call: PlatformCall): Promise<Live | undefined> {
  const [project, hosts] = await together([readProject(vercel, call), productionHosts(vercel, call)]);
  const readings = await readHosts(vercel, hosts, call);
  const id = liveId(project.currentId, readings);
  if (id === undefined) return undefined;
  if (readings.some((reading) => reading.deploymentId !== id)) {
    call.progress(`Vercel: the production hosts disagree: ${describeHosts(readings)}; counting ${id} as live.`);
  }
  return liveOf(vercel, id, await findDeployment(vercel, id, call), servedHosts(readings, id));
}

/** The project's own word when a host confirms it or there are no hosts; else what most hosts serve. */
function liveId(currentId: string | undefined, readings: readonly HostReading[]): string | undefined {
  const served = readings.flatMap(({deploymentId}) => deploymentId ?? []);
  if (served.length === 0 || (currentId !== undefined && served.includes(currentId))) return currentId;
  const votes = new Map<string, number>();
  for (const id of served) votes.set(id, (votes.get(id) ?? 0) + 1);
  return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0];
}

export const servedHosts = (readings: readonly HostReading[], id: string): string[] =>
  readings.filter((reading) => reading.deploymentId === id).map(({host}) => host);

export function liveOf(
  vercel: Vercel,
  id: string,
  found: DeploymentRecord | undefined,
  hosts: readonly string[],
): Live {
  return {
    component: 'frontend',
    platform: 'vercel',
    deploymentId: id,
    ...(found?.commit ? {commit: found.commit} : {}),
    ...(found?.host ? {url: deploymentUrl(vercel.settings, found.host)} : {}),
    hosts,
    createdAtMs: found?.createdAtMs ?? 0,
    readAtMs: vercel.clock.now(),
    restorable: restorable(found),
  };
}

function restorable(found: DeploymentRecord | undefined): Live['restorable'] {
  const none = (why: string, remedy: string) => ({by: 'none', why, remedy}) as const;
  if (!found)
    return none(
      'the deployment that serves production was deleted',
      'Deploy and promote the current commit again, so that there is a deployment to come back to.',
    );
  if (found.state !== 'READY')
    return none(
      `its state is ${found.state}, not READY`,
      'Deploy and promote a commit that builds, so that there is a deployment to come back to.',
    );
  if (found.target !== undefined && found.target !== 'production') {
    return none(
      `it is a ${found.target} deployment that was aliased by hand`,
      'Deploy and promote the commit as production first: Vercel rolls back to production deployments only.',
    );
  }
  return {by: 'rollback'};
}
