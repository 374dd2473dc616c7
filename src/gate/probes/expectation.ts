import {jsonpath} from 'json-p3';
import type {Problem} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Expectation, JsonRule} from '../policy.js';
import type {FailureClass} from '../sample.js';
import type {Answer} from './probe.js';

/** What an answer lacked, in the reader's words. */
export interface Shortfall {
  readonly class: FailureClass;
  readonly expected: string;
  readonly got: string;
}

export interface ExpectationContext {
  /** Commit that must be served; undefined when it is not known or not to be asked (the baseline). */
  readonly commit?: string;
  /** Address that was asked, to resolve a relative redirect against. */
  readonly url: URL;
}

/** True when the expectation reads the body. */
export function readsBody(expectation: Expectation | undefined): boolean {
  return !!(expectation?.text || expectation?.['not-text'] || expectation?.json?.length || expectation?.commit?.json);
}

/**
 * Compares an answer with what was expected, from the status inwards.
 * @returns the first shortfall; undefined when all holds. A value that cannot be read never satisfies a rule.
 */
export function shortfall(
  answer: Answer,
  expectation: Expectation = {},
  context: ExpectationContext,
): Shortfall | undefined {
  return (
    statusShortfall(answer, expectation) ??
    redirectShortfall(answer, expectation, context) ??
    headerShortfall(answer, expectation) ??
    bodyShortfall(answer, expectation, context)
  );
}

function statusShortfall({status}: Answer, {status: allowed, redirect}: Expectation): Shortfall | undefined {
  const list = allowed === undefined ? undefined : typeof allowed === 'number' ? [allowed] : allowed;
  const fine = list
    ? list.includes(status)
    : redirect !== undefined
      ? status >= 300 && status < 400
      : status >= 200 && status < 300;
  if (fine) return undefined;
  const expected = list ? `status ${list.join(' or ')}` : redirect !== undefined ? 'a redirect' : 'status 2xx';
  return {class: status >= 500 ? 'status-5xx' : 'status-other', expected, got: `status ${status}`};
}

function redirectShortfall(
  {headers}: Answer,
  {redirect}: Expectation,
  {url}: ExpectationContext,
): Shortfall | undefined {
  if (redirect === undefined) return undefined;
  const location = headers['location'];
  const target =
    location !== undefined && URL.canParse(location, url.href) ? new URL(location, url.href).href : undefined;
  const wanted = URL.canParse(redirect, url.href) ? new URL(redirect, url.href).href : redirect;
  return target === wanted
    ? undefined
    : {
        class: 'assertion',
        expected: `a redirect to ${redirect}`,
        got: location === undefined ? 'no location' : oneLine(location, 200),
      };
}

function headerShortfall({headers}: Answer, {headers: wanted = {}}: Expectation): Shortfall | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const found = headers[name.toLowerCase()];
    const pattern = patternOf(value);
    if (found !== undefined && (pattern ? pattern.test(found) : found === value)) continue;
    return {
      class: 'assertion',
      expected: `header ${name}: ${value}`,
      got: found === undefined ? 'no such header' : oneLine(found, 200),
    };
  }
  return undefined;
}

/** `/…/` is a regular expression, anything else is literal. */
function patternOf(value: string): RegExp | undefined {
  return value.length > 2 && value.startsWith('/') && value.endsWith('/') ? new RegExp(value.slice(1, -1)) : undefined;
}

function bodyShortfall(answer: Answer, expectation: Expectation, context: ExpectationContext): Shortfall | undefined {
  const {text, json, commit} = expectation;
  const unwanted = expectation['not-text'];
  const commitByHeader =
    commit?.header !== undefined ? staleness(answer.headers[commit.header.toLowerCase()], context) : undefined;
  if (commitByHeader) return commitByHeader;
  if (!readsBody(expectation)) return undefined;
  const body = answer.body.toString('utf8');
  if (text !== undefined && !body.includes(text))
    return {class: 'assertion', expected: `the text "${oneLine(text, 80)}"`, got: 'a body without it'};
  if (unwanted !== undefined && body.includes(unwanted))
    return {class: 'assertion', expected: `no text "${oneLine(unwanted, 80)}"`, got: 'a body with it'};
  if (!json?.length && commit?.json === undefined) return undefined;
  const document = parsed(body);
  if (!document) return {class: 'assertion', expected: 'JSON', got: body.trim() ? 'something else' : 'an empty body'};
  for (const rule of json ?? []) {
    const lack = ruleShortfall(document.value, rule);
    if (lack) return lack;
  }
  if (commit?.json === undefined) return undefined;
  const served = select(document.value, commit.json)[0];
  return staleness(typeof served === 'string' ? served : undefined, context);
}

/** The answer comes from this very release only when it carries its commit; a short SHA of seven letters will do. */
function staleness(served: string | undefined, {commit}: ExpectationContext): Shortfall | undefined {
  if (commit === undefined) return undefined;
  const found = served?.trim().toLowerCase();
  const wanted = commit.toLowerCase();
  if (found !== undefined && found.length >= 7 && (wanted.startsWith(found) || found.startsWith(wanted)))
    return undefined;
  return {
    class: 'stale',
    expected: `an answer from commit ${commit.slice(0, 12)}`,
    got: found ? `one from ${oneLine(found, 40)}` : 'one that names no commit',
  };
}

function parsed(body: string): {readonly value: unknown} | undefined {
  try {
    return {value: JSON.parse(body) as unknown};
  } catch {
    return undefined;
  }
}

/** Values that a JSONPath selects; none when the document is too deep for the library. */
export function select(document: unknown, path: string): unknown[] {
  try {
    return jsonpath.query(path, document as never).values();
  } catch {
    return [];
  }
}

function ruleShortfall(document: unknown, rule: JsonRule): Shortfall | undefined {
  const values = select(document, rule.path);
  const lack = (expected: string): Shortfall => ({
    class: 'assertion',
    expected: `${rule.path} ${expected}`,
    got: values.length ? oneLine(JSON.stringify(values[0]) ?? 'nothing', 120) : 'nothing there',
  });
  if (rule.exists === false) return values.length ? lack('to be absent') : undefined;
  if (values.length === 0) return lack('to exist');
  const [value] = values;
  if (rule.equals !== undefined && value !== rule.equals) return lack(`to equal ${JSON.stringify(rule.equals)}`);
  if (rule.matches !== undefined && !(isPlain(value) && new RegExp(rule.matches).test(String(value))))
    return lack(`to match ${rule.matches}`);
  if (rule['less-than'] !== undefined && !(typeof value === 'number' && value < rule['less-than']))
    return lack(`to be less than ${rule['less-than']}`);
  if (rule['more-than'] !== undefined && !(typeof value === 'number' && value > rule['more-than']))
    return lack(`to be more than ${rule['more-than']}`);
  return undefined;
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** Expressions that cannot work, found before the first probe. @param where key path of the expectation. */
export function expectationProblems(expectation: Expectation | undefined, where: string): Problem[] {
  const problems: Problem[] = [];
  (expectation?.json ?? []).forEach((rule, i) => {
    problems.push(...jsonPathProblem(rule.path, `${where}.json[${i}].path`));
    if (rule.matches !== undefined) problems.push(...patternProblem(rule.matches, `${where}.json[${i}].matches`));
    const asserts = [rule.equals, rule.matches, rule.exists, rule['less-than'], rule['more-than']].some(
      (part) => part !== undefined,
    );
    if (!asserts)
      problems.push({
        where: `${where}.json[${i}]`,
        what: `says nothing about ${rule.path}`,
        remedy: 'Add equals, matches, exists, less-than or more-than',
      });
  });
  if (expectation?.commit?.json !== undefined)
    problems.push(...jsonPathProblem(expectation.commit.json, `${where}.commit.json`));
  if (expectation?.commit && expectation.commit.json === undefined && expectation.commit.header === undefined)
    problems.push({
      where: `${where}.commit`,
      what: 'does not say where the commit stands',
      remedy: 'Add header or json',
    });
  for (const [name, value] of Object.entries(expectation?.headers ?? {})) {
    if (value.length > 2 && value.startsWith('/') && value.endsWith('/'))
      problems.push(...patternProblem(value.slice(1, -1), `${where}.headers.${name}`));
  }
  return problems;
}

export function jsonPathProblem(path: string, where: string): Problem[] {
  try {
    jsonpath.compile(path);
    return [];
  } catch (error) {
    return [
      {
        where,
        what: `"${oneLine(path, 60)}" is not a JSONPath: ${oneLine((error as Error).message, 120)}`,
        remedy: 'Write it as in RFC 9535, such as $.checks[0].status',
      },
    ];
  }
}

function patternProblem(pattern: string, where: string): Problem[] {
  try {
    new RegExp(pattern);
    return [];
  } catch (error) {
    return [
      {
        where,
        what: `"${oneLine(pattern, 60)}" is not a regular expression: ${oneLine((error as Error).message, 120)}`,
        remedy: 'Correct the expression',
      },
    ];
  }
}
