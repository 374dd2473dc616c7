import {formatDuration} from '../../kernel/duration.js';
import {Failure} from '../../kernel/errors.js';
import type {PlatformCall} from '../platform.js';
import {type BuildEnd, endOf, isKnownState, timedOut} from './build-end.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, isMissing, readDeployment} from './deployment-record.js';

/** A new deployment may not be readable everywhere at once; after this, "not found" means deleted. */
const appearanceMs = 15_000;
/** How long a state that this version does not know may last. */
const unknownStateMs = 5 * 60_000;
/** How long checks may keep a ready deployment waiting before it is handed on with a warning. */
const checksMs = 5 * 60_000;

/** Often while a result is near, rarely for long builds; the platform answers eager polling with 429. */
export function pollDelayMs(elapsedMs: number, random: () => number): number {
  const base = elapsedMs < 15_000 ? 1_000 : elapsedMs < 60_000 ? 3_000 : elapsedMs < 300_000 ? 8_000 : 15_000;
  return Math.round(base * (0.85 + 0.3 * random()));
}

/**
 * Waits until the deployment has ended, however it ends, and at the latest until the deadline. Faults of the platform
 * while asking are waited out: only its word about the deployment, or the deadline, ends the wait.
 * @throws Failure for refusals that waiting cannot cure (token revoked), and CANCELLED.
 */
export async function waitForBuild(
  vercel: Vercel,
  created: DeploymentRecord,
  deadlineMs: number,
  call: PlatformCall,
): Promise<BuildEnd> {
  const startedMs = vercel.clock.now();
  let last = created;
  let stateSinceMs = startedMs;
  let announced = '';
  for (;;) {
    const now = vercel.clock.now();
    if (last.state !== announced) {
      announced = last.state;
      stateSinceMs = now;
      call.progress(`Vercel: ${created.id} is ${last.state.toLowerCase()} after ${formatDuration(now - startedMs)}.`);
    }
    const end = endOf(vercel, last, now - stateSinceMs > checksMs);
    if (end) return end;
    if (!isKnownState(last.state) && now - stateSinceMs > unknownStateMs)
      return timedOut(last, now - startedMs, 'unknown-state');
    if (now >= deadlineMs) return timedOut(last, now - startedMs, 'deadline');
    await vercel.clock.sleep(Math.min(pollDelayMs(now - startedMs, vercel.random), deadlineMs - now), call.signal);
    last = await look(vercel, last, startedMs, deadlineMs, call);
  }
}

/** The next reading; the former one when the platform could not be asked. */
async function look(
  vercel: Vercel,
  last: DeploymentRecord,
  startedMs: number,
  deadlineMs: number,
  call: PlatformCall,
): Promise<DeploymentRecord> {
  try {
    return await readDeployment(vercel, last.id, call);
  } catch (error) {
    if (isMissing(error)) return vercel.clock.now() - startedMs < appearanceMs ? last : {...last, state: 'DELETED'};
    if (!(error instanceof Failure) || !error.retryable) throw error;
    call.progress(`Vercel: could not read the state of ${last.id} (${error.message}); still waiting.`);
    const askedMs = Math.min(error.retryAfterMs ?? 0, deadlineMs - vercel.clock.now());
    if (askedMs > 0) await vercel.clock.sleep(askedMs, call.signal);
    return last;
  }
}
