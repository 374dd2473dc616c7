import {type Clock, systemClock} from './clock.js';
import {Failure} from './errors.js';

export interface RetryPlan {
  /** Waits between tries in milliseconds; its length is the number of repeats (not counting the first try). */
  readonly delaysMs: readonly number[];
  /** Upper limit for a wait that the other side asks for; a longer one ends the tries. Default 60 s. */
  readonly maxRetryAfterMs?: number;
  /** Share of each wait that is random, 0 to 1, so that many clients do not come back at once. Default 0.3. */
  readonly jitter?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly signal?: AbortSignal;
  /** Told before each repeat. */
  readonly onRetry?: (failure: Failure, waitMs: number, attempt: number) => void;
}

/** Delays that double from `firstMs` up to `capMs`. */
export function backoff(repeats: number, firstMs: number, capMs: number): number[] {
  return Array.from({length: repeats}, (_, i) => Math.min(capMs, firstMs * 2 ** i));
}

/**
 * The suite's only retry loop. Repeats while the call throws a `Failure` with `retryable`; everything else, and the
 * last failure, is thrown on. Writes belong here only when repeating them is harmless.
 */
export async function retry<T>(plan: RetryPlan, call: (attempt: number) => Promise<T>): Promise<T> {
  const clock = plan.clock ?? systemClock;
  const random = plan.random ?? Math.random;
  const jitter = plan.jitter ?? 0.3;
  const maxRetryAfterMs = plan.maxRetryAfterMs ?? 60_000;
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const delayMs = plan.delaysMs[attempt];
      if (!(error instanceof Failure) || !error.retryable || delayMs === undefined) throw error;
      if (error.retryAfterMs !== undefined && error.retryAfterMs > maxRetryAfterMs) throw error;
      const waitMs = Math.round(Math.max(error.retryAfterMs ?? 0, delayMs * (1 - jitter * random())));
      plan.onRetry?.(error, waitMs, attempt + 1);
      await clock.sleep(waitMs, plan.signal);
    }
  }
}
