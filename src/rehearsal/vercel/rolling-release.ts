import type {Deployment, Project, RollingRelease} from './records.js';
import {moveProduction} from './traffic.js';
import type {World} from './world.js';

/** Shifts traffic to a deployment stage by stage instead of at once. */
export function beginRollout(world: World, project: Project, canary: Deployment): void {
  const moment = world.agenda.now();
  canary.readySubstate = 'ROLLING';
  project.rollingRelease = {
    canaryId: canary.id,
    currentId: project.liveId ?? canary.id,
    stages: project.rollingReleaseStages ?? [{targetPercentage: 100}],
    startedAt: moment,
    updatedAt: moment,
    state: 'ACTIVE',
    stageIndex: 0,
    queuedDeploymentId: null,
  };
  planStage(world, project, project.rollingRelease);
}

function planStage(world: World, project: Project, rolling: RollingRelease): void {
  const index = rolling.stageIndex;
  const minutes = rolling.stages[index]?.duration;
  if (index >= rolling.stages.length - 1) return void completeRollout(world, project);
  if (minutes === undefined) return;
  world.agenda.after(minutes * 60_000, () => {
    if (project.rollingRelease === rolling && rolling.state === 'ACTIVE' && rolling.stageIndex === index)
      advanceStage(world, project);
  });
}

/** One stage on; the last stage completes the rollout. */
export function advanceStage(world: World, project: Project): void {
  const rolling = project.rollingRelease!;
  rolling.stageIndex += 1;
  rolling.updatedAt = world.agenda.now();
  planStage(world, project, rolling);
}

export function completeRollout(world: World, project: Project): void {
  const rolling = project.rollingRelease!;
  const canary = world.deployments.get(rolling.canaryId)!;
  rolling.state = 'COMPLETE';
  rolling.stageIndex = rolling.stages.length - 1;
  rolling.updatedAt = world.agenda.now();
  moveProduction(world, canary);
  project.rolledBack = false;
  canary.aliasAssignedAt ??= world.agenda.now();
  const queued = rolling.queuedDeploymentId ? world.deployments.get(rolling.queuedDeploymentId) : undefined;
  if (queued) beginRollout(world, project, queued);
}

export function abortRollout(world: World, project: Project): void {
  const rolling = project.rollingRelease!;
  rolling.state = 'ABORTED';
  rolling.updatedAt = world.agenda.now();
  world.deployments.get(rolling.canaryId)!.readySubstate = 'STAGED';
}
