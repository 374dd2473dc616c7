import {type Call, jsonBody, ok, projectOf, type Reply} from './call.js';
import type {RollingReleaseStage} from './options.js';
import type {Deployment, Project, RollingRelease} from './records.js';
import {badRequest, refused} from './refusal.js';
import {advanceStage, beginRollout, completeRollout} from './rolling-release.js';
import type {World} from './world.js';

/** GET …/rolling-release. */
export function readRollout(call: Call): Reply {
  const project = projectOf(call);
  const wanted = call.query.get('state');
  const rolling =
    project.rollingRelease && (!wanted || wanted === project.rollingRelease.state) ? project.rollingRelease : null;
  return ok({rollingRelease: rolling && rolloutView(call.world, rolling)});
}

/** POST …/rolling-release/start. */
export function startRollout(call: Call): Reply {
  const project = projectOf(call);
  const canary = call.world.deployments.get(String(jsonBody(call).canaryDeploymentId));
  if (!canary || canary.projectId !== project.id || canary.readyState !== 'READY')
    throw badRequest('`canaryDeploymentId` is not a ready deployment of the project.');
  if (!project.rollingReleaseStages) throw badRequest('the project has no rolling release configuration.');
  if (project.rollingRelease?.state === 'ACTIVE')
    throw refused(409, 'rolling_release_active', 'A rolling release is already active (stand-in)');
  beginRollout(call.world, project, canary);
  return ok({rollingRelease: rolloutView(call.world, project.rollingRelease!)});
}

/** POST …/rolling-release/approve-stage. */
export function approveStage(call: Call): Reply {
  const project = projectOf(call);
  const rolling = active(call, project);
  const {nextStageIndex} = jsonBody(call) as {nextStageIndex?: number};
  if (nextStageIndex !== rolling.stageIndex + 1)
    throw badRequest(`\`nextStageIndex\` should be ${rolling.stageIndex + 1}.`);
  advanceStage(call.world, project);
  return ok({rollingRelease: rolloutView(call.world, rolling)});
}

/** POST …/rolling-release/complete. */
export function finishRollout(call: Call): Reply {
  const project = projectOf(call);
  const rolling = active(call, project);
  completeRollout(call.world, project);
  return ok({rollingRelease: rolloutView(call.world, rolling)});
}

function active(call: Call, project: Project): RollingRelease {
  const rolling = project.rollingRelease;
  if (rolling?.state !== 'ACTIVE') throw badRequest('there is no active rolling release.');
  if (jsonBody(call).canaryDeploymentId !== rolling.canaryId)
    throw badRequest('`canaryDeploymentId` is not the active canary.');
  return rolling;
}

/** GET, PATCH and DELETE …/rolling-release/config. */
export function readRolloutConfig(call: Call): Reply {
  return ok({rollingRelease: configView(projectOf(call))});
}

export function changeRolloutConfig(call: Call): Reply {
  const project = projectOf(call);
  const {stages} = jsonBody(call) as {stages?: RollingReleaseStage[]};
  if (!Array.isArray(stages) || stages.at(-1)?.targetPercentage !== 100)
    throw badRequest('`stages` must end with 100 percent.');
  project.rollingReleaseStages = stages.map(({targetPercentage, duration}) => ({
    targetPercentage,
    ...(duration === undefined ? {} : {duration}),
  }));
  return ok({rollingRelease: configView(project)});
}

export function deleteRolloutConfig(call: Call): Reply {
  const project = projectOf(call);
  project.rollingReleaseStages = null;
  return ok({rollingRelease: null});
}

function configView(project: Project): Record<string, unknown> | null {
  if (!project.rollingReleaseStages) return null;
  return {
    target: 'production',
    stages: project.rollingReleaseStages.map((stage) => ({...stage, requireApproval: stage.duration === undefined})),
  };
}

function rolloutView(world: World, rolling: RollingRelease): Record<string, unknown> {
  const stages = rolling.stages.map((stage, index) => ({
    index,
    isFinalStage: index === rolling.stages.length - 1,
    targetPercentage: stage.targetPercentage,
    requireApproval: stage.duration === undefined && index < rolling.stages.length - 1,
    // Minutes in the configuration, seconds here.
    duration: stage.duration === undefined ? null : stage.duration * 60,
  }));
  const running = rolling.state === 'ACTIVE';
  return {
    state: rolling.state,
    substate: null,
    stages,
    activeStage: running ? stages[rolling.stageIndex] : null,
    nextStage: running ? (stages[rolling.stageIndex + 1] ?? null) : null,
    currentDeployment: party(world.deployments.get(rolling.currentId)),
    canaryDeployment: party(world.deployments.get(rolling.canaryId)),
    queuedDeploymentId: rolling.queuedDeploymentId,
    advancementType: rolling.stages.some(
      (stage, index) => stage.duration === undefined && index < rolling.stages.length - 1,
    )
      ? 'manual-approval'
      : 'automatic',
    startedAt: rolling.startedAt,
    updatedAt: rolling.updatedAt,
  };
}

function party(one: Deployment | undefined): Record<string, unknown> | null {
  return one
    ? {
        id: one.id,
        name: one.name,
        url: one.host,
        createdAt: one.createdAt,
        readyState: one.readyState,
        readyStateAt: one.ready,
        target: one.target,
        source: 'cli',
      }
    : null;
}
