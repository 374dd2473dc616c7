import type {Failure} from '../../kernel/errors.js';
import {isRefusedAccess, isUnsure} from './answers.js';
import type {Session} from './session.js';

/**
 * The wait before the next look: the base for the first two minutes, twice it until six, then three times it; that is
 * 5, 10 and 15 s against Railway, at most 70 requests in ten minutes of its hourly quota.
 */
export function pollDelayMs(baseMs: number, elapsedMs: number): number {
  if (elapsedMs < baseMs * 24) return baseMs;
  return elapsedMs < baseMs * 72 ? baseMs * 2 : baseMs * 3;
}

export interface Looked<T> {
  /** Undefined when the deadline came first. */
  readonly value?: T;
  /** The last look failed with this. */
  readonly trouble?: Failure;
}

// One refusal in the middle of a run has been a fault of the other side; three in a row are an answer.
const refusalsTolerated = 2;

/**
 * Looks until there is something to see or the deadline comes. Faults that pass do not end it, since the deployment
 * goes on without us: they cost one look each, and `Retry-After` is kept.
 */
export async function lookUntil<T>(
  session: Session,
  deadlineMs: number,
  look: () => Promise<T | undefined>,
): Promise<Looked<T>> {
  const startMs = session.now();
  let refusals = 0;
  for (;;) {
    let trouble: Failure | undefined;
    try {
      const value = await look();
      if (value !== undefined) return {value};
      refusals = 0;
    } catch (error) {
      refusals = isRefusedAccess(error) ? refusals + 1 : 0;
      if (!isUnsure(error) && !(refusals > 0 && refusals <= refusalsTolerated)) throw error;
      trouble = error as Failure;
      session.call.progress(`railway: ${trouble.message}; looking again`);
    }
    const leftMs = deadlineMs - session.now();
    if (leftMs <= 0) return {trouble};
    await session.sleep(
      Math.min(
        leftMs,
        Math.max(
          trouble?.retryAfterMs ?? 0,
          quotaDelayMs(session),
          pollDelayMs(session.api.pollMs, session.now() - startMs),
        ),
      ),
    );
  }
}

/** Spreads what is left of a nearly spent quota over the rest of its window. */
function quotaDelayMs(session: Session): number {
  const {remaining, resetAtMs} = session.api.limits;
  if (remaining === undefined || resetAtMs === undefined || remaining > 20) return 0;
  const leftMs = resetAtMs - session.now();
  return leftMs > 0 ? Math.min(60_000, leftMs / (remaining + 1)) : 0;
}
