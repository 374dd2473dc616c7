import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {findDeployment, isMissing} from './deployment-record.js';
import {record, text} from './json.js';
import {together} from './together.js';

/** What one production host was read to serve. */
export interface HostReading {
  readonly host: string;
  /** Undefined: it serves no deployment. */
  readonly deploymentId: string | undefined;
}

/**
 * Asks the platform what each host serves. The alias is the authority: neither `aliasAssigned` nor the `alias` list of
 * a deployment proves production traffic.
 */
export async function readHosts(vercel: Vercel, hosts: readonly string[], call: Call): Promise<HostReading[]> {
  return together(hosts.map(async (host) => ({host, deploymentId: await servedBy(vercel, host, call)})));
}

async function servedBy(vercel: Vercel, host: string, call: Call): Promise<string | undefined> {
  try {
    const alias = record(
      await vercel.api.read(`/v4/aliases/${encodeURIComponent(host)}`, {...call, what: `read what ${host} serves`}),
    );
    const id = text(alias?.deploymentId) ?? text(record(alias?.deployment)?.id);
    if (id) return id;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return (await findDeployment(vercel, host, call))?.id;
}

/** `www.example.com serves dpl_1, example.com serves nothing`, for messages. */
export function describeHosts(readings: readonly HostReading[]): string {
  return readings.map(({host, deploymentId}) => `${host} serves ${deploymentId ?? 'nothing'}`).join(', ');
}
