import {type Clock, systemClock} from '../kernel/clock.js';
import {cancelled} from '../kernel/errors.js';
import type {History, HistoryEvent} from './history.js';
import {foldIncidents, type Incident, incidentEvents} from './incident.js';
import {type Condition, type JudgePolicy, ServiceJudge, type Transition} from './judgement.js';
import type {Details, Prober} from './round.js';
import type {Round} from './sample.js';

export interface WatchOptions {
  readonly history: History;
  readonly prober: Prober;
  readonly policyOf: (service: string) => JudgePolicy;
  readonly isCritical: (service: string) => boolean;
  /** The release that is suspected when something falls now. */
  readonly suspect?: (sinceMs: number) => string | undefined;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** Closer looks at what contradicts the belief; default 5, five seconds apart. */
  readonly confirmations?: number;
  readonly confirmEveryMs?: number;
}

export interface StepResult {
  readonly round: Round;
  readonly details: Details;
  readonly confirmRounds: number;
  readonly transitions: readonly Transition[];
  readonly incidents: readonly Incident[];
}

/** How far back judgements are computed again when a watch begins. */
const replayMs = 86_400_000;

/**
 * A watch over all services: look, look again at what contradicts, note, judge. Everything believed is computed from the
 * history, so that a watch begun after a kill goes on where the last one was: what it believes and what was noted are
 * compared, and the difference is noted now.
 */
export class Watch {
  readonly judges: ReadonlyMap<string, ServiceJudge>;
  readonly #options: WatchOptions;
  readonly #clock: Clock;
  readonly #last = new Map<string, Transition>();
  #events: HistoryEvent[];
  /** Lines of the history that could not be read and were left out. */
  readonly damaged: number;

  private constructor(
    options: WatchOptions,
    judges: Map<string, ServiceJudge>,
    events: HistoryEvent[],
    damaged: number,
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.judges = judges;
    this.#events = events;
    this.damaged = damaged;
  }

  static async open(options: WatchOptions): Promise<Watch> {
    const nowMs = (options.clock ?? systemClock).now();
    const fromMs = nowMs - replayMs;
    const events = await options.history.readEvents(nowMs - 90 * 86_400_000);
    const {rounds, damaged} = await options.history.readRounds(fromMs, nowMs + 1);
    const judges = new Map(
      options.prober.services.map((service) => [service, new ServiceJudge(service, options.policyOf(service))]),
    );
    for (const incident of foldIncidents(events.filter((event) => event.atMs < fromMs)))
      for (const [service, {condition, sinceMs}] of incident.services)
        if (incident.closedMs === undefined) judges.get(service)?.resume(condition, sinceMs);
    const watch = new Watch(options, judges, events, damaged);
    for (const round of rounds) watch.#feed(round);
    return watch;
  }

  get incidents(): Incident[] {
    return foldIncidents(this.#events);
  }

  /**
   * One round, with closer looks where they tell more. A kill loses at most the round in flight.
   * @param kind `confirm` for a round between two regular ones: evidence, which does not count for availability.
   * @throws Failure CANCELLED when it is stopped in the middle of a round, which then was none.
   */
  async step(kind: 'scheduled' | 'confirm' = 'scheduled'): Promise<StepResult> {
    const {history, confirmations = 5, confirmEveryMs = 5_000, signal} = this.#options;
    const first = await this.#look(kind);
    await history.appendRounds([first.round]);
    this.#feed(first.round);
    let details = first.details;
    let confirmRounds = 0;
    for (let asked = this.#doubtful(first.round); asked.length && confirmRounds < confirmations; ) {
      await this.#clock.sleep(confirmEveryMs, signal);
      const again = await this.#look('confirm', asked);
      await history.appendRounds([again.round]);
      this.#feed(again.round);
      details = new Map([...details, ...again.details]);
      confirmRounds++;
      asked = this.#doubtful(again.round);
    }
    const transitions = this.#differences();
    await this.note(
      incidentEvents(this.incidents, transitions, (service) => {
        const detail = details.get(service);
        const suspect = this.#options.suspect?.(this.#last.get(service)?.sinceMs ?? first.round.atMs);
        return {
          critical: this.#options.isCritical(service),
          ...(detail ? {detail} : {}),
          ...(suspect ? {suspect} : {}),
        };
      }),
    );
    return {round: first.round, details, confirmRounds, transitions, incidents: this.incidents};
  }

  /** A round whose probes were stopped says nothing about the services. */
  async #look(kind: 'scheduled' | 'confirm', only?: readonly string[]): ReturnType<Prober['round']> {
    const found = await this.#options.prober.round(kind, only);
    if (this.#options.signal.aborted) throw cancelled('The round');
    return found;
  }

  /** Adds events to the history and to what this watch knows. */
  async note(events: readonly HistoryEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#options.history.appendEvents(events);
    this.#events = [...this.#events, ...events];
  }

  #doubtful(round: Round): string[] {
    if (round.kind === 'void') return [];
    return [...round.results.keys()].filter((service) => this.judges.get(service)?.wantsConfirmation);
  }

  #feed(round: Round): void {
    if (round.kind === 'void') return;
    for (const [service, result] of round.results) {
      const transition = this.judges.get(service)?.add({...result, atMs: round.atMs, kind: round.kind});
      if (transition) this.#last.set(service, transition);
    }
  }

  /** What is believed and not yet noted. */
  #differences(): Transition[] {
    const noted = new Map<string, Condition>();
    for (const incident of this.incidents)
      if (incident.closedMs === undefined)
        for (const [service, {condition}] of incident.services) noted.set(service, condition);
    return [...this.judges.values()].flatMap((judge) => {
      if (judge.condition === (noted.get(judge.service) ?? 'up')) return [];
      const last = this.#last.get(judge.service);
      return last ? [last] : [];
    });
  }
}
