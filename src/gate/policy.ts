import {formatDuration} from '../kernel/duration.js';
import {type Problem, refusal} from '../kernel/errors.js';
import {cleanProbesToPass} from './evidence.js';

/**
 * What a gate is asked to prove, and in what time. Keys are spelled as in `.github/switchback.yml`, so that its parsed
 * `gate` section is a `GateSettings` as it stands; durations are milliseconds, shares go from 0 to 1.
 */
export interface GateSettings {
  readonly 'max-error-rate'?: number;
  readonly 'unhealthy-error-rate'?: number;
  readonly confidence?: number;
  readonly 'max-latency'?: number;
  readonly 'latency-quantile'?: LatencyQuantile;
  readonly 'latency-tolerance'?: number;
  /** `auto`, `off`, or the address of a baseline. */
  readonly compare?: string;
  readonly 'min-duration'?: number;
  readonly 'max-duration'?: number;
  readonly 'min-probes'?: number;
  readonly interval?: number;
  readonly 'control-url'?: string;
  readonly 'warm-up'?: number;
  readonly 'burst-guard'?: number | 'off';
  readonly 'on-timeout'?: 'inconclusive' | 'pass' | 'fail';
  readonly 'traffic-metrics'?: 'auto' | 'off';
  readonly rule?: GateRule;
  /** Places that probe at the same time and are merged into one verdict; each then needs that much more evidence. */
  readonly runners?: number;
}

export type LatencyQuantile = 'p50' | 'p90' | 'p95' | 'p99';
export type GateRule = 'evidence' | 'consecutive' | 'failure-limit' | 'window';

/** The settings with every default filled in. */
export interface GatePolicy {
  readonly maxErrorRate: number;
  readonly unhealthyErrorRate: number;
  readonly confidence: number;
  readonly maxLatencyMs?: number;
  readonly latencyQuantile: number;
  readonly latencyTolerance: number;
  readonly latencyToleranceMs: number;
  readonly compare: string;
  readonly minDurationMs: number;
  readonly maxDurationMs: number;
  readonly minProbes: number;
  readonly intervalMs: number;
  readonly controlUrl?: string;
  readonly warmUpMs: number;
  readonly burstGuard?: number;
  readonly onTimeout: 'inconclusive' | 'pass' | 'fail';
  readonly trafficMetrics: 'auto' | 'off';
  readonly rule: GateRule;
  readonly runners: number;
}

export const restartEvery = 60;
export const windowRestartEvery = 10;
const toleranceFloorMs = 10;

/** Fills in the defaults of the reference's table 4.1. Contradictions are found by `planProblems`, not here. */
export function resolvePolicy(settings: GateSettings): GatePolicy {
  const maxErrorRate = settings['max-error-rate'] ?? 0.01;
  const unhealthyErrorRate = settings['unhealthy-error-rate'] ?? Math.min(0.99, 5 * maxErrorRate);
  const confidence = settings.confidence ?? 0.99;
  const guard = settings['burst-guard'] ?? 0.5;
  const sound =
    maxErrorRate > 0 && unhealthyErrorRate > maxErrorRate && unhealthyErrorRate < 1 && confidence > 0 && confidence < 1;
  return {
    maxErrorRate,
    unhealthyErrorRate,
    confidence,
    ...(settings['max-latency'] === undefined ? {} : {maxLatencyMs: settings['max-latency']}),
    latencyQuantile: {p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99}[settings['latency-quantile'] ?? 'p95'],
    latencyTolerance: settings['latency-tolerance'] ?? 0.1,
    latencyToleranceMs: toleranceFloorMs,
    compare: settings.compare ?? 'auto',
    minDurationMs: settings['min-duration'] ?? 120_000,
    maxDurationMs: settings['max-duration'] ?? 600_000,
    minProbes: Math.max(
      settings['min-probes'] ?? 1,
      sound ? cleanProbesToPass(maxErrorRate, unhealthyErrorRate, 1 - confidence) : 1,
    ),
    intervalMs: settings.interval ?? 1_000,
    ...(settings['control-url'] === undefined ? {} : {controlUrl: settings['control-url']}),
    warmUpMs: settings['warm-up'] ?? 60_000,
    ...(guard === 'off' ? {} : {burstGuard: guard}),
    onTimeout: settings['on-timeout'] ?? 'inconclusive',
    trafficMetrics: settings['traffic-metrics'] ?? 'auto',
    rule: settings.rule ?? 'evidence',
    runners: settings.runners ?? 1,
  };
}

export type CheckKind = 'http' | 'tls' | 'dns' | 'tcp' | 'websocket' | 'postgres' | 'cors' | 'tenant' | 'sequence';

/** Where a secret comes from; its value is asked for by the name of an environment variable, never written down. */
export interface CheckAuth {
  readonly kind: 'bearer' | 'basic' | 'header';
  readonly env: string;
  /** Header name, for kind `header`. */
  readonly header?: string;
}

/** One rule about a JSON answer. A path that selects nothing breaks every rule but `exists: false`: nothing fails open. */
export interface JsonRule {
  /** JSONPath, RFC 9535. */
  readonly path: string;
  readonly equals?: string | number | boolean | null;
  readonly matches?: string;
  readonly exists?: boolean;
  readonly 'less-than'?: number;
  readonly 'more-than'?: number;
}

export interface Expectation {
  /** Allowed status codes; default 200 to 299. */
  readonly status?: number | readonly number[];
  readonly text?: string;
  readonly 'not-text'?: string;
  readonly json?: readonly JsonRule[];
  /** Headers that must be there; a value between slashes is a regular expression. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Address the answer must redirect to; the redirect is then not followed. */
  readonly redirect?: string;
  /** Where the answer tells its commit. */
  readonly commit?: {readonly header?: string; readonly json?: string};
}

export interface RequestDefinition {
  readonly path?: string;
  /** Absolute address, instead of target and path. */
  readonly url?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly auth?: CheckAuth;
  readonly expect?: Expectation;
}

export interface StepDefinition extends RequestDefinition {
  readonly name?: string;
  /** Name to JSONPath: values for later steps, used there as `{name}`. */
  readonly save?: Readonly<Record<string, string>>;
}

/** One check, spelled as in the configuration file. */
export interface CheckDefinition extends RequestDefinition {
  readonly name: string;
  readonly kind?: CheckKind;
  readonly target?: 'frontend' | 'backend' | 'database';
  readonly host?: string;
  readonly port?: number;
  readonly origin?: string;
  readonly 'foreign-auth'?: CheckAuth;
  readonly 'min-days'?: number;
  readonly query?: string;
  readonly 'url-env'?: string;
  readonly 'migration-head'?: string;
  readonly steps?: readonly StepDefinition[];
  readonly 'max-latency'?: number;
  readonly timeout?: number;
  readonly severity?: 'critical' | 'advisory';
  readonly weight?: number;
  readonly stages?: ReadonlyArray<'candidate' | 'live' | 'monitor'>;
}

/** Contract checks are not statistics: broken twice in a row means broken. Everything else is a stream of probes. */
export function isContract(check: CheckDefinition): boolean {
  return check.kind === 'tls' || check.kind === 'cors' || check.kind === 'tenant';
}

export const defaultTimeoutMs = 10_000;

/**
 * Everything that makes a policy impossible or contradictory, before the first probe.
 * @param where prefix of each key, such as `gate`.
 */
export function policyProblems(settings: GateSettings, where = 'gate'): Problem[] {
  const problems: Problem[] = [];
  const policy = resolvePolicy(settings);
  const add = (key: string, what: string, remedy: string) => problems.push({where: `${where}.${key}`, what, remedy});
  if (!(policy.maxErrorRate > 0 && policy.maxErrorRate < 1))
    add(
      'max-error-rate',
      `${percent(policy.maxErrorRate)} is not between 0% and 100%`,
      'Choose the share of failures that is still fine; 1% is usual',
    );
  if (!(policy.unhealthyErrorRate > policy.maxErrorRate))
    add(
      'unhealthy-error-rate',
      `${percent(policy.unhealthyErrorRate)} is not above max-error-rate ${percent(policy.maxErrorRate)}`,
      'Leave a gap; five times the maximum is usual',
    );
  if (!(policy.unhealthyErrorRate < 1))
    add('unhealthy-error-rate', `${percent(policy.unhealthyErrorRate)} is not below 100%`, 'Choose a share below 100%');
  if (!(policy.confidence >= 0.5 && policy.confidence < 1))
    add('confidence', `${percent(policy.confidence)} is not from 50% to below 100%`, 'Choose 95%, 99% or 99.9%');
  if (policy.burstGuard !== undefined && !(policy.burstGuard > 0 && policy.burstGuard < 0.99))
    add('burst-guard', `${percent(policy.burstGuard)} is not between 0% and 99%`, 'Choose a share such as 50%, or off');
  if (policy.intervalMs < 10)
    add('interval', `${policy.intervalMs} ms is below 10 ms`, 'Choose 10ms or more; 1s is usual');
  if (!Number.isInteger(policy.runners) || policy.runners < 1)
    add('runners', `${policy.runners} is not a whole number from 1`, 'Give the number of places that probe');
  if (settings.compare !== undefined && !/^(auto|off)$/.test(settings.compare) && !isWebUrl(settings.compare))
    add('compare', 'is neither auto, off nor an address', 'Write auto, off, or the address of the baseline');
  if (policy.minDurationMs > policy.maxDurationMs)
    add(
      'min-duration',
      `${formatDuration(policy.minDurationMs)} is longer than max-duration ${formatDuration(policy.maxDurationMs)}`,
      'Make max-duration the longer one',
    );
  if (problems.length === 0) problems.push(...timeProblems(policy, where));
  return problems;
}

/** A plan whose clean probes do not fit into its time could only ever end undecided. */
function timeProblems(policy: GatePolicy, where: string): Problem[] {
  if (policy.rule !== 'evidence') return [];
  const rounds = Math.floor(policy.maxDurationMs / policy.intervalMs);
  // The first success ends the warm-up and is not counted itself, hence one more round.
  const needed = policy.minProbes + 1;
  if (rounds >= needed) return [];
  const atLeast = formatDuration(needed * policy.intervalMs);
  return [
    {
      where: `${where}.max-duration`,
      what: `${formatDuration(policy.maxDurationMs)} at one probe every ${formatDuration(policy.intervalMs)} are ${rounds} probes, but ${needed} clean ones are needed to pass`,
      remedy: `Set max-duration to at least ${atLeast}, shorten the interval, or raise unhealthy-error-rate`,
    },
  ];
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

/** @throws refusal GATE_PLAN with all problems. */
export function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length) throw refusal('GATE_PLAN', "The gate's plan was", problems);
}
