import {LatencySketch} from './latency-sketch.js';
import type {Round} from './sample.js';
import {sealLine, shortHash} from './sealed-line.js';

const {floor, min} = Math;

/** What is kept of one service in one span of time; spans of any length add up. */
export class Tally {
  probes = 0;
  failed = 0;
  unusable = 0;
  /** Seconds of the span that somebody was looking; the rest is unknown, never up. */
  knownS = 0;
  readonly latencies = new LatencySketch();

  merge(other: Tally): void {
    this.probes += other.probes;
    this.failed += other.failed;
    this.unusable += other.unusable;
    this.knownS += other.knownS;
    this.latencies.merge(other.latencies);
  }
}

export interface Bucket {
  /** Start of the span, epoch milliseconds, a whole multiple of its length. */
  readonly startMs: number;
  readonly tallies: ReadonlyMap<string, Tally>;
}

/**
 * Counts rounds into spans. A probe vouches for the time until the next one of the same service, at most `maxGapMs`:
 * beyond it nobody was looking. Confirmations and void rounds count for nothing here.
 * @param rounds in any order.
 */
export function bucketsOf(rounds: readonly Round[], spanMs: number, maxGapMs: number): Bucket[] {
  const buckets = new Map<number, Map<string, Tally>>();
  const tallyAt = (startMs: number, service: string) => {
    const tallies = buckets.get(startMs) ?? new Map<string, Tally>();
    buckets.set(startMs, tallies);
    const tally = tallies.get(service) ?? new Tally();
    tallies.set(service, tally);
    return tally;
  };
  const last = new Map<string, number>();
  const vouch = (service: string, fromMs: number, untilMs: number) => {
    for (let at = fromMs; at < untilMs; ) {
      const startMs = floor(at / spanMs) * spanMs;
      const endMs = min(untilMs, startMs + spanMs);
      tallyAt(startMs, service).knownS += (endMs - at) / 1_000;
      at = endMs;
    }
  };
  for (const round of inOrder(rounds)) {
    if (round.kind !== 'scheduled') continue;
    for (const [service, result] of round.results) {
      const tally = tallyAt(floor(round.atMs / spanMs) * spanMs, service);
      const before = last.get(service);
      if (before !== undefined) vouch(service, before, min(round.atMs, before + maxGapMs));
      last.delete(service);
      if (result.outcome === 'unusable') {
        tally.unusable++;
        continue;
      }
      last.set(service, round.atMs);
      tally.probes++;
      if (result.outcome === 'failed') tally.failed++;
      else if (result.latencyMs !== undefined) tally.latencies.add(result.latencyMs);
    }
  }
  const medianGap = medianGapOf(rounds);
  // The newest probe vouches for as long as its predecessors did, but not into the span after it.
  for (const [service, atMs] of last) {
    const endOfSpan = floor(atMs / spanMs) * spanMs + spanMs;
    vouch(service, atMs, min(atMs + min(medianGap, maxGapMs), endOfSpan));
  }
  return [...buckets].sort((a, b) => a[0] - b[0]).map(([startMs, tallies]) => ({startMs, tallies}));
}

function medianGapOf(rounds: readonly Round[]): number {
  const times = inOrder(rounds.filter((round) => round.kind === 'scheduled')).map((round) => round.atMs);
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  gaps.sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? 0;
}

/** Oldest first; rounds of the same moment keep their order. */
export function inOrder(rounds: readonly Round[]): Round[] {
  return [...rounds].sort((a, b) => a.atMs - b.atMs);
}

/** Adds buckets up into longer spans; `spanMs` must be a multiple of theirs. */
export function coarser(buckets: Iterable<Bucket>, spanMs: number): Bucket[] {
  const sums = new Map<number, Map<string, Tally>>();
  for (const {startMs, tallies} of buckets) {
    const start = floor(startMs / spanMs) * spanMs;
    const sum = sums.get(start) ?? new Map<string, Tally>();
    sums.set(start, sum);
    for (const [service, tally] of tallies) {
      const merged = sum.get(service) ?? new Tally();
      merged.merge(tally);
      sum.set(service, merged);
    }
  }
  return [...sums].sort((a, b) => a[0] - b[0]).map(([startMs, tallies]) => ({startMs, tallies}));
}

/** One bucket as a line below its header: time, then `probes.failed.unusable.known.latencies` a service. */
export function bucketLine(bucket: Bucket, services: readonly string[]): string {
  const cells = services.map((service) => {
    const tally = bucket.tallies.get(service);
    if (!tally) return '';
    const counts = [tally.probes, tally.failed, tally.unusable, Math.round(tally.knownS)].map((count) =>
      count === 0 ? '' : count.toString(36),
    );
    return `${counts.join('.')}.${tally.latencies.encode()}`;
  });
  return sealLine(`: ${shortHash(services)} ${bucket.startMs.toString(36)} ${cells.join(',')}`);
}

/** Reads what `bucketLine` wrote; lines that make no sense are left out. */
export function readBucketLines(lines: readonly string[]): Bucket[] {
  const headers = new Map<string, readonly string[]>();
  const buckets: Bucket[] = [];
  for (const line of lines) {
    const [mark, hash, ...rest] = line.split(' ');
    if (mark === '=' && hash) headers.set(hash, JSON.parse(rest.join(' ')) as string[]);
    const services = headers.get(hash ?? '');
    const startMs = Number.parseInt(rest[0] ?? '', 36);
    if (mark !== ':' || !services || !Number.isSafeInteger(startMs)) continue;
    const cells = (rest[1] ?? '').split(',');
    const tallies = new Map<string, Tally>();
    services.forEach((service, i) => {
      const tally = parseTally(cells[i] ?? '');
      if (tally) tallies.set(service, tally);
    });
    buckets.push({startMs, tallies});
  }
  return buckets;
}

function parseTally(cell: string): Tally | undefined {
  if (cell === '') return undefined;
  const [probes, failed, unusable, known, latencies] = cell.split('.');
  const tally = new Tally();
  const count = (text: string | undefined) => (text ? Number.parseInt(text, 36) : 0);
  tally.probes = count(probes);
  tally.failed = count(failed);
  tally.unusable = count(unusable);
  tally.knownS = count(known);
  tally.latencies.merge(LatencySketch.decode(latencies ?? ''));
  return tally;
}
