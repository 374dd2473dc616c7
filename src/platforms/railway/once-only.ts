import {Failure} from '../../kernel/errors.js';
import {isUnsure} from './answers.js';
import {lookUntil} from './polling.js';
import type {Session} from './session.js';

export interface Write<T> {
  /** For people: "the deployment". */
  readonly what: string;
  /** Sends it once; a result that proves nothing is undefined. */
  readonly send: () => Promise<T | undefined>;
  /** Reads whether it took effect. */
  readonly find: () => Promise<T | undefined>;
  /** How long its effect may take to show; only after that is it repeated. */
  readonly settleMs: number;
  readonly deadlineMs: number;
}

const repeats = 2;

/**
 * A write that must happen at most once. When its answer is lost, or says nothing, its effect is looked for first; it
 * is sent again only when a read proves that nothing happened.
 * @throws Failure RAILWAY_WRITE_UNKNOWN when that could not be read.
 */
export async function onceOnly<T>(session: Session, write: Write<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const failure = await attemptOf(write);
    if ('done' in failure) return failure.done;
    session.call.progress(`railway: ${failure.lost.message}; looking whether ${write.what} took effect`);
    const found = await effectOf(session, write, failure.lost);
    if (found !== undefined) return found;
    if (attempt >= repeats || session.now() >= write.deadlineMs) throw failure.lost;
    session.call.progress(`railway: ${write.what} had no effect; sending it again`);
  }
}

async function attemptOf<T>(write: Write<T>): Promise<{done: T} | {lost: Failure}> {
  try {
    const done = await write.send();
    return done === undefined ? {lost: unproven(write.what)} : {done};
  } catch (error) {
    if (!isUnsure(error)) throw error;
    return {lost: error};
  }
}

async function effectOf<T>(session: Session, write: Write<T>, lost: Failure): Promise<T | undefined> {
  const untilMs = Math.min(write.deadlineMs, session.now() + Math.max(write.settleMs, lost.retryAfterMs ?? 0));
  const looked = await lookUntil(session, untilMs, write.find);
  if (looked.value === undefined && looked.trouble) {
    throw new Failure(
      'RAILWAY_WRITE_UNKNOWN',
      `Whether ${write.what} took effect could not be read after its answer was lost: ${looked.trouble.message}`,
      {
        remedy:
          "Look at the service's deployments on railway.com, then run again: what is found there will be taken over.",
        cause: lost,
      },
    );
  }
  return looked.value;
}

function unproven(what: string): Failure {
  return new Failure('RAILWAY_UNPROVEN', `Railway does not say that ${what} was done`, {
    remedy: 'Look at the deployments of the service on railway.com, then run again.',
  });
}
