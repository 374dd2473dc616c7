import {type Access, notAuthorized, refuse} from './access.js';
import {diagnose} from './edge-rules.js';
import type {RootFields} from './graphql.js';
import {type AnchoredWindow, type LogWindow, logTest, readAnchored, readLogs, requestTest} from './log-reads.js';
import {metricFields} from './metric-reads.js';
import type {DeploymentRecord, ServiceRecord} from './records.js';
import {inScope, type Scope, scopedService} from './scope.js';
import {deploymentVariables, plain, renderVariables} from './variables.js';
import {
  connection,
  deploymentView,
  domainsView,
  environmentView,
  findDeployment,
  httpLogView,
  iso,
  listedDeployments,
  logView,
  maybeIso,
  type Page,
  patchView,
  projectView,
  serviceInstanceView,
  serviceView,
  tcpProxyView,
  triggerView,
  volumeInstanceView,
} from './views.js';
import {findVolume, workflowState} from './volumes.js';
import {serviceOf, type World} from './world.js';

/** Reads. */

export function queryFields(world: World): RootFields {
  return {
    ...identityFields(world),
    ...projectFields(world),
    ...deploymentFields(world),
    ...logFields(world),
    ...metricFields(world),
    ...variableFields(world),
    ...volumeFields(world),
  };
}

function only(access: Access, ...subjects: ReadonlyArray<Access['subject']>): void {
  if (!subjects.includes(access.subject)) throw notAuthorized();
}

function identityFields(world: World): RootFields {
  const workspaces = [{id: 'workspace-rehearsal', name: 'Rehearsal'}];
  return {
    projectToken: (_args, access) => {
      only(access, 'project');
      const {projectId, environmentId} = world.project;
      return {
        id: 'project-token',
        name: 'rehearsal',
        projectId,
        environmentId,
        displayToken: '****',
        createdAt: iso(0),
        project: () => projectView(world),
        environment: () => environmentView(world),
      };
    },
    apiToken: (_args, access) => {
      only(access, 'workspace', 'account');
      return {workspaces};
    },
    me: (_args, access) => {
      only(access, 'account');
      return {id: 'user-rehearsal', name: 'Rehearsal', email: 'owner@example.com', has2FA: true, workspaces};
    },
    platformStatus: () => ({
      isStable: world.platform.isStable,
      incident: world.platform.incident ?? null,
      maintenance: null,
    }),
  };
}

function projectFields(world: World): RootFields {
  return {
    project: ({id}: {id: string}) => {
      inScope(world, {projectId: id});
      return projectView(world);
    },
    environment: ({id, projectId}: {id: string; projectId?: string}) => {
      inScope(world, {environmentId: id, projectId});
      return environmentView(world);
    },
    service: ({id}: {id: string}) => serviceView(world, scopedService(world, {serviceId: id})),
    serviceInstance: (scope: Scope) => serviceInstanceView(world, scopedService(world, scope)),
    serviceInstanceAutoDeployStatus: (scope: Scope) => {
      const service = scopedService(world, scope);
      const connected = service.source.repo !== undefined;
      return {
        enabled: service.autoDeploy && connected,
        canEnable: connected,
        reason: connected ? null : 'No repository is connected',
      };
    },
    domains: (scope: Scope) => domainsView(world, scopedService(world, scope)),
    deploymentTriggers: (args: Scope & Page) => {
      const service = scopedService(world, args);
      return connection(service.source.repo ? [service] : [], (one) => triggerView(world, one), args);
    },
    tcpProxies: (scope: Scope) => {
      const service = scopedService(world, scope);
      return service.tcpProxy ? [tcpProxyView(world, service, service.tcpProxy)] : [];
    },
    environmentStagedChanges: (scope: Scope) => {
      inScope(world, scope);
      const nowMs = world.now();
      return patchView(
        world,
        world.staged ?? {id: 'patch-empty', patch: {}, status: 'STAGED', createdAtMs: nowMs, updatedAtMs: nowMs},
      );
    },
    validateServiceEdgeRules: ({input}: {input: Scope & {edgeRules: unknown}}) => {
      scopedService(world, input);
      return diagnose(input.edgeRules);
    },
    bucketS3Credentials: ({bucketId, ...scope}: Scope & {bucketId: string}) => {
      inScope(world, scope);
      const credentials = world.buckets.get(bucketId);
      if (!credentials) throw refuse('BucketInstance not found', null);
      return [{...credentials, createdAt: iso(0)}];
    },
    bucketInstanceDetails: ({bucketId, ...scope}: Scope & {bucketId: string}) => {
      inScope(world, scope);
      return world.buckets.has(bucketId) ? {objectCount: 0, sizeBytes: 0} : null;
    },
  };
}

interface DeploymentList {
  readonly input: Scope & {
    readonly includeDeleted?: boolean | null;
    readonly status?: {readonly in?: string[] | null; readonly notIn?: string[] | null} | null;
  };
}

function deploymentFields(world: World): RootFields {
  return {
    deployment: ({id}: {id: string}) => deploymentView(world, findDeployment(world, id)),
    deployments: (args: DeploymentList & Page) => {
      inScope(world, args.input);
      return connection(
        listedDeployments(world, (d) => fits(d, args.input)),
        (d) => deploymentView(world, d),
        args,
      );
    },
    deploymentEvents: ({id, ...page}: {id: string} & Page) =>
      connection(
        findDeployment(world, id).events,
        (event) => ({
          id: event.id,
          step: event.step,
          createdAt: iso(event.createdAtMs),
          completedAt: maybeIso(event.completedAtMs),
          payload: event.payload ? {...emptyPayload, ...event.payload} : null,
        }),
        page,
      ),
    deploymentSnapshot: ({deploymentId}: {deploymentId: string}) => {
      const d = findDeployment(world, deploymentId);
      return {
        id: d.snapshotId,
        createdAt: iso(d.createdAtMs),
        updatedAt: iso(d.createdAtMs),
        variables: unsealed(world, d.variables),
      };
    },
  };
}

const emptyPayload = {
  attempt: null,
  detail: null,
  durationMs: null,
  error: null,
  maxAttempts: null,
  reason: null,
  skipped: null,
};

function fits(d: DeploymentRecord, {serviceId, status}: DeploymentList['input']): boolean {
  if (serviceId != null && d.serviceId !== serviceId) return false;
  if (status?.in && !status.in.includes(d.status)) return false;
  return !status?.notIn?.includes(d.status);
}

function logFields(world: World): RootFields {
  const view = (d: DeploymentRecord, rows: DeploymentRecord['logs']) =>
    rows.map((row) => logView(world, d.serviceId, row));
  return {
    buildLogs: ({deploymentId, ...window}: {deploymentId: string} & LogWindow) => {
      const d = findDeployment(world, deploymentId);
      return view(d, readLogs(d.buildLogs, window));
    },
    deploymentLogs: ({deploymentId, ...window}: {deploymentId: string} & LogWindow) => {
      const d = findDeployment(world, deploymentId);
      return view(d, readLogs(d.logs, window));
    },
    environmentLogs: ({environmentId, ...window}: {environmentId: string} & AnchoredWindow) => {
      inScope(world, {environmentId});
      const rows = world.deployments
        .flatMap((d) => d.logs.map((row) => ({...row, serviceId: d.serviceId})))
        .sort((a, b) => a.atMs - b.atMs);
      return readAnchored(rows, window, logTest(window.filter)).map((row) => logView(world, row.serviceId, row));
    },
    httpLogs: ({deploymentId, ...window}: {deploymentId: string} & AnchoredWindow) => {
      const d = findDeployment(world, deploymentId);
      const rows = serviceOf(world, d.serviceId)!.requests.filter((row) => row.deploymentId === d.id);
      return readAnchored(rows, window, requestTest(window.filter)).map(httpLogView);
    },
  };
}

function variableFields(world: World): RootFields {
  return {
    variables: ({unrendered, ...scope}: Scope & {unrendered?: boolean | null}) => {
      inScope(world, scope);
      if (scope.serviceId == null) return unsealed(world, world.sharedVariables);
      const service = scopedService(world, scope);
      const values = unrendered ? plain(service.variables) : deploymentVariables(world, service);
      return hideSealed(world, values, service.variables);
    },
    variablesForServiceDeployment: (scope: Scope) => {
      const service = scopedService(world, scope);
      return hideSealed(
        world,
        {...deploymentVariables(world, service), ...renderVariables(world, service)},
        service.variables,
      );
    },
  };
}

function unsealed(world: World, variables: ServiceRecord['variables']): Record<string, string | null> {
  return hideSealed(world, plain(variables), variables);
}

function hideSealed(
  world: World,
  values: Record<string, string>,
  records: ServiceRecord['variables'],
): Record<string, string | null> {
  const entries = Object.entries(values).map(([name, value]): [string, string | null] => [
    name,
    records[name]?.sealed ? null : value,
  ]);
  return Object.fromEntries(
    world.answers.sealed === 'absent' ? entries.filter(([, value]) => value !== null) : entries,
  );
}

function volumeFields(world: World): RootFields {
  return {
    volumeInstance: ({id}: {id: string}) => volumeInstanceView(world, findVolume(world, id)),
    volumeInstanceBackupList: ({volumeInstanceId}: {volumeInstanceId: string}) => {
      const volume = findVolume(world, volumeInstanceId);
      return volume.backups.map((backup) => ({
        id: backup.id,
        name: backup.name ?? null,
        createdAt: iso(backup.createdAtMs),
        expiresAt: maybeIso(backup.expiresAtMs),
        externalId: backup.externalId,
        usedMB: backup.usedMB,
        referencedMB: backup.usedMB,
        scheduleId: backup.scheduleId ?? null,
        volumeInstanceSizeMB: volume.sizeMB,
        creatorId: null,
      }));
    },
    volumeInstanceBackupScheduleList: ({volumeInstanceId}: {volumeInstanceId: string}) =>
      findVolume(world, volumeInstanceId).schedules.map(({id, kind, createdAtMs}) => ({
        id,
        kind,
        name: kind.toLowerCase(),
        createdAt: iso(createdAtMs),
        ...schedules[kind],
      })),
    workflowStatus: ({workflowId}: {workflowId: string}) => workflowState(world, workflowId),
  };
}

const dayS = 86_400;

const schedules: Record<string, {cron: string; retentionSeconds: number}> = {
  DAILY: {cron: '0 0 * * *', retentionSeconds: 6 * dayS},
  WEEKLY: {cron: '0 0 * * 0', retentionSeconds: 30 * dayS},
  MONTHLY: {cron: '0 0 1 * *', retentionSeconds: 90 * dayS},
};
