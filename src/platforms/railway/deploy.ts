import {Failure} from '../../kernel/errors.js';
import type {Deployment, DeployRequest} from '../platform.js';
import {cleanLine} from './clean.js';
import {diagnose} from './diagnosis.js';
import {deployDocument, deploymentsDocument, setImageDocument} from './documents.js';
import {type DeploymentFacts, factsList} from './facts.js';
import {type End, follow} from './follow.js';
import {isPinned, sameImage} from './image.js';
import {onceOnly} from './once-only.js';
import {type BadEnd, badEnd, waitingRemedy} from './outcome.js';
import {ids, notServing, readState, type ServiceState, urlOf} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';
import {dashboardUrl, type Target} from './target.js';
import {upload} from './upload.js';
import {newerThan, pending, verifyServing} from './verify.js';

export const autoDeployIsOn =
  'Automatic deploys are on: each push makes a second deployment beside the one of the release, without a gate';
export const autoDeployRemedy = 'Switch automatic deploys off in the settings of the service on railway.com.';

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
interface Order {
  readonly source: Source;
  readonly request: DeployRequest;
  readonly image?: string;
}

/** Sequence of the reference, section 2.1: read, refuse or adopt, create once, follow to the end, prove that it serves. */
export async function deploy(
  session: Session,
  target: Target,
  request: DeployRequest,
  plan: DeployPlan,
): Promise<Deployment> {
  const startMs = session.now();
  const deadlineMs = startMs + plan.timeoutMs;
  if (!/^[0-9a-f]{40}$/i.test(request.commit)) {
    throw new Failure(
      'RAILWAY_COMMIT',
      `A release needs the full SHA of its commit, not \`${cleanLine(request.commit, 60)}\``,
      {remedy: 'Pass all 40 characters of the SHA.'},
    );
  }
  const before = await readState(session, target, ['autoDeploy']);
  const order = orderOf(before, {...request, commit: request.commit.toLowerCase()}, plan);
  const warnings = [...autoDeployWarnings(before, plan), ...approvalWarnings(before, order)];
  const adopted = adoptable(before, order);
  refuseRaces(before, order, adopted);
  const id = adopted?.id ?? (await create(session, target, order, before, deadlineMs));
  await plan.onCreated?.(id);
  session.call.progress(
    `railway: ${adopted ? `taking over deployment ${cleanLine(id, 80)}, which is of the same ${order.source}` : `made deployment ${cleanLine(id, 80)}`}`,
  );
  const base = {
    component: 'backend' as const,
    deploymentId: id,
    staged: false,
    adopted: adopted !== undefined,
    inspectUrl: dashboardUrl(target),
  };
  const ended = await finish(session, target, order, id, deadlineMs, plan.publicUrl);
  return {
    ...base,
    ...ended.facts,
    ...ended.result,
    warnings: [...warnings, ...ended.warnings],
    durationMs: session.now() - startMs,
  };
}

function orderOf(state: ServiceState, request: DeployRequest, plan: DeployPlan): Order {
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

function autoDeployWarnings(state: ServiceState, plan: DeployPlan): string[] {
  if (state.unreadable.autoDeploy)
    return [`Whether automatic deploys are on could not be read: ${state.unreadable.autoDeploy}`];
  if (!state.autoDeploy?.enabled) return [];
  if (plan.allowAutoDeploy) return [`${autoDeployIsOn}. ${autoDeployRemedy}`];
  throw new Failure('RAILWAY_AUTO_DEPLOY', `${autoDeployIsOn}; nothing was changed`, {remedy: autoDeployRemedy});
}

function approvalWarnings(state: ServiceState, order: Order): string[] {
  return pending(state)
    .filter((row) => row.status === 'NEEDS_APPROVAL' && !isOf(row, order))
    .map(
      (row) => `Deployment ${cleanLine(row.id, 80)} waits for approval; approving it later would replace this release.`,
    );
}

/** Is it a deployment of exactly what is ordered? */
function isOf(row: DeploymentFacts, order: Order): boolean {
  if (order.source === 'image') return sameImage(row.image, order.image);
  if (row.commit !== order.request.commit) return false;
  return order.source === 'commit' || row.release === order.request.release;
}

/**
 * A deployment this release may take over: one of the same commit that is on its way or serves. An image is taken over
 * only when its name cannot change its meaning; an upload only of this very release, since folders differ.
 */
function adoptable(state: ServiceState, order: Order): DeploymentFacts | undefined {
  if (order.source === 'image' && !isPinned(order.image!) && !order.image!.includes(order.request.commit))
    return undefined;
  const serving = state.active.find((row) => isOf(row, order) && notServing(row) === undefined);
  const onItsWay = state.recent.find((row) => isOf(row, order) && classOf(row.status) === 'in-flight');
  return onItsWay ?? (serving?.id === state.active[0]?.id ? serving : undefined);
}

function refuseRaces(state: ServiceState, order: Order, adopted: DeploymentFacts | undefined): void {
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

async function create(
  session: Session,
  target: Target,
  order: Order,
  before: ServiceState,
  deadlineMs: number,
): Promise<string> {
  if (order.source === 'image') await setImage(session, target, order.image!, before);
  const known = new Set([...before.recent, ...before.active].map((row) => row.id));
  return onceOnly(session, {
    what: order.source === 'upload' ? 'the upload' : 'the start of the deployment',
    send: () => (order.source === 'upload' ? upload(session, target, order.request) : start(session, target, order)),
    find: () => unseen(session, target, order, known),
    settleMs: session.api.pollMs * 6,
    deadlineMs,
  });
}

/** Starts it; Railway gives the id at once, and an answer without one proves nothing. */
async function start(session: Session, target: Target, order: Order): Promise<string | undefined> {
  const answer = await session.once(deployDocument, {
    environmentId: target.environmentId,
    serviceId: target.serviceId,
    commitSha: order.source === 'commit' ? order.request.commit : undefined,
  });
  const id = answer.serviceInstanceDeployV2;
  return typeof id === 'string' && id.length > 0 ? id : undefined;
}

/** A deployment of this order that was not there before; the oldest, should an automatic one have joined it. */
async function unseen(
  session: Session,
  target: Target,
  order: Order,
  known: ReadonlySet<string>,
): Promise<string | undefined> {
  const {deployments} = await session.once(deploymentsDocument, {...ids(target), first: 30});
  return factsList(deployments).findLast((row) => !known.has(row.id) && isOf(row, order))?.id;
}

/** Writes the image into the service's settings, which starts nothing, and reads it back. Repeating it is harmless. */
export async function setImage(session: Session, target: Target, image: string, before: ServiceState): Promise<void> {
  if (before.image === image) return;
  await onceOnly(session, {
    what: 'the change of the image',
    send: async () => {
      await session.once(setImageDocument, {environmentId: target.environmentId, serviceId: target.serviceId, image});
      return (await readState(session, target, [], 1)).image === image ? true : undefined;
    },
    find: async () => ((await readState(session, target, [], 1)).image === image ? true : undefined),
    settleMs: session.api.pollMs,
    deadlineMs: Number.POSITIVE_INFINITY,
  });
}

interface Finished {
  readonly facts: {readonly commit?: string; readonly image?: string; readonly url?: string};
  readonly result: Pick<Deployment, 'outcome' | 'reason'>;
  readonly warnings: readonly string[];
}

async function finish(
  session: Session,
  target: Target,
  order: Order,
  id: string,
  deadlineMs: number,
  publicUrl: string | undefined,
): Promise<Finished> {
  const end = await follow(session, id, deadlineMs);
  if (end.kind !== 'good')
    return {
      facts: identityOf('facts' in end ? end.facts : undefined),
      result: await explained(session, target, id, end),
      warnings: [],
    };
  const wrong = mismatch(end.facts, order);
  if (wrong) return {facts: identityOf(end.facts), result: bad({outcome: 'failed', ...wrong}, []), warnings: []};
  const verified = await verifyServing(session, target, id, deadlineMs, publicUrl === undefined);
  const host = verified.state?.hosts?.[0] ?? end.facts.host;
  const facts = {...identityOf(end.facts), url: publicUrl ?? (host && urlOf(host))};
  if (verified.kind === 'serving')
    return {facts, result: {outcome: 'ready'}, warnings: unprovenWarnings(verified.facts, order)};
  if (verified.kind === 'superseded')
    return {
      facts,
      result: bad(badEnd(id, {kind: 'gone', facts: end.facts, sawDeploying: true}, undefined, [verified.by]), []),
      warnings: [],
    };
  return {facts, result: await notLive(session, target, id, verified.why, end), warnings: []};
}

/** Railway said SUCCESS, and yet it does not serve: find out what became of it since. */
async function notLive(
  session: Session,
  target: Target,
  id: string,
  why: string,
  end: Extract<End, {kind: 'good'}>,
): Promise<Finished['result']> {
  const again = await follow(session, id, session.now());
  if (again.kind !== 'good' && again.kind !== 'deadline') return explained(session, target, id, again);
  const diagnosis = await diagnose(session, id, end.sawDeploying);
  return bad(
    {
      outcome: 'failed',
      code: 'RAILWAY_NOT_SERVING',
      message: `Railway deployment ${cleanLine(id, 80)} reports ${end.facts.status}, but does not serve: ${why}`,
      remedy:
        'Read the last log lines and the state of the service on railway.com; a process that ends with exit code 0 also counts as SUCCESS there.',
    },
    diagnosis.logTail,
  );
}

async function explained(
  session: Session,
  target: Target,
  id: string,
  end: Exclude<End, {kind: 'good'}>,
): Promise<Finished['result']> {
  const broken = end.kind === 'failed' || end.kind === 'crashed' || end.kind === 'deadline';
  const diagnosis = broken ? await diagnose(session, id, end.sawDeploying || end.kind === 'crashed') : undefined;
  const newer = end.kind === 'gone' ? newerThan(await readState(session, target, [], 10), id) : [];
  return bad(badEnd(id, end, diagnosis, newer), diagnosis?.logTail ?? []);
}

function bad(end: BadEnd, logTail: readonly string[]): Finished['result'] {
  return {outcome: end.outcome, reason: {code: end.code, message: end.message, remedy: end.remedy, logTail}};
}

function identityOf(facts: DeploymentFacts | undefined): {commit?: string; image?: string} {
  return {commit: facts?.commit, image: facts?.image};
}

/** Repository and commit are not bound when a deployment is started: someone may have connected another one since. */
function mismatch(facts: DeploymentFacts, order: Order): {code: string; message: string; remedy: string} | undefined {
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

function unprovenWarnings(facts: DeploymentFacts, order: Order): string[] {
  if (order.source === 'image' ? facts.image : facts.commit) return [];
  return [
    `Railway does not say which ${order.source === 'image' ? 'image' : 'commit'} deployment ${cleanLine(facts.id, 80)} runs; only an answer of the app itself can prove it.`,
  ];
}
