/**
 * What a database says of the recovery that put it in place, as its comment: it goes with the database through the swap
 * in one transaction, so that a run killed at any moment leaves it telling the truth.
 */
export interface RecoveryMark {
  /** Id of the recovery: the maintenance window it happens in. */
  readonly recovery: string;
  /** Id of the set that was restored. */
  readonly set: string;
  /** When it had the live name for sure; absent when the run was killed before it could say so. */
  readonly atMs?: number;
}

export function recoveryMark({recovery, set, atMs}: RecoveryMark): string {
  return `switchback: recovery ${recovery}, set ${set}${atMs === undefined ? '' : `, in place ${new Date(atMs).toISOString()}`}`;
}

/** @returns undefined for any other comment. */
export function readRecoveryMark(note: string | undefined): RecoveryMark | undefined {
  const match = /^switchback: recovery ([\w.-]+), set ([\w.-]+)(?:, in place (\S+))?$/.exec(note ?? '');
  if (!match) return undefined;
  const atMs = match[3] === undefined ? Number.NaN : Date.parse(match[3]);
  return {recovery: match[1]!, set: match[2]!, ...(Number.isFinite(atMs) && {atMs})};
}
