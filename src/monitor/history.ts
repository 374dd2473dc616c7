import {type Bucket, bucketLine, bucketsOf, coarser, inOrder, readBucketLines} from './bucket.js';
import type {HistoryFiles} from './history-files.js';
import {headerLine, readRoundLines, roundLine} from './round-line.js';
import type {Round} from './sample.js';
import {openLines, sealLine} from './sealed-line.js';

const dayMs = 86_400_000;
export const minuteSpanMs = 300_000;
export const hourSpanMs = 3_600_000;

export interface HistoryPolicy {
  /** Rounds one by one are kept this long. */
  readonly keepRoundsMs: number;
  /** Spans of five minutes are kept this long; then hours are. */
  readonly keepMinutesMs: number;
  readonly keepHoursMs: number;
  /** Longest time that one probe vouches for. */
  readonly maxGapMs: number;
}

export const defaultHistoryPolicy: HistoryPolicy = {
  keepRoundsMs: 7 * dayMs,
  keepMinutesMs: 35 * dayMs,
  keepHoursMs: 400 * dayMs,
  maxGapMs: 900_000,
};

export interface RoundsRead {
  /** Oldest first. */
  readonly rounds: readonly Round[];
  /** Lines that were cut off or made no sense, and were left out. */
  readonly damaged: number;
}

/** One later fact, such as an incident that opened or an alert that went out. */
export interface HistoryEvent {
  readonly atMs: number;
  readonly type: string;
  readonly [fact: string]: unknown;
}

/** The monitor's memory: rounds for days, spans of five minutes for weeks, hours for a year, and events. */
export class History {
  constructor(
    readonly files: HistoryFiles,
    readonly policy: HistoryPolicy = defaultHistoryPolicy,
  ) {}

  /** Adds rounds; a kill loses at most what this call adds. */
  async appendRounds(rounds: readonly Round[]): Promise<void> {
    const texts = new Map<string, string>();
    for (const round of rounds) {
      const name = `rounds/${dayOf(round.atMs)}.log`;
      const services = [...round.results.keys()];
      const header = headerLine(services);
      const before = texts.get(name) ?? '';
      // Each addition brings its own header: what was added before may be torn, or gone with a rewritten branch.
      texts.set(name, `${before}${before.includes(header) ? '' : header}${roundLine(round, services)}`);
    }
    for (const [name, text] of texts) await this.files.append(name, text);
  }

  /** Every kept round with `fromMs <= at < toMs`. Rounds that two writers noted twice are one. */
  async readRounds(fromMs: number, toMs: number): Promise<RoundsRead> {
    const rounds: Round[] = [];
    let damaged = 0;
    for (const day of daysBetween(fromMs, toMs)) {
      const read = await this.#readDay(day);
      damaged += read.damaged;
      rounds.push(...read.rounds.filter(({atMs}) => atMs >= fromMs && atMs < toMs));
    }
    return {rounds: inOrder(rounds), damaged};
  }

  async #readDay(day: string): Promise<{rounds: Round[]; damaged: number}> {
    const {lines, damaged} = openLines((await this.files.read(`rounds/${day}.log`)) ?? '');
    const {rounds, foreign} = readRoundLines([...new Set(lines)]);
    return {rounds, damaged: damaged + foreign};
  }

  /** Spans of five minutes, from rounds where they are still kept. Oldest first. */
  async readMinutes(fromMs: number, toMs: number): Promise<Bucket[]> {
    const buckets: Bucket[] = [];
    for (const day of daysBetween(fromMs, toMs)) {
      const rounds = await this.#readDay(day);
      buckets.push(
        ...(rounds.rounds.length
          ? bucketsOf(rounds.rounds, minuteSpanMs, this.policy.maxGapMs)
          : await this.#readBuckets(`minutes/${day}.log`)),
      );
    }
    return buckets.filter(({startMs}) => startMs >= fromMs && startMs < toMs);
  }

  /** Hours, from the finest that is still kept. Oldest first. */
  async readHours(fromMs: number, toMs: number): Promise<Bucket[]> {
    const buckets: Bucket[] = [];
    const kept = new Set(await this.files.list('hours'));
    for (const day of daysBetween(fromMs, toMs)) {
      const name = `hours/${day}.log`;
      buckets.push(
        ...(kept.has(name) ? await this.#readBuckets(name) : coarser(await this.#minutesOf(day), hourSpanMs)),
      );
    }
    return buckets.filter(({startMs}) => startMs >= fromMs && startMs < toMs);
  }

  #minutesOf(day: string): Promise<Bucket[]> {
    const startMs = Date.parse(`${day}T00:00:00Z`);
    return this.readMinutes(startMs, startMs + dayMs);
  }

  async #readBuckets(name: string): Promise<Bucket[]> {
    return readBucketLines(openLines((await this.files.read(name)) ?? '').lines);
  }

  /**
   * Makes old days coarser. Each step writes the coarser file whole before it removes the finer one, and is a function
   * of the finer one alone: killed or done twice, it ends the same.
   * @returns the days that were made coarser or removed.
   */
  async compact(nowMs: number): Promise<number> {
    const {keepRoundsMs, keepMinutesMs, keepHoursMs} = this.policy;
    let steps = 0;
    for (const [name, day] of await this.#older('rounds', nowMs - keepRoundsMs)) {
      await this.#writeBuckets(`minutes/${day}.log`, await this.#minutesOf(day));
      await this.files.remove(name);
      steps++;
    }
    for (const [name, day] of await this.#older('minutes', nowMs - keepMinutesMs)) {
      await this.#writeBuckets(`hours/${day}.log`, coarser(await this.#minutesOf(day), hourSpanMs));
      await this.files.remove(name);
      steps++;
    }
    for (const [name] of await this.#older('hours', nowMs - keepHoursMs)) {
      await this.files.remove(name);
      steps++;
    }
    return steps;
  }

  async #older(folder: string, beforeMs: number): Promise<Array<[name: string, day: string]>> {
    const names = await this.files.list(folder);
    return names
      .flatMap((name): Array<[string, string]> => {
        const day = /(\d{4}-\d\d-\d\d)\.log$/.exec(name)?.[1];
        return day && Date.parse(`${day}T00:00:00Z`) + dayMs <= beforeMs ? [[name, day]] : [];
      })
      .sort();
  }

  async #writeBuckets(name: string, buckets: readonly Bucket[]): Promise<void> {
    const services = [...new Set(buckets.flatMap(({tallies}) => [...tallies.keys()]))];
    const lines = buckets.map((bucket) => bucketLine(bucket, services));
    await this.files.replace(name, headerLine(services) + lines.join(''));
  }

  async appendEvents(events: readonly HistoryEvent[]): Promise<void> {
    for (const event of events)
      await this.files.append(`events/${dayOf(event.atMs).slice(0, 7)}.log`, sealLine(JSON.stringify(event)));
  }

  /** Every event of the months since `fromMs`, in the order in which they were noted. */
  async readEvents(fromMs: number): Promise<HistoryEvent[]> {
    const first = dayOf(fromMs).slice(0, 7);
    const names = (await this.files.list('events')).filter((name) => name >= `events/${first}`).sort();
    const events: HistoryEvent[] = [];
    for (const name of names)
      for (const line of openLines((await this.files.read(name)) ?? '').lines) {
        const event = JSON.parse(line) as HistoryEvent;
        if (typeof event.atMs === 'number' && typeof event.type === 'string') events.push(event);
      }
    return events;
  }
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function daysBetween(fromMs: number, toMs: number): string[] {
  const days: string[] = [];
  for (let at = Math.floor(fromMs / dayMs) * dayMs; at < toMs; at += dayMs) days.push(dayOf(at));
  return days;
}
