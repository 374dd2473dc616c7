import {Failure} from '../kernel/errors.js';

/**
 * Which sets may go. Pure: the same sets, rules and time give the same plan. Whatever is doubtful is kept, and a plan
 * that would be doubtful as a whole is refused.
 */

/** How many sets of each calendar period stay. Periods without a set do not count. All of UTC; weeks begin on Monday. */
export interface RetentionRules {
  readonly keepLast: number;
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
  /** Every set younger than this stays, in milliseconds. */
  readonly keepWithinMs: number;
  /** At least so many proven sets stay whatever their age; at least 1. */
  readonly minVerified: number;
}

/** What the planner knows of one sealed set. */
export interface RetainedSet {
  readonly id: string;
  /** Epoch milliseconds, from inside the manifest. */
  readonly atMs: number;
  /** Its plaintext was compared with the manifest. */
  readonly proven: boolean;
  /** A proof failed. */
  readonly failed: boolean;
  /** Holds and names of releases that need it; empty when nobody asked for it. */
  readonly neededBy: readonly string[];
}

export interface RetentionPlan {
  /** Why each set stays; newest first. */
  readonly keep: ReadonlyArray<{readonly id: string; readonly because: readonly string[]}>;
  /** Newest first. */
  readonly remove: readonly string[];
}

export interface PlanLimits {
  /** Largest share of all sets one plan may remove; default half. */
  readonly maxShare?: number;
  /** Up to this many removals the share does not matter; default 3, so that a small series can shrink at all. */
  readonly alwaysAllowed?: number;
  /** A newest set older than this means that backups have stopped: nothing is removed. Milliseconds. */
  readonly staleAfterMs: number;
  /** Sets further in the future than this mean that a clock is wrong. Default 15 minutes. */
  readonly clockToleranceMs?: number;
}

/**
 * Plans the removal of sets.
 * @param sets every sealed set of the series, in any order. An empty list is refused: it is what a failed listing looks like.
 * @throws Failure RETENTION_EMPTY, RETENTION_STALE, RETENTION_CLOCK, RETENTION_RULES, RETENTION_TOO_MUCH
 */
export function planRetention(
  sets: readonly RetainedSet[],
  rules: RetentionRules,
  limits: PlanLimits,
  nowMs: number,
): RetentionPlan {
  refuseRules(rules);
  const newestFirst = [...sets].sort((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1));
  refuseListing(newestFirst, limits, nowMs);
  const reasons = new Map<string, string[]>(newestFirst.map(({id}) => [id, []]));
  const keep = (set: RetainedSet | undefined, why: string) => void (set && reasons.get(set.id)!.push(why));
  keepNamed(newestFirst, rules, nowMs, keep);
  keepPeriods(newestFirst, rules, keep);
  keepProven(newestFirst, rules, keep);
  const remove = newestFirst.filter(({id}) => reasons.get(id)!.length === 0).map(({id}) => id);
  refuseTooMuch(remove.length, newestFirst.length, limits);
  return {
    keep: newestFirst.filter(({id}) => reasons.get(id)!.length > 0).map(({id}) => ({id, because: reasons.get(id)!})),
    remove,
  };
}

type Keep = (set: RetainedSet | undefined, why: string) => void;

function keepNamed(
  sets: readonly RetainedSet[],
  {keepLast, keepWithinMs}: RetentionRules,
  nowMs: number,
  keep: Keep,
): void {
  for (const set of sets) {
    for (const who of set.neededBy) keep(set, who);
    if (nowMs - set.atMs < keepWithinMs) keep(set, 'young');
    if (set.atMs > nowMs) keep(set, 'dated in the future');
  }
  // Failed sets do not push good ones out of the count.
  for (const set of sets.filter(({failed}) => !failed).slice(0, keepLast)) keep(set, `one of the last ${keepLast}`);
}

const periods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/**
 * The newest set of each of the last N periods that have one; a proven set of a period goes before an unproven one.
 * While a rule has fewer periods than N, the oldest set stays too: it will one day be the yearly one.
 */
function keepPeriods(sets: readonly RetainedSet[], rules: RetentionRules, keep: Keep): void {
  const usable = sets.filter(({failed}) => !failed);
  for (const period of periods) {
    if (rules[period] === 0) continue;
    const best = new Map<string, RetainedSet>();
    for (const set of usable) {
      const name = periodOf(period, set.atMs);
      const held = best.get(name);
      if (!held || (set.proven && !held.proven)) best.set(name, set);
    }
    const names = [...new Set(usable.map((set) => periodOf(period, set.atMs)))].slice(0, rules[period]);
    for (const name of names) keep(best.get(name), `${period} ${name}`);
    if (names.length < rules[period]) keep(usable.at(-1), `oldest, while ${period} is not full`);
  }
}

function keepProven(sets: readonly RetainedSet[], {minVerified}: RetentionRules, keep: Keep): void {
  keep(sets[0], 'newest');
  keep(
    sets.find(({failed}) => !failed),
    'newest that failed no proof',
  );
  for (const set of sets.filter(({proven, failed}) => proven && !failed).slice(0, minVerified)) keep(set, 'proven');
  // Where too few are proven, what is complete has to stand in for it.
  const proven = sets.filter((set) => set.proven && !set.failed).length;
  for (const set of sets.filter((one) => !one.proven && !one.failed).slice(0, Math.max(0, minVerified - proven)))
    keep(set, 'stands in for a proven one');
}

function refuseRules(rules: RetentionRules): void {
  const numbers = [rules.keepLast, rules.hourly, rules.daily, rules.weekly, rules.monthly, rules.yearly];
  const wrong =
    numbers.some((count) => !Number.isInteger(count) || count < 0) ||
    !(rules.minVerified >= 1) ||
    !(rules.keepWithinMs >= 0);
  if (!wrong && (numbers.some((count) => count > 0) || rules.keepWithinMs > 0)) return;
  throw new Failure(
    'RETENTION_RULES',
    wrong ? 'The rules of retention hold a number that cannot be' : 'The rules of retention keep nothing',
    {
      remedy:
        'Set at least one of keep-last, hourly, daily, weekly, monthly, yearly, keep-within, and min-verified to 1 or more.',
    },
  );
}

function refuseListing(
  newestFirst: readonly RetainedSet[],
  {staleAfterMs, clockToleranceMs = 900_000}: PlanLimits,
  nowMs: number,
): void {
  const newest = newestFirst[0];
  if (!newest)
    throw new Failure('RETENTION_EMPTY', 'No sealed set was found, so nothing is removed', {
      remedy: 'Check bucket, prefix, product and environment; an empty listing is never a reason to delete.',
    });
  if (newest.atMs - nowMs > clockToleranceMs)
    throw new Failure(
      'RETENTION_CLOCK',
      `The newest set is dated ${new Date(newest.atMs).toISOString()}, in the future`,
      {remedy: 'Correct the clock of this machine or find out who made that set; nothing was removed.'},
    );
  if (nowMs - newest.atMs > staleAfterMs)
    throw new Failure(
      'RETENTION_STALE',
      `Backups have stopped: the newest set is of ${new Date(newest.atMs).toISOString()}; nothing is removed`,
      {remedy: 'Make backups run again first; until then every old set is precious.'},
    );
}

function refuseTooMuch(removed: number, all: number, {maxShare = 0.5, alwaysAllowed = 3}: PlanLimits): void {
  if (removed <= alwaysAllowed || removed <= all * maxShare) return;
  throw new Failure(
    'RETENTION_TOO_MUCH',
    `The plan would remove ${removed} of ${all} sets, more than ${Math.round(maxShare * 100)} %`,
    {
      remedy: 'Check the rules. If they are meant, let them loose in steps, or raise the limit for one run.',
      details: {removed, all},
    },
  );
}

/** Name of the period a moment lies in: `2026-11-22T18`, `2026-11-22`, `2026-W47`, `2026-11`, `2026`. */
export function periodOf(period: (typeof periods)[number], atMs: number): string {
  const text = new Date(atMs).toISOString();
  if (period === 'weekly') return isoWeek(atMs);
  return text.slice(0, {hourly: 13, daily: 10, monthly: 7, yearly: 4}[period]);
}

function isoWeek(atMs: number): string {
  const day = new Date(atMs);
  // The week's Thursday decides which year it belongs to.
  const thursday = new Date(
    Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 4 - (day.getUTCDay() || 7)),
  );
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${String(1 + Math.floor((thursday.getTime() - first) / 604_800_000)).padStart(2, '0')}`;
}
