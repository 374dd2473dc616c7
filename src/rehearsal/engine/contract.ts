import type {ConcurrencyGroups} from './concurrency.js';

/** What goes into the workflow engine and what comes out of it. */

export type Level = 'error' | 'warning' | 'notice';
export type Status = 'success' | 'failure' | 'cancelled';
export type Conclusion = Status | 'skipped';
export type Permissions = Readonly<Record<string, 'read' | 'write'>>;

export interface WorkflowRequest {
  /** Absolute path of the workflow file. */
  readonly file: string;
  /** Folder of the repository that holds the workflow: `$/…` and `./.github/workflows/…` resolve against it. */
  readonly suiteRoot: string;
  /** Git repository and commit that `actions/checkout` (at any ref) brings into the workspace. `ref` is a full ref, such as refs/heads/main. */
  readonly repository: {
    readonly path: string;
    readonly owner: string;
    readonly name: string;
    readonly sha: string;
    readonly ref: string;
  };
  readonly event: {
    /** push, workflow_dispatch, schedule, workflow_call or any other event that the file listens to. */
    readonly name: string;
    readonly payload?: object;
    /** For workflow_dispatch and workflow_call. Strings are converted to the declared type. */
    readonly inputs?: Readonly<Record<string, string | boolean | number>>;
  };
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  /** `GITHUB_API_URL`, such as the address of a stand-in. */
  readonly apiUrl: string;
  /** Default https://github.com. */
  readonly serverUrl?: string;
  /** Token of the service itself, and of every job unless `tokenFor` makes one. */
  readonly token: string;
  /** A token that can do exactly this; called once per job, before its first step. */
  readonly tokenFor?: (permissions: Permissions, job: string) => string | Promise<string>;
  /** Everything is written below this folder; job workspaces stay, temporary folders do not. */
  readonly workDir: string;
  /** Node 24 binary that runs JavaScript actions. */
  readonly nodePath: string;
  /** Scale of the cancel ladder (SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL); default 1. */
  readonly ladderScale?: number;
  /** Length of a minute of `timeout-minutes`, in milliseconds; default 60000. */
  readonly minuteMs?: number;
  /** Jobs that run at the same time; default 2. */
  readonly limit?: number;
  readonly actor?: string;
  readonly runId?: number;
  readonly runNumber?: number;
  /** Answers for a job that waits for an environment: true approves, false rejects. Without it no environment is protected. */
  readonly approve?: (environment: string, job: string) => Promise<boolean>;
  /** Secrets and variables of environments; they override those of the repository. `protected: false` needs no approval. */
  readonly environments?: Readonly<
    Record<
      string,
      {
        readonly protected?: boolean;
        readonly secrets?: Readonly<Record<string, string>>;
        readonly vars?: Readonly<Record<string, string>>;
      }
    >
  >;
  /** Make the deployment record that a job's `environment` has on GitHub, through `apiUrl`; default true. */
  readonly deploymentRecords?: boolean;
  /** Issuer of identity tokens; without it `id-token: write` gives a job nothing. See identity-issuer.ts for one. */
  readonly oidc?: {requestFor(claims: IdentityClaims): {readonly url: string; readonly token: string}};
  /** Folder that stands for a third-party repository: `owner/name` or `owner/name@ref` to a path. */
  readonly resolveAction?: Readonly<Record<string, string>>;
  /** Groups shared by runs that must see each other; default: this run alone. */
  readonly concurrency?: ConcurrencyGroups;
  /** Told of everything, in order; texts are already masked. Must not throw. */
  readonly onEvent: (event: EngineEvent) => void;
  /** Told of everything that a process of a step says or hands over, before it is masked: to look for secrets in it. */
  readonly onRaw?: (raw: RawText) => void;
}

/** A line that a process printed, or the content of one of its command files. */
export interface RawText {
  readonly job: string;
  readonly place: 'log' | 'env' | 'output' | 'path' | 'state' | 'step_summary';
  readonly text: string;
}

/** What an identity token says about the job that asked for it. */
export interface IdentityClaims {
  /** `repo:OWNER/NAME:environment:NAME`, or `repo:OWNER/NAME:ref:REF` without an environment. */
  readonly sub: string;
  readonly repository: string;
  readonly repository_owner: string;
  readonly ref: string;
  readonly sha: string;
  readonly event_name: string;
  readonly workflow_ref: string;
  readonly environment?: string;
}

/** What happened to which job. `step` is the id in the file, or `#` and the step's place when it has none. */
export type EngineEvent = {readonly atMs: number; readonly job: string} & (
  | {readonly type: 'job-waiting'; readonly for: 'concurrency' | 'environment'; readonly name: string}
  | {readonly type: 'job-started'; readonly name: string; readonly permissions: Permissions}
  | {
      readonly type: 'job-finished';
      readonly result: Conclusion;
      readonly outputs: Readonly<Record<string, string>>;
      readonly ms: number;
    }
  | {readonly type: 'step-started'; readonly step: string; readonly name: string}
  | {
      readonly type: 'step-finished';
      readonly step: string;
      readonly name: string;
      readonly outcome: Conclusion;
      readonly conclusion: Conclusion;
      readonly ms: number;
    }
  | {readonly type: 'log'; readonly step: string; readonly line: string}
  | {readonly type: 'annotation'; readonly step: string; readonly annotation: Annotation}
  | {readonly type: 'output'; readonly step: string; readonly name: string; readonly value: string}
  | {readonly type: 'summary'; readonly step: string; readonly text: string}
  | {readonly type: 'cancel'; readonly reason: string}
);

export interface Annotation {
  readonly level: Level;
  readonly message: string;
  readonly title?: string;
  readonly file?: string;
  readonly line?: string;
}

export interface StepResult {
  /** '' when the file gives none. */
  readonly id: string;
  readonly name: string;
  readonly outcome: Conclusion;
  readonly conclusion: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
  readonly ms: number;
  readonly annotations: readonly Annotation[];
}

export interface JobResult {
  readonly result: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
  readonly steps: readonly StepResult[];
  /** Markdown of all its steps, masked. */
  readonly summary: string;
}

export interface WorkflowResult {
  readonly conclusion: Status;
  /** By job id; legs of a matrix also as `id (value, value)`, jobs of a called workflow as `caller/id`. */
  readonly jobs: Readonly<Record<string, JobResult>>;
  /** Everything printed, masked, each line as `job | text`. */
  readonly log: readonly string[];
  readonly summaries: string;
}

export interface WorkflowRun {
  /** As the button on GitHub: conditions are evaluated again, what is false is signalled. */
  cancel(): void;
  /** A lost runner: everything of the job dies at once, no post step, no output, result failure. Without an id: every running job. */
  killRunner(job?: string): void;
  /** Signals the step that a job runs now, as something else on its machine might; absent where an engine cannot. */
  signalStep?(job: string, signal: NodeJS.Signals): void;
  /** Rejects with WORKFLOW_REFUSED before anything ran; never afterwards. */
  readonly done: Promise<WorkflowResult>;
}
