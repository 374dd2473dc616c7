import {listTeams, readTeam, readTeamDomain, readUser} from './account.js';
import * as aliases from './aliases.js';
import {deploymentEvents, runtimeLogs} from './build-log.js';
import type {Handler} from './call.js';
import {createDeployment, uploadFile} from './deployment-creation.js';
import * as deployments from './deployment-reads.js';
import * as environment from './environment.js';
import * as projects from './projects.js';
import * as promotion from './promotion.js';
import * as rollouts from './rollout-calls.js';

export interface ApiRoute {
  /** For faults and the journal, such as `deployments.create`. */
  readonly name: string;
  readonly method: string;
  readonly segments: readonly string[];
  readonly handle: Handler;
  /** About the account and not within a team. */
  readonly scopeless: boolean;
}

const scopelessNames = new Set(['user.read', 'teams.list', 'teams.read']);

function route(name: string, line: string, handle: Handler): ApiRoute {
  const [method, path] = line.split(' ') as [string, string];
  return {name, method, segments: path.split('/').slice(1), handle, scopeless: scopelessNames.has(name)};
}

/** Paths without their version: the platform's clients disagree about those. Earlier lines win. */
export const routes: readonly ApiRoute[] = [
  route('user.read', 'GET /user', readUser),
  route('teams.list', 'GET /teams', listTeams),
  route('teams.read', 'GET /teams/:team', readTeam),
  route('domains.read', 'GET /domains/:domain', readTeamDomain),
  route('files.upload', 'POST /files', uploadFile),
  route('deployments.create', 'POST /deployments', createDeployment),
  route('deployments.list', 'GET /deployments', deployments.listDeployments),
  route('deployments.delete', 'DELETE /deployments', deployments.deleteDeployment),
  route('deployments.read', 'GET /deployments/get', deployments.readDeployment),
  route('deployments.read', 'GET /deployments/:deployment', deployments.readDeployment),
  route('deployments.delete', 'DELETE /deployments/:deployment', deployments.deleteDeployment),
  route('deployments.cancel', 'PATCH /deployments/:deployment/cancel', deployments.cancelDeployment),
  route('deployments.events', 'GET /deployments/:deployment/events', deploymentEvents),
  route('deployments.builds', 'GET /deployments/:deployment/builds', deployments.listBuilds),
  route('deployments.files', 'GET /deployments/:deployment/files', deployments.listFiles),
  route('deployments.file', 'GET /deployments/:deployment/files/:file', deployments.readFile),
  route('deployments.check-runs', 'GET /deployments/:deployment/check-runs', deployments.listCheckRuns),
  route('deployments.checks', 'GET /deployments/:deployment/checks', deployments.listChecks),
  route('aliases.assign', 'POST /deployments/:deployment/aliases', aliases.assignAlias),
  route('aliases.of-deployment', 'GET /deployments/:deployment/aliases', aliases.deploymentAliases),
  route('aliases.list', 'GET /aliases', aliases.listAliases),
  route('aliases.read', 'GET /aliases/:alias', aliases.readAlias),
  route('aliases.delete', 'DELETE /aliases/:alias', aliases.deleteAlias),
  route('projects.list', 'GET /projects', projects.listProjects),
  route('projects.read', 'GET /projects/:project', projects.readProject),
  route('projects.change', 'PATCH /projects/:project', projects.changeProject),
  route('projects.custom-environments', 'GET /projects/:project/custom-environments', projects.listCustomEnvironments),
  route('projects.pause', 'POST /projects/:project/pause', projects.pauseProject(true)),
  route('projects.unpause', 'POST /projects/:project/unpause', projects.pauseProject(false)),
  route('projects.bypass', 'PATCH /projects/:project/protection-bypass', projects.changeBypass),
  route('promote.aliases', 'GET /projects/:project/promote/aliases', promotion.jobAliases('promote')),
  route('rollback.aliases', 'GET /projects/:project/rollback/aliases', promotion.jobAliases('rollback')),
  route('promote', 'POST /projects/:project/promote/:deployment', promotion.promote),
  route('rollback', 'POST /projects/:project/rollback/:deployment', promotion.rollback),
  route(
    'rollback.describe',
    'PATCH /projects/:project/rollback/:deployment/update-description',
    promotion.updateRollbackDescription,
  ),
  route('project-domains.list', 'GET /projects/:project/domains', aliases.listDomains),
  route('project-domains.create', 'POST /projects/:project/domains', aliases.createDomain),
  route('project-domains.read', 'GET /projects/:project/domains/:domain', aliases.readDomain),
  route('project-domains.change', 'PATCH /projects/:project/domains/:domain', aliases.changeDomain),
  route('project-domains.delete', 'DELETE /projects/:project/domains/:domain', aliases.deleteDomain),
  route('env.list', 'GET /projects/:project/env', environment.listEnv),
  route('env.create', 'POST /projects/:project/env', environment.createEnv),
  route('env.change', 'PATCH /projects/:project/env/:env', environment.changeEnv),
  route('env.delete', 'DELETE /projects/:project/env/:env', environment.deleteEnv),
  route('env.delete-many', 'DELETE /projects/:project/env', environment.deleteEnvs),
  route('env.pull', 'GET /env/pull/:project/:target', environment.pullEnv),
  route('env.shared', 'GET /env', environment.listSharedEnv),
  route('rolling-release.read', 'GET /projects/:project/rolling-release', rollouts.readRollout),
  route('rolling-release.start', 'POST /projects/:project/rolling-release/start', rollouts.startRollout),
  route('rolling-release.approve', 'POST /projects/:project/rolling-release/approve-stage', rollouts.approveStage),
  route('rolling-release.complete', 'POST /projects/:project/rolling-release/complete', rollouts.finishRollout),
  route('rolling-release.config', 'GET /projects/:project/rolling-release/config', rollouts.readRolloutConfig),
  route('rolling-release.configure', 'PATCH /projects/:project/rolling-release/config', rollouts.changeRolloutConfig),
  route(
    'rolling-release.unconfigure',
    'DELETE /projects/:project/rolling-release/config',
    rollouts.deleteRolloutConfig,
  ),
  route('runtime-logs', 'GET /projects/:project/deployments/:deployment/runtime-logs', runtimeLogs),
];

export interface Match {
  readonly route: ApiRoute;
  readonly params: Readonly<Record<string, string>>;
  readonly version: string;
}

/** The route of a request; `wrong-method` when only other methods are known for its path. */
export function matchRoute(method: string, path: string): Match | 'wrong-method' | undefined {
  const version = /^\/(v\d+)(?=\/)/.exec(path)?.[1] ?? '';
  const rest = path.replace(/^\/v\d+(?=\/)/, '').replace(/^\/now(?=\/)/, '');
  const segments = rest.split('/').slice(1).map(decode);
  const fitting = routes.flatMap((one) => {
    const params = paramsOf(one.segments, segments);
    return params ? [{route: one, params, version}] : [];
  });
  return fitting.find((one) => one.route.method === method) ?? (fitting.length > 0 ? 'wrong-method' : undefined);
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index]!;
    if (part.startsWith(':')) params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
