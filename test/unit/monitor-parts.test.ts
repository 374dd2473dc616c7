import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {bucketsOf, coarser, Tally} from '../../src/monitor/bucket.js';
import {burnAlarm, errorBudget, tallyOf} from '../../src/monitor/budget.js';
import {History} from '../../src/monitor/history.js';
import {memoryFiles} from '../../src/monitor/history-files.js';
import {foldIncidents, incidentEvents} from '../../src/monitor/incident.js';
import {ServiceJudge, type Transition} from '../../src/monitor/judgement.js';
import {LatencySketch} from '../../src/monitor/latency-sketch.js';
import {headerLine, readRoundLines, roundLine} from '../../src/monitor/round-line.js';
import {type FailureName, failureLetters, type Round, type ServiceResult} from '../../src/monitor/sample.js';
import {openLines, sealLine} from '../../src/monitor/sealed-line.js';
import {
  budgetAlarms,
  evidenceWatch,
  falseAlarms,
  inARowWatch,
  median,
  roundsToAlarm,
} from '../../src/monitor/simulation.js';
import {changePoints, trendOf} from '../../src/monitor/trend.js';

const dayMs = 86_400_000;
const t0 = Date.UTC(2026, 10, 1);

const result: fc.Arbitrary<ServiceResult> = fc.oneof(
  fc.record({outcome: fc.constant('ok' as const), latencyMs: fc.nat(60_000)}),
  fc.record({
    outcome: fc.constant('failed' as const),
    class: fc.constantFrom(...(Object.keys(failureLetters) as FailureName[])),
    latencyMs: fc.nat(60_000),
  }),
  fc.constant<ServiceResult>({outcome: 'unusable'}),
);
const name = fc.string({unit: 'grapheme', minLength: 1, maxLength: 12}).filter((text) => !text.includes('\n'));
const rounds = fc.uniqueArray(name, {minLength: 1, maxLength: 5}).chain((services) =>
  fc.array(
    fc
      .tuple(
        fc.integer({min: 0, max: dayMs - 1}),
        fc.constantFrom('scheduled' as const, 'confirm' as const, 'void' as const),
        fc.tuple(...services.map(() => result)),
      )
      .map(
        ([offset, kind, results]): Round => ({
          atMs: t0 + offset,
          kind,
          results: new Map(services.map((service, i) => [service, results[i]!])),
        }),
      ),
    {minLength: 1, maxLength: 20},
  ),
);

describe('lines', () => {
  test('a round is read back as it was, whatever the services are called', () => {
    fc.assert(
      fc.property(rounds, (all) => {
        const services = [...all[0]!.results.keys()];
        const text = headerLine(services) + all.map((round) => roundLine(round, services)).join('');
        const {lines, damaged} = openLines(text);
        expect(damaged).toBe(0);
        expect(readRoundLines(lines)).toEqual({rounds: all, foreign: 0});
      }),
    );
  });

  test('cut anywhere, all whole lines before stay and the next addition is untouched', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({minLength: 1}).filter((text) => !text.includes('\n')),
          {minLength: 1, maxLength: 8},
        ),
        fc.nat(),
        (texts, at) => {
          const whole = texts.map(sealLine);
          const all = whole.join('');
          const cut = at % (all.length + 1);
          const kept = openLines(all.slice(0, cut) + sealLine('after'));
          const complete = whole.filter((_line, i) => whole.slice(0, i + 1).join('').length <= cut).length;
          expect(kept.lines.length).toBe(complete + 1);
          expect(kept.lines.at(-1)).toBe('after');
          expect(kept.damaged).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('history', () => {
  test('made coarser once, twice or interrupted, it says the same', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        const files = memoryFiles();
        const history = new History(files);
        await history.appendRounds(all);
        const before = await history.readHours(t0, t0 + dayMs);
        const minuteFile = files.texts.get('rounds/2026-11-01.log')!;
        await history.compact(t0 + 10 * dayMs);
        // Killed between writing the coarse file and removing the fine one.
        files.texts.set('rounds/2026-11-01.log', minuteFile);
        await history.compact(t0 + 10 * dayMs);
        expect(files.texts.has('rounds/2026-11-01.log')).toBe(false);
        await history.compact(t0 + 50 * dayMs);
        expect([...files.texts.keys()]).toEqual(['hours/2026-11-01.log']);
        const after = await history.readHours(t0, t0 + dayMs);
        expect(after.map(plain)).toEqual(before.map(plain));
      }),
      {numRuns: 40},
    );
  });

  const plain = ({startMs, tallies}: ReturnType<typeof coarser>[number]) => [
    startMs,
    [...tallies]
      .map(([service, {probes, failed, unusable, latencies}]) => [
        service,
        probes,
        failed,
        unusable,
        latencies.encode(),
      ])
      .sort(),
  ];

  test('two writers who noted the same round are one, and other rounds of both stay', async () => {
    const files = memoryFiles();
    const at = (offset: number): Round => ({
      atMs: t0 + offset,
      kind: 'scheduled',
      results: new Map([['a', {outcome: 'ok', latencyMs: 5}]]),
    });
    await new History(files).appendRounds([at(1), at(2)]);
    await new History(files).appendRounds([at(2), at(3)]);
    const {rounds: found} = await new History(files).readRounds(t0, t0 + dayMs);
    expect(found.map(({atMs}) => atMs - t0)).toEqual([1, 2, 3]);
  });

  test('time without checks is unknown, never up', () => {
    const at = (minute: number): Round => ({
      atMs: t0 + minute * 60_000,
      kind: 'scheduled',
      results: new Map([['a', {outcome: 'ok', latencyMs: 5}]]),
    });
    const looked = [...Array(60).keys()].map(at);
    const [bucket] = coarser(bucketsOf([...looked, at(600)], 3_600_000, 120_000), dayMs);
    const {knownS} = bucket!.tallies.get('a')!;
    expect(knownS).toBeGreaterThanOrEqual(3_600);
    expect(knownS).toBeLessThanOrEqual(3_600 + 3 * 60);
  });
});

test('sketches add up, and a quantile is right to its class', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({min: 1, max: 60_000}), {minLength: 1}),
      fc.array(fc.integer({min: 1, max: 60_000})),
      (a, b) => {
        const sketch = (values: number[]) => {
          const made = new LatencySketch();
          for (const value of values) made.add(value);
          return made;
        };
        const merged = sketch(a);
        merged.merge(sketch(b));
        expect(merged.encode()).toBe(sketch([...a, ...b]).encode());
        expect(LatencySketch.decode(merged.encode()).encode()).toBe(merged.encode());
        const sorted = [...a, ...b].sort((x, y) => x - y);
        const exact = sorted[Math.ceil(0.95 * sorted.length) - 1]!;
        expect(Math.abs(Math.log(merged.quantile(0.95)! / exact))).toBeLessThan(0.081);
      },
    ),
  );
});

describe('judgement', () => {
  const judge = (outcomes: string, policy?: ConstructorParameters<typeof ServiceJudge>[1]): Transition[] => {
    const service = new ServiceJudge('a', policy);
    return [...outcomes].flatMap((letter, i) => {
      const outcome = letter === 'x' ? ('failed' as const) : letter === 'u' ? ('unusable' as const) : ('ok' as const);
      return service.add({atMs: t0 + i * 10_000, kind: 'scheduled', outcome}) ?? [];
    });
  };

  test.each<[rule: string, outcomes: string, states: string[]]>([
    ['one failure is nothing', `${'-'.repeat(50)}x${'-'.repeat(50)}`, []],
    ['eight in a row are a burst', `${'-'.repeat(50)}${'x'.repeat(8)}${'-'.repeat(50)}`, []],
    ['a dead service is down', `${'-'.repeat(50)}${'x'.repeat(20)}`, ['down']],
    ['one lucky answer is no recovery', `${'x'.repeat(20)}-${'x'.repeat(10)}`, ['down']],
    ['a lasting one is', `${'x'.repeat(20)}${'-'.repeat(20)}`, ['down', 'up']],
    ['what could not be measured is neither', `${'u'.repeat(500)}`, []],
    ['nor does it make an outage end', `${'x'.repeat(20)}${'u'.repeat(500)}`, ['down']],
  ])('%s', (_rule, outcomes, states) => expect(judge(outcomes).map(({to}) => to)).toEqual(states));

  test('states alternate, and every fall is followed by at most one rise', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('-----', 'xxxxxxxxxxxxxxxxxxxxx', 'x', 'u', '-'.repeat(30)), {maxLength: 40}),
        (parts) => {
          const states = judge(parts.join('')).map(({to}) => to);
          states.forEach((state, i) => expect(state).toBe(i % 2 === 0 ? 'down' : 'up'));
        },
      ),
    );
  });

  test('a flapping service must stay up longer each time before it is believed', () => {
    const flaps = `${'x'.repeat(25)}${'-'.repeat(12)}`.repeat(12);
    expect(judge(flaps).length).toBeLessThanOrEqual(4);
  });

  test('the reduced simulated year: no false alarm, and faster than three in a row where it matters', () => {
    expect(Math.max(...falseAlarms(() => evidenceWatch(), 4, 20, 42))).toBe(0);
    expect(Math.max(...roundsToAlarm(() => evidenceWatch(), 1, 10, 43))).toBeLessThanOrEqual(3);
    const partial = median(roundsToAlarm(() => evidenceWatch(), 0.2, 21, 44));
    expect(partial).toBeLessThanOrEqual(35);
    expect(median(roundsToAlarm(() => inARowWatch(3), 0.2, 21, 44))).toBeGreaterThan(partial);
  });
});

describe('incidents', () => {
  const fall = (service: string, sinceMs: number, to: Transition['to'] = 'down'): Transition => ({
    service,
    to,
    atMs: sinceMs + 60_000,
    sinceMs,
    probes: 9,
    failures: 9,
    flapping: false,
  });
  const facts = () => ({critical: true});

  test('services that fall together are one incident, and it ends with the last of them', () => {
    const events = incidentEvents([], [fall('a', t0), fall('b', t0 + 60_000), fall('c', t0 + 3_600_000)], facts);
    const incidents = foldIncidents(events);
    expect(incidents.map(({services}) => [...services.keys()])).toEqual([['a', 'b'], ['c']]);
    const first = incidentEvents(incidents, [fall('a', t0 + 7_200_000, 'up')], facts);
    expect(foldIncidents([...events, ...first])[0]!.closedMs).toBeUndefined();
    const second = incidentEvents(foldIncidents([...events, ...first]), [fall('b', t0 + 7_300_000, 'up')], facts);
    expect(foldIncidents([...events, ...first, ...second])[0]!.closedMs).toBe(t0 + 7_360_000);
  });
});

describe('budget and trends', () => {
  const hour = (n: number, failedOf: number): Round[] =>
    [...Array(60).keys()].map((m) => ({
      atMs: t0 + n * 3_600_000 + m * 60_000,
      kind: 'scheduled',
      results: new Map([['a', {outcome: m < failedOf ? 'failed' : 'ok', latencyMs: 9}]]),
    }));

  test('the budget counts failures against what was allowed', () => {
    const buckets = bucketsOf([...hour(0, 0), ...hour(1, 0)].slice(0, 100).concat([]), 300_000, 300_000);
    const whole = tallyOf(buckets, 'a', t0, t0 + dayMs);
    expect(errorBudget(whole, {objective: 0.999, windowMs: dayMs})).toMatchObject({
      availability: 1,
      left: 1,
      probes: 100,
    });
    expect(errorBudget(new Tally(), {objective: 0.999, windowMs: dayMs}).left).toBeUndefined();
  });

  test('one failure in a day proves no burn; a tenth of all does', () => {
    const now = t0 + 24 * 3_600_000;
    const day = (failed: number) =>
      bucketsOf(
        [...Array(24).keys()].flatMap((n) => hour(n, n === 23 ? 60 : failed).reverse()),
        300_000,
        300_000,
      );
    expect(
      burnAlarm(
        bucketsOf(
          [...Array(24).keys()].flatMap((n) => hour(n, n === 23 ? 1 : 0)),
          300_000,
          300_000,
        ),
        'a',
        0.999,
        now,
      ),
    ).toBeUndefined();
    expect(burnAlarm(day(6), 'a', 0.999, now)).toMatchObject({severity: 'page'});
  });

  test('a service that meets its objective exactly raises no alarm in a quarter, and one that does not, soon', () => {
    const quarters = [1, 2].map((seed) => budgetAlarms({everyMs: 60_000, days: 90, seed}).length);
    expect(quarters).toEqual([0, 0]);
    const [first] = budgetAlarms({everyMs: 60_000, days: 2, seed: 4, failing: 0.03});
    expect(first).toBeLessThan(6 * 3_600_000);
  });

  const series = (value: (i: number) => number, n = 40) =>
    [...Array(n).keys()].map((i) => ({atMs: t0 + i * dayMs, value: value(i)}));
  const noise = (i: number) => ((i * 7919) % 13) - 6;

  test('a slope is found with its interval, and two wild days do not move it', () => {
    const trend = trendOf(series((i) => 100 + 2 * i + noise(i) + (i === 5 || i === 30 ? 5_000 : 0)))!;
    expect(trend.proved).toBe(true);
    expect(trend.low).toBeLessThan(2);
    expect(trend.high).toBeGreaterThan(2);
    expect(trendOf(series((i) => 100 + noise(i)))!.proved).toBe(false);
  });

  test('a step is found where it is, and none in noise', () => {
    const found = changePoints(series((i) => (i < 24 ? 100 : 160) + noise(i)));
    expect(found.map(({atMs}) => (atMs - t0) / dayMs)).toEqual([24]);
    expect(changePoints(series((i) => 100 + noise(i)))).toEqual([]);
  });
});
