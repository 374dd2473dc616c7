import {Failure, messageOf} from '../kernel/errors.js';

/** A failure as a person reads it: what, why, what to do. The stack is for bugs only. */
export function explain(error: unknown): string {
  if (!(error instanceof Failure)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `Unexpected: ${stack}\nNext: This is a bug in Switchback; please report it with this text.\n[BUG]`;
  }
  const cause = error.cause === undefined ? '' : `\nCause: ${messageOf(error.cause)}`;
  return `${error.message}\nNext: ${error.remedy}${cause}\n[${error.code}]`;
}
