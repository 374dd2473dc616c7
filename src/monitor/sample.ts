/** Why a probe failed; the gate's classes (src/gate/sample.ts), as one letter in stored lines. */
export const failureLetters = {
  timeout: 't',
  dns: 'd',
  connect: 'c',
  tls: 'l',
  protocol: 'p',
  'too-large': 'b',
  redirect: 'r',
  'status-5xx': '5',
  'status-other': 's',
  assertion: 'a',
  stale: 'o',
} as const;
export type FailureName = keyof typeof failureLetters;

/**
 * What one probe of one service found. `unusable`: nothing was measured (a login wall, no way out of this machine); it
 * counts neither as up nor as down.
 */
export interface ServiceResult {
  readonly outcome: 'ok' | 'failed' | 'unusable';
  readonly latencyMs?: number;
  readonly class?: FailureName;
}

/**
 * One look at several services at once.
 * `scheduled` rounds count for availability; `confirm` rounds were asked for by an outcome and are evidence only, since
 * counting them would count a failure several times; `void` rounds say that the monitor itself was cut off.
 */
export interface Round {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly kind: 'scheduled' | 'confirm' | 'void';
  readonly results: ReadonlyMap<string, ServiceResult>;
}

/** One service in one round, as the judgement takes it. */
export interface Sample extends ServiceResult {
  readonly atMs: number;
  readonly kind: 'scheduled' | 'confirm';
}

/** The samples of one service, in the order of `rounds`; void rounds say nothing about it. */
export function samplesOf(rounds: readonly Round[], service: string): Sample[] {
  return rounds.flatMap((round) => {
    const result = round.results.get(service);
    return result && round.kind !== 'void' ? [{...result, atMs: round.atMs, kind: round.kind}] : [];
  });
}
