import {type Dispatched, dispatch} from '../alerts/dispatch.js';
import type {Channel, Message} from '../alerts/message.js';
import {type Due, dueNotices, type Subject} from '../alerts/routing.js';
import type {Config} from '../config/schema.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {formatDuration} from '../kernel/duration.js';
import {isAbort, messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {stateOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import {burnAlarm} from '../monitor/budget.js';
import type {Freshness} from '../monitor/freshness.js';
import {History, minuteSpanMs} from '../monitor/history.js';
import type {HistoryFiles} from '../monitor/history-files.js';
import {type Incident, incidentEvents} from '../monitor/incident.js';
import type {Transition} from '../monitor/judgement.js';
import {openProber} from '../monitor/round.js';
import {makeSnapshot, type Snapshot, type SnapshotRelease} from '../monitor/snapshot.js';
import {type StepResult, Watch} from '../monitor/watch.js';
import {mutesOf, routesOf} from './alert-channels.js';
import {budgetPrefix, type MonitorPlan, monitorPlan} from './monitor-plan.js';

export interface MonitorSessionOptions {
  readonly config: Config;
  readonly files: HistoryFiles;
  readonly channels: readonly Channel[];
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly resolveSecret?: (name: string) => string | undefined;
  readonly protectionBypass?: string | undefined;
  /** Newest first; read anew at each round, may throw. */
  readonly releases?: () => Promise<readonly ReleaseRecord[]>;
  /** Things that must happen again and again; asked at each round. */
  readonly freshness?: () => Promise<readonly Freshness[]>;
  /** Links of every message, such as to the status page and the run. */
  readonly links?: Message['links'];
  readonly log?: (line: string) => void;
  readonly warn?: (line: string) => void;
}

export interface MonitorStep extends StepResult {
  readonly dispatched: Dispatched;
  readonly freshness: readonly Freshness[];
}

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
  /** Time without checks before this session, when it was longer than expected. */
  readonly blindMs: number;

  private constructor(
    options: MonitorSessionOptions,
    parts: {plan: MonitorPlan; history: History; watch: Watch; close: () => PromiseLike<void>; blindMs: number},
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.plan = parts.plan;
    this.history = parts.history;
    this.watch = parts.watch;
    this.#close = parts.close;
    this.blindMs = parts.blindMs;
  }

  /** @throws refusal MONITOR_PLAN before the first probe. */
  static async open(options: MonitorSessionOptions): Promise<MonitorSession> {
    const {config, files, signal, clock = systemClock} = options;
    const plan = monitorPlan(config);
    const prober = openProber({
      checks: plan.checks,
      side: {
        urls: plan.urls,
        ...(options.protectionBypass ? {protectionBypass: options.protectionBypass} : {}),
      },
      signal,
      clock,
      ...(options.resolveSecret ? {resolveSecret: options.resolveSecret} : {}),
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
    const blindMs = await blindTime(history, clock.now(), config.monitor.interval);
    session.current = new MonitorSession(options, {
      plan,
      history,
      watch,
      blindMs,
      close: () => prober[Symbol.asyncDispose](),
    });
    return session.current;
  }

  /** One round and all that follows from it; the history is lasting when it returns. */
  async step(): Promise<MonitorStep> {
    this.#releases = await this.#ask('The ledger', this.#options.releases, this.#releases);
    const result = await this.watch.step();
    this.#last = result;
    this.#freshness = await this.#ask('Freshness', this.#options.freshness, this.#freshness);
    await this.#noteStandingFacts();
    const dispatched = await this.#alert();
    await this.history.compact(this.#clock.now());
    await this.#options.files.flush();
    return {...result, incidents: this.watch.incidents, dispatched, freshness: this.#freshness};
  }

  /** The newest release that changed what users are served in the day before. */
  suspect(sinceMs: number): string | undefined {
    const shipped = (record: ReleaseRecord) =>
      Math.max(
        0,
        ...record.events.filter(({kind}) => kind === 'promoted' || kind === 'deployed').map(({atMs}) => atMs),
      );
    const early = 300_000;
    return this.#releases.find((record) => {
      const atMs = shipped(record);
      return atMs > sinceMs - 86_400_000 && atMs <= sinceMs + early;
    })?.release;
  }

  snapshot(): Promise<Snapshot> {
    const {config} = this.#options;
    const {monitor} = config;
    return makeSnapshot(this.history, {
      product: config.product,
      nowMs: this.#clock.now(),
      intervalMs: monitor.interval,
      refreshMs: monitor.refresh,
      lastRoundMs: this.#last?.round.atMs,
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
      releases: this.#releases.slice(0, 50).map(releaseOf),
      freshness: this.#freshness,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  /** Late backups and burning budgets stand until they are mended; they are incidents like any other. */
  async #noteStandingFacts(): Promise<void> {
    const nowMs = this.#clock.now();
    const {objective} = this.#options.config.monitor;
    const minutes = await this.history.readMinutes(nowMs - 3 * 86_400_000, nowMs + minuteSpanMs);
    const standing = [
      ...this.#freshness.flatMap(({name, state, sentence}) =>
        state === 'unknown' ? [] : [{name, bad: state !== 'fresh', to: 'down' as const, detail: sentence}],
      ),
      ...this.plan.checks.map(({name}) => {
        const burn = this.#explained(name, nowMs) ? undefined : burnAlarm(minutes, name, objective, nowMs + 1);
        return {
          name: budgetPrefix + name,
          bad: burn !== undefined,
          to: 'degraded' as const,
          detail: burn
            ? `burns at least ${burn.atLeast.toFixed(1)} times faster than allowed over ${formatDuration(burn.longMs)}`
            : '',
        };
      }),
    ];
    const incidents = this.watch.incidents;
    const noted = new Set(
      incidents.flatMap((incident) =>
        [...incident.services].flatMap(([service, {condition}]) => (condition === 'up' ? [] : [service])),
      ),
    );
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
      })),
    );
  }

  /** A burn that an incident of the last days explains was alerted already: one cause, one alert. */
  #explained(service: string, nowMs: number): boolean {
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
    const due = dueNotices(subjects, routesOf(config), this.#clock.now(), mutesOf(config));
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
      title: what === 'recovery' ? `${shown} ${are} up again after ${lasted}` : `${shown} ${are} ${worst}`,
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

/** How long nobody looked before now, when that is more than three rounds. */
async function blindTime(history: History, nowMs: number, intervalMs: number): Promise<number> {
  const {rounds} = await history.readRounds(nowMs - 2 * 86_400_000, nowMs);
  const last = rounds.at(-1);
  if (!last) return 0;
  const gapMs = nowMs - last.atMs;
  return gapMs > 3 * intervalMs ? gapMs : 0;
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
