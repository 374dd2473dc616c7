import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {
  type PlanLimits,
  periodOf,
  planRetention,
  type RetainedSet,
  type RetentionRules,
} from '../../src/backup/retention-plan.js';

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 10, 22, 18, 45);
const none: RetentionRules = {
  keepLast: 0,
  hourly: 0,
  daily: 0,
  weekly: 0,
  monthly: 0,
  yearly: 0,
  keepWithinMs: 0,
  minVerified: 1,
};
const loose: PlanLimits = {staleAfterMs: 2 * day, maxShare: 1};

const set = (agoMs: number, more: Partial<RetainedSet> = {}): RetainedSet => ({
  id: `s${agoMs}`,
  atMs: now - agoMs,
  proven: false,
  failed: false,
  neededBy: [],
  ...more,
});
const daily = (count: number, more: (i: number) => Partial<RetainedSet> = () => ({})) =>
  Array.from({length: count}, (_, i) => set(i * day, more(i)));
const removed = (sets: readonly RetainedSet[], rules: Partial<RetentionRules>, limits: PlanLimits = loose) =>
  planRetention(sets, {...none, ...rules}, limits, now).remove;

describe('retention plans', () => {
  test('keep-last keeps so many', () => {
    expect(removed(daily(10), {keepLast: 4})).toEqual([4, 5, 6, 7, 8, 9].map((i) => `s${i * day}`));
  });

  test('daily keeps the newest of each day, and days without a set do not count', () => {
    const sets = [set(0), set(2 * hour), set(5 * day), set(5 * day + hour), set(9 * day), set(20 * day)];
    expect(removed(sets, {daily: 3})).toEqual([`s${2 * hour}`, `s${5 * day + hour}`, `s${20 * day}`]);
  });

  test('while a rule is not full the oldest stays', () => {
    expect(planRetention(daily(5), {...none, yearly: 3}, loose, now).keep.map(({id}) => id)).toEqual([
      's0',
      `s${4 * day}`,
    ]);
  });

  test('a proven set of a period goes before a newer unproven one', () => {
    const sets = [set(0), set(3 * day), set(3 * day + hour, {proven: true}), set(4 * day)];
    expect(removed(sets, {daily: 2})).toContain(`s${3 * day}`);
    expect(removed(sets, {daily: 2})).not.toContain(`s${3 * day + hour}`);
  });

  test('weeks are ISO weeks: Monday to Sunday, and the Thursday decides the year', () => {
    expect(periodOf('weekly', Date.UTC(2027, 0, 3))).toBe('2026-W53');
    expect(periodOf('weekly', Date.UTC(2027, 0, 4))).toBe('2027-W01');
    expect(periodOf('weekly', Date.UTC(2024, 11, 30))).toBe('2025-W01');
  });

  test('five failures after two good ones: both good ones stay', () => {
    const sets = daily(7, (i) => (i < 5 ? {failed: true} : {proven: true}));
    const left = planRetention(sets, {...none, keepLast: 2}, loose, now).keep.map(({id}) => id);
    expect(left).toEqual(expect.arrayContaining([`s${5 * day}`, `s${6 * day}`]));
  });

  test('proven sets stay whatever their age', () => {
    const sets = [...daily(4), ...[400, 500, 600, 700].map((days) => set(days * day, {proven: true}))];
    expect(removed(sets, {keepLast: 1, minVerified: 3})).toEqual([
      ...[1, 2, 3].map((i) => `s${i * day}`),
      `s${700 * day}`,
    ]);
  });

  test('what a release or a hold needs stays', () => {
    expect(removed([set(0), set(90 * day, {neededBy: ['live release']}), set(91 * day)], {keepLast: 1})).toEqual([
      `s${91 * day}`,
    ]);
  });

  test.each<[rule: string, sets: RetainedSet[], rules: Partial<RetentionRules>, limits: PlanLimits, code: string]>([
    ['an empty listing', [], {keepLast: 1}, loose, 'RETENTION_EMPTY'],
    ['backups that have stopped', [set(3 * day), set(4 * day)], {keepLast: 1}, loose, 'RETENTION_STALE'],
    ['a newest set in the future', [set(-hour), set(day)], {keepLast: 1}, loose, 'RETENTION_CLOCK'],
    ['rules that keep nothing', daily(3), {}, loose, 'RETENTION_RULES'],
    ['a floor of zero', daily(3), {keepLast: 1, minVerified: 0}, loose, 'RETENTION_RULES'],
    ['a plan that removes more than half', daily(10), {keepLast: 2}, {staleAfterMs: day}, 'RETENTION_TOO_MUCH'],
  ])('%s is refused', (_rule, sets, rules, limits, code) => {
    expect(() => planRetention(sets, {...none, ...rules}, limits, now)).toThrow(expect.objectContaining({code}));
  });

  const anySet = fc.record({
    ago: fc.integer({min: 0, max: 900 * 24}),
    proven: fc.boolean(),
    failed: fc.boolean(),
    held: fc.boolean(),
  });
  const anySets = fc
    .uniqueArray(anySet, {minLength: 1, maxLength: 60, selector: ({ago}) => ago})
    .map((items) => [
      set(0),
      ...items
        .filter(({ago}) => ago > 0)
        .map(({ago, proven, failed, held}) => set(ago * hour, {proven, failed, neededBy: held ? ['held'] : []})),
    ]);
  const anyRules = fc.record({
    keepLast: fc.integer({min: 1, max: 9}),
    hourly: fc.integer({min: 0, max: 5}),
    daily: fc.integer({min: 0, max: 9}),
    weekly: fc.integer({min: 0, max: 9}),
    monthly: fc.integer({min: 0, max: 9}),
    yearly: fc.integer({min: 0, max: 3}),
    keepWithinMs: fc.integer({min: 0, max: 40}).map((days) => days * day),
    minVerified: fc.integer({min: 1, max: 5}),
  });
  const plan = (sets: readonly RetainedSet[], rules: RetentionRules) => planRetention(sets, rules, loose, now);

  test('always: every set is either kept with a reason or removed', () => {
    fc.assert(
      fc.property(anySets, anyRules, (sets, rules) => {
        const {keep, remove} = plan(sets, rules);
        expect([...keep.map(({id}) => id), ...remove].sort()).toEqual(sets.map(({id}) => id).sort());
        expect(keep.every(({because}) => because.length > 0)).toBe(true);
      }),
    );
  });

  test('always: the newest, the newest sound one, young ones, held ones and enough proven ones stay', () => {
    fc.assert(
      fc.property(anySets, anyRules, (sets, rules) => {
        const gone = new Set(plan(sets, rules).remove);
        const newestFirst = [...sets].sort((a, b) => b.atMs - a.atMs);
        expect(gone.has(newestFirst[0]!.id)).toBe(false);
        const sound = newestFirst.find(({failed}) => !failed);
        if (sound) expect(gone.has(sound.id)).toBe(false);
        expect(sets.filter(({id, atMs}) => gone.has(id) && now - atMs < rules.keepWithinMs)).toEqual([]);
        expect(sets.filter(({id, neededBy}) => gone.has(id) && neededBy.length)).toEqual([]);
        const proven = sets.filter(({proven, failed}) => proven && !failed);
        expect(proven.filter(({id}) => !gone.has(id)).length).toBeGreaterThanOrEqual(
          Math.min(proven.length, rules.minVerified),
        );
      }),
    );
  });

  test('always: the order of the listing does not matter, and a second plan removes nothing more', () => {
    fc.assert(
      fc.property(anySets, anyRules, fc.infiniteStream(fc.nat()), (sets, rules, random) => {
        const {remove} = plan(sets, rules);
        const shuffled = sets
          .map((one) => ({one, key: random.next().value as number}))
          .sort((a, b) => a.key - b.key)
          .map(({one}) => one);
        expect(plan(shuffled, rules).remove).toEqual(remove);
        expect(
          plan(
            sets.filter(({id}) => !remove.includes(id)),
            rules,
          ).remove,
        ).toEqual([]);
      }),
    );
  });

  test('always: failed sets never cost a sound one its place', () => {
    fc.assert(
      fc.property(
        anySets,
        anyRules,
        fc.array(fc.integer({min: 1, max: 20_000}), {maxLength: 10}),
        (sets, rules, minutes) => {
          const before = new Set(plan(sets, rules).remove);
          const failures = [...new Set(minutes)].map((ago) => set(ago * 60_000 + 1, {failed: true}));
          const after = plan([...sets, ...failures], rules).remove.filter((id) =>
            sets.find((one) => one.id === id && !one.failed),
          );
          expect(after.filter((id) => !before.has(id))).toEqual([]);
        },
      ),
    );
  });
});
