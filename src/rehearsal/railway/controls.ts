import {branchHead, changedPaths, findCommit} from './commits.js';
import {foreignDeployment, startDeployment} from './lifecycle.js';
import type {BucketCredentials} from './options.js';
import {createProject, deleteProject, type NewProject, verifyDomain} from './project.js';
import type {RequestRecord, ServiceRecord, WorkflowRecord} from './records.js';
import type {Scripted} from './script.js';
import {type RailwayState, stateOf} from './state.js';
import {inFlight} from './status.js';
import {stagePatch} from './volumes.js';
import {repositoryOf, type SeededMetric, serviceOf, variableRecords, type World} from './world.js';

/** The control channel beside the API: what tests and rehearsals seed, script and ask. */

export interface RailwayControls {
  /** Public front of a service, without trailing slash. Throws when it has no public domain. */
  serviceUrl(serviceId: string): string;
  /** Makes a commit (or image) live as if it had been deployed long ago; resolves once it serves. @returns its id. */
  seedLive(serviceId: string, commitOrImage: string): Promise<string>;
  state(): RailwayState;
  /** What the next deployments are made to do; used up in order. */
  readonly script: Scripted[];
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
  /** Gives a bucket the credentials that `bucketS3Credentials` answers from now on. */
  provisionBucket(bucketId: string, credentials: BucketCredentials): void;
  /** Makes the workflow that was started last fail. */
  failWorkflow(error: string): void;
  /** The project is gone with all it held: processes, fronts, database servers and their data; its tokens are refused. */
  deleteProject(): Promise<void>;
  /** An empty project at the same address, in place of the deleted one. */
  createProject(project: NewProject): void;
  /** The DNS records of a custom domain were set and seen. Afterwards `serviceUrl` knows its service. */
  verifyDomain(domain: string): Promise<void>;
  /** Moves the clock of image retention, of windows and of rate limits. */
  advance(ms: number): void;
  /** Resolves when no deployment is in flight any more. */
  settled(): Promise<void>;
  /** Child processes that live. */
  readonly processes: number;
}

export function controls(world: World): RailwayControls {
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
    serviceUrl: (id) => {
      const host = world.fronts.hostOf(id);
      if (!host) throw new Error(`service ${id} has no public domain`);
      return `http://${host}`;
    },
    seedLive: (id, what) => seedLive(world, service(id), what),
    state: () => stateOf(world),
    push: (id, commit) => push(world, service(id), commit),
    finishChecks: (id, conclusion) => {
      for (const waiting of inFlight(world, service(id)))
        if (waiting.status === 'WAITING')
          waiting.release?.(conclusion === 'success' ? 'go' : {skip: 'CI check suite failed'});
    },
    deployForeign: async (id, commit) => (await foreignDeployment(world, service(id), commit, 0))?.id,
    setVariables: (id, values) => {
      service(id).variables = {...service(id).variables, ...variableRecords(values)};
    },
    requestsOf: (id) => service(id).requests,
    seedRequests: (id, rows) => {
      for (const row of rows)
        service(id).requests.push({...plainRequest, id: `seeded-${service(id).requests.length}`, ...row});
    },
    seedMetrics: (series) => void world.metrics.push(...series),
    setPlatformStatus: (status) => {
      world.platform = status;
    },
    stage: (patch) => stagePatch(world, {...patch}, true),
    provisionBucket: (id, credentials) => void world.buckets.set(id, credentials),
    failWorkflow: (error) => {
      const last: WorkflowRecord | undefined = world.workflows.at(-1);
      if (last) last.error = error;
    },
    deleteProject: () => deleteProject(world),
    createProject: (project) => createProject(world, project),
    verifyDomain: (domain) => verifyDomain(world, domain),
    advance: (ms) => world.advance(ms),
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
  const repo = repositoryOf(world, service);
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

export const ended = new Set(['SUCCESS', 'FAILED', 'CRASHED', 'SKIPPED', 'REMOVED', 'SLEEPING']);

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

export async function push(
  world: World,
  service: ServiceRecord,
  commit: string | undefined,
): Promise<string | undefined> {
  const repo = repositoryOf(world, service);
  if (!repo || !service.autoDeploy) return undefined;
  const found = commit ? await findCommit(repo.path, commit) : await branchHead(repo.path, service.trigger.branch);
  if (!found) throw new Error(`nothing to push in ${repo.path}`);
  const skip = (await touchesWatched(service, repo.path, found.commit)) ? undefined : 'No changes to watched files';
  return startDeployment(world, {
    service,
    source: {kind: 'commit', ...found, repo: repo.fullName, branch: repo.branch},
    cause: 'push',
    builds: true,
    skip,
  })?.id;
}

async function touchesWatched(service: ServiceRecord, repository: string, commit: string): Promise<boolean> {
  const {watchPatterns} = service.settings;
  if (watchPatterns.length === 0 || !service.commit) return true;
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
  const paths = await changedPaths(repository, service.commit, commit);
  return paths.some((path) => patterns.some((pattern) => pattern.test(path)));
}
