import {lookup as systemLookup} from 'node:dns';
import {Agent as HttpAgent, request as httpRequest, type IncomingMessage} from 'node:http';
import {Agent as HttpsAgent, request as httpsRequest} from 'node:https';
import type {LookupFunction} from 'node:net';
import {performance} from 'node:perf_hooks';
import type {Readable} from 'node:stream';
import {createBrotliDecompress, createGunzip, createInflate} from 'node:zlib';
import {type Answer, classOfCode, type Exchange, type ExchangeRequest, ProbeError} from './probe.js';

/** More than this is no answer of a health check: an endless body, or a bomb. */
export const maxBodyBytes = 4 * 1024 * 1024;
const maxHeaderBytes = 64 * 1024;
const dnsKeepMs = 10_000;

export interface HttpExchange extends AsyncDisposable {
  readonly exchange: Exchange;
  close(): void;
}

/**
 * Opens a bounded HTTP client that keeps connections between probes, as browsers do.
 * @param options.ca certificate authorities to trust besides the system's, for tests and private networks.
 */
export function openHttpExchange(options: {readonly ca?: string} = {}): HttpExchange {
  const lookup = keptLookup();
  const common = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxFreeSockets: 2_000,
    scheduling: 'fifo',
    lookup,
  } as const;
  const http = new HttpAgent(common);
  const https = new HttpsAgent({...common, ...(options.ca ? {ca: options.ca} : {})});
  const exchange: Exchange = async (request) => {
    const secure = request.url.protocol === 'https:';
    const agent = request.fresh
      ? secure
        ? new HttpsAgent({lookup, ...(options.ca ? {ca: options.ca} : {})})
        : new HttpAgent({lookup})
      : secure
        ? https
        : http;
    return send(request, agent, secure, true);
  };
  const close = () => {
    http.destroy();
    https.destroy();
  };
  return {exchange, close, [Symbol.asyncDispose]: async () => close()};
}

function send(
  request: ExchangeRequest,
  agent: HttpAgent | HttpsAgent,
  secure: boolean,
  mayRepeat: boolean,
): Promise<Answer> {
  const startedMs = performance.now();
  return new Promise<Answer>((resolve, reject) => {
    let settled = false;
    let phase = 'connecting';
    const {url, method, headers, body, signal} = request;
    const outgoing = (secure ? httpsRequest : httpRequest)(url, {
      method,
      headers,
      agent,
      maxHeaderSize: maxHeaderBytes,
      insecureHTTPParser: false,
    });
    const finish = (act: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (error: ProbeError) =>
      finish(() => {
        outgoing.destroy();
        reject(error);
      });
    const elapsed = () => performance.now() - startedMs;
    const timer = setTimeout(
      () =>
        fail(
          new ProbeError('timeout', `no complete answer within ${Math.round(request.timeoutMs)} ms (${phase})`, {
            latencyMs: elapsed(),
          }),
        ),
      request.timeoutMs,
    );
    const onAbort = () => fail(new ProbeError('local', 'stopped by the gate'));
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    outgoing.on('socket', () => {
      phase = 'waiting for the answer';
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed a kept connection in the very moment of its reuse: nothing was asked yet, as RFC 9112 9.3 says.
      if (
        !settled &&
        mayRepeat &&
        outgoing.reusedSocket &&
        error.code === 'ECONNRESET' &&
        /^(GET|HEAD|OPTIONS)$/.test(method)
      ) {
        finish(() => send(request, agent, secure, false).then(resolve, reject));
        return;
      }
      fail(new ProbeError(classOfCode(error.code), describe(error), {latencyMs: elapsed()}));
    });
    outgoing.on('response', (incoming) => {
      phase = 'reading the answer';
      const facts = () => ({status: incoming.statusCode ?? 0});
      read(incoming, request.keepBytes).then(
        ({body: kept, bytes}) =>
          finish(() =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: flatten(incoming),
              body: kept,
              bodyBytes: bytes,
              latencyMs: elapsed(),
            }),
          ),
        (error: unknown) =>
          fail(
            error instanceof ProbeError
              ? new ProbeError(error.class, error.message, {...facts(), latencyMs: elapsed()})
              : new ProbeError(
                  classOfCode((error as NodeJS.ErrnoException).code),
                  `the answer broke off: ${describe(error as Error)}`,
                  {...facts(), latencyMs: elapsed()},
                ),
          ),
      );
    });
    outgoing.end(body);
  });
}

/** Reads the decoded body; keeps its first bytes, counts the rest, stops at the limit. */
function read(incoming: IncomingMessage, keepBytes: number): Promise<{body: Buffer; bytes: number}> {
  return new Promise((resolve, reject) => {
    const kept: Buffer[] = [];
    let keptBytes = 0;
    let bytes = 0;
    const body = decoded(incoming, reject);
    const stop = (error: Error) => {
      // First the reason: destroying tells of an aborted connection, in the same moment.
      reject(error);
      incoming.destroy();
      if (body !== incoming) body.destroy();
    };
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes)
        return stop(new ProbeError('too-large', `the body is larger than ${maxBodyBytes / 1024 / 1024} MiB`));
      if (keptBytes < keepBytes) {
        const part = chunk.subarray(0, keepBytes - keptBytes);
        kept.push(part);
        keptBytes += part.length;
      }
    });
    body.on('end', () => resolve({body: Buffer.concat(kept), bytes}));
    body.on('error', stop);
    incoming.on('error', stop);
    incoming.on('aborted', () =>
      stop(Object.assign(new Error('connection closed before the end'), {code: 'ECONNRESET'})),
    );
  });
}

function decoded(incoming: IncomingMessage, reject: (error: Error) => void): Readable {
  const encoding = incoming.headers['content-encoding']?.trim().toLowerCase();
  if (!encoding || encoding === 'identity') return incoming;
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'br'
        ? createBrotliDecompress()
        : encoding === 'deflate'
          ? createInflate()
          : undefined;
  if (!decoder) {
    incoming.destroy();
    reject(new ProbeError('protocol', 'the answer has an unknown content-encoding'));
    return incoming;
  }
  return incoming.pipe(decoder);
}

/** One text per name; Node has joined all but `set-cookie` already. */
function flatten(incoming: IncomingMessage): Record<string, string> {
  const headers = incoming.headers as Record<string, string>;
  const cookies = incoming.headers['set-cookie'];
  return cookies ? {...headers, 'set-cookie': cookies.join('\n')} : headers;
}

function describe(error: Error & {code?: string; errors?: Error[]}): string {
  const inner = error.errors?.[0] ?? error;
  return inner.message || error.code || 'connection failed';
}

/** Looks a name up at most every ten seconds: thousands of probes would queue behind the resolver's four threads. */
function keptLookup(): LookupFunction {
  const kept = new Map<string, {atMs: number; error: NodeJS.ErrnoException | null; addresses: unknown}>();
  return (host, options, callback) => {
    const answer = callback as (error: NodeJS.ErrnoException | null, address: unknown, family?: number) => void;
    const key = `${host} ${options.all ? 'all' : 'one'} ${options.family ?? 0}`;
    const known = kept.get(key);
    if (known && performance.now() - known.atMs < dnsKeepMs) {
      const value = known.addresses as [unknown, number?];
      process.nextTick(() => answer(null, value[0], value[1]));
      return;
    }
    systemLookup(host, options, ((error: NodeJS.ErrnoException | null, address: unknown, family?: number) => {
      if (!error) kept.set(key, {atMs: performance.now(), error, addresses: [address, family]});
      answer(error, address, family);
    }) as never);
  };
}
