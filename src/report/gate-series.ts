import {decodeLetters} from '../gate/letter-log.js';
import type {EvidenceRecord, RecordCheck} from '../gate/record.js';
import {rateInterval} from '../gate/sequence.js';

/** Series that the plots of a gate draw, from its record alone. */

export interface Line {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
  readonly dashed?: boolean;
}

export interface Plot {
  readonly title: string;
  readonly xTitle: string;
  readonly xFrom: number;
  readonly xTo: number;
  readonly yTitle: string;
  readonly lines: readonly Line[];
  /** Positions on the x-axis of single failures. */
  readonly ticks?: readonly number[];
}

/** Readable on white and on black. */
export const colors = {against: '#d1242f', for: '#2da44e', limit: '#8c959f', new: '#0969da', old: '#bf8700'} as const;

const maxPoints = 80;

/** Evidence against and for the release over time, with the line at which either decides. */
export function evidencePlot(record: EvidenceRecord): Plot | undefined {
  const points = thin(record.curve);
  if (points.length < 2) return undefined;
  const threshold = Math.log10(record.overall.threshold);
  const cap = (value: number) => Math.max(-3, Math.min(2 * threshold + 1, value));
  return {
    title: 'Evidence (powers of ten)',
    xTitle: 'seconds',
    xFrom: points[0]!.t_ms / 1000,
    xTo: points.at(-1)!.t_ms / 1000,
    yTitle: 'log10 of evidence',
    lines: [
      {name: 'against the release', color: colors.against, values: points.map((point) => cap(point.fail))},
      {name: 'for it (weakest check)', color: colors.for, values: points.map((point) => cap(point.pass))},
      {name: 'either decides here', color: colors.limit, values: points.map(() => threshold), dashed: true},
    ],
    ticks: record.trace
      .filter((entry) => 'xcf!'.includes(entry.outcome))
      .slice(0, 300)
      .map((entry) => entry.t_ms / 1000),
  };
}

/** Failure rate of one check with the range that holds at every moment, between objective and limit. */
export function ratePlot(record: EvidenceRecord, check: RecordCheck): Plot | undefined {
  const counts = runningCounts(check);
  if (counts.length < 2) return undefined;
  const points = thin(counts);
  const alpha = 1 - record.config.confidence;
  const ranges = points.map(([n, s]) => rateInterval(n, s, alpha));
  const top = Math.max(3 * record.config.unhealthy_error_rate, check.rate.high);
  const percent = (share: number) => 100 * Math.min(share, top);
  return {
    title: `Failure rate of ${check.id}`,
    xTitle: 'probes',
    xFrom: points[0]![0],
    xTo: points.at(-1)![0],
    yTitle: 'per cent',
    lines: [
      {name: 'estimate', color: colors.new, values: points.map(([n, s]) => percent(s / n))},
      {name: 'plausible, at most', color: colors.old, values: ranges.map(({high}) => percent(high)), dashed: true},
      {name: 'plausible, at least', color: colors.old, values: ranges.map(({low}) => percent(low)), dashed: true},
      {name: 'objective', color: colors.for, values: points.map(() => percent(record.config.max_error_rate))},
      {name: 'unhealthy', color: colors.against, values: points.map(() => percent(record.config.unhealthy_error_rate))},
    ],
  };
}

/** Probes and failures after each counted observation. */
function runningCounts(check: RecordCheck): Array<readonly [number, number]> {
  let n = 0;
  let s = 0;
  const counts: Array<readonly [number, number]> = [];
  for (const letter of decodeLetters(check.letters) ?? []) {
    if ('wvu~'.includes(letter)) continue;
    n++;
    if ('xcf'.includes(letter)) s++;
    counts.push([n, s]);
  }
  return counts;
}

/** Latency by share of the answers, candidate over baseline, with the tolerance. */
export function latencyPlot(record: EvidenceRecord, check: RecordCheck): Plot | undefined {
  const latency = check.latency_ms;
  if (!latency || latency.steps.length < 2) return undefined;
  const {baseline_steps: before} = latency;
  const tolerated = before?.map(
    (ms) => (1 + record.config.latency_tolerance) * ms + record.config.latency_tolerance_ms,
  );
  return {
    title: `Latency of ${check.id}`,
    xTitle: 'share of the answers, per cent',
    xFrom: 0,
    xTo: 100,
    yTitle: 'ms',
    lines: [
      {name: 'new deployment', color: colors.new, values: latency.steps},
      ...(before && tolerated
        ? [
            {name: 'previous one', color: colors.old, values: before},
            {name: 'tolerated', color: colors.limit, values: tolerated, dashed: true},
          ]
        : []),
      ...(check.max_latency_ms === undefined
        ? []
        : [
            {
              name: `limit (p${100 * record.config.latency_quantile})`,
              color: colors.against,
              values: latency.steps.map(() => check.max_latency_ms!),
              dashed: true,
            },
          ]),
    ],
  };
}

/** The checks that say most, worst first: those to plot when there are many. */
export function tellingChecks(record: EvidenceRecord, most: number): RecordCheck[] {
  const blamed = (check: RecordCheck) =>
    record.blamed.some((id) => id === check.id || id === `${check.id} latency`) ? 1 : 0;
  return [...record.checks]
    .filter((check) => check.mode === 'stream')
    .sort((a, b) => blamed(b) - blamed(a) || b.log10_evidence_fail - a.log10_evidence_fail)
    .slice(0, most);
}

const cells: Readonly<Record<string, string>> = {
  '.': '·',
  '-': '·',
  '+': '·',
  o: '▴',
  '=': '▴',
  s: '▵',
  S: '▴',
  b: '·',
  B: '▴',
  x: '█',
  c: '█',
  f: '█',
  '!': '█',
  w: '…',
  v: ' ',
  u: '?',
  '~': '',
};
/** Which outcome is shown when several share one cell. */
const weight = (cell: string) => ' …·▵▴?█'.indexOf(cell);

/**
 * One row of cells per check, the worst of each stretch: `·` fine, `▵` slower, `▴` too slow, `█` failed, `…` warm-up,
 * blank void, `?` not the product's answer. With a second row for the baseline where there is one.
 */
export function probeStrips(
  check: RecordCheck,
  width: number,
): {readonly candidate: string; readonly baseline?: string} {
  const letters = decodeLetters(check.letters) ?? [];
  const baseline = check.pairs
    ? {
        baseline: strip(
          letters
            .filter((letter) => letter !== '~')
            .map((letter) => ('bBf'.includes(letter) ? '█' : 'wvu'.includes(letter) ? ' ' : '·')),
          width,
        ),
      }
    : {};
  return {candidate: strip(letters.map((letter) => cells[letter] ?? '').filter(Boolean), width), ...baseline};
}

function strip(row: readonly string[], width: number): string {
  const size = Math.max(1, Math.ceil(row.length / width));
  const shown: string[] = [];
  for (let i = 0; i < row.length; i += size)
    shown.push(row.slice(i, i + size).reduce((worst, cell) => (weight(cell) > weight(worst) ? cell : worst)));
  return shown.join('');
}

/** At most eighty points, the last one always among them. */
function thin<T>(points: readonly T[]): T[] {
  const step = Math.max(1, Math.ceil(points.length / maxPoints));
  const kept = points.filter((_, i) => i % step === 0);
  const last = points.at(-1);
  return last !== undefined && kept.at(-1) !== last ? [...kept, last] : kept;
}
