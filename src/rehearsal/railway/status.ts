import type {DeploymentRecord, ServiceRecord} from './records.js';
import type {World} from './world.js';

/** A deployment's status: how it changes, and how a deployment is ended before it is good. */

/** Why a deployment ended before it was good; `status` is what it is left in. */
export class Ended extends Error {
  constructor(
    readonly status: string,
    readonly why: string,
  ) {
    super(why);
  }
}

const inFlightStatuses = new Set(['QUEUED', 'WAITING', 'NEEDS_APPROVAL', 'INITIALIZING', 'BUILDING', 'DEPLOYING']);

export function isInFlight(deployment: DeploymentRecord): boolean {
  return inFlightStatuses.has(deployment.status) && !deployment.abort.signal.aborted;
}

/** Ends a deployment that is still on its way. @returns false when it had already ended. */
export function endInFlight(deployment: DeploymentRecord, status: string, why: string): boolean {
  if (!isInFlight(deployment)) return false;
  deployment.abort.abort(new Ended(status, why));
  return true;
}

export function setStatus(world: World, deployment: DeploymentRecord, status: string): void {
  deployment.status = status;
  deployment.statusUpdatedAtMs = world.now();
  world.changes.push({
    atMs: deployment.statusUpdatedAtMs,
    serviceId: deployment.serviceId,
    deploymentId: deployment.id,
    status,
  });
}

/** Deployments of a service that have not ended. */
export function inFlight(world: World, service: ServiceRecord): DeploymentRecord[] {
  return world.deployments.filter((d) => d.serviceId === service.id && isInFlight(d));
}
