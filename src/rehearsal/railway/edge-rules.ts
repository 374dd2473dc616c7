import {isIPv4} from 'node:net';

/**
 * Rules that the platform's edge applies before a request reaches the service: their validation with diagnostics, and
 * their decision on one request. Pure.
 */

interface Clause {
  readonly attr: string;
  readonly op: string;
  readonly value: string | readonly string[];
  readonly key?: string;
}

export type Condition =
  | Clause
  | {readonly and: readonly Condition[]}
  | {readonly or: readonly Condition[]}
  | {readonly not: Condition};

interface EdgeRule {
  readonly id?: string;
  readonly description?: string;
  readonly priority: number;
  readonly enabled?: boolean;
  readonly if: Condition;
  readonly then: {readonly action: string; readonly params?: Readonly<Record<string, unknown>>};
}

export interface EdgeRules {
  readonly version: 1;
  readonly rules: readonly EdgeRule[];
}

interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly path: string;
}

/** The parts of a request that a rule can look at. */
export interface EdgeRequest {
  /** Undefined when the visitor came over IPv6: no IP rule matches then. */
  readonly ipv4?: string;
  /** Lower case, no port. */
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

type Decision =
  | {readonly action: 'forward'}
  | {readonly action: 'block'; readonly status: number; readonly body: string}
  | {readonly action: 'challenge'}
  | {readonly action: 'redirect'; readonly status: number; readonly location: string};

const operators: Readonly<Record<string, readonly string[]>> = {
  'ipv4.src': ['eq', 'neq', 'in', 'not_in'],
  'http.host': ['eq', 'neq', 'in', 'matches'],
  'http.path': ['eq', 'neq', 'contains', 'matches'],
  'http.header': ['eq', 'neq', 'contains', 'matches'],
};

const limits = {bytes: 65_536, clauses: 32, depth: 4, text: 256, list: 64, wildcards: 8, body: 4_096, rules: 64};

type Report = (code: string, message: string, path: string) => void;

/** All that is wrong with a set of rules; empty when it may be saved. */
export function diagnose(document: unknown): Diagnostic[] {
  const found: Diagnostic[] = [];
  const report: Report = (code, message, path) => void found.push({code, message, path});
  if (!isObject(document)) report('invalid_type', 'The ruleset must be an object', '');
  else diagnoseSet(document, report);
  return found;
}

function diagnoseSet(document: Record<string, unknown>, report: Report): void {
  unknownKeys(document, ['version', 'rules'], '', report);
  if (document.version !== 1) report('invalid_version', 'version must be 1', 'version');
  if (Buffer.byteLength(JSON.stringify(document)) > limits.bytes)
    report('too_large', 'The ruleset is larger than 64 KiB', '');
  const rules = document.rules;
  if (!Array.isArray(rules)) return void report('invalid_type', 'rules must be an array', 'rules');
  if (rules.length > limits.rules) report('too_many_rules', `More than ${limits.rules} rules`, 'rules');
  const seen = new Set<unknown>();
  rules.forEach((rule: unknown, i) => {
    diagnoseRule(rule, `rules[${i}]`, seen, report);
  });
}

function diagnoseRule(rule: unknown, path: string, seen: Set<unknown>, report: Report): void {
  if (!isObject(rule)) return void report('invalid_type', 'A rule must be an object', path);
  unknownKeys(rule, ['id', 'description', 'priority', 'enabled', 'if', 'then'], path, report);
  const {priority, enabled, description, id} = rule;
  if (!Number.isInteger(priority) || Number(priority) < 0)
    report('invalid_priority', 'priority must be an unsigned integer', `${path}.priority`);
  else if (seen.has(priority))
    report('duplicate_priority', `priority ${String(priority)} is used twice`, `${path}.priority`);
  seen.add(priority);
  if (enabled !== undefined && typeof enabled !== 'boolean')
    report('invalid_type', 'enabled must be a boolean', `${path}.enabled`);
  if (description !== undefined && (typeof description !== 'string' || description.length > limits.text))
    report('invalid_description', 'description must be text of at most 256 characters', `${path}.description`);
  if (id !== undefined && !/^rul_/.test(String(id)))
    report('invalid_id', 'id must be one that was assigned (rul_...)', `${path}.id`);
  const count = diagnoseCondition(rule.if, `${path}.if`, 1, report);
  if (count > limits.clauses) report('too_many_clauses', `More than ${limits.clauses} clauses`, `${path}.if`);
  diagnoseAction(rule.then, `${path}.then`, report);
}

/** @returns the number of clauses. */
function diagnoseCondition(condition: unknown, path: string, depth: number, report: Report): number {
  if (!isObject(condition)) {
    report('invalid_condition', 'A condition is required', path);
    return 0;
  }
  if (depth > limits.depth) report('too_deep', `Conditions nest deeper than ${limits.depth} levels`, path);
  for (const word of ['and', 'or'] as const) {
    if (!(word in condition)) continue;
    const parts = condition[word];
    if (!Array.isArray(parts) || parts.length === 0) {
      report('invalid_condition', `${word} needs a list of conditions`, `${path}.${word}`);
      return 0;
    }
    return parts.reduce<number>(
      (sum, part, i) => sum + diagnoseCondition(part, `${path}.${word}[${i}]`, depth + 1, report),
      0,
    );
  }
  if ('not' in condition) return diagnoseCondition(condition.not, `${path}.not`, depth + 1, report);
  diagnoseClause(condition, path, report);
  return 1;
}

function diagnoseClause(clause: Record<string, unknown>, path: string, report: Report): void {
  unknownKeys(clause, ['attr', 'op', 'value', 'key'], path, report);
  const {attr, op, value, key} = clause;
  const allowed = operators[String(attr)];
  if (!allowed) return void report('unknown_attribute', `Unknown attribute ${String(attr)}`, `${path}.attr`);
  if (!allowed.includes(String(op)))
    report('unsupported_operator', `${String(attr)} does not support ${String(op)}`, `${path}.op`);
  if ((attr === 'http.header') !== (typeof key === 'string' && key !== ''))
    report('invalid_key', 'key is required for http.header, and only there', `${path}.key`);
  const many = op === 'in' || op === 'not_in';
  if (many !== Array.isArray(value) || (!many && typeof value !== 'string'))
    return void report(
      'invalid_value',
      many ? 'value must be an array of strings' : 'value must be a string',
      `${path}.value`,
    );
  const values = [value].flat() as unknown[];
  if (values.length > limits.list) report('too_many_values', `More than ${limits.list} values`, `${path}.value`);
  for (const one of values) diagnoseValue(String(attr), String(op), one, `${path}.value`, report);
}

function diagnoseValue(attr: string, op: string, value: unknown, path: string, report: Report): void {
  if (typeof value !== 'string' || value.length > limits.text)
    return void report('invalid_value', 'A value must be text of at most 256 characters', path);
  if (op === 'matches' && value.split('*').length - 1 > limits.wildcards)
    report('too_many_wildcards', `More than ${limits.wildcards} wildcards`, path);
  if (attr === 'ipv4.src' && !parseRange(value)) report('invalid_ip', `${value} is not an IPv4 address or range`, path);
}

function diagnoseAction(then: unknown, path: string, report: Report): void {
  if (!isObject(then)) return void report('invalid_action', 'An action is required', path);
  const params = then.params === undefined ? {} : then.params;
  if (!isObject(params)) return void report('invalid_type', 'params must be an object', `${path}.params`);
  const at = `${path}.params`;
  switch (then.action) {
    case 'block':
      return void diagnoseBlock(params, at, report);
    case 'redirect':
      return void diagnoseRedirect(params, at, report);
    case 'cache_override':
      return void diagnoseCache(params, at, report);
    case 'allow':
    case 'challenge':
      return void unknownKeys(params, [], at, report);
    default:
      return void report('unknown_action', `Unknown action ${String(then.action)}`, `${path}.action`);
  }
}

function diagnoseBlock(params: Record<string, unknown>, path: string, report: Report): void {
  unknownKeys(params, ['status', 'body'], path, report);
  const {status, body} = params;
  if (status !== undefined && !inRange(status, 400, 499))
    report('invalid_status', 'Block status must be from 400 through 499', `${path}.status`);
  if (body !== undefined && (typeof body !== 'string' || Buffer.byteLength(body) > limits.body))
    report('invalid_body', 'Block body must be text of at most 4096 bytes', `${path}.body`);
}

function diagnoseRedirect(params: Record<string, unknown>, path: string, report: Report): void {
  unknownKeys(params, ['host', 'location', 'status', 'preserve_path', 'preserve_query'], path, report);
  const {host, location, status} = params;
  if ((host === undefined) === (location === undefined))
    report('invalid_redirect', 'Exactly one of host and location is required', path);
  if (location !== undefined && !/^https?:\/\//.test(String(location)))
    report('invalid_location', 'location must be an http or https URL', `${path}.location`);
  if (status !== undefined && ![301, 302, 307, 308].includes(Number(status)))
    report('invalid_status', 'Redirect status must be 301, 302, 307 or 308', `${path}.status`);
}

function diagnoseCache(params: Record<string, unknown>, path: string, report: Report): void {
  unknownKeys(params, ['ttl_seconds', 'bypass'], path, report);
  const {ttl_seconds: ttl, bypass} = params;
  if ((ttl === undefined) === (bypass === undefined))
    report('invalid_cache', 'Exactly one of ttl_seconds and bypass is required', path);
  if (ttl !== undefined && !inRange(ttl, 1, 2_592_000))
    report('invalid_ttl', 'ttl_seconds must be from 1 through 2592000', `${path}.ttl_seconds`);
  if (bypass !== undefined && bypass !== true) report('invalid_cache', 'bypass must be true', `${path}.bypass`);
}

/** What the edge does with a request: the first matching terminal action, in order of priority. */
export function decide(rules: EdgeRules | null, request: EdgeRequest): Decision {
  const ordered = [...(rules?.rules ?? [])].sort((a, b) => a.priority - b.priority);
  for (const rule of ordered) {
    if (rule.enabled === false || !holds(rule.if, request)) continue;
    const decision = terminal(rule.then, request);
    if (decision) return decision;
  }
  return {action: 'forward'};
}

function terminal(then: EdgeRule['then'], request: EdgeRequest): Decision | undefined {
  const params = then.params ?? {};
  switch (then.action) {
    case 'block':
      return {action: 'block', status: Number(params.status ?? 403), body: String(params.body ?? '')};
    case 'allow':
      return {action: 'forward'};
    case 'challenge':
      return {action: 'challenge'};
    case 'redirect':
      return {action: 'redirect', status: Number(params.status ?? 302), location: redirectTo(params, request)};
    default:
      return undefined;
  }
}

function redirectTo(params: Readonly<Record<string, unknown>>, request: EdgeRequest): string {
  if (params.location !== undefined) return String(params.location);
  const path = params.preserve_path === false ? '/' : request.path;
  return `https://${String(params.host)}${path}${params.preserve_query === false ? '' : request.query}`;
}

function holds(condition: Condition, request: EdgeRequest): boolean {
  if ('and' in condition) return condition.and.every((part) => holds(part, request));
  if ('or' in condition) return condition.or.some((part) => holds(part, request));
  if ('not' in condition) return !holds(condition.not, request);
  const actual = attribute(condition, request);
  // A comparison with something missing is never true, not even a negative one.
  return actual !== undefined && compare(condition, actual);
}

function attribute(clause: Clause, request: EdgeRequest): string | undefined {
  if (clause.attr === 'ipv4.src') return request.ipv4;
  if (clause.attr === 'http.host') return request.host;
  if (clause.attr === 'http.path') return request.path;
  return request.headers[(clause.key ?? '').toLowerCase()];
}

function compare(clause: Clause, actual: string): boolean {
  const equals = (value: string) => (clause.attr === 'ipv4.src' ? inRangeOf(value, actual) : value === actual);
  const values = [clause.value].flat() as string[];
  switch (clause.op) {
    case 'eq':
    case 'in':
      return values.some(equals);
    case 'neq':
    case 'not_in':
      return !values.some(equals);
    case 'contains':
      return actual.includes(values[0]!);
    default:
      return wildcard(values[0]!).test(actual);
  }
}

function wildcard(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );
}

function parseRange(text: string): {base: number; mask: number} | undefined {
  const [address = '', bits = '32'] = text.split('/');
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  const mask = Number(bits) === 0 ? 0 : (0xffffffff << (32 - Number(bits))) >>> 0;
  return {base: (toNumber(address) & mask) >>> 0, mask};
}

function inRangeOf(range: string, address: string): boolean {
  const parsed = parseRange(range);
  return parsed !== undefined && isIPv4(address) && (toNumber(address) & parsed.mask) >>> 0 === parsed.base;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function inRange(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

function unknownKeys(value: Record<string, unknown>, known: readonly string[], path: string, report: Report): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) report('unknown_field', `Unknown field ${key}`, path === '' ? key : `${path}.${key}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
