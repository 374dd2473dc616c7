import {Failure, isAbort, messageOf} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Anchor, Platform, Rollback} from '../platform.js';
import {cancel} from './cancel.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, findDeployment} from './deployment-record.js';
import {describeHosts, type HostReading, readHosts} from './hosts.js';
import {liveOf, servedHosts} from './live.js';
import {moveProduction, type Verb, waitUntilQuiet} from './production-move.js';
import {isRolledBack, isRunning, type Project, productionHosts, readProject} from './project.js';
import {together} from './together.js';

type RollbackCall = Parameters<Platform['rollback']>[1];

const autoAssignOff =
  'Vercel no longer gives the production domains to new deployments of this project by itself: after an instant rollback it waits for a promotion. The next promotion by Switchback ends that.';

/** Puts production back on the anchor, stops what the failed release left in flight, and reads every host back. */
export async function rollback(vercel: Vercel, anchor: Anchor, call: RollbackCall): Promise<Rollback> {
  const startedMs = vercel.clock.now();
  const requestsBefore = vercel.api.count();
  const stopping = call.dryRun ? Promise.resolve([]) : stopAbandoned(vercel, anchor, call);
  // Awaited at the end: getting production back must not wait for it, and it never rejects.
  const {outcome, by, readings, deployment, warnings} = await putBack(vercel, anchor, startedMs + call.timeoutMs, call);
  const left = await stopping;
  return {
    component: 'frontend',
    outcome,
    live: liveOf(vercel, anchor.deploymentId, deployment, servedHosts(readings, anchor.deploymentId)),
    by,
    durationMs: vercel.clock.now() - startedMs,
    requests: vercel.api.count() - requestsBefore,
    warnings: [...warnings, ...left],
  };
}

interface PutBack {
  readonly outcome: Rollback['outcome'];
  readonly by: Rollback['by'];
  readonly readings: readonly HostReading[];
  readonly deployment: DeploymentRecord;
  readonly warnings: readonly string[];
}

async function putBack(vercel: Vercel, anchor: Anchor, deadlineMs: number, call: RollbackCall): Promise<PutBack> {
  const id = anchor.deploymentId;
  const [read, found, hosts] = await together([
    readProject(vercel, call),
    findDeployment(vercel, id, call),
    productionHosts(vercel, call),
  ]);
  const deployment = refuseUnfit(anchor, found);
  // A promotion under way (of a killed run, say) would move production after we looked.
  const project = call.dryRun ? read : await waitUntilQuiet(vercel, read, deadlineMs, call);
  // Users wait for the way back: the hosts are asked only when production may be there already, or to be told about.
  const mayBeThere = project.currentId === undefined || project.currentId === id;
  const readings = mayBeThere || call.dryRun ? await readHosts(vercel, hosts, call) : [];
  if (mayBeThere && isAt(id, project, readings))
    return {
      outcome: 'already',
      by: 'none',
      readings,
      deployment,
      warnings: isRolledBack(project) ? [autoAssignOff] : [],
    };
  if (call.dryRun) {
    const warning = `Dry run, nothing was changed: production would go back to ${id}; now ${describeHosts(readings)}.`;
    return {outcome: 'restored', by: 'rollback', readings, deployment, warnings: [warning]};
  }
  const {verb, moved, warnings} = await move(vercel, anchor, project, hosts, deadlineMs, call);
  return {
    outcome: 'restored',
    by: 'rollback',
    readings: moved,
    deployment,
    warnings: [...warnings, ...(verb === 'rollback' ? [autoAssignOff] : [])],
  };
}

function isAt(id: string, project: Project, readings: readonly HostReading[]): boolean {
  if (isRunning(project.lastJob)) return false;
  if (readings.length === 0) return project.currentId === id;
  return (
    readings.every((reading) => reading.deploymentId === id) &&
    (project.currentId === undefined || project.currentId === id)
  );
}

function refuseUnfit(anchor: Anchor, found: DeploymentRecord | undefined): DeploymentRecord {
  const id = anchor.deploymentId;
  const remedy = 'Choose another release to go back to, or deploy the wanted commit again and promote it.';
  if (!found)
    throw new Failure(
      'VERCEL_ANCHOR_GONE',
      `${id} cannot be gone back to: it does not exist (any more) in this scope; nothing was changed`,
      {remedy},
    );
  if (found.state !== 'READY')
    throw new Failure(
      'VERCEL_ANCHOR_UNFIT',
      `${id} cannot be gone back to: it is ${found.state}, not READY; nothing was changed`,
      {remedy},
    );
  return found;
}

interface Moved {
  readonly verb: Verb;
  readonly moved: readonly HostReading[];
  readonly warnings: readonly string[];
}

/** Instant rollback; where the platform will not do that for this deployment, promotion of the same deployment. */
async function move(
  vercel: Vercel,
  anchor: Anchor,
  before: Project,
  hosts: readonly string[],
  deadlineMs: number,
  call: RollbackCall,
): Promise<Moved> {
  const id = anchor.deploymentId;
  const ask = (verb: Verb) =>
    moveProduction(
      vercel,
      {verb, deploymentId: id, hosts, before, deadlineMs, send: () => send(vercel, verb, before.id, id, call)},
      call,
    );
  try {
    return {verb: 'rollback', moved: await ask('rollback'), warnings: []};
  } catch (error) {
    const status = error instanceof Failure ? error.details.status : undefined;
    // 402: the plan allows only the deployment just before this one. 422: it is no candidate, as after a plain alias
    // assignment. Promotion moves the same hosts to the same artefact, and is read back like any other.
    if (status !== 402 && status !== 422) throw error;
    const why = oneLine(messageOf(error), 300);
    call.progress(`${why}; promoting ${id} instead, which restores the same deployment.`);
    const moved = await ask('promote');
    return {
      verb: 'promote',
      moved,
      warnings: [`${why}. It was promoted instead, which restored the same deployment without a build.`],
    };
  }
}

function send(vercel: Vercel, verb: Verb, projectId: string, id: string, call: RollbackCall) {
  const [project, deployment] = [encodeURIComponent(projectId), encodeURIComponent(id)];
  if (verb === 'promote')
    return vercel.api.write('POST', `/v10/projects/${project}/promote/${deployment}`, {
      ...call,
      what: `promote ${id}`,
      body: {},
    });
  const query = {description: oneLine(call.reason, 250)};
  return vercel.api.write('POST', `/v1/projects/${project}/rollback/${deployment}`, {
    ...call,
    what: `roll back to ${id}`,
    query,
  });
}

/** Never rejects: what could not be stopped is a warning, since it is staged and moves no host by itself. */
async function stopAbandoned(vercel: Vercel, anchor: Anchor, call: RollbackCall): Promise<string[]> {
  const ids = [...new Set(call.abandoned)].filter((id) => id !== anchor.deploymentId);
  const stopped = ids.map(async (id) => {
    try {
      if (await cancel(vercel, id, call)) call.progress(`Vercel: ${id}, still in flight, was cancelled.`);
      return [];
    } catch (error) {
      if (isAbort(error)) return [`${id} may still be in flight: the run was cancelled first.`];
      return [`${id} could not be cancelled: ${oneLine(messageOf(error), 200)}`];
    }
  });
  return (await together(stopped)).flat();
}
