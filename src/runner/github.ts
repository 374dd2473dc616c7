import {Failure, messageOf} from '../kernel/errors.js';

/** The few calls the suite makes to GitHub, as a port: `route` is such as `GET /repos/{owner}/{repo}/deployments`. */
export type GitHubRequest = (
  route: string,
  parameters?: Record<string, unknown>,
) => Promise<{status: number; data: any; headers: Record<string, string | number | undefined>}>;

export interface GitHubAccess {
  readonly owner: string;
  readonly repo: string;
  readonly request: GitHubRequest;
}

/**
 * Opens GitHub's REST API with the given token; loaded on first use, since it costs every start 20 ms.
 * @throws Failure GITHUB_REPOSITORY when the environment names no repository.
 */
export async function openGitHub(
  token: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<GitHubAccess> {
  const [owner, repo] = (env['GITHUB_REPOSITORY'] ?? '').split('/');
  if (!owner || !repo) {
    throw new Failure('GITHUB_REPOSITORY', 'GITHUB_REPOSITORY is not set to owner/name', {
      remedy: 'Run inside GitHub Actions, or set GITHUB_REPOSITORY.',
    });
  }
  const {request} = await import('@octokit/request');
  const send = request.defaults({
    baseUrl: env['GITHUB_API_URL'] ?? 'https://api.github.com',
    headers: {authorization: `token ${token}`, 'x-github-api-version': '2022-11-28'},
  });
  return {
    owner,
    repo,
    request: async (route, parameters = {}) => {
      try {
        const answer = await send(route, {owner, repo, ...parameters});
        return {status: answer.status, data: answer.data, headers: answer.headers};
      } catch (error) {
        throw githubFailure(route, error);
      }
    },
  };
}

function githubFailure(route: string, error: unknown): Failure {
  const status = (error as {status?: number}).status ?? 0;
  const headers = (error as {response?: {headers?: Record<string, string>}}).response?.headers ?? {};
  const limited =
    status === 429 ||
    (status === 403 && (headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0'));
  const retryAfterS = Number(
    headers['retry-after'] ??
      (limited && headers['x-ratelimit-reset']
        ? Math.max(1, Number(headers['x-ratelimit-reset']) - Date.now() / 1000)
        : Number.NaN),
  );
  const remedy = limited
    ? 'Wait until the limit resets; the run repeats the call by itself within its deadline.'
    : status === 401
      ? "Pass a valid `github-token`; the default is the job's own token."
      : status === 403 || status === 404
        ? "Give the job the permission the action's page names (for the ledger: `deployments: write`)."
        : 'Look at githubstatus.com, then run again.';
  return new Failure(
    status === 401 || (status === 403 && !limited)
      ? 'GITHUB_AUTH'
      : status === 404
        ? 'GITHUB_NOT_FOUND'
        : limited
          ? 'GITHUB_RATE_LIMIT'
          : 'GITHUB',
    `GitHub refused ${route} (${status || 'no answer'}): ${messageOf(error)}`,
    {
      remedy,
      // A request without an answer may have been applied: only reads and callers that look first repeat it.
      retryable: limited || ((status >= 500 || status === 0) && route.startsWith('GET ')),
      ...(Number.isFinite(retryAfterS) ? {retryAfterMs: retryAfterS * 1000} : {}),
      cause: error,
      details: {status},
    },
  );
}
