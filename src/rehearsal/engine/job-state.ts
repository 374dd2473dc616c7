import {delimiter} from 'node:path';
import type {ActionSource} from './action-source.js';
import type {Conclusion, Permissions, Status, WorkflowRequest} from './contract.js';
import type {StepDefinition} from './definition.js';
import {type Scope, statusFunctions} from './expressions.js';
import {hashFiles} from './hash-files.js';
import type {Journal, StepRecord} from './journal.js';

/** What the steps of one running job share. */
export interface JobState {
  readonly key: string;
  readonly request: WorkflowRequest;
  readonly journal: Journal;
  readonly actions: ActionSource;
  readonly folders: Folders;
  readonly permissions: Permissions;
  /** Where an identity token is asked for; only with `id-token: write`. */
  readonly identity: {readonly url: string; readonly token: string} | undefined;
  /** The `github` context, and what becomes GITHUB_*. */
  readonly github: Record<string, unknown>;
  /** Contexts that do not change while the job runs. */
  readonly fixed: Readonly<Record<'needs' | 'strategy' | 'matrix' | 'inputs' | 'vars' | 'secrets', object>>;
  readonly defaults: {readonly shell?: string; readonly workingDirectory?: string};
  /** Workflow and job `env`, then what steps wrote to GITHUB_ENV. */
  readonly env: Record<string, string>;
  /** Directories of GITHUB_PATH, the last added first. */
  readonly path: string[];
  status: Status;
  readonly posts: Post[];
  /** State of the steps whose pre stage has run, by place; their post step is registered already. */
  readonly begun: Map<string, Record<string, string>>;
  /** Fires once, when the job is cancelled. */
  readonly cancelled: AbortController;
  /** Fires when the runner is lost. */
  readonly killed: AbortController;
  /** Ways to signal the processes that its step runs now. */
  readonly running: Set<(signal: NodeJS.Signals) => void>;
  /** In the environment of every process of the job. */
  readonly trackingId: string;
}

export interface Folders {
  readonly root: string;
  readonly workspace: string;
  readonly temp: string;
  readonly home: string;
  readonly tools: string;
}

/** Steps that see each other: those of the job, or those of one composite action. */
export interface Frame {
  readonly kind: 'job' | 'composite';
  readonly steps: Record<string, {outputs: Record<string, string>; outcome: Conclusion; conclusion: Conclusion}>;
  readonly inputs: object;
  /** Folder that `$/…` means here. */
  readonly root: string;
  /** Environment handed down from the steps around. */
  readonly env: Readonly<Record<string, string>>;
  readonly github: Readonly<Record<string, unknown>>;
  /** Own status of a composite; the job's is in the job. */
  status: Status;
  readonly depth: number;
  /** Where this frame stands, so that steps of two uses of one action are told apart. */
  readonly path: string;
}

/** One execution of one step. */
export interface StepRun {
  readonly job: JobState;
  readonly frame: Frame;
  readonly definition: StepDefinition;
  readonly record: StepRecord;
  /** The step's own `env`, resolved. */
  env: Record<string, string>;
  readonly outputs: Record<string, string>;
  /** GITHUB_STATE of this use of the action. */
  readonly state: Record<string, string>;
  /** Fires when this step must end: cancelled or timed out. */
  readonly stop: AbortSignal;
  /** A command that this engine refuses was printed: the step fails whatever its exit code. */
  failedByCommand: boolean;
}

/** A post step that waits for the end of the job. */
export interface Post {
  readonly name: string;
  readonly condition: string;
  readonly run: StepRun;
  readonly act: (run: StepRun) => Promise<Conclusion>;
}

/** Tells a step from all others of its job. */
export const placeOf = (frame: Frame, step: StepDefinition): string => `${frame.path}/${step.line}`;

export const worst = (a: Status, b: Conclusion): Status => {
  const order = ['success', 'failure', 'cancelled'];
  return b === 'skipped' || order.indexOf(a) >= order.indexOf(b) ? a : b;
};

/** The status that conditions see: of the composite inside one, else of the job; cancellation of the job wins. */
export function statusIn(job: JobState, frame: Frame): Status {
  if (job.cancelled.signal.aborted) return 'cancelled';
  return frame.kind === 'composite' ? frame.status : job.status;
}

/** Contexts and functions of a step; `env` is the step's own, already resolved. */
export function scopeIn(job: JobState, frame: Frame, env: Record<string, string> = {}): Scope {
  const {needs, vars, secrets, strategy, matrix} = job.fixed;
  return {
    contexts: {
      github: {...job.github, ...frame.github},
      env: {...job.env, ...frame.env, ...env},
      inputs: frame.inputs,
      steps: frame.steps,
      job: {status: job.status},
      runner: runnerContext(job),
      strategy,
      matrix,
      ...(frame.kind === 'job' && {needs, vars, secrets}),
    },
    functions: {
      ...statusFunctions(statusIn(job, frame)),
      hashFiles: (...patterns) => hashFiles(job.folders.workspace, patterns),
    },
  };
}

/**
 * The whole environment of a process. Later layers win: host basics, job `env` and GITHUB_ENV, the steps around, the
 * step, `extra` (INPUT_ and STATE_), and last what a workflow cannot override.
 */
export function processEnv(
  run: StepRun,
  extra: Record<string, string>,
  own: Record<string, string>,
): Record<string, string> {
  const {job} = run;
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: job.folders.home,
    LANG: 'C.UTF-8',
    // A runner's steps inherit where temporary files go.
    ...(process.env.TMPDIR === undefined ? {} : {TMPDIR: process.env.TMPDIR}),
    CI: 'true',
    ...job.env,
    ...run.frame.env,
    ...run.env,
    ...extra,
    ...githubVariables({...job.github, ...run.frame.github, ...own}),
    ...runnerVariables(job),
    ...identityVariables(job),
    GITHUB_ACTIONS: 'true',
    RUNNER_TRACKING_ID: job.trackingId,
  };
  env.PATH = [...job.path, env.PATH!].join(delimiter);
  delete env.NODE_ICU_DATA;
  return env;
}

const githubNames = [
  'action',
  'action_path',
  'action_ref',
  'action_repository',
  'actor',
  'actor_id',
  'api_url',
  'base_ref',
  'env',
  'event_name',
  'event_path',
  'graphql_url',
  'head_ref',
  'job',
  'output',
  'path',
  'ref',
  'ref_name',
  'ref_protected',
  'ref_type',
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'retention_days',
  'run_attempt',
  'run_id',
  'run_number',
  'server_url',
  'sha',
  'state',
  'step_summary',
  'triggering_actor',
  'workflow',
  'workflow_ref',
  'workflow_sha',
  'workspace',
]; // prettier-ignore

function githubVariables(github: Record<string, unknown>): Record<string, string> {
  const present = githubNames.filter((name) => github[name] !== undefined && github[name] !== null);
  return Object.fromEntries(present.map((name) => [`GITHUB_${name.toUpperCase()}`, String(github[name])]));
}

function runnerVariables(job: JobState): Record<string, string> {
  return Object.fromEntries(
    Object.entries(runnerContext(job)).map(([name, value]) => [`RUNNER_${name.toUpperCase()}`, value]),
  );
}

function identityVariables({identity}: JobState): Record<string, string> {
  return identity ? {ACTIONS_ID_TOKEN_REQUEST_URL: identity.url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: identity.token} : {};
}

function runnerContext(job: JobState): Record<string, string> {
  return {
    os: process.platform === 'darwin' ? 'macOS' : 'Linux',
    arch: process.arch === 'arm64' ? 'ARM64' : 'X64',
    name: 'rehearsal',
    environment: 'github-hosted',
    temp: job.folders.temp,
    tool_cache: job.folders.tools,
    workspace: job.folders.root,
  };
}
