import {type Bucket, coarser} from './bucket.js';
import {dayOf, daysBetween, type History, hourSpanMs} from './history.js';

const dayMs = 86_400_000;
const hoursADay = 24;
const readAtOnce = 16;

/** One service on one day, an entry an hour; hours in which nobody looked hold no probes. */
export interface ServiceDay {
  readonly probes: readonly number[];
  readonly failed: readonly number[];
  readonly knownS: readonly number[];
  readonly p50: ReadonlyArray<number | undefined>;
  readonly p95: ReadonlyArray<number | undefined>;
  /** Median of the whole day. */
  readonly median: number | undefined;
}

/** One day of the history as the status page needs it. */
export interface DayDigest {
  readonly startMs: number;
  readonly services: ReadonlyMap<string, ServiceDay>;
}

/** Days that were digested before: a year of hours is read anew only where it changed. */
export class DayMemory {
  readonly #days = new Map<string, {readonly source: string; readonly digest: DayDigest}>();

  /** Days from that of `fromMs` to that of `toMs`, oldest first; days that hold nothing are left out. */
  async read(history: History, fromMs: number, toMs: number): Promise<DayDigest[]> {
    const kept = await history.keptDays();
    const wanted = daysBetween(fromMs, toMs).filter((day) => kept.has(day));
    const oldest = dayOf(fromMs);
    for (const day of this.#days.keys()) if (day < oldest) this.#days.delete(day);
    const digests: DayDigest[] = [];
    // Side by side, since in a bucket each day is a request of its own.
    for (let at = 0; at < wanted.length; at += readAtOnce)
      digests.push(...(await Promise.all(wanted.slice(at, at + readAtOnce).map((day) => this.#digest(history, day)))));
    return digests.filter(({services}) => services.size);
  }

  async #digest(history: History, day: string): Promise<DayDigest> {
    const known = this.#days.get(day);
    const {source, hours} = await history.hoursOfDay(day, known?.source);
    if (!hours) return known!.digest;
    const digest = digestOf(Date.parse(`${day}T00:00:00Z`), hours);
    this.#days.set(day, {source, digest});
    return digest;
  }
}

function digestOf(startMs: number, hours: readonly Bucket[]): DayDigest {
  const byHour = new Map(hours.map((bucket) => [Math.round((bucket.startMs - startMs) / hourSpanMs), bucket.tallies]));
  const [whole] = coarser(hours, dayMs);
  const services = new Map<string, ServiceDay>();
  for (const [service, day] of whole?.tallies ?? []) {
    const tallies = Array.from({length: hoursADay}, (_, hour) => byHour.get(hour)?.get(service));
    services.set(service, {
      probes: tallies.map((tally) => tally?.probes ?? 0),
      failed: tallies.map((tally) => tally?.failed ?? 0),
      knownS: tallies.map((tally) => tally?.knownS ?? 0),
      p50: tallies.map((tally) => tally?.latencies.quantile(0.5)),
      p95: tallies.map((tally) => tally?.latencies.quantile(0.95)),
      median: day.latencies.quantile(0.5),
    });
  }
  return {startMs, services};
}

/** Adds up one service over the hours that begin in `[fromMs, toMs)`. */
export function sumOfHours(
  days: readonly DayDigest[],
  service: string,
  fromMs: number,
  toMs: number,
): {readonly probes: number; readonly failed: number; readonly knownS: number} {
  const sum = {probes: 0, failed: 0, knownS: 0};
  for (const {startMs, services} of days) {
    const day = services.get(service);
    if (!day || startMs + dayMs <= fromMs || startMs >= toMs) continue;
    for (let hour = 0; hour < hoursADay; hour++) {
      const atMs = startMs + hour * hourSpanMs;
      if (atMs < fromMs || atMs >= toMs) continue;
      sum.probes += day.probes[hour]!;
      sum.failed += day.failed[hour]!;
      sum.knownS += day.knownS[hour]!;
    }
  }
  return sum;
}
