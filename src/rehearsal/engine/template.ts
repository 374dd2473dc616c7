import {isBasicExpression, isMapping, isSequence} from '@actions/workflow-parser';
import type {
  BooleanToken,
  MappingToken,
  NumberToken,
  StringToken,
  TemplateToken,
} from '@actions/workflow-parser/templates/tokens/index';
import {Failure, messageOf} from '../../kernel/errors.js';
import {evaluate, evaluateText, type Scope} from './expressions.js';

/** A piece of YAML as the parser read it: literal, expression, list or mapping, with its line. */
export type Template = TemplateToken;

/** The entries of a mapping in file order; none for anything else. */
export function entriesOf(template: Template | undefined): [key: string, value: Template][] {
  if (!template || !isMapping(template)) return [];
  return [...(template as MappingToken)].map((pair) => [pair.key.toString(), pair.value]);
}

export function itemsOf(template: Template | undefined): Template[] {
  if (!template || !isSequence(template)) return [];
  return Array.from({length: template.count}, (_, index) => template.get(index));
}

export function child(template: Template | undefined, key: string): Template | undefined {
  return template && isMapping(template) ? template.find(key) : undefined;
}

/** The text of a literal; undefined when it is absent, an expression or no scalar. */
export function literalText(template: Template | undefined): string | undefined {
  return template?.isLiteral ? String(template) : undefined;
}

export function isExpression(template: Template | undefined): boolean {
  return template !== undefined && isBasicExpression(template);
}

/** The plain value of a template: expressions evaluated at any depth, types of YAML kept. */
export function resolve(template: Template, scope: Scope): unknown {
  if (isBasicExpression(template)) return at(template, () => evaluate(template.expression, scope));
  if (isSequence(template)) return itemsOf(template).map((item) => resolve(item, scope));
  if (isMapping(template))
    return Object.fromEntries(
      [...template].map((pair) => [resolveText(pair.key, scope), resolve(pair.value, scope)] as const),
    );
  return scalar(template);
}

/** The value as text; '' when absent. */
export function resolveText(template: Template | undefined, scope: Scope): string {
  if (!template) return '';
  if (isBasicExpression(template)) return at(template, () => evaluateText(template.expression, scope));
  return String(template);
}

/** A mapping of texts, as `env`, `with` and `outputs` are. */
export function resolveTexts(template: Template | undefined, scope: Scope): Record<string, string> {
  if (!template) return {};
  if (isMapping(template))
    return Object.fromEntries(
      [...template].map((pair) => [resolveText(pair.key, scope), resolveText(pair.value, scope)]),
    );
  const value = resolve(template, scope);
  if (typeof value !== 'object' || value === null) throw evaluationFailure(template, 'is not a mapping');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, item === null ? '' : String(item)]));
}

export function lineOf(template: Template | undefined): number | undefined {
  return template?.line;
}

function scalar(template: Template): unknown {
  if (!template.isLiteral) return null;
  const value = (template as StringToken | NumberToken | BooleanToken).value as unknown;
  return value === undefined ? null : value;
}

function at<T>(template: Template, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Failure ? error : evaluationFailure(template, messageOf(error));
  }
}

function evaluationFailure(template: Template, what: string): Failure {
  return new Failure('EXPRESSION', `line ${template.line ?? '?'}: \${{ ${String(template).slice(0, 200)} }}: ${what}`, {
    remedy: 'Correct the expression.',
  });
}
