import type {BuildEvent, Deployment, ReadyState} from './records.js';
import {beginRollout} from './rolling-release.js';
import {autoAssigns, generatedHosts, moveProduction, pointAlias, productionHosts} from './traffic.js';
import {newId, type World} from './world.js';

export const inProgress: ReadonlySet<ReadyState> = new Set(['QUEUED', 'INITIALIZING', 'BUILDING']);

/** Starts a deployment on its way: QUEUED, INITIALIZING, BUILDING, and the end that was chosen for it. */
export function launch(world: World, deployment: Deployment): void {
  const {agenda, delays} = world;
  const go = (ms: number, state: ReadyState, then: () => void) =>
    agenda.after(ms, () => {
      if (!inProgress.has(deployment.readyState)) return;
      deployment.readyState = state;
      then();
    });
  if (deployment.outcome === 'blocked') return void agenda.after(delays.initializing, () => block(deployment, world));
  go(delays.initializing, 'INITIALIZING', () => {
    deployment.initReadyAt = agenda.now();
    go(delays.building, 'BUILDING', () => {
      deployment.buildingAt = agenda.now();
      firstLines(world, deployment);
      if (deployment.outcome !== 'stuck') agenda.after(delays.ready, () => finish(world, deployment));
    });
  });
}

function finish(world: World, deployment: Deployment): void {
  if (deployment.readyState !== 'BUILDING') return;
  if (deployment.outcome === 'canceled') return void cancel(world, deployment);
  if (deployment.outcome === 'error' || deployment.site.buildError) return void fail(world, deployment);
  makeReady(world, deployment);
  if (deployment.outcome !== 'alias-stuck')
    world.agenda.after(world.delays.aliasAssigned, () => assignAliases(world, deployment));
}

/** The build is over and the deployment serves at its own address. */
export function makeReady(world: World, deployment: Deployment): void {
  deployment.readyState = 'READY';
  deployment.ready = world.agenda.now();
  deployment.buildingAt ??= deployment.ready;
  if (deployment.target === 'production') deployment.readySubstate = 'STAGED';
  say(world, deployment, 'stdout', 'Build Completed in /vercel/output [1s]');
  say(world, deployment, 'stdout', 'Deployment completed');
  state(world, deployment);
  const demanded = world.projectOf(deployment).options.checks?.some((check) => check.blocks !== 'none');
  if (demanded || deployment.outcome === 'check-failed') deployment.checksState = 'running';
}

/** What follows READY: the generated addresses always, the production domains when they are assigned by themselves. */
export function assignAliases(world: World, deployment: Deployment): void {
  if (deployment.readyState !== 'READY' || deployment.deletedAt !== undefined) return;
  const project = world.projectOf(deployment);
  if (!checksPass(deployment)) return void ended(world, deployment);
  if (deployment.outcome === 'alias-error') {
    deployment.aliasError = {code: 'cert_missing', message: 'The certificate for the alias is missing'};
    return void ended(world, deployment);
  }
  for (const host of generatedHosts(world, deployment)) pointAlias(world, host, deployment);
  deployment.aliasHosts = generatedHosts(world, deployment);
  if (autoAssigns(project, deployment)) {
    // With rolling releases on, going live means a rollout, and no alias is assigned before it is complete.
    if (project.rollingReleaseStages && project.liveId) return void beginRollout(world, project, deployment);
    moveProduction(world, deployment);
    deployment.aliasHosts.unshift(...productionHosts(project));
  }
  deployment.aliasAssignedAt = world.agenda.now();
  aliasLine(world, deployment);
  ended(world, deployment);
}

function checksPass(deployment: Deployment): boolean {
  if (!deployment.checksState) return true;
  deployment.checksState = 'completed';
  deployment.checksConclusion = deployment.outcome === 'check-failed' ? 'failed' : 'succeeded';
  return deployment.checksConclusion === 'succeeded';
}

function fail(world: World, deployment: Deployment): void {
  const told = deployment.site.buildError ?? {
    code: 'BUILD_FAILED',
    message: 'Command "npm run build" exited with 1',
    step: 'buildStep',
  };
  deployment.readyState = 'ERROR';
  deployment.error = {...told, link: 'https://vercel.com/docs/deployments/troubleshoot-a-build'};
  for (const line of told.message.split('\n')) say(world, deployment, 'stderr', line, 'error');
  say(world, deployment, 'fatal', `Error: ${told.message.split('\n')[0]}`, 'error');
  state(world, deployment);
  ended(world, deployment);
}

/** Ends a deployment that is in progress; the caller has looked at its state. */
export function cancel(world: World, deployment: Deployment): void {
  deployment.readyState = 'CANCELED';
  deployment.canceledAt = world.agenda.now();
  say(world, deployment, 'stderr', 'Build canceled', 'error');
  state(world, deployment);
  ended(world, deployment);
}

function block(deployment: Deployment, world: World): void {
  deployment.readyState = 'BLOCKED';
  deployment.readyStateReason =
    'The deployment was blocked because the commit author does not have contributing access to the project on Vercel.';
  deployment.seatBlock = {
    blockCode: 'TEAM_ACCESS_REQUIRED',
    userId: world.user.id,
    isVerified: true,
    gitProvider: 'github',
  };
  state(world, deployment);
  ended(world, deployment);
}

function firstLines(world: World, deployment: Deployment): void {
  state(world, deployment);
  say(world, deployment, 'stdout', 'Running build in Washington, D.C., USA (East) – iad1');
  say(world, deployment, 'stdout', `Retrieving list of deployment files... ${deployment.files.length} files`);
  say(
    world,
    deployment,
    'command',
    deployment.prebuilt ? 'Using prebuilt build artifacts from .vercel/output' : 'Running "vercel build"',
  );
}

function say(world: World, deployment: Deployment, type: string, text: string, level?: 'error'): void {
  world.tell(deployment, {...stamp(world, deployment), type, text, ...(level ? {level} : {}), info: info(deployment)});
}

function state(world: World, deployment: Deployment): void {
  world.tell(deployment, {
    ...stamp(world, deployment),
    type: 'deployment-state',
    text: '',
    info: {...info(deployment), readyState: deployment.readyState},
  });
}

function aliasLine(world: World, deployment: Deployment): void {
  const event = {
    type: 'alias-assigned',
    deploymentId: deployment.id,
    alias: deployment.aliasHosts,
    aliasError: null,
    aliasWarning: null,
  };
  world.tell(deployment, {...event, date: world.agenda.now(), created: world.agenda.now()});
}

function ended(world: World, deployment: Deployment): void {
  world.tell(deployment, undefined);
}

const info = (deployment: Deployment) => ({type: 'build', name: `bld_${deployment.id.slice(4, 13)}`, entrypoint: '.'});

function stamp(world: World, deployment: Deployment): Omit<BuildEvent, 'type'> {
  const moment = world.agenda.now();
  const serial = String(moment * 1000 + deployment.log.length).padStart(20, '0');
  return {created: moment, date: moment, id: newId('', 20), serial, deploymentId: deployment.id};
}
