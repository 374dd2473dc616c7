import {formatDuration} from '../kernel/duration.js';

/** Something that must happen again and again: a backup, a restore drill, a monitor run, the renewal of a certificate. */
export interface Due {
  readonly name: string;
  /** When it last happened; undefined: never, as far as anybody knows. */
  readonly lastMs: number | undefined;
  readonly maxAgeMs: number;
}

export interface Freshness {
  readonly name: string;
  readonly state: 'fresh' | 'late' | 'never' | 'unknown';
  readonly ageMs: number | undefined;
  readonly maxAgeMs: number;
  readonly sentence: string;
}

/** Whether it happened lately enough. What could not be asked about is unknown, never fresh. */
export function freshnessOf(due: Due, nowMs: number): Freshness {
  const {name, lastMs, maxAgeMs} = due;
  if (lastMs === undefined)
    return {name, state: 'never', ageMs: undefined, maxAgeMs, sentence: `${name}: never, as far as is known`};
  const ageMs = Math.max(0, nowMs - lastMs);
  const state = ageMs > maxAgeMs ? 'late' : 'fresh';
  return {
    name,
    state,
    ageMs,
    maxAgeMs,
    sentence: `${name}: ${formatDuration(ageMs)} ago, ${formatDuration(maxAgeMs)} ${state === 'late' ? 'were' : 'are'} allowed`,
  };
}

export function unknownFreshness(name: string, maxAgeMs: number, why: string): Freshness {
  return {name, state: 'unknown', ageMs: undefined, maxAgeMs, sentence: `${name}: could not be asked (${why})`};
}
