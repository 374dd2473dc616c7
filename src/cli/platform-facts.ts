import {messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {domainsDocument, projectTokenDocument, servicesDocument} from '../platforms/railway/documents.js';

/** What the platforms tell with the tokens that were given. Only reads; anything that cannot be read stays unknown. */
export interface PlatformFacts {
  readonly vercelProject?: string;
  readonly frontendUrl?: string;
  readonly railwayService?: string;
  readonly backendUrl?: string;
  /** Service whose public address `DATABASE_URL` should hold. */
  readonly databaseService?: string;
  /** What could not be found out, and why. */
  readonly notes: readonly string[];
}

interface Asked {
  readonly vercel?: {
    readonly token: string;
    /** Undefined: the project that is connected to `repository`, or the only one there is. */
    readonly project?: string | undefined;
    readonly team?: string | undefined;
  };
  readonly repository?: string | undefined;
  readonly railway?: {readonly token: string; readonly service?: string | undefined};
  readonly signal: AbortSignal;
  readonly vercelApi?: string;
  readonly railwayApi?: string;
}

export async function readPlatforms(asked: Asked): Promise<PlatformFacts> {
  const notes: string[] = [];
  const careful = <T>(what: string, work: Promise<T> | undefined) =>
    work?.catch((error: unknown) => void notes.push(`${what} could not be asked: ${messageOf(error)}`));
  const [frontend, backend] = await Promise.all([
    careful('Vercel', asked.vercel && frontendOf(asked, asked.vercel, notes)),
    careful('Railway', asked.railway && backendOf(asked, asked.railway, notes)),
  ]);
  return {...frontend, ...backend, notes};
}

async function frontendOf(asked: Asked, given: NonNullable<Asked['vercel']>, notes: string[]) {
  const ask = async <T>(path: string, query: Record<string, string>): Promise<T> => {
    const {team} = given;
    const scope: Record<string, string> = team ? {[team.startsWith('team_') ? 'teamId' : 'slug']: team} : {};
    const url = `${asked.vercelApi ?? 'https://api.vercel.com'}${path}?${new URLSearchParams({...query, ...scope})}`;
    return (await json(url, {headers: {authorization: `Bearer ${given.token}`}, signal: asked.signal})) as T;
  };
  const vercelProject = given.project ?? (await ownProject(ask, asked.repository, notes));
  if (!vercelProject) return {};
  const frontendUrl = await frontendAddress(ask, vercelProject);
  return {vercelProject, ...(frontendUrl && {frontendUrl})};
}

type AskVercel = <T>(path: string, query: Record<string, string>) => Promise<T>;

interface ListedProject {
  readonly id: string;
  readonly name: string;
  readonly link?: {readonly org?: string; readonly repo?: string} | null;
}

async function ownProject(ask: AskVercel, repository: string | undefined, notes: string[]) {
  const {projects} = await ask<{projects: readonly ListedProject[]}>('/v9/projects', {limit: '100'});
  const linked = projects.filter(({link}) => link && `${link.org}/${link.repo}` === repository);
  const chosen = linked.length === 1 ? linked[0] : projects.length === 1 ? projects[0] : undefined;
  if (!chosen && projects.length > 0)
    notes.push(
      `Vercel has ${linked.length || projects.length} projects ${linked.length ? `of ${repository}` : `and none is connected to ${repository ?? 'this repository'}`}: name one of ${listed((linked.length ? linked : projects).map(({name}) => name))} by --vercel-project.`,
    );
  return chosen?.id;
}

const listed = (names: readonly string[]) =>
  `${names
    .slice(0, 8)
    .map((name) => oneLine(name, 60))
    .join(', ')}${names.length > 8 ? ', …' : ''}`;

async function frontendAddress(ask: AskVercel, project: string): Promise<string | undefined> {
  const {domains} = await ask<{
    domains: ReadonlyArray<{name: string; verified?: boolean; redirect?: string | null; gitBranch?: string | null}>;
  }>(`/v9/projects/${encodeURIComponent(project)}/domains`, {production: 'true', redirects: 'false', limit: '100'});
  const usable = domains.filter(({verified, redirect, gitBranch}) => verified !== false && !redirect && !gitBranch);
  const best = usable.find(({name}) => !name.endsWith('.vercel.app')) ?? usable[0];
  return best && `https://${best.name}`;
}

async function backendOf(asked: Asked, {token, service}: NonNullable<Asked['railway']>, notes: string[]) {
  const ask = async <R, V>(document: {text: string; name: string}, variables: V): Promise<R> => {
    const answer = (await json(`${asked.railwayApi ?? 'https://backboard.railway.com'}/graphql/v2`, {
      method: 'POST',
      headers: {'content-type': 'application/json', 'project-access-token': token},
      body: JSON.stringify({query: document.text, variables}),
      signal: asked.signal,
    })) as {data?: R; errors?: ReadonlyArray<{message: string}>};
    if (!answer.data) throw new Error(answer.errors?.[0]?.message ?? 'it gave no data');
    return answer.data;
  };
  const {projectToken: scope} = await ask<{projectToken: {projectId: string; environmentId: string}}, object>(
    projectTokenDocument,
    {},
  );
  const {projectId, environmentId} = scope;
  const {environment} = await ask<
    {
      environment: {serviceInstances: {edges: ReadonlyArray<{node: {serviceId: string; serviceName: string}}>}};
    },
    object
  >(servicesDocument, {projectId, environmentId});
  const services = environment.serviceInstances.edges.map(({node}) => node);
  const databaseService = services.find(({serviceName}) => /postgres/i.test(serviceName))?.serviceName;
  const database = databaseService === undefined ? {} : {databaseService};
  const chosen = service ? services.find(isNamed(service)) : await onlyPublic(services);
  if (!chosen) {
    if (services.length > 0)
      notes.push(
        `Railway has ${service ? `no service ${oneLine(service, 60)}` : 'not exactly one service with a public address'}: name one of ${listed(services.map(({serviceName}) => serviceName))} by --railway-service.`,
      );
    return database;
  }
  const address = await addressOf(chosen.serviceId);
  return {railwayService: chosen.serviceName, ...(address && {backendUrl: address}), ...database};

  async function addressOf(serviceId: string): Promise<string | undefined> {
    const {domains} = await ask<
      {domains: {serviceDomains: ReadonlyArray<{domain: string}>; customDomains: ReadonlyArray<{domain: string}>}},
      object
    >(domainsDocument, {projectId, environmentId, serviceId});
    const domain = (domains.customDomains[0] ?? domains.serviceDomains[0])?.domain;
    return domain && `https://${domain}`;
  }

  /** The only service with a public address; a database has none. With several we ask rather than guess. */
  async function onlyPublic<S extends {serviceId: string}>(all: readonly S[]): Promise<S | undefined> {
    const open = await Promise.all(all.map(async (one) => ((await addressOf(one.serviceId)) ? [one] : [])));
    return open.flat().length === 1 ? open.flat()[0] : undefined;
  }
}

const isNamed = (name: string) => (one: {serviceId: string; serviceName: string}) =>
  one.serviceName === name || one.serviceId === name;

async function json(url: string, request: RequestInit): Promise<unknown> {
  const answer = await fetch(url, {
    ...request,
    signal: AbortSignal.any([request.signal!, AbortSignal.timeout(15_000)]),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return answer.json();
}
