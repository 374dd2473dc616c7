import {Failure} from '../../kernel/errors.js';
import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {type Json, moment, record, text} from './json.js';

/** Keys written into a deployment's `meta`, by which a deployment of ours is found again. */
export const metaRelease = 'switchbackRelease';
export const metaCommit = 'switchbackCommit';

/** One deployment as the platform tells it, from a single read or a list. */
export interface DeploymentRecord {
  readonly id: string;
  /** Upper case; `UNKNOWN` when the answer held none. */
  readonly state: string;
  readonly substate: string | undefined;
  readonly target: string | undefined;
  readonly host: string | undefined;
  readonly inspectUrl: string | undefined;
  readonly projectId: string | undefined;
  readonly commit: string | undefined;
  readonly release: string | undefined;
  readonly createdAtMs: number;
  readonly raw: Json;
}

export function deploymentOf(raw: Json): DeploymentRecord {
  const meta = record(raw.meta) ?? {};
  return {
    id: text(raw.id) ?? text(raw.uid) ?? '',
    state: (text(raw.readyState) ?? text(raw.status) ?? text(raw.state) ?? 'UNKNOWN').toUpperCase(),
    substate: text(raw.readySubstate),
    // In a single read null means preview; an absent field means that nothing is known.
    target: raw.target === null ? 'preview' : text(raw.target),
    host: text(raw.url),
    inspectUrl: text(raw.inspectorUrl),
    projectId: text(raw.projectId),
    commit: commitOf(raw, meta),
    release: text(meta[metaRelease]),
    createdAtMs: moment(raw.createdAt) ?? moment(raw.created) ?? 0,
    raw,
  };
}

function commitOf(raw: Json, meta: Json): string | undefined {
  const known = [meta[metaCommit], meta.githubCommitSha, record(raw.gitSource)?.sha, meta.gitCommitSha];
  return known.map(text).find((sha) => sha !== undefined && /^[0-9a-f]{40}$/i.test(sha));
}

/** @param idOrHost a `dpl_…` id, a unique host or an alias. */
export async function readDeployment(vercel: Vercel, idOrHost: string, call: Call): Promise<DeploymentRecord> {
  const what = `read the deployment ${idOrHost}`;
  const body = record(await vercel.api.read(`/v13/deployments/${encodeURIComponent(idOrHost)}`, {...call, what}));
  const found = deploymentOf(body ?? {});
  if (found.id !== '') return found;
  throw new Failure('VERCEL_PROTOCOL', `Vercel answered the read of ${idOrHost} without a deployment id`, {
    remedy: 'Run again; if it stays, update Switchback: the answer’s shape has changed.',
    retryable: true,
  });
}

/** The same, with undefined for a deployment that does not exist (any more) in this scope. */
export async function findDeployment(
  vercel: Vercel,
  idOrHost: string,
  call: Call,
): Promise<DeploymentRecord | undefined> {
  try {
    return await readDeployment(vercel, idOrHost, call);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True for "not found" and "gone". */
export function isMissing(error: unknown): boolean {
  return error instanceof Failure && (error.details.status === 404 || error.details.status === 410);
}
