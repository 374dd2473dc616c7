import {createHash} from 'node:crypto';
import type {GitHubAccess} from '../runner/github.js';

const label = 'switchback-incident';

export interface Incident {
  /** What makes two reports the same incident, such as the release id. */
  readonly key: string;
  readonly title: string;
  /** Markdown; foreign text already escaped. */
  readonly body: string;
}

/**
 * Opens one issue an incident: a second report of the same key becomes a comment. Found by label and a hidden mark, not
 * by search, whose index lags behind.
 * @returns the issue's address.
 */
export async function reportIncident(
  {request}: GitHubAccess,
  incident: Incident,
): Promise<{url: string; number: number; repeated: boolean}> {
  const mark = markOf(incident.key);
  const open = await findOpen(request, mark);
  if (open) {
    await request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', {
      issue_number: open.number,
      body: incident.body,
    });
    return {url: open.html_url, number: open.number, repeated: true};
  }
  const {data} = await request('POST /repos/{owner}/{repo}/issues', {
    title: incident.title.slice(0, 250),
    body: `${incident.body}\n\n${mark}`,
    labels: [label],
  });
  return {url: data.html_url, number: data.number, repeated: false};
}

/** Closes the incident of this key with a last comment; false when none is open. */
export async function closeIncident({request}: GitHubAccess, key: string, comment: string): Promise<boolean> {
  const open = await findOpen(request, markOf(key));
  if (!open) return false;
  await request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', {
    issue_number: open.number,
    body: comment,
  });
  await request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
    issue_number: open.number,
    state: 'closed',
    state_reason: 'completed',
  });
  return true;
}

function markOf(key: string): string {
  return `<!-- switchback-incident ${createHash('sha256').update(key).digest('hex').slice(0, 16)} -->`;
}

async function findOpen(
  request: GitHubAccess['request'],
  mark: string,
): Promise<{number: number; html_url: string} | undefined> {
  for (let page = 1; page <= 10; page++) {
    const {data} = await request('GET /repos/{owner}/{repo}/issues', {
      labels: label,
      state: 'open',
      per_page: 100,
      page,
    });
    // The list mixes in pull requests, which carry this key.
    const found = (data as Array<{number: number; html_url: string; body: string | null; pull_request?: object}>).find(
      (issue) => !issue.pull_request && issue.body?.includes(mark),
    );
    if (found || data.length < 100) return found;
  }
  return undefined;
}
