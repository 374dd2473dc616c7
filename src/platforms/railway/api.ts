import {type Clock, systemClock} from '../../kernel/clock.js';
import {cancelled} from '../../kernel/errors.js';
import {failureOf, type GraphqlError, httpFailure, networkFailure, retryAfterMs} from './answers.js';
import type {Document} from './documents.js';
import {mergeLimits, type RateLimits, readLimits} from './limits.js';

const readTimeoutMs = 30_000;
// Some mutations take longer than 30 s on a good day.
const writeTimeoutMs = 90_000;
/** A cancelled run still waits this long for the answer to a write, so that the new id is not lost. */
const graceMs = 5_000;

export interface ApiOptions {
  /** Base address without a trailing slash. */
  readonly url: string;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Base of all waits: 5 s against Railway, less against a stand-in. */
  readonly pollMs: number;
}

/** The header that carries the token. */
export type TokenHeader = Readonly<Record<string, string>>;

/** Railway's HTTP side: sends documents and files, and turns every answer into a result or a `Failure`. */
export class RailwayApi {
  readonly clock: Clock;
  readonly pollMs: number;
  limits: RateLimits = {};
  /** Every request sent since the adapter was opened. */
  requests = 0;

  constructor(readonly options: ApiOptions) {
    this.clock = options.clock ?? systemClock;
    this.pollMs = options.pollMs;
  }

  /** Sends one document once. */
  async send<R, V>(token: TokenHeader, document: Document<R, V>, variables: V, bounds: Bounds): Promise<R> {
    const url = `${this.options.url}/graphql/v2?source=switchback&op=${document.name}`;
    const body = JSON.stringify({query: document.text, variables, operationName: document.name});
    const headers = {...token, 'content-type': 'application/json', accept: 'application/json'};
    const answer = await this.fetch(
      document.name,
      url,
      {method: 'POST', headers, body},
      {...bounds, write: document.kind === 'mutation'},
    );
    return resultOf<R>(document.name, answer);
  }

  /** Any request, within its bounds; the body is read here so that a stalled one counts against them. */
  async fetch(
    operation: string,
    url: string,
    init: RequestInit,
    bounds: Bounds & {readonly write: boolean; readonly limitMs?: number},
  ): Promise<HttpAnswer> {
    if (bounds.signal.aborted) throw cancelled(`Railway ${operation}`);
    this.requests++;
    const cancel = bounds.write ? delayed(bounds.signal, graceMs) : {signal: bounds.signal, done: () => undefined};
    try {
      const signal = AbortSignal.any([cancel.signal, AbortSignal.timeout(this.timeoutMs(bounds))]);
      const response = await fetch(url, {...init, redirect: 'error', signal});
      const nowMs = this.clock.now();
      this.limits = mergeLimits(this.limits, readLimits(response.headers, nowMs));
      return {
        status: response.status,
        body: await response.text(),
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), nowMs),
      };
    } catch (error) {
      if (cancel.signal.aborted) throw cancelled(`Railway ${operation}`);
      throw networkFailure(operation, error);
    } finally {
      cancel.done();
    }
  }

  /** Never less than a second: what is sent should have a chance. */
  private timeoutMs({
    deadlineMs,
    write,
    limitMs = write ? writeTimeoutMs : readTimeoutMs,
  }: Bounds & {readonly write: boolean; readonly limitMs?: number}): number {
    return Math.max(1_000, Math.min(limitMs, deadlineMs - this.clock.now()));
  }
}

/** When a request ends at the latest. */
export interface Bounds {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | undefined;
}

function resultOf<R>(operation: string, answer: HttpAnswer): R {
  const body = parsed(answer.body);
  const errors = body && Array.isArray(body.errors) ? (body.errors as GraphqlError[]) : [];
  if (answer.status === 429 || answer.status >= 500)
    throw httpFailure(operation, answer.status, answer.body, answer.retryAfterMs);
  if (errors.length > 0) throw failureOf(operation, errors, answer.status);
  if (answer.status !== 200 || !isObject(body?.data))
    throw httpFailure(operation, answer.status, answer.body, answer.retryAfterMs);
  return body.data as R;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A signal that fires some time after the given one. */
function delayed(signal: AbortSignal, ms: number): {signal: AbortSignal; done: () => void} {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => controller.abort(), ms);
  };
  signal.addEventListener('abort', start, {once: true});
  return {
    signal: controller.signal,
    done: () => {
      signal.removeEventListener('abort', start);
      clearTimeout(timer);
    },
  };
}
