import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import type {StoreFacts} from '../storage/store.js';

/** What ids, ages and signatures bear; S3 itself refuses requests from 15 minutes on. */
export const clockToleranceMs = 5 * 60_000;

/** How far the two clocks are apart, in words; undefined when they agree well enough or the store has none. */
export function clockGap({aheadMs}: StoreFacts): string | undefined {
  if (aheadMs === undefined || Math.abs(aheadMs) <= clockToleranceMs) return undefined;
  return `this machine's clock is ${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'behind' : 'ahead of'} the store's`;
}

/**
 * A set is named, ordered and aged by the clock of the machine that made it; a wrong one would make a new set look old
 * or an old one new.
 * @throws Failure CLOCK
 */
export function refuseWrongClock(facts: StoreFacts, code = 'CLOCK'): void {
  const gap = clockGap(facts);
  if (gap)
    throw new Failure(code, `Nothing was done: ${gap}`, {
      remedy: 'Correct the clock of the runner (on Linux: `timedatectl set-ntp true`), then run again.',
      details: {aheadMs: Math.round(facts.aheadMs!)},
    });
}
