import type {Visit} from './address.js';
import type {Quirks} from './options.js';
import type {Deployment, Project} from './records.js';
import type {SiteAnswer} from './site-routes.js';

const cookieName = '_vercel_jwt';

/** Does Deployment Protection cover this address of the project? */
export function protects(project: Project, deployment: Deployment, host: string): boolean {
  const productionDomain = project.domains.some((domain) => domain.name === host);
  switch (project.protection) {
    case null:
      return false;
    case 'all':
      return true;
    case 'preview':
      return deployment.target !== 'production';
    default:
      return !productionDomain;
  }
}

/** `open` with a valid secret or cookie, a redirect that sets the cookie when that is asked for, else `closed`. */
export function badge(visit: Visit, project: Project): 'open' | 'closed' | SiteAnswer {
  const {headers} = visit.request;
  const secret =
    headers['x-vercel-protection-bypass'] ??
    visit.url.searchParams.get('x-vercel-protection-bypass') ??
    cookie(headers.cookie);
  if (typeof secret !== 'string' || !project.bypass.has(secret)) return 'closed';
  const wanted = headers['x-vercel-set-bypass-cookie'] ?? visit.url.searchParams.get('x-vercel-set-bypass-cookie');
  if (!wanted || cookie(headers.cookie) === secret) return 'open';
  const site = wanted === 'samesitenone' ? 'None; Secure' : 'Lax';
  return {
    status: 307,
    headers: {
      location: visit.url.pathname,
      'set-cookie': `${cookieName}=${secret}; Path=/; HttpOnly; SameSite=${site}`,
    },
    body: Buffer.alloc(0),
  };
}

function cookie(header: string | undefined): string | undefined {
  return header
    ?.split(/;\s*/)
    .find((pair) => pair.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);
}

/** The wall: a login page with 401, or the redirect to the sign-in that others report. */
export function guardPage(quirks: Quirks, host: string, url: URL): SiteAnswer {
  const login = `https://vercel.com/sso-api?url=${encodeURIComponent(`https://${host}${url.pathname}`)}`;
  const headers = {'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store, max-age=0'};
  if (quirks.protectionAnswer === 'redirect')
    return {status: 302, headers: {...headers, location: login}, body: Buffer.from('Redirecting...')};
  const page = `<!doctype html><html><head><title>Authentication Required</title></head><body><h1>Authentication Required</h1><a href="${login}">Log in to Vercel</a></body></html>`;
  return {status: 401, headers, body: Buffer.from(page)};
}
