import {Failure} from '../../kernel/errors.js';
import type {Live} from '../platform.js';
import {cleanLine} from './clean.js';
import type {DeploymentFacts} from './facts.js';
import {readState, type ServiceState, servingOf} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';
import type {Target} from './target.js';
import {pending} from './verify.js';

/** What serves now; undefined when the service never ran. */
export async function readLive(
  session: Session,
  target: Target,
  hosts: readonly string[] | undefined,
): Promise<Live | undefined> {
  const state = await readState(session, target, hosts ? [] : ['domains']);
  const facts = servingOf(state) ?? lastOnceGood(state);
  return facts && liveOf(facts, state, hosts ?? state.hosts ?? [], session.now());
}

/**
 * With nothing active, the newest that once was good: it is what a rollback would go back to. REMOVED alone does not
 * prove that it was ever good, a kept image does.
 */
function lastOnceGood(state: ServiceState): DeploymentFacts | undefined {
  const busy = pending(state).find((row) => classOf(row.status) === 'in-flight');
  const found = state.recent.find(
    (row) => ['good', 'crashed'].includes(classOf(row.status)) || (classOf(row.status) === 'gone' && row.canRollback),
  );
  if (!busy || !found) return found;
  // A service with a volume has a gap between two deployments; what served before is about to be replaced.
  throw new Failure(
    'RAILWAY_BUSY',
    `Nothing is active on Railway while deployment ${cleanLine(busy.id, 80)} is ${cleanLine(busy.status, 40)}`,
    {remedy: 'Wait for it to end and run again.', details: {deploymentId: busy.id}},
  );
}

/** The facts of a deployment in the words of the port. */
export function liveOf(facts: DeploymentFacts, state: ServiceState, hosts: readonly string[], nowMs: number): Live {
  return {
    component: 'backend',
    platform: 'railway',
    deploymentId: facts.id,
    ...(facts.commit && {commit: facts.commit}),
    ...(facts.image && {image: facts.image}),
    hosts,
    createdAtMs: facts.createdAtMs,
    readAtMs: nowMs,
    restorable: restorableBy(facts, state),
  };
}

function restorableBy(facts: DeploymentFacts, state: ServiceState): Live['restorable'] {
  if (facts.canRollback) return {by: 'rollback'};
  if ((state.repo && facts.commit) || facts.image || facts.canRedeploy) return {by: 'rebuild'};
  return {
    by: 'none',
    why: 'Railway keeps no image of it, and it has no commit or image reference to build it again from',
    remedy: 'Deploy once more from a repository or an image, so that there is a way back.',
  };
}
