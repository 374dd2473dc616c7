import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {build, type Site, settledByMs} from './construction-site.js';
import {instanceSettingsDocument, setSettingsDocument} from './documents.js';
import {lookUntil} from './polling.js';

/** What of a service's settings Railway takes back under the same name. */
const sameNames = [
  'builder',
  'buildCommand',
  'dockerfilePath',
  'rootDirectory',
  'railwayConfigFile',
  'watchPatterns',
  'startCommand',
  'cronSchedule',
  'healthcheckPath',
  'healthcheckTimeout',
  'overlapSeconds',
  'drainingSeconds',
  'numReplicas',
  'region',
  'restartPolicyType',
  'restartPolicyMaxRetries',
  'sleepApplication',
] as const;

type SettingsInput = Readonly<Record<string, unknown>>;

/**
 * The write that makes a service be set up as one was read; what is unset there is left out.
 * @param service as `serviceInstance` answers it.
 */
export function settingsInput(service: Readonly<Record<string, unknown>>): SettingsInput {
  const input = {
    ...Object.fromEntries(sameNames.map((name) => [name, service[name]])),
    // One text or a list of them: the field is JSON when read, and a list when written.
    preDeployCommand:
      typeof service.preDeployCommand === 'string' ? [service.preDeployCommand] : service.preDeployCommand,
    source: sourceOf(service.source),
  };
  return Object.fromEntries(Object.entries(input).filter(([, value]) => isSet(value)));
}

function sourceOf(source: unknown): {repo: string} | {image: string} | undefined {
  const {repo, image} = (source ?? {}) as {readonly repo?: unknown; readonly image?: unknown};
  if (typeof repo === 'string' && repo) return {repo};
  return typeof image === 'string' && image ? {image} : undefined;
}

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** Names of the settings that a service does not have as wanted. */
export function settingsDiffering(wanted: SettingsInput, service: Readonly<Record<string, unknown>>): string[] {
  const current = settingsInput(service);
  return Object.keys(wanted).filter((name) => comparable(name, wanted[name]) !== comparable(name, current[name]));
}

function comparable(name: string, value: unknown): string {
  const folder = name === 'rootDirectory' && typeof value === 'string';
  return JSON.stringify(folder ? value.replace(/^\/+|\/+$/g, '') : (value ?? null));
}

/** A new workspace knows no repository until its owner lets it. */
function repositoryHint(source: unknown): string | undefined {
  const {repo} = (source ?? {}) as {readonly repo?: string};
  return repo && `Give Railway's GitHub app access to ${cleanLine(repo, 120)} in the workspace of the new project.`;
}

/** Writes settings, which starts nothing, and reads them back; an answer of `true` alone proves nothing. */
export async function setSettings(site: Site, name: string, serviceId: string, wanted: SettingsInput): Promise<void> {
  const {session, environmentId} = site;
  let left: string[] = [];
  const done = async () => {
    const {serviceInstance} = await session.read(instanceSettingsDocument, {environmentId, serviceId});
    left = settingsDiffering(wanted, serviceInstance);
    return left.length === 0 || undefined;
  };
  if (await done()) return;
  await build(
    site,
    `the settings of service ${name}`,
    async () =>
      (await session.once(setSettingsDocument, {environmentId, serviceId, input: wanted})).serviceInstanceUpdate ||
      undefined,
    done,
    repositoryHint(wanted.source),
  );
  const looked = await lookUntil(session, settledByMs(site), done);
  if (looked.value) return session.call.progress(`railway: set up service ${name}`);
  throw (
    looked.trouble ??
    new Failure(
      'RAILWAY_SETTINGS',
      `Railway took the settings of service ${name}, and shows others: ${cleanLine(left.join(', '), 300)}`,
      {
        remedy: `Set ${cleanLine(left.join(', '), 300)} by hand on the settings page of the service on railway.com, as the backup has them, and run again.`,
        details: {serviceId, settings: left},
      },
    )
  );
}
