import {CheckState, type PlannedCheck} from './check-state.js';
import {blame, overallLog, type Voice} from './combine.js';
import type {GateHistory} from './history.js';
import type {GatePolicy} from './policy.js';
import type {Observation, TrafficWindow} from './sample.js';
import {type Letter, WindowEvidence} from './stream.js';

export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'error';

export type Reason =
  | 'proved-healthy'
  | 'rate'
  | 'compare'
  | 'latency'
  | 'traffic'
  | 'several'
  | 'contract'
  | 'never-ready'
  | 'rule'
  | 'time-limit'
  | 'void-rounds'
  | 'baseline-down'
  | 'wall'
  | 'no-network';

export interface Decision {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** Milliseconds since the start. */
  readonly atMs: number;
  /** Checks that decided it: enough alone, or (reason `several`) only together. */
  readonly checks: readonly string[];
}

export interface GatePlan {
  readonly policy: GatePolicy;
  readonly checks: readonly PlannedCheck[];
  /** Sources of the platform's own request counts, such as `traffic backend`. */
  readonly traffic?: ReadonlyArray<{readonly id: string; readonly weight: number}>;
  /** Collects trace and curves; simulations leave it out. */
  readonly history?: GateHistory;
}

export interface RoundEnd {
  readonly round: number;
  readonly atMs: number;
  readonly void?: boolean;
}

/** More void or unusable rounds than this share: nothing was proved about the release. */
const maxVoidShare = 0.2;
/** A stream that leans this far towards FAIL holds back a PASS that others are ready for. */
const leaning = Math.log(10);

/**
 * The decision, as a state machine without clock or network: `observe` each outcome in the order of its rounds, then
 * `endRound`. The first decision stands; what comes later is counted as "after the verdict".
 */
export class Gate {
  readonly plan: GatePlan;
  readonly checks: readonly CheckState[];
  readonly traffic: ReadonlyMap<string, WindowEvidence>;
  readonly windows: TrafficWindow[] = [];
  rounds = 0;
  voidRounds = 0;
  afterVerdict = 0;
  decision: Decision | undefined;
  readonly #byId: ReadonlyMap<string, CheckState>;
  readonly #critical: readonly CheckState[];
  readonly #failAt: number;
  readonly #passAt: number;
  #warmUpOver: boolean;

  constructor(plan: GatePlan) {
    this.plan = plan;
    this.checks = plan.checks.map((check) => new CheckState(check, plan.policy));
    this.traffic = new Map(
      (plan.traffic ?? []).map(({id}) => [id, new WindowEvidence(plan.policy, plan.policy.maxLatencyMs)]),
    );
    this.#byId = new Map(this.checks.map((check) => [check.plan.id, check]));
    this.#critical = this.checks.filter((check) => check.plan.critical);
    this.#failAt = Math.log(plan.policy.runners) - Math.log1p(-plan.policy.confidence);
    this.#passAt = -Math.log1p(-plan.policy.confidence);
    this.#warmUpOver = plan.policy.warmUpMs === 0;
  }

  /** ln of the evidence at which the gate fails the release. */
  get failThresholdLog(): number {
    return this.#failAt;
  }

  get passThresholdLog(): number {
    return this.#passAt;
  }

  /** True once every critical stream had its first success, or the warm-up is over: contract checks may begin. */
  get warm(): boolean {
    return this.#warmUpOver || this.#critical.every((check) => check.warm);
  }

  /** Every voice in the overall evidence: rate and latency of each critical check, and the platform's counts. */
  voices(): Voice[] {
    const voices: Voice[] = [];
    for (const {plan, stream} of this.#critical) {
      voices.push({id: plan.id, weight: plan.weight, log: stream.rateLog});
      const latency = stream.latencyLog;
      if (latency !== undefined) voices.push({id: latencyId(plan.id), weight: plan.weight, log: latency});
    }
    for (const {id, weight} of this.plan.traffic ?? []) {
      const windows = this.traffic.get(id)!;
      voices.push({id, weight, log: windows.rateLog});
      if (windows.latencyLog !== undefined) voices.push({id: latencyId(id), weight, log: windows.latencyLog});
    }
    return voices;
  }

  get overallLog(): number {
    return overallLog(this.voices());
  }

  /** Takes one outcome. Outcomes of one check must come in the order of their rounds. */
  observe(observation: Observation): Decision | undefined {
    if (this.decision) {
      this.afterVerdict++;
      return this.decision;
    }
    const check = this.#byId.get(observation.check);
    if (!check) throw new Error(`bug: the plan has no check ${observation.check}`);
    const letter = check.add(observation);
    this.plan.history?.observed(this, check, observation, letter);
    if (check.plan.critical && speaksAgainst(letter)) this.#lookForFailure(check, letter, observation.atMs);
    return this.decision;
  }

  /** Takes one window of the platform's request counts. */
  addWindow(window: TrafficWindow): Decision | undefined {
    if (this.decision) return this.decision;
    if (this.traffic.get(window.source)?.add(window)) {
      this.windows.push(window);
      this.#lookAtEvidence(window.atMs);
    }
    return this.decision;
  }

  endRound(end: RoundEnd): Decision | undefined {
    this.rounds++;
    if (end.void) this.voidRounds++;
    if (this.decision) return this.decision;
    if (!this.#warmUpOver && end.atMs >= this.plan.policy.warmUpMs) this.#endWarmUp(end.atMs);
    if (!this.decision && this.#healthy(end.atMs)) this.#decide('pass', 'proved-healthy', end.atMs, []);
    this.plan.history?.roundEnded(this, end);
    return this.decision;
  }

  /** A whole round at once. */
  feed(end: RoundEnd, observations: readonly Observation[]): Decision | undefined {
    for (const observation of observations) this.observe(observation);
    return this.endRound(end);
  }

  /** The time limit: what is not decided now stays undecided. */
  timeUp(atMs: number): Decision {
    if (this.decision) return this.decision;
    const unreadable = this.#critical.filter(
      (check) => check.unusable > maxVoidShare * Math.max(1, check.letters.length),
    );
    if (unreadable.length)
      this.#decide(
        'inconclusive',
        unreadable.some((check) => check.failureClasses.has('wall')) ? 'wall' : 'no-network',
        atMs,
        unreadable.map((check) => check.plan.id),
      );
    else if (this.#tooManyVoid()) this.#decide('inconclusive', 'void-rounds', atMs, []);
    else this.#decide('inconclusive', this.#baselineDown() ? 'baseline-down' : 'time-limit', atMs, []);
    return this.decision!;
  }

  #lookForFailure(check: CheckState, letter: Letter, atMs: number): void {
    if (letter === '!' && check.brokenInARow >= (check.plan.mode === 'leak' ? 1 : 2))
      this.#decide('fail', 'contract', atMs, [check.plan.id]);
    else if (check.rule) this.#lookAtRule(check, atMs);
    else this.#lookAtEvidence(atMs);
  }

  #lookAtRule(check: CheckState, atMs: number): void {
    if (check.ruleSays === 'fail') this.#decide('fail', 'rule', atMs, [check.plan.id]);
  }

  #lookAtEvidence(atMs: number): void {
    if (this.plan.policy.rule !== 'evidence') return;
    const voices = this.voices();
    if (overallLog(voices) < this.#failAt) return;
    const {proved, contributing} = blame(voices, this.#failAt);
    const ids = proved.length ? proved : contributing;
    this.#decide('fail', proved.length || contributing.length === 1 ? this.#reasonOf(ids[0]!) : 'several', atMs, ids);
  }

  #reasonOf(voice: string): Reason {
    if (voice.endsWith(latencySuffix)) return 'latency';
    const check = this.#byId.get(voice);
    if (!check) return 'traffic';
    return check.paired ? 'compare' : 'rate';
  }

  /** By now every check must have answered well once; one that never did was never ready. */
  #endWarmUp(atMs: number): void {
    if (this.#tooManyVoid()) return;
    this.#warmUpOver = true;
    const cold = this.checks.filter((check) => !check.warm);
    for (const check of cold) check.warm = true;
    const critical = cold.filter((check) => check.plan.critical);
    const blocked = critical.filter((check) => check.warmUpProbes === 0 && check.unusable > 0);
    const ids = (states: readonly CheckState[]) => states.map((check) => check.plan.id);
    // Dead on both sides is not the release's doing: the comparison goes on and decides.
    const dead = critical.filter((check) => check.warmUpFailures > 0 && (!check.paired || check.baselineEverOk));
    if (dead.length) this.#decide('fail', 'never-ready', atMs, ids(dead));
    else if (blocked.length)
      this.#decide(
        'error',
        blocked.some((check) => check.failureClasses.has('wall')) ? 'wall' : 'no-network',
        atMs,
        ids(blocked),
      );
  }

  #healthy(atMs: number): boolean {
    const {policy} = this.plan;
    if (atMs < policy.minDurationMs || this.#tooManyVoid()) return false;
    for (const check of this.#critical) if (!this.#checkHealthy(check)) return false;
    for (const windows of this.traffic.values())
      if (windows.rateLog >= leaning || (windows.latencyLog ?? 0) >= leaning) return false;
    return this.#critical.length > 0;
  }

  #checkHealthy({plan, warm, stream, kept, brokenInARow, rule, ruleSays, unusable, letters}: CheckState): boolean {
    if (!warm || unusable > maxVoidShare * letters.length) return false;
    if (plan.mode !== 'stream') return kept > 0 && brokenInARow === 0;
    if (rule) return ruleSays === 'pass';
    return (
      stream.probes >= this.plan.policy.minProbes &&
      stream.passLog >= this.#passAt &&
      (stream.latencyLog ?? 0) < leaning
    );
  }

  #tooManyVoid(): boolean {
    return this.voidRounds > maxVoidShare * this.rounds;
  }

  /** True when the objective alone would have failed the release, and only the comparison did not. */
  #baselineDown(): boolean {
    return this.#critical.some((check) => check.paired && check.stream.objectiveLog >= this.#failAt);
  }

  #decide(verdict: Verdict, reason: Reason, atMs: number, checks: readonly string[]): void {
    this.decision = {verdict, reason, atMs, checks};
    this.plan.history?.decided(this, this.decision);
  }
}

export const latencySuffix = ' latency';

/** Name of a check's second voice. */
export function latencyId(id: string): string {
  return id + latencySuffix;
}

/** Only these letters can raise the evidence against the release. */
function speaksAgainst(letter: Letter): boolean {
  return (
    letter === 'x' ||
    letter === 'c' ||
    letter === 'f' ||
    letter === '!' ||
    letter === 's' ||
    letter === 'S' ||
    letter === 'o' ||
    letter === '=' ||
    letter === 'B'
  );
}
