import type {Problem} from '../kernel/errors.js';
import type {PlannedCheck} from './check-state.js';
import {
  type CheckAuth,
  type CheckDefinition,
  type CheckKind,
  type GatePolicy,
  isContract,
  type RequestDefinition,
} from './policy.js';
import {expectationProblems, jsonPathProblem} from './probes/expectation.js';
import type {GateSide, Probe} from './probes/probe.js';

/** A check that is ready to run. */
export interface RunCheck {
  readonly definition: CheckDefinition;
  readonly plan: PlannedCheck;
  readonly probe: Probe;
}

/** A contract is read seldom, so its voice is small unless the user gives it a weight. */
const contractWeight = 0.25;

/** The side to compare with; undefined when the policy or the caller has none. */
export function baselineOf(
  policy: GatePolicy,
  candidate: GateSide,
  baseline: GateSide | undefined,
): GateSide | undefined {
  if (policy.compare === 'off') return undefined;
  if (policy.compare === 'auto') return baseline;
  return {...baseline, urls: {[candidate.urls.frontend ? 'frontend' : 'backend']: policy.compare}};
}

/** Joins each definition with its probe and says how it is judged. */
export function planChecks(
  checks: readonly CheckDefinition[],
  policy: GatePolicy,
  candidate: GateSide,
  baseline: GateSide | undefined,
  probes: Readonly<Record<CheckKind, Probe>>,
): RunCheck[] {
  return checks.map((definition) => {
    const contract = isContract(definition);
    const maxLatencyMs = definition['max-latency'] ?? policy.maxLatencyMs;
    return {
      definition,
      probe: probes[definition.kind ?? 'http'],
      plan: {
        id: definition.name,
        kind: definition.kind ?? 'http',
        mode: definition.kind === 'tenant' ? 'leak' : contract ? 'contract' : 'stream',
        critical: definition.severity !== 'advisory',
        weight: definition.weight ?? (contract ? contractWeight : 1),
        paired: isPaired(definition, candidate, baseline),
        ...(maxLatencyMs === undefined || contract ? {} : {maxLatencyMs}),
      },
    };
  });
}

/** Only requests that change nothing are sent to the baseline too. */
function isPaired(check: CheckDefinition, candidate: GateSide, baseline: GateSide | undefined): boolean {
  const target = check.target ?? 'backend';
  const other = baseline?.urls[target];
  const harmless = /^(GET|HEAD|OPTIONS)$/.test(check.method ?? 'GET');
  return (
    (check.kind ?? 'http') === 'http' &&
    check.url === undefined &&
    harmless &&
    other !== undefined &&
    other !== candidate.urls[target]
  );
}

/** Everything in the checks that could never work, before the first probe. */
export function checkProblems(checks: readonly CheckDefinition[], candidate: GateSide): Problem[] {
  const problems: Problem[] = [];
  if (!checks.some((check) => check.severity !== 'advisory'))
    problems.push({
      where: 'checks',
      what: checks.length ? 'are all advisory, so nothing can decide' : 'are none',
      remedy: 'Add at least one critical check, such as a path that must answer 200',
    });
  const seen = new Set<string>();
  checks.forEach((check, i) => {
    const where = `checks[${i}]`;
    if (seen.has(check.name))
      problems.push({
        where: `${where}.name`,
        what: `"${check.name}" is used twice`,
        remedy: 'Give each check its own name',
      });
    seen.add(check.name);
    problems.push(...addressProblems(check, where, candidate), ...requestProblems(check, where));
    if (check.weight !== undefined && !(check.weight > 0))
      problems.push({
        where: `${where}.weight`,
        what: 'is not above 0',
        remedy: 'Give a positive number, or make the check advisory',
      });
    if (check.timeout !== undefined && check.timeout < 1)
      problems.push({where: `${where}.timeout`, what: 'is no time at all', remedy: 'Give a duration such as 10s'});
    (check.steps ?? []).forEach((step, j) => {
      problems.push(...requestProblems(step, `${where}.steps[${j}]`));
      for (const [name, path] of Object.entries(step.save ?? {}))
        problems.push(...jsonPathProblem(path, `${where}.steps[${j}].save.${name}`));
    });
  });
  return problems;
}

function requestProblems(request: RequestDefinition, where: string): Problem[] {
  const problems = expectationProblems(request.expect, `${where}.expect`);
  if (request.auth?.kind === 'header' && !request.auth.header)
    problems.push({
      where: `${where}.auth`,
      what: 'is of kind header and names none',
      remedy: 'Add `header`, such as X-Api-Key',
    });
  return problems;
}

function addressProblems(check: CheckDefinition, where: string, candidate: GateSide): Problem[] {
  const kind = check.kind ?? 'http';
  const target = check.target ?? 'backend';
  const missing = (what: string, remedy: string): Problem[] => [{where, what: `"${check.name}" ${what}`, remedy}];
  if (kind === 'postgres')
    return check['url-env'] || candidate.urls.database
      ? []
      : missing('has no database address', 'Add `url-env` with the name of the variable that holds it');
  const hasAddress =
    check.url !== undefined ||
    candidate.urls[target] !== undefined ||
    (check.steps?.length && check.steps.every((step) => step.url !== undefined));
  if (kind === 'tls' || kind === 'dns' || kind === 'tcp') {
    if (kind === 'tcp' && check.port === undefined && !hasAddress) return missing('has no port', 'Add `port`');
    return check.host !== undefined || hasAddress ? [] : missing('has no host', 'Add `host`, `url` or `target`');
  }
  if (kind === 'cors' && !check.origin) return missing('names no origin', 'Add `origin`, such as https://shop.example');
  if (kind === 'tenant' && !check['foreign-auth'])
    return missing('has no token of another organisation', 'Add `foreign-auth`');
  if (kind === 'sequence' && !check.steps?.length) return missing('has no steps', 'Add `steps`');
  return hasAddress
    ? []
    : missing(`has no address: the ${target} has no URL here`, `Pass \`${target}-url\`, or give the check a \`url\``);
}

/** Names of all secrets that the checks need. */
export function secretNames(checks: readonly CheckDefinition[]): string[] {
  const names = new Set<string>();
  const add = (auth: CheckAuth | undefined) => {
    if (auth) names.add(auth.env);
  };
  for (const check of checks) {
    add(check.auth);
    add(check['foreign-auth']);
    for (const step of check.steps ?? []) add(step.auth);
    if (check['url-env']) names.add(check['url-env']);
  }
  return [...names];
}
