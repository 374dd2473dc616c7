import {createHash, randomUUID} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import {type Exchange, type FaultKind, type StandIn, startStandIn} from '../stand-in.js';
import {type Answer, type Call, GitHubError, invalidRequest, notFound} from './answer.js';
import {Deployments, type Refs, type StoredDeployment} from './deployments.js';
import {Issues, type StoredIssue} from './issues.js';

export type Permissions = Readonly<Record<string, 'read' | 'write'>>;

export interface GitHubOptions extends Partial<Refs> {
  readonly owner: string;
  readonly repo: string;
  readonly tokens: ReadonlyArray<{readonly token: string; readonly permissions: Permissions}>;
  readonly port?: number;
  /** Requests an hour and token; default 1 000, as for a job's own token. */
  readonly hourlyLimit?: number;
  /** Issues, comments, deployments and statuses a minute before the secondary limit; default 80. */
  readonly contentPerMinute?: number;
  readonly now?: () => number;
}

export interface GitHubStandIn extends StandIn {
  /** Oldest first, of all tasks or of one. */
  deployments(task?: string): readonly StoredDeployment[];
  /** Pull requests included, oldest first. */
  issues(): readonly StoredIssue[];
  /** What the ledger's statuses say, over all releases, oldest first. */
  releaseEvents(): string[];
  /** Ledger pins that were not released. */
  pins(): readonly StoredDeployment[];
  /** Puts a pull request into the list of issues. */
  addPullRequest(title: string, labels?: readonly string[]): void;
}

/** The answer to too many requests at once, to be played as a fault. */
export function secondaryLimit(retryAfterS: number): FaultKind {
  const body = JSON.stringify({
    message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
    documentation_url: limitsPage,
    status: '403',
  });
  return {
    kind: 'status',
    status: 403,
    body,
    headers: {'content-type': 'application/json; charset=utf-8', 'retry-after': String(retryAfterS)},
  };
}

const limitsPage = 'https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api';

/**
 * Starts GitHub's REST API for one repository on 127.0.0.1: deployments and their statuses, issues, comments, labels.
 * Tokens carry permissions; times have whole seconds; routes it does not know are answered 501, by name.
 */
export async function startGitHub(options: GitHubOptions): Promise<GitHubStandIn> {
  const now = options.now ?? Date.now;
  const defaultBranch = options.defaultBranch ?? 'main';
  const refs: Refs = {branches: {}, ...options, defaultBranch};
  const repository: Repository = {
    options,
    now,
    deployments: new Deployments(refs, now),
    issues: new Issues(now),
    limits: new Limits(options, now),
  };
  const standIn = await startStandIn(
    (exchange) => serve(exchange, repository),
    options.port === undefined ? {} : {port: options.port},
  );
  const byTask = (task?: string) =>
    repository.deployments.all.filter((deployment) => task === undefined || deployment.task === task);
  return {
    ...standIn,
    deployments: byTask,
    issues: () => repository.issues.all,
    releaseEvents: () =>
      byTask('switchback-release').flatMap((deployment) => deployment.statuses.map((status) => status.description)),
    pins: () => byTask('switchback-pin').filter((deployment) => deployment.statuses.at(-1)?.state !== 'inactive'),
    addPullRequest: (title, labels = []) => void repository.issues.add(title, null, labels, true),
  };
}

interface Repository {
  readonly options: GitHubOptions;
  readonly now: () => number;
  readonly deployments: Deployments;
  readonly issues: Issues;
  readonly limits: Limits;
}

interface Route {
  readonly permission: string;
  readonly answer: (repository: Repository, call: Call) => Answer;
  /** Counts against the secondary limit for new content. */
  readonly makesContent?: boolean;
}

const routes: Readonly<Record<string, Route>> = {
  'GET /': {
    permission: 'metadata',
    answer: ({options}, call) => ({
      status: 200,
      body: {
        full_name: `${options.owner}/${options.repo}`,
        default_branch: options.defaultBranch ?? 'main',
        private: true,
        html_url: call.pageUrl,
      },
    }),
  },
  'POST /deployments': {
    permission: 'deployments',
    makesContent: true,
    answer: ({deployments}, call) => deployments.create(call),
  },
  'GET /deployments': {permission: 'deployments', answer: ({deployments}, call) => deployments.list(call)},
  'GET /deployments/{deployment_id}': {
    permission: 'deployments',
    answer: ({deployments}, call) => deployments.get(call),
  },
  'DELETE /deployments/{deployment_id}': {
    permission: 'deployments',
    answer: ({deployments}, call) => deployments.delete(call),
  },
  'GET /deployments/{deployment_id}/statuses': {
    permission: 'deployments',
    answer: ({deployments}, call) => deployments.listStatuses(call),
  },
  'POST /deployments/{deployment_id}/statuses': {
    permission: 'deployments',
    makesContent: true,
    answer: ({deployments}, call) => deployments.createStatus(call),
  },
  'POST /issues': {permission: 'issues', makesContent: true, answer: ({issues}, call) => issues.create(call)},
  'GET /issues': {permission: 'issues', answer: ({issues}, call) => issues.list(call)},
  'GET /issues/{issue_number}': {permission: 'issues', answer: ({issues}, call) => issues.get(call)},
  'PATCH /issues/{issue_number}': {permission: 'issues', answer: ({issues}, call) => issues.update(call)},
  'GET /issues/{issue_number}/comments': {permission: 'issues', answer: ({issues}, call) => issues.listComments(call)},
  'POST /issues/{issue_number}/comments': {
    permission: 'issues',
    makesContent: true,
    answer: ({issues}, call) => issues.comment(call),
  },
  'POST /issues/{issue_number}/labels': {permission: 'issues', answer: ({issues}, call) => issues.addLabels(call)},
  'GET /labels': {permission: 'issues', answer: ({issues}, call) => issues.listLabels(call)},
  'POST /labels': {permission: 'issues', answer: ({issues}, call) => issues.createLabel(call)},
  'GET /labels/{name}': {permission: 'issues', answer: ({issues}, call) => issues.getLabel(call)},
};

function serve({request, response, url, body}: Exchange, repository: Repository): void {
  const answer = answerOf(request, url, body, repository);
  const text = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const etag = `W/"${createHash('sha256').update(text).digest('hex')}"`;
  const headers: Record<string, string> = {
    'x-github-request-id': randomUUID().slice(0, 18).toUpperCase(),
    'x-github-media-type': 'github.v3; format=json',
    'x-github-api-version-selected': String(request.headers['x-github-api-version'] ?? '2022-11-28'),
    ...answer.headers,
  };
  if (request.method === 'GET' && answer.status === 200) {
    headers.etag = etag;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers);
      return void response.end();
    }
  }
  if (text !== '')
    Object.assign(headers, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
    });
  response.writeHead(answer.status, headers);
  response.end(text);
}

function answerOf(request: IncomingMessage, url: URL, body: Buffer, repository: Repository): Answer {
  let limits: Readonly<Record<string, string>> = {};
  try {
    checkVersion(request);
    const {token, permissions} = authenticate(request, repository);
    if (url.pathname === '/rate_limit')
      return {status: 200, body: {resources: {core: repository.limits.peek(token)}}, headers: {}};
    limits = repository.limits.take(token);
    const {route, call, allowed} = match(request, url, body, repository);
    if (!mayCall(permissions, route.permission, request.method ?? 'GET')) {
      throw new GitHubError(403, 'Resource not accessible by integration', undefined, {
        'x-accepted-github-permissions': allowed,
      });
    }
    if (route.makesContent) repository.limits.makeContent();
    const answer = route.answer(repository, call);
    return {...answer, headers: {...limits, ...answer.headers}};
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    const refusal = {
      message: error.message,
      ...(error.errors ? {errors: error.errors} : {}),
      documentation_url: 'https://docs.github.com/rest',
      status: String(error.status),
    };
    return {status: error.status, body: refusal, headers: {...limits, ...error.headers}};
  }
}

function checkVersion(request: IncomingMessage): void {
  const version = request.headers['x-github-api-version'];
  if (version !== undefined && !['2022-11-28', '2026-03-10'].includes(String(version))) {
    throw new GitHubError(
      400,
      `The version "${String(version)}" is not supported. Supported versions: 2022-11-28, 2026-03-10`,
    );
  }
  // GitHub's edge refuses clients that do not name themselves.
  if (!request.headers['user-agent'])
    throw new GitHubError(
      403,
      'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.',
    );
}

function authenticate(request: IncomingMessage, {options}: Repository): GitHubOptions['tokens'][number] {
  const given = /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) throw new GitHubError(401, 'Requires authentication');
  const known = options.tokens.find((one) => one.token === given);
  if (!known) throw new GitHubError(401, 'Bad credentials');
  return known;
}

function mayCall(permissions: Permissions, area: string, method: string): boolean {
  if (area === 'metadata') return true;
  const held = permissions[area];
  return method === 'GET' ? held !== undefined : held === 'write';
}

function match(
  request: IncomingMessage,
  url: URL,
  body: Buffer,
  {options}: Repository,
): {route: Route; call: Call; allowed: string} {
  const base = `/repos/${options.owner}/${options.repo}`;
  if (url.pathname !== base && !url.pathname.toLowerCase().startsWith(`${base}/`.toLowerCase())) throw notFound();
  const path = url.pathname.slice(base.length) || '/';
  const method = request.method ?? 'GET';
  for (const [pattern, route] of Object.entries(routes)) {
    const params = paramsOf(pattern, `${method} ${path}`);
    if (!params) continue;
    const origin = `http://${request.headers.host ?? 'localhost'}`;
    const call = {
      params,
      query: url.searchParams,
      body: method === 'GET' ? {} : parseBody(body),
      repositoryUrl: `${origin}${base}`,
      pageUrl: `${origin}/${options.owner}/${options.repo}`,
    };
    return {route, call, allowed: `${route.permission}=${method === 'GET' ? 'read' : 'write'}`};
  }
  throw new GitHubError(501, `The stand-in does not know ${method} ${path}`);
}

function paramsOf(pattern: string, target: string): Record<string, string> | undefined {
  const names: string[] = [];
  const expression = pattern.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    names.push(name);
    return '([^/]+)';
  });
  const found = new RegExp(`^${expression}$`).exec(target);
  return found ? Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1]!)])) : undefined;
}

function parseBody(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    throw new GitHubError(400, 'Problems parsing JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalidRequest('The body is not an object.');
  return parsed as Record<string, unknown>;
}

/** Primary and secondary rate limits. */
class Limits {
  readonly #used = new Map<string, {count: number; resetMs: number}>();
  #content: number[] = [];

  constructor(
    private readonly options: GitHubOptions,
    private readonly now: () => number,
  ) {}

  take(token: string): Record<string, string> {
    const window = this.#window(token);
    const limit = this.options.hourlyLimit ?? 1_000;
    const isOver = window.count >= limit;
    if (!isOver) window.count++;
    const headers = {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(limit - window.count),
      'x-ratelimit-used': String(window.count),
      'x-ratelimit-reset': String(Math.ceil(window.resetMs / 1_000)),
      'x-ratelimit-resource': 'core',
    };
    if (isOver) throw new GitHubError(403, 'API rate limit exceeded for installation.', undefined, headers);
    return headers;
  }

  peek(token: string): object {
    const {count, resetMs} = this.#window(token);
    const limit = this.options.hourlyLimit ?? 1_000;
    return {limit, used: count, remaining: limit - count, reset: Math.ceil(resetMs / 1_000)};
  }

  makeContent(): void {
    const nowMs = this.now();
    this.#content = this.#content.filter((atMs) => nowMs - atMs < 60_000);
    if (this.#content.length >= (this.options.contentPerMinute ?? 80)) {
      const waitMs = 60_000 - (nowMs - this.#content[0]!);
      throw new GitHubError(
        403,
        'You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.',
        undefined,
        {
          'retry-after': String(Math.ceil(waitMs / 1_000)),
        },
      );
    }
    this.#content.push(nowMs);
  }

  #window(token: string): {count: number; resetMs: number} {
    const nowMs = this.now();
    const held = this.#used.get(token);
    if (held && held.resetMs > nowMs) return held;
    const fresh = {count: 0, resetMs: nowMs + 3_600_000};
    this.#used.set(token, fresh);
    return fresh;
  }
}
