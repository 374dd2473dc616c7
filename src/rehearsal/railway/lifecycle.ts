import {join} from 'node:path';
import {findCommit, unpackCommit, unpackUpload} from './commits.js';
import {activateProxy} from './forwarder.js';
import {healthcheck, imageOf, runPreDeploy, startInstance, supervise, takeDown} from './instance.js';
import {logBuild, openStep} from './journal.js';
import type {Cause, DeploymentRecord, ServiceRecord, ServiceSettings, Source, VariableRecord} from './records.js';
import {type Scripted, takeScripted} from './script.js';
import {Ended, endInFlight, setStatus} from './status.js';
import {inBackground, newId, pause, repositoryOf, serviceOf, volumeOf, type World} from './world.js';

/** A deployment's life: from its first status to the moment another one takes its place. */

interface DeploymentPlan {
  readonly service: ServiceRecord;
  readonly source: Source;
  readonly cause: Cause;
  /** False: starts from a kept image. */
  readonly builds: boolean;
  readonly files?: string;
  readonly variables?: Readonly<Record<string, VariableRecord>>;
  readonly settings?: ServiceSettings;
  /** How long no list shows it. */
  readonly appearsInMs?: number;
  /** Ends it as skipped at once, for this reason. */
  readonly skip?: string;
}

/** Makes a deployment and lets it live. @returns undefined when the script says that nothing appears. */
export function startDeployment(world: World, plan: DeploymentPlan): DeploymentRecord | undefined {
  const scripted = takeScripted(world.script, plan.service, plan.cause);
  if (scripted?.kind === 'vanishes') return undefined;
  if (world.answers.supersedesInFlight) supersedeInFlight(world, plan.service);
  const deployment = newDeployment(world, plan);
  if (plan.source.kind === 'commit') plan.service.commit = plan.source.commit;
  if (scripted?.kind === 'foreign') inBackground(world, foreignDeployment(world, plan.service, scripted.commit, 0));
  inBackground(world, live(world, plan, deployment, scripted));
  return deployment;
}

function newDeployment(world: World, plan: DeploymentPlan): DeploymentRecord {
  const nowMs = world.now();
  const deployment: DeploymentRecord = {
    id: newId(),
    serviceId: plan.service.id,
    snapshotId: newId(),
    source: plan.source,
    cause: plan.cause,
    variables: structuredClone(plan.variables ?? plan.service.variables),
    settings: structuredClone(plan.settings ?? plan.service.settings),
    createdAtMs: nowMs,
    status: 'INITIALIZING',
    statusUpdatedAtMs: nowMs,
    files: plan.files,
    instances: [],
    stopped: true,
    onceGood: false,
    events: [],
    buildLogs: [],
    logs: [],
    abort: new AbortController(),
    listed: false,
  };
  world.deployments.push(deployment);
  if (!plan.appearsInMs) list(world, plan.service, deployment);
  return deployment;
}

/** From now on reads show it; `latestDeployment` may lag. */
function list(world: World, service: ServiceRecord, deployment: DeploymentRecord): void {
  deployment.listed = true;
  const name = () => {
    service.latest = deployment;
  };
  if (world.delays.latestLag === 0) name();
  else inBackground(world, pause(world, world.delays.latestLag).then(name));
}

async function live(
  world: World,
  plan: DeploymentPlan,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  try {
    if (plan.appearsInMs) await pause(world, plan.appearsInMs);
    list(world, plan.service, deployment);
    await admit(world, plan, deployment, scripted);
    setStatus(world, deployment, 'INITIALIZING');
    await pause(world, world.delays.initializing, deployment.abort.signal);
    if (plan.builds && plan.source.kind !== 'image') await build(world, plan, deployment, scripted);
    await deploy(world, plan.service, deployment, scripted);
    goLive(world, plan.service, deployment);
    if (scripted?.kind === 'crash') inBackground(world, crashLater(world, deployment, scripted.afterMs));
    if (scripted?.kind === 'sleeps') inBackground(world, sleepLater(world, deployment, scripted.afterMs));
  } catch (error) {
    await endBadly(world, deployment, error);
  }
}

async function endBadly(world: World, deployment: DeploymentRecord, error: unknown): Promise<void> {
  if (world.closing.signal.aborted) return;
  const ended =
    error instanceof Ended ? error : new Ended('FAILED', error instanceof Error ? error.message : String(error));
  deployment.takenDown = true;
  deployment.reason = ended.why;
  if (ended.status === 'SKIPPED') deployment.skippedReason = ended.why;
  await deployment.container?.stop(0);
  for (const instance of deployment.instances) instance.status = ended.status === 'CRASHED' ? 'CRASHED' : 'REMOVED';
  deployment.stopped = true;
  if (ended.status === 'REMOVED') deployment.removedAtMs = world.now();
  setStatus(world, deployment, ended.status);
}

/** The states before the platform starts to work: held, stuck or skipped, when the script says so. */
async function admit(
  world: World,
  plan: DeploymentPlan,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  if (plan.skip ?? scripted?.kind === 'skipped')
    throw new Ended('SKIPPED', plan.skip ?? (scripted as {reason: string}).reason);
  if (!scripted && plan.cause === 'push' && plan.service.trigger.checkSuites) await hold(world, deployment, 'WAITING');
  if (scripted?.kind === 'held') await hold(world, deployment, scripted.status, scripted.forMs, scripted.thenSkip);
  if (scripted?.kind === 'stuck') await stay(world, deployment, scripted.status, scripted.forMs);
}

/** Keeps a deployment in a waiting status until it is released, skipped, or `forMs` are over. */
async function hold(
  world: World,
  deployment: DeploymentRecord,
  status: string,
  forMs?: number,
  thenSkip?: string,
): Promise<void> {
  setStatus(world, deployment, status);
  const released = new Promise<'go' | {skip: string}>((resolve) => {
    deployment.release = resolve;
  });
  const timeUp =
    forMs === undefined
      ? never(world, deployment)
      : pause(world, forMs, deployment.abort.signal).then(() =>
          thenSkip === undefined ? ('go' as const) : {skip: thenSkip},
        );
  const how = await Promise.race([released, timeUp]);
  deployment.release = undefined;
  if (how !== 'go') throw new Ended('SKIPPED', how.skip);
}

async function stay(world: World, deployment: DeploymentRecord, status: string, forMs?: number): Promise<void> {
  setStatus(world, deployment, status);
  await (forMs === undefined ? never(world, deployment) : pause(world, forMs, deployment.abort.signal));
}

export function never(world: World, deployment: DeploymentRecord): Promise<never> {
  const signal = AbortSignal.any([deployment.abort.signal, world.closing.signal]);
  return new Promise((_resolve, reject) => {
    const end = () => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, {once: true});
  });
}

async function build(
  world: World,
  plan: DeploymentPlan,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  setStatus(world, deployment, 'BUILDING');
  const snapshot = openStep(world, deployment, 'SNAPSHOT_CODE');
  logBuild(world, deployment, 'Unpacking the source');
  await unpack(world, plan, deployment);
  snapshot();
  const built = openStep(world, deployment, 'BUILD_IMAGE');
  if (scripted?.kind === 'slow') await pause(world, scripted.ms, deployment.abort.signal);
  if (scripted?.kind === 'superseded') await supersede(world, plan.service, deployment, scripted.by);
  await pause(world, world.delays.building, deployment.abort.signal);
  if (scripted?.kind === 'deleted') {
    world.deployments.splice(world.deployments.indexOf(deployment), 1);
    throw new Ended('REMOVED', 'Deleted');
  }
  if (scripted?.kind === 'fail' && scripted.in === 'build') {
    const error =
      scripted.message ?? 'Build failed: process "npm run build" did not complete successfully: exit code: 1';
    built({error});
    logBuild(world, deployment, error, 'error');
    throw new Ended('FAILED', error);
  }
  built();
  openStep(world, deployment, 'PUBLISH_IMAGE')();
  logBuild(world, deployment, 'Image published');
}

async function unpack(world: World, plan: DeploymentPlan, deployment: DeploymentRecord): Promise<void> {
  const files = join(world.options.workDir, deployment.id);
  if (plan.source.kind === 'upload') await unpackUpload(plan.source.archive, files);
  else if (plan.source.kind === 'commit')
    await unpackCommit(
      repositoryOf(world, plan.service)?.path ?? '',
      plan.source.commit,
      deployment.settings.rootDirectory,
      files,
    );
  deployment.files = files;
}

export async function deploy(
  world: World,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  setStatus(world, deployment, 'DEPLOYING');
  await preDeploy(world, service, deployment, scripted);
  if (volumeOf(world, service)) await removeOthers(world, service, deployment);
  await pause(world, world.delays.creating, deployment.abort.signal);
  const created = openStep(world, deployment, 'CREATE_CONTAINER');
  if (scripted?.kind === 'fail' && scripted.in === 'container') {
    const error = scripted.message ?? 'The container could not be created';
    created({error});
    throw new Ended('FAILED', error);
  }
  await startInstance(world, service, deployment);
  created();
  inBackground(world, supervise(world, service, deployment));
  await healthcheck(world, deployment, scripted);
  await pause(world, world.delays.settling, deployment.abort.signal);
  openStep(world, deployment, 'CONFIGURE_NETWORK')();
}

async function preDeploy(
  world: World,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  const scriptedFailure =
    scripted?.kind === 'fail' && scripted.in === 'pre-deploy'
      ? (scripted.message ?? 'Pre-deploy command failed with exit code 1')
      : undefined;
  const image = imageOf(world, deployment);
  const command = image?.preDeployCommand ?? deployment.settings.preDeployCommand;
  if (command.length === 0 && !scriptedFailure) return;
  const step = openStep(world, deployment, 'PRE_DEPLOY_COMMAND');
  const error = scriptedFailure ?? (await runPreDeploy(world, service, deployment, command));
  step(error ? {error} : {});
  if (error) throw new Ended('FAILED', error);
}

/** Traffic moves. An older deployment that gets here after a newer one is live has been superseded. */
function goLive(world: World, service: ServiceRecord, deployment: DeploymentRecord): void {
  const serving = service.serving;
  if (
    serving &&
    serving.status !== 'REMOVED' &&
    world.deployments.indexOf(serving) > world.deployments.indexOf(deployment)
  )
    throw new Ended('REMOVED', 'A newer deployment is live');
  deployment.onceGood = true;
  setStatus(world, deployment, 'SUCCESS');
  service.serving = deployment;
  activateProxy(world, service, deployment);
  for (const old of standing(world, service, deployment))
    inBackground(world, retire(world, old, deployment.settings.overlapSeconds * 1_000 + world.delays.removing));
}

function standing(world: World, service: ServiceRecord, except: DeploymentRecord): DeploymentRecord[] {
  return world.deployments.filter(
    (d) => d !== except && d.serviceId === service.id && ['SUCCESS', 'SLEEPING', 'CRASHED'].includes(d.status),
  );
}

async function removeOthers(world: World, service: ServiceRecord, deployment: DeploymentRecord): Promise<void> {
  await Promise.all(standing(world, service, deployment).map((old) => retire(world, old, 0)));
}

/** Takes an old deployment down; its files stay, so that it can be gone back to. */
export async function retire(world: World, old: DeploymentRecord, afterMs: number): Promise<void> {
  await pause(world, afterMs);
  if (old.status === 'REMOVING' || old.status === 'REMOVED') return;
  setStatus(world, old, 'REMOVING');
  const drained = openStep(world, old, 'DRAIN_INSTANCES');
  for (const instance of old.instances) instance.status = 'REMOVING';
  await takeDown(old);
  drained();
  for (const instance of old.instances) instance.status = 'REMOVED';
  old.removedAtMs = world.now();
  setStatus(world, old, 'REMOVED');
}

function supersedeInFlight(world: World, service: ServiceRecord): void {
  for (const deployment of world.deployments) {
    if (deployment.serviceId === service.id) endInFlight(deployment, 'REMOVED', 'Superseded by a newer deployment');
  }
}

async function supersede(
  world: World,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  commit?: string,
): Promise<never> {
  await foreignDeployment(world, service, commit, 0);
  deployment.abort.abort(new Ended('REMOVED', 'Superseded by a newer deployment'));
  throw deployment.abort.signal.reason;
}

/** A deployment that someone else made: of `commit`, or again of what serves now. */
export async function foreignDeployment(
  world: World,
  service: ServiceRecord,
  commit: string | undefined,
  afterMs: number,
): Promise<DeploymentRecord | undefined> {
  await pause(world, afterMs);
  const repo = repositoryOf(world, service);
  const found = repo && commit ? await findCommit(repo.path, commit) : undefined;
  const source: Source | undefined =
    found && repo ? {kind: 'commit', ...found, repo: repo.fullName, branch: repo.branch} : service.serving?.source;
  return source && startDeployment(world, {service, source, cause: 'foreign', builds: true});
}

async function crashLater(world: World, deployment: DeploymentRecord, afterMs: number): Promise<void> {
  await pause(world, afterMs);
  await takeDown(deployment);
  deployment.instances[0]!.status = 'CRASHED';
  setStatus(world, deployment, 'CRASHED');
}

async function sleepLater(world: World, deployment: DeploymentRecord, afterMs: number): Promise<void> {
  await pause(world, afterMs);
  await takeDown(deployment);
  for (const instance of deployment.instances) instance.status = 'STOPPED';
  setStatus(world, deployment, 'SLEEPING');
}

/** The service of a deployment; every deployment has one. */
export function serviceOfDeployment(world: World, deployment: DeploymentRecord): ServiceRecord {
  return serviceOf(world, deployment.serviceId)!;
}
