import {setMaxListeners} from 'node:events';
import {type Problem, refusal} from '../../kernel/errors.js';
import {actionSource} from './action-source.js';
import {createConcurrencyGroups} from './concurrency.js';
import type {Status, WorkflowRequest, WorkflowResult} from './contract.js';
import type {WorkflowDefinition} from './definition.js';
import {githubContext} from './github-context.js';
import {combined, concurrencyOf, ended, type Graph, noteEnd, type RunState} from './graph.js';
import {runGraph} from './graph-run.js';
import {openJournal} from './journal.js';
import {createMasker} from './masker.js';
import {checkEvent, findRefusals} from './refusals.js';
import {createSlots} from './slots.js';
import {child, resolve} from './template.js';
import {typedInputs} from './workflow-inputs.js';
import {workflowLibrary} from './workflow-library.js';

export interface OpenRun {
  cancel(reason: string): void;
  killRunner(job?: string): void;
  signalStep(job: string, signal: NodeJS.Signals): void;
  readonly done: Promise<WorkflowResult>;
}

/** Checks everything, then starts. @throws refusal WORKFLOW_REFUSED with all problems. */
export async function openRun(request: WorkflowRequest): Promise<OpenRun> {
  const graph = await prepareGraph(request);
  const {run} = graph;
  const cancel = (reason: string) => {
    if (run.cancelled.signal.aborted) return;
    run.journal.tell({type: 'cancel', job: '', reason});
    run.cancelled.abort(reason);
  };
  return {
    cancel,
    killRunner: (key) => {
      for (const [job, state] of run.active) if (key === undefined || key === job) state.killed.abort('lost');
    },
    signalStep: (key, signal) => {
      for (const send of run.active.get(key)?.running ?? []) send(signal);
    },
    done: runAll(graph, cancel),
  };
}

/** All problems of a file, without starting it. */
export async function findProblems(
  file: string,
  root: string,
  table: Readonly<Record<string, string>>,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const library = workflowLibrary(actionSource(table));
  const workflow = await library.read(file, root, problems);
  if (workflow) await findRefusals(workflow, library, problems);
  return problems;
}

async function prepareGraph(request: WorkflowRequest): Promise<Graph> {
  const problems: Problem[] = [];
  const library = workflowLibrary(actionSource(request.resolveAction ?? {}));
  const workflow = await library.read(request.file, request.suiteRoot, problems);
  if (!workflow) throw refused(request.file, problems);
  checkEvent(workflow, request.event.name, request.repository.ref, problems);
  await findRefusals(workflow, library, problems);
  const github = githubContext(request, workflow, {});
  const inputs = typedInputs(
    workflow,
    request.event.name,
    request.event.inputs ?? {},
    {contexts: {github, vars: request.vars}, functions: {}},
    problems,
  );
  if (problems.length) throw refused(workflow.path, problems);
  const run = runState(request, workflow, library, inputs);
  return {
    run,
    workflow,
    prefix: '',
    inputs,
    secrets: request.secrets,
    allSecrets: true,
    ceiling: undefined,
    ends: new Map(),
  };
}

function runState(
  request: WorkflowRequest,
  workflow: WorkflowDefinition,
  library: RunState['library'],
  inputs: object,
): RunState {
  const masker = createMasker();
  const cancelled = new AbortController();
  setMaxListeners(0, cancelled.signal); // Every waiting job listens.
  for (const secret of [...Object.values(request.secrets), request.token]) masker.add(secret);
  return {
    request,
    journal: openJournal(masker, request.onEvent),
    library,
    github: {...githubContext(request, workflow, inputs), token: request.token},
    groups: request.concurrency ?? createConcurrencyGroups(),
    slots: createSlots(request.limit ?? 2),
    cancelled,
    active: new Map(),
    results: new Map(),
    folders: 0,
    runGraph,
  };
}

async function runAll(graph: Graph, cancel: (reason: string) => void): Promise<WorkflowResult> {
  const leave = await enterGroup(graph, cancel);
  try {
    if (leave) await runGraph(graph);
    else for (const job of graph.workflow.jobs) endUnstarted(graph, job.id);
  } finally {
    leave?.();
  }
  return resultOf(graph);
}

/** Waits for the workflow's concurrency group. Undefined when the run lost its place or was cancelled while it waited. */
async function enterGroup(graph: Graph, cancel: (reason: string) => void): Promise<(() => void) | undefined> {
  const template = child(graph.workflow.body, 'concurrency');
  if (!template) return () => {};
  const {run} = graph;
  const contexts = {github: run.github, inputs: graph.inputs, vars: run.request.vars};
  const settings = concurrencyOf(resolve(template, {contexts, functions: {}}));
  const entry = run.groups.enter(settings.group, {
    ...settings,
    onCancel: () => cancel(`a newer run claims ${settings.group}`),
  });
  const abandoned = new Promise<'cancelled'>((settle) =>
    run.cancelled.signal.addEventListener('abort', () => settle('cancelled'), {once: true}),
  );
  run.journal.tell({type: 'job-waiting', job: '', for: 'concurrency', name: settings.group});
  if ((await Promise.race([entry.turn, abandoned])) === 'entered') return () => entry.leave();
  entry.leave();
  return undefined;
}

function endUnstarted(graph: Graph, id: string): void {
  noteEnd(graph, id, ended('cancelled'), Date.now());
  graph.ends.set(id, ended('cancelled'));
}

function resultOf(graph: Graph): WorkflowResult {
  const {run} = graph;
  const jobs = Object.fromEntries(run.results);
  const worst = combined([...graph.ends.values()].map((end) => end.result));
  const stopped = run.cancelled.signal.aborted && [...graph.ends.values()].some((end) => end.result === 'cancelled');
  const conclusion: Status = stopped ? 'cancelled' : worst === 'skipped' ? 'success' : worst;
  return {
    conclusion,
    jobs,
    log: run.journal.lines,
    summaries: Object.values(jobs)
      .map((job) => job.summary)
      .filter(Boolean)
      .join('\n'),
  };
}

function refused(path: string, problems: readonly Problem[]) {
  return refusal('WORKFLOW_REFUSED', path, problems);
}
