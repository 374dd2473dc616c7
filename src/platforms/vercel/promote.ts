import {Failure} from '../../kernel/errors.js';
import type {Platform, PlatformCall, Promotion} from '../platform.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, findDeployment} from './deployment-record.js';
import {type HostReading, readHosts} from './hosts.js';
import {record, text} from './json.js';
import {moveProduction} from './production-move.js';
import {isRunning, type Project, productionHosts, readProject} from './project.js';
import {together} from './together.js';

type PromoteCall = Parameters<Platform['promote']>[1];

/** Moves every production host to a staged deployment and reads each of them back. */
export async function promote(vercel: Vercel, deploymentId: string, call: PromoteCall): Promise<Promotion> {
  const startedMs = vercel.clock.now();
  const [project, deployment, hosts] = await together([
    readProject(vercel, call),
    findDeployment(vercel, deploymentId, call),
    productionHosts(vercel, call),
  ]);
  refuseUnfit(deploymentId, deployment, project);
  await refuseRollingRelease(vercel, project, call);
  const promotion = (readings: readonly HostReading[], changed: boolean): Promotion => ({
    deploymentId,
    hosts: readings.map(({host, deploymentId: id}) => ({host, deploymentId: id ?? ''})),
    changed,
    durationMs: vercel.clock.now() - startedMs,
  });
  // Asked only when it may be so: in the usual case the hosts serve the former release and are read after the move.
  if (project.currentId === deploymentId && !isRunning(project.lastJob)) {
    const readings = await readHosts(vercel, hosts, call);
    if (readings.every((reading) => reading.deploymentId === deploymentId)) return promotion(readings, false);
  }
  const path = `/v10/projects/${encodeURIComponent(project.id)}/promote/${encodeURIComponent(deploymentId)}`;
  const send = () => vercel.api.write('POST', path, {...call, what: `promote ${deploymentId}`, body: {}});
  const readings = await moveProduction(
    vercel,
    {verb: 'promote', deploymentId, hosts, before: project, deadlineMs: startedMs + call.timeoutMs, send},
    call,
  );
  return promotion(readings, true);
}

/** What the platform would answer to these is not documented, or worse, is a rebuild: so they are refused here. */
function refuseUnfit(id: string, deployment: DeploymentRecord | undefined, project: Project): void {
  const refuse = (code: string, why: string, remedy: string) =>
    new Failure(code, `${id} cannot be promoted: ${why}; nothing was changed`, {remedy});
  if (!deployment)
    throw refuse(
      'VERCEL_NOT_FOUND',
      'it does not exist in this scope, or was deleted',
      'Check the id and the `team`, or deploy the commit again.',
    );
  if (deployment.projectId !== undefined && deployment.projectId !== project.id)
    throw refuse(
      'VERCEL_WRONG_PROJECT',
      `it belongs to the project ${deployment.projectId}`,
      'Promote a deployment of this project.',
    );
  if (deployment.state !== 'READY')
    throw refuse(
      'VERCEL_NOT_READY',
      `it is ${deployment.state}, not READY`,
      'Wait for its build to succeed, or deploy the commit again.',
    );
  if (deployment.target !== undefined && deployment.target !== 'production') {
    throw refuse(
      'VERCEL_WRONG_TARGET',
      `it was built for ${deployment.target}, and promoting it would build it again, untested`,
      'Deploy the commit with this action, which builds it for production and stages it.',
    );
  }
  if (project.paused)
    throw refuse(
      'VERCEL_PAUSED',
      'the project is paused',
      'Unpause it in the project’s settings, or end maintenance, then run again.',
    );
}

/** With rolling releases a promotion moves a part of the traffic only, and "promoted" would not mean served. */
async function refuseRollingRelease(vercel: Vercel, project: Project, call: PlatformCall): Promise<void> {
  if (!project.rollingRelease) return;
  const active = await activeRollingRelease(vercel, project, call);
  const what = active
    ? `a rolling release to ${active} is under way`
    : 'the project releases in stages (rolling releases are on)';
  throw new Failure('VERCEL_ROLLING_RELEASE', `Nothing was promoted: ${what}`, {
    remedy: active
      ? 'Complete or abort it in the dashboard, and turn rolling releases off for this project; then run again.'
      : 'Turn rolling releases off in the project’s settings: the gate decides on the whole of the traffic.',
  });
}

/** The deployment that an active rolling release shifts traffic to. */
export async function activeRollingRelease(
  vercel: Vercel,
  project: Project,
  call: PlatformCall,
): Promise<string | undefined> {
  const path = `/v1/projects/${encodeURIComponent(project.id)}/rolling-release`;
  const body = record(await vercel.api.read(path, {...call, what: 'read the rolling release'}));
  const release = record(body?.rollingRelease);
  if (release?.state !== 'ACTIVE') return undefined;
  return text(record(release.canaryDeployment)?.id) ?? text(release.canaryDeploymentId) ?? 'an unknown deployment';
}
