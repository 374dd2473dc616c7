import {Failure} from '../../kernel/errors.js';
import {type RawDomains, type RawServiceState, type ServiceScope, serviceStateDocument} from './documents.js';
import {type DeploymentFacts, factsList, factsOf} from './facts.js';
import type {Session} from './session.js';
import {classOf} from './states.js';

/** Parts of the state that some tokens may not read. */
export type OptionalPart = 'domains' | 'autoDeploy' | 'triggers';

const rootField: Readonly<Record<OptionalPart, string>> = {
  domains: 'domains',
  autoDeploy: 'serviceInstanceAutoDeployStatus',
  triggers: 'deploymentTriggers',
};

/** A service at one moment: what serves, and what was deployed lately. */
export interface ServiceState {
  readonly repo?: string;
  readonly image?: string;
  readonly healthcheckPath?: string;
  readonly replicas?: number;
  /** May hold two while one takes over from the other; never `latestDeployment`, which can be a failed one. */
  readonly active: readonly DeploymentFacts[];
  /** Newest first. */
  readonly recent: readonly DeploymentFacts[];
  /** Undefined when not asked for or not readable. */
  readonly hosts?: readonly string[];
  readonly autoDeploy?: {readonly enabled: boolean; readonly reason?: string};
  readonly triggers?: ReadonlyArray<{
    readonly branch: string;
    readonly checkSuites: boolean;
    readonly repository: string;
  }>;
  /** Why a part that was asked for is missing. */
  readonly unreadable: Partial<Record<OptionalPart, string>>;
}

/** Reads the state in one request; a part this token may not see costs one more, and is named in `unreadable`. */
export async function readState(
  session: Session,
  scope: ServiceScope,
  parts: readonly OptionalPart[] = [],
  first = 30,
): Promise<ServiceState> {
  const wanted = new Set(parts);
  const unreadable: Partial<Record<OptionalPart, string>> = {};
  for (;;) {
    try {
      const raw = await session.read(
        serviceStateDocument,
        {
          ...ids(scope),
          first,
          domains: wanted.has('domains'),
          autoDeploy: wanted.has('autoDeploy'),
          triggers: wanted.has('triggers'),
        },
        [...wanted].map((part) => rootField[part]),
      );
      return stateOf(raw, unreadable);
    } catch (error) {
      const refused = [...wanted].find((part) => error instanceof Failure && error.details.path === rootField[part]);
      if (!refused) throw error;
      wanted.delete(refused);
      unreadable[refused] = (error as Failure).message;
    }
  }
}

/** Only what the documents declare: a scope object often carries more. */
export function ids(scope: ServiceScope): ServiceScope {
  return {projectId: scope.projectId, environmentId: scope.environmentId, serviceId: scope.serviceId};
}

function stateOf(raw: RawServiceState, unreadable: Partial<Record<OptionalPart, string>>): ServiceState {
  const instance = raw.serviceInstance;
  const status = raw.serviceInstanceAutoDeployStatus;
  return {
    repo: instance.source?.repo ?? undefined,
    image: instance.source?.image ?? undefined,
    healthcheckPath: instance.healthcheckPath || undefined,
    replicas: instance.numReplicas ?? undefined,
    active: (instance.activeDeployments ?? []).flatMap((row) => factsOf(row) ?? []).sort(newestFirst),
    recent: factsList(raw.deployments).sort(newestFirst),
    hosts: raw.domains && hostsOf(raw.domains),
    autoDeploy: status && {enabled: status.enabled, reason: status.reason ?? undefined},
    triggers: raw.deploymentTriggers?.edges.map((edge) => edge.node),
    unreadable,
  };
}

/** Custom domains first: they are what users type. */
export function hostsOf(domains: RawDomains): string[] {
  return [...domains.customDomains, ...domains.serviceDomains].map((one) => one.domain).filter(Boolean);
}

/** Where a host answers; this machine's own answer without TLS. */
export function urlOf(host: string): string {
  return `${/^(127\.0\.0\.1|localhost|\[::1\])(:|$)/.test(host) ? 'http' : 'https'}://${host}`;
}

function newestFirst(a: DeploymentFacts, b: DeploymentFacts): number {
  return b.createdAtMs - a.createdAtMs;
}

/** The deployment users get: the newest active one that is good; during an overlap the older one is on its way out. */
export function servingOf(state: ServiceState): DeploymentFacts | undefined {
  return state.active.find((one) => classOf(one.status) === 'good' && one.stopped !== true) ?? state.active[0];
}

/** Why a deployment does not serve; undefined when it does. */
export function notServing(facts: DeploymentFacts): string | undefined {
  if (classOf(facts.status) !== 'good') return `its state is ${facts.status}`;
  if (facts.stopped === true) return 'it was stopped';
  if (facts.status === 'SLEEPING') return undefined;
  if (!facts.instances?.includes('RUNNING'))
    return `none of its instances is running (${facts.instances?.join(', ') || 'there are none'})`;
  return undefined;
}
