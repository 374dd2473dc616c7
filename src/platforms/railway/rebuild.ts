import type {Anchor} from '../platform.js';
import {cleanLine} from './clean.js';
import {setImage} from './creation.js';
import {deployDocument, deploymentsDocument, redeployDocument, startAgainDocument} from './documents.js';
import {type DeploymentFacts, factsList} from './facts.js';
import {onceOnly} from './once-only.js';
import {ids, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';

/** A way to make the anchor's content again without its kept image. */
export interface Rebuild {
  readonly from: {readonly commit: string} | {readonly image: string} | {readonly deploymentId: string};
  /** For people: "build commit … again". */
  readonly how: string;
}

/** The best way there is: its commit, else its image, else its deployment's own source. */
export function rebuildOf(anchor: Anchor, state: ServiceState, kept: DeploymentFacts | undefined): Rebuild | undefined {
  if (state.repo && anchor.commit) return {from: {commit: anchor.commit}, how: `build commit ${anchor.commit} again`};
  if (anchor.image) return {from: {image: anchor.image}, how: `deploy image ${cleanLine(anchor.image, 160)} again`};
  if (kept?.canRedeploy)
    return {from: {deploymentId: kept.id}, how: `build the source of deployment ${cleanLine(kept.id, 80)} again`};
  return undefined;
}

export interface RebuildPlan {
  /** Deployments that were there before. */
  readonly known: ReadonlySet<string>;
  readonly isOurs: (row: DeploymentFacts) => boolean;
  readonly deadlineMs: number;
}

/** Starts the rebuild, at most once. @returns the new deployment's id. */
export async function rebuild(
  session: Session,
  target: Target,
  way: Rebuild,
  state: ServiceState,
  plan: RebuildPlan,
): Promise<string> {
  if ('image' in way.from) await setImage(session, target, way.from.image, state);
  return makeOne(session, target, plan, {what: 'the start of the rebuild', send: () => send(session, target, way)});
}

/** Makes a new deployment from the kept image of one, at most once. @returns the new deployment's id. */
export async function startAgain(session: Session, target: Target, id: string, plan: RebuildPlan): Promise<string> {
  return makeOne(session, target, plan, {
    what: 'the new start',
    send: async () => (await session.once(startAgainDocument, {id})).deploymentRedeploy?.id || undefined,
  });
}

function makeOne(
  session: Session,
  target: Target,
  plan: RebuildPlan,
  write: {readonly what: string; readonly send: () => Promise<string | undefined>},
): Promise<string> {
  return onceOnly(session, {
    ...write,
    find: async () => {
      const {deployments} = await session.once(deploymentsDocument, {...ids(target), first: 50});
      return factsList(deployments).findLast((row) => !plan.known.has(row.id) && plan.isOurs(row))?.id;
    },
    settleMs: session.api.pollMs * 6,
    deadlineMs: plan.deadlineMs,
  });
}

async function send(session: Session, target: Target, {from}: Rebuild): Promise<string | undefined> {
  if ('deploymentId' in from)
    return (await session.once(redeployDocument, {id: from.deploymentId})).deploymentRedeploy?.id || undefined;
  const commitSha = 'commit' in from ? from.commit : undefined;
  return (
    (await session.once(deployDocument, {environmentId: target.environmentId, serviceId: target.serviceId, commitSha}))
      .serviceInstanceDeployV2 || undefined
  );
}
