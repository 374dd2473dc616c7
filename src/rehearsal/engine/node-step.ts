import {join} from 'node:path';
import type {Conclusion} from './contract.js';
import type {ActionDefinition, NodeRuns} from './definition.js';
import {type StepRun, scopeIn} from './job-state.js';
import {annotate} from './journal.js';
import {runWithFiles} from './script-step.js';
import {entriesOf, resolveText, resolveTexts} from './template.js';

export type Stage = 'pre' | 'main' | 'post';

/** Runs one stage of a JavaScript action. Inputs are evaluated anew at each stage, with the contexts of that moment. */
export async function runNode(run: StepRun, action: ActionDefinition, stage: Stage): Promise<Conclusion> {
  const runs = action.runs as NodeRuns;
  const script = join(action.folder, runs[stage]!);
  const inputs = inputsFor(run, action);
  const state = stage === 'pre' ? {} : prefixed('STATE_', run.state, (name) => name);
  return runWithFiles(run, {
    command: run.job.request.nodePath,
    args: [script],
    cwd: run.job.folders.workspace,
    extra: {...prefixed('INPUT_', inputs, inputName), ...state},
    own: ownContext(run, action),
  });
}

/** What `github.action*` says inside an action. */
export function ownContext(run: StepRun, action: ActionDefinition): Record<string, string> {
  const id =
    run.definition.id || `__${(run.definition.uses ?? 'self').replace(/@.*$/, '').replace(/^(\.|\$)\/.*$/, 'self')}`;
  return {action: id, action_path: action.folder, action_repository: action.repository, action_ref: action.ref};
}

/** The inputs of an action: `with` over the manifest's defaults, names in the manifest's spelling. */
export function inputsFor(run: StepRun, action: ActionDefinition): Record<string, string> {
  const scope = scopeIn(run.job, run.frame, run.env);
  const {github, runner, job, strategy, matrix} = scope.contexts;
  const defaultScope = {contexts: {github, runner, job, strategy, matrix}, functions: scope.functions};
  const inputs: Record<string, string> = {};
  for (const [id, input] of action.inputs) inputs[id] = resolveText(input.default, defaultScope);
  for (const [name, value] of Object.entries(resolveTexts(run.definition.with, scope))) {
    inputs[spellingOf(action, name) ?? name] = value;
  }
  return inputs;
}

/** Warns about inputs that the action does not declare, and about those it would rather not have. */
export function warnAboutInputs(run: StepRun, action: ActionDefinition): void {
  for (const [name] of entriesOf(run.definition.with)) warnAbout(run, action, name);
}

function spellingOf(action: ActionDefinition, name: string): string | undefined {
  return [...action.inputs.keys()].find((id) => id.toLowerCase() === name.toLowerCase());
}

function warnAbout(run: StepRun, action: ActionDefinition, name: string): void {
  const declared = spellingOf(action, name);
  const warning = (message: string) => annotate(run.job.journal, run.record, {level: 'warning', message});
  const deprecated = declared && action.inputs.get(declared)?.deprecationMessage;
  if (deprecated) warning(`Input '${name}' has been deprecated with message: ${deprecated}`);
  const valid = [...action.inputs.keys()].map((id) => `'${id}'`).join(', ');
  if (!declared) warning(`Unexpected input(s) '${name}', valid inputs are [${valid}]`);
}

/** Spaces become `_` and letters upper case; hyphens and dots stay. */
const inputName = (name: string) => name.replaceAll(' ', '_').toUpperCase();

function prefixed(
  prefix: string,
  values: Record<string, string>,
  nameOf: (name: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + nameOf(name), value]));
}
