import {setTimeout as timer} from 'node:timers/promises';
import {cancelled} from './errors.js';

/** Time as a port: everything that waits or stamps takes one, so that tests run without waiting. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`; rejects with code CANCELLED at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted) throw cancelled('The wait');
    try {
      await timer(Math.max(0, ms), undefined, signal ? {signal} : {});
    } catch (error) {
      if (signal?.aborted) throw cancelled('The wait');
      throw error;
    }
  },
};

/** A clock for tests: `sleep` returns at once, moves `now` and notes the wait in `slept`. */
export function fakeClock(
  startMs = Date.UTC(2026, 0, 1),
): Clock & {readonly slept: number[]; advance(ms: number): void} {
  let nowMs = startMs;
  const slept: number[] = [];
  return {
    slept,
    now: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
    sleep: async (ms, signal) => {
      if (signal?.aborted) throw cancelled('The wait');
      slept.push(ms);
      nowMs += ms;
    },
  };
}
