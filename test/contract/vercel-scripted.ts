import {type Exchange, type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';

/**
 * A Vercel API that answers exactly what a row of a contract test says. Not a stand-in: it has only as much state as a
 * deployment, a promotion and a rollback need, and every answer of it can be replaced.
 */
export interface Scripted extends StandIn {
  readonly project: Record<string, unknown>;
  readonly domains: Array<Record<string, unknown>>;
  readonly hosts: Map<string, string>;
  readonly deployments: Map<string, Record<string, unknown>>;
  /** States that reads of a new deployment answer with, one a read; the last one stays. */
  states: Array<string | Record<string, unknown>>;
  /** States of the alias job, one a read of the project; the last one stays. */
  jobStates: string[];
  events: unknown[];
  env: unknown;
  sharedEnv: unknown;
  /** Hosts that a move leaves where they are. */
  readonly stuckHosts: Set<string>;
  /** `METHOD /path*` with its answer; an answer of undefined lets the built-in one follow. */
  readonly answers: Map<string, (exchange: Exchange) => Answer | undefined>;
  /** How often a deployment was created. */
  created: number;
}

export type Answer = readonly [status: number, body?: unknown, headers?: Record<string, string>];

/** The request is taken and never answered. */
export const noAnswer: Answer = [0];

export const anchorId = 'dpl_anchor';
export const candidateId = 'dpl_1';

export async function startScripted(): Promise<Scripted> {
  const files = new Set<string>();
  const state = {
    project: {
      id: 'prj_shop',
      name: 'shop',
      accountId: 'team_acme',
      autoAssignCustomDomains: true,
      rootDirectory: null,
      targets: {production: {id: anchorId}},
      lastAliasRequest: {
        type: 'promote',
        jobStatus: 'succeeded',
        toDeploymentId: anchorId,
        fromDeploymentId: 'dpl_older',
        requestedAt: 1_000,
      },
    } as Record<string, unknown>,
    domains: [
      {name: 'shop.example', verified: true, redirect: null},
      {name: 'www.shop.example', verified: true, redirect: null},
    ] as Array<Record<string, unknown>>,
    hosts: new Map([
      ['shop.example', anchorId],
      ['www.shop.example', anchorId],
    ]),
    deployments: new Map<string, Record<string, unknown>>([
      [
        anchorId,
        deployment(anchorId, {readyState: 'READY', readySubstate: 'PROMOTED', meta: {githubCommitSha: 'a'.repeat(40)}}),
      ],
    ]),
    states: ['QUEUED', 'BUILDING', 'READY'] as Scripted['states'],
    jobStates: ['pending', 'in-progress', 'succeeded'],
    events: [] as unknown[],
    env: {envs: [], pagination: null} as unknown,
    sharedEnv: {data: [], pagination: null} as unknown,
    stuckHosts: new Set<string>(),
    answers: new Map<string, (exchange: Exchange) => Answer | undefined>(),
    created: 0,
  };
  const standIn = await startStandIn((exchange) => answer(exchange));
  const scripted: Scripted = Object.assign(state, standIn);

  function answer(exchange: Exchange): void {
    const route = `${exchange.recorded.method} ${exchange.url.pathname}`;
    for (const [pattern, make] of scripted.answers) {
      if (!new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(route)) continue;
      const given = make(exchange);
      if (given) return void send(exchange, given);
    }
    send(exchange, builtIn(exchange, route));
  }

  function send({response}: Exchange, [status, body, headers]: Answer): void {
    if (status === noAnswer[0]) return;
    if (body !== undefined && typeof body !== 'string') return void sendJson(response, status, body, headers);
    response.writeHead(status, headers);
    response.end(body);
  }

  function builtIn({url, body, request}: Exchange, route: string): Answer {
    const id = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
    if (route === 'GET /v9/projects/shop' || route === 'GET /v9/projects/prj_shop') return [200, readProject()];
    if (/^GET .*\/domains$/.test(route)) return [200, {domains: scripted.domains, pagination: null}];
    if (/^GET .*\/env$/.test(route)) return [200, url.pathname === '/v1/env' ? scripted.sharedEnv : scripted.env];
    if (route.startsWith('GET /v4/aliases/'))
      return scripted.hosts.has(id) ? [200, {alias: id, deploymentId: scripted.hosts.get(id)}] : notFound;
    if (route === 'GET /v6/deployments')
      return [
        200,
        {
          deployments: [...scripted.deployments.values()].reverse().map(({id: uid, ...rest}) => ({uid, ...rest})),
          pagination: {next: null},
        },
      ];
    if (route === 'POST /v2/files') return upload(request.headers['x-now-digest'] as string);
    if (route === 'POST /v13/deployments') return create(JSON.parse(body.toString()) as Record<string, unknown>);
    if (/^GET .*\/events$/.test(route)) return [200, scripted.events];
    if (route.startsWith('GET /v13/deployments/')) return read(id);
    if (/^PATCH .*\/cancel$/.test(route)) return cancel(url.pathname.split('/').at(-2)!);
    if (/^POST .*\/(promote|rollback)\/[^/]+$/.test(route))
      return move(url.pathname.includes('/promote/') ? 'promote' : 'rollback', id);
    if (/^GET .*\/(promote|rollback)\/aliases$/.test(route))
      return [200, {aliases: [...scripted.stuckHosts].map((host) => ({id: host, alias: host, status: 'failed'}))}];
    return notFound;
  }

  function readProject(): unknown {
    const job = scripted.project.lastAliasRequest as Record<string, unknown> | null;
    if (job && job.moving === true) {
      const queue = job.queue as string[];
      if (queue.length > 0) job.jobStatus = queue.shift();
      if (job.jobStatus === 'succeeded') finishMove(job);
      if (queue.length === 0) job.moving = false;
    }
    return scripted.project;
  }

  function finishMove(job: Record<string, unknown>): void {
    const to = String(job.toDeploymentId);
    for (const host of scripted.hosts.keys()) if (!scripted.stuckHosts.has(host)) scripted.hosts.set(host, to);
    scripted.project.targets = {production: {id: to}};
  }

  function move(type: string, to: string): Answer {
    const current = (scripted.project.targets as {production?: {id: string}}).production?.id;
    if (type === 'promote' && current === to)
      return [
        409,
        {
          error: {
            code: 'conflict',
            message: `The provided deploymentId (${to}) is already the current production deployment.`,
          },
        },
      ];
    const former = scripted.project.lastAliasRequest as {requestedAt: number} | null;
    scripted.project.lastAliasRequest = {
      type,
      jobStatus: 'pending',
      toDeploymentId: to,
      fromDeploymentId: current,
      requestedAt: (former?.requestedAt ?? 0) + 1_000,
      moving: true,
      queue: [...scripted.jobStates],
    };
    return [201];
  }

  function upload(sha: string): Answer {
    files.add(sha);
    return [200, {urls: []}];
  }

  function create(body: Record<string, unknown>): Answer {
    const wanted = (body.files as Array<{sha?: string}>).flatMap(({sha}) => sha ?? []);
    const missing = [...new Set(wanted)].filter((sha) => !files.has(sha));
    if (missing.length > 0) return [400, {error: {code: 'missing_files', message: 'Missing files', missing}}];
    const id = `dpl_${++scripted.created}`;
    const made = deployment(id, {
      readyState: 'QUEUED',
      meta: body.meta,
      target: body.target ?? null,
      queue: [...scripted.states],
    });
    scripted.deployments.set(id, made);
    return [200, shown(made)];
  }

  function read(id: string): Answer {
    const found = scripted.deployments.get(id);
    if (!found) return notFound;
    const queue = found.queue as Scripted['states'] | undefined;
    const next = queue && (queue.length > 1 ? queue.shift() : queue[0]);
    if (next !== undefined) Object.assign(found, typeof next === 'string' ? {readyState: next} : next);
    return [200, shown(found)];
  }

  function cancel(id: string): Answer {
    const found = scripted.deployments.get(id);
    if (!found) return notFound;
    if (['READY', 'ERROR', 'CANCELED'].includes(String(found.readyState)))
      return [400, {error: {code: 'bad_request', message: 'already ended'}}];
    Object.assign(found, {readyState: 'CANCELED', queue: ['CANCELED']});
    return [200, shown(found)];
  }

  return scripted;
}

const shown = ({queue: _, ...rest}: Record<string, unknown>): Record<string, unknown> => rest;

const notFound: Answer = [404, {error: {code: 'not_found', message: 'Not found'}}];

export function deployment(id: string, fields: Record<string, unknown>): Record<string, unknown> {
  return {
    id,
    url: `shop-${id.slice(4)}.vercel.app`,
    name: 'shop',
    projectId: 'prj_shop',
    target: 'production',
    inspectorUrl: `https://vercel.com/acme/shop/${id.slice(4)}`,
    createdAt: 1_700_000_000_000,
    readyState: 'QUEUED',
    ...fields,
  };
}
