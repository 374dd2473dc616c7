import type {Deployment, Project} from './records.js';
import {newId, type World} from './world.js';

/** The domains that a promotion moves: those of production that do not redirect elsewhere. */
export function productionHosts(project: Project): string[] {
  return project.domains
    .filter((domain) => domain.redirect === null && domain.gitBranch === null)
    .map((domain) => domain.name);
}

/** Points a host at a deployment; returns the deployment it was taken from. */
export function pointAlias(
  world: World,
  host: string,
  deployment: Deployment,
  redirect?: string | null,
): string | undefined {
  const found = world.aliases.get(host);
  if (found && found.projectId === deployment.projectId) {
    const old = found.deploymentId;
    found.deploymentId = deployment.id;
    found.updatedAt = world.agenda.now();
    if (redirect !== undefined) found.redirect = redirect;
    return old;
  }
  const moment = world.stamp();
  world.aliases.set(host, {
    uid: newId('', 24),
    host,
    projectId: deployment.projectId,
    deploymentId: deployment.id,
    created: moment,
    updatedAt: moment,
    redirect: redirect ?? null,
  });
  return found?.deploymentId;
}

/** Moves every production domain, and with them what the project calls its production deployment. */
export function moveProduction(world: World, deployment: Deployment): void {
  const project = world.projectOf(deployment);
  for (const host of productionHosts(project)) pointAlias(world, host, deployment);
  settleProduction(world, deployment);
}

/** The project's own record of what production is, once the domains are there. */
export function settleProduction(world: World, deployment: Deployment): void {
  const project = world.projectOf(deployment);
  if (project.liveId && project.liveId !== deployment.id) project.formerLive.push(project.liveId);
  project.liveId = deployment.id;
  project.cronsDeploymentId = deployment.id;
  project.updatedAt = world.agenda.now();
  deployment.readySubstate = 'PROMOTED';
  deployment.everLive = true;
}

/** The production deployment before the present one, the only one the free plan can go back to. */
export function previousLive(project: Project): string | undefined {
  return project.formerLive.filter((id) => id !== project.liveId).at(-1);
}

export function isRollbackCandidate(project: Project, deployment: Deployment): boolean {
  if (deployment.readyState !== 'READY' || !deployment.everLive || deployment.deletedAt !== undefined) return false;
  if (deployment.id === project.liveId || deployment.target !== 'production') return false;
  return project.options.hobby ? deployment.id === previousLive(project) : true;
}

/** Will a production deployment that becomes READY go live by itself? */
export function autoAssigns(project: Project, deployment: Deployment): boolean {
  if (deployment.target !== 'production' || deployment.autoAssign === false) return false;
  return project.autoAssign && !project.rolledBack && !project.paused && project.rollingRelease?.state !== 'ACTIVE';
}

/** What the project's field says about it. */
export function autoAssignField(world: World, project: Project): boolean {
  return project.autoAssign && !project.paused && !(world.quirks.rollbackShowsInAutoAssign && project.rolledBack);
}

/** Addresses that each deployment gets by its branch and project, whether it goes live or not. */
export function generatedHosts(world: World, deployment: Deployment): string[] {
  const team = world.options.team.slug;
  const branch = deployment.git.commitRef ?? deployment.meta.githubCommitRef;
  const slug =
    typeof branch === 'string' ? `git-${branch.toLowerCase().replace(/[^a-z0-9-]+/g, '-')}` : world.user.username;
  return [`${deployment.name}-${slug}-${team}.vercel.app`];
}
