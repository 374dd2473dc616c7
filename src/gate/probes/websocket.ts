import {createHash, randomBytes} from 'node:crypto';
import {request as httpRequest} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {performance} from 'node:perf_hooks';
import type {CheckDefinition} from '../policy.js';
import {defaultTimeoutMs} from '../policy.js';
import {addressOf, authHeader, showUrl} from './http.js';
import {classOfCode, type Probe, type ProbeContext, ProbeError, type ProbeResult, resultOf} from './probe.js';

const protocolGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The server accepts an upgrade to WebSocket, with the accept value that RFC 6455 demands. */
export const probeWebSocket: Probe = async (check, context) => {
  try {
    return await upgrade(check, context);
  } catch (error) {
    return resultOf(error, context.redact);
  }
};

function upgrade(check: CheckDefinition, context: ProbeContext): Promise<ProbeResult> {
  const url = addressOf(check, check, context);
  const request = `WebSocket ${showUrl(url)}`;
  const key = randomBytes(16).toString('base64');
  const timeoutMs = check.timeout ?? defaultTimeoutMs;
  const startedMs = performance.now();
  const facts = (): Partial<ProbeResult> => ({request, latencyMs: performance.now() - startedMs});
  const headers = {
    ...check.headers,
    ...(check.url === undefined ? context.side.headers : {}),
    ...(check.auth ? authHeader(check.auth, context.secret) : {}),
    ...(check.target === 'frontend' && context.side.protectionBypass
      ? {'x-vercel-protection-bypass': context.side.protectionBypass}
      : {}),
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
    ...(check.origin ? {origin: check.origin} : {}),
  };
  return new Promise<ProbeResult>((resolve, reject) => {
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      headers,
      agent: false,
      ...(context.ca ? {ca: context.ca} : {}),
    });
    const finish = (act: () => void) => {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', onAbort);
      act();
      outgoing.destroy();
    };
    const timer = setTimeout(
      () => finish(() => reject(new ProbeError('timeout', `no upgrade within ${timeoutMs} ms`, facts()))),
      timeoutMs,
    );
    const onAbort = () => finish(() => reject(new ProbeError('local', 'stopped by the gate')));
    context.signal.addEventListener('abort', onAbort, {once: true});
    if (context.signal.aborted) onAbort();
    outgoing.on('upgrade', (response, socket) => {
      const fine =
        response.headers['sec-websocket-accept'] ===
        createHash('sha1')
          .update(key + protocolGuid)
          .digest('base64');
      socket.destroy();
      finish(() =>
        fine
          ? resolve({outcome: 'ok', ...facts(), status: 101})
          : reject(new ProbeError('protocol', 'the upgrade was accepted with a wrong sec-websocket-accept', facts())),
      );
    });
    outgoing.on('response', (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      finish(() =>
        reject(
          new ProbeError(
            status >= 500 ? 'status-5xx' : 'status-other',
            `expected an upgrade to WebSocket, got status ${status}`,
            {...facts(), status, expected: 'an upgrade to WebSocket', got: `status ${status}`},
          ),
        ),
      );
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      finish(() => reject(new ProbeError(classOfCode(error.code), error.message || 'connection failed', facts()))),
    );
    outgoing.end();
  });
}
