import type {Deployment, Project} from './records.js';
import {autoAssignField} from './traffic.js';
import type {World} from './world.js';

/** A project as the platform tells it. `rollbackInfo` is the command line's query for `lastAliasRequest`. */
export function projectView(world: World, project: Project, rollbackInfo: boolean): Record<string, unknown> {
  const live = project.liveId ? world.deployments.get(project.liveId) : undefined;
  return {
    ...standing(world, project),
    ...project.settings,
    autoAssignCustomDomains: autoAssignField(world, project),
    paused: project.paused,
    live: live !== undefined,
    targets: live ? {production: targetView(world, live)} : {},
    latestDeployments: newest(world, project).map((one) => targetView(world, one)),
    alias: project.domains.map((domain) => ({domain: domain.name, environment: 'production', target: 'PRODUCTION'})),
    crons: crons(project),
    ...(!world.quirks.rollbackInfoOnRequest || rollbackInfo ? {lastAliasRequest: project.lastAliasRequest} : {}),
    lastRollbackTarget: null,
    rollbackDescription: project.rollbackDescription,
    rollingRelease: project.rollingReleaseStages
      ? {target: 'production', stages: project.rollingReleaseStages.map(stageView)}
      : null,
    protectionBypass: project.bypass.size ? Object.fromEntries(project.bypass) : undefined,
    ssoProtection: project.protection ? {deploymentType: project.protection} : null,
    passwordProtection: null,
    trustedIps: null,
    link: link(project),
  };
}

function standing(world: World, project: Project): Record<string, unknown> {
  return {
    id: project.id,
    name: project.name,
    accountId: world.options.team.id,
    createdAt: project.createdAt,
    updatedAt: project.updatedAt,
    framework: null,
    nodeVersion: '22.x',
    directoryListing: false,
    rootDirectory: project.options.rootDirectory ?? null,
    sourceFilesOutsideRootDirectory: true,
    buildCommand: null,
    devCommand: null,
    installCommand: null,
    outputDirectory: null,
    deploymentExpiration: {},
    defaultResourceConfig: {fluid: true, functionDefaultRegions: ['iad1']},
    resourceConfig: {fluid: true, functionDefaultRegions: ['iad1']},
    customEnvironments: [],
  };
}

function newest(world: World, project: Project): Deployment[] {
  return world
    .deploymentsOf(project.id)
    .filter((one) => one.deletedAt === undefined)
    .sort((a, b) => b.createdAt - a.createdAt)
    .slice(0, 5);
}

function targetView(world: World, one: Deployment): Record<string, unknown> {
  return {
    id: one.id,
    name: one.name,
    url: one.host,
    target: one.target,
    type: 'LAMBDAS',
    plan: 'pro',
    private: false,
    userId: world.user.id,
    teamId: world.options.team.id,
    creator: {uid: world.user.id, username: world.user.username, email: world.user.email},
    createdIn: 'iad1',
    createdAt: one.createdAt,
    deploymentHostname: one.host,
    meta: one.meta,
    readyState: one.readyState,
    readySubstate: one.readySubstate,
    readyAt: one.ready,
    alias: one.aliasHosts,
    automaticAliases: one.aliasHosts.filter((host) => host.endsWith('.vercel.app')),
    aliasAssigned: one.aliasAssignedAt ?? false,
  };
}

function crons(project: Project): Record<string, unknown> | undefined {
  if (!project.options.crons) return undefined;
  const definitions = [{host: project.domains[0]?.name ?? '', path: '/api/cron', schedule: '0 5 * * *'}];
  return {
    definitions,
    deploymentId: project.cronsDeploymentId ?? null,
    enabledAt: project.createdAt,
    disabledAt: null,
    updatedAt: project.updatedAt,
  };
}

function stageView(stage: {targetPercentage: number; duration?: number}): Record<string, unknown> {
  return {
    targetPercentage: stage.targetPercentage,
    requireApproval: stage.duration === undefined,
    ...(stage.duration === undefined ? {} : {duration: stage.duration}),
  };
}

function link(project: Project): Record<string, unknown> | undefined {
  const repo = project.options.linkedRepo;
  if (!repo) return undefined;
  const {org, repo: name, productionBranch = 'main'} = repo;
  return {
    type: 'github',
    org,
    repo: name,
    repoId: 1,
    repoOwnerId: 1,
    gitCredentialId: 'cred_1',
    productionBranch,
    deployHooks: [],
    sourceless: false,
    createdAt: project.createdAt,
    updatedAt: project.createdAt,
  };
}
