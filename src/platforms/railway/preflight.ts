import {Failure} from '../../kernel/errors.js';
import type {Finding} from '../platform.js';
import {cleanLine} from './clean.js';
import type {Credential} from './credential.js';
import {capacityFindings, platformFindings, quotaFinding, variableFindings} from './environment-findings.js';
import type {PreflightPlan, Requirements} from './requirements.js';
import {autoDeployFinding, healthFinding, inFlightFinding, sourceFinding, wayBackFinding} from './service-findings.js';
import {readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';

const area = 'Railway';

/** The finding that stands for all others when the token or the service was refused. */
export function refused(check: string, error: unknown): Finding {
  if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
  const unmeasured = error.retryable || error.code === 'RAILWAY_DEADLINE';
  return {area, check, state: unmeasured ? 'unknown' : 'problem', found: error.message, remedy: error.remedy};
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
