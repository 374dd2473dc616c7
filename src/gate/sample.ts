/** Why a probe failed, from the outside in; `stale`: an answer by another release. */
export type FailureClass =
  | 'timeout'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'protocol'
  | 'too-large'
  | 'redirect'
  | 'status-5xx'
  | 'status-other'
  | 'assertion'
  | 'stale';

/** Why an outcome says nothing about the release: a login wall in front of it, or no way out of this machine. */
export type UnusableClass = 'wall' | 'local';

/**
 * What one probe found. `broken` is for contract checks: reached, and the contract does not hold. `unusable` counts
 * neither as health nor as sickness.
 */
export interface Sample {
  readonly outcome: 'ok' | 'failed' | 'broken' | 'unusable';
  readonly latencyMs?: number;
  readonly class?: FailureClass | UnusableClass;
}

/** What one check found in one round; the baseline only when it was probed at the same moment. */
export interface Observation {
  readonly check: string;
  readonly round: number;
  /** Milliseconds since the gate started, when the probe was sent. */
  readonly atMs: number;
  readonly candidate: Sample;
  readonly baseline?: Sample;
  /** The control target failed in this round, or the clock jumped. */
  readonly void?: boolean;
}

/** Requests of users as the platform counted them, in one window of time. */
export interface TrafficWindow {
  readonly source: string;
  readonly atMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly p95Ms?: number;
}
