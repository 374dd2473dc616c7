import {type CheckDefinition, type CheckKind, isContract} from '../gate/policy.js';
import type {GateSide, Probe, ProbeContext, ProbeResult} from '../gate/probes/probe.js';
import {openProbes} from '../gate/probes/probe-client.js';
import {redactor} from '../gate/redaction.js';
import {checkProblems, secretNames} from '../gate/run-plan.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {type Problem, refusal} from '../kernel/errors.js';
import {type FailureName, failureLetters, type Round, type ServiceResult} from './sample.js';

export interface MonitorRun {
  readonly checks: readonly CheckDefinition[];
  readonly side: GateSide;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Value of an environment variable that a check names. */
  readonly resolveSecret?: (name: string) => string | undefined;
  readonly probes?: Partial<Record<CheckKind, Probe>>;
  /** An address that has nothing to do with the product: when it fails too, the round is void. */
  readonly controlUrl?: string;
  readonly ca?: string;
  /** Probes at the same time; default 250, since a machine has only so many sockets. */
  readonly parallel?: number;
}

/** The newest detail of each service that did not answer well; free of secrets. */
export type Details = ReadonlyMap<string, string>;

export interface Prober extends AsyncDisposable {
  readonly services: readonly string[];
  /** Probes all services, or only those named, at once. */
  round(
    kind: 'scheduled' | 'confirm',
    only?: readonly string[],
  ): Promise<{readonly round: Round; readonly details: Details}>;
}

/** Checks of stage `monitor`, or of no stage. */
export function monitorChecks(checks: readonly CheckDefinition[]): CheckDefinition[] {
  return checks.filter((check) => !check.stages || check.stages.includes('monitor'));
}

/** Everything that could never work, before the first probe. */
export function monitorProblems(run: Pick<MonitorRun, 'checks' | 'side' | 'resolveSecret'>): Problem[] {
  const missing = secretNames(run.checks).filter((name) => !run.resolveSecret?.(name));
  return [
    ...checkProblems(run.checks, run.side).filter((problem) => !problem.what.startsWith('are all advisory')),
    ...missing.map((name) => ({
      where: `environment variable ${name}`,
      what: 'is not set, but a check needs it',
      remedy: `Pass it to the step: \`env: {${name}: \${{ secrets.${name} }}}\``,
    })),
  ];
}

/**
 * Opens the gate's probes for a watch: the same checks, the same code, the same meaning of "failed".
 * @throws refusal MONITOR_PLAN with everything that could never work.
 */
export async function openProber(run: MonitorRun): Promise<Prober> {
  const problems = monitorProblems(run);
  if (problems.length) throw refusal('MONITOR_PLAN', "The monitor's checks were", problems);
  const clock = run.clock ?? systemClock;
  const client = await openProbes(run);
  const secret = (name: string) => run.resolveSecret?.(name) ?? '';
  const context: ProbeContext = {
    side: run.side,
    isBaseline: false,
    signal: run.signal,
    clock,
    secret,
    redact: redactor([
      ...secretNames(run.checks).map(secret),
      run.side.protectionBypass ?? '',
      ...Object.values(run.side.headers ?? {}),
    ]),
    exchange: client.exchange,
    ...(run.ca === undefined ? {} : {ca: run.ca}),
  };
  const probes = {...client.probes, ...run.probes};
  const probeOne = (check: CheckDefinition) => probes[check.kind ?? 'http'](check, context);
  return {
    services: run.checks.map((check) => check.name),
    round: async (kind, only) => {
      const atMs = clock.now();
      const checks = only ? run.checks.filter((check) => only.includes(check.name)) : run.checks;
      const [found, controlOk] = await Promise.all([
        eachAtMost(checks, run.parallel ?? 250, probeOne),
        controlAnswers(run, context),
      ]);
      return roundOf(atMs, kind, checks, found, controlOk);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function roundOf(
  atMs: number,
  kind: 'scheduled' | 'confirm',
  checks: readonly CheckDefinition[],
  found: readonly ProbeResult[],
  controlOk: boolean,
): {round: Round; details: Details} {
  const results = new Map(checks.map((check, i) => [check.name, resultOf(check, found[i]!)]));
  const failing = [...results.values()].some((result) => result.outcome === 'failed');
  const details = new Map(
    checks.flatMap((check, i) => (found[i]!.outcome === 'ok' ? [] : [[check.name, found[i]!.detail ?? ''] as const])),
  );
  // An unrelated address fails in the same moment: it is this machine that is cut off.
  return {round: {atMs, kind: failing && !controlOk ? 'void' : kind, results}, details};
}

function resultOf(check: CheckDefinition, found: ProbeResult): ServiceResult {
  if (found.outcome === 'unusable') return {outcome: 'unusable'};
  const latency = found.latencyMs === undefined || isContract(check) ? {} : {latencyMs: found.latencyMs};
  if (found.outcome === 'ok') return {outcome: 'ok', ...latency};
  const known = found.class !== undefined && found.class in failureLetters;
  return {outcome: 'failed', class: known ? (found.class as FailureName) : 'assertion', ...latency};
}

async function controlAnswers({controlUrl}: MonitorRun, {exchange, signal}: ProbeContext): Promise<boolean> {
  if (!controlUrl) return true;
  return exchange({url: new URL(controlUrl), method: 'HEAD', headers: {}, timeoutMs: 5_000, signal, keepBytes: 0}).then(
    () => true,
    () => false,
  );
}

async function eachAtMost<T, R>(items: readonly T[], parallel: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!);
  };
  await Promise.all(Array.from({length: Math.min(parallel, items.length)}, lane));
  return results;
}
