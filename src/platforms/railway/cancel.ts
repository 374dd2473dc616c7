import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {cancelDocument} from './documents.js';
import type {DeploymentFacts} from './facts.js';
import {readDeployment} from './follow.js';
import {onceOnly} from './once-only.js';
import type {Session} from './session.js';
import {classOf, mayGoLive} from './states.js';

/**
 * Cancels a deployment in flight and reads back that it ended. What Railway leaves behind is not documented (REMOVED,
 * FAILED, perhaps a state of its own), so that any state out of flight counts.
 * @returns false when it had already ended, or went live before the cancellation reached it.
 */
export async function cancelDeployment(session: Session, id: string, deadlineMs: number): Promise<boolean> {
  const before = await orGone(() => readDeployment(session, id));
  if (!before || !mayGoLive(before.status)) return false;
  const after = await onceOnly<DeploymentFacts | 'gone'>(session, {
    what: 'the cancellation',
    send: () => sendCancel(session, id),
    find: () => ended(session, id),
    settleMs: session.api.pollMs * 12,
    deadlineMs,
  });
  return after === 'gone' || classOf(after.status) !== 'good';
}

/** `true` proves nothing, so the state is read after it. */
async function sendCancel(session: Session, id: string): Promise<DeploymentFacts | 'gone' | undefined> {
  try {
    await session.once(cancelDocument, {id});
  } catch (error) {
    // It ended by itself in the meantime; the look that follows tells how.
    if (
      !(error instanceof Failure) ||
      !['RAILWAY_STATE', 'RAILWAY_DEPLOYMENT_NOT_FOUND', 'RAILWAY_REFUSED'].includes(error.code)
    )
      throw error;
    session.call.progress(`railway: deployment ${cleanLine(id, 80)} could not be cancelled: ${error.message}`);
  }
  return ended(session, id);
}

async function ended(session: Session, id: string): Promise<DeploymentFacts | 'gone' | undefined> {
  const facts = await orGone(() => readDeployment(session, id));
  if (!facts) return 'gone';
  return mayGoLive(facts.status) ? undefined : facts;
}

async function orGone(read: () => Promise<DeploymentFacts>): Promise<DeploymentFacts | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure && error.code === 'RAILWAY_DEPLOYMENT_NOT_FOUND') return undefined;
    throw error;
  }
}
