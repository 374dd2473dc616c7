import {createReadStream} from 'node:fs';
import type {Clock} from '../../kernel/clock.js';
import {cancelled, Failure, messageOf} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import {oneLine} from '../../kernel/text.js';
import type {Settings} from './options.js';
import {errorOf, refusedFailure, retryAfterOf} from './refusals.js';

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface Call {
  readonly signal: AbortSignal;
}

export interface Request extends Call {
  /** What is asked for, as the end of "Vercel refused to …". */
  readonly what: string;
  readonly query?: Query;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
}

/** One file on disk, named by its SHA-1. */
export interface UploadFile {
  readonly path: string;
  readonly sha: string;
  readonly size: number;
}

/** The REST side of Vercel: one address, one token, one team. */
export interface VercelApi {
  /** A GET, repeated on 429, 5xx and broken connections. */
  read(path: string, request: Request): Promise<unknown>;
  /** Any other method, sent once: whether a repeat is harmless is for the caller to know. */
  write(method: 'POST' | 'PATCH' | 'DELETE', path: string, request: Request): Promise<Answer>;
  /** Sends one file's content, read from disk as it goes out. Once: a repeat is harmless, and for the caller to make. */
  upload(file: UploadFile, request: Request): Promise<void>;
  /** A GET whose body is read as it comes. */
  stream(path: string, request: Request): Promise<ReadableStream<Uint8Array>>;
  /** Requests sent so far, repeats included. */
  count(): number;
}

const requestTimeoutMs = 30_000;
const uploadTimeoutMs = 15 * 60_000;
const readDelaysMs = backoff(4, 1_000, 8_000);

export function openApi(settings: Settings, clock: Clock, random: () => number): VercelApi {
  let sent = 0;

  async function send(
    method: string,
    path: string,
    request: Request,
    signal: AbortSignal,
    content?: Content,
  ): Promise<Response> {
    sent++;
    return fetch(address(settings, path, request.query), {
      method,
      headers: {
        authorization: `Bearer ${settings.token}`,
        accept: 'application/json',
        'user-agent': 'switchback',
        ...content?.headers,
      },
      // A redirect would carry the token to another address.
      redirect: 'manual',
      signal,
      ...(content ? {body: content.body, duplex: 'half' as const} : {}),
    });
  }

  async function once(method: string, path: string, request: Request, content?: Content): Promise<Answer> {
    const timeout = AbortSignal.timeout(content?.timeoutMs ?? requestTimeoutMs);
    let response: Response;
    let body: string;
    try {
      response = await send(method, path, request, AbortSignal.any([request.signal, timeout]), content);
      body = await response.text();
    } catch (error) {
      throw connectionFailure(request, timeout, error);
    }
    // A refusal that repeats the token, as an echoing proxy's does, must not get it into a message. Good answers are
    // left as they are: a short token may be a part of an id.
    const told = response.ok ? body : body.replaceAll(settings.token, '***');
    return readAnswer(request.what, response, told, clock.now());
  }

  return {
    count: () => sent,
    write: (method, path, request) =>
      once(method, path, request, request.body === undefined ? undefined : jsonContent(request.body)),
    upload: async (file, request) => {
      await once('POST', '/v2/files', request, fileContent(file));
    },
    read: async (path, request) => {
      const plan = {delaysMs: readDelaysMs, clock, random, signal: request.signal};
      return (await retry(plan, () => once('GET', path, request))).body;
    },
    stream: async (path, request) => {
      const response = await send('GET', path, request, request.signal);
      if (response.ok && response.body) return response.body;
      await response.body?.cancel();
      throw refusedFailure(request.what, {status: response.status, error: {}, isJson: true});
    },
  };
}

/** What a request carries. */
interface Content {
  readonly body: string | AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const jsonContent = (body: unknown): Content => ({
  body: JSON.stringify(body),
  headers: {'content-type': 'application/json'},
  timeoutMs: requestTimeoutMs,
});

function fileContent({path, sha, size}: UploadFile): Content {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(size),
    'x-now-digest': sha,
    'x-now-size': String(size),
  };
  // Given as it is: made into a web stream it would be read ahead of a slow network, whole.
  const body = createReadStream(path, {highWaterMark: 256 * 1024});
  return {body, headers, timeoutMs: uploadTimeoutMs};
}

function address(settings: Settings, path: string, query: Query = {}): string {
  const url = new URL(`${settings.apiUrl}${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  if (settings.team) url.searchParams.set(settings.team.startsWith('team_') ? 'teamId' : 'slug', settings.team);
  return url.toString();
}

function readAnswer(what: string, response: Response, body: string, nowMs: number): Answer {
  const parsed = parse(body);
  const good = response.status >= 200 && response.status < 300;
  if (good && parsed.isJson) return {status: response.status, body: parsed.value};
  if (good) {
    // A 200 that is not the API speaking: a proxy's or gateway's page. Nothing may be concluded from it.
    throw new Failure(
      'VERCEL_UNAVAILABLE',
      `Asked to ${what}, Vercel answered ${response.status} with a page that is not JSON`,
      {
        remedy:
          'Check the proxy between this machine and api.vercel.com, see https://www.vercel-status.com, and run again.',
        retryable: true,
        details: {status: response.status},
      },
    );
  }
  const error = errorOf(parsed.value);
  const retryAfterMs = retryAfterOf(response.status, response.headers, error, nowMs);
  throw refusedFailure(what, {
    status: response.status,
    error,
    isJson: parsed.isJson,
    ...(retryAfterMs === undefined ? {} : {retryAfterMs}),
  });
}

function parse(body: string): {isJson: boolean; value: unknown} {
  if (body.trim() === '') return {isJson: true, value: undefined};
  try {
    return {isJson: true, value: JSON.parse(body) as unknown};
  } catch {
    return {isJson: false, value: undefined};
  }
}

/** What a broken or timed-out request becomes. The cause is told by its code only: fetch quotes headers in some texts. */
export function connectionFailure(request: Request, timeout: AbortSignal, error: unknown): Failure {
  if (request.signal.aborted && !timeout.aborted) return cancelled(`The request to ${request.what}`);
  const reason = timeout.aborted ? 'no answer in time' : reasonOf(error);
  return new Failure('VERCEL_UNREACHABLE', `Could not ${request.what}: ${reason}`, {
    remedy: 'Check the network of this machine and https://www.vercel-status.com, then run again.',
    retryable: true,
  });
}

/** The deepest cause of a failed fetch, such as `ECONNREFUSED`. */
export function reasonOf(error: unknown): string {
  let deepest: unknown = error;
  for (let depth = 0; depth < 8 && deepest instanceof Error && deepest.cause instanceof Error; depth++)
    deepest = deepest.cause;
  const code = (deepest as {code?: unknown}).code;
  return oneLine(typeof code === 'string' ? `the connection broke (${code})` : messageOf(deepest), 200);
}
