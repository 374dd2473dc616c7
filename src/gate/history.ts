import type {CheckState} from './check-state.js';
import type {Decision, Gate, RoundEnd} from './gate.js';
import type {Observation} from './sample.js';
import type {Letter} from './stream.js';

/** One observation as the evidence record keeps it. */
export interface TraceEntry {
  readonly t_ms: number;
  readonly round: number;
  readonly check: string;
  /** Position in the check's letters, from 0. */
  readonly position: number;
  readonly outcome: Letter;
  readonly latency_ms?: number;
  readonly baseline_ms?: number;
  readonly class?: string;
  /** log10 of the check's evidence after this observation: of its rate, and of its latency when that is judged. */
  readonly log10_evidence_after: number;
  readonly log10_latency_evidence_after?: number;
}

export interface CurvePoint {
  readonly t_ms: number;
  readonly round: number;
  /** log10 of the overall evidence, and of the weakest evidence for health among the critical streams. */
  readonly fail: number;
  readonly pass: number;
}

export interface PathEntry {
  readonly t_ms: number;
  readonly what: string;
}

const log10 = (log: number) => Number((log / Math.LN10).toPrecision(12));
const maxTrace = 5_000;
const maxFailures = 2_000;
const maxCurve = 600;
const maxPath = 200;

/** Collects what the record shows, within fixed bounds: thinned evenly, failures kept. */
export class GateHistory {
  #trace: TraceEntry[] = [];
  #failures: TraceEntry[] = [];
  #curve: CurvePoint[] = [];
  #stride = 1;
  #seen = 0;
  #curveStride = 1;
  #power = 0;
  readonly path: PathEntry[] = [];
  readonly #met = new Set<string>();

  /** In the order of time. */
  get trace(): TraceEntry[] {
    return [...this.#trace, ...this.#failures].sort((a, b) => a.t_ms - b.t_ms || a.round - b.round);
  }

  get curve(): readonly CurvePoint[] {
    return this.#curve;
  }

  observed(gate: Gate, check: CheckState, observation: Observation, letter: Letter): void {
    const bad = 'xcfuv!'.includes(letter);
    this.#notePath(check.plan.id, observation.atMs, letter);
    if (bad && this.#failures.length < maxFailures) this.#failures.push(entryOf(check, observation, letter));
    else if (this.#seen++ % this.#stride === 0) this.#trace.push(entryOf(check, observation, letter));
    if (this.#trace.length > maxTrace - maxFailures) {
      this.#trace = this.#trace.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
    }
    if (bad) this.#notePower(gate, observation.atMs);
  }

  roundEnded(gate: Gate, end: RoundEnd): void {
    if (end.round % this.#curveStride !== 0 && !gate.decision) return;
    let pass = Number.POSITIVE_INFINITY;
    for (const {plan, stream} of gate.checks)
      if (plan.critical && plan.mode === 'stream') pass = Math.min(pass, stream.passLog);
    this.#curve.push({
      t_ms: end.atMs,
      round: end.round,
      fail: log10(gate.overallLog),
      pass: Number.isFinite(pass) ? log10(pass) : 0,
    });
    if (this.#curve.length <= maxCurve) return;
    this.#curve = this.#curve.filter((_, i) => i % 2 === 0);
    this.#curveStride *= 2;
  }

  decided(gate: Gate, decision: Decision): void {
    this.path.push({t_ms: decision.atMs, what: `verdict ${decision.verdict} (${decision.reason})`});
    this.#curve.push({
      t_ms: decision.atMs,
      round: gate.rounds,
      fail: log10(gate.overallLog),
      pass: this.#curve.at(-1)?.pass ?? 0,
    });
  }

  #notePath(id: string, atMs: number, letter: Letter): void {
    const what = 'xcf!'.includes(letter)
      ? 'first failure'
      : letter === 'u'
        ? "first answer that is not the product's"
        : letter === 'w'
          ? undefined
          : 'first counted success';
    if (!what || this.#met.has(`${id} ${what}`)) return;
    this.#met.add(`${id} ${what}`);
    if (this.path.length < maxPath) this.path.push({t_ms: atMs, what: `${id}: ${what}`});
  }

  #notePower(gate: Gate, atMs: number): void {
    const power = Math.floor(gate.overallLog / Math.LN10 + 1e-9);
    if (power <= this.#power || this.path.length >= maxPath) return;
    this.#power = power;
    this.path.push({t_ms: atMs, what: `overall evidence reached ${10 ** Math.min(power, 300)}`});
  }
}

function entryOf(check: CheckState, observation: Observation, letter: Letter): TraceEntry {
  const {candidate, baseline} = observation;
  const latency = check.stream.latencyLog;
  return {
    t_ms: Math.round(observation.atMs),
    round: observation.round,
    check: check.plan.id,
    position: check.letters.length - 1,
    outcome: letter,
    ...(candidate.latencyMs === undefined ? {} : {latency_ms: roundTo(candidate.latencyMs)}),
    ...(baseline?.latencyMs === undefined ? {} : {baseline_ms: roundTo(baseline.latencyMs)}),
    ...(candidate.class === undefined ? {} : {class: candidate.class}),
    log10_evidence_after: log10(check.stream.rateLog),
    ...(latency === undefined ? {} : {log10_latency_evidence_after: log10(latency)}),
  };
}

function roundTo(ms: number): number {
  return Math.round(ms * 10) / 10;
}
