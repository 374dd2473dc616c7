import type {Container} from './container.js';
import type {EdgeRules} from './edge-rules.js';
import type {RailwayServiceOptions, RailwayStandInOptions} from './options.js';

/** What the stand-in remembers: plain data, changed in place. */

/** The published statuses; others can be scripted, since the platform grows. */
type DeploymentStatus = string;

export type Source =
  | {
      readonly kind: 'commit';
      readonly commit: string;
      readonly message: string;
      readonly repo: string;
      readonly branch: string;
    }
  | {readonly kind: 'image'; readonly image: string; readonly digest?: string}
  | {readonly kind: 'upload'; readonly message?: string; readonly archive: Buffer};

/** Why a deployment was made. */
export type Cause = 'deploy' | 'rollback' | 'redeploy' | 'push' | 'upload' | 'variables' | 'patch' | 'foreign';

export type EventStep =
  | 'SNAPSHOT_CODE'
  | 'BUILD_IMAGE'
  | 'PUBLISH_IMAGE'
  | 'MIGRATE_VOLUMES'
  | 'PRE_DEPLOY_COMMAND'
  | 'CREATE_CONTAINER'
  | 'CONFIGURE_NETWORK'
  | 'HEALTHCHECK'
  | 'DRAIN_INSTANCES'
  | 'WAIT_FOR_DEPENDENCIES';

export interface EventRecord {
  readonly id: string;
  readonly step: EventStep;
  readonly createdAtMs: number;
  completedAtMs?: number;
  payload?: {
    detail?: string;
    error?: string;
    attempt?: number;
    maxAttempts?: number;
    durationMs?: number;
    reason?: string;
    skipped?: boolean;
  };
}

export interface LogRow {
  readonly atMs: number;
  readonly message: string;
  readonly severity: string;
  readonly attributes: ReadonlyArray<{readonly key: string; readonly value: string}>;
  readonly deploymentId: string;
  readonly instanceId?: string;
}

export interface VariableRecord {
  value: string;
  readonly sealed: boolean;
}

/** A service's settings at one moment: a deployment keeps the ones it was made with. */
export interface ServiceSettings {
  healthcheckPath?: string;
  healthcheckTimeoutS: number;
  preDeployCommand: readonly string[];
  startCommand: readonly string[];
  overlapSeconds: number;
  drainingSeconds: number;
  restartPolicyMaxRetries: number;
  restartPolicyType: 'ALWAYS' | 'NEVER' | 'ON_FAILURE';
  numReplicas: number;
  watchPatterns: readonly string[];
  rootDirectory?: string;
  sleepApplication: boolean;
  /** The rest of what `serviceInstanceUpdate` stores, by name. */
  readonly other: Record<string, unknown>;
}

interface InstanceRecord {
  readonly id: string;
  status: string;
}

export interface DeploymentRecord {
  readonly id: string;
  readonly serviceId: string;
  readonly snapshotId: string;
  readonly source: Source;
  readonly cause: Cause;
  /** Custom variables, unrendered, as they were when it was made. */
  readonly variables: Readonly<Record<string, VariableRecord>>;
  readonly settings: ServiceSettings;
  readonly createdAtMs: number;
  status: DeploymentStatus;
  statusUpdatedAtMs: number;
  /** Folder with the unpacked source: the kept image. */
  files?: string;
  instances: InstanceRecord[];
  /** Taken down; also true until the first container runs. */
  stopped: boolean;
  /** Reached SUCCESS once. */
  onceGood: boolean;
  removedAtMs?: number;
  skippedReason?: string;
  reason?: string;
  readonly events: EventRecord[];
  readonly buildLogs: LogRow[];
  readonly logs: LogRow[];
  container?: Container;
  /** Where the database of a database image listens. */
  databasePort?: number;
  /** Set once its end has begun, so that an exit of its process is not a crash. */
  takenDown?: boolean;
  /** Ends whatever the deployment is doing; the reason is what its status becomes. */
  readonly abort: AbortController;
  /** Releases one that is held: WAITING, NEEDS_APPROVAL or QUEUED. */
  release?: (how: 'go' | {readonly skip: string}) => void;
  /** False while no read shows it yet: a rollback's deployment appears late. */
  listed: boolean;
}

export interface RequestRecord {
  readonly id: string;
  /** When it arrived. */
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly status: number;
  readonly durationMs: number;
  readonly upstreamMs: number;
  readonly srcIp: string;
  readonly userAgent: string;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly deploymentId?: string;
  readonly instanceId?: string;
  readonly upstreamError: string;
  /** Answered by an edge rule. */
  readonly blocked: boolean;
}

export interface ServiceRecord {
  readonly id: string;
  readonly name: string;
  readonly instanceId: string;
  readonly options: RailwayServiceOptions;
  settings: ServiceSettings;
  source: {repo?: string; image?: string};
  variables: Record<string, VariableRecord>;
  /** The deployment whose process gets the traffic; undefined before the first SUCCESS. */
  serving?: DeploymentRecord;
  /** What a deploy without a commit builds. */
  commit?: string;
  autoDeploy: boolean;
  trigger: {readonly id: string; branch: string; checkSuites: boolean; repository: string; rootDirectory?: string};
  edge: {
    readonly id: string;
    rules: EdgeRules | null /** Rules the front obeys by now. */;
    inForce: EdgeRules | null;
    underAttackUntilS?: number;
  };
  /** Public access by TCP; its variable appears once it is ACTIVE. */
  tcpProxy?: {
    readonly domain: string;
    readonly proxyPort: number;
    readonly applicationPort: number;
    syncStatus: string;
    /** How many deployments there were when it was made: only a later one makes it ACTIVE. */
    readonly after?: number;
  };
  /** It has a domain of the platform's; its front is that domain. */
  publicDomain: boolean;
  /** Port that domain leads to, when one was said. */
  domainPort?: number;
  readonly customDomains: CustomDomainRecord[];
  readonly requests: RequestRecord[];
  /** What `latestDeployment` names. */
  latest?: DeploymentRecord;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface CustomDomainRecord {
  readonly id: string;
  readonly domain: string;
  readonly targetPort?: number;
  /** First label of the platform's name that the domain's CNAME must lead to. */
  readonly target: string;
  /** The DNS records were seen. */
  verified: boolean;
  readonly createdAtMs: number;
}

/** The one project of a stand-in: when it is deleted, another one may take its place. */
export interface ProjectRecord {
  readonly projectId: string;
  readonly environmentId: string;
  readonly name: string;
  /** Tokens that are accepted; none once it is deleted. */
  readonly tokens: RailwayStandInOptions['tokens'];
}

export interface BackupRecord {
  readonly id: string;
  readonly name?: string;
  readonly createdAtMs: number;
  expiresAtMs?: number;
  readonly externalId: string;
  readonly usedMB: number;
  readonly scheduleId?: string;
}

export interface VolumeRecord {
  readonly id: string;
  readonly volumeId: string;
  readonly serviceId?: string;
  mounted: boolean;
  readonly mountPath: string;
  state: string;
  readonly sizeMB: number;
  usedMB: number;
  readonly createdAtMs: number;
  backups: BackupRecord[];
  schedules: Array<{readonly id: string; readonly kind: string; readonly createdAtMs: number}>;
}

export interface WorkflowRecord {
  readonly id: string;
  /** Polls that still answer NotFound: the platform's reads lag its writes. */
  unseen: number;
  status: 'Running' | 'Complete' | 'Error';
  error?: string;
}

export interface PatchRecord {
  readonly id: string;
  patch: Record<string, unknown>;
  status: 'STAGED' | 'APPLYING' | 'COMMITTED';
  readonly createdAtMs: number;
  updatedAtMs: number;
  appliedAtMs?: number;
  message?: string;
}
