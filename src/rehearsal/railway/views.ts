import {refuse} from './access.js';
import type {
  CustomDomainRecord,
  DeploymentRecord,
  LogRow,
  PatchRecord,
  RequestRecord,
  ServiceRecord,
  VolumeRecord,
} from './records.js';
import {referencesIn} from './variables.js';
import {activeDeployments, canRollback, serviceOf, type World} from './world.js';

/** Records as the published types show them. Functions are resolved only when a document selects them. */

type View = Record<string, unknown>;

export interface Page {
  readonly first?: number | null;
  readonly last?: number | null;
  readonly after?: string | null;
  readonly before?: string | null;
}

export const iso = (ms: number): string => new Date(ms).toISOString();
export const maybeIso = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

/** A Relay connection over a list that is already in order. */
export function connection<T>(nodes: readonly T[], view: (node: T) => View, page: Page = {}): View {
  const all = nodes.map((node, i) => ({node, cursor: Buffer.from(`cursor:${i}`).toString('base64')}));
  const from = page.after ? all.findIndex((edge) => edge.cursor === page.after) + 1 : 0;
  const to = page.before ? all.findIndex((edge) => edge.cursor === page.before) : all.length;
  let edges = all.slice(from, to);
  if (page.first != null) edges = edges.slice(0, page.first);
  if (page.last != null) edges = edges.slice(-page.last);
  const start = edges[0];
  const end = edges.at(-1);
  return {
    edges: edges.map((edge) => ({cursor: edge.cursor, node: () => view(edge.node)})),
    pageInfo: {
      startCursor: start?.cursor ?? null,
      endCursor: end?.cursor ?? null,
      hasNextPage: end !== undefined && end !== all.at(-1),
      hasPreviousPage: start !== undefined && start !== all[0],
    },
  };
}

/** What lists show, newest first. */
export function listedDeployments(world: World, fits: (deployment: DeploymentRecord) => boolean): DeploymentRecord[] {
  return world.deployments.filter((deployment) => deployment.listed && fits(deployment)).reverse();
}

export function deploymentView(world: World, d: DeploymentRecord): View {
  const host = world.hostOf(d.serviceId);
  return {
    id: d.id,
    status: d.status,
    statusUpdatedAt: iso(d.statusUpdatedAtMs),
    createdAt: iso(d.createdAtMs),
    updatedAt: iso(d.statusUpdatedAtMs),
    url: host ?? null,
    staticUrl: host ?? null,
    canRollback: canRollback(world, d),
    canRedeploy: d.status !== 'SKIPPED',
    deploymentStopped: d.stopped,
    diagnosis: null,
    meta: metaOf(d),
    instances: d.instances,
    snapshotId: d.snapshotId,
    projectId: world.project.projectId,
    serviceId: d.serviceId,
    environmentId: world.project.environmentId,
    suggestAddServiceDomain: false,
    service: () => serviceView(world, serviceOf(world, d.serviceId)!),
    environment: () => environmentView(world),
  };
}

/** Untyped and sparse, as on the platform: keys that do not apply are absent. */
function metaOf(d: DeploymentRecord): View {
  const {source} = d;
  return {
    ...(source.kind === 'commit'
      ? {commitHash: source.commit, commitMessage: source.message, branch: source.branch, repo: source.repo}
      : {}),
    ...(source.kind === 'image' ? {image: source.image, ...(source.digest ? {imageDigest: source.digest} : {})} : {}),
    ...(source.kind === 'upload' && source.message ? {cliMessage: source.message} : {}),
    ...(d.skippedReason ? {skippedReason: d.skippedReason} : {}),
    ...(d.cause === 'redeploy' || d.cause === 'variables' ? {reason: 'redeploy'} : {}),
    serviceManifest: {
      build: {watchPatterns: d.settings.watchPatterns},
      deploy: {
        healthcheckPath: d.settings.healthcheckPath ?? null,
        healthcheckTimeout: d.settings.healthcheckTimeoutS,
        startCommand: d.settings.startCommand.join(' '),
        numReplicas: d.settings.numReplicas,
      },
    },
  };
}

export function serviceView(world: World, service: ServiceRecord): View {
  return {
    id: service.id,
    name: service.name,
    projectId: world.project.projectId,
    createdAt: iso(service.createdAtMs),
    updatedAt: iso(service.updatedAtMs),
    deletedAt: null,
    project: () => projectView(world),
  };
}

export function serviceInstanceView(world: World, service: ServiceRecord): View {
  const {settings} = service;
  return {
    id: service.instanceId,
    serviceId: service.id,
    serviceName: service.name,
    environmentId: world.project.environmentId,
    createdAt: iso(service.createdAtMs),
    updatedAt: iso(service.updatedAtMs),
    deletedAt: null,
    isUpdatable: false,
    source:
      service.source.repo || service.source.image
        ? {repo: service.source.repo ?? null, image: service.source.image ?? null}
        : null,
    activeDeployments: () => activeDeployments(world, service).map((d) => deploymentView(world, d)),
    latestDeployment: () => (service.latest ? deploymentView(world, service.latest) : null),
    domains: () => domainsView(world, service),
    edgeConfig: () => edgeConfigView(service),
    healthcheckPath: settings.healthcheckPath ?? null,
    healthcheckTimeout: settings.healthcheckPath ? settings.healthcheckTimeoutS : null,
    overlapSeconds: settings.overlapSeconds,
    drainingSeconds: settings.drainingSeconds,
    numReplicas: settings.numReplicas,
    startCommand: settings.startCommand.length > 0 ? settings.startCommand.join(' ') : null,
    preDeployCommand: settings.preDeployCommand.length > 0 ? [settings.preDeployCommand.join(' ')] : null,
    buildCommand: settings.other.buildCommand ?? null,
    builder: settings.other.builder ?? 'RAILPACK',
    restartPolicyType: settings.restartPolicyType,
    restartPolicyMaxRetries: settings.restartPolicyMaxRetries,
    sleepApplication: settings.sleepApplication,
    watchPatterns: settings.watchPatterns,
    cronSchedule: settings.other.cronSchedule ?? null,
    region: settings.other.region ?? null,
    rootDirectory: settings.rootDirectory ?? null,
    railwayConfigFile: settings.other.railwayConfigFile ?? null,
    dockerfilePath: settings.other.dockerfilePath ?? null,
    upstreamUrl: null,
    service: () => serviceView(world, service),
  };
}

export function tcpProxyView(
  world: World,
  service: ServiceRecord,
  proxy: NonNullable<ServiceRecord['tcpProxy']>,
): View {
  return {
    id: `proxy-${service.id}`,
    ...proxy,
    serviceId: service.id,
    environmentId: world.project.environmentId,
    createdAt: iso(0),
    updatedAt: iso(0),
    deletedAt: null,
  };
}

export function edgeConfigView(service: ServiceRecord): View {
  return {
    id: service.edge.id,
    enabled: service.edge.rules !== null,
    edgeRules: service.edge.rules,
    underAttackModeUntil: service.edge.underAttackUntilS ?? null,
  };
}

export function domainsView(world: World, service: ServiceRecord): View {
  const host = world.hostOf(service.id);
  const common = {
    environmentId: world.project.environmentId,
    projectId: world.project.projectId,
    serviceId: service.id,
    targetPort: null,
    syncStatus: 'ACTIVE',
    createdAt: iso(service.createdAtMs),
    updatedAt: iso(service.updatedAtMs),
    deletedAt: null,
  };
  return {
    serviceDomains: host
      ? [{...common, id: `domain-${service.id}`, domain: host, suffix: null, targetPort: service.domainPort ?? null}]
      : [],
    customDomains: service.customDomains.map((one) => customDomainView(world, service, one)),
  };
}

export function customDomainView(world: World, service: ServiceRecord, one: CustomDomainRecord): View {
  return {
    id: one.id,
    domain: one.domain,
    environmentId: world.project.environmentId,
    projectId: world.project.projectId,
    serviceId: service.id,
    targetPort: one.targetPort ?? null,
    syncStatus: 'ACTIVE',
    isRailwayDomain: false,
    createdAt: iso(one.createdAtMs),
    updatedAt: iso(one.createdAtMs),
    deletedAt: null,
    status: {
      verified: one.verified,
      certificateStatus: one.verified
        ? 'CERTIFICATE_STATUS_TYPE_VALID'
        : 'CERTIFICATE_STATUS_TYPE_VALIDATING_OWNERSHIP',
      verificationDnsHost: `_railway-verify.${one.domain.split('.')[0]}`,
      verificationToken: `railway-verify=${one.target}`,
      dnsRecords: [dnsRecordView(one)],
    },
  };
}

function dnsRecordView({domain, target, verified}: CustomDomainRecord): View {
  const [hostlabel = '', ...zone] = domain.split('.');
  return {
    hostlabel,
    zone: zone.join('.'),
    fqdn: domain,
    recordType: 'DNS_RECORD_TYPE_CNAME',
    purpose: 'DNS_RECORD_PURPOSE_TRAFFIC_ROUTE',
    requiredValue: `${target}.up.railway.app`,
    currentValue: verified ? `${target}.up.railway.app` : '',
    status: verified ? 'DNS_RECORD_STATUS_PROPAGATED' : 'DNS_RECORD_STATUS_REQUIRES_UPDATE',
  };
}

export function environmentView(world: World): View {
  const {environmentId, projectId} = world.project;
  return {
    id: environmentId,
    name: 'production',
    projectId,
    createdAt: iso(0),
    updatedAt: iso(0),
    isEphemeral: false,
    unmergedChangesCount: world.staged
      ? Object.keys((world.staged.patch.services as object | undefined) ?? world.staged.patch).length
      : 0,
    serviceInstances: (page: Page) =>
      connection(world.services, (service) => serviceInstanceView(world, service), page),
    deployments: (page: Page) =>
      connection(
        listedDeployments(world, () => true),
        (d) => deploymentView(world, d),
        page,
      ),
    deploymentTriggers: (page: Page) =>
      connection(
        world.services.filter((service) => service.source.repo),
        (service) => triggerView(world, service),
        page,
      ),
    variables: (page: Page) => connection(variableNames(world), (variable) => variable, page),
    volumeInstances: (page: Page) => connection(world.volumes, (volume) => volumeInstanceView(world, volume), page),
  };
}

/** Names only: values are read elsewhere. */
function variableNames(world: World): View[] {
  const scopes = [
    {serviceId: null as string | null, variables: world.sharedVariables},
    ...world.services.map(({id, variables}) => ({serviceId: id as string | null, variables})),
  ];
  return scopes.flatMap(({serviceId, variables}) =>
    Object.entries(variables).map(([name, {value, sealed}]) => ({
      id: `variable-${serviceId ?? 'shared'}-${name}`,
      name,
      isSealed: sealed,
      serviceId,
      environmentId: world.project.environmentId,
      references: sealed ? [] : referencesIn(value),
      createdAt: iso(0),
      updatedAt: iso(0),
    })),
  );
}

export function triggerView(world: World, service: ServiceRecord): View {
  const {id, branch, checkSuites, repository} = service.trigger;
  return {
    id,
    branch,
    checkSuites,
    repository,
    environmentId: world.project.environmentId,
    projectId: world.project.projectId,
    serviceId: service.id,
    provider: 'github',
    validCheckSuites: checkSuites ? 1 : 0,
  };
}

export function projectView(world: World): View {
  const {projectId, environmentId, name} = world.project;
  const {buckets = []} = world.options;
  return {
    id: projectId,
    name,
    createdAt: iso(0),
    updatedAt: iso(0),
    primaryEnvironmentId: environmentId,
    workspaceId: 'workspace-rehearsal',
    subscriptionType: world.plan,
    environments: (page: Page) => connection([0], () => environmentView(world), page),
    services: (page: Page) => connection(world.services, (service) => serviceView(world, service), page),
    buckets: (page: Page) =>
      connection(buckets, (bucket) => ({...bucket, projectId, createdAt: iso(0), updatedAt: iso(0)}), page),
    volumes: (page: Page) => connection(world.volumes, (volume) => volumeView(world, volume), page),
  };
}

export function volumeView(world: World, volume: VolumeRecord): View {
  return {
    id: volume.volumeId,
    name: volume.volumeId,
    projectId: world.project.projectId,
    createdAt: iso(volume.createdAtMs),
  };
}

export function volumeInstanceView(world: World, volume: VolumeRecord): View {
  return {
    id: volume.id,
    volumeId: volume.volumeId,
    serviceId: volume.mounted ? (volume.serviceId ?? null) : null,
    environmentId: world.project.environmentId,
    mountPath: volume.mountPath,
    state: volume.state,
    currentSizeMB: volume.usedMB,
    sizeMB: volume.sizeMB,
    createdAt: iso(volume.createdAtMs),
    deletedAt: null,
    isPendingDeletion: false,
    region: null,
    externalId: `external-${volume.id}`,
    volume: () => volumeView(world, volume),
  };
}

export function patchView(world: World, patch: PatchRecord): View {
  return {
    id: patch.id,
    status: patch.status,
    patch: () => patch.patch,
    createdAt: iso(patch.createdAtMs),
    updatedAt: iso(patch.updatedAtMs),
    appliedAt: maybeIso(patch.appliedAtMs),
    environmentId: world.project.environmentId,
    message: patch.message ?? null,
    lastAppliedError: null,
  };
}

export function logView(world: World, serviceId: string, row: LogRow): View {
  return {
    timestamp: nanoseconds(row.atMs),
    message: row.message,
    severity: row.severity,
    attributes: row.attributes,
    tags: {
      deploymentId: row.deploymentId,
      deploymentInstanceId: row.instanceId ?? null,
      environmentId: world.project.environmentId,
      pluginId: null,
      projectId: world.project.projectId,
      serviceId,
      snapshotId: null,
    },
  };
}

export function httpLogView(row: RequestRecord): View {
  return {
    timestamp: nanoseconds(row.atMs),
    requestId: row.id,
    method: row.method,
    path: row.path,
    host: row.host,
    httpStatus: row.status,
    totalDuration: Math.round(row.durationMs),
    upstreamRqDuration: Math.round(row.upstreamMs),
    srcIp: row.srcIp,
    clientUa: row.userAgent,
    edgeRegion: 'rehearsal',
    rxBytes: row.rxBytes,
    txBytes: row.txBytes,
    upstreamAddress: row.instanceId ?? '',
    upstreamErrors: row.upstreamError,
    responseDetails: row.upstreamError === '' ? '' : 'upstream error',
    deploymentId: row.deploymentId ?? '',
    deploymentInstanceId: row.instanceId ?? '',
    downstreamProto: 'HTTP/1.1',
    upstreamProto: 'HTTP/1.1',
  };
}

function nanoseconds(ms: number): string {
  return iso(ms).replace('Z', '000000Z');
}

/** The deployment with this id, or the platform's refusal. */
export function findDeployment(world: World, id: string): DeploymentRecord {
  const found = world.deployments.find((deployment) => deployment.id === id && deployment.listed);
  if (!found) throw refuse('Deployment not found', null);
  return found;
}
