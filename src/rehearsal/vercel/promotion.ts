import {describeRollback, jobRunning, refuseWhileRunning, startJob} from './alias-jobs.js';
import {type Call, jsonBody, ok, page, projectOf, type Reply} from './call.js';
import type {Deployment, Project} from './records.js';
import {notFound, refused} from './refusal.js';
import {abortRollout, beginRollout} from './rolling-release.js';
import {isRollbackCandidate, previousLive, productionHosts} from './traffic.js';
import type {World} from './world.js';

const accepted: Reply = {status: 201};

/** POST /v10/projects/{p}/promote/{d}. */
export function promote(call: Call): Reply {
  const project = projectOf(call);
  const deployment = targetOf(call, project);
  jsonBody(call);
  if (isCurrent(call.world, project, deployment)) throw current(deployment);
  if (deployment.target !== 'production')
    throw refused(
      400,
      'bad_request',
      `The deployment ${deployment.id} is not a production deployment and cannot be promoted. (stand-in)`,
    );
  if (deployment.readyState !== 'READY')
    throw refused(400, 'deployment_not_ready', `The deployment ${deployment.id} is not ready. (stand-in)`);
  const rolling = project.rollingRelease;
  if (rolling?.state === 'ACTIVE') {
    rolling.queuedDeploymentId = deployment.id;
    return {status: 202};
  }
  refuseWhileRunning(project);
  if (project.rollingReleaseStages && project.liveId) beginRollout(call.world, project, deployment);
  else startJob(call.world, deployment, 'promote');
  return accepted;
}

/** POST /v9 or /v1 /projects/{p}/rollback/{d}. During a rolling release the same call ends it. */
export function rollback(call: Call): Reply {
  const project = projectOf(call);
  const deployment = targetOf(call, project);
  const description = call.query.get('description') ?? undefined;
  if (description !== undefined && description.length > 250)
    throw refused(400, 'bad_request', 'Invalid request: `description` should NOT be longer than 250 characters');
  if (project.rollingRelease?.state === 'ACTIVE' && deployment.id === project.liveId) {
    abortRollout(call.world, project);
    return accepted;
  }
  if (isCurrent(call.world, project, deployment))
    throw refused(
      422,
      'unprocessable_entity',
      `The deployment ${deployment.id} is already the current production deployment. (stand-in)`,
    );
  refuseIneligible(project, deployment);
  refuseWhileRunning(project);
  if (project.rollingRelease?.state === 'ACTIVE') abortRollout(call.world, project);
  startJob(call.world, deployment, 'rollback', description);
  return accepted;
}

function refuseIneligible(project: Project, deployment: Deployment): void {
  if (isRollbackCandidate(project, deployment)) return;
  const known = deployment.everLive && deployment.readyState === 'READY';
  if (known && project.options.hobby && deployment.id !== previousLive(project)) {
    throw refused(
      402,
      'payment_required',
      'Upgrade to Pro to roll back to deployments older than the previous one. (stand-in)',
    );
  }
  throw refused(
    422,
    'unprocessable_entity',
    `The deployment ${deployment.id} has never served production traffic and cannot be rolled back to. (stand-in)`,
  );
}

function targetOf(call: Call, project: Project): Deployment {
  const found = call.world.deployments.get(call.params.deployment ?? '');
  if (!found || found.projectId !== project.id) throw notFound('Deployment');
  if (found.deletedAt !== undefined) throw refused(410, 'gone', 'The deployment was deleted');
  return found;
}

// After a partial failure the project's record says current while a host is not there: then the verb may run again.
function isCurrent(world: World, project: Project, deployment: Deployment): boolean {
  if (project.liveId !== deployment.id || jobRunning(project)) return false;
  return productionHosts(project).every((host) => world.aliases.get(host)?.deploymentId === deployment.id);
}

function current(deployment: Deployment): Error {
  return refused(
    409,
    'already_current',
    `The provided deploymentId (${deployment.id}) is already the current production deployment.`,
  );
}

/** GET …/promote/aliases and …/rollback/aliases. */
export const jobAliases =
  (verb: 'promote' | 'rollback') =>
  (call: Call): Reply => {
    const project = projectOf(call);
    const all = project.jobAliases[verb].filter(
      (entry) => call.query.get('failedOnly') !== 'true' || entry.status === 'failed',
    );
    const {items, pagination} = page(call, all, (entry) => entry.created);
    const aliasOf = (entry: (typeof items)[number]) =>
      call.world.quirks.promoteAliases === 'cli' ? {alias: entry.alias, deploymentId: entry.deploymentId} : entry.alias;
    return ok({
      aliases: items.map((entry) => ({id: entry.id, alias: aliasOf(entry), status: entry.status})),
      pagination,
    });
  };

/** PATCH …/rollback/{d}/update-description. */
export function updateRollbackDescription(call: Call): Reply {
  const project = projectOf(call);
  targetOf(call, project);
  describeRollback(call.world, project, String(jsonBody(call).description ?? ''));
  return {status: 200};
}
