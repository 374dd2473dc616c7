import type {DeployOutcome} from '../platform.js';
import {waitingRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import type {Diagnosis} from './diagnosis.js';
import type {DeploymentFacts} from './facts.js';
import type {End} from './follow.js';

/** A deployment that did not become what was asked for, in words. */
export interface BadEnd {
  readonly outcome: Exclude<DeployOutcome, 'ready'>;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** What an end means for the release; `newer` are deployments made after this one. */
export function badEnd(
  id: string,
  end: Exclude<End, {kind: 'good'}>,
  diagnosis: Diagnosis | undefined,
  newer: readonly DeploymentFacts[],
): BadEnd {
  const name = `Railway deployment ${cleanLine(id, 80)}`;
  switch (end.kind) {
    case 'failed':
      return failed(name, end.facts, diagnosis);
    case 'crashed':
      return {
        outcome: 'failed',
        code: 'RAILWAY_CRASHED',
        message: `${name} crashed: its process kept exiting${stepOf(diagnosis)}`,
        remedy: 'Read the last log lines, correct the start of the service and release again.',
      };
    case 'skipped':
      return {
        outcome: 'skipped',
        code: 'RAILWAY_SKIPPED',
        message: `${name} was skipped by Railway: ${end.facts.skippedReason ?? 'no reason given'}`,
        remedy:
          'Check the watch paths of the service and the checks of the commit; a skipped deployment is never tried again by itself.',
      };
    case 'needs-approval':
      return {
        outcome: 'awaiting-approval',
        code: 'RAILWAY_NEEDS_APPROVAL',
        message: `${name} waits for a person to approve it`,
        remedy:
          'Approve it on its Railway page, or release with a token of a member whose deployments need no approval.',
      };
    case 'waiting':
      return {
        outcome: 'blocked',
        code: 'RAILWAY_WAITING_FOR_CI',
        message: `${name} waits for the CI checks of its commit, among them this very workflow`,
        remedy: waitingRemedy,
      };
    case 'gone':
      return gone(name, end.facts, newer);
    case 'unknown-id':
      return end.seen
        ? {
            outcome: 'deleted',
            code: 'RAILWAY_DELETED',
            message: `${name} was deleted while it was waited for`,
            remedy: 'Find out who removed it, then release again.',
          }
        : {
            outcome: 'deleted',
            code: 'RAILWAY_DELETED',
            message: `${name} was announced, but Railway does not know it`,
            remedy: "Look at the service's deployments on railway.com, then release again.",
          };
    case 'deadline':
      return late(name, end);
  }
}

function failed(name: string, facts: DeploymentFacts, diagnosis: Diagnosis | undefined): BadEnd {
  return {
    outcome: 'failed',
    code: 'RAILWAY_FAILED',
    message: `${name} failed${stepOf(diagnosis)}; the deployment before it keeps serving`,
    remedy: diagnosis?.step?.startsWith('HEALTHCHECK')
      ? 'Make the health path answer 200 on the port given in PORT within the healthcheck timeout, and release again.'
      : diagnosis?.step?.startsWith('PRE_DEPLOY_COMMAND')
        ? 'Correct the pre-deploy command; it may already have migrated the database, which no rollback undoes.'
        : `Read the last log lines${facts.skippedReason ? ` (${facts.skippedReason})` : ''}, correct the cause and release again.`,
  };
}

function gone(name: string, facts: DeploymentFacts, newer: readonly DeploymentFacts[]): BadEnd {
  const next = newer[0];
  if (!next) {
    return {
      outcome: 'canceled',
      code: 'RAILWAY_CANCELED',
      message: `${name} was cancelled or removed before it served (${facts.status})`,
      remedy: 'Find out who cancelled it, then release again.',
    };
  }
  const same = next.commit !== undefined && next.commit === facts.commit;
  return {
    outcome: 'superseded',
    code: 'RAILWAY_SUPERSEDED',
    message: `${name} was superseded by ${cleanLine(next.id, 80)}${next.commit ? ` (commit ${next.commit.slice(0, 12)}${same ? ', the same' : ''})` : ''}`,
    remedy: 'Switch off automatic deploys of the service, so that only releases deploy, and release again.',
  };
}

function late(name: string, end: Extract<End, {kind: 'deadline'}>): BadEnd {
  const state = end.last ? `it is still ${cleanLine(end.last.status, 40)}` : 'its state could never be read';
  const trouble = end.trouble ? ` (last answer: ${end.trouble.message})` : '';
  return {
    outcome: 'timed-out',
    code: 'RAILWAY_TIMED_OUT',
    message: `${name} did not end in time: ${state}${trouble}; it may still go live`,
    remedy:
      end.last?.status === 'QUEUED'
        ? 'Cancel it; Railway holds deployments back at peak hours on the Free plan and during incidents. Try again later.'
        : 'Cancel it, or raise the timeout and run again: it will be taken over.',
  };
}

function stepOf(diagnosis: Diagnosis | undefined): string {
  return diagnosis?.step ? ` in step ${diagnosis.step}` : '';
}
