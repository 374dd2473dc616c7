import {cancelled, Failure, isAbort} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {PlatformCall} from '../platform.js';
import type {Answer} from './api.js';
import {holdingChecks} from './checks.js';
import type {Vercel} from './context.js';
import {describeHosts, type HostReading, readHosts} from './hosts.js';
import {record, records, text} from './json.js';
import {type AliasJob, isRunning, type Project, readProject} from './project.js';
import {together} from './together.js';

/** The two ways in which the platform moves all production hosts at once. */
export type Verb = 'promote' | 'rollback';

export interface Move {
  readonly verb: Verb;
  readonly deploymentId: string;
  readonly hosts: readonly string[];
  /** The project as read before the move was asked for. */
  readonly before: Project;
  readonly deadlineMs: number;
  /** Sends the request; refusals are told by `Failure.details.status`. */
  readonly send: () => Promise<Answer>;
}

const pollMs = 1_000;
/** How long the job of an accepted request may take to show up. */
const appearanceMs = 30_000;
/** How long hosts may lag behind a job that succeeded. */
const settleMs = 60_000;

/**
 * Asks for the move, waits for its own job and reads every host back.
 * @returns the hosts, all serving the deployment.
 * @throws Failure when the platform refused, failed, skipped or was overtaken, with what each host serves now.
 */
export async function moveProduction(vercel: Vercel, move: Move, call: PlatformCall): Promise<HostReading[]> {
  const asked = await ask(vercel, move, call);
  if (asked === 'current') {
    const readings = await readHosts(vercel, move.hosts, call);
    const strays = readings.filter(({deploymentId}) => deploymentId !== move.deploymentId);
    if (readings.length > 0 && strays.length === 0) return readings;
    await assignStrays(vercel, move, strays, call);
    return confirmHosts(vercel, move, 'Vercel says that it is the current one already', call);
  }
  const [job, early] = await together([
    waitForJob(vercel, {...move, before: asked.before}, call),
    earlyHosts(vercel, move, call),
  ]);
  if (job && early) return early;
  return confirmHosts(
    vercel,
    move,
    job ? `its ${move.verb} job ended as ${oneLine(job.status, 40)}` : 'no job was seen',
    call,
  );
}

/**
 * On the way back, for which users wait: the hosts as read beside the first look at the job, so that a quick move needs
 * no second look. Undefined when they are not all there yet, or could not be read: then they are read once it has ended.
 */
async function earlyHosts(vercel: Vercel, move: Move, call: PlatformCall): Promise<HostReading[] | undefined> {
  if (move.verb === 'promote' || move.hosts.length === 0) return undefined;
  try {
    const readings = await readHosts(vercel, move.hosts, call);
    return isThere(move, {readings, currentId: undefined}) ? readings : undefined;
  } catch (error) {
    if (!(error instanceof Failure) || !error.retryable) throw error;
    return undefined;
  }
}

/**
 * Sends the request until it is known to have arrived. A lost answer is looked up before anything is sent again.
 * @returns `before`: the project as last read before the request that was accepted, so that its job can be told apart.
 */
async function ask(vercel: Vercel, move: Move, call: PlatformCall): Promise<{before: Project} | 'current'> {
  let before = move.before;
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await move.send();
      if (answer.status === 202) throw queued(move);
      return {before};
    } catch (error) {
      if (!(error instanceof Failure) || isAbort(error)) throw error;
      if (saysCurrent(error)) return 'current';
      const isBusy = error.details.status === 409;
      if (!(error.retryable || isBusy) || vercel.clock.now() >= move.deadlineMs) throw error;
      const project = await readProject(vercel, call, move.before.id);
      if (isOurs({...move, before}, project.lastJob)) return {before};
      before = await giveWay(vercel, move, project, error, attempt, call);
    }
  }
}

/** Waits before the request is sent again: for the other job to end, or for the platform to recover. */
async function giveWay(
  vercel: Vercel,
  move: Move,
  project: Project,
  refused: Failure,
  attempt: number,
  call: PlatformCall,
): Promise<Project> {
  if (refused.details.status === 409 && isRunning(project.lastJob)) {
    call.progress(`Vercel: another ${oneLine(project.lastJob.type, 40)} is running; waiting for it.`);
    return waitUntilQuiet(vercel, project, move.deadlineMs, call);
  }
  const waitMs = Math.max(
    refused.retryAfterMs ?? 0,
    Math.round(Math.min(15_000, 1_000 * 2 ** attempt) * (0.85 + 0.3 * vercel.random())),
  );
  if (attempt >= 4 || vercel.clock.now() + waitMs > move.deadlineMs) throw refused;
  call.progress(`Vercel: ${refused.message}; asking again in ${Math.ceil(waitMs / 1_000)} s.`);
  await vercel.clock.sleep(waitMs, call.signal);
  return project;
}

/** `The provided deploymentId (dpl_…) is already the current production deployment.`; its code is not documented. */
function saysCurrent(failure: Failure): boolean {
  const status = failure.details.status;
  const said = String(failure.details.vercelMessage ?? '');
  return (
    (status === 409 || status === 422 || status === 400) &&
    /already (the )?current|is already the|current production deployment/i.test(said)
  );
}

function queued(move: Move): Failure {
  return new Failure(
    'VERCEL_ROLLING_RELEASE',
    `Vercel queued the ${move.verb} of ${move.deploymentId} behind an active rolling release; production has not moved`,
    {
      remedy:
        'Complete or abort the rolling release in the dashboard, and take the queued deployment out of its queue there if it must not go live; then run again.',
    },
  );
}

/** Same target, same kind, and not the one that was there before we asked: older jobs look just like ours. */
function isOurs({verb, deploymentId, before}: Move, job: AliasJob | undefined): boolean {
  if (!job || job.toDeploymentId !== deploymentId || job.type !== verb) return false;
  const former = before.lastJob;
  if (!former || former.toDeploymentId !== deploymentId || former.type !== verb)
    return !former || job.requestedAtMs >= former.requestedAtMs;
  // A job of ours that was still running when we came counts: a killed run had started it.
  return job.requestedAtMs > former.requestedAtMs || isRunning(former);
}

/** @returns undefined when hosts must decide: no job ever showed up. */
async function waitForJob(vercel: Vercel, move: Move, call: PlatformCall): Promise<AliasJob | undefined> {
  const startedMs = vercel.clock.now();
  for (;;) {
    const now = vercel.clock.now();
    const project = await pollProject(vercel, move.before.id, call);
    const job = project?.lastJob;
    if (job && isOurs(move, job)) {
      if (job.status === 'failed') throw await jobFailure(vercel, move, call);
      if (!isRunning(job)) return job;
    } else if (job && isOvertaking(move, job)) {
      throw await overtaken(vercel, move, job, call);
    } else if (project && (now - startedMs > appearanceMs || project.currentId === move.deploymentId)) {
      return undefined;
    }
    if (now >= move.deadlineMs) throw await timeout(vercel, move, job, call);
    // Jobs usually take seconds; one that does not is asked after less often.
    await vercel.clock.sleep(now - startedMs < appearanceMs ? pollMs : 3 * pollMs, call.signal);
  }
}

/** A job that was asked for after ours and goes elsewhere. */
function isOvertaking({before, deploymentId, verb}: Move, job: AliasJob): boolean {
  return (
    job.requestedAtMs > (before.lastJob?.requestedAtMs ?? 0) &&
    (job.toDeploymentId !== deploymentId || job.type !== verb)
  );
}

/** Undefined when the platform could not be asked just now: that decides nothing. */
async function pollProject(vercel: Vercel, projectId: string, call: PlatformCall): Promise<Project | undefined> {
  try {
    return await readProject(vercel, call, projectId);
  } catch (error) {
    if (!(error instanceof Failure) || !error.retryable) throw error;
    call.progress(`Vercel: ${error.message}; still waiting.`);
    return undefined;
  }
}

/** Waits until no alias job runs. @returns the project as last read. */
export async function waitUntilQuiet(
  vercel: Vercel,
  project: Project,
  deadlineMs: number,
  call: PlatformCall,
): Promise<Project> {
  let last = project;
  while (isRunning(last.lastJob)) {
    if (vercel.clock.now() >= deadlineMs) {
      throw new Failure(
        'VERCEL_BUSY',
        `A ${oneLine(last.lastJob.type, 40)} to ${last.lastJob.toDeploymentId ?? 'an unknown deployment'} is still running on the project`,
        {
          remedy: 'Wait until it has ended (the project’s Deployments page shows it), then run again.',
          retryable: true,
        },
      );
    }
    await vercel.clock.sleep(pollMs, call.signal);
    last = (await pollProject(vercel, project.id, call)) ?? last;
  }
  return last;
}

/**
 * A job that failed half way leaves a host behind, and the platform will not run another one to what it counts as
 * current. Such a host is assigned by itself, to the very deployment that the project names as its production.
 */
async function assignStrays(
  vercel: Vercel,
  move: Move,
  strays: readonly HostReading[],
  call: PlatformCall,
): Promise<void> {
  const path = `/v2/deployments/${encodeURIComponent(move.deploymentId)}/aliases`;
  for (const {host} of strays) {
    try {
      await vercel.api.write('POST', path, {
        ...call,
        what: `assign ${host} to ${move.deploymentId}`,
        body: {alias: host},
      });
      call.progress(`Vercel: ${host} had stayed behind and was assigned to ${move.deploymentId}.`);
    } catch (error) {
      // What counts is what the hosts are read to serve afterwards; 409 says that it is there already.
      if (!(error instanceof Failure) || isAbort(error)) throw error;
      call.progress(`Vercel: ${error.message}`);
    }
  }
}

/** Every host must serve the deployment; some time is given, since aliases follow the job. */
async function confirmHosts(vercel: Vercel, move: Move, told: string, call: PlatformCall): Promise<HostReading[]> {
  const untilMs = Math.min(Math.max(move.deadlineMs, vercel.clock.now() + 10_000), vercel.clock.now() + settleMs);
  for (;;) {
    const seen = await readBack(vercel, move, call).catch((error: unknown) => {
      if (error instanceof Failure && error.retryable) return error;
      throw error;
    });
    // Not being able to ask is no answer: asked again, and told as what it is when it stays so.
    if (!(seen instanceof Failure) && isThere(move, seen)) return seen.readings;
    if (vercel.clock.now() >= untilMs) throw seen instanceof Failure ? seen : notThere(move, told, seen.readings);
    if (call.signal.aborted) throw cancelled(`The ${move.verb}`);
    await vercel.clock.sleep(2 * pollMs, call.signal);
  }
}

interface Seen {
  readonly readings: HostReading[];
  readonly currentId: string | undefined;
}

function isThere({deploymentId}: Move, {readings, currentId}: Seen): boolean {
  return readings.length > 0
    ? readings.every((reading) => reading.deploymentId === deploymentId)
    : currentId === deploymentId;
}

/** Without production hosts only the project's own word is left. */
async function readBack(vercel: Vercel, move: Move, call: PlatformCall): Promise<Seen> {
  if (move.hosts.length > 0) return {readings: await readHosts(vercel, move.hosts, call), currentId: undefined};
  return {readings: [], currentId: (await pollProject(vercel, move.before.id, call))?.currentId};
}

const nouns = {promote: 'promotion', rollback: 'rollback'} as const;
const againRemedy =
  'Run the step again, it goes on from where production is; or open the project’s Deployments page and put production right by hand.';

function notThere(move: Move, told: string, readings: readonly HostReading[]): Failure {
  const found =
    readings.length > 0 ? describeHosts(readings) : 'the project names another deployment as its production';
  return new Failure(
    'VERCEL_NOT_SERVED',
    `The ${nouns[move.verb]} of ${move.deploymentId} did not take effect (${told}): ${found}`,
    {remedy: againRemedy, details: {hosts: readings}},
  );
}

async function jobFailure(vercel: Vercel, move: Move, call: PlatformCall): Promise<Failure> {
  const failed = await failedAliases(vercel, move, call);
  const which = failed.length > 0 ? ` for ${failed.map((host) => oneLine(host, 100)).join(', ')}` : '';
  const readings = await readHosts(vercel, move.hosts, call).catch(() => []);
  return new Failure(
    move.verb === 'promote' ? 'VERCEL_PROMOTE_FAILED' : 'VERCEL_ROLLBACK_FAILED',
    `Vercel’s ${move.verb} job failed${which}; ${describeHosts(readings) || 'the hosts could not be read'}`,
    {
      remedy: `Check the named domains on the project’s Domains page. ${againRemedy}`,
      details: {hosts: readings, failed},
    },
  );
}

/** Per-alias outcome; `alias` is text by one source and an object by another. Empty when it cannot be read. */
async function failedAliases(vercel: Vercel, move: Move, call: PlatformCall): Promise<string[]> {
  try {
    const path = `/v1/projects/${encodeURIComponent(move.before.id)}/${move.verb}/aliases`;
    const body = record(
      await vercel.api.read(path, {
        ...call,
        what: 'read which domains failed',
        query: {failedOnly: 'true', limit: 100},
      }),
    );
    return records(body?.aliases).flatMap((item) =>
      text(item.status) === 'completed' ? [] : (text(item.alias) ?? text(record(item.alias)?.alias) ?? []),
    );
  } catch (error) {
    if (isAbort(error)) throw error;
    return [];
  }
}

async function overtaken(vercel: Vercel, move: Move, job: AliasJob, call: PlatformCall): Promise<Failure> {
  const readings = await readHosts(vercel, move.hosts, call).catch(() => []);
  return new Failure(
    'VERCEL_OVERTAKEN',
    `Another ${oneLine(job.type, 40)}, to ${oneLine(job.toDeploymentId ?? 'an unknown deployment', 60)}, came after the ${nouns[move.verb]} of ${move.deploymentId}; ${describeHosts(readings) || 'the hosts could not be read'}`,
    {
      remedy: 'Find out who moves production at the same time, and run again when they are done.',
      details: {hosts: readings},
    },
  );
}

async function timeout(vercel: Vercel, move: Move, job: AliasJob | undefined, call: PlatformCall): Promise<Failure> {
  const readings = await readHosts(vercel, move.hosts, call).catch(() => []);
  const checks = await holdingChecks(vercel, move.deploymentId, call).catch(() => []);
  const held = checks.length > 0 ? `, held by ${checks.join(', ')}` : '';
  const state = job ? `its job is ${oneLine(job.status, 40)}` : 'no job was seen';
  return new Failure(
    'VERCEL_TIMEOUT',
    `The ${nouns[move.verb]} of ${move.deploymentId} did not end before the deadline (${state}${held}); ${describeHosts(readings) || 'the hosts could not be read'}`,
    {
      remedy: `See https://www.vercel-status.com. ${againRemedy}`,
      details: {hosts: readings},
    },
  );
}
