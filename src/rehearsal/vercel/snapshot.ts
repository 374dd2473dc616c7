import type {AliasRequest, JobAlias, ReadyState, Target} from './records.js';
import {autoAssignField, productionHosts} from './traffic.js';
import type {World} from './world.js';

export interface Snapshot {
  readonly projects: ReadonlyArray<{
    readonly id: string;
    readonly name: string;
    /** Will an ordinary production deployment go live by itself? */
    readonly autoAssign: boolean;
    readonly rolledBack: boolean;
    readonly paused: boolean;
    /** What the project calls its production deployment. */
    readonly live: string | undefined;
    readonly crons: string | undefined;
    /** What each production domain serves. */
    readonly hosts: ReadonlyArray<{readonly host: string; readonly deploymentId: string | undefined}>;
    readonly lastAliasRequest: Readonly<AliasRequest> | null;
    readonly jobAliases: {readonly promote: readonly JobAlias[]; readonly rollback: readonly JobAlias[]};
    readonly rollingRelease: {readonly state: string; readonly canary: string; readonly stage: number} | null;
    readonly env: readonly string[];
    readonly bypassSecrets: number;
  }>;
  /** Oldest first; deleted ones stay with `deleted`. */
  readonly deployments: ReadonlyArray<{
    readonly id: string;
    readonly projectId: string;
    readonly url: string;
    readonly target: Target;
    readonly readyState: ReadyState;
    readonly readySubstate: string | undefined;
    readonly aliasAssigned: boolean;
    readonly everLive: boolean;
    readonly deleted: boolean;
    readonly commit: string | undefined;
    readonly meta: Readonly<Record<string, string>>;
    readonly files: readonly string[];
    readonly createdAt: number;
  }>;
  readonly aliases: Readonly<Record<string, string>>;
  readonly uploads: number;
}

/** A copy of what is true at this moment. */
export function snapshot(world: World): Snapshot {
  world.agenda.settle();
  return structuredClone({
    projects: projects(world),
    deployments: deployments(world),
    aliases: Object.fromEntries([...world.aliases.values()].map((one) => [one.host, one.deploymentId])),
    uploads: world.uploads.size,
  });
}

function projects(world: World): Snapshot['projects'] {
  return [...world.projects.values()].map((project) => ({
    id: project.id,
    name: project.name,
    autoAssign: autoAssignField(world, project) && !project.rolledBack,
    rolledBack: project.rolledBack,
    paused: project.paused,
    live: project.liveId,
    crons: project.cronsDeploymentId,
    hosts: productionHosts(project).map((host) => ({host, deploymentId: world.aliases.get(host)?.deploymentId})),
    lastAliasRequest: project.lastAliasRequest,
    jobAliases: project.jobAliases,
    rollingRelease: project.rollingRelease && {
      state: project.rollingRelease.state,
      canary: project.rollingRelease.canaryId,
      stage: project.rollingRelease.stageIndex,
    },
    env: project.env.map((one) => one.key),
    bypassSecrets: project.bypass.size,
  }));
}

function deployments(world: World): Snapshot['deployments'] {
  return [...world.deployments.values()].map((one) => ({
    id: one.id,
    projectId: one.projectId,
    url: one.host,
    target: one.target,
    readyState: one.readyState,
    readySubstate: one.readySubstate,
    aliasAssigned: one.aliasAssignedAt !== undefined,
    everLive: one.everLive,
    deleted: one.deletedAt !== undefined,
    commit: (one.git.commitSha as string | undefined) ?? one.meta.commit,
    meta: one.meta,
    files: one.files.map((file) => file.file),
    createdAt: one.createdAt,
  }));
}
