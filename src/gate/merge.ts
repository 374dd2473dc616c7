import type {Verdict} from './gate.js';
import {percent} from './policy.js';
import type {EvidenceRecord} from './record.js';
import {verifyRecord} from './verify.js';

export const mergeSchema = 'switchback/gate-merge@1';

/** One verdict from several places that probed the same release. */
export interface MergedRecord {
  readonly schema: typeof mergeSchema;
  readonly verdict: Verdict;
  readonly sentence: string;
  readonly overall: {
    readonly evidence: number;
    readonly log10_evidence: number;
    readonly threshold: number;
    readonly weight_rule: 'mean over all places';
    readonly expected_places: number;
  };
  readonly places: ReadonlyArray<{
    readonly place: string;
    readonly verdict: Verdict;
    readonly log10_evidence: number;
    readonly sentence: string;
    readonly problems: readonly string[];
  }>;
  readonly rounds: number;
}

/**
 * Joins the evidence of several places: the mean of e-values is one under any dependence, so it does not matter that
 * all places see the same release. A place whose record is missing or proves nothing counts as zero evidence against,
 * and never as health.
 * @param records at least one.
 */
export function mergeRecords(records: readonly EvidenceRecord[]): MergedRecord {
  const places = records.map((record, i) => ({
    record,
    place: record.place ?? `place ${i + 1}`,
    problems: [...verifyRecord(record), ...mismatches(record, records[0]!)],
  }));
  const sound = places.filter(({problems}) => problems.length === 0);
  const expected = Math.max(records.length, ...sound.map(({record}) => record.config.runners));
  const confidence = records[0]?.config.confidence ?? 0.99;
  const logs = sound.map(({record}) => record.overall.log10_evidence);
  const log10 = Math.max(-300, Number((logSum10(logs) - Math.log10(expected)).toPrecision(12)));
  const threshold = 1 / (1 - confidence);
  const verdict = verdictOf(
    sound.map(({record}) => record),
    expected,
    log10 >= Math.log10(threshold) - 1e-9,
  );
  return {
    schema: mergeSchema,
    verdict,
    sentence: sentenceOf(verdict, {
      places: sound.map(({record, place}) => ({record, place})),
      expected,
      log10,
      threshold,
      confidence,
    }),
    overall: {
      evidence: Number((10 ** Math.min(300, log10)).toPrecision(6)),
      log10_evidence: log10,
      threshold: Number(threshold.toPrecision(6)),
      weight_rule: 'mean over all places',
      expected_places: expected,
    },
    places: places.map(({record, place, problems}) => ({
      place,
      verdict: record.verdict,
      log10_evidence: record.overall?.log10_evidence ?? 0,
      sentence: record.sentence ?? '',
      problems,
    })),
    rounds: sound.reduce((sum, {record}) => sum + record.overall.rounds, 0),
  };
}

/** Places that were asked different questions cannot be averaged. */
function mismatches(record: EvidenceRecord, first: EvidenceRecord): string[] {
  const question = ({config, candidate}: EvidenceRecord) =>
    JSON.stringify([
      config?.confidence,
      config?.max_error_rate,
      config?.unhealthy_error_rate,
      config?.rule,
      candidate?.commit,
    ]);
  return question(record) === question(first) ? [] : ['it was measured with another policy or for another commit'];
}

function verdictOf(records: readonly EvidenceRecord[], expected: number, proved: boolean): Verdict {
  const certain = records.some(
    (record) =>
      record.verdict === 'fail' && (record.reason_code === 'contract' || record.reason_code === 'never-ready'),
  );
  if (proved || certain) return 'fail';
  if (records.length === expected && records.every((record) => record.verdict === 'pass')) return 'pass';
  return records.length > 0 && records.every((record) => record.verdict === 'error') ? 'error' : 'inconclusive';
}

interface MergeFacts {
  readonly places: ReadonlyArray<{readonly record: EvidenceRecord; readonly place: string}>;
  readonly expected: number;
  readonly log10: number;
  readonly threshold: number;
  readonly confidence: number;
}

function sentenceOf(verdict: Verdict, {places, expected, log10, threshold, confidence}: MergeFacts): string {
  const count = `${places.length} of ${expected} places`;
  const evidence = Number((10 ** Math.min(300, log10)).toPrecision(3));
  const worst = [...places].sort((a, b) => b.record.overall.log10_evidence - a.record.overall.log10_evidence)[0];
  if (verdict === 'pass')
    return `PASS from all ${expected} places, each with ${percent(confidence)} confidence of its own.`;
  if (verdict === 'fail') {
    const broken = places.find(
      ({record}) =>
        record.verdict === 'fail' && (record.reason_code === 'contract' || record.reason_code === 'never-ready'),
    );
    if (broken && log10 < Math.log10(threshold)) return `FAIL from ${broken.place}: ${broken.record.sentence}`;
    return `FAIL: the evidence of ${count} together is ${evidence} ≥ ${Number(threshold.toPrecision(4))}; a service within its objective would reach that in fewer than 1 of ${Number(threshold.toPrecision(4))} deployments, however alike the places are. Most of it comes from ${worst?.place ?? 'nowhere'}: ${worst?.record.sentence ?? ''}`;
  }
  if (verdict === 'error') return `ERROR: no place could measure the release: ${places[0]?.record.sentence ?? ''}`;
  const missing = expected - places.length;
  const open = places.filter(({record}) => record.verdict !== 'pass').map(({place}) => place);
  return `INCONCLUSIVE: ${count} measured, evidence ${evidence} of ${Number(threshold.toPrecision(4))}${missing ? `; ${missing} left no sound record` : ''}${open.length ? `; not passed from ${open.slice(0, 5).join(', ')}` : ''}.`;
}

function logSum10(logs: readonly number[]): number {
  const high = Math.max(...logs);
  return logs.length === 0
    ? Number.NEGATIVE_INFINITY
    : high + Math.log10(logs.reduce((sum, log) => sum + 10 ** (log - high), 0));
}
