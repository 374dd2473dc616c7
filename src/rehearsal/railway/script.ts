import type {Cause, DeploymentRecord, ServiceRecord} from './records.js';

/**
 * What the next deployments are made to do. Entries are used up in order: a new deployment takes the first one that
 * names its service and cause, or names none.
 */
export type Scripted = {readonly serviceId?: string; readonly cause?: Cause} & (
  | {
      readonly kind: 'fail';
      readonly in: 'build' | 'pre-deploy' | 'container' | 'healthcheck';
      readonly message?: string;
    }
  /** Good at first; its process is killed `afterMs` after SUCCESS and never comes back. */
  | {readonly kind: 'crash'; readonly afterMs: number}
  | {readonly kind: 'skipped'; readonly reason: string}
  /** Waits for CI, a person or the platform; for ever without `forMs`. */
  | {
      readonly kind: 'held';
      readonly status: 'WAITING' | 'NEEDS_APPROVAL' | 'QUEUED';
      readonly forMs?: number;
      readonly thenSkip?: string;
    }
  /** Stays in a status; for ever without `forMs`. The status may be one the published schema does not know. */
  | {readonly kind: 'stuck'; readonly status: string; readonly forMs?: number}
  /** A foreign deployment replaces it while it builds. */
  | {readonly kind: 'superseded'; readonly by?: string}
  /** Somebody deletes it while it builds: nothing knows its id any more. */
  | {readonly kind: 'deleted'}
  /** A foreign deployment of `commit` (default: the branch head) appears beside it. */
  | {readonly kind: 'foreign'; readonly commit?: string}
  /** Sleeps `afterMs` after SUCCESS. */
  | {readonly kind: 'sleeps'; readonly afterMs: number}
  | {readonly kind: 'slow'; readonly ms: number}
  /** Answers as if made, and nothing ever appears. */
  | {readonly kind: 'vanishes'}
);

/** Takes the first entry that fits out of the script. */
export function takeScripted(
  script: Scripted[],
  service: Pick<ServiceRecord, 'id'>,
  cause: DeploymentRecord['cause'],
): Scripted | undefined {
  const at = script.findIndex(
    (entry) => (entry.serviceId ?? service.id) === service.id && (entry.cause ?? cause) === cause,
  );
  return at < 0 ? undefined : script.splice(at, 1)[0];
}
