import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {PlannedCheck} from '../../src/gate/check-state.js';
import {Gate} from '../../src/gate/gate.js';
import {GateHistory} from '../../src/gate/history.js';
import {decodeLetters, LetterLog} from '../../src/gate/letter-log.js';
import {mergeRecords} from '../../src/gate/merge.js';
import {type GateSettings, resolvePolicy} from '../../src/gate/policy.js';
import {type EvidenceRecord, makeRecord} from '../../src/gate/record.js';
import type {Sample} from '../../src/gate/sample.js';
import {sentenceOf} from '../../src/gate/sentence.js';
import {seeded} from '../../src/gate/simulation.js';
import type {Letter} from '../../src/gate/stream.js';
import {verifyRecord} from '../../src/gate/verify.js';

interface World {
  readonly seed: number;
  readonly failing: number;
  readonly baselineFailing: number;
  readonly slower: number;
  readonly rounds: number;
  readonly settings?: GateSettings;
  readonly place?: string;
  /** How often the contract is found broken. */
  readonly breaks?: number;
}

/** A whole gate over a made-up product: two stream checks (one in pairs, one with a latency limit), a contract, traffic. */
function recordOf({
  seed,
  failing,
  baselineFailing,
  slower,
  rounds,
  settings = {},
  place,
  breaks = 0.05,
}: World): EvidenceRecord {
  const random = seeded(seed);
  const policy = resolvePolicy({'warm-up': 60_000, 'min-duration': 0, 'max-latency': 400, ...settings});
  const checks: PlannedCheck[] = [
    {id: 'front', kind: 'http', mode: 'stream', critical: true, weight: 1, paired: true, maxLatencyMs: 400},
    {id: 'api', kind: 'http', mode: 'stream', critical: true, weight: 2, paired: false},
    {id: 'cors', kind: 'cors', mode: 'contract', critical: true, weight: 0.25, paired: false},
    {id: 'extra', kind: 'http', mode: 'stream', critical: false, weight: 1, paired: false},
  ];
  const history = new GateHistory();
  const gate = new Gate({policy, checks, traffic: [{id: 'traffic backend', weight: 1}], history});
  const sample = (rate: number, factor = 1): Sample =>
    random() < rate
      ? {outcome: 'failed', class: 'timeout', latencyMs: 1_000}
      : {outcome: 'ok', latencyMs: factor * (100 + 100 * random() + (random() < 0.05 ? 300 : 0))};
  for (let round = 0; round < rounds && !gate.decision; round++) {
    const atMs = round * 1_000;
    const isVoid = random() < 0.02;
    for (const {id, paired} of checks) {
      const candidate: Sample =
        id === 'cors'
          ? {outcome: random() < breaks ? 'broken' : 'ok'}
          : random() < 0.01
            ? {outcome: 'unusable', class: 'wall'}
            : sample(failing, slower);
      gate.observe({
        check: id,
        round,
        atMs,
        candidate,
        ...(paired ? {baseline: sample(baselineFailing)} : {}),
        ...(isVoid ? {void: true} : {}),
      });
    }
    if (round % 60 === 59)
      gate.addWindow({
        source: 'traffic backend',
        atMs,
        requests: 200,
        errors: Math.round(200 * failing * random()),
        p95Ms: 300,
      });
    gate.endRound({round, atMs, void: isVoid});
  }
  const decision = gate.timeUp(rounds * 1_000);
  const facts = makeRecord(gate, history, {
    startedAtMs: Date.UTC(2026, 0, 1),
    reported: decision.verdict,
    candidate: {urls: {frontend: 'https://new.example'}, commit: 'a'.repeat(40)},
    baseline: {urls: {frontend: 'https://old.example'}},
    firstFailures: [],
    lateRounds: 0,
    notes: [],
    ...(place ? {place} : {}),
  });
  return JSON.parse(JSON.stringify({...facts, sentence: sentenceOf(facts)})) as EvidenceRecord;
}

const worlds = fc.record({
  seed: fc.nat(1e9),
  failing: fc.constantFrom(0, 0.002, 0.01, 0.03, 0.1, 0.5, 1),
  baselineFailing: fc.constantFrom(0, 0.01, 0.1),
  slower: fc.constantFrom(1, 1.2, 2),
  rounds: fc.integer({min: 1, max: 200}),
});

describe('letters', () => {
  const letters = fc.array(
    fc.constantFrom<Letter>('w', 'v', 'u', '-', '=', 'x', '.', 'o', 's', 'S', 'b', 'B', 'c', 'f', '+', '!', '~'),
    {maxLength: 300},
  );

  test('are read back as they were written', () => {
    fc.assert(
      fc.property(letters, (given) => {
        const log = new LetterLog();
        for (const letter of given) log.push(letter);
        expect(decodeLetters(log.toString())).toEqual(given);
        expect(log.length).toBe(given.length);
      }),
    );
  });

  test.each(['q', '-0', '5', '-99999999-99999999', 'x '])('"%s" is refused', (text) => {
    expect(decodeLetters(text)).toBeUndefined();
  });
});

describe('a record proves its verdict', () => {
  test('any recorded gate verifies', () => {
    fc.assert(
      fc.property(worlds, (world) => expect(verifyRecord(recordOf(world))).toEqual([])),
      {numRuns: 30},
    );
  });

  test('a gate longer than the trace keeps all failures and still verifies', () => {
    const record = recordOf({
      seed: 3,
      failing: 0.02,
      baselineFailing: 0.02,
      slower: 1,
      rounds: 4_000,
      breaks: 0,
      settings: {'max-duration': 4_000_000, 'max-error-rate': 0.02, 'unhealthy-error-rate': 0.021},
    });
    expect(record.trace.length).toBeLessThanOrEqual(5_000);
    expect(record.checks[0]!.n + record.checks[1]!.n).toBeGreaterThan(5_000);
    expect(verifyRecord(record)).toEqual([]);
    const failed = record.trace.filter((entry) => entry.check === 'api' && entry.outcome === 'x');
    expect(failed).toHaveLength(record.checks[1]!.failures);
  });

  test('one edited outcome in the trace does not verify', () => {
    fc.assert(
      fc.property(worlds, fc.nat(), (world, at) => {
        const record = recordOf(world);
        const entry = record.trace[at % record.trace.length]!;
        const edited = {...entry, outcome: entry.outcome === 'x' ? ('-' as const) : ('x' as const)};
        expect(verifyRecord({...record, trace: record.trace.map((one) => (one === entry ? edited : one))})).not.toEqual(
          [],
        );
      }),
      {numRuns: 30},
    );
  });

  test('one edited letter does not verify, even without a trace', () => {
    const others: Letter[] = ['w', 'v', 'u', '-', '=', 'x', '.', 'o', 's', 'S', 'b', 'c', 'f', '+', '!', '~'];
    fc.assert(
      fc.property(worlds, fc.nat(), fc.nat(), fc.nat(), (world, which, at, other) => {
        const record = recordOf(world);
        const check = record.checks[which % record.checks.length]!;
        const letters = decodeLetters(check.letters)!;
        const position = at % letters.length;
        const replacement = others.filter((letter) => letter !== letters[position])[other % (others.length - 1)]!;
        const log = new LetterLog();
        letters.forEach((letter, i) => log.push(i === position ? replacement : letter));
        const checks = record.checks.map((one) => (one === check ? {...one, letters: log.toString()} : one));
        expect(verifyRecord({...record, checks, trace: []})).not.toEqual([]);
      }),
      {
        numRuns: 80,
        examples: [[{seed: 0, failing: 0, baselineFailing: 0, slower: 1, rounds: 81}, 0, 930929989, 730822012]],
      },
    );
  });

  test.each<[string, (record: EvidenceRecord) => unknown]>([
    [
      'a changed verdict',
      (record) => ({
        ...record,
        verdict: record.verdict === 'pass' ? 'fail' : 'pass',
        reason_code: record.verdict === 'pass' ? 'rate' : 'proved-healthy',
      }),
    ],
    ['a lower threshold', (record) => ({...record, overall: {...record.overall, threshold: 10}})],
    ['another objective', (record) => ({...record, config: {...record.config, max_error_rate: 0.02}})],
    ['a check left out', (record) => ({...record, checks: record.checks.slice(1)})],
    ['another schema', (record) => ({...record, schema: 'other@1'})],
    ['no checks at all', (record) => ({...record, checks: undefined})],
    [
      'a traffic window changed',
      (record) => ({
        ...record,
        traffic: record.traffic.map((source) => ({
          ...source,
          windows: source.windows.map((window) => ({...window, errors: window.errors + 30})),
        })),
      }),
    ],
  ])('%s', (_name, edit) => {
    const record = recordOf({seed: 11, failing: 0.02, baselineFailing: 0.01, slower: 1, rounds: 300});
    expect(verifyRecord(record)).toEqual([]);
    expect(verifyRecord(edit(record) as EvidenceRecord)).not.toEqual([]);
  });
});

describe("sentences carry the record's figures", () => {
  const worldOf = (failing: number, extra: Partial<World> = {}) =>
    recordOf({seed: 5, failing, baselineFailing: 0, slower: 1, rounds: 600, ...extra});

  test('PASS, FAIL and the rest', () => {
    expect(worldOf(0).sentence).toMatch(
      /^(PASS after \d+ probes on 2 checks|FAIL: cors broke its contract twice|INCONCLUSIVE)/,
    );
    expect(worldOf(1).sentence).toMatch(/^FAIL: (front|api)( \(and \d more\))? never became ready/);
    const slow = worldOf(0, {slower: 3, settings: {'warm-up': 0}});
    expect(slow.sentence).toMatch(/more than 10% slower in \d+ of \d+ simultaneous pairs|p95 is|together/);
  });
});

describe('merging places', () => {
  const place = (name: string, failing: number, extra: Partial<World> = {}) =>
    recordOf({
      seed: name.length,
      failing,
      baselineFailing: 0,
      slower: 1,
      rounds: 600,
      place: name,
      settings: {'warm-up': 0, 'max-latency': 9_000, runners: 2, confidence: 0.95},
      ...extra,
    });
  const healthy = (name: string) => ({...place(name, 0), place: name});

  test('the mean over all places decides; a missing one counts as nothing', () => {
    const bad = place('east', 0.5);
    const good = healthy('west');
    const merged = mergeRecords([bad, good]);
    expect(merged.overall.log10_evidence).toBeCloseTo(
      Math.log10((10 ** bad.overall.log10_evidence + 10 ** good.overall.log10_evidence) / 2),
      6,
    );
    expect(merged.verdict).toBe('fail');
    expect(merged.sentence).toContain('east');
    const alone = mergeRecords([good]);
    expect(alone.verdict === 'pass').toBe(false);
    expect(alone.sentence).toContain('1 left no sound record');
  });

  test('an edited record counts as nothing, never as health', () => {
    const good = healthy('west');
    const forged = {
      ...place('east', 0.5),
      verdict: 'pass' as const,
      reason_code: 'proved-healthy' as const,
      place: 'east',
    };
    const merged = mergeRecords([good, forged]);
    expect(merged.verdict).not.toBe('pass');
    expect(merged.places[1]!.problems.length).toBeGreaterThan(0);
  });

  test('places that were asked different questions are not averaged', () => {
    const merged = mergeRecords([
      healthy('west'),
      recordOf({
        seed: 1,
        failing: 0,
        baselineFailing: 0,
        slower: 1,
        rounds: 600,
        settings: {confidence: 0.99},
        place: 'odd',
      }),
    ]);
    expect(merged.places[1]!.problems).toEqual(['it was measured with another policy or for another commit']);
  });
});
