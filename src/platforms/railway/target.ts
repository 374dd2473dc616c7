import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import type {Credential} from './credential.js';
import {projectDocument, type ServiceScope, servicesDocument} from './documents.js';
import type {Session} from './session.js';

/** Which service is meant, as the user wrote it. */
export interface Wanted {
  readonly project?: string;
  /** Name or id. */
  readonly environment?: string;
  /** Name or id. */
  readonly service: string;
}

/** The service, found. */
export interface Target extends ServiceScope {
  readonly serviceName: string;
  readonly environmentName: string;
}

/** Reads ids out of a pasted dashboard address; anything else is taken as name or id. */
export function readWanted(options: Wanted): Wanted {
  const ids = dashboardIds(options.service) ?? {};
  return {
    project: options.project || ids.project,
    environment: options.environment || ids.environment,
    service: ids.service ?? options.service,
  };
}

function dashboardIds(text: string): Partial<Wanted> | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const match = /^\/project\/([^/]+)\/service\/([^/]+)/.exec(url.pathname);
  if (!match || !/^https?:$/.test(url.protocol)) return undefined;
  return {project: match[1], service: match[2], environment: url.searchParams.get('environmentId') ?? undefined};
}

/** A service's ids as an anchor carries them. */
export function placeOf({projectId, environmentId, serviceId}: ServiceScope): string {
  return [projectId, environmentId, serviceId].join('/');
}

/** The service of an anchor without a search; undefined when it names none, or one that this token does not reach. */
export function targetAt(place: string | undefined, credential: Credential, wanted: Wanted): Target | undefined {
  const [projectId, environmentId, serviceId, ...more] = (place ?? '').split('/');
  if (!projectId || !environmentId || !serviceId || more.length > 0) return undefined;
  const {scope} = credential;
  if (scope && (scope.projectId !== projectId || scope.environmentId !== environmentId)) return undefined;
  const environmentName = scope?.environmentName ?? wanted.environment ?? environmentId;
  return {projectId, environmentId, serviceId, serviceName: wanted.service, environmentName};
}

/** The service's page on Railway. */
export function dashboardUrl(target: ServiceScope): string {
  return `https://railway.com/project/${target.projectId}/service/${target.serviceId}?environmentId=${target.environmentId}`;
}

/** Finds project, environment and service; names are compared as written, and two matches are refused. */
export async function findTarget(session: Session, credential: Credential, wanted: Wanted): Promise<Target> {
  const {projectId, environmentId} = await findPlace(session, credential, wanted);
  const scope = {projectId, environmentId};
  const services = await servicesOf(session, scope);
  const matching = services.list.filter(
    (service) => service.serviceId === wanted.service || service.serviceName === wanted.service,
  );
  if (matching.length === 1)
    return {
      ...scope,
      serviceId: matching[0]!.serviceId,
      serviceName: matching[0]!.serviceName,
      environmentName: services.environmentName,
    };
  const names = services.list.map((service) => service.serviceName).join(', ') || 'none';
  const found =
    matching.length === 0
      ? `no service \`${cleanLine(wanted.service, 80)}\``
      : `${matching.length} services called \`${cleanLine(wanted.service, 80)}\``;
  throw new Failure(
    'RAILWAY_SERVICE',
    `Railway environment ${services.environmentName} has ${found}; it has: ${cleanLine(names, 300)}`,
    {
      remedy: 'Pass the exact name or the id of the service, or paste the address of its page on railway.com.',
    },
  );
}

function insideToken(scope: NonNullable<Credential['scope']>, wanted: Pick<Wanted, 'project' | 'environment'>): void {
  const wrongProject = wanted.project && ![scope.projectId, scope.projectName].includes(wanted.project);
  const wrongEnvironment =
    wanted.environment && ![scope.environmentId, scope.environmentName].includes(wanted.environment);
  if (wrongProject || wrongEnvironment) {
    throw new Failure(
      'RAILWAY_SCOPE',
      `This project token reaches environment ${cleanLine(scope.environmentName, 80)} of project ${cleanLine(scope.projectName, 80)}, not the ${wrongProject ? 'project' : 'environment'} that was asked for`,
      {
        remedy: 'Use a project token of that environment, or a workspace token.',
        details: {projectId: scope.projectId, environmentId: scope.environmentId},
      },
    );
  }
}

/** A project and one of its environments. */
export interface Place {
  readonly projectId: string;
  readonly projectName: string;
  readonly environmentId: string;
  readonly environmentName: string;
}

/** Where a token builds: the place a project token is bound to, or the one that was named. */
export async function findPlace(
  session: Session,
  credential: Credential,
  wanted: Pick<Wanted, 'project' | 'environment'>,
): Promise<Place> {
  if (!credential.scope) return environmentOf(session, wanted);
  insideToken(credential.scope, wanted);
  return credential.scope;
}

async function environmentOf(session: Session, wanted: Pick<Wanted, 'project' | 'environment'>): Promise<Place> {
  if (!wanted.project) {
    throw new Failure('RAILWAY_SCOPE', 'A workspace or account token reaches many projects, and none was named', {
      remedy:
        "Pass the project's id, or paste the address of the service's page on railway.com, or use a project token.",
    });
  }
  const {project} = await session.read(projectDocument, {projectId: wanted.project});
  const environments = (project?.environments?.edges ?? []).map((edge) => edge.node);
  const matching = wanted.environment
    ? environments.filter((one) => one.id === wanted.environment || one.name === wanted.environment)
    : environments;
  const [only] = matching;
  if (only && matching.length === 1)
    return {
      projectId: project.id,
      projectName: project.name,
      environmentId: only.id,
      environmentName: only.name,
    };
  throw new Failure(
    'RAILWAY_SCOPE',
    `Railway project ${cleanLine(project?.name ?? wanted.project, 80)} has ${matching.length} environments that fit; it has: ${cleanLine(environments.map((one) => one.name).join(', '), 300) || 'none'}`,
    {
      remedy: 'Pass the exact name or the id of the environment.',
    },
  );
}

/** Every service of an environment, as Railway lists them. */
export async function servicesOf(
  session: Session,
  scope: {projectId: string; environmentId: string},
): Promise<{environmentName: string; list: Array<{serviceId: string; serviceName: string}>}> {
  const list: Array<{serviceId: string; serviceName: string}> = [];
  for (let after: string | undefined, pages = 0; pages < 20; pages++) {
    const {environment} = await session.read(servicesDocument, {...scope, after});
    list.push(...environment.serviceInstances.edges.map((edge) => edge.node));
    const next = environment.serviceInstances.pageInfo;
    after = next?.endCursor ?? undefined;
    if (!next?.hasNextPage || !after) return {environmentName: environment.name, list};
  }
  throw new Failure('RAILWAY_SERVICE', 'The environment lists more than 2,000 services', {
    remedy: 'Pass the id of the service.',
  });
}
