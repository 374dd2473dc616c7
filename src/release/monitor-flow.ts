import {type Dispatched, dispatch} from '../alerts/dispatch.js';
import type {Channel, Message} from '../alerts/message.js';
import {type Due, dueNotices, type Mute, type Subject} from '../alerts/routing.js';
import type {Config} from '../config/schema.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {formatDuration} from '../kernel/duration.js';
import {isAbort, messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {stateOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import {burnAlarm} from '../monitor/budget.js';
import {DayMemory} from '../monitor/day-digest.js';
import {type Freshness, freshnessOf} from '../monitor/freshness.js';
import {History, hourSpanMs, minuteSpanMs} from '../monitor/history.js';
import type {HistoryFiles} from '../monitor/history-files.js';
import {type Incident, incidentEvents} from '../monitor/incident.js';
import type {Condition, Transition} from '../monitor/judgement.js';
import {type MonitorRun, openProber} from '../monitor/round.js';
import {makeSnapshot, overallOf, type Snapshot, type SnapshotRelease} from '../monitor/snapshot.js';
import {type StepResult, Watch} from '../monitor/watch.js';
import {mutesOf, routesOf} from './alert-channels.js';
import {maintenanceOf, maintenancePrefix} from './maintenance-window.js';
import {budgetPrefix, type MonitorPlan, monitorPlan, runFact} from './monitor-plan.js';
import {changedMs, rollbackReadiness} from './monitor-readiness.js';

export interface MonitorSessionOptions {
  readonly config: Config;
  readonly files: HistoryFiles;
  readonly channels: readonly Channel[];
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly resolveSecret?: (name: string) => string | undefined;
  readonly probes?: MonitorRun['probes'];
  readonly protectionBypass?: string | undefined;
  /** Newest first; read anew at each round, may throw. */
  readonly releases?: () => Promise<readonly ReleaseRecord[]>;
  /** Things that must happen again and again; asked at each round. */
  readonly freshness?: ReadonlyArray<(() => Promise<readonly Freshness[]>) | undefined>;
  /** Told after each round, so that a dead monitor is missed elsewhere. */
  readonly heartbeat?: ((state: string) => Promise<void>) | undefined;
  /** Links of every message, such as to the status page and the run. */
  readonly links?: Message['links'];
  readonly log?: (line: string) => void;
  readonly warn?: (line: string) => void;
}

export interface MonitorStep extends StepResult {
  readonly dispatched: Dispatched;
  readonly freshness: readonly Freshness[];
}

interface StandingFact {
  readonly name: string;
  readonly bad: boolean;
  readonly to: 'down' | 'degraded';
  readonly detail: string;
}

/** The longest window of a burn, and how long it must have stopped. */
const burnMemoryMs = 3 * 86_400_000;
const burnCalmHours = 6;

/** One watch with everything around it: rounds, judgement, alerts, the status page's data. */
export class MonitorSession implements AsyncDisposable {
  readonly plan: MonitorPlan;
  readonly history: History;
  readonly watch: Watch;
  readonly #options: MonitorSessionOptions;
  readonly #clock: Clock;
  readonly #close: () => PromiseLike<void>;
  #releases: readonly ReleaseRecord[] = [];
  #freshness: readonly Freshness[] = [];
  #last: StepResult | undefined;
  readonly #days = new DayMemory();
  #seenMs: number | undefined;
  #blind: Freshness | undefined;
  /** Time without checks before this session, when it was longer than expected. */
  readonly blindMs: number;

  private constructor(
    options: MonitorSessionOptions,
    parts: {
      plan: MonitorPlan;
      history: History;
      watch: Watch;
      close: () => PromiseLike<void>;
      seenMs: number | undefined;
    },
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.plan = parts.plan;
    this.history = parts.history;
    this.watch = parts.watch;
    this.#close = parts.close;
    this.#seenMs = parts.seenMs;
    const {interval, 'max-blind': maxBlindMs} = options.config.monitor;
    const gapMs = parts.seenMs === undefined ? 0 : this.#clock.now() - parts.seenMs;
    this.blindMs = gapMs > 3 * interval ? gapMs : 0;
    this.#blind =
      parts.seenMs === undefined
        ? undefined
        : freshnessOf({name: runFact, lastMs: parts.seenMs, maxAgeMs: maxBlindMs}, this.#clock.now());
  }

  /** @throws refusal MONITOR_PLAN before the first probe. */
  static async open(options: MonitorSessionOptions): Promise<MonitorSession> {
    const {config, files, signal, clock = systemClock} = options;
    const plan = monitorPlan(config);
    const prober = await openProber({
      checks: plan.checks,
      side: {
        urls: plan.urls,
        ...(options.protectionBypass ? {protectionBypass: options.protectionBypass} : {}),
      },
      signal,
      clock,
      ...(options.resolveSecret ? {resolveSecret: options.resolveSecret} : {}),
      ...(options.probes ? {probes: options.probes} : {}),
      ...(config.monitor['control-url'] ? {controlUrl: config.monitor['control-url']} : {}),
    });
    const history = new History(files, plan.history);
    const session: {current?: MonitorSession} = {};
    const watch = await Watch.open({
      history,
      prober,
      policyOf: plan.policyOf,
      isCritical: plan.isCritical,
      suspect: (sinceMs) => session.current?.suspect(sinceMs),
      clock,
      signal,
      confirmations: config.monitor.confirmations,
      confirmEveryMs: config.monitor['confirm-every'],
    });
    const seenMs = await history.lastRoundMs(clock.now());
    session.current = new MonitorSession(options, {
      plan,
      history,
      watch,
      seenMs,
      close: () => prober[Symbol.asyncDispose](),
    });
    return session.current;
  }

  /**
   * One round and all that follows from it; the history is lasting when it returns.
   * @param kind `confirm` for a round between two regular ones.
   */
  async step(kind: 'scheduled' | 'confirm' = 'scheduled'): Promise<MonitorStep> {
    this.#releases = await this.#ask('The ledger', this.#options.releases, this.#releases);
    const result = await this.watch.step(kind);
    this.#last = result;
    this.#seenMs = result.round.atMs;
    this.#freshness = await this.#askFreshness();
    await this.#noteStandingFacts();
    const dispatched = await this.#alert();
    await this.history.compact(this.#clock.now());
    await this.#options.files.flush();
    const {heartbeat} = this.#options;
    await this.#ask('The heartbeat', heartbeat && (() => heartbeat(this.state)), undefined);
    return {...result, incidents: this.watch.incidents, dispatched, freshness: this.#freshness};
  }

  /** `down` when a critical service is, `degraded` when anything else is not up. */
  get state(): Condition {
    return overallOf(
      [...this.watch.judges.values()].map(({service, condition}) => ({
        condition,
        critical: this.plan.isCritical(service),
      })),
    );
  }

  /** Rounds are closer while a change of production is fresh. */
  get closer(): {readonly everyMs: number; readonly untilMs: number} | undefined {
    const {for: forMs, every: everyMs} = this.#options.config.monitor['after-release'];
    const newestMs = Math.max(0, ...this.#releases.map((record) => changedMs(record) ?? 0));
    const untilMs = newestMs + forMs;
    return newestMs > 0 && forMs > 0 && untilMs > this.#clock.now() ? {everyMs, untilMs} : undefined;
  }

  /** The newest release that changed what users are served in the day before. */
  suspect(sinceMs: number): string | undefined {
    const shipped = ({events}: ReleaseRecord) =>
      Math.max(0, ...events.filter(({kind}) => kind === 'promoted' || kind === 'deployed').map(({atMs}) => atMs));
    const early = 300_000;
    return this.#releases.find((record) => {
      const atMs = shipped(record);
      return atMs > sinceMs - 86_400_000 && atMs <= sinceMs + early;
    })?.release;
  }

  /** @param pace the real pace, where it is not the one of the file. */
  snapshot(pace: {readonly intervalMs?: number; readonly refreshMs?: number} = {}): Promise<Snapshot> {
    const {config} = this.#options;
    const {monitor} = config;
    const facts = {
      product: config.product,
      nowMs: this.#clock.now(),
      intervalMs: pace.intervalMs ?? monitor.interval,
      refreshMs: pace.refreshMs ?? monitor.refresh,
      lastRoundMs: this.#seenMs,
      objective: monitor.objective,
      windowMs: monitor.window,
      services: this.plan.checks.map(({name}) => {
        const judge = this.watch.judges.get(name)!;
        const detail = this.#last?.details.get(name);
        const {maxLatencyMs} = this.plan.policyOf(name);
        return {
          name,
          component: this.plan.componentOf(name),
          critical: this.plan.isCritical(name),
          condition: judge.condition,
          flapping: judge.flapping,
          ...(detail ? {detail} : {}),
          ...(maxLatencyMs === undefined ? {} : {maxLatencyMs}),
        };
      }),
      incidents: this.watch.incidents,
      releases: this.#releases.filter(({release}) => !release.startsWith(maintenancePrefix)).map(releaseOf),
      freshness: this.#freshness,
    };
    return makeSnapshot(this.history, facts, this.#days);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #askFreshness(): Promise<readonly Freshness[]> {
    const {freshness = []} = this.#options;
    const asked = await Promise.all(freshness.map((ask) => this.#ask('Freshness', ask, [])));
    const readiness = rollbackReadiness(this.#releases, this.#clock.now());
    return [...asked.flat(), ...(readiness ? [readiness] : [])];
  }

  /** That nobody looked is told by the first round after it, and is over with the second. */
  #takeBlind(): Freshness[] {
    const blind = this.#blind;
    this.#blind = blind && {...blind, state: 'fresh'};
    return blind ? [blind] : [];
  }

  #mutes(): Mute[] {
    const {on, record, untilMs = Number.POSITIVE_INFINITY} = maintenanceOf(this.#releases);
    const planned = mutesOf(this.#options.config);
    return on && record ? [...planned, {fromMs: record.createdAtMs, untilMs, components: []}] : planned;
  }

  /** Late backups and burning budgets stand until they are mended; they are incidents like any other. */
  async #noteStandingFacts(): Promise<void> {
    const nowMs = this.#clock.now();
    const incidents = this.watch.incidents;
    const noted = new Set(
      incidents.flatMap((incident) =>
        [...incident.services].flatMap(([service, {condition}]) => (condition === 'up' ? [] : [service])),
      ),
    );
    const standing = [...this.#lateFacts(), ...(await this.#burningBudgets(nowMs, noted))];
    const changed = standing.filter(({name, bad}) => bad !== noted.has(name));
    const transitions = changed.map(
      ({name, bad, to}): Transition => ({
        service: name,
        to: bad ? to : 'up',
        atMs: nowMs,
        sinceMs: nowMs,
        probes: 0,
        failures: 0,
        flapping: false,
      }),
    );
    const details = new Map(changed.map(({name, detail}) => [name, detail]));
    await this.watch.note(
      incidentEvents(incidents, transitions, (service) => ({
        critical: this.plan.isCritical(service),
        detail: details.get(service) ?? '',
        upkeep: !service.startsWith(budgetPrefix),
      })),
    );
  }

  /** What could not be asked is neither. */
  #lateFacts(): StandingFact[] {
    return [...this.#freshness, ...this.#takeBlind()]
      .filter(({state}) => state !== 'unknown')
      .map(({name, state, sentence}) => ({
        name,
        bad: state !== 'fresh',
        to: this.plan.isCritical(name) ? 'down' : 'degraded',
        detail: sentence,
      }));
  }

  /** A burn that was told of is over only when there was none for hours: a service that flaps is one alert, not ten. */
  async #burningBudgets(nowMs: number, noted: ReadonlySet<string>): Promise<StandingFact[]> {
    const {objective} = this.#options.config.monitor;
    const minutes = await this.history.readMinutes(
      nowMs - burnMemoryMs - burnCalmHours * hourSpanMs,
      nowMs + minuteSpanMs,
    );
    return this.plan.checks.map(({name: service}): StandingFact => {
      const name = budgetPrefix + service;
      const burnAt = (atMs: number) => burnAlarm(minutes, service, objective, atMs + 1);
      const burn = noted.has(name) || !this.#explained(service, nowMs) ? burnAt(nowMs) : undefined;
      const wasLately =
        noted.has(name) &&
        Array.from({length: burnCalmHours}, (_, hours) => nowMs - (hours + 1) * hourSpanMs).some(burnAt);
      const detail = burn
        ? `burns at least ${burn.atLeast.toFixed(1)} times faster than allowed over ${formatDuration(burn.longMs)}`
        : '';
      return {name, bad: burn !== undefined || wasLately, to: 'degraded', detail};
    });
  }

  /**
   * A burn that an incident of the last days explains was alerted already: one cause, one alert. While the service fails
   * just now, whether it is down is about to be known, and says more.
   */
  #explained(service: string, nowMs: number): boolean {
    if (this.watch.judges.get(service)?.wantsConfirmation) return true;
    return this.watch.incidents.some(
      (incident) =>
        incident.services.has(service) &&
        (incident.closedMs === undefined || incident.closedMs > nowMs - 3 * 86_400_000),
    );
  }

  async #alert(): Promise<Dispatched> {
    const {config, channels} = this.#options;
    const incidents = new Map(this.watch.incidents.map((incident) => [incident.id, incident]));
    const subjects = [...incidents.values()].map((incident) => this.#subjectOf(incident));
    const due = dueNotices(subjects, routesOf(config), this.#clock.now(), this.#mutes());
    const dispatched = await dispatch(due, {
      channels,
      clock: this.#clock,
      signal: this.#options.signal,
      messageOf: (one) => this.#messageOf(one, incidents.get(one.subject.id)!),
      note: (one, state) =>
        this.watch.note([
          {
            type: 'notice',
            atMs: this.#clock.now(),
            id: one.subject.id,
            channel: one.route.channel,
            what: one.what,
            state,
            severity: one.subject.severity,
          },
        ]),
    });
    for (const {failure} of dispatched.failed) this.#options.warn?.(oneLine(`${failure.message} ${failure.remedy}`));
    return dispatched;
  }

  #subjectOf(incident: Incident): Subject {
    return {
      id: incident.id,
      openedMs: incident.openedMs,
      closedMs: incident.closedMs,
      severity: incident.severity,
      components: [...new Set([...incident.services.keys()].map((service) => this.plan.componentOf(service)))],
      notices: incident.notices,
    };
  }

  #messageOf({what}: Due, incident: Incident): Message {
    const {config, links = []} = this.#options;
    const nowMs = this.#clock.now();
    const services = [...incident.services];
    const worst = services.some(([, {condition}]) => condition === 'down') ? 'down' : 'degraded';
    const names = services.map(([name]) => name);
    const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
    const are = names.length === 1 ? 'is' : 'are';
    const lasted = formatDuration((incident.closedMs ?? nowMs) - incident.sinceMs);
    return {
      kind: what,
      severity: incident.severity,
      product: config.product,
      key: incident.id,
      title:
        what === 'recovery'
          ? `${shown} ${are} ${incident.upkeep ? 'in order' : 'up'} again after ${lasted}`
          : incident.upkeep
            ? `${shown} ${names.length === 1 ? 'needs' : 'need'} attention`
            : `${shown} ${are} ${worst}`,
      facts: [
        ['Services', names.join(', ')],
        ['Severity', incident.severity],
        [what === 'recovery' ? 'Lasted' : 'For', lasted],
        ...(incident.flapping ? ([['Pattern', 'flapping: it fell again soon after it came back']] as const) : []),
        ...(incident.suspect ? ([['Suspect release', incident.suspect]] as const) : []),
      ],
      ...(incident.detail && what !== 'recovery' ? {detail: incident.detail} : {}),
      links,
      sinceMs: incident.sinceMs,
      atMs: nowMs,
    };
  }

  /** What could not be asked stays as it was and is told; a broken ledger must not stop the watch. */
  async #ask<T>(what: string, ask: (() => Promise<T>) | undefined, before: T): Promise<T> {
    if (!ask) return before;
    try {
      return await ask();
    } catch (error) {
      if (isAbort(error)) throw error;
      this.#options.warn?.(oneLine(`${what} could not be asked: ${messageOf(error)}`));
      return before;
    }
  }
}

function releaseOf(record: ReleaseRecord): SnapshotRelease {
  return {
    id: record.release,
    commit: record.commit,
    atMs: record.createdAtMs,
    state: stateOf(record),
    ...(record.runUrl ? {url: record.runUrl} : {}),
  };
}
