import {buildSchema, type DocumentNode, execute, GraphQLError, parse, validate} from 'graphql';
import {type Fault, type FaultKind, type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';

/**
 * A Railway of a few lines for the adapter's own tests: each read of a deployment moves its script one step, so that
 * tests need no time. Fields and types are those of the published schema, as far as the adapter's documents reach.
 */
const sdl = `
scalar DateTime scalar Meta scalar Variables scalar JSON
type Query {
  projectToken: ProjectToken!  apiToken: ApiToken!  me: User!
  project(id: String!): Project!
  environment(id: String!, projectId: String): Environment!
  serviceInstance(environmentId: String!, serviceId: String!): ServiceInstance!
  deployments(first: Int, input: DeploymentListInput!): Deployments!
  deployment(id: String!): Deployment!
  domains(environmentId: String!, projectId: String!, serviceId: String!): Domains!
  serviceInstanceAutoDeployStatus(environmentId: String!, projectId: String!, serviceId: String!): AutoDeploy!
  deploymentTriggers(environmentId: String!, projectId: String!, serviceId: String!): Triggers!
  deploymentEvents(id: String!, first: Int): Events!
  buildLogs(deploymentId: String!, limit: Int): [Log!]!
  deploymentLogs(deploymentId: String!, limit: Int): [Log!]!
  deploymentSnapshot(deploymentId: String!): Snapshot
  variablesForServiceDeployment(projectId: String!, environmentId: String!, serviceId: String!): Variables!
  variables(projectId: String!, environmentId: String!, serviceId: String, unrendered: Boolean): Variables!
  platformStatus: PlatformStatus!
  httpMetricsGroupedByStatus(environmentId: String!, serviceId: String!, startDate: DateTime!, endDate: DateTime!): [ByStatus!]!
  httpDurationMetrics(environmentId: String!, serviceId: String!, startDate: DateTime!, endDate: DateTime!): Durations!
}
type Mutation {
  serviceInstanceDeployV2(environmentId: String!, serviceId: String!, commitSha: String): String
  serviceInstanceUpdate(environmentId: String, serviceId: String!, input: ServiceInstanceUpdateInput!): Boolean!
  deploymentRollback(id: String!): Boolean!
  deploymentRedeploy(id: String!, usePreviousImageTag: Boolean): Deployment!
  deploymentCancel(id: String!): Boolean!
}
input DeploymentListInput { projectId: String environmentId: String serviceId: String }
input ServiceInstanceUpdateInput { source: ServiceSourceInput }
input ServiceSourceInput { image: String }
type ProjectToken { id: ID! name: String! projectId: String! environmentId: String! project: Named! environment: Named! }
type Named { name: String! }
type ApiToken { workspaces: [Workspace!]! }
type Workspace { id: String! name: String! }
type User { id: ID! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Project { id: ID! name: String! environments(first: Int): Environments! }
type Environments { edges: [EnvironmentEdge!]! }
type EnvironmentEdge { node: Environment! }
type Environment {
  id: ID! name: String! unmergedChangesCount: Int
  serviceInstances(first: Int, after: String): ServiceInstances!
  variables(first: Int, after: String): VariableRows!
  volumeInstances(first: Int): Volumes!
}
type ServiceInstances { edges: [ServiceInstanceEdge!]! pageInfo: PageInfo! }
type ServiceInstanceEdge { node: ServiceInstance! }
type VariableRows { edges: [VariableEdge!]! pageInfo: PageInfo! }
type VariableEdge { node: Variable! }
type Variable { name: String! isSealed: Boolean! serviceId: String }
type Volumes { edges: [VolumeEdge!]! }
type VolumeEdge { node: Volume! }
type Volume { id: ID! serviceId: String mountPath: String! state: String }
type Source { repo: String image: String }
type ServiceInstance {
  serviceId: String! serviceName: String source: Source healthcheckPath: String numReplicas: Int activeDeployments: [Deployment!]!
  builder: String buildCommand: String dockerfilePath: String rootDirectory: String railwayConfigFile: String
  watchPatterns: [String!] startCommand: String preDeployCommand: JSON cronSchedule: String healthcheckTimeout: Int
  overlapSeconds: Int drainingSeconds: Int region: String restartPolicyType: String restartPolicyMaxRetries: Int sleepApplication: Boolean
}
type Deployments { edges: [DeploymentEdge!]! }
type DeploymentEdge { node: Deployment! }
type Instance { id: String! status: String! }
type Deployment {
  id: ID status: String statusUpdatedAt: DateTime createdAt: DateTime! canRollback: Boolean! canRedeploy: Boolean!
  deploymentStopped: Boolean! staticUrl: String meta: Meta instances: [Instance!]!
}
type Domain { domain: String! targetPort: Int }
type Domains { serviceDomains: [Domain!]! customDomains: [Domain!]! }
type AutoDeploy { enabled: Boolean! canEnable: Boolean! reason: String }
type Triggers { edges: [TriggerEdge!]! }
type TriggerEdge { node: Trigger! }
type Trigger { branch: String! checkSuites: Boolean! repository: String! }
type Events { edges: [EventEdge!]! }
type EventEdge { node: Event! }
type Event { step: String! createdAt: DateTime! completedAt: DateTime payload: Payload }
type Payload { error: String detail: String reason: String attempt: Int maxAttempts: Int }
type Log { timestamp: String! message: String! severity: String }
type Snapshot { variables: Variables! }
type Incident { message: String! }
type PlatformStatus { isStable: Boolean! incident: Incident }
type Sample { ts: Int! value: Float! }
type ByStatus { statusCode: Int! samples: [Sample!]! }
type DurationSample { ts: Int! p50: Float! p90: Float! p95: Float! p99: Float! }
type Durations { samples: [DurationSample!]! }
`;

const schema = buildSchema(sdl);

export interface Row {
  id: string;
  status: string;
  createdAt: number;
  meta: Record<string, unknown> | null;
  canRollback: boolean;
  canRedeploy: boolean;
  stopped: boolean;
  instances: string[];
  /** States still to come, one for each read of this deployment. `GONE` makes Railway forget it. */
  script: string[];
}

export const sha = (digit: string) => digit.repeat(40).slice(0, 40);
export const shaA = sha('a');
export const shaB = sha('b');
export const projectKey = 'project-key-1';
export const workspaceKey = 'workspace-key-1';
export const accountKey = 'account-key-1';

const buildScript = ['INITIALIZING', 'BUILDING', 'DEPLOYING', 'SUCCESS'];
const imageScript = ['INITIALIZING', 'DEPLOYING', 'SUCCESS'];

export class World {
  repo: string | null = 'acme/shop';
  image: string | null = null;
  healthcheckPath: string | null = '/healthz';
  numReplicas: number | null = 1;
  autoDeploy = false;
  checkSuites = false;
  commits = new Set([shaA, shaB]);
  rows: Row[] = [];
  active: string[] = [];
  /** The script of the next deployment; default: it goes well. */
  nextScript: string[] | undefined;
  /** Changes a deployment as it is made. */
  onMade: (row: Row) => void = () => undefined;
  /** What a mutation answers instead of the truth; `undefined` lets it work. */
  answers: Partial<
    Record<'serviceInstanceDeployV2' | 'deploymentRollback' | 'serviceInstanceUpdate' | 'deploymentCancel', unknown>
  > = {};
  /** Lists that pass before a rollback's deployment shows. */
  rollbackDelay = 1;
  cancelLeaves = 'REMOVED';
  refusedRoots = new Set<string>();
  variables: Record<string, string | null> = {
    DATABASE_URL: 'postgres://app:s3cret-db@db.railway.internal/app',
    EMPTY: '',
  };
  snapshots: Record<string, Record<string, string>> = {};
  variableRows: Array<{name: string; isSealed: boolean; serviceId: string | null}> = [
    {name: 'DATABASE_URL', isSealed: false, serviceId: 'svc_1'},
    {name: 'EMPTY', isSealed: false, serviceId: 'svc_1'},
    {name: 'SEALED', isSealed: true, serviceId: 'svc_1'},
  ];
  volumes: Array<{id: string; serviceId: string; mountPath: string; state: string}> = [];
  unmergedChangesCount = 0;
  events: Array<Record<string, unknown>> = [];
  buildLog: string[] = [];
  deploymentLog: string[] = [];
  byStatus: Record<number, number[]> = {};
  durations: Array<Record<string, number>> = [];
  incident: string | undefined;
  services = [{serviceId: 'svc_1', serviceName: 'backend'}];
  environments = [{id: 'env_1', name: 'production'}];
  headers: Record<string, string> = {'ratelimit-policy': '"default";q=1000;w=3600'};
  mutations: string[] = [];
  uploads: Array<{
    query: Record<string, string[]>;
    type: string | undefined;
    length: string | undefined;
    bytes: Buffer;
  }> = [];
  uploadAnswers: Array<{status: number; body: string}> = [];
  private hidden: Array<{lists: number; row: Row}> = [];
  private clockMs = Date.UTC(2026, 0, 1);
  private counter = 0;

  /** A deployment that was there before. */
  seed(row: Partial<Row> & {commit?: string; image?: string; active?: boolean}): Row {
    const full: Row = {
      id: row.id ?? `dep_${++this.counter}`,
      status: row.status ?? 'SUCCESS',
      createdAt: row.createdAt ?? this.tick(),
      meta: row.meta ?? {...(row.commit && {commitHash: row.commit}), ...(row.image && {image: row.image})},
      canRollback: row.canRollback ?? true,
      canRedeploy: row.canRedeploy ?? true,
      stopped: row.stopped ?? false,
      instances: row.instances ?? ['RUNNING'],
      script: row.script ?? [],
    };
    this.rows.unshift(full);
    if (row.active) this.active = [full.id];
    return full;
  }

  get(id: string): Row | undefined {
    return this.rows.find((row) => row.id === id);
  }

  activate(row: Row): void {
    for (const other of this.rows) if (this.active.includes(other.id) && other.id !== row.id) other.status = 'REMOVED';
    this.active = [row.id];
  }

  make(meta: Record<string, unknown> | null, script: string[], hiddenLists = 0): Row {
    const row: Row = {
      id: `dep_${++this.counter}`,
      status: 'INITIALIZING',
      createdAt: this.tick(),
      meta,
      canRollback: false,
      canRedeploy: true,
      stopped: true,
      instances: [],
      script: [...(this.nextScript ?? script)],
    };
    this.nextScript = undefined;
    this.onMade(row);
    if (hiddenLists > 0) this.hidden.push({lists: hiddenLists, row});
    else this.rows.unshift(row);
    return row;
  }

  readonly root = {
    projectToken: (_: unknown, context: Context) => {
      if (context.kind !== 'project')
        throw new GraphQLError(context.kind === 'none' && context.bearer ? 'Not Authorized' : 'Not Authorized');
      return {
        id: 'tok_1',
        name: 'deploy',
        projectId: 'prj_1',
        environmentId: 'env_1',
        project: {name: 'shop'},
        environment: {name: 'production'},
      };
    },
    apiToken: (_: unknown, context: Context) => {
      if (context.bearer === projectKey) throw new GraphQLError('Project Token not found');
      if (context.kind !== 'workspace' && context.kind !== 'account') throw new GraphQLError('Not Authorized');
      return {workspaces: [{id: 'wsp_1', name: 'acme'}]};
    },
    me: (_: unknown, context: Context) => {
      if (context.kind !== 'account') throw new GraphQLError('Not Authorized');
      return {id: 'usr_1'};
    },
    project: ({id}: {id: string}, context: Context) => {
      this.demand(context, context.kind !== 'project' && id === 'prj_1');
      return {id, name: 'shop', environments: edges(this.environments)};
    },
    environment: ({id}: {id: string}, context: Context) => {
      this.demand(
        context,
        this.environments.some((one) => one.id === id),
      );
      const page = {pageInfo: {hasNextPage: false, endCursor: null}};
      return {
        ...this.environments.find((one) => one.id === id)!,
        unmergedChangesCount: this.unmergedChangesCount,
        serviceInstances: {...edges(this.services), ...page},
        variables: {...edges(this.variableRows), ...page},
        volumeInstances: edges(this.volumes),
      };
    },
    serviceInstance: (arguments_: {environmentId: string; serviceId: string}, context: Context) => {
      this.demand(
        context,
        this.services.some((one) => one.serviceId === arguments_.serviceId) && arguments_.environmentId === 'env_1',
      );
      return {
        serviceId: arguments_.serviceId,
        serviceName: 'backend',
        source: {repo: this.repo, image: this.image},
        healthcheckPath: this.healthcheckPath,
        numReplicas: this.numReplicas,
        startCommand: 'node server.js',
        restartPolicyType: 'ON_FAILURE',
        restartPolicyMaxRetries: 10,
        activeDeployments: this.active.map((id) => wire(this.get(id)!)),
      };
    },
    deployments: ({first}: {first?: number}, context: Context) => {
      this.demand(context, true);
      for (const one of this.hidden) one.lists--;
      for (const one of this.hidden.filter((each) => each.lists < 0)) this.rows.unshift(one.row);
      this.hidden = this.hidden.filter((one) => one.lists >= 0);
      return edges(this.rows.slice(0, first ?? 20).map(wire));
    },
    deployment: ({id}: {id: string}, context: Context) => {
      this.demand(context, true);
      const row = this.get(id);
      if (!row) throw new GraphQLError('Deployment not found');
      this.step(row);
      if (!this.get(id)) throw new GraphQLError('Deployment not found');
      return wire(row);
    },
    domains: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('domains'));
      return {
        serviceDomains: [{domain: 'backend-x1y2.up.railway.app', targetPort: 8080}],
        customDomains: [{domain: 'api.shop.example'}],
      };
    },
    serviceInstanceAutoDeployStatus: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('serviceInstanceAutoDeployStatus'));
      return {enabled: this.autoDeploy, canEnable: true};
    },
    deploymentTriggers: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('deploymentTriggers'));
      return edges(
        this.autoDeploy ? [{branch: 'main', checkSuites: this.checkSuites, repository: this.repo ?? ''}] : [],
      );
    },
    deploymentEvents: () => edges(this.events),
    buildLogs: ({limit}: {limit: number}) => tail(this.buildLog, limit),
    deploymentLogs: ({limit}: {limit: number}) => tail(this.deploymentLog, limit),
    deploymentSnapshot: ({deploymentId}: {deploymentId: string}, context: Context) => {
      this.demand(context, !this.refusedRoots.has('deploymentSnapshot'));
      return this.snapshots[deploymentId] ? {variables: this.snapshots[deploymentId]} : null;
    },
    variablesForServiceDeployment: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('variablesForServiceDeployment'));
      return {...this.variables, RAILWAY_ENVIRONMENT_NAME: 'production'};
    },
    variables: ({serviceId}: {serviceId?: string}) =>
      serviceId
        ? {DATABASE_URL: '${{Postgres.DATABASE_URL}}', API_KEY: 'own-secret-value'}
        : {SHARED: 'shared-secret-value'},
    platformStatus: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('platformStatus'));
      return {isStable: !this.incident, incident: this.incident ? {message: this.incident} : null};
    },
    httpMetricsGroupedByStatus: (_: unknown, context: Context) => {
      this.demand(context, !this.refusedRoots.has('httpMetricsGroupedByStatus'));
      return Object.entries(this.byStatus).map(([statusCode, values]) => ({
        statusCode: Number(statusCode),
        samples: values.map((value, ts) => ({ts, value})),
      }));
    },
    httpDurationMetrics: () => ({samples: this.durations}),

    serviceInstanceDeployV2: ({commitSha}: {commitSha?: string}, context: Context) => {
      this.demand(context, true);
      this.mutations.push('serviceInstanceDeployV2');
      if (commitSha && !this.commits.has(commitSha)) throw new GraphQLError('Commit not found');
      const meta = this.image ? {image: this.image} : {commitHash: commitSha ?? shaA, repo: this.repo};
      const row = this.make(meta, this.image ? imageScript : buildScript);
      return 'serviceInstanceDeployV2' in this.answers ? this.answers.serviceInstanceDeployV2 : row.id;
    },
    serviceInstanceUpdate: ({input}: {input: {source?: {image?: string}}}, context: Context) => {
      this.demand(context, true);
      this.mutations.push('serviceInstanceUpdate');
      if ('serviceInstanceUpdate' in this.answers) return this.answers.serviceInstanceUpdate;
      this.image = input.source?.image ?? this.image;
      return true;
    },
    deploymentRollback: ({id}: {id: string}, context: Context) => {
      this.demand(context, true);
      this.mutations.push('deploymentRollback');
      const target = this.get(id);
      if (!target?.canRollback) throw new GraphQLError('This deployment has no image any more');
      if ('deploymentRollback' in this.answers) return this.answers.deploymentRollback;
      this.make(target.meta, imageScript, this.rollbackDelay);
      return true;
    },
    deploymentRedeploy: ({id, usePreviousImageTag}: {id: string; usePreviousImageTag?: boolean}, context: Context) => {
      this.demand(context, true);
      if (usePreviousImageTag && !this.get(id)!.canRollback)
        throw new GraphQLError('Deployment image is no longer available', {extensions: {code: 'BAD_USER_INPUT'}});
      this.mutations.push('deploymentRedeploy');
      return wire(this.make(this.get(id)!.meta, buildScript));
    },
    deploymentCancel: ({id}: {id: string}, context: Context) => {
      this.demand(context, true);
      this.mutations.push('deploymentCancel');
      if ('deploymentCancel' in this.answers) return this.answers.deploymentCancel;
      const row = this.get(id)!;
      row.status = this.cancelLeaves;
      row.script = [];
      return true;
    },
  };

  private demand(context: Context, allowed: boolean): void {
    if (context.kind === 'none' || !allowed) throw new GraphQLError('Not Authorized');
  }

  private step(row: Row): void {
    const next = row.script.shift();
    if (!next) return;
    if (next === 'GONE') {
      this.rows = this.rows.filter((one) => one !== row);
      return;
    }
    row.status = next;
    if (next !== 'SUCCESS' && next !== 'SLEEPING') return;
    row.stopped = false;
    row.instances = next === 'SLEEPING' ? ['EXITED'] : ['RUNNING'];
    row.canRollback = true;
    this.activate(row);
  }

  tick(): number {
    this.clockMs += 60_000;
    return this.clockMs;
  }
}

interface Context {
  readonly kind: 'none' | 'project' | 'workspace' | 'account';
  readonly bearer?: string;
}

function wire(row: Row) {
  return {
    id: row.id,
    status: row.status,
    statusUpdatedAt: new Date(row.createdAt).toISOString(),
    createdAt: new Date(row.createdAt).toISOString(),
    canRollback: row.canRollback,
    canRedeploy: row.canRedeploy,
    deploymentStopped: row.stopped,
    meta: row.meta,
    instances: row.instances.map((status, index) => ({id: `${row.id}-${index}`, status})),
  };
}

function edges<T>(nodes: readonly T[]) {
  return {edges: nodes.map((node) => ({node}))};
}

// Railway sends up to one row more than asked for.
function tail(lines: readonly string[], limit: number) {
  return lines.slice(-(limit + 1)).map((message, index) => ({
    timestamp: `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
    message,
    severity: 'info',
  }));
}

function contextOf(headers: NodeJS.Dict<string | string[]>): Context {
  const project = headers['project-access-token'];
  const bearer = String(headers.authorization ?? '').replace(/^Bearer /, '');
  if (project === projectKey) return {kind: 'project'};
  if (bearer === workspaceKey) return {kind: 'workspace', bearer};
  if (bearer === accountKey) return {kind: 'account', bearer};
  return {kind: 'none', ...(bearer && {bearer})};
}

const documents = new Map<string, DocumentNode>();

function parsed(query: string): DocumentNode {
  const known = documents.get(query);
  if (known) return known;
  const document = parse(query);
  const [problem] = validate(schema, document);
  if (problem) throw problem;
  documents.set(query, document);
  return document;
}

export interface RunningWorld extends AsyncDisposable {
  readonly world: World;
  readonly server: StandIn;
  readonly url: string;
  /** Names of the operations so far, in order. */
  operations(): string[];
}

export async function startWorld(change: (world: World) => void = () => undefined): Promise<RunningWorld> {
  const world = new World();
  change(world);
  const server = await startStandIn(
    async ({request, response, url, body, recorded}) => {
      if (url.pathname.endsWith('/up')) {
        world.mutations.push('up');
        const canned = world.uploadAnswers.shift();
        if (canned) return sendText(response, canned.status, canned.body);
        world.uploads.push({
          query: recorded.query as Record<string, string[]>,
          type: request.headers['content-type'],
          length: request.headers['content-length'],
          bytes: body,
        });
        const row = world.make({cliMessage: url.searchParams.get('message')}, buildScript);
        return sendJson(response, 200, {
          deploymentId: row.id,
          url: 'https://railway.com/x',
          logsUrl: 'https://railway.com/y',
          deploymentDomain: 'backend-x1y2.up.railway.app',
        });
      }
      const {query, variables, operationName} = JSON.parse(body.toString()) as {
        query: string;
        variables: Record<string, unknown>;
        operationName: string;
      };
      const result = await execute({
        schema,
        document: parsed(query),
        rootValue: world.root,
        variableValues: variables,
        operationName,
        contextValue: contextOf(request.headers),
      });
      const errors = result.errors?.map((error, index) => ({
        ...error.toJSON(),
        extensions: {code: 'INTERNAL_SERVER_ERROR', ...error.extensions},
        traceId: `trace-${index}`,
      }));
      sendJson(response, 200, {data: result.data ?? null, ...(errors && {errors})}, world.headers);
    },
    {operationOf: (url) => (url.pathname.endsWith('/up') ? 'up' : (url.searchParams.get('op') ?? undefined))},
  );
  return {
    world,
    server,
    url: server.url,
    operations: () => server.requests.map((request) => request.operation ?? '?'),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function sendText(response: import('node:http').ServerResponse, status: number, body: string): void {
  response.writeHead(status, {'content-type': body.startsWith('{') ? 'application/json' : 'text/plain'});
  response.end(body);
}

export function graphqlError(
  message: string,
  code = 'INTERNAL_SERVER_ERROR',
  extra: Record<string, unknown> = {},
): FaultKind {
  return {
    kind: 'status',
    status: 200,
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({data: null, errors: [{message, extensions: {code}, traceId: 'trace-9', ...extra}]}),
  };
}

export function fault(route: string, kind: FaultKind, options: {times?: number; skip?: number} = {}): Fault {
  return {route, fault: kind, ...options};
}
