import {join} from 'node:path';
import type {Problem} from '../../kernel/errors.js';
import {parseUses} from './action-source.js';
import {unsupportedInputs} from './checkout.js';
import {
  type ActionDefinition,
  type JobDefinition,
  place,
  readAction,
  type StepDefinition,
  type WorkflowDefinition,
} from './definition.js';
import {passes} from './glob.js';
import {shellCommand} from './script-step.js';
import {nestingLimit} from './step.js';
import {child, entriesOf, isExpression, itemsOf, literalText, type Template} from './template.js';
import {declaredInputs, declaredSecrets} from './workflow-inputs.js';
import type {WorkflowLibrary} from './workflow-library.js';

/** Called workflows inside called workflows, the outermost counted. */
const callLimit = 10;
const distinctCallLimit = 50;

/** Everything in a workflow, its actions and the workflows it calls that this engine would not do as GitHub does. */
export async function findRefusals(
  workflow: WorkflowDefinition,
  library: WorkflowLibrary,
  problems: Problem[],
): Promise<void> {
  const walk: Walk = {library, problems, seenActions: new Map(), seenWorkflows: new Set()};
  await checkWorkflow(walk, workflow, 0);
}

/** Whether the file listens to the event, filters of pushes included. */
export function checkEvent(workflow: WorkflowDefinition, event: string, ref: string, problems: Problem[]): void {
  if (!workflow.events.has(event)) {
    const listens = [...workflow.events.keys()].join(', ');
    problems.push({
      where: workflow.path,
      what: `does not listen to ${event}`,
      remedy: `Start it with one of ${listens}`,
    });
    return;
  }
  const settings = workflow.events.get(event);
  for (const key of ['paths', 'paths-ignore'])
    if (child(settings, key)) problems.push(unsupported(workflow.path, child(settings, key), `the filter ${key}`));
  if (event === 'push') checkPushFilters(workflow, settings, ref, problems);
}

interface Walk {
  readonly library: WorkflowLibrary;
  readonly problems: Problem[];
  /** Depth of nesting by folder, so that a deeper way to the same action is looked at again. */
  readonly seenActions: Map<string, number>;
  readonly seenWorkflows: Set<string>;
}

async function checkWorkflow(walk: Walk, workflow: WorkflowDefinition, depth: number): Promise<void> {
  walk.seenWorkflows.add(workflow.file);
  checkConcurrency(walk, workflow, child(workflow.body, 'concurrency'));
  for (const job of workflow.jobs) {
    for (const key of ['container', 'services', 'snapshot', 'cancel-timeout-minutes'])
      if (child(job.body, key)) walk.problems.push(unsupported(workflow.path, child(job.body, key), key));
    checkConcurrency(walk, workflow, child(job.body, 'concurrency'));
    checkRunsOn(walk, workflow, child(job.body, 'runs-on'));
    checkShell(walk, workflow.path, child(child(child(job.body, 'defaults'), 'run'), 'shell'));
    if (job.uses) await checkCall(walk, workflow, job, depth);
    for (const step of job.steps) await checkStep(walk, step, workflow, 0);
  }
  checkShell(walk, workflow.path, child(child(child(workflow.body, 'defaults'), 'run'), 'shell'));
}

async function checkStep(
  walk: Walk,
  step: StepDefinition,
  file: {path: string; root: string},
  depth: number,
): Promise<void> {
  const where = place(file.path, step.line);
  checkShell(walk, file.path, step.shell);
  if (!step.uses) return;
  const reference = parseUses(step.uses);
  if (reference.kind === 'unknown')
    return void walk.problems.push({
      where,
      what: `uses: ${step.uses} is not supported by this engine`,
      remedy: 'Use an action of a repository',
    });
  if (reference.kind === 'workspace') return; // Its manifest is only there when the step runs.
  if (reference.kind === 'own')
    return checkAction(walk, join(file.root, reference.path), {root: file.root, repository: '', ref: ''}, depth);
  const {repository, ref, path} = reference;
  const folder = walk.library.actions.folderOf(repository, ref);
  if (folder) return checkAction(walk, join(folder, path), {root: folder, repository, ref}, depth);
  if (repository === 'actions/checkout') return checkCheckout(walk, where, step);
  walk.problems.push({
    where,
    what: `uses: ${step.uses} is not on this machine`,
    remedy: `Give the folder of ${repository} in resolveAction`,
  });
}

async function checkAction(
  walk: Walk,
  folder: string,
  from: {root: string; repository: string; ref: string},
  depth: number,
): Promise<void> {
  if ((walk.seenActions.get(folder) ?? -1) >= depth) return;
  walk.seenActions.set(folder, depth);
  const action: ActionDefinition | undefined = await readAction(folder, from, walk.problems);
  if (action?.runs.kind !== 'composite') return;
  if (depth >= nestingLimit)
    return void walk.problems.push({
      where: action.manifest,
      what: `composite actions are nested more than ${nestingLimit} deep`,
      remedy: 'Flatten them',
    });
  for (const step of action.runs.steps)
    await checkStep(walk, step, {path: action.manifest, root: action.root}, depth + 1);
}

async function checkCall(walk: Walk, workflow: WorkflowDefinition, job: JobDefinition, depth: number): Promise<void> {
  const where = place(workflow.path, child(job.body, 'uses'));
  const target = walk.library.locate(job.uses!, workflow.root);
  if (!target)
    return void walk.problems.push({
      where,
      what: `uses: ${job.uses} is not on this machine`,
      remedy: 'Give the folder of its repository in resolveAction',
    });
  if (depth >= callLimit)
    return void walk.problems.push({
      where,
      what: `workflows are called more than ${callLimit} deep`,
      remedy: 'Flatten them',
    });
  const called = await walk.library.read(target.file, target.root, walk.problems);
  if (!called) return;
  if (!called.events.has('workflow_call'))
    return void walk.problems.push({
      where,
      what: `${called.path} cannot be called`,
      remedy: 'Add workflow_call to its `on`',
    });
  checkGroups(walk, workflow, called, where);
  checkPassed(walk, job, called, where);
  await checkWorkflow(walk, called, depth + 1);
  if (walk.seenWorkflows.size > distinctCallLimit + 1)
    walk.problems.push({where, what: `more than ${distinctCallLimit} workflows are called`, remedy: 'Call fewer'});
}

function checkPassed(walk: Walk, job: JobDefinition, called: WorkflowDefinition, where: string): void {
  const given = entriesOf(child(job.body, 'with'));
  const inputs = declaredInputs(called, 'workflow_call');
  for (const [name] of given)
    if (!inputs.some((input) => input.name === name))
      walk.problems.push({where, what: `${called.path} has no input ${name}`, remedy: 'Correct `with`'});
  for (const input of inputs)
    if (input.required && !given.some(([name]) => name === input.name))
      walk.problems.push({
        where,
        what: `input ${input.name} of ${called.path} is required and missing`,
        remedy: 'Add it to `with`',
      });
  for (const [name, value] of given)
    checkLiteral(walk, inputs.find((input) => input.name === name)?.type, name, value, where);
  const secrets = child(job.body, 'secrets');
  if (literalText(secrets) === 'inherit') return;
  const passed = entriesOf(secrets).map(([name]) => name);
  const declared = declaredSecrets(called);
  for (const name of passed)
    if (!declared.has(name))
      walk.problems.push({where, what: `${called.path} has no secret ${name}`, remedy: 'Correct `secrets`'});
  for (const [name, required] of declared)
    if (required && !passed.includes(name))
      walk.problems.push({
        where,
        what: `secret ${name} of ${called.path} is required and missing`,
        remedy: 'Add it to `secrets`',
      });
}

function checkLiteral(walk: Walk, type: string | undefined, name: string, value: Template, where: string): void {
  const text = literalText(value);
  if (text === undefined) return;
  const wrong =
    (type === 'boolean' && !/^(true|false)$/.test(text)) || (type === 'number' && Number.isNaN(Number(text)));
  if (wrong) walk.problems.push({where, what: `input ${name} is a ${type}, not '${text}'`, remedy: 'Correct `with`'});
}

/** A called workflow that claims the group its caller holds waits for ever, or cancels its caller. */
function checkGroups(walk: Walk, caller: WorkflowDefinition, called: WorkflowDefinition, where: string): void {
  const [own, other] = [caller, called].map((workflow) => groupOf(child(workflow.body, 'concurrency')));
  if (own && own.toLowerCase() === other?.toLowerCase())
    walk.problems.push({
      where,
      what: `${called.path} claims the concurrency group ${own} that its caller holds`,
      remedy: 'Keep the group in one of the two',
    });
}

function groupOf(concurrency: Template | undefined): string | undefined {
  return literalText(concurrency) ?? literalText(child(concurrency, 'group'));
}

function checkConcurrency(walk: Walk, workflow: WorkflowDefinition, concurrency: Template | undefined): void {
  if (
    literalText(child(concurrency, 'queue')) === 'max' &&
    literalText(child(concurrency, 'cancel-in-progress')) === 'true'
  )
    walk.problems.push({
      where: place(workflow.path, concurrency),
      what: 'queue: max and cancel-in-progress: true exclude each other',
      remedy: 'Choose one',
    });
}

function checkRunsOn(walk: Walk, workflow: WorkflowDefinition, runsOn: Template | undefined): void {
  if (!runsOn || isExpression(runsOn)) return;
  const labels = itemsOf(runsOn).length ? itemsOf(runsOn) : [child(runsOn, 'labels') ?? runsOn];
  for (const label of labels)
    if (/^(windows|macos)/.test(literalText(label) ?? ''))
      walk.problems.push(unsupported(workflow.path, runsOn, `runs-on: ${String(label)}`));
}

function checkShell(walk: Walk, path: string, shell: Template | undefined): void {
  const name = literalText(shell);
  if (name !== undefined && !shellCommand(name)) walk.problems.push(unsupported(path, shell, `shell: ${name}`));
}

function checkCheckout(walk: Walk, where: string, step: StepDefinition): void {
  const unknown = unsupportedInputs(entriesOf(step.with).map(([name]) => name));
  if (unknown.length)
    walk.problems.push({
      where,
      what: `inputs of actions/checkout are not supported by this engine: ${unknown.join(', ')}`,
      remedy: 'Leave them out',
    });
}

function checkPushFilters(
  workflow: WorkflowDefinition,
  settings: Template | undefined,
  ref: string,
  problems: Problem[],
): void {
  const tag = ref.startsWith('refs/tags/');
  const name = ref.replace(/^refs\/(heads|tags)\//, '');
  const [wanted, ignored, other] = tag ? ['tags', 'tags-ignore', 'branches'] : ['branches', 'branches-ignore', 'tags'];
  const globs = (key: string) => itemsOf(child(settings, key)).map(String);
  const starts = child(settings, wanted!)
    ? passes(name, globs(wanted!))
    : !child(settings, other!) || child(settings, ignored!) !== undefined;
  if (!starts || passes(name, globs(ignored!)))
    problems.push({
      where: place(workflow.path, settings),
      what: `is not started by a push to ${ref}`,
      remedy: 'Push to a branch or tag that its filters name',
    });
}

function unsupported(path: string, template: Template | undefined, name: string): Problem {
  return {
    where: place(path, template),
    what: `${name} is not supported by this engine`,
    remedy: 'Run this workflow on GitHub, or leave it out',
  };
}
