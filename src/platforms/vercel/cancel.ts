import {Failure, messageOf} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {PlatformCall, Progress} from '../platform.js';
import {isInProgress} from './build-end.js';
import type {Vercel} from './context.js';
import {deploymentOf, findDeployment, isMissing} from './deployment-record.js';
import {record} from './json.js';

/** A runner leaves about ten seconds after a cancel; this must fit with the rest of the clean-up. */
const quietCancelMs = 4_000;

/**
 * Cancels a deployment that is still in flight and reads back that it ended.
 * @returns false when it had already ended or does not exist.
 */
export async function cancel(vercel: Vercel, deploymentId: string, call: PlatformCall): Promise<boolean> {
  const before = await findDeployment(vercel, deploymentId, call);
  if (!before || !isInProgress(before.state)) return false;
  try {
    const answer = await vercel.api.write('PATCH', `/v12/deployments/${encodeURIComponent(deploymentId)}/cancel`, {
      ...call,
      what: `cancel ${deploymentId}`,
    });
    if (deploymentOf(record(answer.body) ?? {}).state === 'CANCELED') return true;
  } catch (error) {
    const status = error instanceof Failure ? error.details.status : undefined;
    // 400: it ended in the meantime. A lost answer is read back below instead of being sent again.
    if (!(error instanceof Failure) || !(error.retryable || status === 400 || isMissing(error))) throw error;
  }
  return isCancelled(vercel, deploymentId, call);
}

async function isCancelled(vercel: Vercel, deploymentId: string, call: PlatformCall): Promise<boolean> {
  for (let look = 0; look < 5; look++) {
    const state = (await findDeployment(vercel, deploymentId, call))?.state ?? 'DELETED';
    if (!isInProgress(state)) return state === 'CANCELED';
    await vercel.clock.sleep(1_000, call.signal);
  }
  throw new Failure('VERCEL_CANCEL', `${deploymentId} is still in flight although Vercel was asked to cancel it`, {
    remedy: 'Cancel it on its page; it is staged, so no production host follows it by itself.',
    retryable: true,
  });
}

/** For a run that is being cancelled itself: tries once, briefly, and only reports. */
export async function cancelQuietly(vercel: Vercel, deploymentId: string, progress: Progress): Promise<void> {
  const signal = AbortSignal.timeout(quietCancelMs);
  try {
    await vercel.api.write('PATCH', `/v12/deployments/${encodeURIComponent(deploymentId)}/cancel`, {
      signal,
      what: `cancel ${deploymentId}`,
    });
    progress(`Vercel: ${deploymentId} was cancelled with this run.`);
  } catch (error) {
    progress(`Vercel: ${deploymentId} could not be cancelled (${oneLine(messageOf(error), 200)}); it stays staged.`);
  }
}
