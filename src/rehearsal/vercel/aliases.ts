import {type Call, deploymentOf, jsonBody, ok, page, projectOf, type Reply} from './call.js';
import {addDomain} from './projects.js';
import type {Alias, Deployment, Domain, Project} from './records.js';
import {badRequest, notFound, refused} from './refusal.js';
import {pointAlias} from './traffic.js';
import type {World} from './world.js';

/** POST /v2/deployments/{d}/aliases: takes the host away from what it served. */
export function assignAlias(call: Call): Reply {
  const {world} = call;
  const body = jsonBody(call);
  const host = typeof body.alias === 'string' ? body.alias.toLowerCase() : '';
  if (!/^[a-z0-9]([a-z0-9-]*\.)*[a-z0-9-]*[a-z0-9](:\d+)?$/.test(host))
    throw refused(400, 'invalid_alias', 'The alias is not valid');
  const deployment = aliasable(call);
  const scripted = world.script.refuseAliases.get(host);
  if (scripted) throw refused(scripted.status, scripted.code, scripted.message);
  refuseForeign(world, host, deployment);
  const found = world.aliases.get(host);
  if (found?.deploymentId === deployment.id) {
    throw refused(409, 'not_modified', 'The alias already points to this deployment', {
      uid: found.uid,
      alias: found.host,
    });
  }
  const old = pointAlias(world, host, deployment, typeof body.redirect === 'string' ? body.redirect : null);
  const alias = world.aliases.get(host)!;
  return ok({
    uid: alias.uid,
    alias: host,
    created: new Date(alias.created).toISOString(),
    ...(old ? {oldDeploymentId: old} : {}),
  });
}

function aliasable(call: Call): Deployment {
  const asked = call.params.deployment ?? '';
  const found = call.inTeam ? call.world.deployments.get(asked) : undefined;
  if (!found) throw refused(404, 'deployment_not_found', `The deployment "${asked}" was not found`);
  if (found.deletedAt !== undefined) throw refused(410, 'gone', 'The deployment was deleted');
  if (found.readyState !== 'READY') throw refused(400, 'deployment_not_ready', 'The deployment is not ready');
  return found;
}

function refuseForeign(world: World, host: string, deployment: Deployment): void {
  const owner = [...world.projects.values()].find((project) => project.domains.some((domain) => domain.name === host));
  if (owner && owner.id !== deployment.projectId)
    throw refused(400, 'bad_request', `The domain "${host}" is already assigned to another project`);
  const taken = world.aliases.get(host);
  if (taken && taken.projectId !== deployment.projectId)
    throw refused(403, 'alias_in_use', `The alias "${host}" is in use by another project`);
  const registered = [...world.teamDomains].some((domain) => host === domain || host.endsWith(`.${domain}`));
  if (!owner && !registered && !host.endsWith('.vercel.app'))
    throw refused(403, 'forbidden', `You don't have access to the domain "${host}"`);
}

/** GET /v2/deployments/{d}/aliases. */
export function deploymentAliases(call: Call): Reply {
  const deployment = deploymentOf(call);
  const aliases = call.world
    .aliasesOf(deployment.id)
    .map((one) => ({uid: one.uid, alias: one.host, created: moment(one), redirect: one.redirect}));
  return ok({aliases});
}

/** GET /v4/aliases. */
export function listAliases(call: Call): Reply {
  const {query, world} = call;
  const project = query.get('projectId');
  const domains = query.getAll('domain').flatMap((value) => value.split(','));
  const wanted = (call.inTeam ? [...world.aliases.values()] : []).filter(
    (one) =>
      (!call.onlyProject || one.projectId === call.onlyProject) &&
      (!project || world.projectBy(project)?.id === one.projectId) &&
      (domains.length === 0 || domains.some((domain) => one.host === domain || one.host.endsWith(`.${domain}`))),
  );
  const {items, pagination} = page(call, wanted, (one) => one.created);
  return ok({aliases: items.map((one) => aliasView(world, one)), pagination});
}

/** GET /v4/aliases/{id or host}: the authority on what a host serves. */
export function readAlias(call: Call): Reply {
  return ok(aliasView(call.world, aliasOf(call)));
}

/** DELETE /v2/aliases/{id or host}: the host is dead afterwards. */
export function deleteAlias(call: Call): Reply {
  call.world.aliases.delete(aliasOf(call).host);
  return ok({status: 'SUCCESS'});
}

function aliasOf(call: Call): Alias {
  const asked = call.params.alias ?? '';
  const found = call.world.aliases.get(asked) ?? [...call.world.aliases.values()].find((one) => one.uid === asked);
  if (!call.inTeam || !found || (call.onlyProject && call.onlyProject !== found.projectId))
    throw notFound(`Alias "${asked}"`);
  return found;
}

function aliasView(world: World, one: Alias): Record<string, unknown> {
  const deployment = world.deployments.get(one.deploymentId);
  return {
    uid: one.uid,
    alias: one.host,
    created: moment(one),
    createdAt: one.created,
    updatedAt: one.updatedAt,
    deploymentId: one.deploymentId,
    projectId: one.projectId,
    redirect: one.redirect,
    creator: {uid: world.user.id, username: world.user.username, email: world.user.email},
    ...(deployment
      ? {deployment: {id: deployment.id, url: deployment.host, meta: JSON.stringify(deployment.meta)}}
      : {}),
  };
}

const moment = (one: Alias): string => new Date(one.created).toISOString();

/** GET /v9/projects/{p}/domains. */
export function listDomains(call: Call): Reply {
  const {query} = call;
  const project = projectOf(call);
  const wanted = project.domains.filter(
    (one) =>
      (query.get('verified') !== 'true' || one.verified) &&
      (query.get('redirects') !== 'false' || one.redirect === null) &&
      (query.get('production') !== 'true' || one.gitBranch === null),
  );
  const {items, pagination} = page(call, wanted, (one) => one.createdAt);
  return ok({domains: items.map((one) => domainView(project, one)), pagination});
}

/** GET /v9/projects/{p}/domains/{d}. */
export function readDomain(call: Call): Reply {
  const project = projectOf(call);
  return ok(domainView(project, domainOf(call, project)));
}

/** POST /v10/projects/{p}/domains. */
export function createDomain(call: Call): Reply {
  const project = projectOf(call);
  const {name, redirect, gitBranch} = jsonBody(call) as {name?: string; redirect?: string; gitBranch?: string};
  if (!name) throw badRequest('missing required property `name`.');
  const owner = [...call.world.projects.values()].find((one) => one.domains.some((domain) => domain.name === name));
  if (owner)
    throw refused(
      owner.id === project.id ? 400 : 409,
      owner.id === project.id ? 'domain_already_in_use' : 'domain_taken',
      `Cannot add ${name} since it's already assigned to a project.`,
      {projectId: owner.id},
    );
  addDomain(call.world, project, name);
  const domain = project.domains.at(-1)!;
  Object.assign(domain, {redirect: redirect ?? null, gitBranch: gitBranch ?? null});
  serveLive(call.world, project, domain);
  return ok(domainView(project, domain));
}

/** PATCH /v9/projects/{p}/domains/{d}. Editing puts the domain back on the project's production deployment. */
export function changeDomain(call: Call): Reply {
  const project = projectOf(call);
  const domain = domainOf(call, project);
  const {redirect, redirectStatusCode, gitBranch} = jsonBody(call) as Partial<Domain>;
  Object.assign(domain, {
    ...(redirect === undefined ? {} : {redirect}),
    ...(redirectStatusCode === undefined ? {} : {redirectStatusCode}),
    ...(gitBranch === undefined ? {} : {gitBranch}),
    updatedAt: call.world.agenda.now(),
  });
  serveLive(call.world, project, domain);
  return ok(domainView(project, domain));
}

/** DELETE /v9/projects/{p}/domains/{d}. */
export function deleteDomain(call: Call): Reply {
  const project = projectOf(call);
  const domain = domainOf(call, project);
  project.domains.splice(project.domains.indexOf(domain), 1);
  call.world.aliases.delete(domain.name);
  return ok({});
}

function serveLive(world: World, project: Project, domain: Domain): void {
  const live = project.liveId ? world.deployments.get(project.liveId) : undefined;
  if (live && domain.redirect === null && domain.gitBranch === null) pointAlias(world, domain.name, live);
}

function domainOf(call: Call, project: Project): Domain {
  const found = project.domains.find((one) => one.name === call.params.domain);
  if (!found) throw notFound('Domain');
  return found;
}

function domainView(project: Project, one: Domain): Record<string, unknown> {
  const labels = one.name.split('.');
  const apexName = /^[\d.:]+$/.test(one.name) ? one.name : labels.slice(-2).join('.');
  return {...one, apexName, projectId: project.id, customEnvironmentId: null};
}
