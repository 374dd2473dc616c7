import {cleanLine} from './clean.js';
import type {ServiceScope} from './documents.js';
import type {DeploymentFacts} from './facts.js';
import {lookUntil} from './polling.js';
import {notServing, readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import {classOf, isInFlight} from './states.js';

export type Verified =
  | {readonly kind: 'serving'; readonly facts: DeploymentFacts; readonly state: ServiceState}
  /** Never served as far as was seen, with what was seen last. */
  | {readonly kind: 'not-serving'; readonly why: string; readonly state?: ServiceState}
  | {readonly kind: 'superseded'; readonly by: DeploymentFacts; readonly state: ServiceState};

/** How long a good state may come before the traffic, in units of the polling base. */
const settle = 12;

/** Waits until the deployment is the one that serves: active, the newest of the active ones, running, not stopped. */
export async function verifyServing(
  session: Session,
  scope: ServiceScope,
  id: string,
  deadlineMs: number,
  withHosts: boolean,
): Promise<Verified> {
  let why = 'it could not be read';
  let state: ServiceState | undefined;
  const untilMs = Math.min(deadlineMs, session.now() + session.api.pollMs * settle);
  const looked = await lookUntil<Verified>(session, untilMs, async () => {
    state = await readState(session, scope, withHosts && !state?.hosts ? ['domains'] : [], 10);
    const verdict = verdictOf(state, id);
    if (typeof verdict !== 'string') return verdict;
    why = verdict;
    return undefined;
  });
  return looked.value ?? {kind: 'not-serving', why: looked.trouble?.message ?? why, state};
}

function verdictOf(state: ServiceState, id: string): Verified | string {
  const own = state.active.find((one) => one.id === id);
  const sinceMs = (own ?? state.recent.find((row) => row.id === id))?.createdAtMs ?? Number.POSITIVE_INFINITY;
  const newer = state.active.find((one) => one.id !== id && one.createdAtMs > sinceMs);
  if (newer && classOf(newer.status) === 'good') return {kind: 'superseded', by: newer, state};
  if (!own)
    return `it is not among the active deployments (${state.active.map((one) => cleanLine(one.id, 80)).join(', ') || 'there are none'})`;
  return notServing(own) ?? {kind: 'serving', facts: own, state};
}

/** Deployments made after this one, newest first. */
export function newerThan(state: ServiceState, id: string): DeploymentFacts[] {
  const own = state.recent.find((row) => row.id === id);
  if (!own) return [];
  // A skipped one came to nothing, and has replaced nothing.
  return state.recent.filter((row) => row.createdAtMs > own.createdAtMs && classOf(row.status) !== 'skipped');
}

/**
 * Deployments that may still go live by themselves. However old: one that waits for CI or approval starts when that
 * comes, and then replaces what was deployed since.
 */
export function pending(state: Pick<ServiceState, 'recent' | 'active'>): DeploymentFacts[] {
  return state.recent.filter((row) => isInFlight(row.status) && !state.active.some((one) => one.id === row.id));
}
