import {Failure, isAbort} from '../kernel/errors.js';
import {exitCodes} from './exit-codes.js';

export {exitCodes} from './exit-codes.js';

/** Refusals: nothing was tried, since what was given is wrong. */
const refusalCodes = new Set([
  'USAGE',
  'INPUT',
  'CONFIG',
  'NOT_CONFIGURED',
  'GITHUB_REPOSITORY',
  'LEDGER_TOKEN',
  'RECOVERY',
]);

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown, interrupted = false): number {
  if (interrupted || isAbort(error)) return exitCodes.interrupted;
  return error instanceof Failure && refusalCodes.has(error.code) ? exitCodes.usage : exitCodes.failed;
}
