import {stat} from 'node:fs/promises';
import {isAbsolute, join} from 'node:path';
import {formatBytes} from '../../kernel/bytes.js';
import {Failure} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import {oneLine} from '../../kernel/text.js';
import type {DeployRequest, PlatformCall} from '../platform.js';
import type {Call} from './api.js';
import {uploadAndCreate} from './client-library.js';
import type {Vercel} from './context.js';
import {type DeploymentRecord, deploymentOf, metaCommit, metaRelease} from './deployment-record.js';
import {type Json, record, records} from './json.js';
import {checkPrebuilt} from './prebuilt-output.js';
import type {Project} from './project.js';
import {type Selection, selectUpload} from './upload-selection.js';
import {selectionBytes, stageUpload} from './upload-staging.js';
import {readVercelConfig, type VercelConfig} from './vercel-config.js';

/** Above this many files one archive is quicker than a request per file, and spares the daily upload limit. */
const archiveAbove = 1_000;
/** The platform's limit for one create request. */
const filesLimit = 15_000;

/** What will be sent, worked out before the platform is asked anything. */
export interface Payload {
  readonly root: string;
  readonly rootDirectory: string | undefined;
  readonly config: VercelConfig;
  /** Sources to stage; undefined for prebuilt output. */
  readonly selection: Selection | undefined;
  readonly prebuiltOutput: string | undefined;
  readonly archive: boolean;
  readonly warnings: readonly string[];
}

/** @throws Failure VERCEL_PATH, VERCEL_JSON, VERCEL_PREBUILT or VERCEL_TOO_MANY_FILES; nothing was sent. */
export async function preparePayload(vercel: Vercel, request: DeployRequest, project: Project): Promise<Payload> {
  const root = await uploadFolder(request.path);
  const rootDirectory = project.rootDirectory ?? vercel.settings.rootDirectory;
  await checkRootDirectory(root, rootDirectory);
  const config = await readVercelConfig(root, rootDirectory);
  const base = {root, rootDirectory, config};
  if (vercel.settings.prebuilt) {
    const prebuiltOutput = await checkPrebuilt(root, rootDirectory);
    return {...base, selection: undefined, prebuiltOutput, archive: vercel.settings.archive === 'tgz', warnings: []};
  }
  const selection = await selectUpload(root);
  const count = selection.files.length + selection.links.length;
  const archive = vercel.settings.archive === 'tgz' || (vercel.settings.archive === 'auto' && count > archiveAbove);
  checkCount(root, count, archive);
  return {...base, selection, prebuiltOutput: undefined, archive, warnings: leftOut(selection)};
}

async function uploadFolder(path: string | undefined): Promise<string> {
  const remedy = 'Give `path` as the absolute folder to upload; in a monorepo that is the repository’s root.';
  if (path === undefined) throw new Failure('VERCEL_PATH', 'No folder was given to deploy to Vercel', {remedy});
  if (!isAbsolute(path)) throw new Failure('VERCEL_PATH', `The folder ${oneLine(path, 120)} is not absolute`, {remedy});
  if (!(await isFolder(path)))
    throw new Failure('VERCEL_PATH', `The folder ${oneLine(path, 120)} does not exist`, {
      remedy: 'Check out the repository, or build, before this step.',
    });
  return path;
}

async function checkRootDirectory(root: string, rootDirectory: string | undefined): Promise<void> {
  if (rootDirectory === undefined || (await isFolder(join(root, rootDirectory)))) return;
  throw new Failure(
    'VERCEL_PATH',
    `The project’s Root Directory is ${oneLine(rootDirectory, 120)}, and ${oneLine(root, 120)} has no such folder`,
    {
      remedy: 'Give `path` as the repository’s root, or correct the Root Directory in the project’s settings.',
    },
  );
}

function checkCount(root: string, count: number, archive: boolean): void {
  if (count === 0) {
    throw new Failure(
      'VERCEL_PATH',
      `Nothing in ${oneLine(root, 120)} is left to upload after .gitignore and .vercelignore`,
      {
        remedy: 'Give the right folder, or bring files back with `!pattern` lines in .vercelignore.',
      },
    );
  }
  if (archive || count <= filesLimit) return;
  throw new Failure(
    'VERCEL_TOO_MANY_FILES',
    `${count} files are more than the ${filesLimit} that Vercel takes one by one`,
    {
      remedy: 'Set `archive: tgz` (or `auto`), or leave files out with .vercelignore.',
    },
  );
}

function leftOut({environmentFiles}: Selection): string[] {
  if (environmentFiles.length === 0) return [];
  const names = environmentFiles
    .slice(0, 5)
    .map((name) => oneLine(name, 80))
    .join(', ');
  const more = environmentFiles.length > 5 ? ` and ${environmentFiles.length - 5} more` : '';
  return [
    `Not uploaded, since environment files may hold secrets: ${names}${more}. If the build needs one, add a line \`!${oneLine(environmentFiles[0]!, 80)}\` to .vercelignore.`,
  ];
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

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
  await using staged = payload.selection ? await stage(payload.root, payload.selection, vercel, call) : undefined;
  const plan = {
    delaysMs: backoff(4, 2_000, 15_000),
    clock: vercel.clock,
    random: vercel.random,
    signal: call.signal,
    onRetry: (failure: Failure, waitMs: number) =>
      call.progress(`Vercel: ${oneLine(failure.message, 200)}; looking again in ${Math.ceil(waitMs / 1_000)} s.`),
  };
  const findLost = async () => (await findByRelease(vercel, request, call)).find(({id}) => !known.has(id));
  // Awaited here: the staged folder goes away when this function returns.
  return await retry(plan, async (attempt) => {
    const lost = attempt === 0 ? undefined : await findLost();
    if (lost) return {created: lost, adopted: true};
    const answer = await uploadAndCreate({
      token: vercel.settings.token,
      teamId: teamOf(vercel, project),
      apiUrl: vercel.settings.apiUrl,
      path: staged?.path ?? payload.root,
      archive: payload.archive,
      prebuiltOutput: payload.prebuiltOutput,
      rootDirectory: payload.rootDirectory,
      body: bodyOf(vercel, request, payload, project),
      signal: call.signal,
      progress: call.progress,
    });
    return {created: created(answer), adopted: false};
  }).catch(async (error: unknown) => {
    // The last answer may have been lost as well.
    const lost = error instanceof Failure && error.retryable ? await findLost() : undefined;
    if (lost) return {created: lost, adopted: true};
    throw error;
  });
}

/** The client library knows team ids only; the project tells the id of its team. */
function teamOf(vercel: Vercel, project: Project): string | undefined {
  const given = vercel.settings.team;
  if (project.teamId ?? !given) return project.teamId;
  if (given?.startsWith('team_')) return given;
  throw new Failure('VERCEL_SCOPE', `Vercel did not tell the id of the team ${given}`, {
    remedy: 'Give `team` as the `team_…` id from the team’s settings page.',
  });
}

async function stage(root: string, selection: Selection, vercel: Vercel, call: PlatformCall) {
  const bytes = await selectionBytes(root, selection);
  call.progress(`Vercel: ${selection.files.length} files, ${formatBytes(bytes)}.`);
  return stageUpload(root, selection, vercel.settings.temporaryFolder);
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
