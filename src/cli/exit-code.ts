import {Failure, isAbort} from '../kernel/errors.js';

/** The exit codes of every command; `action-docs/terminal.md` explains them. */
export const exitCodes = {ok: 0, failed: 1, usage: 2, interrupted: 130} as const;

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
