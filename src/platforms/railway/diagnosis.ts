import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {buildLogsDocument, deploymentLogsDocument, eventsDocument, type RawEvent, type RawLog} from './documents.js';
import type {Session} from './session.js';

/** Why a deployment failed, as far as Railway says. */
export interface Diagnosis {
  /** `HEALTHCHECK: service unavailable`, when a step tells. */
  readonly step?: string;
  /** Newest last, cleaned and capped. */
  readonly logTail: readonly string[];
}

const tailLines = 50;
const buildSteps = ['SNAPSHOT_CODE', 'BUILD_IMAGE', 'PUBLISH_IMAGE'];

/**
 * Reads the failing step and the last log lines: the build's when it never came to deploying, else the deployment's.
 * Never throws but for a cancelled run: what cannot be read is said in the lines themselves.
 */
export async function diagnose(session: Session, id: string, sawDeploying: boolean): Promise<Diagnosis> {
  const events = await orNothing(async () =>
    (await session.read(eventsDocument, {id})).deploymentEvents.edges.map((edge) => edge.node),
  );
  const failing = events && failingStep(events);
  const started =
    sawDeploying ||
    events?.some((event) => !buildSteps.includes(String(event.step)) && event.step !== 'WAIT_FOR_DEPENDENCIES');
  const inBuild = failing ? buildSteps.includes(String(failing.step)) : !started;
  const logs = await orNothing(() => (inBuild ? buildTail(session, id) : deploymentTail(session, id)));
  return {step: failing && stepText(failing), logTail: logs ? linesOf(logs) : ['(Railway did not hand out the log)']};
}

async function buildTail(session: Session, id: string): Promise<readonly RawLog[]> {
  return (await session.read(buildLogsDocument, {id, limit: tailLines})).buildLogs;
}

async function deploymentTail(session: Session, id: string): Promise<readonly RawLog[]> {
  return (await session.read(deploymentLogsDocument, {id, limit: tailLines})).deploymentLogs;
}

/** The step with an error, else the last one that began and never ended. */
function failingStep(events: readonly RawEvent[]): RawEvent | undefined {
  const inOrder = [...events].sort((a, b) => Date.parse(a.createdAt ?? '') - Date.parse(b.createdAt ?? ''));
  return inOrder.findLast((event) => event.payload?.error) ?? inOrder.findLast((event) => !event.completedAt);
}

function stepText(event: RawEvent): string {
  const payload = event.payload;
  const said = payload?.error ?? payload?.detail ?? payload?.reason ?? 'did not finish';
  const tries =
    payload?.attempt && payload.maxAttempts ? ` (attempt ${payload.attempt} of ${payload.maxAttempts})` : '';
  return `${cleanLine(String(event.step), 40)}: ${cleanLine(said, 200)}${tries}`;
}

/** Railway returns up to one row more than asked for. */
function linesOf(logs: readonly RawLog[]): string[] {
  return logs
    .map((log) => cleanLine(String(log.message ?? ''), 300))
    .filter((line) => line.length > 0)
    .slice(-tailLines);
}

async function orNothing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure && error.code !== 'CANCELLED') return undefined;
    throw error;
  }
}
