import {type Clock, systemClock} from '../kernel/clock.js';
import {isAbort} from '../kernel/errors.js';

/** What a pace is kept of: a session, or anything that can take a step. */
export interface Paced<T> {
  step(kind: 'scheduled' | 'confirm'): Promise<T>;
  /** While production is fresh from a change, rounds between the regular ones: how often, and until when. */
  readonly closer: {readonly everyMs: number; readonly untilMs: number} | undefined;
}

export interface Pace {
  readonly intervalMs: number;
  /** No round begins later, apart from a burst that is under way; undefined: for ever. */
  readonly untilMs?: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** A round that failed as a whole. Without it the failure is thrown on. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Takes rounds at their pace and yields each: regular ones, and closer ones after a release. Rounds that a slow one made
 * late are left out, not caught up on. Ends in order when the signal fires.
 */
export async function* keepPace<T>(paced: Paced<T>, pace: Pace): AsyncGenerator<T> {
  const {intervalMs, signal, clock = systemClock} = pace;
  let regularMs = clock.now();
  for (let kind: 'scheduled' | 'confirm' = 'scheduled'; ; ) {
    if (kind === 'scheduled') regularMs = Math.max(regularMs + intervalMs, clock.now());
    try {
      yield await paced.step(kind);
    } catch (error) {
      if (isAbort(error) && signal.aborted) return;
      if (!pace.onFailure) throw error;
      pace.onFailure(error);
    }
    const nextMs = Math.max(clock.now(), nextRound(paced, regularMs, clock.now()));
    if (pace.untilMs !== undefined && nextMs > Math.max(pace.untilMs, paced.closer?.untilMs ?? 0)) return;
    kind = clock.now() < regularMs && nextMs < regularMs ? 'confirm' : 'scheduled';
    try {
      await clock.sleep(nextMs - clock.now(), signal);
    } catch (error) {
      if (isAbort(error)) return;
      throw error;
    }
  }
}

function nextRound({closer}: Paced<unknown>, regularMs: number, nowMs: number): number {
  const closeMs = closer ? nowMs + closer.everyMs : Number.POSITIVE_INFINITY;
  return closer && closeMs <= closer.untilMs ? Math.min(regularMs, closeMs) : regularMs;
}
