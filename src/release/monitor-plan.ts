import type {Config, MonitorConfig} from '../config/schema.js';
import type {CheckDefinition} from '../gate/policy.js';
import {defaultHistoryPolicy, type HistoryPolicy} from '../monitor/history.js';
import {defaultJudgePolicy, type JudgePolicy} from '../monitor/judgement.js';
import {monitorChecks} from '../monitor/round.js';
import {gateChecks} from './gate-plan.js';

/** What a monitor watches, from the configuration file. */
export interface MonitorPlan {
  readonly checks: readonly CheckDefinition[];
  readonly urls: {readonly frontend?: string; readonly backend?: string};
  readonly policyOf: (service: string) => JudgePolicy;
  readonly componentOf: (service: string) => string;
  readonly isCritical: (service: string) => boolean;
  readonly history: HistoryPolicy;
}

/** The checks of stage `monitor` (or of none); without checks, the front page of each component. */
export function monitorPlan(config: Config): MonitorPlan {
  const urls = {
    ...(config.frontend ? {frontend: config.frontend.url} : {}),
    ...(config.backend ? {backend: config.backend.url} : {}),
  };
  const checks = monitorChecks(gateChecks(config.checks, {}, urls));
  const byName = new Map(checks.map((check) => [check.name, check]));
  const {monitor} = config;
  return {
    checks,
    urls,
    policyOf: (service) => judgePolicy(config, byName.get(service)),
    componentOf: (service) => byName.get(service.replace(budgetPrefix, ''))?.target ?? componentOfFact(service),
    isCritical: (service) => byName.get(service)?.severity !== 'advisory' && !isUpkeep(service),
    history: historyPolicy(monitor),
  };
}

export const budgetPrefix = 'error budget: ';
export const backupFact = 'backup age';
export const secondCopyFact = 'second copy age';
export const drillFact = 'restore drill age';
export const readinessFact = 'rollback readiness';
export const certificatePrefix = 'certificate of ';
export const runFact = 'monitor run';

/** Facts that need somebody soon, but not at night. */
function isUpkeep(service: string): boolean {
  return (
    [readinessFact, runFact, secondCopyFact].includes(service) ||
    [budgetPrefix, certificatePrefix].some((one) => service.startsWith(one))
  );
}

function componentOfFact(service: string): string {
  return [backupFact, secondCopyFact, drillFact].includes(service) ? 'database' : 'backend';
}

function judgePolicy({monitor, gate}: Config, check: CheckDefinition | undefined): JudgePolicy {
  const guard = gate['burst-guard'];
  const maxErrorRate = gate['max-error-rate'] ?? defaultJudgePolicy.maxErrorRate;
  const maxLatencyMs = check?.['max-latency'] ?? monitor['max-latency'];
  return {
    ...defaultJudgePolicy,
    maxErrorRate,
    unhealthyErrorRate: gate['unhealthy-error-rate'] ?? 5 * maxErrorRate,
    ...(typeof guard === 'number' ? {burstGuard: guard} : {}),
    probesPerFalseAlarm: monitor['rounds-per-false-alarm'],
    ...(maxLatencyMs === undefined ? {} : {maxLatencyMs}),
    latencyQuantile: {p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99}[gate['latency-quantile'] ?? 'p95'],
  };
}

function historyPolicy(monitor: MonitorConfig): HistoryPolicy {
  return {
    keepRoundsMs: monitor['keep-rounds'],
    keepMinutesMs: monitor['keep-minutes'],
    keepHoursMs: monitor['keep-hours'],
    // A schedule may be late by as much again; beyond that nobody was looking.
    maxGapMs: Math.max(2 * monitor.interval, defaultHistoryPolicy.maxGapMs / 3),
  };
}
