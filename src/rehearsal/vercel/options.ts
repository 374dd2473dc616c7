import type {Recorded} from '../stand-in.js';

/** How a deployment ends. Chosen by `script.next`, or by the deployment's own `meta.twin`. */
export const outcomes = [
  'ready',
  'error',
  'canceled',
  'blocked',
  'stuck',
  'alias-error',
  'check-failed',
  'alias-stuck',
] as const;
export type Outcome = (typeof outcomes)[number];

export interface EnvVar {
  readonly key: string;
  readonly value?: string;
  readonly type?: 'plain' | 'encrypted' | 'sensitive' | 'secret' | 'system';
  /** Default: production and preview. */
  readonly target?: ReadonlyArray<'production' | 'preview' | 'development'>;
  readonly gitBranch?: string;
}

export interface RollingReleaseStage {
  /** Percentage of traffic that the canary receives; the last stage is 100. */
  readonly targetPercentage: number;
  /** Minutes, as the configuration endpoint counts them. Without it the stage waits for approval. */
  readonly duration?: number;
}

/** Deployment Protection, by the platform's own words. `prod_deployment_urls_and_all_previews` is the usual one. */
export type ProtectionType = 'all' | 'preview' | 'prod_deployment_urls_and_all_previews' | 'all_except_custom_domains';

export type BuildStep = (
  sources: ReadonlyMap<string, Buffer>,
  deploymentId: string,
  variables: Readonly<Record<string, string>>,
) => Promise<ReadonlyMap<string, Buffer>>;

export interface ProjectOptions {
  readonly id: string;
  readonly name: string;
  /** How many production domains; each is a listener of its own named `127.0.0.1:PORT`. Default 1. */
  readonly productionHosts?: number;
  /** Further production domains by name, served by every listener to requests that carry the name as their Host. */
  readonly domains?: readonly string[];
  readonly env?: readonly EnvVar[];
  /** Variables that the token may not see: only their number is told. */
  readonly hiddenProductionEnvCount?: number;
  /** The free plan: only the immediately previous production deployment can be rolled back to. */
  readonly hobby?: boolean;
  /** `true` is the platform's usual protection: generated addresses covered, production domains open. */
  readonly protection?: boolean | ProtectionType;
  /** A bypass secret that exists from the start. */
  readonly bypassSecret?: string;
  /** The project's setting "auto-assign custom production domains". Default true. */
  readonly autoAssign?: boolean;
  readonly rollingRelease?: {readonly stages: readonly RollingReleaseStage[]};
  readonly linkedRepo?: {readonly org: string; readonly repo: string; readonly productionBranch?: string};
  readonly rootDirectory?: string;
  readonly crons?: boolean;
  /**
   * The build step: sources to what is served, with the project's production variables as they were when the deployment
   * was made. Without it files are served as they are; a rejection fails the build.
   */
  readonly build?: BuildStep;
  /** Slugs of custom environments that a deployment may target. */
  readonly customEnvironments?: readonly string[];
  /** Checks (v2) that the project demands. */
  readonly checks?: ReadonlyArray<{
    readonly name: string;
    readonly blocks: 'deployment-alias' | 'deployment-promotion' | 'none';
  }>;
}

/** Real platforms take seconds to minutes; nothing published says how long, so each step is an option. */
export interface Delays {
  /** QUEUED to INITIALIZING. */
  readonly initializing: number;
  /** INITIALIZING to BUILDING. */
  readonly building: number;
  /** BUILDING to READY, ERROR, CANCELED or BLOCKED. */
  readonly ready: number;
  /** READY to `aliasAssigned`. */
  readonly aliasAssigned: number;
  /** Accepted promote or rollback to `in-progress`. */
  readonly promoteStart: number;
  /** `in-progress` to its end; the domains move one after the other within it. */
  readonly promoteDone: number;
}

export const rehearsalDelays: Delays = {
  initializing: 20,
  building: 30,
  ready: 60,
  aliasAssigned: 20,
  promoteStart: 20,
  promoteDone: 60,
};

/**
 * Where sources disagree or are silent, the stand-in can be either. The defaults are the more demanding reading for a
 * client, except where a published client fails on it.
 */
export interface Quirks {
  /** `…/promote/aliases` entries: a string (SDK) or an object with the deployment (command line). */
  readonly promoteAliases: 'sdk' | 'cli';
  /** Plain HTML deployments are READY in the answer to their creation. */
  readonly instantStatic: boolean;
  /** `autoAssignCustomDomains` reads false while a rollback holds it off. */
  readonly rollbackShowsInAutoAssign: boolean;
  /** `lastAliasRequest` is told only to `rollbackInfo=true`. */
  readonly rollbackInfoOnRequest: boolean;
  /** Which of the three documented shapes the list of variables has. */
  readonly envShape: 'hidden-count' | 'pagination' | 'single';
  /** What an unauthenticated request to a protected address gets. */
  readonly protectionAnswer: '401' | 'redirect';
  /** Requests without a team act on the token's default team instead of the personal account. */
  readonly defaultTeam: boolean;
  /** `pagination` of list answers is null. */
  readonly nullPagination: boolean;
}

export const usualQuirks: Quirks = {
  promoteAliases: 'sdk',
  instantStatic: true,
  rollbackShowsInAutoAssign: true,
  rollbackInfoOnRequest: false,
  envShape: 'hidden-count',
  protectionAnswer: '401',
  defaultTeam: false,
  nullPagination: false,
};

export interface VercelStandInOptions {
  /** A token of an account that is a member of the team. */
  readonly token: string;
  /** Further tokens that reach one project only: token to project id. Account and team resources refuse them. */
  readonly projectTokens?: Readonly<Record<string, string>>;
  readonly team: {readonly id: string; readonly slug: string};
  readonly projects: readonly ProjectOptions[];
  /** Domains in the team's registry, which aliases may be made under without being a project's domain. */
  readonly teamDomains?: readonly string[];
  readonly delaysMs?: Partial<Delays>;
  readonly quirks?: Partial<Quirks>;
  /** The platform's time in epoch milliseconds. With it no timers run: due changes happen at the next request. */
  readonly now?: () => number;
  /** Time stands still and moves only by `advance(ms)`. */
  readonly manual?: boolean;
  readonly onRequest?: (recorded: Recorded) => void;
  readonly port?: number;
}
