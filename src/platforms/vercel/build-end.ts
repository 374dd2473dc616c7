import {formatDuration} from '../../kernel/duration.js';
import type {DeployOutcome} from '../platform.js';
import {clean} from './build-log.js';
import type {Vercel} from './context.js';
import type {DeploymentRecord} from './deployment-record.js';
import {record, text} from './json.js';

/** How a deployment ended, with what a person needs to go on. */
export interface BuildEnd {
  readonly outcome: DeployOutcome;
  readonly deployment: DeploymentRecord;
  /** Absent when ready. */
  readonly reason?: {readonly code: string; readonly message: string; readonly remedy: string};
  readonly warnings: readonly string[];
}

const inProgress = new Set(['QUEUED', 'INITIALIZING', 'ANALYZING', 'BUILDING', 'DEPLOYING']);
const ended = new Set(['READY', 'ERROR', 'CANCELED', 'BLOCKED', 'DELETED']);

export const isInProgress = (state: string): boolean => inProgress.has(state);
export const isKnownState = (state: string): boolean => inProgress.has(state) || ended.has(state);

/**
 * The end that a reading stands for; undefined while it goes on.
 * @param checksExpired stop waiting for checks that run on a ready deployment.
 */
export function endOf(vercel: Vercel, deployment: DeploymentRecord, checksExpired: boolean): BuildEnd | undefined {
  const end = (outcome: DeployOutcome, code: string, message: string, remedy: string): BuildEnd => ({
    outcome,
    deployment,
    reason: {code, message, remedy},
    warnings: [],
  });
  switch (deployment.state) {
    case 'READY':
      return readyEnd(vercel, deployment, checksExpired);
    case 'ERROR':
      return failedEnd(vercel, deployment, end);
    case 'CANCELED':
      return canceledEnd(vercel, deployment, end);
    case 'BLOCKED':
      return end(
        'blocked',
        'VERCEL_BLOCKED',
        `Vercel blocked ${deployment.id}${because(vercel, deployment)}`,
        'Give the commit’s author a seat in the Vercel team, or have a member deploy; then run again.',
      );
    case 'DELETED':
      return end(
        'deleted',
        'VERCEL_DELETED',
        `${deployment.id} was deleted while it was waited for`,
        'Find out who or which retention rule deletes deployments of this project, then run again.',
      );
    default:
      return undefined;
  }
}

type MakeEnd = (outcome: DeployOutcome, code: string, message: string, remedy: string) => BuildEnd;

function failedEnd(vercel: Vercel, deployment: DeploymentRecord, end: MakeEnd): BuildEnd {
  const code = text(deployment.raw.errorCode);
  const step = text(deployment.raw.errorStep);
  const where = step ? ` in the step ${clean(vercel, step, 80)}` : '';
  const said = text(deployment.raw.errorMessage) ?? 'Vercel gave no message';
  const message = `The build of ${deployment.id} failed${where}${code ? ` (${clean(vercel, code, 80)})` : ''}: ${clean(vercel, said, 400)}`;
  const page = deployment.inspectUrl ? ` The whole log: ${clean(vercel, deployment.inspectUrl, 300)}` : '';
  return end(
    'failed',
    'VERCEL_BUILD_FAILED',
    message,
    `Correct what the last lines of the build log name, and push again.${page}`,
  );
}

function canceledEnd(vercel: Vercel, deployment: DeploymentRecord, end: MakeEnd): BuildEnd {
  const why = because(vercel, deployment);
  if (/ignored? build step/i.test(why)) {
    return end(
      'skipped',
      'VERCEL_SKIPPED',
      `Vercel skipped ${deployment.id}${why}`,
      'Let the project’s Ignored Build Step build production commits (exit code 1), or remove it: Switchback decides what is deployed.',
    );
  }
  return end(
    'canceled',
    'VERCEL_CANCELED',
    `${deployment.id} was cancelled${why}`,
    'Find out who cancelled it, or which newer deployment replaced it, on the deployment’s page; then run again.',
  );
}

function because(vercel: Vercel, {raw}: DeploymentRecord): string {
  const seat = record(raw.seatBlock);
  const said =
    text(raw.readyStateReason) ??
    text(raw.errorMessage) ??
    text(seat?.message) ??
    text(seat?.reason) ??
    text(seat?.blockCode);
  return said ? `: ${clean(vercel, said, 300)}` : '';
}

/** READY is not enough: checks may still run or have failed, and the request for production must have been honoured. */
function readyEnd(vercel: Vercel, deployment: DeploymentRecord, checksExpired: boolean): BuildEnd | undefined {
  const {raw} = deployment;
  const fail = (code: string, message: string, remedy: string): BuildEnd => ({
    outcome: 'failed',
    deployment,
    reason: {code, message, remedy},
    warnings: [],
  });
  if (deployment.target !== undefined && deployment.target !== 'production') {
    return fail(
      'VERCEL_WRONG_TARGET',
      `${deployment.id} is a ${deployment.target} deployment although production was asked for`,
      'Check the project’s environments; a deployment of another target cannot be promoted as it is.',
    );
  }
  const aliasCheck = text(record(record(raw.checks)?.['deployment-alias'])?.state);
  if (raw.checksConclusion === 'failed' || raw.checksConclusion === 'canceled' || aliasCheck === 'failed') {
    return fail(
      'VERCEL_CHECKS_FAILED',
      `${deployment.id} was built, and a check of the project did not pass`,
      'Open the deployment’s page, read the failing check, and correct it or take it out of the project.',
    );
  }
  const isChecking = raw.checksState === 'registered' || raw.checksState === 'running';
  if (isChecking && !checksExpired) return undefined;
  return {outcome: 'ready', deployment, warnings: readyWarnings(vercel, deployment, isChecking)};
}

function readyWarnings(vercel: Vercel, deployment: DeploymentRecord, isChecking: boolean): string[] {
  const warnings: string[] = [];
  const aliasError = record(deployment.raw.aliasError);
  if (aliasError)
    warnings.push(
      `A generated address of ${deployment.id} could not be assigned: ${clean(vercel, text(aliasError.message) ?? text(aliasError.code) ?? 'no message', 200)}`,
    );
  if (isChecking) warnings.push('A check of the project has not ended; it may hold the promotion.');
  return warnings;
}

export function timedOut(deployment: DeploymentRecord, waitedMs: number, why: 'deadline' | 'unknown-state'): BuildEnd {
  const message = `${deployment.id} was still ${deployment.state.toLowerCase()} after ${formatDuration(waitedMs)}`;
  const reason =
    why === 'unknown-state'
      ? {
          code: 'VERCEL_UNKNOWN_STATE',
          message: `${message}, a state that this version does not know`,
          remedy: 'Look at the deployment’s page, and update Switchback.',
        }
      : {code: 'VERCEL_TIMEOUT', message, remedy: remedyFor(deployment.state)};
  return {outcome: 'timed-out', deployment, reason, warnings: []};
}

function remedyFor(state: string): string {
  if (state === 'QUEUED')
    return 'Wait for the other builds of the team to end, or raise its concurrent builds; then run again: this deployment is taken over.';
  return 'Raise the deadline, or see on the deployment’s page where the build hangs; running again takes this deployment over.';
}
