import {Failure, messageOf} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';

/** One item of a GraphQL `errors` array, as Railway sends it: `traceId` stands beside `message`. */
export interface GraphqlError {
  readonly message?: unknown;
  readonly path?: ReadonlyArray<string | number>;
  readonly traceId?: unknown;
  readonly extensions?: {readonly code?: unknown; readonly workspaceName?: unknown};
}

interface Row {
  readonly when: RegExp;
  readonly code: string;
  readonly remedy: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

// Order matters: the first row whose pattern is in the message wins. All are matched without regard to case.
const rows: readonly Row[] = [
  {
    when: /two factor authentication required/i,
    code: 'RAILWAY_TWO_FACTOR',
    remedy: 'Enable two-factor authentication for the owner of the token, or use a project token.',
  },
  {
    when: /project token not found/i,
    code: 'RAILWAY_TOKEN',
    remedy:
      'Create a new project token in the settings of the Railway project and store it as the secret; it was revoked or is of another kind.',
  },
  {
    when: /not authorized|unauthorized|unauthenticated/i,
    code: 'RAILWAY_AUTH',
    remedy:
      'Check the ids and the reach of the token: Railway answers the same for something that does not exist and for something this token may not touch (a project token reaches one environment of one project; try a workspace token).',
  },
  {
    when: /deployment not found/i,
    code: 'RAILWAY_DEPLOYMENT_NOT_FOUND',
    remedy: 'Check the deployment id; Railway no longer knows it.',
  },
  {
    when: /commit not found/i,
    code: 'RAILWAY_COMMIT_NOT_FOUND',
    remedy: 'Push the commit to the repository that the service is connected to, and pass its full SHA.',
  },
  {
    when: /not (cancel|stopp|restart|redeploy|rollback)\w*/i,
    code: 'RAILWAY_STATE',
    remedy: 'Read the state of the deployment on its Railway page; this action is not possible in it.',
  },
  {
    when: /rate limit|too quickly|too many requests/i,
    code: 'RAILWAY_RATE_LIMIT',
    remedy: 'Wait for the quota to renew, or poll and deploy less often.',
    retryable: true,
    retryAfterMs: 30_000,
  },
  {
    when: /problem processing request|internal server error/i,
    code: 'RAILWAY_INTERNAL',
    remedy:
      'Run again; when it stays, the token may lack the right for this request (try a workspace token), or Railway has an incident.',
    retryable: true,
  },
];

const byCode = new Map<string, Omit<Row, 'when'>>(
  Object.entries({
    BAD_USER_INPUT: {code: 'RAILWAY_INPUT', remedy: 'Correct the value named in the message.'},
    GRAPHQL_VALIDATION_FAILED: {code: 'RAILWAY_SCHEMA', remedy: 'Update this action: Railway changed its API.'},
    GRAPHQL_PARSE_FAILED: {code: 'RAILWAY_SCHEMA', remedy: 'Update this action: Railway changed its API.'},
  }),
);

const meanings: Readonly<Record<string, string>> = {
  RAILWAY_AUTH: ' (it does not exist, or this token may not touch it)',
  RAILWAY_TOKEN: ' (no valid project token)',
};

/** The failure that an `errors` array stands for. GraphQL reports failures with HTTP 200, so the array alone decides. */
export function failureOf(operation: string, errors: readonly GraphqlError[], http: number): Failure {
  const first = errors[0] ?? {};
  const said = cleanLine(textOf(first.message) ?? 'an error without a message', 300);
  const extension = textOf(first.extensions?.code) ?? '';
  const row = rows.find((candidate) => candidate.when.test(said)) ??
    byCode.get(extension) ?? {
      code: 'RAILWAY_REFUSED',
      remedy: 'Read the message; Railway refused the request and nothing was changed by it.',
    };
  const trace = traceOf(first);
  return new Failure(
    row.code,
    `Railway refused ${operation}: ${said}${meanings[row.code] ?? ''}${trace ? ` [trace ${trace}]` : ''}`,
    {
      remedy: row.remedy,
      retryable: row.retryable ?? false,
      retryAfterMs: row.retryAfterMs,
      details: {operation, http, traceId: trace, path: first.path?.[0], errors: errors.length},
    },
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function traceOf(error: GraphqlError): string | undefined {
  return typeof error.traceId === 'string' ? cleanLine(error.traceId, 80) : undefined;
}

/** The failure of an answer that holds no GraphQL body. */
export function httpFailure(
  operation: string,
  status: number,
  body: string,
  retryAfterMs: number | undefined,
): Failure {
  const details = {operation, http: status};
  if (status === 429) {
    const edge = /1015|cloudflare/i.test(body) ? " by Cloudflare, before Railway's own quota" : '';
    return new Failure('RAILWAY_RATE_LIMIT', `Railway limited ${operation}${edge} (HTTP 429)`, {
      remedy: 'Wait for the quota to renew: Free allows 100 requests an hour, Hobby 1,000, Pro 10,000.',
      retryable: true,
      retryAfterMs,
      details,
    });
  }
  if (status === 401 || status === 403) {
    return new Failure(
      'RAILWAY_AUTH',
      `Railway refused ${operation} (HTTP ${status}): it does not exist, or this token may not touch it`,
      {
        remedy: 'Check the token, its kind and its reach.',
        details,
      },
    );
  }
  if (status >= 500 || status === 408) {
    return new Failure('RAILWAY_UNAVAILABLE', `Railway could not answer ${operation} (HTTP ${status})`, {
      remedy: 'Run again; look at status.railway.com when it stays.',
      retryable: true,
      retryAfterMs,
      details,
    });
  }
  if (status >= 200 && status < 300) {
    return new Failure('RAILWAY_ANSWER', `Railway answered ${operation} with HTTP ${status} and no GraphQL result`, {
      remedy: 'Run again; when it stays, check that the API address points at Railway.',
      retryable: true,
      details,
    });
  }
  return new Failure('RAILWAY_HTTP', `Railway answered ${operation} with HTTP ${status}: ${cleanLine(body, 200)}`, {
    remedy: 'Check the API address; this is not an answer Railway is known to give.',
    details,
  });
}

/** The failure of a request that got no answer at all. */
export function networkFailure(operation: string, error: unknown): Failure {
  const timeout = error instanceof Error && error.name === 'TimeoutError';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const coded = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  // fetch quotes the whole header it refuses, and that header is the token: the text of this error must go nowhere.
  if (!coded && /header/i.test(messageOf(cause)))
    return new Failure('RAILWAY_TOKEN', `The Railway token cannot be sent to ask for ${operation}`, {
      remedy: 'Store the token as one line without spaces around it; it holds characters that no header can carry.',
      details: {operation},
    });
  const said = coded ?? messageOf(cause);
  return new Failure(
    timeout ? 'RAILWAY_TIMEOUT' : 'RAILWAY_NETWORK',
    timeout
      ? `Railway did not answer ${operation} in time`
      : `No answer from Railway to ${operation} (${cleanLine(said, 120)})`,
    {
      remedy: 'Run again; check the network of the runner and status.railway.com when it stays.',
      retryable: true,
      cause: error,
      details: {operation},
    },
  );
}

/**
 * Whether a failed write may nevertheless have taken effect. Everything that a repeat could cure is of that kind:
 * a lost connection, a timeout, a gateway's page, "Problem processing request".
 */
export function isUnsure(error: unknown): error is Failure {
  return error instanceof Failure && error.retryable;
}

/** Railway said that the token or the id is wrong. */
export function isRefusedAccess(error: unknown): error is Failure {
  return error instanceof Failure && ['RAILWAY_AUTH', 'RAILWAY_TOKEN', 'RAILWAY_TWO_FACTOR'].includes(error.code);
}

/** `Retry-After` in seconds or as a date. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value.trim())) return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(Number(value) * 1_000));
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
