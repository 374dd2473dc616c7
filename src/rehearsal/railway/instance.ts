import {request as httpRequest} from 'node:http';
import {type ContainerPlan, childPath, freePort} from './container.js';
import {isDatabase, openDatabase, withAddresses} from './database-image.js';
import {logLine, openStep} from './journal.js';
import type {RailwayImage} from './options.js';
import type {DeploymentRecord, ServiceRecord} from './records.js';
import type {Scripted} from './script.js';
import {Ended, setStatus} from './status.js';
import {processVariables} from './variables.js';
import {inBackground, newId, pause, type World} from './world.js';

/** The running part of a deployment: its process, its health, its restarts and its end. */

/** Starts the process of a deployment, or pretends one for an image nobody described. */
export async function startInstance(world: World, service: ServiceRecord, deployment: DeploymentRecord): Promise<void> {
  const instance = {id: newId(), status: 'CREATED'};
  deployment.instances = [instance];
  await pause(world, world.delays.starting, deployment.abort.signal);
  if (isDatabase(world, deployment)) await openDatabase(world, service, deployment);
  else if (deployment.source.kind !== 'image' || imageOf(world, deployment)) {
    const plan = containerPlan(world, service, deployment, await freePort());
    // Taken down while the port was looked for: a process started now would outlive its deployment.
    if (deployment.takenDown) return;
    if (plan.command.length === 0) throw new Ended('FAILED', 'No start command could be found');
    deployment.container = world.containers.start(plan);
  }
  deployment.stopped = false;
  instance.status = 'RUNNING';
}

/** Watches the process: a bad exit is followed by a restart until the policy's tries are used up. */
export async function supervise(world: World, service: ServiceRecord, deployment: DeploymentRecord): Promise<void> {
  const {restartPolicyMaxRetries, restartPolicyType} = deployment.settings;
  for (let restarts = 0; deployment.container; restarts++) {
    const exit = await deployment.container.exited;
    if (deployment.takenDown || world.closing.signal.aborted) return;
    if (exit.code === 0 && restartPolicyType !== 'ALWAYS') return completed(deployment);
    if (restartPolicyType === 'NEVER' || restarts >= restartPolicyMaxRetries) return crashed(world, deployment);
    deployment.instances[0]!.status = 'RESTARTING';
    await pause(world, world.delays.restart);
    if (deployment.takenDown) return;
    await startInstance(world, service, deployment);
  }
}

/** The process ended by itself and without complaint: the status stays what it is. */
function completed(deployment: DeploymentRecord): void {
  deployment.instances[0]!.status = 'EXITED';
  deployment.stopped = true;
}

function crashed(world: World, deployment: DeploymentRecord): void {
  deployment.instances[0]!.status = 'CRASHED';
  if (deployment.status === 'SUCCESS') {
    deployment.stopped = true;
    setStatus(world, deployment, 'CRASHED');
  } else if (deployment.settings.healthcheckPath) {
    deployment.abort.abort(new Ended('FAILED', 'Healthcheck failed: the process kept exiting'));
  } else {
    deployment.abort.abort(new Ended('CRASHED', 'The process kept exiting'));
  }
}

export async function runPreDeploy(
  world: World,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  command: readonly string[],
): Promise<string | undefined> {
  const exit = await world.containers.run(
    {...containerPlan(world, service, deployment, 0), command},
    AbortSignal.any([deployment.abort.signal, world.closing.signal]),
  );
  deployment.abort.signal.throwIfAborted();
  return exit.code === 0 ? undefined : `Pre-deploy command failed with exit code ${exit.code ?? exit.signal}`;
}

function containerPlan(
  world: World,
  service: ServiceRecord,
  deployment: DeploymentRecord,
  port: number,
): ContainerPlan {
  const image = imageOf(world, deployment);
  return {
    command: image?.startCommand ?? deployment.settings.startCommand,
    folder: image?.folder ?? deployment.files ?? world.options.workDir,
    port,
    env: {
      PATH: childPath(),
      ...withAddresses(world, processVariables(world, service, deployment)),
      ...(port === 0 ? {} : {PORT: String(port), RAILWAY_REPLICA_ID: deployment.instances[0]?.id ?? ''}),
    },
    onLine: (line, stream) => logLine(world, deployment, line, stream),
  };
}

export function imageOf(world: World, deployment: DeploymentRecord): RailwayImage | undefined {
  return deployment.source.kind === 'image' ? world.options.images?.[deployment.source.image] : undefined;
}

export async function healthcheck(
  world: World,
  deployment: DeploymentRecord,
  scripted: Scripted | undefined,
): Promise<void> {
  const path = deployment.settings.healthcheckPath;
  const refused = scripted?.kind === 'fail' && scripted.in === 'healthcheck';
  if (!path && !refused) return;
  const step = openStep(world, deployment, 'HEALTHCHECK');
  const deadlineMs = Date.now() + deployment.settings.healthcheckTimeoutS * 1_000;
  try {
    for (let attempt = 1; ; attempt++) {
      if (!refused && (await answers200(deployment, path ?? '/'))) return step({attempt});
      if (Date.now() >= deadlineMs || refused)
        throw new Ended(
          'FAILED',
          (refused && scripted.message) ||
            `Healthcheck failed: ${path ?? '/'} did not answer 200 within ${deployment.settings.healthcheckTimeoutS} s`,
        );
      await pause(world, world.delays.healthcheckInterval, deployment.abort.signal);
    }
  } catch (error) {
    step({error: error instanceof Error ? error.message : String(error)});
    throw error;
  }
}

/** Exactly 200 counts. A pretended container is always healthy. */
function answers200(deployment: DeploymentRecord, path: string): Promise<boolean> {
  const container = deployment.container;
  if (!container) return Promise.resolve(true);
  return new Promise((resolve) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: container.port,
      path,
      headers: {host: 'healthcheck.railway.app'},
      timeout: 5_000,
      agent: false,
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', () => resolve(false));
    request.end();
  });
}

/** Ends a deployment's process and keeps its status. */
export async function takeDown(deployment: DeploymentRecord): Promise<void> {
  deployment.takenDown = true;
  await deployment.container?.stop(deployment.settings.drainingSeconds * 1_000);
  deployment.stopped = true;
}

/** Starts a deployment's process again under the same id. */
export async function restart(world: World, service: ServiceRecord, deployment: DeploymentRecord): Promise<void> {
  await takeDown(deployment);
  deployment.takenDown = false;
  await startInstance(world, service, deployment);
  inBackground(world, supervise(world, service, deployment));
  setStatus(world, deployment, 'SUCCESS');
}
