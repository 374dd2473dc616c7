import {type Call, jsonBody, ok, page, projectOf, type Reply} from './call.js';
import type {Edge} from './edge.js';
import type {ProjectOptions, ProtectionType} from './options.js';
import {projectView} from './project-views.js';
import type {Project} from './records.js';
import {badRequest, refused} from './refusal.js';
import {newId, type World} from './world.js';

/** Adds a project with its production domains, each an address of its own. */
export async function addProject(world: World, edge: Edge, options: ProjectOptions): Promise<Project> {
  const moment = world.stamp();
  const project: Project = {
    options,
    id: options.id,
    name: options.name,
    createdAt: moment,
    updatedAt: moment,
    autoAssign: options.autoAssign ?? true,
    rolledBack: false,
    paused: false,
    protection: protectionOf(options),
    bypass: new Map(),
    domains: [],
    env: (options.env ?? []).map((entry) => ({...entry, id: newId('', 16), createdAt: moment, updatedAt: moment})),
    formerLive: [],
    lastAliasRequest: null,
    jobAliases: {promote: [], rollback: []},
    rollingReleaseStages: options.rollingRelease?.stages ?? null,
    rollingRelease: null,
    settings: {},
  };
  const hosts = await Promise.all(Array.from({length: options.productionHosts ?? 1}, () => edge.open()));
  for (const name of [...hosts, ...(options.domains ?? [])]) addDomain(world, project, name);
  if (options.bypassSecret) addBypass(world, project, options.bypassSecret);
  world.projects.set(project.id, project);
  return project;
}

export function addDomain(world: World, project: Project, name: string): void {
  const moment = world.stamp();
  project.domains.push({
    name,
    createdAt: moment,
    updatedAt: moment,
    verified: true,
    gitBranch: null,
    redirect: null,
    redirectStatusCode: null,
  });
}

function protectionOf(options: ProjectOptions): ProtectionType | null {
  if (!options.protection) return null;
  return options.protection === true ? 'prod_deployment_urls_and_all_previews' : options.protection;
}

/** GET /v9/projects, newest first. */
export function listProjects(call: Call): Reply {
  const search = call.query.get('search');
  const within = call.inTeam ? [...call.world.projects.values()] : [];
  const wanted = within.filter(
    (one) => (!call.onlyProject || one.id === call.onlyProject) && (!search || one.name.includes(search)),
  );
  const {items, pagination} = page(call, wanted, (one) => one.createdAt);
  return ok({projects: items.map((one) => projectView(call.world, one, false)), pagination});
}

/** GET /v9/projects/{id or name}. */
export function readProject(call: Call): Reply {
  return ok(projectView(call.world, projectOf(call), call.query.get('rollbackInfo') === 'true'));
}

const plainSettings = new Set([
  'buildCommand',
  'commandForIgnoringBuildStep',
  'customerSupportCodeVisibility',
  'devCommand',
  'directoryListing',
  'framework',
  'installCommand',
  'nodeVersion',
  'outputDirectory',
  'publicSource',
  'rootDirectory',
  'sourceFilesOutsideRootDirectory',
  'enablePreviewFeedback',
  'enableProductionFeedback',
  'gitForkProtection',
]);

/** PATCH /v9/projects/{id or name}. */
export function changeProject(call: Call): Reply {
  const project = projectOf(call);
  const body = jsonBody(call);
  const unknown = Object.keys(body).find(
    (key) => !plainSettings.has(key) && !['name', 'autoAssignCustomDomains', 'ssoProtection'].includes(key),
  );
  if (unknown) throw badRequest(`should NOT have additional property \`${unknown}\`.`);
  if (body.autoAssignCustomDomains !== undefined) setAutoAssign(project, body.autoAssignCustomDomains);
  if (body.ssoProtection !== undefined)
    project.protection = (body.ssoProtection as {deploymentType: ProtectionType} | null)?.deploymentType ?? null;
  if (typeof body.name === 'string') project.name = body.name;
  for (const [key, value] of Object.entries(body)) if (plainSettings.has(key)) project.settings[key] = value;
  project.updatedAt = call.world.agenda.now();
  return ok(projectView(call.world, project, true));
}

function setAutoAssign(project: Project, value: unknown): void {
  if (typeof value !== 'boolean') throw badRequest('`autoAssignCustomDomains` should be boolean.');
  project.autoAssign = value;
}

/** POST /v1/projects/{id}/pause and …/unpause; an unknown project is 400 here, not 404. */
export const pauseProject =
  (paused: boolean) =>
  (call: Call): Reply => {
    const project = call.inTeam ? call.world.projects.get(call.params.project ?? '') : undefined;
    if (!project) throw badRequest('`projectId` is invalid.');
    project.paused = paused;
    return {status: 200};
  };

/** PATCH /v1/projects/{p}/protection-bypass: generate, revoke, update. */
export function changeBypass(call: Call): Reply {
  const project = projectOf(call);
  const body = jsonBody(call) as {
    generate?: {secret?: string; note?: string};
    revoke?: {secret?: string; regenerate?: boolean};
    update?: {secret?: string; isEnvVar?: boolean; note?: string};
  };
  if (body.revoke) revoke(call.world, project, body.revoke);
  if (body.update) update(project, body.update);
  if (body.generate || (!body.revoke && !body.update))
    addBypass(call.world, project, body.generate?.secret ?? newId('', 32), body.generate?.note);
  return ok({protectionBypass: Object.fromEntries(project.bypass)});
}

export function addBypass(world: World, project: Project, secret: string, note?: string): void {
  const first = project.bypass.size === 0;
  project.bypass.set(secret, {
    scope: 'automation-bypass',
    createdAt: world.agenda.now(),
    createdBy: world.user.id,
    isEnvVar: first,
    ...(note ? {note} : {}),
  });
}

function known(project: Project, secret: string | undefined): string {
  if (secret === undefined || !project.bypass.has(secret))
    throw refused(404, 'not_found', 'The protection bypass was not found');
  return secret;
}

function revoke(world: World, project: Project, wish: {secret?: string; regenerate?: boolean}): void {
  project.bypass.delete(known(project, wish.secret));
  if (wish.regenerate) addBypass(world, project, newId('', 32));
}

function update(project: Project, wish: {secret?: string; isEnvVar?: boolean; note?: string}): void {
  const entry = project.bypass.get(known(project, wish.secret))!;
  if (wish.note !== undefined) entry.note = wish.note;
  if (wish.isEnvVar) for (const other of project.bypass.values()) other.isEnvVar = other === entry;
}

/** GET /projects/{p}/custom-environments. */
export function listCustomEnvironments(call: Call): Reply {
  const slugs = projectOf(call).options.customEnvironments ?? [];
  const environments = slugs.map((slug) => ({id: `env_${slug}`, slug, type: 'preview', createdAt: 0, updatedAt: 0}));
  return ok({accountLimit: {total: 1}, environments});
}
