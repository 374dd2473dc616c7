import {type Exchange, sendJson} from '../stand-in.js';
import {type Access, accessOf, notAuthorized, refuse} from './access.js';
import {type Asked, answerGraphql, operationName, type RootFields} from './graphql.js';
import {mutationFields} from './mutations.js';
import {hourlyQuota} from './options.js';
import {queryFields} from './queries.js';
import {acceptUpload, uploadPath} from './upload.js';
import type {World} from './world.js';

/** One request to the API: limits, token, faults, and the answer. */

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

export function nameOf(path: string, body: Buffer): string | undefined {
  if (uploadPath.test(path)) return 'up';
  if (path !== '/graphql/v2') return undefined;
  try {
    return operationName((JSON.parse(body.toString()) as Asked).query);
  } catch {
    return undefined;
  }
}

export async function answer(world: World, faults: GraphqlFault[], exchange: Exchange): Promise<void> {
  const {request, response, url, body, recorded} = exchange;
  const limits = limitHeaders(world);
  if (world.answers.queryStringRequired && url.search === '')
    return sendJson(response, 429, {error: 'error code: 1015'}, {'retry-after': '10'});
  if (world.answers.quotaEnforced && overQuota(world))
    return sendJson(response, 429, {message: 'Too many requests'}, {...limits, 'retry-after': '60'});
  const access = accessOf(world.project.tokens, request.headers);
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
