import {describe, expect, test} from '@jest/globals';
import {Gate} from '../../src/gate/gate.js';
import {GateHistory} from '../../src/gate/history.js';
import {resolvePolicy} from '../../src/gate/policy.js';
import {type EvidenceRecord, makeRecord} from '../../src/gate/record.js';
import {sentenceOf} from '../../src/gate/sentence.js';
import {gateCharts} from '../../src/report/gate-charts.js';
import {probeStrips} from '../../src/report/gate-series.js';
import {gateSummary} from '../../src/report/gate-summary.js';
import {gateSvg} from '../../src/report/gate-svg.js';

/** A gate whose check has a hostile name and whose candidate fails every n-th probe. */
function recordOf(every: number, rounds = 300): EvidenceRecord {
  const history = new GateHistory();
  const name = 'a"] <img src=x onerror=1> `|';
  const gate = new Gate({
    policy: resolvePolicy({'warm-up': 0, 'min-duration': 0}),
    checks: [{id: name, kind: 'http', mode: 'stream', critical: true, weight: 1, paired: true, maxLatencyMs: 500}],
    history,
  });
  for (let round = 0; round < rounds && !gate.decision; round++) {
    const candidate =
      every && round % every === 0
        ? {outcome: 'failed' as const, class: 'timeout' as const, latencyMs: 900}
        : {outcome: 'ok' as const, latencyMs: 100 + (round % 7)};
    gate.feed({round, atMs: round * 1_000}, [
      {check: name, round, atMs: round * 1_000, candidate, baseline: {outcome: 'ok', latencyMs: 100}},
    ]);
  }
  gate.timeUp(rounds * 1_000);
  const facts = makeRecord(gate, history, {
    startedAtMs: 0,
    reported: gate.decision!.verdict,
    candidate: {urls: {}},
    baseline: null,
    firstFailures: [
      {
        check: name,
        round: 1,
        t_ms: 5,
        class: 'timeout',
        detail: 'no answer | <b>',
        request: 'GET https://x.example/`',
        excerpt: '```\n</details><script>',
      },
    ],
    lateRounds: 0,
    notes: [],
  });
  return {...facts, sentence: sentenceOf(facts)};
}

describe('job summary', () => {
  test('says the verdict first, then the table, the failures and the charts', () => {
    const markdown = gateSummary(recordOf(1), 'candidate');
    const order = [
      '## ❌ Health gate (candidate): fail',
      '**FAIL after 9 pairs',
      '| check | kind | state |',
      '### First failures',
      '```mermaid',
      'xychart-beta',
    ];
    const positions = order.map((part) => markdown.indexOf(part));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions[0]).toBe(0);
  });

  test('foreign text stays text', () => {
    const markdown = gateSummary(recordOf(1), 'candidate');
    const outside = markdown.replace(/(`{3,})[\s\S]*?\1/g, '').replace(/`[^`]*`/g, '');
    expect(outside).not.toMatch(/<img|<script|<b>/);
    expect(markdown.match(/<\/details>/g)!.length).toBeGreaterThan(0);
    for (const line of markdown.split('\n').filter((row) => row.startsWith('  title') || row.startsWith('  x-axis')))
      expect(line).toMatch(/^ {2}(title "[^"]*"|x-axis "[^"]*" -?[\d.]+ --> -?[\d.]+)$/);
  });

  test('charts stay small enough for Mermaid', () => {
    const charts = [...gateCharts(recordOf(25, 5_000)).matchAll(/```mermaid\n([\s\S]*?)```/g)].map(
      (match) => match[1]!,
    );
    expect(charts).toHaveLength(3);
    for (const chart of charts) {
      expect(chart.length).toBeLessThan(10_000);
      const lengths = [...chart.matchAll(/line \[(.*)\]/g)].map((match) => match[1]!.split(',').length);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(82);
      expect(new Set(lengths).size).toBe(1);
    }
  });

  test('no round at all still makes a summary', () => {
    expect(gateSummary(recordOf(0, 0), 'live')).toContain('INCONCLUSIVE');
    expect(gateSvg(recordOf(0, 0))).toMatch(/<\/svg>\n$/);
  });
});

test('SVG carries no script, no link and only escaped text', () => {
  const svg = gateSvg(recordOf(1));
  expect(svg).not.toMatch(/<img|<script|href|onerror=1>/);
  expect(svg).toContain('prefers-color-scheme:dark');
  expect(svg.match(/<svg/g)).toHaveLength(1);
});

test('the probe strip shows the worst of each stretch, and both sides', () => {
  const check = {
    ...recordOf(0).checks[0]!,
    letters: 'w2.10c.5b3v',
    pairs: {both_ok: 15, candidate_only: 1, baseline_only: 3, both_failed: 0},
  };
  expect(probeStrips(check, 100)).toEqual({candidate: '……··········█········ ', baseline: '  ················███ '});
  expect(probeStrips(check, 6).candidate).toBe('···█··');
});
