import {formatDuration} from '../kernel/duration.js';

/** Something that must happen again and again: a backup, a restore drill, a monitor run. */
export interface Due {
  readonly name: string;
  /** When it last happened; undefined: never, as far as anybody knows. */
  readonly lastMs: number | undefined;
  readonly maxAgeMs: number;
}

/** A standing fact about the way back: how it is, how it must be, in words. */
export interface Freshness {
  readonly name: string;
  readonly state: 'fresh' | 'late' | 'never' | 'unknown';
  /** The figure to show, such as `9 h old` or `63 days left`. */
  readonly shown: string;
  /** What is asked for, such as `26 h allowed`. */
  readonly limit: string;
  readonly sentence: string;
}

/** Whether it happened lately enough. What could not be asked about is unknown, never fresh. */
export function freshnessOf(due: Due, nowMs: number): Freshness {
  const {name, lastMs, maxAgeMs} = due;
  const limit = `${roughly(maxAgeMs)} allowed`;
  if (lastMs === undefined)
    return {name, state: 'never', shown: 'never', limit, sentence: `${name}: never, as far as is known`};
  const ageMs = Math.max(0, nowMs - lastMs);
  const state = ageMs > maxAgeMs ? 'late' : 'fresh';
  return {
    name,
    state,
    shown: `${roughly(ageMs)} ago`,
    limit,
    sentence: `${name}: ${formatDuration(ageMs)} ago, ${formatDuration(maxAgeMs)} ${state === 'late' ? 'were' : 'are'} allowed`,
  };
}

const dayMs = 86_400_000;

/** One unit is enough for an age: `40 minutes`, `9 hours`, `3 days`. */
export function roughly(ms: number): string {
  const units = [
    [dayMs, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
  ] as const;
  const [unitMs, word] = units.find(([one]) => ms >= 2 * one) ?? units[2];
  const count = Math.round(ms / unitMs);
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Whether something that ends, such as a certificate, still lasts long enough. */
export function remainingOf(name: string, endsMs: number, minDays: number, nowMs: number): Freshness {
  const days = Math.floor((endsMs - nowMs) / dayMs);
  const shown =
    days < 0 ? `ended ${-days} ${days === -1 ? 'day' : 'days'} ago` : `${days} ${days === 1 ? 'day' : 'days'} left`;
  return {
    name,
    state: days >= minDays ? 'fresh' : 'late',
    shown,
    limit: `at least ${minDays} days`,
    sentence: `${name}: ${shown}, at least ${minDays} are wanted`,
  };
}

export function unknownFreshness(name: string, limit: string, why: string): Freshness {
  return {name, state: 'unknown', shown: 'unknown', limit, sentence: `${name}: could not be asked (${why})`};
}
