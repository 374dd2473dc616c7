import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {RailwayServiceOptions, RailwayStandInOptions} from '../../src/rehearsal/railway/options.js';
import {type RailwayStandIn, startRailway} from '../../src/rehearsal/railway/stand-in.js';

/** A stand-in with one tiny service from a repository of a few commits, and a client that is only `fetch`. */

export const projectToken = 'token-project-1';
export const workspaceToken = 'token-workspace-1';
export const accountToken = 'token-account-1';
export const projectId = 'project-1';
export const environmentId = 'environment-1';
export const serviceId = 'service-api';

/** Answers 200 with its commit; `MODE` and the file `mode` make it misbehave. */
const server = (mode: string) => `
import {createServer} from 'node:http';
const mode = process.env.MODE ?? ${JSON.stringify(mode)};
if (mode === 'exit') { console.error('cannot start'); process.exit(3); }
console.log(JSON.stringify({level: 'info', message: 'starting', mode, commit: process.env.RAILWAY_GIT_COMMIT_SHA}));
const server = createServer((request, response) => {
  if (request.url === '/crash') { response.end('bye'); setTimeout(() => process.exit(1), 5); return; }
  if (request.url === '/slow') { setTimeout(() => response.end('slow'), 300); return; }
  const status = request.url === '/health' && mode === 'unhealthy' ? 503 : request.url === '/missing' ? 404 : 200;
  response.writeHead(status, {'content-type': 'application/json'});
  response.end(JSON.stringify({commit: process.env.RAILWAY_GIT_COMMIT_SHA, greeting: process.env.GREETING, deployment: process.env.RAILWAY_DEPLOYMENT_ID, host: request.headers.host}));
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

export interface Fixture extends AsyncDisposable {
  readonly railway: RailwayStandIn;
  readonly commits: Readonly<Record<'good' | 'better' | 'exits' | 'unhealthy' | 'docs', string>>;
  /** Sends a document with the project token, unless headers say otherwise. */
  ask(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<Answer>;
  /** Data of a document that must succeed. */
  data<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
  deploy(commit: string): Promise<string>;
  /** Polls until the deployment has this status. */
  reaches(id: string, status: string): Promise<void>;
  get(path?: string): Promise<{status: number; body: Record<string, unknown>}>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly data?: Record<string, unknown> | null;
  readonly errors?: ReadonlyArray<{message: string; traceId?: string; path?: string[]; extensions: {code?: string}}>;
}

export const fastDelays = {
  initializing: 5,
  building: 10,
  creating: 5,
  starting: 5,
  settling: 5,
  healthcheckInterval: 15,
  removing: 40,
  restart: 5,
  rollbackAppears: 30,
  edgeRules: 10,
  workflow: 20,
  initdb: 0,
};

export async function startFixture(
  service: Partial<RailwayServiceOptions> = {},
  options: Partial<RailwayStandInOptions> = {},
): Promise<Fixture> {
  const folder = workFolder();
  const commits = writeRepository(join(folder, 'repository'));
  const api: RailwayServiceOptions = {
    id: serviceId,
    name: 'api',
    repo: {fullName: 'acme/shop', path: join(folder, 'repository'), branch: 'main'},
    folder: 'app',
    startCommand: ['node', 'server.mjs'],
    healthcheckPath: '/health',
    healthcheckTimeoutS: 5,
    variables: {GREETING: 'hello'},
    ...service,
  };
  const railway = await startRailway({
    tokens: {project: projectToken, workspace: workspaceToken, account: accountToken},
    projectId,
    environmentId,
    workDir: join(folder, 'work'),
    ...options,
    services: [api, ...(options.services ?? [])],
    delaysMs: {...(options.pace === undefined ? fastDelays : {}), ...options.delaysMs},
  });
  const ask: Fixture['ask'] = async (query, variables = {}, headers = {'project-access-token': projectToken}) => {
    const response = await fetch(`${railway.url}/graphql/v2?source=test`, {
      method: 'POST',
      headers: {'content-type': 'application/json', ...headers},
      body: JSON.stringify({query, variables}),
    });
    return {status: response.status, headers: response.headers, ...((await response.json()) as object)};
  };
  const data = async <T>(query: string, variables?: Record<string, unknown>) => {
    const answer = await ask(query, variables);
    if (answer.errors) throw new Error(JSON.stringify(answer.errors));
    return answer.data as T;
  };
  const fixture: Fixture = {
    railway,
    commits,
    ask,
    data,
    deploy: async (commit) =>
      (
        await data<{id: string}>(
          'mutation($s: String!, $e: String!, $c: String) { id: serviceInstanceDeployV2(serviceId: $s, environmentId: $e, commitSha: $c) }',
          {s: serviceId, e: environmentId, c: commit},
        )
      ).id,
    reaches: (id, status) =>
      until(
        () => railway.state().deployments.some((d) => d.id === id && d.status === status),
        () => `${id} should be ${status}: ${JSON.stringify(railway.state().deployments)}`,
      ),
    get: async (path = '/') => {
      const response = await fetch(railway.serviceUrl(serviceId) + path, {signal: AbortSignal.timeout(3_000)});
      const text = await response.text();
      return {
        status: response.status,
        body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {text},
      };
    },
    [Symbol.asyncDispose]: async () => {
      await railway.close();
      rmSync(folder, {recursive: true, force: true});
    },
  };
  return fixture;
}

/** Polls a condition; fails with what `explain` says after 15 s. */
export async function until(done: () => boolean | Promise<boolean>, explain: () => string): Promise<void> {
  for (const endMs = Date.now() + 15_000; Date.now() < endMs; ) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(explain());
}

/** A fresh folder under the ignored `.rehearsal/`, so that packages resolve from it. */
export function workFolder(): string {
  const root = join(process.cwd(), '.rehearsal', 'tests');
  mkdirSync(root, {recursive: true});
  return mkdtempSync(join(root, 'railway-'));
}

function writeRepository(folder: string): Fixture['commits'] {
  mkdirSync(join(folder, 'app'), {recursive: true});
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.com',
  };
  const git = (...args: string[]) => execFileSync('git', args, {cwd: folder, env, encoding: 'utf8'}).trim();
  const commit = (mode: string, docs: string) => {
    writeFileSync(join(folder, 'app/server.mjs'), server(mode));
    writeFileSync(join(folder, 'README.md'), docs);
    git('add', '-A');
    git('commit', '-q', '-m', `${mode}\n\n${docs}`);
    return git('rev-parse', 'HEAD');
  };
  git('init', '-q', '-b', 'main');
  return {
    good: commit('good', 'first'),
    unhealthy: commit('unhealthy', 'first'),
    exits: commit('exit', 'first'),
    better: commit('better', 'first'),
    docs: commit('better', 'second'),
  };
}
