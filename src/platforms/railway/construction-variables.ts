import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {build, readPlainVariables, type Site, settledByMs} from './construction-site.js';
import {setVariablesDocument} from './documents.js';
import {lookUntil} from './polling.js';

/** Whose variables: a service's own, or without an id the environment's shared ones. */
export interface VariableHolder {
  /** For people: "service api". */
  readonly name: string;
  readonly serviceId?: string;
}

/** Names whose values differ from the wanted ones. A sealed one never shows, and is taken as a person left it. */
export function differing(
  wanted: Readonly<Record<string, string>>,
  current: ReadonlyMap<string, string | undefined>,
): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => !current.has(name) || (current.get(name) ?? value).trim() !== value.trim())
    .map(([name]) => name);
}

/** Sets what differs, without a deployment, and reads it back. Others stay. */
export async function setVariables(
  site: Site,
  holder: VariableHolder,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const {session, projectId, environmentId} = site;
  const read = () => readPlainVariables(site, holder.serviceId);
  const names = differing(wanted, await read());
  if (names.length === 0) return;
  const variables = Object.fromEntries(names.map((name) => [name, wanted[name]!]));
  const input = {projectId, environmentId, serviceId: holder.serviceId, variables, skipDeploys: true as const};
  let left = names;
  const done = async () => {
    left = differing(wanted, await read());
    return left.length === 0 || undefined;
  };
  await build(
    site,
    `the variables of ${holder.name}`,
    async () => (await session.once(setVariablesDocument, {input})).variableCollectionUpsert || undefined,
    done,
  );
  const looked = await lookUntil(session, settledByMs(site), done);
  if (looked.value)
    return session.call.progress(
      `railway: set ${names.length === 1 ? 'one variable' : `${names.length} variables`} of ${holder.name}`,
    );
  throw (
    looked.trouble ??
    new Failure(
      'RAILWAY_VARIABLES',
      `Railway took the variables of ${holder.name}, and shows other values of: ${cleanLine(left.join(', '), 300)}`,
      {remedy: 'Look at these variables on railway.com, correct them in the configuration or there, and run again.'},
    )
  );
}

/**
 * Refuses to overwrite what somebody else has set for the whole environment.
 * @throws Failure RAILWAY_NOT_EMPTY
 */
export async function refuseForeignShared(site: Site, wanted: Readonly<Record<string, string>>): Promise<void> {
  const current = await readPlainVariables(site);
  const foreign = differing(wanted, current).filter((name) => current.has(name));
  if (foreign.length === 0) return;
  const names = cleanLine(foreign.join(', '), 300);
  throw new Failure(
    'RAILWAY_NOT_EMPTY',
    `Railway environment ${cleanLine(site.environmentName, 80)} already has shared variables with other values: ${names}; nothing was changed`,
    {remedy: `Recover into an empty project, or delete the shared variables ${names} there, and run again.`},
  );
}

// A backup lists them among the others, but each belongs to the old project, and Railway gives the new service its own.
const provided =
  /^RAILWAY_(PROJECT_(ID|NAME)|ENVIRONMENT(_ID|_NAME)?|SERVICE_(ID|NAME)|SERVICE_.*_URL|DEPLOYMENT_ID|SNAPSHOT_ID|REPLICA_(ID|REGION)|PUBLIC_DOMAIN|PRIVATE_DOMAIN|STATIC_URL|TCP_.*|VOLUME_.*|GIT_.*)$/;

/** Without those that Railway itself provides. */
export function withoutProvided(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !provided.test(name)));
}
