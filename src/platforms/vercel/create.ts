import {Failure} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import {oneLine} from '../../kernel/text.js';
import type {DeployRequest, PlatformCall} from '../platform.js';
import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, deploymentOf, metaCommit, metaRelease} from './deployment-record.js';
import {type Json, record, records} from './json.js';
import type {Payload} from './payload.js';
import type {Project} from './project.js';
import {openUpload} from './upload.js';

/** Deployments that carry this release's tag, newest first. */
export async function findByRelease(vercel: Vercel, request: DeployRequest, call: Call): Promise<DeploymentRecord[]> {
  const body = record(
    await vercel.api.read('/v6/deployments', {
      ...call,
      what: `look for deployments of release ${oneLine(request.release, 80)}`,
      query: {projectId: vercel.settings.project, [`meta-${metaRelease}`]: request.release, limit: 20},
    }),
  );
  // Checked again here: the filter is not part of the published interface, and a server without it returns everything.
  return records(body?.deployments)
    .map(deploymentOf)
    .filter((found) => found.id !== '' && found.release === request.release && found.commit === request.commit);
}

/**
 * Creates the deployment, at most once: before each repeat the platform is asked whether the lost request had been
 * carried out, and its deployment is taken over.
 * @param known ids of deployments of this release that existed before, which are not ours.
 */
export async function createOnce(
  vercel: Vercel,
  request: DeployRequest,
  payload: Payload,
  project: Project,
  known: ReadonlySet<string>,
  call: PlatformCall,
): Promise<{created: DeploymentRecord; adopted: boolean}> {
  await using upload = await openUpload(vercel, payload, project, bodyOf(vercel, request, payload, project), call);
  const plan = {
    delaysMs: backoff(4, 2_000, 15_000),
    clock: vercel.clock,
    random: vercel.random,
    signal: call.signal,
    onRetry: (failure: Failure, waitMs: number) =>
      call.progress(`Vercel: ${oneLine(failure.message, 200)}; looking again in ${Math.ceil(waitMs / 1_000)} s.`),
  };
  const findLost = async () => (await findByRelease(vercel, request, call)).find(({id}) => !known.has(id));
  // Awaited here: what was staged on disk goes away when this function returns.
  return await retry(plan, async (attempt) => {
    const lost = attempt === 0 ? undefined : await findLost();
    if (lost) return {created: lost, adopted: true};
    return {created: created(await upload.create()), adopted: false};
  }).catch(async (error: unknown) => {
    // The last answer may have been lost as well.
    const lost = error instanceof Failure && error.retryable ? await findLost() : undefined;
    if (lost) return {created: lost, adopted: true};
    throw error;
  });
}

function created(answer: Json): DeploymentRecord {
  const found = deploymentOf(answer);
  if (found.id !== '') return found;
  // Retryable: the look-up before the next try will find it if it was made.
  throw new Failure('VERCEL_PROTOCOL', 'Vercel accepted the deployment without telling its id', {
    remedy: 'Run again: a deployment of this release that exists is taken over.',
    retryable: true,
  });
}

/** The create request: what vercel.json says, and over it what makes this a staged production deployment of ours. */
function bodyOf(vercel: Vercel, request: DeployRequest, payload: Payload, project: Project): Json {
  const settings: Record<string, unknown> = {...payload.config.projectSettings};
  if (vercel.settings.rootDirectory && !project.rootDirectory) settings.rootDirectory = vercel.settings.rootDirectory;
  return {
    ...payload.config.body,
    name: project.name,
    project: project.id,
    target: 'production',
    // With `target: production` this is the staged deployment: built for production, no production host moves.
    autoAssignCustomDomains: false,
    meta: {
      [metaRelease]: request.release,
      [metaCommit]: request.commit,
      ...(request.message ? {switchbackMessage: oneLine(request.message, 200)} : {}),
    },
    ...(Object.keys(settings).length > 0 ? {projectSettings: settings} : {}),
  };
}
