import {oneLine, stripControls} from '../../kernel/text.js';
import {
  type CheckAuth,
  type CheckDefinition,
  defaultTimeoutMs,
  type Expectation,
  type RequestDefinition,
} from '../policy.js';
import {readsBody, shortfall} from './expectation.js';
import {maxBodyBytes} from './http-exchange.js';
import {type Answer, type Probe, type ProbeContext, ProbeError, type ProbeResult, resultOf} from './probe.js';

const maxRedirects = 5;
const excerptBytes = 2_048;

/** Status, text, JSON, headers, redirect, commit: one request, every expectation. */
export const probeHttp: Probe = async (check, context) => {
  try {
    return await ask(check, check, context);
  } catch (error) {
    return resultOf(error, context.redact);
  }
};

/**
 * Sends one request of a check and judges the answer.
 * @param fill replaces `{name}` by values that earlier steps saved.
 * @throws ProbeError when there is no answer to judge.
 */
export async function ask(
  check: CheckDefinition,
  request: RequestDefinition,
  context: ProbeContext,
  fill: (text: string) => string = (text) => text,
  onAnswer?: (answer: Answer) => void,
): Promise<ProbeResult> {
  const url = addressOf(check, request, context, fill);
  const method = request.method ?? 'GET';
  const shown = `${method} ${showUrl(url)}`;
  const answer = await follow(
    {
      url,
      method,
      headers: headersOf(check, request, context, fill),
      body: request.body === undefined ? undefined : fill(request.body),
      timeoutMs: check.timeout ?? defaultTimeoutMs,
    },
    request.expect,
    context,
    shown,
    onAnswer !== undefined,
  );
  onAnswer?.(answer);
  const facts: Partial<ProbeResult> = {
    latencyMs: answer.latencyMs,
    status: answer.status,
    request: shown,
    cached: wasCached(answer),
  };
  const wall = wallOf(answer);
  if (wall) throw new ProbeError('wall', wall, facts);
  const lack =
    shortfall(answer, request.expect, {url, ...(context.isBaseline ? {} : {commit: context.side.commit})}) ??
    agedOut(answer, context);
  if (!lack) return {outcome: 'ok', ...facts};
  const detail = `expected ${lack.expected}, got ${lack.got}`;
  return {
    outcome: 'failed',
    class: lack.class,
    detail: context.redact(detail),
    expected: context.redact(lack.expected),
    got: context.redact(lack.got),
    excerpt: excerptOf(answer, context),
    ...facts,
  };
}

interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
}

/** Follows redirects as a browser would, within one time limit; secrets stay with the host they were meant for. */
async function follow(
  first: Hop,
  expectation: Expectation | undefined,
  context: ProbeContext,
  shown: string,
  keepBody: boolean,
): Promise<Answer> {
  const deadlineMs = performance.now() + first.timeoutMs;
  const keepBytes = keepBody || readsBody(expectation) ? maxBodyBytes : excerptBytes;
  const wantsRedirect =
    expectation?.redirect !== undefined || statusesOf(expectation).some((status) => status >= 300 && status < 400);
  let hop = first;
  let spentMs = 0;
  for (let hops = 0; ; hops++) {
    const left = deadlineMs - performance.now();
    if (left <= 0)
      throw new ProbeError('timeout', `no answer within ${first.timeoutMs} ms and ${hops} redirects`, {
        request: shown,
        latencyMs: spentMs,
      });
    const {url, method, headers, body} = hop;
    const answer = await context
      .exchange({
        url,
        method,
        headers,
        ...(body === undefined ? {} : {body}),
        timeoutMs: left,
        signal: context.signal,
        keepBytes,
        ...(context.fresh ? {fresh: true} : {}),
      })
      .catch((error: unknown) => {
        throw error instanceof ProbeError
          ? new ProbeError(error.class, error.message, {request: shown, ...error.facts})
          : error;
      });
    spentMs += answer.latencyMs;
    const location = answer.headers['location'];
    const redirected = location !== undefined && [301, 302, 303, 307, 308].includes(answer.status);
    if (!redirected || wantsRedirect) return {...answer, latencyMs: spentMs};
    if (hops >= maxRedirects)
      throw new ProbeError('redirect', `more than ${maxRedirects} redirects`, {
        request: shown,
        status: answer.status,
        latencyMs: spentMs,
      });
    hop = nextHop(hop, location, answer.status, context, shown);
  }
}

function nextHop(hop: Hop, location: string, status: number, context: ProbeContext, shown: string): Hop {
  if (!URL.canParse(location, hop.url.href))
    throw new ProbeError('redirect', 'a redirect to something that is no address', {request: shown, status});
  const url = new URL(location, hop.url.href);
  if (/(^|\.)vercel\.com$/.test(url.hostname) && /^\/(sso-api|login)/.test(url.pathname))
    throw new ProbeError('wall', "Vercel's deployment protection asks to log in", {request: shown, status});
  if (!/^https?:$/.test(url.protocol))
    throw new ProbeError('redirect', `a redirect to ${oneLine(context.redact(url.protocol), 20)}`, {
      request: shown,
      status,
    });
  const asGet = status === 303 || (hop.method === 'POST' && (status === 301 || status === 302));
  const headers =
    url.host === hop.url.host
      ? hop.headers
      : {'user-agent': hop.headers['user-agent']!, accept: hop.headers['accept'] ?? '*/*'};
  return {...hop, url, headers, method: asGet ? 'GET' : hop.method, body: asGet ? undefined : hop.body};
}

function statusesOf(expectation: Expectation | undefined): readonly number[] {
  const status = expectation?.status;
  return status === undefined ? [] : typeof status === 'number' ? [status] : status;
}

/** Address of a request on one side: its own `url`, or the side's address of the target joined with the path. */
export function addressOf(
  check: CheckDefinition,
  request: RequestDefinition,
  {side}: Pick<ProbeContext, 'side'>,
  fill: (text: string) => string = (text) => text,
): URL {
  if (request.url !== undefined) return withPath(request.url, request.path, fill);
  if (check.url !== undefined) return withPath(check.url, request.path ?? check.path, fill);
  const base = side.urls[check.target ?? 'backend'];
  if (base === undefined) throw new Error(`bug: check ${check.name} has no address`);
  return withPath(base, request.path ?? check.path ?? '/', fill);
}

function withPath(base: string, path: string | undefined, fill: (text: string) => string): URL {
  return new URL(path === undefined ? base : `${base.replace(/\/+$/, '')}${fill(path)}`);
}

function headersOf(
  check: CheckDefinition,
  request: RequestDefinition,
  context: ProbeContext,
  fill: (text: string) => string,
): Record<string, string> {
  const headers: Record<string, string> = {
    accept: '*/*',
    'accept-encoding': 'gzip, br',
    'cache-control': 'no-cache',
    'user-agent': 'switchback-gate',
  };
  const ownAddress = check.url !== undefined || request.url !== undefined;
  if (!ownAddress)
    for (const [name, value] of Object.entries(context.side.headers ?? {})) headers[name.toLowerCase()] = value;
  if (!ownAddress && check.target === 'frontend' && context.side.protectionBypass)
    headers['x-vercel-protection-bypass'] = context.side.protectionBypass;
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  for (const [name, value] of Object.entries({...check.headers, ...request.headers}))
    headers[name.toLowerCase()] = fill(value);
  const auth = request.auth ?? check.auth;
  if (auth) Object.assign(headers, authHeader(auth, context.secret));
  return headers;
}

/** The header that carries a check's secret. For `basic` the secret is `user:password`. */
export function authHeader(auth: CheckAuth, secret: (name: string) => string): Record<string, string> {
  const value = secret(auth.env);
  if (auth.kind === 'bearer') return {authorization: `Bearer ${value}`};
  if (auth.kind === 'basic') return {authorization: `Basic ${Buffer.from(value).toString('base64')}`};
  return {[(auth.header ?? 'authorization').toLowerCase()]: value};
}

/** Deployment protection answers in the product's place; it says nothing about the product. */
function wallOf({status, headers, body}: Answer): string | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const signs =
    headers['set-cookie']?.includes('_vercel_sso_nonce') ||
    /vercel\.com\/sso-api|vercel\.com\/login|vercel-protection|Vercel Authentication/i.test(
      body.toString('latin1', 0, excerptBytes),
    );
  return signs ? "Vercel's deployment protection asks to log in" : undefined;
}

/** An answer that lay in a cache since before the release began to serve is not this release's. */
function agedOut({headers}: Answer, {side, isBaseline, clock}: ProbeContext) {
  const ageS = Number(headers['age']);
  if (isBaseline || side.readyAtMs === undefined || !(ageS > 0)) return undefined;
  const servesForS = (clock.now() - side.readyAtMs) / 1000;
  if (ageS <= servesForS + 5) return undefined;
  return {
    class: 'stale',
    expected: 'an answer of this release',
    got: `one that was cached ${Math.round(ageS)} s ago`,
  } as const;
}

function wasCached({headers}: Answer): boolean {
  return (
    Number(headers['age']) > 0 || /^(HIT|STALE)/i.test(headers['x-vercel-cache'] ?? headers['cf-cache-status'] ?? '')
  );
}

function excerptOf({body, headers}: Answer, {redact}: ProbeContext): string {
  const type = headers['content-type'] ?? '';
  const text = body.subarray(0, excerptBytes);
  const readable = /text|json|xml|html|^$/.test(type) || !text.includes(0);
  return readable
    ? stripControls(redact(text.toString('utf8'))).slice(0, 600)
    : `${body.length} bytes of ${oneLine(type, 60)}`;
}

/** Address without credentials and query values, which may be secret. */
export function showUrl(url: URL): string {
  const names = [...new Set(url.searchParams.keys())].map((name) => `${name}=…`).join('&');
  return oneLine(`${url.protocol}//${url.host}${url.pathname}${names ? `?${names}` : ''}`, 200);
}
