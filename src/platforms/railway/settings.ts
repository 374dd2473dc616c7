import {domainsDocument, type ServiceScope, settingsDocument} from './documents.js';
import {ids} from './service-state.js';
import type {Session} from './session.js';
import {maskAll, readVariableNames, valuesOf} from './variables.js';

/** Everything needed to set the service up again; holds secret values, so it belongs into an encrypted part only. */
export interface Settings {
  /** As Railway's `serviceInstance` names them. */
  readonly service: Readonly<Record<string, unknown>>;
  readonly domains: ReadonlyArray<{
    readonly domain: string;
    readonly targetPort?: number | null;
    readonly kind: 'custom' | 'service';
  }>;
  /** Unrendered: references stay `${{…}}`. */
  readonly variables: Readonly<Record<string, string>>;
  readonly sharedVariables: Readonly<Record<string, string>>;
  /** Names whose values Railway never gives out; they must be kept elsewhere. */
  readonly sealed: readonly string[];
}

export async function readSettings(
  session: Session,
  scope: ServiceScope,
  mask: (value: string) => void,
): Promise<Settings> {
  const raw = await session.read(settingsDocument, ids(scope));
  const {domains} = await session.read(domainsDocument, ids(scope));
  const names = await readVariableNames(session, scope);
  const variables = known(raw.own, mask);
  const sharedVariables = known(raw.shared, mask);
  return {
    service: raw.serviceInstance,
    domains: [
      ...domains.customDomains.map((one) => ({...one, kind: 'custom' as const})),
      ...domains.serviceDomains.map((one) => ({...one, kind: 'service' as const})),
    ],
    variables,
    sharedVariables,
    sealed: names.filter((one) => one.sealed).map((one) => one.name),
  };
}

function known(raw: unknown, mask: (value: string) => void): Record<string, string> {
  const values = valuesOf(raw);
  maskAll(values, mask);
  return Object.fromEntries([...values].filter((entry): entry is [string, string] => entry[1] !== undefined));
}
