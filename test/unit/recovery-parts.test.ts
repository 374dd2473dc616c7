import {describe, expect, test} from '@jest/globals';
import type {ReleaseEvent} from '../../src/ledger/record.js';
import {operatorBypass} from '../../src/release/maintenance-bypass.js';
import {lacksItsEnd, measure, type Window} from '../../src/release/recovery.js';
import {type RecoveryMark, readRecoveryMark, recoveryMark} from '../../src/release/recovery-mark.js';
import {measureLines} from '../../src/report/recovery-summary.js';

const set = '20261122T170000Z-9f2c41aa';
const hourMs = 3_600_000;
const damageMs = Date.UTC(2026, 10, 22, 18);

describe('the mark on a restored database', () => {
  test.each<[what: string, mark: RecoveryMark]>([
    ['before the swap', {recovery: 'm-20261122-181500', set}],
    ['after it', {recovery: 'm-20261122-181500', set, atMs: damageMs}],
  ])('reads as it was written, %s', (_what, mark) => expect(readRecoveryMark(recoveryMark(mark))).toEqual(mark));

  test.each([
    undefined,
    '',
    'our production database',
    'switchback: recovery , set ',
    `switchback: recovery m-1, set ${set} and more`,
    `x switchback: recovery m-1, set ${set}`,
  ])('nobody else’s comment is one: %s', (note) => expect(readRecoveryMark(note)).toBeUndefined());

  test('a moment that is none is none, so that the restore is gone over once more', () =>
    expect(readRecoveryMark(`switchback: recovery m-1, set ${set}, in place never`)).toEqual({recovery: 'm-1', set}));
});

describe('what is measured', () => {
  test.each<[rule: string, mark: RecoveryMark | undefined, rpoMs: number]>([
    ['data is lost from the set to the damage', {recovery: 'm-1', set}, hourMs],
    ['a database that was not restored lost nothing', undefined, 0],
    ['a set from after the damage lost nothing', {recovery: 'm-1', set: '20261122T190000Z-9f2c41aa'}, 0],
  ])('%s', (_rule, mark, rpoMs) =>
    expect(measure(damageMs, damageMs + 90_000, mark?.set)).toEqual({rtoMs: 90_000, rpoMs, set: mark?.set}),
  );

  test.each<[rule: string, rtoMs: number, rpoMs: number, words: RegExp]>([
    [
      'both met',
      60_000,
      60_000,
      /1 min 00 s; the objective is 5 min 00 s, met[\s\S]*1 min 00 s; the objective is 1 h 00 min, met/,
    ],
    ['exactly met', 300_000, hourMs, /met[\s\S]*met/],
    ['RTO missed', 300_001, 0, /objective is 5 min 00 s, MISSED[\s\S]*, met/],
    ['RPO missed', 0, hourMs + 1, /, met[\s\S]*MISSED/],
  ])('%s is said in words', (_rule, rtoMs, rpoMs, words) => {
    const lines = measureLines({rtoMs, rpoMs, set, release: undefined, objectives: {rto: 300_000, rpo: hourMs}});
    expect(lines.join('\n')).toMatch(words);
  });
});

describe('a recovery that lost only its last step', () => {
  const event = (facts: Record<string, string>): ReleaseEvent => ({atMs: damageMs, kind: 'note', facts});
  const window = (more: Partial<Window>, why = 'data incident'): Window => ({
    record: {
      id: '1',
      release: 'm-1',
      commit: 'a'.repeat(40),
      createdAtMs: damageMs,
      anchors: {},
      events: [event({do: 'maintenance-on', why})],
    },
    open: false,
    over: false,
    closedAtMs: damageMs,
    ...more,
  });
  const mark = {recovery: 'm-1', set, atMs: damageMs};
  test.each<[rule: string, window: Window | undefined, mark: RecoveryMark | undefined, nowMs: number, lacks: boolean]>([
    ['there was no window', undefined, mark, damageMs, false],
    ['the window is open: it goes on', window({open: true, closedAtMs: undefined}), mark, damageMs, false],
    ['it was measured', window({over: true}), mark, damageMs, false],
    ['the database tells', window({}), mark, damageMs + 60_000, true],
    ['the reason of the window tells', window({}, 'disaster recovery: fire'), undefined, damageMs, true],
    ['an ordinary window is not one', window({}), undefined, damageMs, false],
    ['the mark of an older one does not tell', window({}), {...mark, recovery: 'm-0'}, damageMs, false],
    ['another day is another disaster', window({}), mark, damageMs + hourMs + 1, false],
  ])('%s', (_rule, one, its, nowMs, lacks) => expect(lacksItsEnd(one, its, nowMs)).toBe(lacks));
});

describe('what lets an operator past the block', () => {
  test('a given secret, where there is no token', () => expect(operatorBypass('given', undefined)).toBe('given'));
  test('else it follows from the token, always the same and never the token', () => {
    expect(operatorBypass('given', 'token')).toBe(operatorBypass(undefined, 'token'));
    const derived = operatorBypass(undefined, 'railway-token-1')!;
    expect(operatorBypass(undefined, 'railway-token-1')).toBe(derived);
    expect(operatorBypass(undefined, 'railway-token-2')).not.toBe(derived);
    expect(derived).toMatch(/^[\w-]{43}$/);
    expect(derived).not.toContain('railway');
  });
  test('without either there is none', () => expect(operatorBypass(undefined, undefined)).toBeUndefined());
});
