import {messageOf} from '../../kernel/errors.js';

/** The deployment that GitHub itself makes for a job with an `environment`, with statuses that follow the job. */
export interface DeploymentRecord {
  finish(state: 'success' | 'failure' | 'inactive', url: string): Promise<void>;
}

export interface DeploymentTarget {
  readonly apiUrl: string;
  readonly token: string;
  readonly repository: string;
  readonly ref: string;
  readonly environment: string;
  readonly logUrl: string;
  /** Told when the service cannot be reached; the job goes on. */
  readonly onProblem: (message: string) => void;
}

export async function openDeploymentRecord(target: DeploymentTarget): Promise<DeploymentRecord> {
  const {environment} = target;
  const created = await post(target, '/deployments', {
    ref: target.ref,
    task: 'deploy',
    environment,
    auto_merge: false,
    required_contexts: [],
    payload: '',
    production_environment: environment === 'production',
  });
  const id = typeof created === 'object' && created !== null && 'id' in created ? Number(created.id) : undefined;
  const status = async (state: string, url: string) => {
    if (id === undefined) return;
    await post(target, `/deployments/${id}/statuses`, {
      state,
      log_url: target.logUrl,
      environment_url: url,
      environment,
    });
  };
  await status('in_progress', '');
  return {finish: (state, url) => status(state, url)};
}

async function post(target: DeploymentTarget, path: string, body: object): Promise<unknown> {
  try {
    const response = await fetch(`${target.apiUrl}/repos/${target.repository}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${target.token}`,
        'content-type': 'application/json',
        accept: 'application/vnd.github+json',
        'x-rehearsal-service': 'environments',
      },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) target.onProblem(`deployment record: POST ${path} answered ${response.status}`);
    return answer;
  } catch (error) {
    target.onProblem(`deployment record: POST ${path} failed (${messageOf(error)})`);
    return undefined;
  }
}
