import {setTimeout as sleep} from 'node:timers/promises';
import type {Fault} from '../stand-in.js';
import {type Address, openAddress, type Visit} from './address.js';
import {badge, guardPage, protects} from './protection.js';
import type {Deployment, Health, Project} from './records.js';
import type {SiteAnswer} from './site-routes.js';
import {newId, type World} from './world.js';

/** One request that a user, a probe or a test made to any address the platform serves. */
export interface ServedRequest {
  readonly atMs: number;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly deploymentId: string | undefined;
  status: number;
}

const keptRequests = 20_000;

/**
 * The public side: a listener for each deployment and each production domain, all serving by the Host that is asked
 * for, so that named domains work on any of them.
 */
export class Edge {
  /** Faults at the public addresses; routes are `METHOD HOST/path` with `*`. */
  readonly faults: Fault[] = [];
  readonly served: ServedRequest[] = [];
  readonly #addresses: Address[] = [];
  readonly #warm = new Map<string, number>();
  #turn = 0;

  constructor(readonly world: World) {}

  /** Opens an address and returns its name, `127.0.0.1:PORT`. */
  async open(): Promise<string> {
    const address = await openAddress((visit, home) => this.#answer(visit, home));
    this.#addresses.push(address);
    return address.name;
  }

  async close(): Promise<void> {
    await Promise.all(this.#addresses.map((address) => address.close()));
  }

  async #answer(visit: Visit, home: string): Promise<void> {
    this.world.agenda.settle();
    const host = this.#hostOf(visit, home);
    const deployment = this.#pinnedBy(visit, host) ?? this.#deploymentFor(host);
    const request = this.#note(visit, host, deployment);
    if (await this.#faulted(visit, host)) return;
    const answer = await this.#answerFor(visit, host, deployment);
    if (answer === 'drop') return void visit.request.socket.destroy();
    request.status = answer.status;
    send(visit, answer);
  }

  #hostOf(visit: Visit, home: string): string {
    const asked = visit.request.headers.host ?? home;
    return asked === home || this.world.aliases.has(asked) || this.#domainOwner(asked)
      ? asked
      : /^(127\.0\.0\.1|localhost)(:|$)/.test(asked)
        ? home
        : asked;
  }

  #domainOwner(host: string): Project | undefined {
    return [...this.world.projects.values()].find((project) => project.domains.some((domain) => domain.name === host));
  }

  #deploymentFor(host: string): Deployment | undefined {
    const found = this.world.deploymentBy(host);
    const project = this.#domainOwner(host);
    const rolling = project?.rollingRelease;
    if (!found || rolling?.state !== 'ACTIVE') return found;
    const share = rolling.stages[rolling.stageIndex]?.targetPercentage ?? 100;
    return this.#turn++ % 100 < share ? (this.world.deployments.get(rolling.canaryId) ?? found) : found;
  }

  /** Skew Protection: a page asks for its assets with its own deployment's id, and gets them after another went live. */
  #pinnedBy({url}: Visit, host: string): Deployment | undefined {
    const asked = this.world.deployments.get(url.searchParams.get('dpl') ?? '');
    const own = asked && this.#deploymentFor(host)?.projectId === asked.projectId;
    return own && asked.readyState === 'READY' && asked.deletedAt === undefined ? asked : undefined;
  }

  #note(visit: Visit, host: string, deployment: Deployment | undefined): ServedRequest {
    const {method, url} = visit;
    const request = {
      atMs: this.world.agenda.now(),
      host,
      method,
      path: url.pathname,
      deploymentId: deployment?.id,
      status: 0,
    };
    this.served.push(request);
    if (this.served.length > keptRequests) this.served.splice(0, keptRequests / 2);
    return request;
  }

  async #faulted(visit: Visit, host: string): Promise<boolean> {
    const address = `${visit.method} ${host}${visit.url.pathname}`;
    const fault = this.faults.find((one) => wild(one.route).test(address) && (one.times ?? 1) > 0);
    if (!fault) return false;
    if ((fault.skip ?? 0) > 0) {
      fault.skip = fault.skip! - 1;
      return false;
    }
    fault.times = (fault.times ?? 1) - 1;
    if (fault.fault.kind === 'delay') await sleep(fault.fault.ms);
    if (fault.fault.kind === 'delay') return false;
    if (fault.fault.kind === 'status') {
      visit.response
        .writeHead(fault.fault.status, {'content-type': 'text/html', ...fault.fault.headers})
        .end(fault.fault.body ?? '');
    } else visit.request.socket.destroy();
    return true;
  }

  async #answerFor(visit: Visit, host: string, deployment: Deployment | undefined): Promise<SiteAnswer | 'drop'> {
    if (!deployment) return platformPage(404, 'DEPLOYMENT_NOT_FOUND', 'The deployment could not be found on Vercel.');
    const project = this.world.projectOf(deployment);
    // Addresses of single deployments stay reachable while a project is paused (stand-in: no source says).
    if (project.paused && host !== deployment.host)
      return platformPage(503, 'DEPLOYMENT_PAUSED', 'This deployment is temporarily paused');
    const page = unservable(deployment);
    if (page) return page;
    if (protects(project, deployment, host)) {
      const pass = badge(visit, project);
      if (pass !== 'open') return pass === 'closed' ? guardPage(this.world.quirks, host, visit.url) : pass;
    }
    return this.#appAnswer(visit, deployment);
  }

  async #appAnswer(visit: Visit, deployment: Deployment): Promise<SiteAnswer | 'drop'> {
    const health = dueHealth(deployment, visit.url.pathname);
    if (health?.latencyMs) await sleep(health.latencyMs);
    if (health?.drop) return 'drop';
    if (health && (health.status !== undefined || health.body !== undefined)) return scripted(health);
    return this.#cached(visit, deployment, siteAnswer(visit, deployment));
  }

  #cached(visit: Visit, deployment: Deployment, answer: SiteAnswer): SiteAnswer {
    if (answer.status !== 200 || !answer.headers.etag) return answer;
    const key = `${deployment.id} ${visit.url.pathname}`;
    const sinceMs = this.#warm.get(key);
    if (sinceMs === undefined) this.#warm.set(key, this.world.agenda.now());
    const age = Math.max(0, Math.floor((this.world.agenda.now() - (sinceMs ?? this.world.agenda.now())) / 1_000));
    const headers = {...answer.headers, age: String(age), 'x-vercel-cache': sinceMs === undefined ? 'MISS' : 'HIT'};
    const same = visit.request.headers['if-none-match'] === answer.headers.etag;
    return same ? {status: 304, headers, body: Buffer.alloc(0)} : {...answer, headers};
  }
}

function siteAnswer(visit: Visit, deployment: Deployment): SiteAnswer {
  const method = visit.method;
  if (method !== 'GET' && method !== 'HEAD')
    return platformPage(405, 'INVALID_REQUEST_METHOD', 'The request method is not allowed.');
  return (
    deployment.site.answer(decoded(visit.url.pathname), method) ??
    platformPage(404, 'NOT_FOUND', 'The page could not be found')
  );
}

function unservable(deployment: Deployment): SiteAnswer | undefined {
  if (deployment.deletedAt !== undefined) return platformPage(410, 'DEPLOYMENT_DELETED', 'This deployment was deleted');
  if (deployment.readyState === 'READY') return undefined;
  if (deployment.readyState === 'BLOCKED') return platformPage(403, 'DEPLOYMENT_BLOCKED', 'This deployment is blocked');
  if (deployment.readyState === 'ERROR' || deployment.readyState === 'CANCELED') {
    return platformPage(404, 'DEPLOYMENT_NOT_FOUND', 'This deployment did not complete');
  }
  const page = platformPage(303, 'DEPLOYMENT_NOT_READY_REDIRECTING', 'This deployment is not ready');
  return {...page, headers: {...page.headers, location: `https://vercel.com/deployments/${deployment.host}`}};
}

function dueHealth(deployment: Deployment, path: string): Health | undefined {
  const health = deployment.health;
  if (!health || !wild(health.path ?? '*').test(path)) return undefined;
  deployment.healthHits += 1;
  const turn = deployment.healthHits - (health.after ?? 0);
  return turn > 0 && turn % (health.every ?? 1) === 0 ? health : undefined;
}

function scripted(health: Health): SiteAnswer {
  const headers = {'content-type': 'text/html; charset=utf-8', 'x-vercel-cache': 'MISS', ...health.headers};
  return {status: health.status ?? 200, headers, body: Buffer.from(health.body ?? '')};
}

/** The platform's own error pages: plain text with the code, which stands in a header too. */
export function platformPage(status: number, code: string, text: string): SiteAnswer {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'x-vercel-error': code,
    'cache-control': 'public, max-age=0, must-revalidate',
  };
  return {status, headers, body: Buffer.from(`${text}\n\n${code}\n`)};
}

function send(visit: Visit, answer: SiteAnswer): void {
  const {response} = visit;
  const length = answer.status === 304 ? {} : {'content-length': String(answer.body.length)};
  response.writeHead(answer.status, {
    server: 'Vercel',
    'x-vercel-id': newId('dev1::', 12),
    ...length,
    ...answer.headers,
  });
  response.end(visit.method === 'HEAD' ? undefined : answer.body);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function wild(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
}
