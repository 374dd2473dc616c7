import {LetterLog} from './letter-log.js';
import type {CheckKind, GatePolicy} from './policy.js';
import {type DecisionRule, peerRule} from './rules.js';
import type {FailureClass, Observation, Sample, UnusableClass} from './sample.js';
import {type Letter, letterOf, StreamEvidence, type StreamPolicy} from './stream.js';

/** A check as the decision sees it: no address, no request. */
export interface PlannedCheck {
  readonly id: string;
  readonly kind: CheckKind;
  /** `contract`: broken twice in a row is broken; `leak`: broken once is enough. */
  readonly mode: 'stream' | 'contract' | 'leak';
  readonly critical: boolean;
  readonly weight: number;
  readonly paired: boolean;
  readonly maxLatencyMs?: number;
}

const keptLatencies = 20_000;

/** What is known about one check: its letters, its evidence, its latencies. */
export class CheckState {
  readonly plan: PlannedCheck;
  readonly stream: StreamEvidence;
  readonly letters = new LetterLog();
  readonly failureClasses = new Map<FailureClass | UnusableClass, number>();
  readonly latencies: number[] = [];
  readonly baselineLatencies: number[] = [];
  readonly pairCounts = {bothOk: 0, candidateOnly: 0, baselineOnly: 0, bothFailed: 0};
  readonly rule: DecisionRule | undefined;
  paired: boolean;
  warm: boolean;
  warmUpProbes = 0;
  warmUpFailures = 0;
  baselineEverOk = false;
  unusable = 0;
  void = 0;
  firstFailureAtMs: number | undefined;
  /** For contract checks: reads that kept it, and broken ones in a row. */
  kept = 0;
  brokenInARow = 0;
  ruleSays: 'fail' | 'pass' | undefined;
  readonly #policy: StreamPolicy;

  constructor(plan: PlannedCheck, policy: GatePolicy) {
    this.plan = plan;
    this.paired = plan.paired;
    this.#policy = {
      policy,
      paired: plan.paired,
      ...(plan.maxLatencyMs === undefined ? {} : {maxLatencyMs: plan.maxLatencyMs}),
    };
    this.stream = new StreamEvidence(this.#policy);
    this.warm = policy.warmUpMs === 0 || plan.mode !== 'stream';
    this.rule = policy.rule === 'evidence' || plan.mode !== 'stream' ? undefined : peerRule(policy.rule);
  }

  /** Takes one observation. @returns its letter. */
  add(observation: Observation): Letter {
    const letter = this.#judge(observation);
    this.letters.push(letter);
    this.#count(letter, observation);
    return letter;
  }

  /** From now on the objective alone decides: the baseline cannot be measured. */
  dropBaseline(): void {
    if (!this.paired) return;
    this.paired = false;
    this.letters.push('~');
    this.stream.add('~');
  }

  #judge(observation: Observation): Letter {
    const {candidate, baseline} = observation;
    if (baseline?.outcome === 'ok') this.baselineEverOk = true;
    if (observation.void) return 'v';
    if (candidate.outcome === 'unusable') return 'u';
    if (this.plan.mode !== 'stream')
      return candidate.outcome === 'ok' ? '+' : candidate.outcome === 'broken' ? '!' : 'x';
    if (!this.warm) return this.#warmUp(candidate, baseline);
    return letterOf(observation, this.#policy, this.paired);
  }

  /** The first success ends the warm-up; being chosen for its outcome, it is not counted itself. */
  #warmUp(candidate: Sample, baseline: Sample | undefined): Letter {
    this.warmUpProbes++;
    if (candidate.outcome !== 'ok') {
      this.warmUpFailures++;
      this.#note(candidate);
      return 'w';
    }
    this.warm = true;
    if (baseline?.outcome === 'unusable') this.dropBaseline();
    return 'w';
  }

  #count(letter: Letter, observation: Observation): void {
    if (letter === 'v') this.void++;
    if (letter === 'u') {
      this.unusable++;
      this.#note(observation.candidate);
    }
    if (letter === 'v' || letter === 'u' || letter === 'w') return;
    this.stream.add(letter);
    const failed = letter === 'x' || letter === 'c' || letter === 'f';
    if (this.rule && this.ruleSays === undefined) this.ruleSays = this.rule.add(failed ? 1 : 0);
    if (letter === '+') this.kept++;
    if (letter === '+') this.brokenInARow = 0;
    if (letter === '!') this.brokenInARow++;
    if (failed || letter === '!') {
      this.firstFailureAtMs ??= observation.atMs;
      this.#note(observation.candidate);
    }
    this.#countPair(letter);
    this.#keepLatency(failed, observation);
  }

  #countPair(letter: Letter): void {
    if (letter === 'c') this.pairCounts.candidateOnly++;
    else if (letter === 'f') this.pairCounts.bothFailed++;
    else if (letter === 'b' || letter === 'B') this.pairCounts.baselineOnly++;
    else if ('.osS'.includes(letter)) this.pairCounts.bothOk++;
  }

  #keepLatency(failed: boolean, {candidate, baseline}: Observation): void {
    if (!failed && candidate.latencyMs !== undefined && this.latencies.length < keptLatencies)
      this.latencies.push(candidate.latencyMs);
    if (baseline?.outcome === 'ok' && baseline.latencyMs !== undefined && this.baselineLatencies.length < keptLatencies)
      this.baselineLatencies.push(baseline.latencyMs);
  }

  #note(sample: Sample): void {
    const kind = sample.class ?? 'assertion';
    this.failureClasses.set(kind, (this.failureClasses.get(kind) ?? 0) + 1);
  }
}
