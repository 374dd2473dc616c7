import {type Exchange, type Fault, type Recorded, type StandIn, sendJson, startStandIn} from '../stand-in.js';
import {admit} from './access.js';
import type {Reply} from './call.js';
import {Edge, type ServedRequest} from './edge.js';
import type {VercelStandInOptions} from './options.js';
import {addProject} from './projects.js';
import type {Deployment, Health, Project} from './records.js';
import {answerOf, refused} from './refusal.js';
import {matchRoute} from './routes.js';
import type {Script} from './script.js';
import {type Seed, seedDeployment} from './seed.js';
import {type Snapshot, snapshot} from './snapshot.js';
import {productionHosts} from './traffic.js';
import {newId, World} from './world.js';

export {nextRequests, vercelFaults} from './faults.js';
export type {Delays, EnvVar, Outcome, ProjectOptions, Quirks, VercelStandInOptions} from './options.js';
export type {Health} from './records.js';
export type {JobPlan, Script} from './script.js';
export type {Seed} from './seed.js';
export type {Snapshot} from './snapshot.js';

/** A Vercel of our own on this machine: the API at `url`, and an address of its own for each deployment and domain. */
export interface VercelStandIn extends StandIn {
  /** Decides in advance how deployments, promotions, aliases and log streams go. */
  readonly script: Script;
  /** Faults at the public addresses; routes are `METHOD HOST/path` with `*`. Those of the API are `faults`. */
  readonly edgeFaults: Fault[];
  /** Every request that was served at a public address, newest last, the last 20,000 at most. */
  readonly served: readonly ServedRequest[];
  /** What a client did that no client should do, such as two teams in one query. */
  readonly violations: readonly string[];
  /** Production domains as names, `127.0.0.1:PORT` first. */
  productionHosts(project: string): string[];
  /** `http://` and the first production domain. */
  productionUrl(project: string): string;
  /** Puts a READY deployment there, as if it had been made before; returns its id. */
  seed(seed: Seed): Promise<string>;
  /** Changes how the app of a deployment behaves; undefined serves the files again. */
  setHealth(deploymentId: string, health: Health | undefined): void;
  /** What is true now, as plain data, for checks from outside. */
  state(): Snapshot;
  /** Moves the platform's time. */
  advance(ms: number): void;
}

/** Starts the stand-in. Close it: it holds listeners and timers. */
export async function startVercel(options: VercelStandInOptions): Promise<VercelStandIn> {
  const world = new World(options);
  const edge = new Edge(world);
  for (const project of options.projects) await addProject(world, edge, project);
  const api = await startStandIn((exchange) => answer(world, edge, exchange), {
    ...(options.port === undefined ? {} : {port: options.port}),
    ...(options.onRequest ? {onRequest: options.onRequest} : {}),
    operationOf: (url, _body, request) => nameOf(request.method ?? 'GET', url.pathname),
  });
  const close = async () => {
    world.agenda.close();
    await Promise.all([api.close(), edge.close()]);
  };
  return {
    ...controls(world, edge),
    url: api.url,
    requests: api.requests,
    faults: api.faults,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function controls(
  world: World,
  edge: Edge,
): Omit<VercelStandIn, 'url' | 'requests' | 'faults' | 'close' | typeof Symbol.asyncDispose> {
  const hosts = (idOrName: string) => productionHosts(projectNamed(world, idOrName));
  return {
    script: world.script,
    edgeFaults: edge.faults,
    served: edge.served,
    violations: world.violations,
    productionHosts: hosts,
    productionUrl: (project) => `http://${hosts(project)[0]}`,
    seed: (seed) => seedDeployment(world, edge, projectNamed(world, seed.projectId), seed),
    setHealth: (id, health) => changeHealth(world.deployments.get(id), id, health),
    state: () => snapshot(world),
    advance: (ms) => world.agenda.advance(ms),
  };
}

function projectNamed(world: World, idOrName: string): Project {
  const project = world.projectBy(idOrName);
  if (!project) throw refused(404, 'not_found', `No project "${idOrName}" in the stand-in`);
  return project;
}

function changeHealth(deployment: Deployment | undefined, id: string, health: Health | undefined): void {
  if (!deployment) throw refused(404, 'not_found', `No deployment "${id}" in the stand-in`);
  delete deployment.health;
  deployment.healthHits = 0;
  if (health) deployment.health = health;
}

function nameOf(method: string, path: string): string | undefined {
  const match = matchRoute(method, path);
  return typeof match === 'object' ? match.route.name : undefined;
}

async function answer(world: World, edge: Edge, exchange: Exchange): Promise<void> {
  world.agenda.settle();
  redact(exchange.recorded);
  for (const [name, value] of Object.entries(usualHeaders())) exchange.response.setHeader(name, value);
  try {
    const reply = await dispatch(world, edge, exchange);
    if (reply) send(exchange, reply);
  } catch (error) {
    const refusal = answerOf(error);
    if (!refusal) throw error;
    sendJson(exchange.response, refusal.status, refusal.body);
  }
}

async function dispatch(world: World, edge: Edge, exchange: Exchange): Promise<Reply | undefined> {
  const {method, path} = exchange.recorded;
  const match = matchRoute(method, path);
  const {inTeam, onlyProject} = admit(world, exchange, typeof match === 'object' && match.route.scopeless);
  if (match === undefined) throw refused(404, 'not_found', `The requested resource ${path} was not found`);
  if (match === 'wrong-method') throw refused(405, 'method_unknown', `The method ${method} is not known for ${path}`);
  return match.route.handle({
    world,
    edge,
    exchange,
    inTeam,
    onlyProject,
    params: match.params,
    query: exchange.url.searchParams,
    version: match.version,
  });
}

function send(exchange: Exchange, reply: Reply): void {
  if (reply.body !== undefined) return void sendJson(exchange.response, reply.status, reply.body, {...reply.headers});
  // No content type with an empty body: the command line would try to read JSON and repeat its request.
  exchange.response.writeHead(reply.status, {'content-length': '0', ...reply.headers});
  exchange.response.end();
}

function usualHeaders(): Record<string, string> {
  const reset = String(Math.ceil(Date.now() / 1000) + 60);
  return {
    'x-vercel-id': newId('dev1::', 12),
    'x-ratelimit-limit': '2000',
    'x-ratelimit-remaining': '1999',
    'x-ratelimit-reset': reset,
  };
}

const secretFields = new Set(['value', 'secret', 'env']);

/** The journal keeps what was asked, without the values of variables and without bypass secrets. */
function redact(recorded: Recorded): void {
  (recorded as {body: unknown}).body = withoutSecrets(recorded.body);
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(key, inner)]));
}

function hidden(key: string, value: unknown): unknown {
  if (!secretFields.has(key)) return withoutSecrets(value);
  if (value === null || typeof value !== 'object') return '(redacted)';
  return Object.fromEntries(Object.keys(value).map((name) => [name, '(redacted)']));
}
