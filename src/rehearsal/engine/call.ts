import {type Problem, refusal} from '../../kernel/errors.js';
import type {JobResult} from './contract.js';
import type {JobDefinition, WorkflowDefinition} from './definition.js';
import {combined, concurrencyOf, ended, type Graph, type LegPlan, legContexts} from './graph.js';
import {permissionsOf} from './permissions.js';
import {child, entriesOf, literalText, resolve, resolveText, resolveTexts} from './template.js';
import {declaredSecrets, typedInputs} from './workflow-inputs.js';

/** Runs the workflow that a job calls. Its jobs see the caller's `github`, but neither its `env` nor its needs. */
export async function callWorkflow(graph: Graph, job: JobDefinition, plan: LegPlan): Promise<JobResult> {
  const {run} = graph;
  const target = run.library.locate(job.uses!, graph.workflow.root)!;
  const workflow = run.library.get(target.file);
  const called: Graph = {
    run,
    workflow,
    prefix: `${plan.key}/`,
    inputs: inputsFor(graph, job, plan, workflow),
    ...secretsFor(graph, job, plan, workflow),
    ceiling: permissionsOf(child(graph.workflow.body, 'permissions'), child(job.body, 'permissions'), graph.ceiling),
    ends: new Map(),
  };
  const leave = await enterGroup(called);
  if (!leave) return ended('cancelled');
  try {
    await run.runGraph(called);
  } finally {
    leave();
  }
  return {...ended(combined([...called.ends.values()].map((end) => end.result))), outputs: outputsOf(called)};
}

/** Claims the called workflow's own concurrency group. Undefined when a newer arrival took its place. */
async function enterGroup(called: Graph): Promise<(() => void) | undefined> {
  const template = child(called.workflow.body, 'concurrency');
  if (!template) return () => {};
  const {github, vars} = {github: called.run.github, vars: called.run.request.vars};
  const settings = concurrencyOf(resolve(template, {contexts: {github, vars, inputs: called.inputs}, functions: {}}));
  const entry = called.run.groups.enter(settings.group, {...settings, onCancel: () => called.run.cancelled.abort()});
  const turn = await Promise.race([entry.turn, aborted(called.run.cancelled.signal)]);
  if (turn === 'entered') return () => entry.leave();
  entry.leave();
  return undefined;
}

function aborted(signal: AbortSignal): Promise<'cancelled'> {
  return new Promise((settle) => {
    if (signal.aborted) settle('cancelled');
    signal.addEventListener('abort', () => settle('cancelled'), {once: true});
  });
}

function inputsFor(graph: Graph, job: JobDefinition, plan: LegPlan, workflow: WorkflowDefinition): object {
  const problems: Problem[] = [];
  const scope = {contexts: legContexts(graph, job, plan), functions: {}};
  const given = child(job.body, 'with');
  const values = given ? (resolve(given, scope) as Record<string, unknown>) : {};
  const inputs = typedInputs(workflow, 'workflow_call', values, scope, problems);
  if (problems.length) throw refusal('CALL', `The call of ${workflow.path} was`, problems);
  return inputs;
}

function secretsFor(
  graph: Graph,
  job: JobDefinition,
  plan: LegPlan,
  workflow: WorkflowDefinition,
): Pick<Graph, 'secrets' | 'allSecrets'> {
  const template = child(job.body, 'secrets');
  if (literalText(template) === 'inherit') return {secrets: graph.secrets, allSecrets: graph.allSecrets};
  const contexts = {
    ...legContexts(graph, job, plan),
    secrets: {...graph.secrets, GITHUB_TOKEN: graph.run.request.token},
  };
  const passed = resolveTexts(template, {contexts, functions: {}});
  // A declared secret that was not passed is empty, not an error.
  const absent = [...declaredSecrets(workflow).keys()].map((name) => [name, ''] as const);
  return {secrets: {...Object.fromEntries(absent), ...passed}, allSecrets: false};
}

function outputsOf(called: Graph): Record<string, string> {
  const {run, workflow} = called;
  const jobs = Object.fromEntries(called.ends);
  const scope = {contexts: {github: run.github, vars: run.request.vars, inputs: called.inputs, jobs}, functions: {}};
  const outputs: Record<string, string> = {};
  for (const [name, body] of entriesOf(child(workflow.events.get('workflow_call'), 'outputs'))) {
    const value = resolveText(child(body, 'value'), scope);
    if (value !== '' && !run.journal.masker.finds(value)) outputs[name] = value;
  }
  return outputs;
}
