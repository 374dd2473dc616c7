import type {Fault, FaultKind} from '../stand-in.js';

const json = {'content-type': 'application/json; charset=utf-8'};

function error(
  status: number,
  code: string,
  message: string,
  extras: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): FaultKind {
  return {
    kind: 'status',
    status,
    body: JSON.stringify({error: {code, message, ...extras}}),
    headers: {...json, ...headers},
  };
}

/** What a platform in trouble answers, for the `faults` list of a stand-in; a rehearsal names them on its command line. */
export const vercelFaults = {
  tooManyRequests: (retryAfterS = 1): FaultKind => {
    const limit = {
      total: 100,
      remaining: 0,
      reset: Math.ceil(Date.now() / 1000) + retryAfterS,
      resetMs: Date.now() + retryAfterS * 1000,
    };
    const headers = {
      'retry-after': String(retryAfterS),
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(limit.reset),
    };
    return error(429, 'rate_limited', 'The request was limited', {limit}, headers);
  },
  serverError: (): FaultKind => error(500, 'internal_server_error', 'An unexpected internal error occurred'),
  badGateway: (): FaultKind => ({
    kind: 'status',
    status: 502,
    body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
    headers: {'content-type': 'text/html'},
  }),
  unavailable: (retryAfterS?: number): FaultKind =>
    error(
      503,
      'service_unavailable',
      'The service is unavailable',
      {},
      retryAfterS === undefined ? {} : {'retry-after': String(retryAfterS)},
    ),
  /** The token was revoked in the middle of a run. */
  unauthorized: (): FaultKind => error(401, 'forbidden', 'Not authorized', {invalidToken: true}),
  dailyLimit: (): FaultKind =>
    error(
      402,
      'api-deployments-free-per-day',
      'Resource is limited - try again in 24 hours (more than 100, code: "api-deployments-free-per-day").',
    ),
  delay: (ms: number): FaultKind => ({kind: 'delay', ms}),
  closeBefore: (): FaultKind => ({kind: 'close-before'}),
  closeAfter: (): FaultKind => ({kind: 'close-after'}),
} as const;

/** The next `times` requests to a route meet a fault. Routes: `METHOD /path*`, or a name such as `deployments.create`. */
export function nextRequests(route: string, fault: FaultKind, times = 1): Fault {
  return {route, fault, times};
}
