import {Failure} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import type {PlatformCall} from '../platform.js';
import {isUnsure} from './answers.js';
import type {Bounds, RailwayApi, TokenHeader} from './api.js';
import type {Document} from './documents.js';

/** One call of the port: its token, its signal, its deadline, its log, and the count of what it sent. */
export class Session {
  constructor(
    readonly api: RailwayApi,
    readonly token: TokenHeader,
    readonly call: PlatformCall,
    /** Nothing is sent after it, whatever is still to be asked. */
    readonly deadlineMs: number,
    private readonly tally = {sent: 0},
  ) {}

  /** The same call under another token header; what it sends counts for both. */
  as(token: TokenHeader): Session {
    return new Session(this.api, token, this.call, this.deadlineMs, this.tally);
  }

  /** The same call with less time: for what is good to know, and not worth a long wait. */
  within(ms: number): Session {
    const deadlineMs = Math.min(this.deadlineMs, this.now() + ms);
    return new Session(this.api, this.token, this.call, deadlineMs, this.tally);
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

  /** Bounds of the next request, which it counts. @throws Failure RAILWAY_DEADLINE */
  bounds(operation: string): Bounds {
    if (this.now() > this.deadlineMs) {
      throw new Failure('RAILWAY_DEADLINE', `No time was left to ask Railway for ${operation}`, {
        remedy: 'Run again with a longer timeout.',
      });
    }
    this.tally.sent++;
    return {signal: this.call.signal, deadlineMs: this.deadlineMs};
  }

  /** Sends once, whatever the kind. */
  async once<R, V>(document: Document<R, V>, variables: V): Promise<R> {
    return this.api.send(this.token, document, variables, this.bounds(document.name));
  }

  /**
   * Reads, repeated on faults that pass.
   * @param optional root fields whose refusal the caller can do without: their failure is thrown at once.
   */
  read<R, V>(document: Document<R, V>, variables: V, optional: readonly string[] = []): Promise<R> {
    const {clock, random, pollMs} = this.api.options;
    const delaysMs = backoff(4, pollMs / 5, pollMs * 2);
    return retry({delaysMs, clock, random, signal: this.call.signal}, async () => {
      try {
        return await this.once(document, variables);
      } catch (error) {
        throw isUnsure(error) && optional.includes(String(error.details.path)) ? lasting(error) : error;
      }
    });
  }
}

function lasting(failure: Failure): Failure {
  const {remedy, details} = failure;
  return new Failure(failure.code, failure.message, {remedy, cause: failure, details: {...details}});
}
