import {type Bucket, bucketLine, bucketsOf, coarser, inOrder, readBucketLines} from './bucket.js';
import type {HistoryFiles} from './history-files.js';
import {headerLine, readRoundLines, roundLine} from './round-line.js';
import type {Round} from './sample.js';
import {openLines, sealLine} from './sealed-line.js';

const dayMs = 86_400_000;
/** Days whose spans of five minutes stay parsed: what burn rates and the page's newest chart look at. */
const daysParsed = 6;
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
  readonly #minutes = new Map<string, {readonly source: string; readonly buckets: readonly Bucket[]}>();

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

  /** When somebody last looked before a moment, however long ago; undefined: never. Of days made coarser, their last span. */
  async lastRoundMs(beforeMs: number): Promise<number | undefined> {
    const newest = async (folder: string) => (await this.files.list(folder)).sort().at(-1)?.slice(-14, -4);
    const [day, ...coarse] = await Promise.all(['rounds', 'minutes', 'hours'].map(newest));
    if (day) {
      const {rounds} = await this.#readDay(day);
      const last = rounds.reduce((latest, {atMs}) => (atMs < beforeMs ? Math.max(latest, atMs) : latest), 0);
      if (last) return last;
    }
    const older = coarse
      .filter((name) => name !== undefined)
      .sort()
      .at(-1);
    if (!older) return undefined;
    const startMs = Date.parse(`${older}T00:00:00Z`);
    const buckets = await this.readMinutes(startMs, startMs + dayMs);
    const last = buckets.at(-1) ?? (await this.readHours(startMs, startMs + dayMs)).at(-1);
    return last?.startMs;
  }

  async #readDay(day: string): Promise<{rounds: Round[]; damaged: number}> {
    return parseDay((await this.files.read(`rounds/${day}.log`)) ?? '');
  }

  /** Spans of five minutes, from rounds where they are still kept. Oldest first. */
  async readMinutes(fromMs: number, toMs: number): Promise<Bucket[]> {
    const buckets: Bucket[] = [];
    for (const day of daysBetween(fromMs, toMs)) buckets.push(...(await this.#minutesOf(day)));
    return buckets.filter(({startMs}) => startMs >= fromMs && startMs < toMs);
  }

  /** Hours, from the coarsest file that is kept. Oldest first. */
  async readHours(fromMs: number, toMs: number): Promise<Bucket[]> {
    const buckets: Bucket[] = [];
    for (const day of daysBetween(fromMs, toMs)) buckets.push(...((await this.hoursOfDay(day)).hours ?? []));
    return buckets.filter(({startMs}) => startMs >= fromMs && startMs < toMs);
  }

  /** Days of which anything is kept. */
  async keptDays(): Promise<ReadonlySet<string>> {
    const names = await Promise.all(['rounds', 'minutes', 'hours'].map((folder) => this.files.list(folder)));
    return new Set(names.flat().map((name) => name.slice(-14, -4)));
  }

  /**
   * The hours of one day, such as `2026-11-23`, and the text that they were computed from.
   * @param known that text as it was read before: when it is the same still, `hours` is undefined.
   */
  async hoursOfDay(day: string, known?: string): Promise<{readonly source: string; readonly hours?: Bucket[]}> {
    const coarse = await this.files.read(`hours/${day}.log`);
    const source = coarse ?? (await this.#minuteSource(day));
    if (source === known) return {source};
    if (coarse !== undefined) return {source, hours: readBucketLines(openLines(coarse).lines)};
    return {source, hours: coarser(await this.#minutesOf(day), hourSpanMs)};
  }

  async #minuteSource(day: string): Promise<string> {
    return (await this.files.read(`rounds/${day}.log`)) ?? (await this.files.read(`minutes/${day}.log`)) ?? '';
  }

  /** Parsed once for each text: a watch asks again and again for days that are over. */
  async #minutesOf(day: string): Promise<readonly Bucket[]> {
    const source = await this.#minuteSource(day);
    const parsed = this.#minutes.get(day);
    if (parsed?.source === source) return parsed.buckets;
    const {rounds} = parseDay(source);
    const buckets = rounds.length
      ? bucketsOf(rounds, minuteSpanMs, this.policy.maxGapMs)
      : await this.#readBuckets(`minutes/${day}.log`);
    this.#minutes.set(day, {source, buckets});
    const oldest = [...this.#minutes.keys()].sort()[0]!;
    if (this.#minutes.size > daysParsed) this.#minutes.delete(oldest);
    return buckets;
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

function parseDay(text: string): {rounds: Round[]; damaged: number} {
  const {lines, damaged} = openLines(text);
  const {rounds, foreign} = readRoundLines([...new Set(lines)]);
  return {rounds, damaged: damaged + foreign};
}

/** `2026-11-23` */
export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

export function daysBetween(fromMs: number, toMs: number): string[] {
  const days: string[] = [];
  for (let at = Math.floor(fromMs / dayMs) * dayMs; at < toMs; at += dayMs) days.push(dayOf(at));
  return days;
}
