import {type Clock, systemClock} from '../../kernel/clock.js';
import {cancelled, Failure} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import type {PlatformCall} from '../platform.js';
import {failureOf, type GraphqlError, httpFailure, isUnsure, networkFailure, retryAfterMs} from './answers.js';
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
  async send<R, V>(token: TokenHeader, document: Document<R, V>, variables: V, signal: AbortSignal): Promise<R> {
    const url = `${this.options.url}/graphql/v2?source=switchback&op=${document.name}`;
    const body = JSON.stringify({query: document.text, variables, operationName: document.name});
    const answer = await this.fetch(
      document.name,
      url,
      {method: 'POST', headers: {...token, 'content-type': 'application/json', accept: 'application/json'}, body},
      signal,
      document.kind === 'mutation',
    );
    return resultOf<R>(document.name, answer);
  }

  /** Any request, with the deadline of its kind; the body is read here so that a stalled one counts against it. */
  async fetch(
    operation: string,
    url: string,
    init: RequestInit,
    signal: AbortSignal,
    write: boolean,
  ): Promise<HttpAnswer> {
    if (signal.aborted) throw cancelled(`Railway ${operation}`);
    this.requests++;
    const limit = write ? delayed(signal, graceMs) : {signal, done: () => undefined};
    try {
      const response = await fetch(url, {
        ...init,
        redirect: 'error',
        signal: AbortSignal.any([limit.signal, AbortSignal.timeout(write ? writeTimeoutMs : readTimeoutMs)]),
      });
      this.limits = mergeLimits(this.limits, readLimits(response.headers, this.clock.now()));
      return {
        status: response.status,
        body: await response.text(),
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), this.clock.now()),
      };
    } catch (error) {
      if (limit.signal.aborted) throw cancelled(`Railway ${operation}`);
      throw networkFailure(operation, error);
    } finally {
      limit.done();
    }
  }
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

/** One call of the port: its token, its signal, its log, and the count of what it sent. */
export class Session {
  constructor(
    readonly api: RailwayApi,
    readonly token: TokenHeader,
    readonly call: PlatformCall,
    private readonly tally = {sent: 0},
  ) {}

  /** The same call under another token header; what it sends counts for both. */
  as(token: TokenHeader): Session {
    return new Session(this.api, token, this.call, this.tally);
  }

  get requests(): number {
    return this.tally.sent;
  }

  now(): number {
    return this.api.clock.now();
  }

  sleep(ms: number): Promise<void> {
    return this.api.clock.sleep(ms, this.call.signal);
  }

  /** Sends once, whatever the kind. */
  once<R, V>(document: Document<R, V>, variables: V): Promise<R> {
    this.tally.sent++;
    return this.api.send(this.token, document, variables, this.call.signal);
  }

  /**
   * Reads, repeated on faults that pass.
   * @param optional root fields whose refusal the caller can do without: their failure is thrown at once.
   */
  read<R, V>(document: Document<R, V>, variables: V, optional: readonly string[] = []): Promise<R> {
    const {clock, random} = this.api.options;
    return retry(
      {delaysMs: backoff(4, this.api.pollMs / 5, this.api.pollMs * 2), clock, random, signal: this.call.signal},
      async () => {
        try {
          return await this.once(document, variables);
        } catch (error) {
          throw isUnsure(error) && optional.includes(String(error.details.path)) ? lasting(error) : error;
        }
      },
    );
  }

  /** Counts a request that was not a document. */
  count(): void {
    this.tally.sent++;
  }
}

function lasting(failure: Failure): Failure {
  return new Failure(failure.code, failure.message, {
    remedy: failure.remedy,
    cause: failure,
    details: {...failure.details},
  });
}
