import type {Problem} from '../../kernel/errors.js';
import {place, type WorkflowDefinition} from './definition.js';
import type {Scope} from './expressions.js';
import {child, entriesOf, itemsOf, literalText, resolve, type Template} from './template.js';

export type InputValue = string | boolean | number;

/** One declared input of workflow_dispatch or workflow_call. */
interface Declared {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: Template | undefined;
  readonly options: readonly string[];
  readonly where: string;
}

/**
 * Values for the `inputs` context: given ones converted to their declared type, defaults for the others. Wrong types,
 * unknown names, missing required ones and values outside a choice become problems.
 */
export function typedInputs(
  workflow: WorkflowDefinition,
  event: string,
  given: Readonly<Record<string, unknown>>,
  scope: Scope,
  problems: Problem[],
): Record<string, InputValue> {
  const declared = declaredInputs(workflow, event);
  for (const name of Object.keys(given))
    if (!declared.some((input) => input.name === name))
      problems.push({
        where: workflow.path,
        what: `unknown input ${name}`,
        remedy: `Choose from ${declared.map((input) => input.name).join(', ') || 'none'}`,
      });
  return Object.fromEntries(
    declared.map((input) => [input.name, inputValue(input, given[input.name], scope, problems)]),
  );
}

export function declaredInputs(workflow: WorkflowDefinition, event: string): Declared[] {
  return entriesOf(child(workflow.events.get(event), 'inputs')).map(([name, body]) => ({
    name,
    type: literalText(child(body, 'type')) ?? 'string',
    required: literalText(child(body, 'required')) === 'true',
    default: child(body, 'default'),
    options: itemsOf(child(body, 'options')).map(String),
    where: place(workflow.path, body),
  }));
}

/** Names of the secrets that a called workflow declares, with whether they are required. */
export function declaredSecrets(workflow: WorkflowDefinition): Map<string, boolean> {
  const secrets = entriesOf(child(workflow.events.get('workflow_call'), 'secrets'));
  return new Map(secrets.map(([name, body]) => [name, literalText(child(body, 'required')) === 'true']));
}

function inputValue(input: Declared, given: unknown, scope: Scope, problems: Problem[]): InputValue {
  const problem = (what: string, remedy: string) =>
    void problems.push({where: input.where, what: `input ${input.name} ${what}`, remedy});
  if (given === undefined || given === null) {
    if (input.required && !input.default) problem('is required and missing', 'Give it a value');
    if (input.default) return convert(input, resolve(input.default, scope), problem);
    return input.type === 'boolean' ? false : input.type === 'number' ? 0 : (input.options[0] ?? '');
  }
  return convert(input, given, problem);
}

function convert(input: Declared, given: unknown, problem: (what: string, remedy: string) => void): InputValue {
  if (input.type === 'boolean') {
    if (given === true || given === 'true') return true;
    if (given === false || given === 'false' || given === '') return false;
    problem(`is a boolean, not '${String(given)}'`, 'Write true or false');
    return false;
  }
  if (input.type === 'number') {
    const number = typeof given === 'number' ? given : Number(String(given).trim() || Number.NaN);
    if (Number.isNaN(number)) problem(`is a number, not '${String(given)}'`, 'Write a number');
    return number;
  }
  const text = String(given);
  if (input.type === 'choice' && !input.options.includes(text))
    problem(`has no choice '${text}'`, `Choose from ${input.options.join(', ')}`);
  if (input.required && text === '') problem('is required and empty', 'Give it a value');
  return text;
}
