import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {Containers} from './container.js';
import type {Forwarder} from './forwarder.js';
import type {Fronts} from './front.js';
import {
  type BucketCredentials,
  type ConnectedRepository,
  defaultAnswers,
  imageRetentionMs,
  measuredDelays,
  type Plan,
  type RailwayAnswers,
  type RailwayDelays,
  type RailwayServiceOptions,
  type RailwayStandInOptions,
  type RunningDatabase,
  rehearsalDelays,
} from './options.js';
import type {
  DeploymentRecord,
  PatchRecord,
  ProjectRecord,
  ServiceRecord,
  ServiceSettings,
  VariableRecord,
  VolumeRecord,
  WorkflowRecord,
} from './records.js';
import type {Scripted} from './script.js';

/** All that one stand-in knows, and its clock. */
export interface World {
  readonly options: RailwayStandInOptions;
  project: ProjectRecord;
  readonly plan: Plan;
  readonly delays: RailwayDelays;
  readonly answers: RailwayAnswers;
  readonly services: ServiceRecord[];
  /** In the order they were made. */
  readonly deployments: DeploymentRecord[];
  readonly containers: Containers;
  readonly script: Scripted[];
  sharedVariables: Record<string, VariableRecord>;
  readonly volumes: VolumeRecord[];
  readonly workflows: WorkflowRecord[];
  staged?: PatchRecord;
  readonly changes: StatusChange[];
  readonly metrics: SeededMetric[];
  /** Credentials of provisioned buckets by id. */
  readonly buckets: Map<string, BucketCredentials>;
  platform: {isStable: boolean; incident?: Record<string, unknown>};
  /** Aborted when the stand-in closes. */
  readonly closing: AbortController;
  /** Background work that `close` waits for. */
  readonly running: Set<Promise<unknown>>;
  readonly fronts: Fronts;
  /** Open TCP proxies by service. */
  readonly forwarders: Map<string, Forwarder>;
  /** Database servers by the volume that holds their data. */
  readonly databases: Map<string, Promise<RunningDatabase>>;
  /** The platform's own domain of a service, without scheme. */
  hostOf(serviceId: string): string | undefined;
  /** When API requests of the last hour came, for the quota. */
  readonly asked: number[];
  now(): number;
  advance(ms: number): void;
}

export interface StatusChange {
  readonly atMs: number;
  readonly serviceId: string;
  readonly deploymentId: string;
  readonly status: string;
}

/** One series for the `metrics` query. */
export interface SeededMetric {
  readonly serviceId: string;
  readonly deploymentId?: string;
  readonly measurement: string;
  readonly values: ReadonlyArray<{readonly ts: number; readonly value: number}>;
}

export function createWorld(options: RailwayStandInOptions, fronts: Fronts): World {
  const clock = options.now ?? Date.now;
  let offsetMs = 0;
  const now = () => clock() + offsetMs;
  const {projectId, environmentId, tokens} = options;
  const services = options.services.map((service) => serviceRecord(service, now()));
  return {
    options,
    project: {projectId, environmentId, name: 'rehearsal', tokens},
    plan: options.plan ?? 'hobby',
    delays: {
      ...(options.pace === undefined ? rehearsalDelays : scaled(measuredDelays, options.pace)),
      ...options.delaysMs,
    },
    answers: {...defaultAnswers, ...options.answers},
    services,
    deployments: [],
    containers: new Containers(),
    script: [],
    sharedVariables: variableRecords(options.sharedVariables ?? {}),
    volumes: options.services.flatMap((service) =>
      service.volume ? [volumeRecord(service.id, service.volume, now())] : [],
    ),
    workflows: [],
    changes: [],
    metrics: [],
    buckets: new Map(
      (options.buckets ?? []).flatMap(({id, credentials}) => (credentials ? [[id, credentials] as const] : [])),
    ),
    platform: {isStable: true},
    closing: new AbortController(),
    running: new Set(),
    asked: [],
    fronts,
    forwarders: new Map(),
    databases: new Map(),
    hostOf: (id) => (services.find((service) => service.id === id)?.publicDomain ? fronts.hostOf(id) : undefined),
    now,
    advance: (ms) => {
      offsetMs += ms;
    },
  };
}

function scaled(delays: RailwayDelays, pace: number): RailwayDelays {
  return Object.fromEntries(Object.entries(delays).map(([name, ms]) => [name, ms * pace])) as unknown as RailwayDelays;
}

export function serviceRecord(options: RailwayServiceOptions, nowMs: number): ServiceRecord {
  return {
    id: options.id,
    name: options.name,
    instanceId: `instance-${options.id}`,
    options,
    settings: settingsOf(options),
    source: {repo: options.repo?.fullName, image: options.image},
    variables: variableRecords(options.variables ?? {}),
    autoDeploy: options.autoDeploy ?? false,
    trigger: {
      id: `trigger-${options.id}`,
      branch: options.repo?.branch ?? '',
      checkSuites: options.checkSuites ?? false,
      repository: options.repo?.fullName ?? '',
      rootDirectory: options.folder,
    },
    edge: {id: `edge-${options.id}`, rules: null, inForce: null},
    tcpProxy: options.tcpProxy && {...options.tcpProxy, syncStatus: 'ACTIVE'},
    publicDomain: options.publicDomain ?? options.volume === undefined,
    customDomains: (options.customDomains ?? []).map((domain, i) => ({
      id: `custom-${options.id}-${i}`,
      domain,
      target: `custom-${i}`,
      verified: true,
      createdAtMs: nowMs,
    })),
    requests: [],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

function settingsOf(options: RailwayServiceOptions): ServiceSettings {
  return {
    healthcheckPath: options.healthcheckPath,
    healthcheckTimeoutS: options.healthcheckTimeoutS ?? 300,
    preDeployCommand: options.preDeployCommand ?? [],
    startCommand: options.startCommand ?? [],
    overlapSeconds: options.overlapSeconds ?? 0,
    drainingSeconds: options.drainingSeconds ?? 0,
    restartPolicyMaxRetries: options.restartPolicyMaxRetries ?? 10,
    restartPolicyType: 'ON_FAILURE',
    numReplicas: 1,
    watchPatterns: options.watchPatterns ?? [],
    rootDirectory: options.folder,
    sleepApplication: false,
    other: {},
  };
}

export function volumeRecord(
  serviceId: string,
  volume: NonNullable<RailwayServiceOptions['volume']>,
  nowMs: number,
): VolumeRecord {
  return {
    id: `volume-instance-${serviceId}`,
    volumeId: `volume-${serviceId}`,
    serviceId,
    mounted: true,
    mountPath: volume.mountPath,
    state: 'READY',
    sizeMB: volume.sizeMB ?? 1_000,
    usedMB: volume.usedMB ?? 100,
    createdAtMs: nowMs,
    backups: [],
    schedules: [],
  };
}

export function variableRecords(
  values: Readonly<Record<string, string | {readonly value: string; readonly sealed: true}>>,
): Record<string, VariableRecord> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? {value, sealed: false} : {...value},
    ]),
  );
}

export function serviceOf(world: World, id: string): ServiceRecord | undefined {
  return world.services.find((service) => service.id === id);
}

/** The local repository behind the one a service is connected to. */
export function repositoryOf(world: World, service: ServiceRecord): ConnectedRepository | undefined {
  const known = [...(world.options.repositories ?? []), ...world.options.services.flatMap(({repo}) => repo ?? [])];
  return known.find(({fullName}) => fullName === service.source.repo) ?? service.options.repo;
}

export function volumeOf(world: World, service: ServiceRecord): VolumeRecord | undefined {
  return world.volumes.find((volume) => volume.mounted && volume.serviceId === service.id);
}

export function newId(): string {
  return randomUUID();
}

/** Waits, unless the deployment or the stand-in is ended first; then it throws the end's reason. */
export async function pause(world: World, ms: number, signal?: AbortSignal): Promise<void> {
  const either = signal ? AbortSignal.any([signal, world.closing.signal]) : world.closing.signal;
  try {
    await sleep(ms, undefined, {signal: either});
  } catch {
    throw either.reason;
  }
}

/** Lets work run on its own; `close` waits for it. Ends by closing are not errors. */
export function inBackground(world: World, work: Promise<unknown>): void {
  const tracked: Promise<unknown> = work
    .catch((error: unknown) => {
      if (!world.closing.signal.aborted)
        process.emitWarning(`stand-in: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    })
    .finally(() => world.running.delete(tracked));
  world.running.add(tracked);
}

/** Deployed and running (or asleep until the next request); two during an overlap. Newest first. */
export function activeDeployments(world: World, service: ServiceRecord): DeploymentRecord[] {
  return world.deployments.filter((d) => d.serviceId === service.id && isActive(d)).reverse();
}

function isActive(d: DeploymentRecord): boolean {
  return d.status === 'SLEEPING' || (d.status === 'SUCCESS' && !d.stopped && !d.takenDown);
}

/** Can it be gone back to without building: once good, and its image not yet dropped. */
export function canRollback(world: World, deployment: DeploymentRecord): boolean {
  if (!deployment.onceGood || (deployment.source.kind !== 'image' && deployment.files === undefined)) return false;
  return deployment.removedAtMs === undefined || world.now() - deployment.removedAtMs < imageRetentionMs[world.plan];
}
