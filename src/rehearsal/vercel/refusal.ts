import {Failure} from '../../kernel/errors.js';

/**
 * An answer of the platform that is not a success. `extras` stand beside code and message in its `error` object.
 * Where no source tells what the platform answers, the message ends with `(stand-in)`.
 */
export function refused(status: number, code: string, message: string, extras: Record<string, unknown> = {}): Failure {
  return new Failure(code, message, {remedy: 'Send what the platform accepts.', details: {status, extras}});
}

/** Status and body to send for a refusal; undefined when the error is a bug and not a refusal. */
export function answerOf(error: unknown): {status: number; body: unknown} | undefined {
  if (!(error instanceof Failure) || typeof error.details.status !== 'number') return undefined;
  const extras = error.details.extras as Record<string, unknown>;
  return {status: error.details.status, body: {error: {code: error.code, message: error.message, ...extras}}};
}

export const notFound = (what: string): Failure => refused(404, 'not_found', `${what} not found`);
export const badRequest = (message: string): Failure => refused(400, 'bad_request', `Invalid request: ${message}`);
