import type {DeploymentRecord, EventRecord, EventStep, LogRow} from './records.js';
import {newId, type World} from './world.js';

/** What a deployment leaves to read: its steps and its log lines. */

/** Opens a step; `close` completes it, with the error when it failed. */
export function openStep(
  world: World,
  deployment: DeploymentRecord,
  step: EventStep,
): (end?: EventRecord['payload']) => void {
  const event: EventRecord = {id: newId(), step, createdAtMs: world.now()};
  deployment.events.push(event);
  return (end) => {
    event.completedAtMs = world.now();
    event.payload = {durationMs: Math.round(event.completedAtMs - event.createdAtMs), ...end};
  };
}

export function logBuild(world: World, deployment: DeploymentRecord, message: string, severity = 'info'): void {
  deployment.buildLogs.push(row(world, deployment, message, severity, []));
}

/** One line of a process: JSON on one line becomes message, severity and attributes, as the platform does it. */
export function logLine(world: World, deployment: DeploymentRecord, line: string, stream: 'stdout' | 'stderr'): void {
  const parsed = parse(line);
  const fallback = stream === 'stderr' ? 'error' : 'info';
  if (!parsed) return void deployment.logs.push(row(world, deployment, line, fallback, []));
  const {message, msg, level, severity, ...rest} = parsed;
  const attributes = Object.entries({level, ...rest}).flatMap(([key, value]) =>
    value === undefined ? [] : [{key, value: JSON.stringify(value)}],
  );
  deployment.logs.push(
    row(world, deployment, String(message ?? msg ?? ''), String(level ?? severity ?? fallback), attributes),
  );
}

function row(
  world: World,
  deployment: DeploymentRecord,
  message: string,
  severity: string,
  attributes: LogRow['attributes'],
): LogRow {
  return {
    atMs: world.now(),
    message,
    severity,
    attributes,
    deploymentId: deployment.id,
    instanceId: deployment.instances[0]?.id,
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
