import {describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {cancelled} from '../../src/kernel/errors.js';
import type {ReleaseEvent, ReleaseRecord, StoredAnchors} from '../../src/ledger/record.js';
import {remainingOf} from '../../src/monitor/freshness.js';
import {History} from '../../src/monitor/history.js';
import {memoryFiles} from '../../src/monitor/history-files.js';
import {keepPace} from '../../src/release/monitor-pace.js';
import {rollbackReadiness} from '../../src/release/monitor-readiness.js';
import {monitorSummary, sparkline, stepLine} from '../../src/report/monitor-summary.js';

const dayMs = 86_400_000;
const t0 = Date.UTC(2026, 10, 23, 12);

describe('pace', () => {
  const walk = async (
    plan: {everyMs?: number; forMs?: number; untilMs?: number; takesMs?: number},
    rounds = 8,
  ): Promise<string[]> => {
    const clock = fakeClock(t0);
    const took: string[] = [];
    const paced = {
      step: async (kind: string) => {
        took.push(`${kind[0]}${(clock.now() - t0) / 1_000}`);
        clock.advance(plan.takesMs ?? 0);
      },
      get closer() {
        const untilMs = t0 + (plan.forMs ?? 0);
        return plan.everyMs && untilMs > clock.now() ? {everyMs: plan.everyMs, untilMs} : undefined;
      },
    };
    const stop = new AbortController();
    const pace = {
      intervalMs: 60_000,
      clock,
      signal: stop.signal,
      ...(plan.untilMs === undefined ? {} : {untilMs: plan.untilMs}),
    };
    for await (const _ of keepPace(paced, pace)) if (took.length >= rounds) stop.abort();
    return took;
  };

  test.each<[rule: string, plan: Parameters<typeof walk>[0], took: string[]]>([
    ['one round when no time is given', {untilMs: t0}, ['s0']],
    ['rounds at their pace', {untilMs: t0 + 180_000}, ['s0', 's60', 's120', 's180']],
    [
      'what a slow round made late is not caught up on',
      {untilMs: t0 + 200_000, takesMs: 90_000},
      ['s0', 's90', 's180'],
    ],
    [
      'closer rounds after a release are evidence, between the regular ones',
      {untilMs: t0 + 120_000, everyMs: 25_000, forMs: 80_000},
      ['s0', 'c25', 'c50', 's60', 's120'],
    ],
    [
      'and a single round is followed by the burst that is under way',
      {untilMs: t0, everyMs: 20_000, forMs: 70_000},
      ['s0', 'c20', 'c40', 's60'],
    ],
    ['for ever, until it is stopped', {}, ['s0', 's60', 's120', 's180', 's240', 's300', 's360', 's420']],
  ])('%s', async (_rule, plan, took) => expect(await walk(plan)).toEqual(took));

  test('a round that fails is told and the next one comes; one that was stopped ends it in order', async () => {
    const clock = fakeClock(t0);
    const stop = new AbortController();
    const told: unknown[] = [];
    let rounds = 0;
    const paced = {
      step: async () => {
        rounds++;
        if (rounds === 2) throw new Error('the disk is full');
        if (rounds === 4) {
          stop.abort();
          throw cancelled('The round');
        }
      },
      closer: undefined,
    };
    const pace = {intervalMs: 60_000, clock, signal: stop.signal, onFailure: (error: unknown) => void told.push(error)};
    for await (const _ of keepPace(paced, pace));
    expect(rounds).toBe(4);
    expect(told.map(String)).toEqual(['Error: the disk is full']);
  });
});

describe('rollback readiness, as the ledger says', () => {
  const anchors = (by: 'rollback' | 'rebuild' | 'none' = 'rollback'): StoredAnchors => ({
    frontend: {
      component: 'frontend',
      platform: 'vercel',
      deploymentId: 'dpl_a',
      hosts: [],
      createdAtMs: 0,
      readAtMs: 0,
      restorable: by === 'none' ? {by, why: 'gone', remedy: 'build'} : {by},
    },
  });
  const event = (kind: ReleaseEvent['kind'], facts: ReleaseEvent['facts'] = {}, atMs = t0): ReleaseEvent => ({
    atMs,
    kind,
    facts,
  });
  const record = (release: string, events: ReleaseEvent[], held = anchors()): ReleaseRecord => ({
    id: release,
    release,
    commit: 'a'.repeat(40),
    createdAtMs: t0,
    anchors: held,
    events,
  });
  const good = [event('promoted'), event('good')];

  test.each<[rule: string, records: ReleaseRecord[], nowMs: number, state: string | undefined, says: RegExp]>([
    ['without a release nothing is said', [], t0, undefined, /^$/],
    ['kept by the platform', [record('r-2', good)], t0, 'fresh', /from r-2 in one step/],
    ['only by a build', [record('r-2', good, anchors('rebuild'))], t0, 'late', /built again/],
    ['not at all', [record('r-2', good, anchors('none'))], t0, 'late', /no way back/],
    ['the first release has nothing behind it', [record('r-1', good, {})], t0, 'unknown', /nothing was live/],
    [
      'what was rolled back is not what is live',
      [record('r-2', [...good, event('rolled-back')], anchors('none')), record('r-1', good)],
      t0,
      'fresh',
      /from r-1/,
    ],
    ['a maintenance window is no release', [record('m-1', []), record('r-2', good)], t0, 'fresh', /r-2/],
    [
      'a change under way is unknown',
      [record('r-3', [event('intent', {do: 'promote'})])],
      t0 + 60_000,
      'unknown',
      /at work/,
    ],
    ['and after an hour it died', [record('r-3', [event('intent', {do: 'promote'})])], t0 + 4e6, 'late', /died/],
  ])('%s', (_rule, records, nowMs, state, says) => {
    const found = rollbackReadiness(records, nowMs);
    expect(found?.state).toBe(state);
    expect(found?.sentence ?? '').toMatch(says);
  });
});

test.each<[days: number, state: string, shown: string]>([
  [63.5, 'fresh', '63 days left'],
  [14, 'fresh', '14 days left'],
  [13.9, 'late', '13 days left'],
  [1.5, 'late', '1 day left'],
  [-0.5, 'late', 'ended 1 day ago'],
])('a certificate with %d days left is %s', (days, state, shown) =>
  expect(remainingOf('certificate', t0 + days * dayMs, 14, t0)).toMatchObject({state, shown}),
);

test('when somebody last looked is known after a week of silence, and after a year', async () => {
  const history = new History(memoryFiles());
  expect(await history.lastRoundMs(t0)).toBeUndefined();
  await history.appendRounds([{atMs: t0, kind: 'scheduled', results: new Map([['a', {outcome: 'ok', latencyMs: 3}]])}]);
  expect(await history.lastRoundMs(t0 + 6 * dayMs)).toBe(t0);
  await history.compact(t0 + 20 * dayMs);
  expect(Math.abs((await history.lastRoundMs(t0 + 20 * dayMs))! - t0)).toBeLessThan(300_001);
  await history.compact(t0 + 300 * dayMs);
  expect(Math.abs((await history.lastRoundMs(t0 + 300 * dayMs))! - t0)).toBeLessThan(3_600_001);
});

test('a round is told in one line that names what failed', () => {
  const results = new Map([
    ['checkout', {outcome: 'failed'}],
    ['search', {outcome: 'ok'}],
  ]);
  expect(
    stepLine({
      round: {kind: 'scheduled', results},
      details: new Map([['checkout', 'expected 200, got 503']]),
      confirmRounds: 5,
      transitions: [{service: 'checkout', to: 'down'}],
      dispatched: {sent: [1, 2], failed: [3]},
    }),
  ).toBe(
    '2 services, 1 failed (checkout: expected 200, got 503), 5 closer looks; checkout is down; 2 messages sent; 1 message could not be sent',
  );
});

describe('the summary of a run', () => {
  const service = (name: string, condition: string) => ({
    name,
    condition,
    availability: 0.9991,
    budgetLeft: condition === 'down' ? -0.2 : 0.4,
    latencyMs: 41,
    spark: [10, 20, null, null, 40, 80],
    detail: condition === 'down' ? 'expected 200 | got <b>503</b>' : null,
  });
  const figures = {
    rounds: 1,
    tookMs: 400,
    blindMs: 0,
    damaged: 0,
    openIncidents: [],
    facts: [{name: 'backup age', state: 'late', shown: '30 hours ago', limit: '26 hours allowed'}],
    sent: 2,
    nowMs: t0,
  };

  test.each<[rule: string, conditions: string[], first: string]>([
    ['all well', ['up', 'up'], '### 🟢 All 2 services are up'],
    ['one is down', ['up', 'down'], '### 🔴 s1 is down'],
    ['one down, one slow', ['degraded', 'down'], '### 🔴 s1 is down, s0 slow'],
    ['many are counted', ['down', 'down', 'down', 'down'], '### 🔴 4 services are down'],
  ])('says first how it is: %s', (_rule, conditions, first) => {
    const text = monitorSummary(
      conditions.map((condition, i) => service(`s${i}`, condition)),
      figures,
    );
    expect(text.split('\n')[0]).toBe(first);
  });

  test('then what to do now, the worst service first, and nothing foreign is markup', () => {
    const openIncidents = [{id: 'i-1', title: 's1', sinceMs: t0 - 600_000, suspect: 'r-7'}];
    const text = monitorSummary([service('s0', 'up'), service('s1', 'down')], {...figures, openIncidents});
    expect(text).toMatch(/\*\*s1\*\* for 10 min 00 s, after release `r-7`[\s\S]*Next: .*`to: previous`/);
    expect(text.indexOf('| s1 |')).toBeLessThan(text.indexOf('| s0 |'));
    expect(text).toContain('overdrawn');
    expect(text).not.toContain('<b>');
    expect(text).toContain('30 hours ago');
  });

  test('a thousand services are a page, not a book', () => {
    const text = monitorSummary(
      Array.from({length: 1_000}, (_, i) => service(`s${i}`, 'up')),
      figures,
    );
    expect(text.length).toBeLessThan(20_000);
    expect(text).toContain('950 more');
  });

  test('a gap in the day is a gap in its line', () => expect(sparkline([10, 20, null, null, 40, 80])).toBe('▃ █'));
});
