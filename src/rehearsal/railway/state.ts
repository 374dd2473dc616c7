import type {EdgeRules} from './edge-rules.js';
import type {DeploymentRecord, ServiceRecord} from './records.js';
import {activeDeployments, canRollback, type StatusChange, type World} from './world.js';

/** The stand-in as a test or a rehearsal looks at it from outside. */

/** One deployment as a test or a rehearsal looks at it from outside. */
export interface DeploymentState {
  readonly id: string;
  readonly serviceId: string;
  readonly status: string;
  readonly cause: string;
  readonly commit?: string;
  readonly image?: string;
  readonly createdAtMs: number;
  readonly stopped: boolean;
  readonly canRollback: boolean;
  readonly reason?: string;
  readonly pid?: number;
}

export interface ServiceState {
  readonly id: string;
  readonly name: string;
  readonly activeDeploymentIds: readonly string[];
  /** The deployment that visitors reach; undefined before the first SUCCESS. */
  readonly servingDeploymentId?: string;
  readonly servingCommit?: string;
  readonly servingImage?: string;
  readonly autoDeploy: boolean;
  readonly edgeRules: EdgeRules | null;
  readonly variableNames: readonly string[];
  /** Custom ones, and the platform's own. */
  readonly domains: readonly string[];
  readonly tcpProxy?: {readonly applicationPort: number; readonly proxyPort: number; readonly syncStatus: string};
  readonly mountPaths: readonly string[];
  /** Requests that reached the public front. */
  readonly requests: number;
}

export interface RailwayState {
  readonly services: readonly ServiceState[];
  /** In the order they were made. */
  readonly deployments: readonly DeploymentState[];
  readonly changes: readonly StatusChange[];
}

export function stateOf(world: World): RailwayState {
  return {
    services: world.services.map((service) => serviceState(world, service)),
    deployments: world.deployments.map((d) => deploymentState(world, d)),
    changes: [...world.changes],
  };
}

function serviceState(world: World, service: ServiceRecord): ServiceState {
  const source = service.serving?.source;
  return {
    id: service.id,
    name: service.name,
    activeDeploymentIds: activeDeployments(world, service).map((d) => d.id),
    servingDeploymentId: service.serving?.id,
    servingCommit: source?.kind === 'commit' ? source.commit : undefined,
    servingImage: source?.kind === 'image' ? source.image : undefined,
    autoDeploy: service.autoDeploy,
    edgeRules: service.edge.rules,
    variableNames: Object.keys(service.variables),
    domains: [...service.customDomains.map(({domain}) => domain), world.hostOf(service.id) ?? []].flat(),
    tcpProxy: service.tcpProxy && pick(service.tcpProxy),
    mountPaths: world.volumes.filter((one) => one.serviceId === service.id).map((one) => one.mountPath),
    requests: service.requests.length,
  };
}

function pick({applicationPort, proxyPort, syncStatus}: NonNullable<ServiceRecord['tcpProxy']>) {
  return {applicationPort, proxyPort, syncStatus};
}

function deploymentState(world: World, d: DeploymentRecord): DeploymentState {
  return {
    id: d.id,
    serviceId: d.serviceId,
    status: d.status,
    cause: d.cause,
    commit: d.source.kind === 'commit' ? d.source.commit : undefined,
    image: d.source.kind === 'image' ? d.source.image : undefined,
    createdAtMs: d.createdAtMs,
    stopped: d.stopped,
    canRollback: canRollback(world, d),
    reason: d.reason,
    pid: d.container?.running() ? d.container.pid : undefined,
  };
}
