import type {Finding} from '../platform.js';
import {autoDeployRemedy, waitingRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import type {DeploymentFacts} from './facts.js';
import {finding} from './finding.js';
import {isPinned} from './image.js';
import type {PreflightPlan, Requirements} from './requirements.js';
import {type ServiceState, servingOf} from './service-state.js';
import {classOf} from './states.js';
import {pending} from './verify.js';

// Findings that follow from the state of the service alone.

export function sourceFinding(state: ServiceState, {repository}: Requirements, plan: PreflightPlan): Finding {
  const source = plan.source ?? (plan.image ? 'image' : state.repo ? 'commit' : state.image ? 'image' : 'upload');
  if (source === 'image') return imageFinding(plan.image ?? state.image, plan.image !== undefined);
  if (source === 'upload') return finding('source', 'ok', 'uploads');
  if (!state.repo) {
    const found = 'the service is connected to no repository, and releases deploy commits';
    return finding('source', 'problem', found, 'Connect the service to the repository in its settings.');
  }
  const repo = cleanLine(state.repo, 120);
  if (!repository || state.repo.toLowerCase() === repository.toLowerCase())
    return finding('source', 'ok', `repository ${repo}`);
  const remedy = 'Correct the service in the configuration, or its repository in its settings.';
  return finding('source', 'problem', `the service builds ${repo}, not ${cleanLine(repository, 120)}`, remedy);
}

function imageFinding(image: string | undefined, named: boolean): Finding {
  const shown = cleanLine(image ?? 'none', 160);
  if (!named) {
    const found = `the service runs image ${shown}, and releases name no image to deploy`;
    return finding('source', 'problem', found, 'Name the image in the configuration, with its digest.');
  }
  if (isPinned(image!) || image!.includes('{commit}')) return finding('source', 'ok', `image ${shown}`);
  return finding('source', 'warning', `image ${shown}, whose tag may come to mean another`, 'Deploy images by digest.');
}

export function inFlightFinding(state: ServiceState, {commit}: Requirements): Finding {
  const check = 'no other deployment on its way';
  const [row] = pending(state).filter((one) => !willBeTakenOver(one, commit));
  if (!row) return finding(check, 'ok', 'none');
  const found = `deployment ${nameOf(row)} is ${cleanLine(row.status, 40)}`;
  if (row.status === 'WAITING') return finding(check, 'problem', `${found}, for CI`, waitingRemedy);
  const state_ = row.status === 'NEEDS_APPROVAL' ? 'warning' : 'problem';
  return finding(check, state_, found, 'Wait for it to end, or cancel it on its Railway page.');
}

function willBeTakenOver(row: DeploymentFacts, commit: string | undefined): boolean {
  return classOf(row.status) === 'in-flight' && commit !== undefined && row.commit === commit.toLowerCase();
}

export function autoDeployFinding(state: ServiceState, {allowAutoDeploy}: PreflightPlan): Finding {
  const check = 'automatic deploys';
  if (!state.autoDeploy) {
    const found = `could not be read: ${state.unreadable.autoDeploy ?? 'no answer'}`;
    return finding(check, 'unknown', found, 'Look at the settings of the service on railway.com.');
  }
  if (!state.autoDeploy.enabled) return finding(check, 'ok', 'off');
  const level = allowAutoDeploy === false ? 'problem' : 'warning';
  const found = 'on: each push deploys beside the release, without a gate';
  if (!state.triggers?.some((trigger) => trigger.checkSuites)) return finding(check, level, found, autoDeployRemedy);
  const later = 'Wait for CI is on too: a deployment of this commit starts by itself when this workflow ends';
  return finding(check, level, `${found}; ${later}`, waitingRemedy);
}

export function healthFinding(state: ServiceState): Finding {
  if (state.healthcheckPath) return finding('healthcheck', 'ok', `path ${cleanLine(state.healthcheckPath, 120)}`);
  return finding(
    'healthcheck',
    'warning',
    'no healthcheck path: SUCCESS only means that the container started',
    'Set a healthcheck path in the settings of the service (one in a railway.json counts too, and is not seen here).',
  );
}

const keeping =
  'Railway keeps a replaced image for 24 h (Free), 72 h (Hobby), 120 h (Pro) or 360 h (Enterprise); which plan this is cannot be read';

export function wayBackFinding(state: ServiceState): Finding {
  const check = 'way back';
  const live = servingOf(state);
  if (!live) {
    const found = 'nothing is live, so there is nothing to go back to';
    return finding(check, 'warning', found, 'Expect no rollback for the first release.');
  }
  const earlier = candidates(state, live).length;
  const others = earlier ? `, and to ${earlier} earlier ${earlier === 1 ? 'one' : 'ones'}` : '';
  if (live.canRollback) return finding(check, 'ok', `live ${nameOf(live)} can be rolled back to${others}. ${keeping}`);
  return finding(
    check,
    state.repo && live.commit ? 'warning' : 'problem',
    `live ${nameOf(live)} cannot be rolled back to. ${keeping}`,
    'Redeploy what is live once, so that Railway keeps its image, or allow the rollback to build its commit again.',
  );
}

/** What else could be rolled back to: kept, once good, and of other content than what serves. */
function candidates(state: ServiceState, live: DeploymentFacts): DeploymentFacts[] {
  const other = (row: DeploymentFacts) => (row.commit ?? row.image) !== (live.commit ?? live.image);
  const ended = (row: DeploymentFacts) => ['good', 'gone'].includes(classOf(row.status));
  return state.recent.filter((row) => row.id !== live.id && row.canRollback && ended(row) && other(row));
}

function nameOf(row: DeploymentFacts): string {
  return `${cleanLine(row.id, 80)}${row.commit ? ` of commit ${row.commit.slice(0, 12)}` : ''}`;
}
