import {createHash} from 'node:crypto';
import type {Tree} from './archive.js';
import {type Call, deploymentOf, jsonBody, ok, type Reply} from './call.js';
import {type DeploymentBody, type DeploymentFile, parseDeploymentBody} from './deployment-body.js';
import {deploymentView} from './deployment-views.js';
import {productionValues} from './environment.js';
import {assignAliases, launch, makeReady} from './lifecycle.js';
import {type Outcome, outcomes} from './options.js';
import {addProject} from './projects.js';
import type {Deployment, Project, Target} from './records.js';
import {badRequest, notFound, refused} from './refusal.js';
import {buildSite, type Site} from './site.js';
import {newId, type World} from './world.js';

/** POST /v13/deployments: uploads already there, or named in the body, or those of an earlier deployment. */
export async function createDeployment(call: Call): Promise<Reply> {
  if (!call.inTeam)
    throw refused(403, 'forbidden', 'Not authorized: the token has no access to deploy to this scope', {
      scope: call.world.user.username,
    });
  const body = parseDeploymentBody(jsonBody(call));
  const again = body.deploymentId === undefined ? undefined : deploymentOf(call, body.deploymentId);
  const files = body.files ?? [];
  if (!again && files.length === 0) throw badRequest('missing required property `files`.');
  refuseMissing(call.world, files);
  const project = await projectFor(call, body);
  const deployment = await record(call, project, body, again);
  const instant =
    call.world.quirks.instantStatic &&
    !again &&
    instantStatic(files) &&
    deployment.outcome === 'ready' &&
    !deployment.site.buildError;
  call.world.deployments.set(deployment.id, deployment);
  if (instant) serveAtOnce(call.world, deployment);
  else launch(call.world, deployment);
  return ok(deploymentView(call.world, deployment));
}

/** POST /v2/files. */
export function uploadFile(call: Call): Reply {
  const headers = call.exchange.request.headers;
  const digest = headers['x-now-digest'] ?? headers['x-vercel-digest'];
  if (typeof digest !== 'string' || !/^[0-9a-f]{40}$/.test(digest))
    throw badRequest('missing required header `x-vercel-digest`');
  if (sha1(call.exchange.body) !== digest)
    throw refused(400, 'invalid_digest', 'The digest does not match the body (stand-in)');
  call.world.uploads.set(digest, call.exchange.body);
  return ok({urls: []});
}

function refuseMissing(world: World, files: readonly DeploymentFile[]): void {
  const missing = [...new Set(files.flatMap((one) => (one.sha && !world.uploads.has(one.sha) ? [one.sha] : [])))];
  if (missing.length > 0) throw refused(400, 'missing_files', 'Missing files', {missing});
}

async function projectFor(call: Call, body: DeploymentBody): Promise<Project> {
  const named = body.project ?? body.name!;
  const found = call.world.projectBy(named);
  if (found && (!call.onlyProject || call.onlyProject === found.id)) return found;
  if (body.project !== undefined || call.onlyProject) throw notFound('Project');
  if (!body.projectSettings && !call.query.get('skipAutoDetectionConfirmation')) {
    throw refused(
      400,
      'missing_project_settings',
      'The `projectSettings` object is required for new projects, but is missing in the deployment payload',
      {framework: {slug: null}},
    );
  }
  return addProject(call.world, call.edge, {id: newId('prj_'), name: body.name!});
}

async function record(
  call: Call,
  project: Project,
  body: DeploymentBody,
  again: Deployment | undefined,
): Promise<Deployment> {
  const {world} = call;
  const meta = body.meta ?? {};
  const prebuilt = again?.prebuilt ?? call.query.has('prebuilt');
  const id = newId('dpl_');
  const site = again?.site ?? (await siteOf(world, project, body, {id, prebuilt}));
  const deployment: Deployment = {
    id,
    projectId: project.id,
    name: project.name,
    host: await call.edge.open(),
    ...targetOf(world, project, body),
    createdAt: world.stamp(),
    meta,
    git: body.gitMetadata ?? again?.git ?? {},
    source: body.source ?? (again ? 'redeploy' : 'cli'),
    prebuilt,
    envNames: Object.keys(body.env ?? {}),
    buildEnvNames: Object.keys(body.build?.env ?? {}),
    regions: body.regions ?? ['iad1'],
    projectSettings: body.projectSettings ?? {},
    autoAssign: body.autoAssignCustomDomains,
    files:
      again?.files ??
      (body.files ?? []).map((one) => ({
        file: one.file,
        mode: one.mode ?? 0o100644,
        size: one.size ?? one.data?.length ?? 0,
        ...(one.sha ? {sha: one.sha} : {}),
      })),
    site,
    outcome: outcomeOf(world, project, meta),
    log: [],
    readyState: 'QUEUED',
    aliasHosts: [],
    everLive: false,
    healthHits: 0,
  };
  const health = world.script.takeHealth(project.id);
  return health ? Object.assign(deployment, {health}) : deployment;
}

// The first deployment of a project is production even when a preview was asked for.
function targetOf(world: World, project: Project, body: DeploymentBody): {target: Target; customEnvironment?: string} {
  const custom = body.customEnvironmentSlugOrId;
  if (custom !== undefined && !project.options.customEnvironments?.includes(custom))
    throw refused(404, 'not_found', `Custom environment "${custom}" not found (stand-in)`);
  if (world.deploymentsOf(project.id).length === 0) return {target: 'production'};
  if (custom !== undefined) return {target: null, customEnvironment: custom};
  return {target: body.target === 'production' || body.target === 'staging' ? body.target : null};
}

function outcomeOf(world: World, project: Project, meta: Readonly<Record<string, string>>): Outcome {
  const asked = meta.twin as Outcome | undefined;
  return asked && outcomes.includes(asked) ? asked : (world.script.takeOutcome(project.id) ?? 'ready');
}

async function siteOf(
  world: World,
  project: Project,
  body: DeploymentBody,
  {id, prebuilt}: {readonly id: string; readonly prebuilt: boolean},
): Promise<Site> {
  const {headers, redirects, rewrites, routes, cleanUrls, trailingSlash} = body;
  const config = Object.fromEntries(
    Object.entries({headers, redirects, rewrites, routes, cleanUrls, trailingSlash}).filter(
      ([, value]) => value !== undefined && value !== null,
    ),
  );
  return buildSite(treeOf(world, body.files ?? []), {
    prebuilt,
    config,
    build: project.options.build,
    deploymentId: id,
    variables: productionValues(project),
    rootDirectory: body.projectSettings?.rootDirectory ?? project.options.rootDirectory ?? '',
    ...(body.projectSettings?.outputDirectory ? {outputDirectory: body.projectSettings.outputDirectory} : {}),
  });
}

const linkMode = 0o120000;
const typeMask = 0o170000;

function treeOf(world: World, files: readonly DeploymentFile[]): Tree {
  const tree: Tree = new Map();
  for (const one of files) {
    const content =
      one.data !== undefined
        ? Buffer.from(one.data, one.encoding === 'base64' ? 'base64' : 'utf8')
        : one.sha
          ? world.uploads.get(one.sha)
          : undefined;
    // Entries without contents are empty folders.
    if (content) tree.set(one.file, ((one.mode ?? 0) & typeMask) === linkMode ? {link: content.toString()} : content);
  }
  return tree;
}

const instantBytes = 5 * 1024 * 1024;

/** Plain pages sent inline need no build. */
function instantStatic(files: readonly DeploymentFile[]): boolean {
  const bytes = files.reduce((sum, one) => sum + (one.data?.length ?? 0), 0);
  return (
    files.length <= 10 &&
    bytes <= instantBytes &&
    files.every((one) => one.data !== undefined && /\.(html?|md)$/.test(one.file))
  );
}

function serveAtOnce(world: World, deployment: Deployment): void {
  deployment.isInstantStatic = true;
  makeReady(world, deployment);
  assignAliases(world, deployment);
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}
