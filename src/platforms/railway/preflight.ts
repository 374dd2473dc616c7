import {Failure} from '../../kernel/errors.js';
import type {Finding} from '../platform.js';
import {cleanLine} from './clean.js';
import type {Credential} from './credential.js';
import {capacityFindings, platformFindings, quotaFinding, variableFindings} from './environment-findings.js';
import {finding} from './finding.js';
import type {PreflightPlan, Requirements} from './requirements.js';
import {autoDeployFinding, healthFinding, inFlightFinding, sourceFinding, wayBackFinding} from './service-findings.js';
import {readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';

/** The finding that stands for all others when the token or the service was refused. */
export function refused(check: string, error: unknown): Finding {
  if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
  const unmeasured = error.retryable || error.code === 'RAILWAY_DEADLINE';
  return finding(check, unmeasured ? 'unknown' : 'problem', error.message, error.remedy);
}

export function tokenFinding(credential: Credential): Finding {
  const found = `${credential.kind} token, reaches ${reachOf(credential)}`;
  const {note} = credential;
  if (note)
    return finding('token', 'warning', `${found}; ${note}`, 'Correct the kind of the token in the configuration.');
  if (credential.kind !== 'account') return finding('token', 'ok', found);
  return finding('token', 'warning', found, 'Use a project token: it reaches no more than a release needs.');
}

function reachOf({scope, kind, workspaces}: Credential): string {
  if (scope) {
    const [environment, project] = [scope.environmentName, scope.projectName].map((name) => cleanLine(name, 80));
    return `environment ${environment} of project ${project}, and nothing else`;
  }
  if (kind === 'account') return 'everything its owner may do';
  return `workspace ${cleanLine(workspaces?.join(', ') || 'unknown', 120)}`;
}

/** All that can be checked about a service without a write. */
export async function inspect(
  session: Session,
  target: Target,
  requirements: Requirements,
  plan: PreflightPlan,
): Promise<Finding[]> {
  const [name, environment, id] = [target.serviceName, target.environmentName, target.serviceId].map((text) =>
    cleanLine(text, 80),
  );
  const service = finding('service', 'ok', `${name} in ${environment} (${id})`);
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
