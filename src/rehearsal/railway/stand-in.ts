import {mkdir} from 'node:fs/promises';
import {type Exchange, type Fault, type Recorded, type StandIn, sendJson, startStandIn} from '../stand-in.js';
import {type Access, accessOf, notAuthorized, refuse} from './access.js';
import {branchHead, changedPaths, findCommit} from './commits.js';
import type {EdgeRules} from './edge-rules.js';
import {type Front, startFront} from './front.js';
import {type Asked, answerGraphql, operationName, type RootFields} from './graphql.js';
import {foreignDeployment, startDeployment} from './lifecycle.js';
import {inFlight, mutationFields} from './mutations.js';
import {hourlyQuota, type RailwayStandInOptions} from './options.js';
import {queryFields} from './queries.js';
import type {DeploymentRecord, RequestRecord, ServiceRecord, WorkflowRecord} from './records.js';
import type {Scripted} from './script.js';
import {acceptUpload, uploadPath} from './upload.js';
import {stagePatch} from './volumes.js';
import {
  activeDeployments,
  canRollback,
  createWorld,
  type SeededMetric,
  type StatusChange,
  serviceOf,
  variableRecords,
  type World,
} from './world.js';

export type {RailwayStandInOptions} from './options.js';
export type {Scripted} from './script.js';

/** A GraphQL refusal to be played for the next requests of one operation (root fields joined by `+`), or of any. */
export interface GraphqlFault {
  readonly operation?: string;
  readonly message: string;
  readonly code?: string | null;
  /** Default 1. */
  times?: number;
  /** Requests of the operation that pass first; default 0. */
  skip?: number;
  /** True: the effect happens, and the answer is the refusal all the same. */
  readonly afterEffect?: boolean;
}

/** One deployment as a test or a rehearsal looks at it from outside. */
export interface DeploymentState {
  readonly id: string;
  readonly serviceId: string;
  readonly status: string;
  readonly cause: string;
  readonly commit?: string;
  readonly image?: string;
  readonly createdAtMs: number;
  readonly stopped: boolean;
  readonly canRollback: boolean;
  readonly reason?: string;
  readonly pid?: number;
}

export interface ServiceState {
  readonly id: string;
  readonly name: string;
  readonly activeDeploymentIds: readonly string[];
  /** The deployment that visitors reach; undefined before the first SUCCESS. */
  readonly servingDeploymentId?: string;
  readonly servingCommit?: string;
  readonly servingImage?: string;
  readonly autoDeploy: boolean;
  readonly edgeRules: EdgeRules | null;
  readonly variableNames: readonly string[];
  /** Requests that reached the public front. */
  readonly requests: number;
}

export interface RailwayState {
  readonly services: readonly ServiceState[];
  /** In the order they were made. */
  readonly deployments: readonly DeploymentState[];
  readonly changes: readonly StatusChange[];
}

/**
 * The platform on one machine: its GraphQL API at `${url}/graphql/v2`, its upload endpoint, and deployments that are
 * real child processes behind one public front per service.
 */
export interface RailwayStandIn extends StandIn {
  /** Public front of a service, without trailing slash. Throws when it has no public domain. */
  serviceUrl(serviceId: string): string;
  /** Makes a commit (or image) live as if it had been deployed long ago; resolves once it serves. @returns its id. */
  seedLive(serviceId: string, commitOrImage: string): Promise<string>;
  state(): RailwayState;
  /** What the next deployments are made to do; used up in order. */
  readonly script: Scripted[];
  readonly graphqlFaults: GraphqlFault[];
  /** A push to the connected branch: deploys its head when auto-deploy is on. @returns the deployment's id. */
  push(serviceId: string, commit?: string): Promise<string | undefined>;
  /** Ends the wait for CI of every waiting deployment of a service. */
  finishChecks(serviceId: string, conclusion: 'success' | 'failure'): void;
  /** Somebody else deploys: a commit, or again what serves now. */
  deployForeign(serviceId: string, commit?: string): Promise<string | undefined>;
  /** Sets custom variables without a deployment. */
  setVariables(
    serviceId: string,
    values: Readonly<Record<string, string | {readonly value: string; readonly sealed: true}>>,
  ): void;
  /** Requests that the front of a service saw, oldest first. */
  requestsOf(serviceId: string): readonly RequestRecord[];
  /** Adds rows to the traffic of a service, for the metrics. */
  seedRequests(
    serviceId: string,
    rows: ReadonlyArray<Pick<RequestRecord, 'atMs' | 'status' | 'durationMs'> & Partial<RequestRecord>>,
  ): void;
  seedMetrics(series: readonly SeededMetric[]): void;
  setPlatformStatus(status: World['platform']): void;
  /** What a colleague staged and did not commit. */
  stage(patch: Readonly<Record<string, unknown>>): void;
  /** Makes the workflow that was started last fail. */
  failWorkflow(error: string): void;
  /** Moves the clock of image retention, of windows and of rate limits. */
  advance(ms: number): void;
  /** Resolves when no deployment is in flight any more. */
  settled(): Promise<void>;
  /** Child processes that live. */
  readonly processes: number;
}

export async function startRailway(options: RailwayStandInOptions): Promise<RailwayStandIn> {
  await mkdir(options.workDir, {recursive: true});
  const fronts = new Map<string, Front>();
  const world = createWorld(options, (id) => fronts.get(id)?.host);
  for (const service of options.services) {
    if (service.publicDomain ?? service.volume === undefined)
      fronts.set(service.id, await startFront(() => world, service.id));
  }
  const graphqlFaults: GraphqlFault[] = [];
  const api = await startStandIn((exchange) => answer(world, graphqlFaults, exchange), {
    port: options.port,
    operationOf: (url, body) => nameOf(url.pathname, body),
  });
  const close = async () => {
    world.closing.abort(new Error('the stand-in is closing'));
    await Promise.all([api.close(), ...[...fronts.values()].map((front) => front.close())]);
    await world.containers.close();
    await Promise.allSettled(world.running);
  };
  return Object.assign(controls(world, fronts), {
    url: api.url,
    requests: api.requests as Recorded[],
    faults: api.faults as Fault[],
    graphqlFaults,
    close,
    [Symbol.asyncDispose]: close,
  }) as RailwayStandIn;
}

function nameOf(path: string, body: Buffer): string | undefined {
  if (uploadPath.test(path)) return 'up';
  if (path !== '/graphql/v2') return undefined;
  try {
    return operationName((JSON.parse(body.toString()) as Asked).query);
  } catch {
    return undefined;
  }
}

async function answer(world: World, faults: GraphqlFault[], exchange: Exchange): Promise<void> {
  const {request, response, url, body, recorded} = exchange;
  const limits = limitHeaders(world);
  if (world.answers.queryStringRequired && url.search === '')
    return sendJson(response, 429, {error: 'error code: 1015'}, {'retry-after': '10'});
  if (world.answers.quotaEnforced && overQuota(world))
    return sendJson(response, 429, {message: 'Too many requests'}, {...limits, 'retry-after': '60'});
  const access = accessOf(world.options.tokens, request.headers);
  if (request.method === 'POST' && uploadPath.test(url.pathname)) return acceptUpload(world, access, exchange);
  if (request.method !== 'POST' || url.pathname !== '/graphql/v2')
    return sendJson(response, 404, {message: 'Not Found'});
  let asked: Asked;
  try {
    asked = JSON.parse(body.toString()) as Asked;
  } catch {
    return sendJson(response, 400, {errors: [{message: 'Body is not JSON', extensions: {code: 'BAD_REQUEST'}}]});
  }
  const fault = takeGraphqlFault(faults, recorded.operation);
  if (fault) recorded.fault = 'graphql';
  const answered = await answerGraphql(asked, {
    roots: rootFields(world, fault),
    access,
    validationStatus: world.answers.validationStatus,
    extraStatuses: extraStatuses(world),
  });
  sendJson(response, answered.status, answered.body, limits);
}

/** Counts the request. @returns true when the last hour had as many as the plan allows. */
function overQuota(world: World): boolean {
  const nowMs = world.now();
  while (world.asked[0] !== undefined && world.asked[0] <= nowMs - 3_600_000) world.asked.shift();
  if (world.asked.length >= hourlyQuota[world.plan]) return true;
  world.asked.push(nowMs);
  return false;
}

function limitHeaders(world: World): Record<string, string> {
  const quota = hourlyQuota[world.plan];
  const policy = {'ratelimit-policy': `"default";q=${quota};w=3600`};
  return world.answers.rateLimitHeaders
    ? {
        ...policy,
        'x-ratelimit-limit': String(quota),
        'x-ratelimit-remaining': String(Math.max(0, quota - world.asked.length)),
        'x-ratelimit-reset': String(Math.floor(world.now() / 1_000) + 3_600),
      }
    : policy;
}

function takeGraphqlFault(faults: GraphqlFault[], operation: string | undefined): GraphqlFault | undefined {
  const fault = faults.find(
    (candidate) => (candidate.operation ?? operation) === operation && (candidate.times ?? 1) > 0,
  );
  if (!fault) return undefined;
  if ((fault.skip ?? 0) > 0) {
    fault.skip = (fault.skip ?? 0) - 1;
    return undefined;
  }
  fault.times = (fault.times ?? 1) - 1;
  return fault;
}

/** The root fields, behind what the token may do and the fault to be played. */
function rootFields(world: World, fault: GraphqlFault | undefined): RootFields {
  const all: RootFields = {...queryFields(world), ...mutationFields(world)};
  return Object.fromEntries(Object.entries(all).map(([name, field]) => [name, guarded(world, name, field, fault)]));
}

function guarded(
  world: World,
  name: string,
  field: RootFields[string],
  fault: GraphqlFault | undefined,
): RootFields[string] {
  return async (args: never, access: Access) => {
    if (access.subject === 'project' && world.answers.projectTokenLacks.includes(name)) throw notAuthorized();
    if (fault && !fault.afterEffect) throw refuse(fault.message, fault.code);
    const value = await field(args, access);
    if (fault) throw refuse(fault.message, fault.code);
    return value;
  };
}

const publishedStatuses = new Set([
  'BUILDING',
  'CRASHED',
  'DEPLOYING',
  'FAILED',
  'INITIALIZING',
  'NEEDS_APPROVAL',
  'QUEUED',
  'REMOVED',
  'REMOVING',
  'SKIPPED',
  'SLEEPING',
  'SUCCESS',
  'WAITING',
]);

function extraStatuses(world: World): string[] {
  return world.deployments.map((deployment) => deployment.status).filter((status) => !publishedStatuses.has(status));
}

function controls(world: World, fronts: ReadonlyMap<string, Front>) {
  const service = (id: string): ServiceRecord => {
    const found = serviceOf(world, id);
    if (!found) throw new Error(`no service ${id}`);
    return found;
  };
  return {
    script: world.script,
    get processes() {
      return world.containers.count;
    },
    serviceUrl: (id: string) => {
      const front = fronts.get(id);
      if (!front) throw new Error(`service ${id} has no public domain`);
      return `http://${front.host}`;
    },
    seedLive: (id: string, what: string) => seedLive(world, service(id), what),
    state: () => stateOf(world),
    push: (id: string, commit?: string) => push(world, service(id), commit),
    finishChecks: (id: string, conclusion: 'success' | 'failure') => {
      for (const waiting of inFlight(world, service(id)))
        if (waiting.status === 'WAITING')
          waiting.release?.(conclusion === 'success' ? 'go' : {skip: 'CI check suite failed'});
    },
    deployForeign: async (id: string, commit?: string) => (await foreignDeployment(world, service(id), commit, 0))?.id,
    setVariables: (id: string, values: Parameters<typeof variableRecords>[0]) => {
      service(id).variables = {...service(id).variables, ...variableRecords(values)};
    },
    requestsOf: (id: string) => service(id).requests,
    seedRequests: (
      id: string,
      rows: ReadonlyArray<Pick<RequestRecord, 'atMs' | 'status' | 'durationMs'> & Partial<RequestRecord>>,
    ) => {
      for (const row of rows)
        service(id).requests.push({...plainRequest, id: `seeded-${service(id).requests.length}`, ...row});
    },
    seedMetrics: (series: readonly SeededMetric[]) => void world.metrics.push(...series),
    setPlatformStatus: (status: World['platform']) => {
      world.platform = status;
    },
    stage: (patch: Readonly<Record<string, unknown>>) => stagePatch(world, {...patch}, true),
    failWorkflow: (error: string) => {
      const last: WorkflowRecord | undefined = world.workflows.at(-1);
      if (last) last.error = error;
    },
    advance: (ms: number) => world.advance(ms),
    settled: () => settled(world),
  };
}

const plainRequest = {
  method: 'GET',
  path: '/',
  host: 'seeded.invalid',
  upstreamMs: 0,
  srcIp: '127.0.0.1',
  userAgent: '',
  rxBytes: 0,
  txBytes: 0,
  upstreamError: '',
  blocked: false,
};

async function seedLive(world: World, service: ServiceRecord, what: string): Promise<string> {
  const repo = service.options.repo;
  const found = repo ? await findCommit(repo.path, what) : undefined;
  if (repo && !found) throw new Error(`commit ${what} is not in ${repo.path}`);
  const source =
    found && repo
      ? ({kind: 'commit', ...found, repo: repo.fullName, branch: repo.branch} as const)
      : ({kind: 'image', image: what, digest: world.options.images?.[what]?.digest} as const);
  const deployment = startDeployment(world, {service, source, cause: 'deploy', builds: true});
  if (!deployment) throw new Error('the script made the seeded deployment vanish');
  await until(world, () => ended.has(deployment.status));
  if (deployment.status !== 'SUCCESS')
    throw new Error(
      `seeding ended ${deployment.status}: ${deployment.reason ?? ''}\n${deployment.logs.map((row) => row.message).join('\n')}`,
    );
  return deployment.id;
}

const ended = new Set(['SUCCESS', 'FAILED', 'CRASHED', 'SKIPPED', 'REMOVED', 'SLEEPING']);

async function settled(world: World): Promise<void> {
  await until(
    world,
    () =>
      world.services.every((service) => inFlight(world, service).length === 0) &&
      world.deployments.every((d) => d.listed && d.status !== 'REMOVING'),
  );
}

async function until(world: World, done: () => boolean): Promise<void> {
  while (!done()) {
    if (world.closing.signal.aborted) throw new Error('the stand-in is closing');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function push(world: World, service: ServiceRecord, commit: string | undefined): Promise<string | undefined> {
  const repo = service.options.repo;
  if (!repo || !service.autoDeploy) return undefined;
  const found = commit ? await findCommit(repo.path, commit) : await branchHead(repo.path, service.trigger.branch);
  if (!found) throw new Error(`nothing to push in ${repo.path}`);
  const skip = (await touchesWatched(service, found.commit)) ? undefined : 'No changes to watched files';
  return startDeployment(world, {
    service,
    source: {kind: 'commit', ...found, repo: repo.fullName, branch: repo.branch},
    cause: 'push',
    builds: true,
    skip,
  })?.id;
}

async function touchesWatched(service: ServiceRecord, commit: string): Promise<boolean> {
  const {watchPatterns} = service.settings;
  if (watchPatterns.length === 0 || !service.commit || !service.options.repo) return true;
  const patterns = watchPatterns.map(
    (pattern) =>
      new RegExp(
        `^/?${pattern
          .replace(/^\//, '')
          .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
          .replaceAll('**', '\0')
          .replaceAll('*', '[^/]*')
          .replaceAll('\0', '.*')}$`,
      ),
  );
  const paths = await changedPaths(service.options.repo.path, service.commit, commit);
  return paths.some((path) => patterns.some((pattern) => pattern.test(path)));
}

function stateOf(world: World): RailwayState {
  return {
    services: world.services.map((service) => serviceState(world, service)),
    deployments: world.deployments.map((d) => deploymentState(world, d)),
    changes: [...world.changes],
  };
}

function serviceState(world: World, service: ServiceRecord): ServiceState {
  const source = service.serving?.source;
  return {
    id: service.id,
    name: service.name,
    activeDeploymentIds: activeDeployments(world, service).map((d) => d.id),
    servingDeploymentId: service.serving?.id,
    servingCommit: source?.kind === 'commit' ? source.commit : undefined,
    servingImage: source?.kind === 'image' ? source.image : undefined,
    autoDeploy: service.autoDeploy,
    edgeRules: service.edge.rules,
    variableNames: Object.keys(service.variables),
    requests: service.requests.length,
  };
}

function deploymentState(world: World, d: DeploymentRecord): DeploymentState {
  return {
    id: d.id,
    serviceId: d.serviceId,
    status: d.status,
    cause: d.cause,
    commit: d.source.kind === 'commit' ? d.source.commit : undefined,
    image: d.source.kind === 'image' ? d.source.image : undefined,
    createdAtMs: d.createdAtMs,
    stopped: d.stopped,
    canRollback: canRollback(world, d),
    reason: d.reason,
    pid: d.container?.running() ? d.container.pid : undefined,
  };
}
