/**
 * The port between the release logic and a hosting platform.
 *
 * Every call takes an AbortSignal and ends within its own deadline; none counts an exit code, an HTTP 200 or a `true`
 * as done: what it returns was read back from the platform. Every refusal is a `Failure` with a remedy.
 */

export type Component = 'frontend' | 'backend';

/** What was serving on a component, read from the platform itself. Identifiers only: it is stored in the ledger. */
export interface Anchor {
  readonly component: Component;
  readonly platform: 'vercel' | 'railway';
  readonly deploymentId: string;
  /** Full SHA when the platform knows it. */
  readonly commit?: string;
  /** Image reference with digest for image services. */
  readonly image?: string;
  /** Immutable URL of this very deployment, when the platform gives one (Vercel does, Railway does not). */
  readonly url?: string;
  /** The platform's ids of where it runs, when they take a search to find: the way back need not search again. */
  readonly place?: string;
  /** Public hosts that resolved to it when it was read. */
  readonly hosts: readonly string[];
  readonly createdAtMs: number;
  readonly readAtMs: number;
  /** Can it be gone back to? With the reason, and the remedy, when not. `rebuild`: only by building the commit again. */
  readonly restorable:
    | {readonly by: 'rollback' | 'rebuild'}
    | {readonly by: 'none'; readonly why: string; readonly remedy: string};
}

/** What serves now; the same facts as an anchor's. */
export type Live = Anchor;

export interface DeployRequest {
  /** Full 40-character SHA of the release. */
  readonly commit: string;
  /** Release id; written into the deployment's metadata where there is any, and looked up before any repeat. */
  readonly release: string;
  readonly message?: string;
  /** Folder to upload, absolute. Used by upload deployments. */
  readonly path?: string;
}

/**
 * How a deployment of this run ended. Only `ready` is good; the others are results of their own, so that a caller can
 * say what really happened.
 */
export type DeployOutcome =
  | 'ready'
  | 'failed'
  | 'canceled'
  | 'blocked'
  | 'awaiting-approval'
  | 'skipped'
  | 'superseded'
  | 'deleted'
  | 'timed-out';

export interface Deployment {
  readonly component: Component;
  readonly deploymentId: string;
  readonly outcome: DeployOutcome;
  /** True when its traffic is still kept from users (Vercel's staged production). */
  readonly staged: boolean;
  /** True when a deployment of the same release or commit was found and taken over instead of made. */
  readonly adopted: boolean;
  readonly commit?: string;
  readonly image?: string;
  /** Where this very deployment answers. For Railway the service's public address once live. */
  readonly url?: string;
  /** The platform's own page about it. */
  readonly inspectUrl?: string;
  readonly durationMs: number;
  /** For everything but `ready`: what the platform said, and the remedy. */
  readonly reason?: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly logTail: readonly string[];
  };
  readonly warnings: readonly string[];
}

export interface Promotion {
  readonly deploymentId: string;
  /** Each production host and what it was read back to serve. */
  readonly hosts: ReadonlyArray<{readonly host: string; readonly deploymentId: string}>;
  /** False when it already was the current one. */
  readonly changed: boolean;
  readonly durationMs: number;
}

export interface Rollback {
  readonly component: Component;
  /** `restored`: changed and read back. `already`: was at its target, verified, not touched. */
  readonly outcome: 'restored' | 'already';
  /** What serves now. On Railway a rollback is a new deployment with the target's image: a new id. */
  readonly live: Live;
  /** `rollback`: the kept artefact. `rebuild`: built again from the commit, said plainly to the reader. `none`: untouched. */
  readonly by: 'rollback' | 'rebuild' | 'none';
  readonly durationMs: number;
  readonly requests: number;
  readonly warnings: readonly string[];
}

/** One row of the preflight table. */
export interface Finding {
  readonly area: string;
  /** What was checked. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem' | 'unknown';
  /** What was found, for people; no secret. */
  readonly found: string;
  /** Imperative sentence; required unless ok. */
  readonly remedy?: string;
}

/** Takes one line for the log, already free of secrets and of line breaks. */
export type Progress = (line: string) => void;

export interface PlatformCall {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Platform {
  readonly component: Component;
  readonly name: 'vercel' | 'railway';

  /** Checks credentials, project, settings and required variables. Makes no write. Never throws for a finding. */
  preflight(
    requirements: {
      readonly requiredVariables: readonly string[];
      readonly repository?: string;
      readonly commit?: string;
    },
    call: PlatformCall,
  ): Promise<Finding[]>;

  /** What serves production now; undefined when nothing ever did. */
  readLive(call: PlatformCall): Promise<Live | undefined>;

  /** Moves production traffic to a ready deployment and reads it back. Where deploying is going live, verifies. */
  promote(deploymentId: string, call: PlatformCall & {readonly timeoutMs: number}): Promise<Promotion>;

  /**
   * Puts the component back on the anchor and reads it back. Already there: verified, not touched. `abandoned` names
   * deployments of the failed release that must not go live later: those still in flight are cancelled, and with
   * `abandonedCommit` also those of that commit whose ids a killed run could not note. `newerThanMs` (epoch): where a
   * deployment is a process with state of its own, one that serves the right content but began earlier is started
   * again, so that it meets a database that was put in place since, and its migrations run.
   */
  rollback(
    anchor: Anchor,
    call: PlatformCall & {
      readonly abandoned: readonly string[];
      readonly abandonedCommit?: string;
      readonly timeoutMs: number;
      readonly dryRun?: boolean;
      readonly allowRebuild?: boolean;
      readonly newerThanMs?: number;
      readonly reason: string;
    },
  ): Promise<Rollback>;

  /** Cancels one deployment that is still in flight; false when it had already ended. */
  cancel(deploymentId: string, call: PlatformCall): Promise<boolean>;
}

/**
 * A platform that can also make a deployment. A port of its own, because uploading is by far the largest part of an
 * adapter: what only reads, promotes or goes back does not carry it.
 */
export interface Deployer extends Platform {
  /**
   * Deploys and waits for the terminal state of the deployment that this call made or adopted.
   * Vercel: staged production, users see nothing. Railway: live on `ready`.
   * `onCreated` is called the moment the platform answered with an id, before any wait, so that it can be journalled.
   */
  deploy(
    request: DeployRequest,
    call: PlatformCall & {
      readonly onCreated?: (deploymentId: string) => void | Promise<void>;
      readonly timeoutMs: number;
    },
  ): Promise<Deployment>;
}
