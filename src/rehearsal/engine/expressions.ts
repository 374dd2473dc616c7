import {data, Evaluator, Lexer, Parser} from '@actions/expressions';
import type {FunctionCall} from '@actions/expressions/ast';
import type {FunctionDefinition} from '@actions/expressions/funcs/info';
import {truthy} from '@actions/expressions/result';

type Value = data.ExpressionData;

/** What an expression may see: contexts by name (plain JSON values) and the functions that are not built in. */
export interface Scope {
  readonly contexts: Readonly<Record<string, unknown>>;
  readonly functions: Readonly<Record<string, (...args: string[]) => string | boolean>>;
}

/** The value of an expression as plain JSON. Throws the parser's or evaluator's error, whose message names the cause. */
export function evaluate(expression: string, scope: Scope): unknown {
  return fromData(evaluateData(expression, scope));
}

/** The value as text, as it would be placed into a string. */
export function evaluateText(expression: string, scope: Scope): string {
  return evaluateData(expression, scope).coerceString();
}

/** Whether a condition holds; an empty one does. */
export function holds(expression: string, scope: Scope): boolean {
  return expression.trim() === '' || truthy(evaluateData(expression, scope));
}

/** The four functions of a step's condition, all about one status. */
export function statusFunctions(status: string): Scope['functions'] {
  return {
    always: () => true,
    success: () => status === 'success',
    failure: () => status === 'failure',
    cancelled: () => status === 'cancelled',
  };
}

function evaluateData(expression: string, scope: Scope): Value {
  const functions = Object.entries(scope.functions).map(([name, call]) => definition(name, call));
  const parser = new Parser(new Lexer(expression).lex().tokens, Object.keys(scope.contexts), functions);
  const contexts = new data.Dictionary(
    ...Object.entries(scope.contexts).map(([key, value]) => ({key, value: toData(value)})),
  );
  const table = new Map(functions.map((entry) => [entry.name.toLowerCase(), entry]));
  return new LazyEvaluator(parser.parse(), contexts, table).evaluate();
}

/** On GitHub `case` evaluates only the branch it takes; the library evaluates all arguments first. */
class LazyEvaluator extends Evaluator {
  override visitFunctionCall(call: FunctionCall): Value {
    if (call.functionName.lexeme.toLowerCase() !== 'case') return super.visitFunctionCall(call);
    const args = call.args;
    for (let i = 0; i + 1 < args.length; i += 2) {
      const condition = this.eval(args[i]!);
      if (condition.kind !== data.Kind.Boolean) throw new Error('case: a condition is not a boolean');
      if (truthy(condition)) return this.eval(args[i + 1]!);
    }
    return this.eval(args[args.length - 1]!);
  }
}

function definition(name: string, call: (...args: string[]) => string | boolean): FunctionDefinition {
  const adapted = (...args: Value[]) => toData(call(...args.map((arg) => arg.coerceString())));
  return {name, minArgs: 0, maxArgs: 255, call: adapted};
}

function toData(value: unknown): Value {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === 'string') return new data.StringData(value);
  if (typeof value === 'number') return new data.NumberData(value);
  if (typeof value === 'boolean') return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new data.Dictionary(...Object.entries(value).map(([key, item]) => ({key, value: toData(item)})));
}

function fromData(value: Value): unknown {
  switch (value.kind) {
    case data.Kind.Array:
      return (value as data.Array).values().map(fromData);
    case data.Kind.Dictionary:
      return Object.fromEntries((value as data.Dictionary).pairs().map((pair) => [pair.key, fromData(pair.value)]));
    case data.Kind.Null:
      return null;
    default:
      return (value as data.StringData | data.NumberData | data.BooleanData).value;
  }
}
