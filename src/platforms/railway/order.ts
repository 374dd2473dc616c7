import {Failure} from '../../kernel/errors.js';
import type {DeployRequest} from '../platform.js';
import {autoDeployIsOn, autoDeployRemedy, waitingRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import type {DeploymentFacts} from './facts.js';
import {isPinned, sameImage} from './image.js';
import {notServing, type ServiceState} from './service-state.js';
import {classOf} from './states.js';
import {pending} from './verify.js';

export type Source = 'commit' | 'image' | 'upload';

export interface DeployPlan {
  readonly source?: Source;
  /** `{commit}` in it stands for the SHA of the release. */
  readonly image?: string;
  /** `owner/name` that the service must be connected to. */
  readonly repository?: string;
  readonly publicUrl?: string;
  /** False refuses to deploy while automatic deploys are on. */
  readonly allowAutoDeploy: boolean;
  readonly timeoutMs: number;
  readonly onCreated?: (deploymentId: string) => void | Promise<void>;
}

/** What is to be made: exactly this. */
export interface Order {
  readonly source: Source;
  readonly request: DeployRequest;
  readonly image?: string;
}

/**
 * What a request comes to on this service.
 * @throws Failure RAILWAY_COMMIT, RAILWAY_SOURCE or RAILWAY_REPOSITORY when it cannot be made there.
 */
export function orderOf(state: ServiceState, request: DeployRequest, plan: DeployPlan): Order {
  const source = plan.source ?? (plan.image ? 'image' : state.repo ? 'commit' : state.image ? 'image' : 'upload');
  if (source === 'commit') refuseOtherRepository(state, plan.repository);
  if (source === 'upload' && !request.path) {
    throw new Failure(
      'RAILWAY_SOURCE',
      'The service is connected to no repository and no image, and there is no folder to upload',
      {remedy: 'Connect the service to a repository, or pass the folder to upload.'},
    );
  }
  if (source !== 'image') return {source, request};
  if (!plan.image) {
    throw new Failure(
      'RAILWAY_SOURCE',
      `The service runs the image \`${cleanLine(state.image ?? 'none', 120)}\`, and the release names no image`,
      {remedy: 'Pass the image to deploy, with its digest.'},
    );
  }
  return {source, request, image: plan.image.replaceAll('{commit}', request.commit)};
}

function refuseOtherRepository(state: ServiceState, repository: string | undefined): void {
  if (!state.repo) {
    throw new Failure('RAILWAY_SOURCE', 'The service is connected to no repository, so that it cannot build a commit', {
      remedy: 'Connect the service to the repository in its settings, or deploy by upload or image.',
    });
  }
  if (repository && repository.toLowerCase() !== state.repo.toLowerCase()) {
    throw new Failure(
      'RAILWAY_REPOSITORY',
      `The service is connected to ${cleanLine(state.repo, 120)}, not to ${cleanLine(repository, 120)}`,
      {remedy: 'Correct the service in the configuration, or its repository in its settings.'},
    );
  }
}

export function autoDeployWarnings(state: ServiceState, plan: DeployPlan): string[] {
  if (state.unreadable.autoDeploy)
    return [`Whether automatic deploys are on could not be read: ${state.unreadable.autoDeploy}`];
  if (!state.autoDeploy?.enabled) return [];
  if (plan.allowAutoDeploy) return [`${autoDeployIsOn}. ${autoDeployRemedy}`];
  throw new Failure('RAILWAY_AUTO_DEPLOY', `${autoDeployIsOn}; nothing was changed`, {remedy: autoDeployRemedy});
}

export function approvalWarnings(state: ServiceState, order: Order): string[] {
  return pending(state)
    .filter((row) => row.status === 'NEEDS_APPROVAL' && !isOf(row, order))
    .map(
      (row) => `Deployment ${cleanLine(row.id, 80)} waits for approval; approving it later would replace this release.`,
    );
}

/** Is it a deployment of exactly what is ordered? */
export function isOf(row: DeploymentFacts, order: Order): boolean {
  if (order.source === 'image') return sameImage(row.image, order.image);
  if (row.commit !== order.request.commit) return false;
  return order.source === 'commit' || row.release === order.request.release;
}

/**
 * A deployment this release may take over: one of the same commit that is on its way or serves. An image is taken over
 * only when its name cannot change its meaning; an upload only of this very release, since folders differ.
 */
export function adoptable(state: ServiceState, order: Order): DeploymentFacts | undefined {
  if (order.source === 'image' && !isPinned(order.image!) && !order.image!.includes(order.request.commit))
    return undefined;
  const serving = state.active.find((row) => isOf(row, order) && notServing(row) === undefined);
  const onItsWay = state.recent.find((row) => isOf(row, order) && classOf(row.status) === 'in-flight');
  return onItsWay ?? (serving?.id === state.active[0]?.id ? serving : undefined);
}

/** @throws Failure RAILWAY_WAITING_FOR_CI or RAILWAY_BUSY when another deployment would cross this one. */
export function refuseRaces(state: ServiceState, order: Order, adopted: DeploymentFacts | undefined): void {
  const others = pending(state).filter((row) => row.id !== adopted?.id);
  const waiting = others.find((row) => row.status === 'WAITING' && isOf(row, order));
  if (waiting) {
    throw new Failure(
      'RAILWAY_WAITING_FOR_CI',
      `Deployment ${cleanLine(waiting.id, 80)} of the same commit waits for CI; it would go live by itself when this workflow ends, outside the gate`,
      {remedy: waitingRemedy, details: {deploymentId: waiting.id}},
    );
  }
  const busy = others.find((row) => row.status !== 'NEEDS_APPROVAL');
  if (!busy) return;
  const commit = busy.commit ? ` (commit ${busy.commit.slice(0, 12)})` : '';
  throw new Failure(
    'RAILWAY_BUSY',
    `Another deployment is on its way: ${cleanLine(busy.id, 80)}${commit}, ${cleanLine(busy.status, 40)}; nothing was changed`,
    {
      remedy:
        'Wait for it to end, or cancel it on its Railway page, and run again. Switch automatic deploys off so that only releases deploy.',
      details: {deploymentId: busy.id, status: busy.status},
    },
  );
}

/** Repository and commit are not bound when a deployment is started: someone may have connected another one since. */
export function mismatch(
  facts: DeploymentFacts,
  order: Order,
): {code: string; message: string; remedy: string} | undefined {
  const remedy = 'Check which repository or image the service is connected to, and release again.';
  if (order.source === 'image') {
    if (!facts.image || sameImage(facts.image, order.image)) return undefined;
    return {
      code: 'RAILWAY_WRONG_IMAGE',
      message: `Deployment ${cleanLine(facts.id, 80)} runs ${cleanLine(facts.image, 160)}, not ${cleanLine(order.image!, 160)}`,
      remedy,
    };
  }
  if (!facts.commit || facts.commit === order.request.commit) return undefined;
  return {
    code: 'RAILWAY_WRONG_COMMIT',
    message: `Deployment ${cleanLine(facts.id, 80)} runs commit ${facts.commit}, not ${order.request.commit}`,
    remedy,
  };
}

export function unprovenWarnings(facts: DeploymentFacts, order: Order): string[] {
  if (order.source === 'image' ? facts.image : facts.commit) return [];
  return [
    `Railway does not say which ${order.source === 'image' ? 'image' : 'commit'} deployment ${cleanLine(facts.id, 80)} runs; only an answer of the app itself can prove it.`,
  ];
}
