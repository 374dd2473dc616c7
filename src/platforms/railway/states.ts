/**
 * Railway's deployment states by what they mean for a release. The API has no `isTerminal`; this table is ours.
 * A value Railway has added since is `unknown`: in flight, bounded by the deadline.
 */
export type StateClass =
  | 'in-flight'
  | 'waiting'
  | 'needs-approval'
  | 'good'
  | 'failed'
  | 'crashed'
  | 'skipped'
  | 'gone'
  | 'unknown';

const classes = new Map<string, StateClass>(
  Object.entries({
    QUEUED: 'in-flight',
    INITIALIZING: 'in-flight',
    BUILDING: 'in-flight',
    DEPLOYING: 'in-flight',
    WAITING: 'waiting',
    NEEDS_APPROVAL: 'needs-approval',
    SUCCESS: 'good',
    SLEEPING: 'good',
    FAILED: 'failed',
    CRASHED: 'crashed',
    SKIPPED: 'skipped',
    REMOVING: 'gone',
    REMOVED: 'gone',
  }),
);

export const knownStates: readonly string[] = [...classes.keys()];

export function classOf(status: string): StateClass {
  return classes.get(status) ?? 'unknown';
}

/** It could still go live by itself. An unknown state is not claimed to. */
export function isInFlight(status: string): boolean {
  return ['in-flight', 'waiting', 'needs-approval'].includes(classOf(status));
}

/**
 * It must be stopped to be sure that it does not go live. A state Railway has added since counts, unless its name says
 * that it is over: a CANCELLED has been seen that no schema holds.
 */
export function mayGoLive(status: string): boolean {
  return isInFlight(status) || (classOf(status) === 'unknown' && !/CANCEL|ABORT|DELET|EXPIR/i.test(status));
}
