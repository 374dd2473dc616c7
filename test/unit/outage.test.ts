import {expect, test} from '@jest/globals';
import type {RecordCheck} from '../../src/gate/record.js';
import type {ReleaseRecord} from '../../src/ledger/record.js';
import {badSinceMs, outageMs} from '../../src/release/outage.js';
import {timing} from '../../src/report/rollback-summary.js';

const startedMs = Date.parse('2026-01-02T03:04:05Z');
const watch = (...failures: Array<number | undefined>) => ({
  started_at: new Date(startedMs).toISOString(),
  checks: failures.map((at) => (at === undefined ? {} : {first_failure_at_ms: at}) as RecordCheck),
});

test.each<[rule: string, failures: Array<number | undefined>, since: number]>([
  ['the first failure of any check counts', [4_000, undefined, 900], 900],
  ['slowness without a failure counts from the begin of the watch', [undefined, undefined], 0],
])('%s', (_rule, failures, since) => {
  expect(badSinceMs(watch(...failures))).toBe(startedMs + since);
});

const record = (...gated: Array<Record<string, string>>): ReleaseRecord => ({
  id: '1',
  release: 'r',
  commit: 'c'.repeat(40),
  createdAtMs: 0,
  anchors: {},
  events: gated.map((facts) => ({atMs: 0, kind: 'gated', facts})),
});

test.each<[rule: string, record: ReleaseRecord | undefined, ms: number | undefined]>([
  ['measured from what the gate noted', record({'bad-since': String(startedMs)}), 5_000],
  ['a candidate that failed was no outage', record({stage: 'candidate', verdict: 'fail'}), undefined],
  ['a rollback of nothing known', undefined, undefined],
  ['a clock that is behind tells nothing', record({'bad-since': String(startedMs + 60_000)}), undefined],
  ['nor does a fact that is no time', record({'bad-since': 'soon'}), undefined],
])('%s', (_rule, from, ms) => {
  expect(outageMs(from, startedMs + 5_000)).toBe(ms);
});

test('the sentence measures the outage against the objective, and says when it was missed', () => {
  expect(timing({totalMs: 10_000, outageMs: 14_000, rtoMs: 300_000})).toBe(
    'From the first bad answer to gated again: 14.0 s; the objective is 5 min 00 s. The way back took 10.0 s of it.',
  );
  expect(timing({totalMs: 10_000, outageMs: 400_000, rtoMs: 300_000})).toContain('5 min 00 s, **missed**');
  expect(timing({totalMs: 10_000, outageMs: undefined, rtoMs: 300_000})).toBe(
    'Took 10.0 s; the objective is 5 min 00 s.',
  );
});
