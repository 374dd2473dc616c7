import type {Finding} from '../platform.js';
import {autoDeployRemedy, waitingRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import type {PreflightPlan, Requirements} from './requirements.js';
import {type ServiceState, servingOf} from './service-state.js';
import {classOf} from './states.js';
import {pending} from './verify.js';

/** Findings that follow from the state of the service alone. */
const area = 'Railway';

export function sourceFinding(state: ServiceState, {repository}: Requirements, plan: PreflightPlan): Finding {
  const check = 'source';
  if (plan.source === 'commit' && !state.repo)
    return {
      area,
      check,
      state: 'problem',
      found: 'the service is connected to no repository, and releases deploy commits',
      remedy: 'Connect the service to the repository in its settings.',
    };
  if (state.repo && repository && state.repo.toLowerCase() !== repository.toLowerCase()) {
    return {
      area,
      check,
      state: 'problem',
      found: `the service builds ${cleanLine(state.repo, 120)}, not ${cleanLine(repository, 120)}`,
      remedy: 'Correct the service in the configuration, or its repository in its settings.',
    };
  }
  if (state.repo) return {area, check, state: 'ok', found: `repository ${cleanLine(state.repo, 120)}`};
  if (state.image && !state.image.includes('@'))
    return {
      area,
      check,
      state: 'warning',
      found: `image ${cleanLine(state.image, 160)}, whose tag may come to mean another image`,
      remedy: 'Deploy images by digest.',
    };
  return {area, check, state: 'ok', found: state.image ? `image ${cleanLine(state.image, 160)}` : 'uploads'};
}

export function inFlightFinding(state: ServiceState, {commit}: Requirements): Finding {
  const check = 'no other deployment on its way';
  const [row] = pending(state).filter(
    (one) => !(classOf(one.status) === 'in-flight' && commit && one.commit === commit.toLowerCase()),
  );
  if (!row) return {area, check, state: 'ok', found: 'none'};
  const found = `deployment ${cleanLine(row.id, 80)}${row.commit ? ` of commit ${row.commit.slice(0, 12)}` : ''} is ${cleanLine(row.status, 40)}`;
  if (row.status === 'WAITING')
    return {area, check, state: 'problem', found: `${found}, for CI`, remedy: waitingRemedy};
  return {
    area,
    check,
    state: row.status === 'NEEDS_APPROVAL' ? 'warning' : 'problem',
    found,
    remedy: 'Wait for it to end, or cancel it on its Railway page.',
  };
}

export function autoDeployFinding(state: ServiceState, {allowAutoDeploy}: PreflightPlan): Finding {
  const check = 'automatic deploys';
  if (!state.autoDeploy)
    return {
      area,
      check,
      state: 'unknown',
      found: `could not be read: ${state.unreadable.autoDeploy ?? 'no answer'}`,
      remedy: 'Look at the settings of the service on railway.com, and switch automatic deploys off there.',
    };
  if (!state.autoDeploy.enabled) return {area, check, state: 'ok', found: 'off'};
  const waits = state.triggers?.some((trigger) => trigger.checkSuites)
    ? '; Wait for CI is on too: a deployment of this commit starts by itself when this workflow ends'
    : '';
  return {
    area,
    check,
    state: allowAutoDeploy === false ? 'problem' : 'warning',
    found: `on: each push deploys beside the release, without a gate${waits}`,
    remedy: waits ? waitingRemedy : autoDeployRemedy,
  };
}

export function healthFinding(state: ServiceState): Finding {
  const check = 'healthcheck';
  if (state.healthcheckPath) return {area, check, state: 'ok', found: `path ${cleanLine(state.healthcheckPath, 120)}`};
  return {
    area,
    check,
    state: 'warning',
    found: 'no healthcheck path: SUCCESS only means that the container started',
    remedy:
      'Set a healthcheck path in the settings of the service (a railway.json in the repository counts too, and is not seen here).',
  };
}

export function wayBackFinding(state: ServiceState): Finding {
  const check = 'way back';
  const live = servingOf(state);
  if (!live)
    return {
      area,
      check,
      state: 'warning',
      found: 'nothing is live, so there is nothing to go back to',
      remedy: 'Expect no rollback for the first release.',
    };
  const what = `${cleanLine(live.id, 80)}${live.commit ? ` (commit ${live.commit.slice(0, 12)})` : ''}`;
  const keeping =
    'Railway keeps a replaced image for 24 h (Free), 72 h (Hobby), 120 h (Pro) or 360 h (Enterprise); which plan this is cannot be read';
  if (live.canRollback) return {area, check, state: 'ok', found: `live ${what} can be rolled back to. ${keeping}`};
  return {
    area,
    check,
    state: state.repo && live.commit ? 'warning' : 'problem',
    found: `live ${what} cannot be rolled back to. ${keeping}`,
    remedy:
      'Redeploy what is live once, so that Railway keeps its image, or allow the rollback to build its commit again.',
  };
}
