import type {MergedRecord} from '../gate/merge.js';
import type {EvidenceRecord, FailureExample, RecordCheck} from '../gate/record.js';
import {formatDuration} from '../kernel/duration.js';
import {gateCharts} from './gate-charts.js';
import {cell, code, codeBlock, table} from './text.js';

const signs = {pass: '✅', fail: '❌', inconclusive: '❔', error: '⚠️'} as const;

/** The job summary of one gate: the sentence first, then what it rests on. */
export function gateSummary(record: EvidenceRecord, stage: string): string {
  return [
    `## ${signs[record.reported]} Health gate (${cell(stage)}): ${record.reported}`,
    '',
    `**${cell(record.sentence, 1_500)}**`,
    '',
    checksTable(record),
    '',
    ...record.notes.map((note) => `> ${cell(note)}\n`),
    ...failures(record.first_failures),
    gateCharts(record),
    `Measured for ${formatDuration(record.seconds * 1000)} in ${record.overall.rounds} rounds; evidence against the release ${record.overall.evidence} of ${record.overall.threshold}.`,
    '',
  ].join('\n');
}

/** The job summary of a merge of several places. */
export function mergeSummary(merged: MergedRecord, stage: string): string {
  const rows = merged.places.map((place) => [
    cell(place.place, 60),
    cell(place.verdict),
    String(Number((10 ** Math.min(300, place.log10_evidence)).toPrecision(3))),
    cell(place.problems.length ? `not counted: ${place.problems[0]}` : place.sentence, 400),
  ]);
  return [
    `## ${signs[merged.verdict]} Health gate from ${merged.overall.expected_places} places (${cell(stage)}): ${merged.verdict}`,
    '',
    `**${cell(merged.sentence, 1_500)}**`,
    '',
    table(['place', 'verdict', 'evidence against', 'what it found'], rows),
    '',
    `Together ${merged.overall.evidence} of ${merged.overall.threshold}: the mean over all places, which needs no independence between them.`,
    '',
  ].join('\n');
}

function checksTable(record: EvidenceRecord): string {
  const rows = record.checks.map((check) => [
    `${check.severity === 'advisory' ? '(advisory) ' : ''}${cell(check.id, 80)}`,
    check.kind,
    stateWords[check.state],
    failedOf(check),
    check.n ? `${share(check.rate.low)} to ${share(check.rate.high)}` : '',
    latency(check),
    pairs(check),
  ]);
  return table(['check', 'kind', 'state', 'failed', 'plausible rate', 'p50 / p95', 'only new : only old'], rows);
}

const stateWords: Readonly<Record<RecordCheck['state'], string>> = {
  proved: '❌ bad, proved',
  contributing: '❌ adds to the proof',
  broken: '❌ broken',
  clear: '✅ good',
  undecided: 'not decided',
};

/** A check that never gave a good answer was never judged: what there is to count is told by the first failures. */
function failedOf({state, failures, n}: RecordCheck): string {
  return n === 0 && state === 'proved' ? 'never ready' : `${failures} of ${n}`;
}

function latency({latency_ms: latency}: RecordCheck): string {
  if (!latency) return '';
  const before =
    latency.baseline_p95 === undefined
      ? ''
      : ` (before ${Math.round(latency.baseline_p50 ?? 0)} / ${Math.round(latency.baseline_p95)})`;
  return `${Math.round(latency.p50)} / ${Math.round(latency.p95)} ms${before}`;
}

function pairs({pairs}: RecordCheck): string {
  return pairs ? `${pairs.candidate_only} : ${pairs.baseline_only}` : '';
}

function failures(examples: readonly FailureExample[]): string[] {
  if (examples.length === 0) return [];
  const rows = examples
    .slice(0, 10)
    .map((example) => [
      formatDuration(example.t_ms),
      cell(example.check, 80),
      code(example.request ?? ''),
      cell(example.class),
      example.status === undefined ? '' : String(example.status),
      example.latency_ms === undefined ? '' : `${Math.round(example.latency_ms)} ms`,
      cell(example.detail, 200),
    ]);
  const excerpt = examples.find((example) => example.excerpt);
  return [
    '### First failures',
    '',
    table(['after', 'check', 'request', 'class', 'status', 'took', 'what'], rows),
    '',
    ...(excerpt?.excerpt
      ? [
          '<details><summary>Start of the first bad answer</summary>',
          '',
          codeBlock(excerpt.excerpt, 600),
          '',
          '</details>',
          '',
        ]
      : []),
  ];
}

function share(value: number): string {
  return `${Number((value * 100).toFixed(value < 0.1 ? 2 : 1))}%`;
}
