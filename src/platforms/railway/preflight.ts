import {Failure, messageOf} from '../../kernel/errors.js';
import type {Finding} from '../platform.js';
import {autoDeployRemedy, waitingRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import type {Credential} from './credential.js';
import {platformStatusDocument, volumesDocument} from './documents.js';
import {readState, type ServiceState, servingOf} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';
import type {Target} from './target.js';
import {type Presence, presenceOf} from './variables.js';
import {pending} from './verify.js';

const area = 'Railway';

export interface Requirements {
  readonly requiredVariables: readonly string[];
  readonly repository?: string;
  readonly commit?: string;
}

export interface PreflightPlan {
  readonly allowAutoDeploy: boolean | undefined;
  readonly source?: 'commit' | 'image' | 'upload';
  readonly mask: (value: string) => void;
}

/** The finding that stands for all others when the token or the service was refused. */
export function refused(check: string, error: unknown): Finding {
  if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
  return {area, check, state: error.retryable ? 'unknown' : 'problem', found: error.message, remedy: error.remedy};
}

export function tokenFinding(credential: Credential): Finding {
  const reach = credential.scope
    ? `environment ${cleanLine(credential.scope.environmentName, 80)} of project ${cleanLine(credential.scope.projectName, 80)}, and nothing else`
    : credential.kind === 'account'
      ? 'everything its owner may do'
      : `workspace ${cleanLine(credential.workspaces?.join(', ') || 'unknown', 120)}`;
  const found = `${credential.kind} token, reaches ${reach}`;
  if (credential.note)
    return {
      area,
      check: 'token',
      state: 'warning',
      found: `${found}; ${credential.note}`,
      remedy: 'Correct the kind of the token in the configuration.',
    };
  if (credential.kind === 'account')
    return {
      area,
      check: 'token',
      state: 'warning',
      found,
      remedy: 'Use a project token: it reaches one environment, and no more than a release needs.',
    };
  return {area, check: 'token', state: 'ok', found};
}

/** All that can be checked about a service without a write. */
export async function inspect(
  session: Session,
  target: Target,
  requirements: Requirements,
  plan: PreflightPlan,
): Promise<Finding[]> {
  const service: Finding = {
    area,
    check: 'service',
    state: 'ok',
    found: `${cleanLine(target.serviceName, 80)} in ${cleanLine(target.environmentName, 80)} (${cleanLine(target.serviceId, 80)})`,
  };
  let state: ServiceState;
  try {
    state = await readState(session, target, ['domains', 'autoDeploy', 'triggers']);
  } catch (error) {
    return [service, refused('service state', error)];
  }
  return [
    service,
    sourceFinding(state, requirements, plan),
    inFlightFinding(state, requirements),
    autoDeployFinding(state, plan),
    healthFinding(state),
    wayBackFinding(state),
    ...(await variableFindings(session, target, requirements.requiredVariables, plan.mask)),
    ...(await capacityFindings(session, target, state)),
    ...(await platformFindings(session)),
    quotaFinding(session),
  ];
}

function sourceFinding(state: ServiceState, {repository}: Requirements, plan: PreflightPlan): Finding {
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

function inFlightFinding(state: ServiceState, {commit}: Requirements): Finding {
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

function autoDeployFinding(state: ServiceState, {allowAutoDeploy}: PreflightPlan): Finding {
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

function healthFinding(state: ServiceState): Finding {
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

function wayBackFinding(state: ServiceState): Finding {
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

async function variableFindings(
  session: Session,
  target: Target,
  names: readonly string[],
  mask: (value: string) => void,
): Promise<Finding[]> {
  const check = 'required variables';
  if (names.length === 0) return [{area, check, state: 'ok', found: 'none are required'}];
  let presence: Map<string, Presence>;
  try {
    presence = await presenceOf(session, target, names, mask);
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return [
      {
        area,
        check,
        state: 'unknown',
        found: `could not be read: ${error.message}`,
        remedy: `Check by hand that ${names.join(', ')} are set; use a token that may read variables.`,
      },
    ];
  }
  const present = names.filter((name) => ['present', 'sealed'].includes(presence.get(name)!));
  const sealed = names.filter((name) => presence.get(name) === 'sealed');
  const note = sealed.length ? ` (sealed, so only their names could be checked: ${sealed.join(', ')})` : '';
  const ok: Finding[] = present.length ? [{area, check, state: 'ok', found: `${present.join(', ')}${note}`}] : [];
  return [...ok, ...names.filter((name) => !present.includes(name)).map((name) => missing(name, presence.get(name)!))];
}

function missing(name: string, presence: Presence): Finding {
  const found = presence === 'empty' ? 'is set, but renders empty: a reference in it may not resolve' : 'is not set';
  return {
    area,
    check: `variable ${cleanLine(name, 80)}`,
    state: 'problem',
    found,
    remedy: `Set ${cleanLine(name, 80)} in the variables of the service.`,
  };
}

async function capacityFindings(session: Session, target: Target, state: ServiceState): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (state.replicas !== undefined)
    findings.push({area, check: 'replicas', state: 'ok', found: String(state.replicas)});
  try {
    const {environment} = await session.read(volumesDocument, {
      environmentId: target.environmentId,
      projectId: target.projectId,
    });
    const own = environment.volumeInstances.edges
      .map((edge) => edge.node)
      .filter((volume) => volume.serviceId === target.serviceId);
    if (own.length) {
      findings.push({
        area,
        check: 'volume',
        state: 'warning',
        found: `the service has a volume (${own.map((volume) => cleanLine(volume.mountPath, 80)).join(', ')}): each deployment and rollback is a short downtime`,
        remedy: 'Plan for it, or move the data into the database or a bucket.',
      });
    }
    if (environment.unmergedChangesCount) {
      findings.push({
        area,
        check: 'staged changes',
        state: 'warning',
        found: `${environment.unmergedChangesCount} changes of the environment are staged and not applied`,
        remedy: 'Apply or discard them on railway.com before the release.',
      });
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    findings.push({
      area,
      check: 'volume',
      state: 'unknown',
      found: `could not be read: ${error.message}`,
      remedy: 'Check on railway.com whether the service has a volume: then each deployment is a short downtime.',
    });
  }
  return findings;
}

async function platformFindings(session: Session): Promise<Finding[]> {
  const check = 'platform';
  try {
    const {platformStatus} = await session.once(platformStatusDocument, {});
    if (platformStatus.isStable && !platformStatus.incident)
      return [{area, check, state: 'ok', found: 'Railway reports no incident'}];
    return [
      {
        area,
        check,
        state: 'warning',
        found: `Railway reports an incident: ${cleanLine(platformStatus.incident?.message ?? 'not stable', 200)}`,
        remedy: 'Consider to wait until it is over.',
      },
    ];
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return [
      {
        area,
        check,
        state: 'unknown',
        found: `Railway's own status could not be read: ${cleanLine(messageOf(error), 200)}`,
        remedy: 'Look at status.railway.com.',
      },
    ];
  }
}

function quotaFinding(session: Session): Finding {
  const {limit, remaining, windowS} = session.api.limits;
  const check = 'request quota';
  if (limit === undefined && remaining === undefined)
    return {area, check, state: 'ok', found: 'Railway announced none (Free 100, Hobby 1,000, Pro 10,000 an hour)'};
  const found = `${limit ?? 'unknown'} requests${windowS ? ` each ${windowS} s` : ''}${remaining === undefined ? '' : `, ${remaining} left`}`;
  if (remaining !== undefined && remaining < 40)
    return {
      area,
      check,
      state: 'warning',
      found,
      remedy: 'Wait for the quota to renew: a release takes about 40 requests.',
    };
  return {area, check, state: 'ok', found};
}
