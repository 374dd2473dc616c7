import type {ConcurrencyGroups} from './concurrency.js';
import type {Conclusion, JobResult, Permissions, WorkflowRequest} from './contract.js';
import type {JobDefinition, WorkflowDefinition} from './definition.js';
import type {Scope} from './expressions.js';
import type {JobState} from './job-state.js';
import type {Journal} from './journal.js';
import type {Leg} from './matrix.js';
import type {Slots} from './slots.js';
import type {Template} from './template.js';
import type {WorkflowLibrary} from './workflow-library.js';

/** What all jobs of a run share, those of called workflows included. */
export interface RunState {
  readonly request: WorkflowRequest;
  readonly journal: Journal;
  readonly library: WorkflowLibrary;
  readonly github: Readonly<Record<string, unknown>>;
  readonly groups: ConcurrencyGroups;
  readonly slots: Slots;
  /** Fires once, when the run is cancelled. */
  readonly cancelled: AbortController;
  /** Jobs whose steps are running. */
  readonly active: Map<string, JobState>;
  readonly results: Map<string, JobResult>;
  folders: number;
  /** Runs the jobs of a workflow; a called one comes back here. */
  readonly runGraph: (graph: Graph) => Promise<void>;
}

/** The jobs of one workflow: the one that was started, or one that a job calls. */
export interface Graph {
  readonly run: RunState;
  readonly workflow: WorkflowDefinition;
  /** '' or `caller/`. */
  readonly prefix: string;
  readonly inputs: object;
  readonly secrets: Readonly<Record<string, string>>;
  /** Whether all secrets are visible, or only those passed by name. */
  readonly allSecrets: boolean;
  readonly ceiling: Permissions | undefined;
  readonly ends: Map<string, JobEnd>;
}

/** A job as the jobs after it see it. */
export interface JobEnd {
  readonly result: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
}

export const notRun = (result: Conclusion): JobEnd => ({result, outputs: {}});

/** The worst of several results, as a caller or a matrix reports it. */
export function combined(results: readonly Conclusion[]): Conclusion {
  for (const result of ['failure', 'cancelled', 'success'] as const) if (results.includes(result)) return result;
  return 'skipped';
}

/** What a job's `if` sees. Status functions look at all ancestors, or at the named jobs. */
export function jobScope(graph: Graph, job: JobDefinition): Scope {
  const {run} = graph;
  const resultsOf = (ids: string[]) =>
    (ids.length ? ids : ancestorsOf(graph, job)).map((id) => graph.ends.get(id)?.result);
  const stopped = () => run.cancelled.signal.aborted;
  return {
    contexts: {...sharedContexts(graph), needs: needsOf(graph, job)},
    functions: {
      always: () => true,
      cancelled: stopped,
      success: (...ids) => !stopped() && resultsOf(ids).every((result) => result === 'success'),
      failure: (...ids) => resultsOf(ids).includes('failure'),
    },
  };
}

export function sharedContexts(graph: Graph): Record<string, unknown> {
  return {github: graph.run.github, inputs: graph.inputs, vars: graph.run.request.vars};
}

export function needsOf(graph: Graph, job: JobDefinition): Record<string, JobEnd> {
  return Object.fromEntries(job.needs.map((id) => [id, graph.ends.get(id) ?? notRun('skipped')]));
}

/** A line about a job that is printed by no step. */
export function logJob(graph: Graph, key: string, text: string): void {
  graph.run.journal.log(key, '', text);
}

/** Notes the end of a job or of one leg. */
export function noteEnd(graph: Graph, key: string, result: JobResult, startedMs: number): void {
  graph.run.results.set(key, result);
  graph.run.journal.tell({
    type: 'job-finished',
    job: key,
    result: result.result,
    outputs: result.outputs,
    ms: Date.now() - startedMs,
  });
}

function ancestorsOf(graph: Graph, job: JobDefinition): string[] {
  const found = new Set<string>();
  const visit = (id: string) => {
    if (found.has(id)) return;
    found.add(id);
    for (const need of graph.workflow.jobs.find((other) => other.id === id)?.needs ?? []) visit(need);
  };
  for (const id of job.needs) visit(id);
  return [...found];
}

/** One job, or one combination of its matrix. */
export interface LegPlan {
  readonly key: string;
  readonly leg: Leg;
  readonly strategy: object;
  /** Fires when another leg failed and the matrix is to end fast. */
  readonly failed: AbortController;
  /** Places of `max-parallel`. */
  readonly places: Slots;
}

/** What a job waits for, and what it runs with once it is let in. */
export interface Environment {
  readonly name: string;
  readonly recorded: boolean;
  readonly url: Template | undefined;
}

/** Contexts of everything that is evaluated for a job before it has steps. */
export function legContexts(graph: Graph, job: JobDefinition, plan: LegPlan): Record<string, unknown> {
  return {...jobScope(graph, job).contexts, strategy: plan.strategy, matrix: plan.leg};
}

/** Settings of `concurrency`, a text or a mapping. */
export function concurrencyOf(value: unknown): {group: string; cancelInProgress: boolean; queueAll: boolean} {
  if (typeof value !== 'object' || value === null)
    return {group: String(value), cancelInProgress: false, queueAll: false};
  const {group, 'cancel-in-progress': cancel, queue} = value as Record<string, unknown>;
  return {group: String(group), cancelInProgress: cancel === true, queueAll: queue === 'max'};
}

export function ended(result: Conclusion): JobResult {
  return {result, outputs: {}, steps: [], summary: ''};
}
