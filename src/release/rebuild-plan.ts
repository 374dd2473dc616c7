import type {Problem} from '../kernel/errors.js';
import type {Settings} from '../platforms/railway/settings.js';

/**
 * What a rebuild makes of the configuration in a set: which database service the variables speak of, which of them lead
 * to it, and what stands in the way. Pure, so that all of it is told before anything is made.
 */
export interface RebuildPlan {
  /** Name of the PostgreSQL service that the backend's variables refer to. */
  readonly database: string;
  /** Of the backend: unrendered, with every address of the lost database turned into a reference. */
  readonly variables: Readonly<Record<string, string>>;
  readonly sharedVariables: Readonly<Record<string, string>>;
  /** Names whose literal database address became a reference. */
  readonly redirected: readonly string[];
  readonly problems: readonly Problem[];
}

export interface RebuildFacts {
  readonly settings: Settings;
  /** Name of the backend's service in the new project. */
  readonly service: string;
  /** Name of the database in the set. */
  readonly lostDatabase: string;
  /** Values that the platform never gave out, from the user. */
  readonly sealed: Readonly<Record<string, string>>;
  /** Services that are in the new project already. */
  readonly present: readonly string[];
}

const reference = /\$\{\{\s*([^}]+?)\s*\}\}/g;
const ofDatabase =
  /^(DATABASE_(PRIVATE_|PUBLIC_)?URL|PG(HOST|PORT|USER|PASSWORD|DATABASE)|POSTGRES_(USER|PASSWORD|DB|URL))$/;

export function planRebuild(facts: RebuildFacts): RebuildPlan {
  const {settings, sealed} = facts;
  const own = {...settings.variables, ...pick(sealed, settings.sealed)};
  const everything = [...Object.values(own), ...Object.values(settings.sharedVariables)];
  const references = everything.flatMap(referencesIn);
  const database = references.find(({name}) => ofDatabase.test(name))?.service ?? 'Postgres';
  const redirect = (values: Readonly<Record<string, string>>) => redirected(values, facts.lostDatabase, database);
  const [variables, shared] = [redirect(own), redirect(settings.sharedVariables)];
  return {
    database,
    variables: variables.values,
    sharedVariables: shared.values,
    redirected: [...variables.names, ...shared.names],
    problems: [...sealedProblems(facts), ...serviceProblems(facts, references, database)],
  };
}

function pick(values: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

/** References to other services: `${{Postgres.DATABASE_URL}}`, not `${{shared.NAME}}` or `${{NAME}}`. */
function referencesIn(value: string): Array<{readonly service: string; readonly name: string}> {
  return [...value.matchAll(reference)].flatMap(([, inner]) => {
    const at = inner!.indexOf('.');
    const service = inner!.slice(0, Math.max(0, at)).trim();
    return at < 0 || service === 'shared' ? [] : [{service, name: inner!.slice(at + 1).trim()}];
  });
}

/** A literal address of the lost database would lead nowhere; what it says besides is kept. */
function redirected(values: Readonly<Record<string, string>>, lost: string, database: string) {
  const names: string[] = [];
  const entries = Object.entries(values).map(([name, value]) => {
    if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) return [name, value] as const;
    const {pathname, searchParams} = new URL(value);
    if (decodeURIComponent(pathname.slice(1)) !== lost) return [name, value] as const;
    names.push(name);
    // The private network is encrypted below and its server has another certificate.
    for (const key of ['sslmode', 'sslrootcert', 'channel_binding', 'host', 'port']) searchParams.delete(key);
    const rest = searchParams.toString();
    return [name, `\${{${database}.DATABASE_URL}}${rest && `?${rest}`}`] as const;
  });
  return {values: Object.fromEntries(entries), names};
}

function sealedProblems({settings, sealed}: RebuildFacts): Problem[] {
  return settings.sealed
    .filter((name) => sealed[name] === undefined)
    .map((name) => ({
      where: `variable \`${name}\``,
      what: 'is sealed: Railway never told its value, so it is in no set',
      remedy: `Pass it in \`sealed-variables\`, as a line ${name}=value`,
    }));
}

function serviceProblems(
  {service, present}: RebuildFacts,
  references: ReadonlyArray<{readonly service: string; readonly name: string}>,
  database: string,
): Problem[] {
  const lacking = new Set(references.map((one) => one.service));
  for (const known of [database, service, ...present]) lacking.delete(known);
  return [...lacking].map((name) => ({
    where: `service \`${name}\``,
    what: 'is referred to by the variables, and a rebuild makes the backend and its PostgreSQL only',
    remedy: 'Make it in the new project first, under this very name',
  }));
}

/** Fills the new address into what the configuration says of a frontend's variables. */
export function frontendVariables(templates: Readonly<Record<string, string>>, url: string): Record<string, string> {
  const {host} = new URL(url);
  return Object.fromEntries(
    Object.entries(templates).map(([name, text]) => [name, text.replaceAll('{url}', url).replaceAll('{host}', host)]),
  );
}

/** The address that the rebuilt backend has: the configured one where its domain goes along, else a new one. */
export function keepsAddress(settings: Settings, url: string): boolean {
  const {host} = new URL(url);
  return settings.domains.some((one) => one.kind === 'custom' && one.domain === host);
}
