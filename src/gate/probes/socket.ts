import {connect, type Socket} from 'node:net';
import {performance} from 'node:perf_hooks';
import {type PeerCertificate, type TLSSocket, connect as tlsConnect} from 'node:tls';
import {oneLine} from '../../kernel/text.js';
import {type CheckDefinition, defaultTimeoutMs} from '../policy.js';
import {classOfCode, type Probe, type ProbeContext, ProbeError, type ProbeResult, resultOf} from './probe.js';
import {socketOf} from './target.js';

const dayMs = 86_400_000;
const defaultMinDays = 14;

/** The port takes a connection. */
export const probeTcp: Probe = async (check, context) => {
  const {host, port} = socketOf(check, context);
  const request = `TCP ${host}:${port}`;
  try {
    const {latencyMs} = await open(connect({host, port}), 'connect', check, context, () => undefined);
    return {outcome: 'ok', latencyMs, request};
  } catch (error) {
    return {request, ...resultOf(error, context.redact)};
  }
};

/** The certificate chain is trusted, names the host, and stays valid long enough. A contract: broken means broken. */
export const probeTls: Probe = async (check, context) => {
  const {host, port} = socketOf(check, context);
  const request = `TLS ${host}:${port}`;
  try {
    // Looked at even when it is not trusted, so that the report can say why.
    const socket = tlsConnect({
      host,
      port,
      servername: /^[\d.:]+$/.test(host) ? '' : host,
      rejectUnauthorized: false,
      ...(context.ca ? {ca: context.ca} : {}),
    });
    const {value, latencyMs} = await open(socket, 'secureConnect', check, context, (tls) => ({
      certificate: tls.getPeerCertificate(),
      distrust: tls.authorized ? undefined : String(tls.authorizationError ?? 'not trusted'),
    }));
    return {
      request,
      latencyMs,
      ...judgeCertificate(value.certificate, value.distrust, check['min-days'] ?? defaultMinDays, context.clock.now()),
    };
  } catch (error) {
    return {request, ...resultOf(error, context.redact)};
  }
};

function judgeCertificate(
  certificate: PeerCertificate,
  distrust: string | undefined,
  minDays: number,
  nowMs: number,
): Pick<ProbeResult, 'outcome' | 'class' | 'detail' | 'expected' | 'got'> {
  const daysLeft = (Date.parse(certificate.valid_to) - nowMs) / dayMs;
  const broken = (expected: string, got: string) =>
    ({outcome: 'broken', class: 'tls', expected, got, detail: `expected ${expected}, got ${got}`}) as const;
  if (distrust !== undefined) return broken('a trusted certificate chain', oneLine(distrust, 120));
  if (!(daysLeft >= minDays))
    return broken(
      `a certificate valid for ${minDays} more days`,
      daysLeft < 0 ? `one that expired ${Math.ceil(-daysLeft)} days ago` : `one with ${Math.floor(daysLeft)} days left`,
    );
  return {outcome: 'ok', detail: `certificate valid for ${Math.floor(daysLeft)} more days`};
}

/** Waits for a socket's event within the check's time and closes the socket. @throws ProbeError with the error's class. */
export function open<S extends Socket | TLSSocket, T>(
  socket: S,
  event: string,
  check: CheckDefinition,
  {signal}: ProbeContext,
  look: (socket: S) => T,
): Promise<{value: T; latencyMs: number}> {
  const startedMs = performance.now();
  const timeoutMs = check.timeout ?? defaultTimeoutMs;
  const elapsed = () => performance.now() - startedMs;
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      act();
      socket.destroy();
    };
    const timer = setTimeout(
      () =>
        finish(() => reject(new ProbeError('timeout', `no connection within ${timeoutMs} ms`, {latencyMs: elapsed()}))),
      timeoutMs,
    );
    const onAbort = () => finish(() => reject(new ProbeError('local', 'stopped by the gate')));
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    socket.once(event, () => finish(() => resolve({value: look(socket), latencyMs: elapsed()})));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(() =>
        reject(
          new ProbeError(classOfCode(error.code), error.message || error.code || 'connection failed', {
            latencyMs: elapsed(),
          }),
        ),
      ),
    );
    socket.once('close', () =>
      finish(() => reject(new ProbeError('connect', 'the connection was closed at once', {latencyMs: elapsed()}))),
    );
  });
}
