import {Failure} from '../../kernel/errors.js';
import type {Promotion} from '../platform.js';
import {cleanLine} from './clean.js';
import {follow} from './follow.js';
import {badEnd} from './outcome.js';
import type {Session} from './session.js';
import type {Target} from './target.js';
import {newerThan, verifyServing} from './verify.js';

/** On Railway a deployment that is ready is live: this proves that it is, and changes nothing. */
export async function promote(
  session: Session,
  target: Target,
  id: string,
  timeoutMs: number,
  hosts: readonly string[] | undefined,
): Promise<Promotion> {
  const startMs = session.now();
  const verified = await verifyServing(session, target, id, startMs + timeoutMs, hosts === undefined);
  if (verified.kind === 'serving') {
    const all = hosts ?? verified.state.hosts ?? [];
    return {
      deploymentId: id,
      hosts: all.map((host) => ({host, deploymentId: id})),
      changed: false,
      durationMs: session.now() - startMs,
    };
  }
  if (verified.kind === 'superseded') {
    throw new Failure(
      'RAILWAY_NOT_LIVE',
      `Deployment ${cleanLine(id, 80)} is not what Railway serves: ${cleanLine(verified.by.id, 80)} replaced it`,
      {
        remedy: 'Find out who deployed it; switch automatic deploys off and release again.',
        details: {serving: verified.by.id},
      },
    );
  }
  throw await notLive(session, id, verified.why, verified.state && newerThan(verified.state, id));
}

async function notLive(
  session: Session,
  id: string,
  why: string,
  newer: Parameters<typeof badEnd>[3] = [],
): Promise<Failure> {
  const end = await follow(session, id, session.now());
  if (end.kind === 'good' || end.kind === 'deadline') {
    return new Failure('RAILWAY_NOT_LIVE', `Deployment ${cleanLine(id, 80)} is not what Railway serves: ${why}`, {
      remedy: 'Look at the service on railway.com, then release again.',
    });
  }
  const told = badEnd(id, end, undefined, newer);
  return new Failure(
    'RAILWAY_NOT_LIVE',
    `Deployment ${cleanLine(id, 80)} is not what Railway serves. ${told.message}`,
    {remedy: told.remedy},
  );
}
