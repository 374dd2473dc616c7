import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {Containers} from './container.js';
import {
  type BucketCredentials,
  defaultAnswers,
  imageRetentionMs,
  measuredDelays,
  type Plan,
  type RailwayAnswers,
  type RailwayDelays,
  type RailwayServiceOptions,
  type RailwayStandInOptions,
  rehearsalDelays,
} from './options.js';
import type {
  DeploymentRecord,
  PatchRecord,
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
  /** Address of a service's public front, without scheme. */
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

export function createWorld(options: RailwayStandInOptions, hostOf: World['hostOf']): World {
  const clock = options.now ?? Date.now;
  let offsetMs = 0;
  const now = () => clock() + offsetMs;
  return {
    options,
    plan: options.plan ?? 'hobby',
    delays: {
      ...(options.pace === undefined ? rehearsalDelays : scaled(measuredDelays, options.pace)),
      ...options.delaysMs,
    },
    answers: {...defaultAnswers, ...options.answers},
    services: options.services.map((service) => serviceRecord(service, now())),
    deployments: [],
    containers: new Containers(),
    script: [],
    sharedVariables: variableRecords(options.sharedVariables ?? {}),
    volumes: options.services.flatMap((service) =>
      service.volume ? [volumeRecord(service, service.volume, now())] : [],
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
    hostOf,
    now,
    advance: (ms) => {
      offsetMs += ms;
    },
  };
}

function scaled(delays: RailwayDelays, pace: number): RailwayDelays {
  return Object.fromEntries(Object.entries(delays).map(([name, ms]) => [name, ms * pace])) as unknown as RailwayDelays;
}

function serviceRecord(options: RailwayServiceOptions, nowMs: number): ServiceRecord {
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

function volumeRecord(
  service: RailwayServiceOptions,
  volume: NonNullable<RailwayServiceOptions['volume']>,
  nowMs: number,
): VolumeRecord {
  return {
    id: `volume-instance-${service.id}`,
    volumeId: `volume-${service.id}`,
    serviceId: service.id,
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
