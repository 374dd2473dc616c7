import {Failure} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import {type Json, number, record, text} from './json.js';

/** An answer that is not a success, as far as it could be read. */
export interface Refused {
  /** HTTP status; 0 when the client library did not pass it on. */
  readonly status: number;
  /** The error object, wherever it stood in the body; empty when the body was not JSON. */
  readonly error: Json;
  /** False when the body was no JSON: a proxy or a broken gateway answered. */
  readonly isJson: boolean;
  readonly retryAfterMs?: number;
}

interface Rule {
  readonly code: string;
  readonly remedy: string;
  readonly retryable?: boolean;
}

const tokenRemedy =
  'Make a new access token at https://vercel.com/account/tokens, best one scoped to this project, and store it as the secret that this action reads.';
const scopeRemedy =
  'Give the `team` that owns the project (the `team_…` id from its settings page) and a token that may use it; with single sign-on, authorise the token for that team.';
const notFoundRemedy =
  'Check the id, and the `team`: without the right team Vercel answers "not found" for things that exist.';
const dailyDeploysRemedy =
  'Wait until the daily limit resets (24 hours after the first deployment counted), or raise the plan.';
const uploadLimitRemedy =
  'Set `archive: tgz`, which sends a few large files instead of many, or wait until the daily limit resets.';
const domainRemedy =
  'Open the project’s Domains page, finish the verification or certificate of the named domain, and run again.';

/** Codes of section 9 of the platform's notes that deserve a remedy of their own; the status decides for the rest. */
const byCode: Readonly<Record<string, Rule>> = {
  forbidden: {code: 'VERCEL_FORBIDDEN', remedy: scopeRemedy},
  deployment_not_found: {code: 'VERCEL_NOT_FOUND', remedy: notFoundRemedy},
  not_found: {code: 'VERCEL_NOT_FOUND', remedy: notFoundRemedy},
  missing_project_settings: {
    code: 'VERCEL_PROJECT_SETTINGS',
    remedy:
      'Open the project once in the dashboard and choose its framework, or set `framework` and `buildCommand` in vercel.json.',
  },
  bad_request: {
    code: 'VERCEL_REQUEST',
    remedy: 'Correct the field that the message names; it most often comes from vercel.json.',
  },
  rate_limited: {code: 'VERCEL_RATE_LIMIT', remedy: 'Wait until the limit resets and run again.', retryable: true},
  too_many_requests: {code: 'VERCEL_RATE_LIMIT', remedy: 'Wait until the limit resets and run again.', retryable: true},
  builds_rate_limited: {
    code: 'VERCEL_BUILD_LIMIT',
    remedy: 'Wait until the plan’s build limit resets, or raise the plan; repeating now only counts again.',
  },
  'api-deployments-free-per-day': {code: 'VERCEL_DAILY_LIMIT', remedy: dailyDeploysRemedy},
  'api-upload-free': {code: 'VERCEL_UPLOAD_LIMIT', remedy: uploadLimitRemedy},
  'api-upload-paid': {code: 'VERCEL_UPLOAD_LIMIT', remedy: uploadLimitRemedy},
  too_many_files: {code: 'VERCEL_TOO_MANY_FILES', remedy: 'Set `archive: tgz`, or leave files out with .vercelignore.'},
  size_limit_exceeded: {
    code: 'VERCEL_TOO_LARGE',
    remedy: 'Leave large files out with .vercelignore, or raise the plan.',
  },
  cert_missing: {code: 'VERCEL_DOMAIN', remedy: domainRemedy},
  domain_not_verified: {code: 'VERCEL_DOMAIN', remedy: domainRemedy},
  domain_configured: {code: 'VERCEL_DOMAIN', remedy: domainRemedy},
  not_domain_owner: {
    code: 'VERCEL_DOMAIN',
    remedy: 'Move the named domain to this team, or take it out of the project.',
  },
  missing_build_script: {
    code: 'VERCEL_BUILD_SETTINGS',
    remedy: 'Add a `build` script to package.json, or set `buildCommand` in vercel.json.',
  },
  conflicting_file_path: {
    code: 'VERCEL_FILES',
    remedy: 'Rename one of the files that the message names; they map to the same path.',
  },
  missing_files: {
    code: 'VERCEL_FILES_LOST',
    remedy: 'Run again; Vercel asked for files that had just been sent.',
    retryable: true,
  },
  internal_server_error: {
    code: 'VERCEL_UNAVAILABLE',
    remedy: 'See https://www.vercel-status.com and run again.',
    retryable: true,
  },
  method_unknown: {code: 'VERCEL_PROTOCOL', remedy: 'Update Switchback: Vercel no longer knows this call.'},
  challenge_required: {
    code: 'VERCEL_CHALLENGE',
    remedy: 'Use a plain access token; this one belongs to an interactive login that must answer a challenge.',
  },
  user_auth_required: {
    code: 'VERCEL_CHALLENGE',
    remedy: 'Use a plain access token; this one belongs to an interactive login.',
  },
};

const unavailable: Rule = {
  code: 'VERCEL_UNAVAILABLE',
  remedy: 'See https://www.vercel-status.com and run again.',
  retryable: true,
};

const byStatus: Readonly<Record<number, Rule>> = {
  400: {code: 'VERCEL_REQUEST', remedy: 'Correct what the message names and run again.'},
  401: {code: 'VERCEL_AUTH', remedy: tokenRemedy},
  402: {code: 'VERCEL_PLAN', remedy: 'Raise the plan or settle the account’s billing; this plan does not allow it.'},
  403: {code: 'VERCEL_FORBIDDEN', remedy: scopeRemedy},
  404: {code: 'VERCEL_NOT_FOUND', remedy: notFoundRemedy},
  408: unavailable,
  409: {code: 'VERCEL_CONFLICT', remedy: 'Wait until the other change of this project has finished, then run again.'},
  410: {code: 'VERCEL_GONE', remedy: 'Choose another deployment: this one was deleted.'},
  413: {code: 'VERCEL_TOO_LARGE', remedy: 'Leave large files out with .vercelignore, or set `archive: tgz`.'},
  422: {code: 'VERCEL_REFUSED', remedy: 'Read the message: Vercel understood the request and will not do it.'},
  429: {code: 'VERCEL_RATE_LIMIT', remedy: 'Wait until the limit resets and run again.', retryable: true},
};

/** Turns a refused answer into the one error of the suite, with a remedy for what really happened. */
export function refusedFailure(what: string, refused: Refused): Failure {
  const {status, error} = refused;
  const rule = ruleOf(refused);
  const code = text(error.code);
  const said = refused.isJson ? (text(error.message) ?? code ?? 'without a message') : 'with a page that is not JSON';
  const httpStatus =
    status > 0 ? ` (HTTP ${status}${code ? `, ${oneLine(code, 60)}` : ''})` : code ? ` (${oneLine(code, 60)})` : '';
  return new Failure(rule.code, `Vercel refused to ${what}${httpStatus}: ${oneLine(said, 400)}`, {
    remedy: rule.remedy,
    retryable: rule.retryable ?? false,
    ...(refused.retryAfterMs === undefined ? {} : {retryAfterMs: refused.retryAfterMs}),
    details: {
      status,
      ...(code ? {vercelCode: code} : {}),
      ...(Array.isArray(error.missing) ? {missing: error.missing} : {}),
      vercelMessage: oneLine(said, 400),
    },
  });
}

function ruleOf({status, error}: Refused): Rule {
  const code = text(error.code) ?? '';
  // An expired token and a wrong team are both 403 `forbidden`; these two fields tell them apart.
  if (error.invalidToken === true) return {code: 'VERCEL_AUTH', remedy: tokenRemedy};
  if (error.saml !== undefined && error.saml !== false) return {code: 'VERCEL_SCOPE', remedy: scopeRemedy};
  if (code.startsWith('challenge_required')) return byCode.challenge_required!;
  // Upload limits carry a general code, and their own in `name`.
  const known = [text(error.name) ?? '', code].find((name) => Object.hasOwn(byCode, name));
  if (known !== undefined) return byCode[known]!;
  if (status >= 500 || status === 0) return unavailable;
  return (
    byStatus[status] ?? {code: 'VERCEL_REFUSED', remedy: 'Read the message and the project’s settings, then run again.'}
  );
}

/** Vercel puts the error under `error`, sometimes `err`, sometimes at top level. */
export function errorOf(body: unknown): Json {
  const top = record(body);
  return record(top?.error) ?? record(top?.err) ?? top ?? {};
}

/** The wait that an answer asks for, from `Retry-After`, the rate-limit headers or the error body. */
export function retryAfterOf(status: number, headers: Headers, error: Json, nowMs: number): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const asked = headers.get('retry-after');
  if (asked !== null) {
    const seconds = Number(asked);
    const waitMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(asked) - nowMs;
    if (Number.isFinite(waitMs)) return Math.max(0, waitMs);
  }
  const limit = record(error.limit);
  const resetMs = number(limit?.resetMs) ?? (number(limit?.reset) ?? Number.NaN) * 1_000;
  const headerMs = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1_000;
  const atMs = Number.isFinite(resetMs) ? resetMs : status === 429 ? headerMs : Number.NaN;
  return Number.isFinite(atMs) && atMs > nowMs ? atMs - nowMs : undefined;
}
