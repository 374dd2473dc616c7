/** What a caller may say when starting the stand-in, and the defaults for all it leaves out. */

export type Plan = 'free' | 'hobby' | 'pro';

export interface RailwayServiceOptions {
  readonly id: string;
  readonly name: string;
  /** A connected repository. */
  readonly repo?: ConnectedRepository;
  /** An image service. Without an entry in `images` its container is only pretended. */
  readonly image?: string;
  /** Sub-folder of the commit that is the service (the platform's root directory). */
  readonly folder?: string;
  /** Custom variables; `{value, sealed}` for sealed ones. May hold references such as `${{Postgres.PGHOST}}`. */
  readonly variables?: Readonly<Record<string, string | {readonly value: string; readonly sealed: true}>>;
  readonly healthcheckPath?: string;
  /** Default 300, as on the platform. */
  readonly healthcheckTimeoutS?: number;
  readonly preDeployCommand?: readonly string[];
  /** Argument list; `node` is the Node that runs the stand-in. */
  readonly startCommand?: readonly string[];
  readonly autoDeploy?: boolean;
  /** Wait for CI: deployments made by a push wait until `finishChecks`. */
  readonly checkSuites?: boolean;
  readonly watchPatterns?: readonly string[];
  readonly overlapSeconds?: number;
  /** SIGTERM to SIGKILL when a deployment is taken down. Default 0. */
  readonly drainingSeconds?: number;
  readonly restartPolicyMaxRetries?: number;
  /** A service with a volume never runs two deployments at once. */
  readonly volume?: {readonly mountPath: string; readonly sizeMB?: number; readonly usedMB?: number};
  /** Public access by TCP proxy: where it leads. Without it `tcpProxies` is empty. */
  readonly tcpProxy?: {readonly domain: string; readonly proxyPort: number; readonly applicationPort: number};
  readonly customDomains?: readonly string[];
  /** False: no public domain and no HTTP front. Default true. */
  readonly publicDomain?: boolean;
}

/** What an image holds: a local folder and how it is started. */
export interface RailwayImage {
  readonly folder: string;
  readonly startCommand: readonly string[];
  readonly preDeployCommand?: readonly string[];
  readonly digest?: string;
}

/** Waits in milliseconds at the steps of a deployment's life. */
export interface RailwayDelays {
  /** In INITIALIZING. */
  readonly initializing: number;
  /** In BUILDING, on top of unpacking the commit. */
  readonly building: number;
  /** From DEPLOYING to the container's creation. */
  readonly creating: number;
  /** From the container's creation to its process being started. */
  readonly starting: number;
  /** From a healthy (or merely running) container to SUCCESS. */
  readonly settling: number;
  /** Between two health checks. */
  readonly healthcheckInterval: number;
  /** From the switch of traffic until the old deployment is REMOVING, on top of the overlap. */
  readonly removing: number;
  /** Before a crashed process is started again. */
  readonly restart: number;
  /** From a rollback's `true` until its new deployment is listed. */
  readonly rollbackAppears: number;
  /** Until the edge obeys changed rules. */
  readonly edgeRules: number;
  /** How long `latestDeployment` goes on naming the previous one. */
  readonly latestLag: number;
  /** One step of a volume workflow. */
  readonly workflow: number;
  /** From a database image's first start, which counts as good, until its server takes connections. */
  readonly initdb: number;
}

/** Short enough for a rehearsal, and still in the platform's order. */
export const rehearsalDelays: RailwayDelays = {
  initializing: 30,
  building: 120,
  creating: 30,
  starting: 20,
  settling: 50,
  healthcheckInterval: 60,
  removing: 400,
  restart: 60,
  rollbackAppears: 120,
  edgeRules: 80,
  latestLag: 0,
  workflow: 60,
  initdb: 400,
};

/** What was measured on the platform for an image service without healthcheck; builds take minutes on top. */
export const measuredDelays: RailwayDelays = {
  initializing: 1_300,
  building: 60_000,
  creating: 1_300,
  starting: 1_400,
  settling: 5_500,
  healthcheckInterval: 1_000,
  removing: 12_000,
  restart: 1_000,
  rollbackAppears: 2_500,
  edgeRules: 1_000,
  latestLag: 1_000,
  workflow: 2_000,
  initdb: 3_000,
};

/** Where sources are silent or disagree, the stand-in can answer either way. */
export interface RailwayAnswers {
  /** HTTP status of a document that fails validation: 200 was measured, 400 is documented. */
  readonly validationStatus: 200 | 400;
  /** What `variables` says of a sealed variable. */
  readonly sealed: 'null' | 'absent';
  readonly cancelLeaves: 'REMOVED' | 'FAILED';
  /** Sends `X-RateLimit-*` beside `RateLimit-Policy`. */
  readonly rateLimitHeaders: boolean;
  /** Counts requests against the plan's hourly quota and answers 429 beyond it. */
  readonly quotaEnforced: boolean;
  /** The front of the platform refuses requests to the bare path with 429. */
  readonly queryStringRequired: boolean;
  /** A newer deployment ends an older one that is still in flight. */
  readonly supersedesInFlight: boolean;
  /** A rollback also puts back the service's stored variables. */
  readonly rollbackRewritesVariables: boolean;
  /** Deployments made through the API carry `RAILWAY_GIT_*`. */
  readonly gitVariablesForApiDeploys: boolean;
  /** Requests answered by an edge rule count in the HTTP metrics. */
  readonly blockedCounted: boolean;
  /** What visitors of a stopped deployment get. */
  readonly stoppedFront: 'hang' | 502;
  /** Root fields for which a project token answers "Not Authorized". */
  readonly projectTokenLacks: readonly string[];
}

export const defaultAnswers: RailwayAnswers = {
  validationStatus: 200,
  sealed: 'null',
  cancelLeaves: 'REMOVED',
  rateLimitHeaders: false,
  quotaEnforced: false,
  queryStringRequired: false,
  supersedesInFlight: false,
  rollbackRewritesVariables: false,
  gitVariablesForApiDeploys: true,
  blockedCounted: false,
  stoppedFront: 'hang',
  projectTokenLacks: [],
};

/** Access to an S3 bucket as the platform hands it out. */
export interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly endpoint: string;
  readonly bucketName: string;
  readonly region: string;
  readonly urlStyle: string;
}

/** What the environment of a database image asks for. */
export interface WantedDatabase {
  readonly major: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface RunningDatabase {
  readonly port: number;
  close(): Promise<void>;
}

export interface ConnectedRepository {
  /** `owner/name` */
  readonly fullName: string;
  /** The local git repository that stands for it. */
  readonly path: string;
  readonly branch: string;
}

export interface RailwayStandInOptions {
  readonly tokens: {readonly project?: string; readonly workspace?: string; readonly account?: string};
  readonly projectId: string;
  readonly environmentId: string;
  readonly services: readonly RailwayServiceOptions[];
  readonly sharedVariables?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, RailwayImage>>;
  /** What a repository that is connected through the API means, beside those of `services`. */
  readonly repositories?: readonly ConnectedRepository[];
  /** Starts the server of a PostgreSQL image; without it such a container is only pretended. */
  readonly startDatabase?: (wanted: WantedDatabase) => Promise<RunningDatabase>;
  readonly buckets?: ReadonlyArray<{
    readonly id: string;
    readonly name: string;
    /** Undefined until provisioned: then its credentials are refused. */
    readonly credentials?: BucketCredentials;
  }>;
  /** Decides image retention and the limits named in headers. Default `hobby`. */
  readonly plan?: Plan;
  /** Speed as a share of the platform's measured times: 1 is its own pace. Default: the short times of a rehearsal. */
  readonly pace?: number;
  /** Single waits that differ from the pace. */
  readonly delaysMs?: Partial<RailwayDelays>;
  readonly answers?: Partial<RailwayAnswers>;
  /** Epoch milliseconds; default the system's. `advance` adds to it. */
  readonly now?: () => number;
  /** Where commits are unpacked. Must lie under a folder from which the services' packages resolve. */
  readonly workDir: string;
  readonly port?: number;
}

const hourMs = 3_600_000;

/** How long a removed deployment's image is kept, after which a rollback to it is impossible. */
export const imageRetentionMs: Readonly<Record<Plan, number>> = {
  free: 24 * hourMs,
  hobby: 72 * hourMs,
  pro: 120 * hourMs,
};

/** Requests allowed per hour. */
export const hourlyQuota: Readonly<Record<Plan, number>> = {free: 100, hobby: 1_000, pro: 10_000};
