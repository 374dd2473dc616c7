import type {Deployment, JobAlias, Project} from './records.js';
import {refused} from './refusal.js';
import type {JobPlan} from './script.js';
import {pointAlias, productionHosts, settleProduction} from './traffic.js';
import {newId, type World} from './world.js';

type Verb = 'promote' | 'rollback';

/** True while a promote or rollback of the project has not ended. */
export function jobRunning(project: Project): boolean {
  const status = project.lastAliasRequest?.jobStatus;
  return status === 'pending' || status === 'in-progress';
}

export function refuseWhileRunning(project: Project): void {
  if (jobRunning(project))
    throw refused(
      409,
      'alias_job_in_progress',
      `Another ${project.lastAliasRequest!.type} is in progress for this project. (stand-in)`,
    );
}

/** Accepts the job; the domains move later, one after the other, as the script says. */
export function startJob(world: World, deployment: Deployment, verb: Verb, description?: string): void {
  const project = world.projectOf(deployment);
  const plan = world.script.takeJob();
  const request = {
    fromDeploymentId: project.liveId ?? null,
    toDeploymentId: deployment.id,
    requestedAt: world.agenda.now(),
    type: verb,
    jobStatus: 'pending' as const,
  };
  project.lastAliasRequest = request;
  project.jobAliases[verb] = productionHosts(project).map(
    (alias): JobAlias => ({
      id: newId('', 24),
      alias,
      deploymentId: deployment.id,
      created: world.stamp(),
      status: 'pending',
    }),
  );
  world.agenda.after(world.delays.promoteStart, () => runJob(world, deployment, verb, plan, description));
}

function runJob(
  world: World,
  deployment: Deployment,
  verb: Verb,
  plan: JobPlan,
  description: string | undefined,
): void {
  const project = world.projectOf(deployment);
  const request = project.lastAliasRequest!;
  request.jobStatus = 'in-progress';
  if (plan.outcome === 'stuck') return;
  if (plan.outcome === 'skipped' || plan.outcome === 'failed') {
    return void world.agenda.after(world.delays.promoteDone, () =>
      giveUp(project, verb, plan.outcome as 'skipped' | 'failed'),
    );
  }
  const entries = project.jobAliases[verb];
  const stepMs = world.delays.promoteDone / Math.max(1, entries.length);
  entries.forEach((entry, index) => {
    entry.status = 'in-progress';
    world.agenda.after(stepMs * (index + 1), () => moveOne(world, deployment, entry, plan));
  });
  world.agenda.after(world.delays.promoteDone, () => conclude(world, deployment, verb, description));
}

function moveOne(world: World, deployment: Deployment, entry: JobAlias, plan: JobPlan): void {
  entry.status = plan.failHosts?.includes(entry.alias) ? 'failed' : 'completed';
  if (entry.status === 'completed') pointAlias(world, entry.alias, deployment);
}

function giveUp(project: Project, verb: Verb, outcome: 'skipped' | 'failed'): void {
  project.lastAliasRequest!.jobStatus = outcome;
  for (const entry of project.jobAliases[verb]) entry.status = outcome === 'failed' ? 'failed' : 'pending';
}

function conclude(world: World, deployment: Deployment, verb: Verb, description: string | undefined): void {
  const project = world.projectOf(deployment);
  if (project.jobAliases[verb].some((entry) => entry.status === 'failed')) {
    project.lastAliasRequest!.jobStatus = 'failed';
    return;
  }
  project.lastAliasRequest!.jobStatus = 'succeeded';
  settleProduction(world, deployment);
  project.rolledBack = verb === 'rollback';
  if (verb === 'promote') delete project.rollbackDescription;
  else if (description !== undefined) describeRollback(world, project, description);
}

export function describeRollback(world: World, project: Project, description: string): void {
  project.rollbackDescription = {
    description,
    createdAt: world.agenda.now(),
    userId: world.user.id,
    username: world.user.username,
  };
}
