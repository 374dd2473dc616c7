import type {CheckState} from './check-state.js';
import {shares} from './combine.js';
import {rateLadder} from './evidence.js';
import {type Gate, latencyId, type Reason, type Verdict} from './gate.js';
import type {CurvePoint, GateHistory, PathEntry, TraceEntry} from './history.js';
import {type GatePolicy, restartEvery} from './policy.js';
import {quantileRanks, rateInterval} from './sequence.js';

export const recordSchema = 'switchback/gate-evidence@1';

/** A release under test, as the record names it. */
export interface RecordSide {
  readonly urls: Readonly<Record<string, string>>;
  readonly deployment_id?: string;
  readonly commit?: string;
}

/** What one check contributed; evidence as log10, so that it always fits a JSON number. */
export interface RecordCheck {
  readonly id: string;
  readonly kind: string;
  readonly mode: 'stream' | 'contract' | 'leak';
  readonly severity: 'critical' | 'advisory';
  readonly weight: number;
  readonly paired: boolean;
  readonly max_latency_ms?: number;
  /** All observations as letters, run-length encoded: the proof (see action-docs/health-gate.md). */
  readonly letters: string;
  readonly n: number;
  readonly failures: number;
  /** Successful probes over the latency limit; only where there is one. */
  readonly over_limit?: number;
  readonly warmup_probes: number;
  /** Contract checks only: reads that found it kept. */
  readonly kept?: number;
  readonly void: number;
  readonly unusable: number;
  readonly log10_evidence_fail: number;
  readonly log10_evidence_relative?: number;
  readonly log10_evidence_pass: number;
  readonly log10_evidence_latency?: number;
  readonly share_of_overall: number;
  readonly state: 'proved' | 'contributing' | 'clear' | 'undecided' | 'broken';
  readonly rate: {readonly estimate: number; readonly low: number; readonly high: number; readonly level: number};
  readonly first_failure_at_ms?: number;
  readonly failure_classes: Readonly<Record<string, number>>;
  readonly latency_ms?: RecordLatency;
  readonly pairs?: {
    readonly both_ok: number;
    readonly candidate_only: number;
    readonly baseline_only: number;
    readonly both_failed: number;
  };
}

export interface RecordLatency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p95_low?: number;
  readonly p95_high?: number;
  readonly baseline_p50?: number;
  readonly baseline_p95?: number;
  readonly slower_pairs?: number;
  readonly pairs?: number;
  /** Latencies at 64 even steps of the distribution, for the plot. */
  readonly steps: readonly number[];
  readonly baseline_steps?: readonly number[];
}

export interface RecordTraffic {
  readonly id: string;
  readonly weight: number;
  readonly windows: ReadonlyArray<{
    readonly t_ms: number;
    readonly requests: number;
    readonly errors: number;
    readonly p95_ms?: number;
  }>;
  readonly log10_evidence_fail: number;
  readonly log10_evidence_latency?: number;
}

export interface RecordConfig {
  readonly max_error_rate: number;
  readonly unhealthy_error_rate: number;
  readonly confidence: number;
  readonly alpha: number;
  readonly beta: number;
  readonly burst_guard: number | 'off';
  readonly restart_every: number;
  readonly ladder: readonly number[];
  readonly weights: readonly number[];
  readonly latency_quantile: number;
  readonly latency_tolerance: number;
  readonly latency_tolerance_ms: number;
  readonly max_latency_ms?: number;
  readonly min_duration_s: number;
  readonly max_duration_s: number;
  readonly min_probes: number;
  readonly interval_s: number;
  readonly warm_up_s: number;
  readonly on_timeout: string;
  readonly rule: string;
  readonly runners: number;
}

/** One failed or broken probe, shown to people. */
export interface FailureExample {
  readonly check: string;
  readonly round: number;
  readonly t_ms: number;
  readonly class: string;
  readonly detail: string;
  readonly request?: string;
  readonly status?: number;
  readonly latency_ms?: number;
  readonly expected?: string;
  readonly got?: string;
  readonly excerpt?: string;
}

/** One run of the gate; `verifyRecord` proves the verdict from it alone. */
export interface EvidenceRecord {
  readonly schema: typeof recordSchema;
  readonly started_at: string;
  readonly decided_at: string;
  readonly seconds: number;
  /** What the evidence says; `reported` differs only by `on-timeout`. */
  readonly verdict: Verdict;
  readonly reported: Verdict;
  readonly reason_code: Reason;
  readonly blamed: readonly string[];
  readonly sentence: string;
  /** Where it was measured from, when several places are merged. */
  readonly place?: string;
  readonly config: RecordConfig;
  readonly candidate: RecordSide;
  readonly baseline: RecordSide | null;
  readonly overall: {
    readonly log10_evidence: number;
    readonly evidence: number;
    readonly threshold: number;
    readonly weight_rule: string;
    readonly rounds: number;
    readonly void_rounds: number;
    readonly late_rounds: number;
    readonly probes_after_verdict: number;
  };
  readonly checks: readonly RecordCheck[];
  readonly traffic: readonly RecordTraffic[];
  readonly first_failures: readonly FailureExample[];
  readonly trace: readonly TraceEntry[];
  readonly curve: readonly CurvePoint[];
  readonly decision_path: readonly PathEntry[];
  readonly notes: readonly string[];
}

export interface RecordFacts {
  readonly startedAtMs: number;
  readonly reported: Verdict;
  readonly candidate: RecordSide;
  readonly baseline: RecordSide | null;
  readonly firstFailures: readonly FailureExample[];
  readonly lateRounds: number;
  readonly notes: readonly string[];
  readonly place?: string;
}

/** log10 of a natural logarithm, with twelve digits. */
export function toLog10(log: number): number {
  return Number((log / Math.LN10).toPrecision(12));
}

/** The record of a decided gate, with everything but its sentence. */
export function makeRecord(gate: Gate, history: GateHistory, facts: RecordFacts): Omit<EvidenceRecord, 'sentence'> {
  const decision = gate.decision;
  if (!decision) throw new Error('bug: the gate has not decided yet');
  const overall = gate.overallLog;
  return {
    schema: recordSchema,
    started_at: new Date(facts.startedAtMs).toISOString(),
    decided_at: new Date(facts.startedAtMs + decision.atMs).toISOString(),
    seconds: Math.round(decision.atMs) / 1000,
    verdict: decision.verdict,
    reported: facts.reported,
    reason_code: decision.reason,
    blamed: decision.checks,
    ...(facts.place === undefined ? {} : {place: facts.place}),
    config: configOf(gate.plan.policy),
    candidate: facts.candidate,
    baseline: facts.baseline,
    overall: {
      log10_evidence: toLog10(overall),
      evidence: Number(Math.exp(Math.min(overall, 690)).toPrecision(6)),
      threshold: Number(Math.exp(gate.failThresholdLog).toPrecision(6)),
      weight_rule: 'weighted mean',
      rounds: gate.rounds,
      void_rounds: gate.voidRounds,
      late_rounds: facts.lateRounds,
      probes_after_verdict: gate.afterVerdict,
    },
    checks: checksOf(gate),
    traffic: trafficOf(gate),
    first_failures: facts.firstFailures,
    trace: history.trace,
    curve: history.curve,
    decision_path: history.path,
    notes: facts.notes,
  };
}

function configOf(policy: GatePolicy): RecordConfig {
  const ladder = rateLadder(policy.unhealthyErrorRate);
  return {
    max_error_rate: policy.maxErrorRate,
    unhealthy_error_rate: policy.unhealthyErrorRate,
    confidence: policy.confidence,
    alpha: Number((1 - policy.confidence).toPrecision(12)),
    beta: Number((1 - policy.confidence).toPrecision(12)),
    burst_guard: policy.burstGuard ?? 'off',
    restart_every: restartEvery,
    ladder: ladder.rates,
    weights: ladder.weights,
    latency_quantile: policy.latencyQuantile,
    latency_tolerance: policy.latencyTolerance,
    latency_tolerance_ms: policy.latencyToleranceMs,
    ...(policy.maxLatencyMs === undefined ? {} : {max_latency_ms: policy.maxLatencyMs}),
    min_duration_s: policy.minDurationMs / 1000,
    max_duration_s: policy.maxDurationMs / 1000,
    min_probes: policy.minProbes,
    interval_s: policy.intervalMs / 1000,
    warm_up_s: policy.warmUpMs / 1000,
    on_timeout: policy.onTimeout,
    rule: policy.rule,
    runners: policy.runners,
  };
}

/** The policy that a record was decided by. */
export function policyOf(config: RecordConfig): GatePolicy {
  return {
    maxErrorRate: config.max_error_rate,
    unhealthyErrorRate: config.unhealthy_error_rate,
    confidence: config.confidence,
    latencyQuantile: config.latency_quantile,
    latencyTolerance: config.latency_tolerance,
    latencyToleranceMs: config.latency_tolerance_ms,
    ...(config.max_latency_ms === undefined ? {} : {maxLatencyMs: config.max_latency_ms}),
    compare: 'auto',
    minDurationMs: config.min_duration_s * 1000,
    maxDurationMs: config.max_duration_s * 1000,
    minProbes: config.min_probes,
    intervalMs: config.interval_s * 1000,
    warmUpMs: config.warm_up_s * 1000,
    ...(config.burst_guard === 'off' ? {} : {burstGuard: config.burst_guard}),
    onTimeout: config.on_timeout as GatePolicy['onTimeout'],
    trafficMetrics: 'auto',
    rule: config.rule as GatePolicy['rule'],
    runners: config.runners,
  };
}

function checksOf(gate: Gate): RecordCheck[] {
  const voices = gate.voices();
  const parts = shares(voices);
  const shareOf = (id: string) => voices.reduce((sum, voice, i) => sum + (voice.id === id ? parts[i]! : 0), 0);
  return gate.checks.map((check) =>
    recordCheck(check, gate, shareOf(check.plan.id) + shareOf(latencyId(check.plan.id))),
  );
}

function recordCheck(check: CheckState, gate: Gate, share: number): RecordCheck {
  const {plan, stream} = check;
  const alpha = 1 - gate.plan.policy.confidence;
  const {low, high} = rateInterval(stream.probes, stream.failures, alpha);
  const latency = latencyOf(check, alpha);
  return {
    id: plan.id,
    kind: plan.kind,
    mode: plan.mode,
    severity: plan.critical ? 'critical' : 'advisory',
    weight: plan.weight,
    paired: plan.paired,
    ...(plan.maxLatencyMs === undefined ? {} : {max_latency_ms: plan.maxLatencyMs}),
    letters: check.letters.toString(),
    n: stream.probes,
    failures: stream.failures,
    ...(plan.maxLatencyMs === undefined ? {} : {over_limit: stream.overLimit}),
    warmup_probes: check.warmUpProbes,
    ...(plan.mode === 'stream' ? {} : {kept: check.kept}),
    void: check.void,
    unusable: check.unusable,
    log10_evidence_fail: toLog10(stream.objectiveLog),
    ...(stream.relativeLog === undefined ? {} : {log10_evidence_relative: toLog10(stream.relativeLog)}),
    log10_evidence_pass: toLog10(stream.passLog),
    ...(stream.latencyLog === undefined ? {} : {log10_evidence_latency: toLog10(stream.latencyLog)}),
    share_of_overall: Number(share.toPrecision(6)),
    state: stateOf(check, gate),
    rate: {
      estimate: stream.probes ? stream.failures / stream.probes : 0,
      low,
      high,
      level: gate.plan.policy.confidence,
    },
    ...(check.firstFailureAtMs === undefined ? {} : {first_failure_at_ms: Math.round(check.firstFailureAtMs)}),
    failure_classes: Object.fromEntries(check.failureClasses),
    ...(latency ? {latency_ms: latency} : {}),
    ...(plan.paired
      ? {
          pairs: {
            both_ok: check.pairCounts.bothOk,
            candidate_only: check.pairCounts.candidateOnly,
            baseline_only: check.pairCounts.baselineOnly,
            both_failed: check.pairCounts.bothFailed,
          },
        }
      : {}),
  };
}

function stateOf(check: CheckState, gate: Gate): RecordCheck['state'] {
  const {plan, stream} = check;
  const decision = gate.decision;
  const blamed = decision?.checks.some((id) => id === plan.id || id === latencyId(plan.id));
  if (check.brokenInARow >= (plan.mode === 'leak' ? 1 : 2)) return 'broken';
  if (decision?.verdict === 'fail' && blamed) return decision.reason === 'several' ? 'contributing' : 'proved';
  if (!plan.critical && stream.rateLog >= gate.failThresholdLog) return 'proved';
  if (plan.mode !== 'stream') return check.kept > 0 && check.brokenInARow === 0 ? 'clear' : 'undecided';
  return stream.passLog >= gate.passThresholdLog ? 'clear' : 'undecided';
}

function latencyOf(check: CheckState, alpha: number): RecordLatency | undefined {
  if (check.latencies.length === 0) return undefined;
  const sorted = Float64Array.from(check.latencies).sort();
  const baseline = check.baselineLatencies.length ? Float64Array.from(check.baselineLatencies).sort() : undefined;
  const ranks = quantileRanks(sorted.length, 0.95, alpha);
  const slower = check.stream.slowerPairs;
  return {
    p50: at(sorted, 0.5),
    p95: at(sorted, 0.95),
    p99: at(sorted, 0.99),
    ...(ranks.low === undefined ? {} : {p95_low: tenth(sorted[ranks.low - 1]!)}),
    ...(ranks.high === undefined ? {} : {p95_high: tenth(sorted[ranks.high - 1]!)}),
    ...(baseline ? {baseline_p50: at(baseline, 0.5), baseline_p95: at(baseline, 0.95)} : {}),
    ...(slower ? {slower_pairs: slower.slower, pairs: slower.pairs} : {}),
    steps: stepsOf(sorted),
    ...(baseline ? {baseline_steps: stepsOf(baseline)} : {}),
  };
}

function at(sorted: Float64Array, quantile: number): number {
  return tenth(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(quantile * sorted.length) - 1))]!);
}

function stepsOf(sorted: Float64Array): number[] {
  return Array.from({length: 64}, (_, i) => at(sorted, (i + 0.5) / 64));
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function trafficOf(gate: Gate): RecordTraffic[] {
  return (gate.plan.traffic ?? []).map(({id, weight}) => {
    const evidence = gate.traffic.get(id)!;
    return {
      id,
      weight,
      windows: gate.windows
        .filter((window) => window.source === id)
        .map((window) => ({
          t_ms: Math.round(window.atMs),
          requests: window.requests,
          errors: window.errors,
          ...(window.p95Ms === undefined ? {} : {p95_ms: window.p95Ms}),
        })),
      log10_evidence_fail: toLog10(evidence.rateLog),
      ...(evidence.latencyLog === undefined ? {} : {log10_evidence_latency: toLog10(evidence.latencyLog)}),
    };
  });
}
