import type {EnvVar, Outcome, ProjectOptions, ProtectionType, RollingReleaseStage} from './options.js';
import type {Site} from './site.js';

export type ReadyState = 'QUEUED' | 'INITIALIZING' | 'BUILDING' | 'READY' | 'ERROR' | 'CANCELED' | 'BLOCKED';
export type Target = 'production' | 'staging' | null;

/** One line of a build log, in the platform's shape. */
export interface BuildEvent {
  readonly type: string;
  readonly created: number;
  readonly date: number;
  readonly id?: string;
  readonly serial?: string;
  readonly deploymentId: string;
  readonly text?: string;
  readonly level?: 'error' | 'warning';
  readonly info?: Record<string, unknown>;
  readonly alias?: readonly string[];
  readonly aliasError?: unknown;
  readonly aliasWarning?: unknown;
}

/** How the app of a deployment behaves; without it, the uploaded files are served. */
export interface Health {
  readonly status?: number;
  readonly latencyMs?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which paths, with `*` for any run of characters; default all. */
  readonly path?: string;
  /** Flapping: only each n-th matching request is hit. */
  readonly every?: number;
  /** Leaves the first n matching requests alone. */
  readonly after?: number;
  /** The connection is closed without an answer. */
  readonly drop?: boolean;
}

export interface Deployment {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  /** Its own address, `127.0.0.1:PORT`. */
  readonly host: string;
  readonly target: Target;
  readonly customEnvironment?: string;
  readonly createdAt: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly git: Readonly<Record<string, unknown>>;
  readonly source: string;
  readonly prebuilt: boolean;
  readonly envNames: readonly string[];
  readonly buildEnvNames: readonly string[];
  readonly regions: readonly string[];
  readonly projectSettings: Readonly<Record<string, unknown>>;
  /** The flag of the request; undefined leaves it to the project. */
  readonly autoAssign: boolean | undefined;
  readonly files: ReadonlyArray<{
    readonly file: string;
    readonly mode: number;
    readonly sha?: string;
    readonly size: number;
  }>;
  readonly site: Site;
  readonly outcome: Outcome;
  readonly log: BuildEvent[];
  readyState: ReadyState;
  readySubstate?: 'STAGED' | 'ROLLING' | 'PROMOTED';
  buildingAt?: number;
  initReadyAt?: number;
  ready?: number;
  canceledAt?: number;
  deletedAt?: number;
  aliasAssignedAt?: number;
  aliasError?: {code: string; message: string};
  aliasHosts: string[];
  checksState?: 'registered' | 'running' | 'completed';
  checksConclusion?: 'succeeded' | 'failed' | 'skipped' | 'canceled';
  error?: {code: string; message: string; step: string; link: string};
  readyStateReason?: string;
  seatBlock?: {blockCode: string; userId: string; isVerified: boolean; gitProvider: string};
  isInstantStatic?: boolean;
  /** Has served production traffic: what makes it a rollback candidate. */
  everLive: boolean;
  health?: Health;
  healthHits: number;
}

export interface Alias {
  readonly uid: string;
  readonly host: string;
  readonly projectId: string;
  deploymentId: string;
  readonly created: number;
  updatedAt: number;
  redirect: string | null;
}

export interface Domain {
  readonly name: string;
  readonly createdAt: number;
  updatedAt: number;
  verified: boolean;
  gitBranch: string | null;
  redirect: string | null;
  redirectStatusCode: number | null;
}

export interface StoredEnv extends EnvVar {
  readonly id: string;
  readonly createdAt: number;
  updatedAt: number;
}

export type JobStatus = 'pending' | 'in-progress' | 'succeeded' | 'failed' | 'skipped';

export interface AliasRequest {
  readonly fromDeploymentId: string | null;
  readonly toDeploymentId: string;
  readonly requestedAt: number;
  readonly type: 'promote' | 'rollback';
  jobStatus: JobStatus;
}

export interface JobAlias {
  readonly id: string;
  readonly alias: string;
  readonly deploymentId: string;
  readonly created: number;
  status: 'completed' | 'in-progress' | 'pending' | 'failed';
}

export interface RollingRelease {
  readonly canaryId: string;
  readonly currentId: string;
  readonly stages: readonly RollingReleaseStage[];
  readonly startedAt: number;
  updatedAt: number;
  state: 'ACTIVE' | 'COMPLETE' | 'ABORTED';
  stageIndex: number;
  queuedDeploymentId: string | null;
}

export interface Bypass {
  readonly scope: 'automation-bypass';
  readonly createdAt: number;
  readonly createdBy: string;
  isEnvVar: boolean;
  note?: string;
}

export interface Project {
  readonly options: ProjectOptions;
  readonly id: string;
  name: string;
  readonly createdAt: number;
  updatedAt: number;
  autoAssign: boolean;
  /** Set by a rollback, cleared by a promote; ordinary production deployments stay staged meanwhile. */
  rolledBack: boolean;
  paused: boolean;
  protection: ProtectionType | null;
  readonly bypass: Map<string, Bypass>;
  readonly domains: Domain[];
  readonly env: StoredEnv[];
  /** The deployment that production is set to, as the project tells it. */
  liveId?: string;
  cronsDeploymentId?: string;
  /** What was live before, oldest first, without the present one. */
  readonly formerLive: string[];
  lastAliasRequest: AliasRequest | null;
  jobAliases: {promote: JobAlias[]; rollback: JobAlias[]};
  rollbackDescription?: {description: string; createdAt: number; userId: string; username: string};
  rollingReleaseStages: readonly RollingReleaseStage[] | null;
  rollingRelease: RollingRelease | null;
  readonly settings: Record<string, unknown>;
}
