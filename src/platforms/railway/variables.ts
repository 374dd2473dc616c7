import {
  deploymentVariablesDocument,
  type ServiceScope,
  variableNamesDocument,
  variablesThenAndNowDocument,
} from './documents.js';
import {ids} from './service-state.js';
import type {Session} from './session.js';

/** A variable as far as it may be known without its value. */
export interface VariableName {
  readonly name: string;
  /** Its value never comes back from the API. */
  readonly sealed: boolean;
  /** Belongs to the environment rather than to the service. */
  readonly shared: boolean;
}

/** Names of the service's own and of the environment's shared variables, sorted. */
export async function readVariableNames(session: Session, scope: ServiceScope): Promise<VariableName[]> {
  const found: VariableName[] = [];
  for (let after: string | undefined, pages = 0; pages < 20; pages++) {
    const {environment} = await session.read(variableNamesDocument, {
      environmentId: scope.environmentId,
      projectId: scope.projectId,
      after,
    });
    const nodes = environment.variables.edges
      .map((edge) => edge.node)
      .filter((node) => !node.serviceId || node.serviceId === scope.serviceId);
    found.push(...nodes.map((node) => ({name: node.name, sealed: node.isSealed, shared: !node.serviceId})));
    after = environment.variables.pageInfo?.endCursor ?? undefined;
    if (!environment.variables.pageInfo?.hasNextPage || !after) break;
  }
  return found.sort((a, b) => byName(a.name, b.name));
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

export type Presence = 'present' | 'sealed' | 'empty' | 'missing';

/** Whether the next deployment gets each variable; values are looked at for emptiness and dropped. */
export async function presenceOf(
  session: Session,
  scope: ServiceScope,
  names: readonly string[],
  mask: (value: string) => void,
): Promise<Map<string, Presence>> {
  const known = await readVariableNames(session, scope);
  const values = valuesOf((await session.read(deploymentVariablesDocument, ids(scope))).variablesForServiceDeployment);
  maskAll(values, mask);
  return new Map(names.map((name) => [name, presence(name, known, values)]));
}

function presence(
  name: string,
  known: readonly VariableName[],
  values: ReadonlyMap<string, string | undefined>,
): Presence {
  if (values.get(name)) return 'present';
  // A shared variable reaches the service only through a reference, so it counts by its value alone.
  const own = known.filter((one) => one.name === name && !one.shared);
  if (own.some((one) => one.sealed)) return 'sealed';
  // An unresolved reference renders empty.
  return values.has(name) || own.length > 0 ? 'empty' : 'missing';
}

/**
 * Names of variables that differ between a deployment and what a new one would get now. Provided ones are left out,
 * since they always differ. Undefined when the old ones are not kept.
 */
export async function changedVariables(
  session: Session,
  scope: ServiceScope,
  id: string,
  mask: (value: string) => void,
): Promise<string[] | undefined> {
  const raw = await session.once(variablesThenAndNowDocument, {...ids(scope), id});
  if (!raw.deploymentSnapshot) return undefined;
  const then = valuesOf(raw.deploymentSnapshot.variables);
  const now = valuesOf(raw.variablesForServiceDeployment);
  maskAll(then, mask);
  maskAll(now, mask);
  const names = new Set([...then.keys(), ...now.keys()]);
  return [...names].filter((name) => !name.startsWith('RAILWAY_') && then.get(name) !== now.get(name)).sort(byName);
}

/**
 * Hides every value that may be secret. Provided ones, flags and figures are none, and masking such words would blank
 * the log of every other one.
 */
export function maskAll(values: ReadonlyMap<string, string | undefined>, mask: (value: string) => void): void {
  for (const [name, value] of values) if (value && mayBeSecret(name, value)) mask(value);
}

/** The variable by which a recovery knows what it made itself. */
export const ownerVariable = 'SWITCHBACK_RECOVERY';

// Masking `postgres` or `railway` would blank those words in every line of the log.
const neverSecret = new Set([
  ownerVariable,
  'POSTGRES_USER',
  'POSTGRES_DB',
  'PGUSER',
  'PGDATABASE',
  'PGDATA',
  'PGHOST',
]);

function mayBeSecret(name: string, value: string): boolean {
  const provided = name.startsWith('RAILWAY_') && !/TOKEN|SECRET|PASSWORD|KEY/.test(name);
  const plain = value.length < 6 || /^(true|false|[\d.]+|development|production|staging)$/i.test(value);
  // A whole reference stands for a value, and is none.
  return !provided && !plain && !neverSecret.has(name) && !/^\$\{\{[^}]*\}\}$/.test(value);
}

/** Name to value; undefined for a sealed one, whose value may be null. */
export function valuesOf(raw: unknown): Map<string, string | undefined> {
  if (typeof raw !== 'object' || raw === null) return new Map();
  return new Map(Object.entries(raw).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]));
}
