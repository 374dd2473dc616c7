import type {CheckDefinition} from '../policy.js';
import type {ProbeContext} from './probe.js';

/** Host and port of checks that speak to a socket: their own, or those of their address. */
export function socketOf(
  check: CheckDefinition,
  {side}: Pick<ProbeContext, 'side'>,
  defaultPort?: number,
): {readonly host: string; readonly port: number} {
  const address = check.url ?? side.urls[check.target ?? 'backend'];
  const url = address === undefined ? undefined : new URL(address);
  const host = check.host ?? url?.hostname.replace(/^\[|\]$/g, '');
  if (host === undefined) throw new Error(`bug: check ${check.name} has no host`);
  const ofUrl = check.host === undefined && url ? Number(url.port) || (url.protocol === 'http:' ? 80 : 443) : undefined;
  return {host, port: check.port ?? ofUrl ?? defaultPort ?? 443};
}
