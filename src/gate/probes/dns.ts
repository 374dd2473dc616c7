import {Resolver} from 'node:dns/promises';
import {performance} from 'node:perf_hooks';
import {defaultTimeoutMs} from '../policy.js';
import {type Probe, ProbeError, resultOf} from './probe.js';
import {socketOf} from './target.js';

/**
 * The name resolves to an address; with `expect.text`, to that one.
 * @param servers name servers to ask instead of the system's.
 */
export function dnsProbe(servers?: readonly string[]): Probe {
  return async (check, context) => {
    const {host} = socketOf(check, context);
    const request = `DNS ${host}`;
    const startedMs = performance.now();
    try {
      const addresses = await resolveBoth(host, check.timeout ?? defaultTimeoutMs, servers, context.signal);
      const latencyMs = performance.now() - startedMs;
      const wanted = check.expect?.text;
      if (wanted === undefined || addresses.includes(wanted))
        return {outcome: 'ok', latencyMs, request, detail: addresses.slice(0, 4).join(', ')};
      const got = addresses.slice(0, 4).join(', ');
      return {
        outcome: 'failed',
        class: 'assertion',
        latencyMs,
        request,
        expected: `the address ${wanted}`,
        got,
        detail: `expected the address ${wanted}, got ${got}`,
      };
    } catch (error) {
      return {request, ...resultOf(error, context.redact)};
    }
  };
}

/** Both families are asked; one is enough, since few names have both. */
async function resolveBoth(
  host: string,
  timeoutMs: number,
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const resolver = new Resolver({timeout: timeoutMs, tries: 1});
  if (servers) resolver.setServers([...servers]);
  const onAbort = () => resolver.cancel();
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    const results = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    if (addresses.length) return addresses;
    throw problemOf(results, timeoutMs);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function problemOf(results: ReadonlyArray<PromiseSettledResult<string[]>>, timeoutMs: number): ProbeError {
  const codes = results.map((result) =>
    result.status === 'rejected' ? ((result.reason as NodeJS.ErrnoException).code ?? 'unknown') : 'ENODATA',
  );
  if (codes.includes('ENOTFOUND')) return new ProbeError('dns', 'the name does not exist');
  if (codes.includes('ESERVFAIL')) return new ProbeError('dns', 'the name server reports a failure (SERVFAIL)');
  // Nobody to ask: this machine's network, not the product's name.
  if (codes.every((code) => code === 'ECONNREFUSED' || code === 'ECANCELLED'))
    return new ProbeError('local', 'no name server answers');
  if (codes.includes('ETIMEOUT'))
    return new ProbeError('timeout', `no answer from the name server within ${timeoutMs} ms`);
  return new ProbeError(
    'dns',
    codes.every((code) => code === 'ENODATA') ? 'the name has no address' : `the lookup failed (${codes.join(', ')})`,
  );
}
