import {messageOf} from '../kernel/errors.js';
import {domainsDocument, projectTokenDocument, servicesDocument} from '../platforms/railway/documents.js';

/** What the platforms tell with the tokens that were given. Only reads; anything that cannot be read stays unknown. */
export interface PlatformFacts {
  readonly frontendUrl?: string;
  readonly railwayService?: string;
  readonly backendUrl?: string;
  /** What could not be found out, and why. */
  readonly notes: readonly string[];
}

interface Asked {
  readonly vercel?: {readonly token: string; readonly project: string; readonly team?: string | undefined};
  readonly railway?: {readonly token: string; readonly service?: string | undefined};
  readonly signal: AbortSignal;
  readonly vercelApi?: string;
  readonly railwayApi?: string;
}

export async function readPlatforms(asked: Asked): Promise<PlatformFacts> {
  const notes: string[] = [];
  const careful = <T>(what: string, work: Promise<T> | undefined) =>
    work?.catch((error: unknown) => void notes.push(`${what} could not be asked: ${messageOf(error)}`));
  const [frontendUrl, backend] = await Promise.all([
    careful('Vercel', asked.vercel && frontendAddress(asked, asked.vercel)),
    careful('Railway', asked.railway && backendOf(asked, asked.railway)),
  ]);
  return {...(frontendUrl && {frontendUrl}), ...backend, notes};
}

async function frontendAddress(
  asked: Asked,
  {token, project, team}: NonNullable<Asked['vercel']>,
): Promise<string | undefined> {
  const query = new URLSearchParams({production: 'true', redirects: 'false', limit: '100'});
  if (team) query.set(team.startsWith('team_') ? 'teamId' : 'slug', team);
  const url = `${asked.vercelApi ?? 'https://api.vercel.com'}/v9/projects/${encodeURIComponent(project)}/domains?${query}`;
  const {domains} = (await json(url, {headers: {authorization: `Bearer ${token}`}, signal: asked.signal})) as {
    domains: ReadonlyArray<{name: string; verified?: boolean; redirect?: string | null; gitBranch?: string | null}>;
  };
  const usable = domains.filter(({verified, redirect, gitBranch}) => verified !== false && !redirect && !gitBranch);
  const best = usable.find(({name}) => !name.endsWith('.vercel.app')) ?? usable[0];
  return best && `https://${best.name}`;
}

async function backendOf(asked: Asked, {token, service}: NonNullable<Asked['railway']>) {
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
  const chosen = service
    ? services.find((one) => one.serviceName === service || one.serviceId === service)
    : await onlyPublic(services);
  if (!chosen) return {};
  const address = await addressOf(chosen.serviceId);
  return {railwayService: chosen.serviceName, ...(address && {backendUrl: address})};

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

async function json(url: string, request: RequestInit): Promise<unknown> {
  const answer = await fetch(url, {
    ...request,
    signal: AbortSignal.any([request.signal!, AbortSignal.timeout(15_000)]),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return answer.json();
}
