import type {Deployment} from './records.js';
import {isRollbackCandidate} from './traffic.js';
import type {World} from './world.js';

/** A deployment as single reads tell it. */
export function deploymentView(world: World, deployment: Deployment): Record<string, unknown> {
  const project = world.projectOf(deployment);
  return {
    ...shared(world, deployment),
    id: deployment.id,
    type: 'LAMBDAS',
    version: 2,
    status: deployment.readyState,
    ownerId: world.options.team.id,
    team: {id: world.options.team.id, slug: world.options.team.slug, name: world.options.team.slug},
    project: {id: project.id, name: project.name, framework: null},
    plan: project.options.hobby ? 'hobby' : 'pro',
    public: false,
    regions: deployment.regions,
    routes: null,
    env: deployment.envNames,
    build: {env: deployment.buildEnvNames},
    buildSkipped: deployment.prebuilt,
    bootedAt: deployment.initReadyAt ?? deployment.createdAt,
    buildingAt: deployment.buildingAt ?? deployment.createdAt,
    createdIn: 'iad1',
    isInConcurrentBuildsQueue: false,
    isInSystemBuildsQueue: false,
    projectSettings: {
      ...deployment.projectSettings,
      rootDirectory: undefined,
      serverlessFunctionRegion: undefined,
      skipGitConnectDuringLink: undefined,
      sourceFilesOutsideRootDirectory: undefined,
    },
    alias: deployment.aliasHosts,
    automaticAliases: deployment.aliasHosts.filter((host) => host.endsWith('.vercel.app')),
    aliasAssigned: deployment.aliasAssignedAt !== undefined,
    aliasAssignedAt: deployment.aliasAssignedAt ?? null,
    autoAssignCustomDomains: deployment.autoAssign ?? true,
    prebuilt: deployment.prebuilt || undefined,
    isInstantStatic: deployment.isInstantStatic,
    seatBlock: deployment.seatBlock,
    errorStep: deployment.error?.step,
    errorLink: deployment.error?.link,
  };
}

/** A deployment as lists tell it. */
export function listedView(world: World, deployment: Deployment): Record<string, unknown> {
  return {
    ...shared(world, deployment),
    uid: deployment.id,
    type: 'LAMBDAS',
    state: deployment.readyState,
    created: deployment.createdAt,
    aliasAssigned: deployment.aliasAssignedAt ?? false,
    isRollbackCandidate: isRollbackCandidate(world.projectOf(deployment), deployment),
  };
}

function shared(world: World, deployment: Deployment): Record<string, unknown> {
  const {user, options} = world;
  return {
    name: deployment.name,
    url: deployment.host,
    inspectorUrl: `https://vercel.com/${options.team.slug}/${deployment.name}/${deployment.id.slice(4)}`,
    projectId: deployment.projectId,
    readyState: deployment.readyState,
    readySubstate: deployment.readySubstate,
    readyStateReason: deployment.readyStateReason,
    target: deployment.target,
    customEnvironment: deployment.customEnvironment
      ? {id: `env_${deployment.customEnvironment}`, slug: deployment.customEnvironment, type: 'preview'}
      : undefined,
    creator: {uid: user.id, username: user.username, email: user.email},
    createdAt: deployment.createdAt,
    buildingAt: deployment.buildingAt,
    ready: deployment.ready,
    canceledAt: deployment.canceledAt,
    meta: {...gitMeta(deployment.git), ...deployment.meta},
    source: deployment.source,
    aliasError: deployment.aliasError ?? null,
    errorCode: deployment.error?.code,
    errorMessage: deployment.error?.message ?? null,
    ...checks(deployment),
  };
}

function checks(deployment: Deployment): Record<string, unknown> {
  if (!deployment.checksState) return {};
  const state =
    deployment.checksState !== 'completed'
      ? 'pending'
      : deployment.checksConclusion === 'failed'
        ? 'failed'
        : 'succeeded';
  return {
    checksState: deployment.checksState,
    checksConclusion: deployment.checksConclusion,
    checks: {
      'deployment-alias': {
        state,
        startedAt: deployment.ready,
        ...(state === 'pending' ? {} : {completedAt: deployment.ready}),
      },
    },
  };
}

// The platform copies git metadata into `meta` under the names of its git integrations.
function gitMeta(git: Readonly<Record<string, unknown>>): Record<string, string> {
  const names = ['commitSha', 'commitRef', 'commitMessage', 'commitAuthorName'] as const;
  const copied = names.flatMap((name) =>
    typeof git[name] === 'string' ? [[`git${name[0]!.toUpperCase()}${name.slice(1)}`, git[name] as string]] : [],
  );
  return Object.fromEntries([...copied, ...(git.dirty === true ? [['gitDirty', '1']] : [])]) as Record<string, string>;
}
