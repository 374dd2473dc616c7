import {
  type Answer,
  type Call,
  flagField,
  GitHubError,
  invalidField,
  invalidRequest,
  isoSeconds,
  notFound,
  pageAnswer,
  textField,
  textsField,
} from './answer.js';

export interface StoredDeployment {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly task: string;
  readonly environment: string;
  readonly description: string | null;
  readonly payload: unknown;
  readonly production: boolean;
  readonly transient: boolean;
  readonly createdAtMs: number;
  /** Oldest first. */
  readonly statuses: StoredStatus[];
}

export interface StoredStatus {
  readonly id: number;
  readonly state: string;
  readonly description: string;
  readonly environment: string;
  readonly logUrl: string;
  readonly environmentUrl: string;
  readonly createdAtMs: number;
}

/** What the repository knows about commits, as far as deployments ask. */
export interface Refs {
  /** Branches and tags; `behind` counts commits of the default branch that it lacks. */
  readonly branches: Readonly<Record<string, {readonly sha: string; readonly behind?: number}>>;
  /** Known commits; undefined: every full SHA exists. */
  readonly commits?: readonly string[];
  /** States of a commit's checks by context. */
  readonly checks?: Readonly<Record<string, Readonly<Record<string, 'success' | 'pending' | 'failure'>>>>;
  readonly defaultBranch: string;
}

const states = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success'];

/** The Deployments API of one repository. */
export class Deployments {
  /** Oldest first. */
  readonly all: StoredDeployment[] = [];
  #nextId = 1_700_000_001;

  constructor(
    private readonly refs: Refs,
    private readonly now: () => number,
  ) {}

  create(call: Call): Answer {
    const ref = textField(call, 'ref', true);
    const environment = textField(call, 'environment') ?? 'production';
    const wanted = textsField(call, 'required_contexts');
    const autoMerge = flagField(call, 'auto_merge', true);
    const production = flagField(call, 'production_environment', environment === 'production');
    const transient = flagField(call, 'transient_environment', false);
    const sha = this.#resolve(ref);
    const branch = this.refs.branches[ref];
    // What surprises everyone once: by default this endpoint merges instead of deploying.
    if (autoMerge && (branch?.behind ?? 0) > 0)
      return {status: 202, body: {message: `Auto-merged ${this.refs.defaultBranch} into ${ref} on deployment.`}};
    this.#checkContexts(ref, sha, wanted);
    const deployment: StoredDeployment = {
      id: this.#nextId++,
      sha,
      ref,
      task: textField(call, 'task') ?? 'deploy',
      environment,
      description: textField(call, 'description') ?? null,
      payload: payloadOf(call.body.payload),
      production,
      transient,
      createdAtMs: this.now(),
      statuses: [],
    };
    this.all.push(deployment);
    return {status: 201, body: render(call, deployment)};
  }

  list(call: Call): Answer {
    const asked = ['sha', 'ref', 'task', 'environment'] as const;
    const found = this.all.filter((deployment) =>
      asked.every((name) => {
        const value = call.query.get(name);
        return value === null || value === 'none' || deployment[name] === value;
      }),
    );
    return pageAnswer(
      call,
      '/deployments',
      found.reverse().map((deployment) => render(call, deployment)),
    );
  }

  get(call: Call): Answer {
    return {status: 200, body: render(call, this.#find(call))};
  }

  delete(call: Call): Answer {
    const deployment = this.#find(call);
    const alone = this.all.filter((other) => other.environment === deployment.environment).length === 1;
    if (!alone && deployment.statuses.at(-1)?.state !== 'inactive') {
      throw new GitHubError(
        422,
        'We cannot delete an active deployment unless it is the only deployment in a given environment.',
      );
    }
    this.all.splice(this.all.indexOf(deployment), 1);
    return {status: 204};
  }

  listStatuses(call: Call): Answer {
    const deployment = this.#find(call);
    return pageAnswer(
      call,
      `/deployments/${deployment.id}/statuses`,
      [...deployment.statuses].reverse().map((status) => renderStatus(call, deployment, status)),
    );
  }

  createStatus(call: Call): Answer {
    const deployment = this.#find(call);
    const state = textField(call, 'state', true);
    if (!states.includes(state))
      throw invalidRequest(`For 'properties/state', ${state} is not one of: ${states.join(', ')}.`);
    const description = textField(call, 'description') ?? '';
    if (description.length > 140)
      throw invalidField(
        'DeploymentStatus',
        'description',
        'custom',
        'description is too long (maximum is 140 characters)',
      );
    const status = this.#addStatus(deployment, state, {
      description,
      environment: textField(call, 'environment') ?? deployment.environment,
      logUrl: textField(call, 'log_url') ?? textField(call, 'target_url') ?? '',
      environmentUrl: textField(call, 'environment_url') ?? '',
    });
    if (flagField(call, 'auto_inactive', true) && state === 'success') this.#retire(deployment);
    return {status: 201, body: renderStatus(call, deployment, status)};
  }

  #addStatus(
    deployment: StoredDeployment,
    state: string,
    rest: Omit<StoredStatus, 'id' | 'state' | 'createdAtMs'>,
  ): StoredStatus {
    const status: StoredStatus = {id: this.#nextId++, state, ...rest, createdAtMs: this.now()};
    deployment.statuses.push(status);
    return status;
  }

  /** Earlier successes of the environment become inactive, but never in production: GitHub leaves those alone. */
  #retire(newest: StoredDeployment): void {
    for (const earlier of this.all) {
      if (earlier === newest || earlier.environment !== newest.environment || earlier.transient || earlier.production)
        continue;
      if (earlier.statuses.at(-1)?.state === 'success') {
        this.#addStatus(earlier, 'inactive', {
          description: '',
          environment: earlier.environment,
          logUrl: '',
          environmentUrl: '',
        });
      }
    }
  }

  #find(call: Call): StoredDeployment {
    const found = this.all.find((deployment) => String(deployment.id) === call.params.deployment_id);
    if (!found) throw notFound();
    return found;
  }

  #resolve(ref: string): string {
    const branch = this.refs.branches[ref];
    if (branch) return branch.sha;
    const isCommit = /^[0-9a-f]{40}$/.test(ref) && (this.refs.commits?.includes(ref) ?? true);
    if (!isCommit) throw new GitHubError(422, `No ref found for: ${ref}`);
    return ref;
  }

  #checkContexts(ref: string, sha: string, wanted: readonly string[] | undefined): void {
    const checks = this.refs.checks?.[sha] ?? {};
    const contexts = wanted ?? Object.keys(checks);
    const bad = contexts.filter((context) => checks[context] !== 'success');
    if (bad.length === 0) return;
    throw new GitHubError(409, `Conflict: Commit status checks failed for ${ref}`, [
      {
        contexts: contexts.map((context) => ({context, state: checks[context] ?? 'missing'})),
        resource: 'Deployment',
        field: 'required_contexts',
        code: 'invalid',
      },
    ]);
  }
}

function payloadOf(payload: unknown): unknown {
  if (payload === undefined || payload === null || payload === '') return {};
  if (typeof payload !== 'string' && typeof payload !== 'object')
    throw invalidRequest(`For 'properties/payload', ${JSON.stringify(payload)} is not an object or string.`);
  return payload;
}

const creator = {login: 'github-actions[bot]', id: 41_898_282, type: 'Bot'};

function render(call: Call, deployment: StoredDeployment): object {
  const url = `${call.repositoryUrl}/deployments/${deployment.id}`;
  return {
    url,
    id: deployment.id,
    node_id: Buffer.from(`Deployment${deployment.id}`).toString('base64'),
    task: deployment.task,
    original_environment: deployment.environment,
    environment: deployment.environment,
    description: deployment.description,
    created_at: isoSeconds(deployment.createdAtMs),
    updated_at: isoSeconds(deployment.statuses.at(-1)?.createdAtMs ?? deployment.createdAtMs),
    statuses_url: `${url}/statuses`,
    repository_url: call.repositoryUrl,
    creator,
    sha: deployment.sha,
    ref: deployment.ref,
    payload: deployment.payload,
    transient_environment: deployment.transient,
    production_environment: deployment.production,
    performed_via_github_app: null,
  };
}

function renderStatus(call: Call, deployment: StoredDeployment, status: StoredStatus): object {
  const url = `${call.repositoryUrl}/deployments/${deployment.id}`;
  return {
    url: `${url}/statuses/${status.id}`,
    id: status.id,
    state: status.state,
    creator,
    description: status.description,
    environment: status.environment,
    target_url: status.logUrl,
    log_url: status.logUrl,
    environment_url: status.environmentUrl,
    created_at: isoSeconds(status.createdAtMs),
    updated_at: isoSeconds(status.createdAtMs),
    deployment_url: url,
    repository_url: call.repositoryUrl,
    performed_via_github_app: null,
  };
}
