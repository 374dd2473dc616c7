import {Failure} from '../../kernel/errors.js';
import {type ServiceScope, variablesDocument} from './documents.js';
import {onceOnly} from './once-only.js';
import type {Session} from './session.js';
import type {Place} from './target.js';
import {maskAll, valuesOf} from './variables.js';

/** Where a recovery builds, and with what. */
export interface Site extends Place {
  readonly session: Session;
  readonly mask: (value: string) => void;
}

/** How long a write may take to show in a read, in units of the polling base. */
const settle = 6;

export function settledByMs({session}: Site): number {
  return Math.min(session.deadlineMs, session.now() + session.api.pollMs * settle);
}

export function scopeAt({projectId, environmentId}: Site, serviceId: string): ServiceScope {
  return {projectId, environmentId, serviceId};
}

const refusals = ['RAILWAY_AUTH', 'RAILWAY_REFUSED', 'RAILWAY_INPUT', 'RAILWAY_INTERNAL'];

/**
 * A write of a construction, at most once. What Railway refuses is told with the thing it was about, since its own words
 * name neither that nor what kind of token may do it.
 * @param what for people, with the name of the service: "the volume of service Postgres".
 * @param hint the likely remedy of a refusal, as a sentence.
 */
export async function build<T>(
  site: Site,
  what: string,
  send: () => Promise<T | undefined>,
  find: () => Promise<T | undefined>,
  hint = '',
): Promise<T> {
  const {session} = site;
  try {
    return await onceOnly(session, {
      what,
      send,
      find,
      settleMs: session.api.pollMs * settle,
      deadlineMs: session.deadlineMs,
    });
  } catch (error) {
    if (!(error instanceof Failure) || !refusals.includes(error.code)) throw error;
    const {code, remedy, retryable, retryAfterMs, details} = error;
    throw new Failure(code, `${error.message}; it was about ${what}`, {
      remedy: `${hint && `${hint} `}${remedy} A project token may lack the right: then pass a workspace token, with \`backend.project\` and \`backend.environment\`.`,
      retryable,
      retryAfterMs,
      cause: error,
      details: {...details},
    });
  }
}

/** Unrendered values by name; undefined for a sealed one. What may be secret is hidden first. */
export async function readPlainVariables(site: Site, serviceId?: string): Promise<Map<string, string | undefined>> {
  const {session, projectId, environmentId} = site;
  const values = valuesOf((await session.read(variablesDocument, {projectId, environmentId, serviceId})).variables);
  maskAll(values, site.mask);
  return values;
}
