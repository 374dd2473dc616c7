import type {Exchange} from '../stand-in.js';
import type {Edge} from './edge.js';
import type {Deployment, Project} from './records.js';
import {badRequest, notFound, refused} from './refusal.js';
import type {World} from './world.js';

/** One request to the API, after its route, token and team were accepted. */
export interface Call {
  readonly world: World;
  readonly edge: Edge;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly exchange: Exchange;
  /** Version in the path, `v13`; empty for paths without one. */
  readonly version: string;
  /** What the token is limited to. */
  readonly onlyProject: string | undefined;
  /** False for requests that act on the personal account, where the team's things do not exist. */
  readonly inTeam: boolean;
}

export interface Reply {
  readonly status: number;
  /** Undefined sends no body and no content type, as the platform does for promote and rollback. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Undefined: the handler answers by itself, as a stream. */
export type Handler = (call: Call) => Reply | undefined | Promise<Reply | undefined>;

export const ok = (body: unknown): Reply => ({status: 200, body});

/** The body as an object; an empty body is an empty object. */
export function jsonBody(call: Call): Record<string, unknown> {
  const value = jsonValue(call);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw badRequest('should be object');
  return value as Record<string, unknown>;
}

export function jsonValue(call: Call): unknown {
  const text = call.exchange.body.toString();
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw refused(400, 'invalid_json', 'The request body is not valid JSON');
  }
}

export function projectOf(call: Call): Project {
  const project = call.inTeam ? call.world.projectBy(call.params.project ?? '') : undefined;
  if (!project || (call.onlyProject && call.onlyProject !== project.id)) throw notFound('Project');
  return project;
}

/** The deployment named in the path; deleted ones count as absent. */
export function deploymentOf(call: Call, idOrHost = call.params.deployment ?? ''): Deployment {
  const found = call.inTeam ? call.world.deploymentBy(idOrHost) : undefined;
  if (!found || found.deletedAt !== undefined || (call.onlyProject && call.onlyProject !== found.projectId)) {
    throw refused(
      404,
      'not_found',
      `The deployment "${idOrHost}" can't be found under the context "${call.world.options.team.slug}"`,
    );
  }
  return found;
}

/** A page of records, newest first, by their moments: `until` and `since` are exclusive. */
export function page<T>(
  call: Call,
  records: readonly T[],
  momentOf: (record: T) => number,
  usual = 20,
): {items: T[]; pagination: unknown} {
  const limit = Math.min(100, Math.max(1, Number(call.query.get('limit') ?? usual) || usual));
  const until = Number(call.query.get('until') ?? Number.POSITIVE_INFINITY);
  const since = Number(call.query.get('since') ?? Number.NEGATIVE_INFINITY);
  const within = records
    .filter((record) => momentOf(record) < until && momentOf(record) > since)
    .sort((a, b) => momentOf(b) - momentOf(a));
  const items = within.slice(0, limit);
  const more = within.length > limit;
  const prev = items[0] === undefined ? null : momentOf(items[0]);
  const pagination = {count: items.length, next: more ? momentOf(items.at(-1)!) : null, prev};
  return {items, pagination: call.world.quirks.nullPagination ? null : pagination};
}
