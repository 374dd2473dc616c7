import {cancelled, Failure, isAbort} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Deployer, Deployment, DeployRequest} from '../platform.js';
import {type BuildEnd, isInProgress} from './build-end.js';
import {followBuildLog, readLogTail} from './build-log.js';
import {waitForBuild} from './build-wait.js';
import {cancelQuietly} from './cancel.js';
import {holdingChecks} from './checks.js';
import type {Vercel} from './context.js';
import {createOnce, findByRelease} from './create.js';
import type {DeploymentRecord} from './deployment-record.js';
import {deploymentUrl} from './options.js';
import {preparePayload} from './payload.js';
import {isRolledBack, type Project, readProject} from './project.js';
import {together} from './together.js';

type DeployCall = Parameters<Deployer['deploy']>[1];

/**
 * Makes, or takes over, the staged production deployment of a release and waits for its end.
 * No production host moves; the exception, a project's very first deployment, is said in `warnings` and `staged`.
 */
export async function deploy(vercel: Vercel, request: DeployRequest, call: DeployCall): Promise<Deployment> {
  const startedMs = vercel.clock.now();
  const deadlineMs = startedMs + call.timeoutMs;
  const [project, known] = await together([readProject(vercel, call), findByRelease(vercel, request, call)]);
  refuseUnfit(project);
  const warnings = projectWarnings(project);
  const taken = known.find(isAdoptable);
  if (taken) call.progress(`Vercel: taking over ${taken.id}, made for this release before.`);
  const {created, adopted} = taken
    ? {created: taken, adopted: true}
    : await make(vercel, request, project, known, deadlineMs, call, warnings);
  call.progress(`Vercel: ${created.id}${created.inspectUrl ? ` ${oneLine(created.inspectUrl, 300)}` : ''}`);
  const end = await withChecks(vercel, await followed(vercel, created, deadlineMs, call), call);
  const logTail = end.outcome === 'failed' ? await readLogTail(vercel, created.id, call) : [];
  return result(vercel, request, end, {adopted, logTail, warnings, durationMs: vercel.clock.now() - startedMs});
}

/** Names the check behind an end that only says that one did not pass. */
async function withChecks(vercel: Vercel, end: BuildEnd, call: DeployCall): Promise<BuildEnd> {
  if (end.reason?.code !== 'VERCEL_CHECKS_FAILED') return end;
  const holding = await holdingChecks(vercel, end.deployment.id, call);
  if (holding.length === 0) return end;
  return {...end, reason: {...end.reason, message: `${end.reason.message}: ${holding.join(', ')}`}};
}

/** Nothing was changed when one of these is thrown. */
function refuseUnfit(project: Project): void {
  if (project.paused) {
    throw new Failure('VERCEL_PAUSED', `The project ${project.name} is paused: it would serve nothing`, {
      remedy: 'Unpause it in the project’s settings, or end maintenance, then run again.',
    });
  }
}

function projectWarnings(project: Project): string[] {
  const warnings: string[] = [];
  if (project.currentId === undefined) {
    warnings.push(
      'This is the project’s first production deployment: Vercel may give it the production domains at once, before any gate.',
    );
  }
  if (isRolledBack(project)) {
    const why = project.rollbackReason ? ` (${oneLine(project.rollbackReason, 200)})` : '';
    warnings.push(
      `The project is in rolled-back state${why}: production domains follow no new deployment until one is promoted.`,
    );
  }
  return warnings;
}

/** Still on its way, or ready. One that failed, was cancelled or blocked is not worth taking over: a new try may pass. */
const isAdoptable = ({state}: DeploymentRecord): boolean => isInProgress(state) || state === 'READY';

async function make(
  vercel: Vercel,
  request: DeployRequest,
  project: Project,
  known: readonly DeploymentRecord[],
  deadlineMs: number,
  call: DeployCall,
  warnings: string[],
): Promise<{created: DeploymentRecord; adopted: boolean}> {
  const payload = await preparePayload(vercel, request, project);
  for (const warning of payload.warnings) warnings.push(warning);
  const deadline = AbortSignal.timeout(Math.max(1, Math.min(deadlineMs - vercel.clock.now(), 2 ** 31 - 1)));
  const signal = AbortSignal.any([call.signal, deadline]);
  try {
    return await createOnce(vercel, request, payload, project, new Set(known.map(({id}) => id)), {...call, signal});
  } catch (error) {
    if (call.signal.aborted) await cancelUnnamed(vercel, request, known, call);
    if (!deadline.aborted || call.signal.aborted || !isAbort(error)) throw error;
    throw new Failure('VERCEL_TIMEOUT', 'The upload to Vercel did not end before the deadline', {
      remedy: 'Raise the deadline, or make the upload smaller; running again takes over what was already made.',
    });
  }
}

/** The run was cancelled before it learnt an id: what was made all the same is looked up and cancelled. */
async function cancelUnnamed(
  vercel: Vercel,
  request: DeployRequest,
  known: readonly DeploymentRecord[],
  call: DeployCall,
): Promise<void> {
  const found = await findByRelease(vercel, request, {signal: AbortSignal.timeout(3_000)}).catch(() => []);
  const made = found.find(({id, state}) => isInProgress(state) && !known.some((former) => former.id === id));
  if (made) await cancelQuietly(vercel, made.id, call.progress);
}

/**
 * Waits with the build's log running beside. A cancelled run also cancels the build it was waiting for.
 */
async function followed(
  vercel: Vercel,
  created: DeploymentRecord,
  deadlineMs: number,
  call: DeployCall,
): Promise<BuildEnd> {
  const over = new AbortController();
  let log: Promise<void> = Promise.resolve();
  try {
    await call.onCreated?.(created.id);
    if (call.signal.aborted) throw cancelled('The deployment');
    if (isInProgress(created.state))
      log = followBuildLog(vercel, created.id, call.progress, {signal: AbortSignal.any([call.signal, over.signal])});
    return await waitForBuild(vercel, created, deadlineMs, call);
  } catch (error) {
    if (isAbort(error)) await cancelQuietly(vercel, created.id, call.progress);
    throw error;
  } finally {
    over.abort();
    await log;
  }
}

interface Extra {
  readonly adopted: boolean;
  readonly logTail: readonly string[];
  readonly warnings: readonly string[];
  readonly durationMs: number;
}

function result(
  vercel: Vercel,
  request: DeployRequest,
  end: BuildEnd,
  {adopted, logTail, warnings, durationMs}: Extra,
): Deployment {
  const {deployment} = end;
  const wentLive = deployment.substate === 'PROMOTED' || deployment.substate === 'ROLLING';
  const liveWarning =
    wentLive && !adopted ? [`${deployment.id} already has production traffic: it was not staged.`] : [];
  return {
    component: 'frontend',
    deploymentId: deployment.id,
    outcome: end.outcome,
    staged: !wentLive,
    adopted,
    commit: deployment.commit ?? request.commit,
    ...(deployment.host ? {url: deploymentUrl(vercel.settings, deployment.host)} : {}),
    ...(deployment.inspectUrl ? {inspectUrl: oneLine(deployment.inspectUrl, 300)} : {}),
    durationMs,
    ...(end.reason ? {reason: {...end.reason, logTail}} : {}),
    warnings: [...warnings, ...end.warnings, ...liveWarning],
  };
}
