import {type Clock, systemClock} from '../kernel/clock.js';
import {formatDuration} from '../kernel/duration.js';
import {cancelled, type Problem} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {Gate, type Verdict} from './gate.js';
import {GateHistory} from './history.js';
import {
  type CheckDefinition,
  type CheckKind,
  type GatePolicy,
  type GateSettings,
  percent,
  policyProblems,
  refuseProblems,
  resolvePolicy,
} from './policy.js';
import type {GateSide, Probe, ProbeResult} from './probes/probe.js';
import {openProbes, type ProbeClient} from './probes/probe-client.js';
import {type EvidenceRecord, type FailureExample, makeRecord, type RecordSide} from './record.js';
import {redactor} from './redaction.js';
import {RoundSchedule} from './round-schedule.js';
import {baselineOf, checkProblems, planChecks, type RunCheck, secretNames} from './run-plan.js';
import type {Sample, TrafficWindow} from './sample.js';
import {sentenceOf} from './sentence.js';

export type {GateSide} from './probes/probe.js';

/** The platform's own request counts. */
export interface TrafficSource {
  /** Names of the sources, such as `traffic backend`; each is a voice of its own. */
  readonly ids: readonly string[];
  readonly everyMs?: number;
  /** Windows that are complete by now, `atMs` in epoch milliseconds at their end; ones given before are ignored. */
  read(signal: AbortSignal): Promise<readonly TrafficWindow[]>;
}

export interface GateRun {
  readonly policy: GateSettings;
  readonly checks: readonly CheckDefinition[];
  /** Only checks of this stage (or of no stage) run; all when not given. */
  readonly stage?: 'candidate' | 'live' | 'monitor';
  readonly candidate: GateSide;
  /** The live release, probed at the same moments. */
  readonly baseline?: GateSide;
  readonly traffic?: TrafficSource;
  readonly signal: AbortSignal;
  /** One line every few seconds. */
  readonly progress?: (line: string) => void;
  readonly clock?: Clock;
  /** Value of an environment variable that a check names; undefined or empty when it is not set. */
  readonly resolveSecret?: (name: string) => string | undefined;
  /** Stand-ins for single probes, for tests. */
  readonly probes?: Partial<Record<CheckKind, Probe>>;
  /** Where this gate measures from, when several are merged. */
  readonly place?: string;
  /** Extra certificate authority to trust (PEM). */
  readonly ca?: string;
}

export interface GateResult {
  /** After `on-timeout` was applied; the record keeps what the evidence says. */
  readonly verdict: Verdict;
  readonly sentence: string;
  readonly record: EvidenceRecord;
  readonly firstFailures: readonly FailureExample[];
  readonly durationMs: number;
  readonly rounds: number;
  /** Overall evidence against the release; FAIL at 1/(1 − confidence). */
  readonly evidence: number;
}

/** Everything that makes this gate impossible, each with its key path; empty when it can start. */
export function gateProblems(
  run: Pick<GateRun, 'policy' | 'checks' | 'stage' | 'candidate' | 'resolveSecret'>,
): Problem[] {
  const checks = stageChecks(run);
  const secrets = secretNames(checks).filter((name) => !run.resolveSecret?.(name));
  return [
    ...policyProblems(run.policy),
    ...checkProblems(checks, run.candidate),
    ...secrets.map((name) => ({
      where: `environment variable ${name}`,
      what: 'is not set, but a check needs it',
      remedy: `Add a line ${name}=… to \`check-secrets\`, or pass it to the step: \`env: {${name}: \${{ secrets.${name} }}}\``,
    })),
  ];
}

function stageChecks({checks, stage}: Pick<GateRun, 'checks' | 'stage'>): CheckDefinition[] {
  return checks.filter((check) => !stage || !check.stages || check.stages.includes(stage));
}

/**
 * Probes the candidate (and the baseline at the same moments) until the evidence decides or the time is up.
 * @throws refusal GATE_PLAN before the first probe when the plan cannot work; Failure CANCELLED when the signal fires.
 * A red verdict is a result, not an error.
 */
export async function runGate(run: GateRun): Promise<GateResult> {
  refuseProblems(gateProblems(run));
  await using client = await openProbes(run);
  return await new GateRunner(run, client).run();
}

const contractEveryMs = 30_000;
const rereadAfterMs = 2_000;
const maxRoundsInFlight = 8;
const progressEveryMs = 5_000;
const trafficEveryMs = 30_000;
const maxExamples = 20;

class GateRunner {
  readonly #run: GateRun;
  readonly #policy: GatePolicy;
  readonly #clock: Clock;
  readonly #checks: readonly RunCheck[];
  readonly #baseline: GateSide | undefined;
  readonly #history = new GateHistory();
  readonly #gate: Gate;
  readonly #client: ProbeClient;
  readonly #redact: (text: string) => string;
  readonly #schedule: RoundSchedule;
  readonly #stop = new AbortController();
  readonly #startedAtMs: number;
  readonly #examples: FailureExample[] = [];
  readonly #notes: string[] = [];
  /** Per check: the outcomes fed so far, so that they are fed in the order of their rounds. */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #contractReadAtMs = new Map<string, number>();
  readonly #trafficSeenMs = new Map<string, number>();
  #cached = 0;
  #trafficBusy = false;
  #trafficAtMs = 0;
  #progressAtMs = 0;
  #bug: {readonly error: unknown} | undefined;

  constructor(run: GateRun, client: ProbeClient) {
    this.#run = run;
    this.#policy = resolvePolicy(run.policy);
    this.#clock = run.clock ?? systemClock;
    this.#client = client;
    this.#baseline = baselineOf(this.#policy, run.candidate, run.baseline);
    this.#checks = planChecks(stageChecks(run), this.#policy, run.candidate, this.#baseline, {
      ...client.probes,
      ...run.probes,
    });
    const traffic = this.#policy.trafficMetrics === 'off' ? [] : (run.traffic?.ids ?? []);
    this.#gate = new Gate({
      policy: this.#policy,
      checks: this.#checks.map((check) => check.plan),
      traffic: traffic.map((id) => ({id, weight: 1})),
      history: this.#history,
    });
    this.#redact = redactor(this.#secrets());
    this.#startedAtMs = this.#clock.now();
    this.#schedule = new RoundSchedule(this.#clock, this.#policy.intervalMs);
  }

  async run(): Promise<GateResult> {
    this.#announce();
    const schedule = this.#schedule;
    const signal = AbortSignal.any([this.#run.signal, this.#stop.signal]);
    const flights: Promise<void>[] = [];
    try {
      while (!this.#gate.decision && !this.#bug) {
        const tick = await schedule.next(signal).catch((error: unknown) => {
          if (this.#stop.signal.aborted) return undefined;
          throw error;
        });
        if (!tick || this.#gate.decision || tick.atMs >= this.#policy.maxDurationMs) break;
        flights.push(this.#launch(tick.round, tick.atMs, tick.jumped, signal));
        if (flights.length > maxRoundsInFlight) await flights.shift();
        this.#readTraffic(tick.atMs, signal);
        this.#report(tick.atMs);
      }
      if (!this.#gate.decision && !this.#bug) await Promise.all(flights);
    } finally {
      this.#stop.abort();
      await Promise.allSettled(flights);
    }
    if (this.#bug) throw this.#bug.error;
    if (this.#run.signal.aborted) throw cancelled('The gate');
    this.#gate.timeUp(schedule.elapsedMs());
    return this.#result(schedule.lateRounds);
  }

  #secrets(): string[] {
    const named = secretNames(this.#checks.map((check) => check.definition)).map(
      (name) => this.#run.resolveSecret?.(name) ?? '',
    );
    const sides = [this.#run.candidate, this.#baseline].flatMap((side) =>
      side ? [side.protectionBypass ?? '', ...Object.values(side.headers ?? {})] : [],
    );
    return [...named, ...sides].filter(Boolean);
  }

  #announce(): void {
    const {minProbes, intervalMs, maxDurationMs, confidence, maxErrorRate, unhealthyErrorRate} = this.#policy;
    const needed =
      this.#policy.rule === 'evidence'
        ? `${minProbes} clean probes per check are needed to pass`
        : `rule ${this.#policy.rule}, which promises nothing about false alarms`;
    this.#run.progress?.(
      `Gate: ${this.#checks.length} checks every ${formatDuration(intervalMs)} for at most ${formatDuration(maxDurationMs)}; ${needed}. Within ${percent(maxErrorRate)} is not failed, ${percent(unhealthyErrorRate)} or more is not passed, in ${percent(confidence)} of deployments.`,
    );
  }

  /** Sends one round. The promise ends when all its outcomes were fed; it never rejects. */
  async #launch(round: number, atMs: number, jumped: boolean, signal: AbortSignal): Promise<void> {
    try {
      const isVoid = this.#control(signal).then((controlOk) => jumped || !controlOk);
      const due = this.#checks.filter((check) => this.#isDue(check, atMs));
      const spacingMs = due.length > 20 ? (0.8 * this.#policy.intervalMs) / due.length : 0;
      await Promise.all(
        due.map((check, i) =>
          this.#inLane(
            check,
            round,
            atMs,
            this.#afterDelay(spacingMs * i, () => this.#probeBoth(check, signal), signal),
            isVoid,
            signal,
          ),
        ),
      );
      if (signal.aborted) return;
      this.#gate.endRound({round, atMs: this.#schedule.elapsedMs(), void: await isVoid});
    } catch (error) {
      if (!signal.aborted) this.#bug ??= {error};
    } finally {
      if (this.#gate.decision || this.#bug) this.#stop.abort();
    }
  }

  /** Thousands of requests in one tick would measure this process, not the product: they are spread over the round. */
  async #afterDelay<T>(ms: number, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (ms >= 1) await this.#clock.sleep(ms, signal);
    return act();
  }

  #isDue({plan, definition}: RunCheck, atMs: number): boolean {
    if (plan.mode === 'stream') return true;
    if (!this.#gate.warm) return false;
    const last = this.#contractReadAtMs.get(definition.name);
    const state = this.#gate.checks.find((check) => check.plan.id === plan.id)!;
    const waitMs = state.brokenInARow > 0 ? rereadAfterMs : contractEveryMs;
    if (last !== undefined && atMs - last < waitMs) return false;
    this.#contractReadAtMs.set(definition.name, atMs);
    return true;
  }

  async #control(signal: AbortSignal): Promise<boolean> {
    const url = this.#policy.controlUrl;
    if (url === undefined) return true;
    const result = await this.#client.probes.http(
      {name: 'control', url, expect: {status: [200, 201, 202, 203, 204, 206, 301, 302, 304, 307, 308, 401, 403, 404]}},
      this.#context(this.#run.candidate, false, signal),
    );
    return result.outcome === 'ok';
  }

  async #probeBoth(
    check: RunCheck,
    signal: AbortSignal,
  ): Promise<{candidate: ProbeResult; baseline: ProbeResult | undefined}> {
    const fresh = check.plan.mode !== 'stream';
    const [candidate, baseline] = await Promise.all([
      check.probe(check.definition, this.#context(this.#run.candidate, false, signal, fresh)),
      check.plan.paired && this.#baseline
        ? check.probe(check.definition, this.#context(this.#baseline, true, signal))
        : undefined,
    ]);
    return {candidate, baseline};
  }

  #context(side: GateSide, isBaseline: boolean, signal: AbortSignal, fresh = false) {
    return {
      side,
      isBaseline,
      signal,
      clock: this.#clock,
      exchange: this.#client.exchange,
      redact: this.#redact,
      fresh,
      secret: (name: string) => this.#run.resolveSecret?.(name) ?? '',
      ...(this.#run.ca === undefined ? {} : {ca: this.#run.ca}),
    };
  }

  /** Feeds an outcome after the ones of earlier rounds of the same check. */
  #inLane(
    check: RunCheck,
    round: number,
    atMs: number,
    outcome: Promise<{candidate: ProbeResult; baseline: ProbeResult | undefined}>,
    isVoid: Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    const before = this.#lanes.get(check.plan.id) ?? Promise.resolve();
    const mine = Promise.all([outcome, isVoid, before]).then(([{candidate, baseline}, voided]) => {
      if (signal.aborted) {
        this.#gate.afterVerdict += this.#gate.decision ? 1 : 0;
        return;
      }
      this.#keepExample(check, round, atMs, candidate);
      if (candidate.cached) this.#cached++;
      const decision = this.#gate.observe({
        check: check.plan.id,
        round,
        atMs,
        candidate: sampleOf(candidate),
        ...(baseline ? {baseline: sampleOf(baseline)} : {}),
        ...(voided ? {void: true} : {}),
      });
      if (decision) this.#stop.abort();
    });
    this.#lanes.set(
      check.plan.id,
      mine.catch(() => undefined),
    );
    return mine;
  }

  #keepExample(check: RunCheck, round: number, atMs: number, result: ProbeResult): void {
    if (result.outcome === 'ok' || this.#examples.filter((example) => example.check === check.plan.id).length >= 3)
      return;
    if (this.#examples.length >= maxExamples) return;
    const {status, latencyMs, expected, got, excerpt, request} = result;
    this.#examples.push({
      check: check.plan.id,
      round,
      t_ms: Math.round(atMs),
      class: result.class ?? 'assertion',
      detail: oneLine(result.detail ?? result.outcome, 300),
      ...(request === undefined ? {} : {request: this.#redact(request)}),
      ...(status === undefined ? {} : {status}),
      ...(latencyMs === undefined ? {} : {latency_ms: Math.round(latencyMs * 10) / 10}),
      ...(expected === undefined ? {} : {expected}),
      ...(got === undefined ? {} : {got}),
      ...(excerpt === undefined ? {} : {excerpt}),
    });
  }

  /** Reads the platform's counts beside the probes; a failed reading says nothing and is only noted. */
  #readTraffic(atMs: number, signal: AbortSignal): void {
    const {traffic} = this.#run;
    if (!traffic || this.#policy.trafficMetrics === 'off' || this.#trafficBusy || atMs < this.#trafficAtMs) return;
    this.#trafficBusy = true;
    this.#trafficAtMs = atMs + (traffic.everyMs ?? trafficEveryMs);
    traffic
      .read(signal)
      .then((windows) => this.#addWindows(windows))
      .catch(() => {
        if (!signal.aborted && this.#notes.length < 5)
          this.#notes.push("The platform's request counts could not be read; the verdict rests on the probes.");
      })
      .finally(() => {
        this.#trafficBusy = false;
      });
  }

  #addWindows(windows: readonly TrafficWindow[]): void {
    for (const window of [...windows].sort((a, b) => a.atMs - b.atMs)) {
      if (window.atMs <= (this.#trafficSeenMs.get(window.source) ?? 0)) continue;
      this.#trafficSeenMs.set(window.source, window.atMs);
      if (this.#gate.addWindow({...window, atMs: Math.max(0, window.atMs - this.#startedAtMs)})) this.#stop.abort();
    }
  }

  #report(atMs: number): void {
    if (atMs < this.#progressAtMs) return;
    this.#progressAtMs = atMs + progressEveryMs;
    const failures = this.#gate.checks.reduce((sum, check) => sum + check.stream.failures, 0);
    const probes = this.#gate.checks.reduce((sum, check) => sum + check.stream.probes, 0);
    const bar = (log: number) => Number(Math.exp(Math.min(log, 690)).toPrecision(3));
    const weakest = Math.min(
      ...this.#gate.checks
        .filter(({plan}) => plan.critical && plan.mode === 'stream')
        .map((check) => check.stream.passLog),
    );
    const health = Number.isFinite(weakest) ? `, for it ${bar(weakest)}` : '';
    const threshold = Math.round(Math.exp(this.#gate.failThresholdLog));
    this.#run.progress?.(
      `${formatDuration(atMs)}: ${failures} of ${probes} probes failed; evidence against the release ${bar(this.#gate.overallLog)}${health} (either decides at ${threshold})${this.#gate.warm ? '' : '; warming up'}`,
    );
  }

  #result(lateRounds: number): GateResult {
    const decision = this.#gate.decision!;
    const mayMap =
      decision.verdict === 'inconclusive' && (decision.reason === 'time-limit' || decision.reason === 'baseline-down');
    const reported = mayMap ? this.#policy.onTimeout : decision.verdict;
    if (this.#cached > 0)
      this.#notes.push(
        `${this.#cached} answers came from a cache on the way; they say little about the server behind it.`,
      );
    const facts = makeRecord(this.#gate, this.#history, {
      startedAtMs: this.#startedAtMs,
      reported,
      candidate: recordSide(this.#run.candidate),
      baseline: this.#baseline ? recordSide(this.#baseline) : null,
      firstFailures: this.#examples,
      lateRounds,
      notes: this.#notes,
      ...(this.#run.place === undefined ? {} : {place: this.#run.place}),
    });
    const record: EvidenceRecord = {...facts, sentence: sentenceOf(facts)};
    return {
      verdict: reported,
      sentence: record.sentence,
      record,
      firstFailures: this.#examples,
      durationMs: decision.atMs,
      rounds: this.#gate.rounds,
      evidence: record.overall.evidence,
    };
  }
}

function sampleOf({outcome, latencyMs, class: kind}: ProbeResult): Sample {
  return {outcome, ...(latencyMs === undefined ? {} : {latencyMs}), ...(kind === undefined ? {} : {class: kind})};
}

function recordSide(side: GateSide): RecordSide {
  return {
    urls: {...side.urls},
    ...(side.deploymentId === undefined ? {} : {deployment_id: side.deploymentId}),
    ...(side.commit === undefined ? {} : {commit: side.commit}),
  };
}
