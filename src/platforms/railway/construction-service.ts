import {cleanLine} from './clean.js';
import {claimService, ownService} from './construction-claim.js';
import {setSettings, settingsInput} from './construction-settings.js';
import type {Site} from './construction-site.js';
import {refuseForeignShared, setVariables, withoutProvided} from './construction-variables.js';
import type {Settings} from './settings.js';
import {maskAll, ownerVariable} from './variables.js';

export interface WantedService {
  readonly name: string;
  /** As the backup keeps them; its own variables and domains are not looked at. */
  readonly settings: Settings;
  readonly variables: Readonly<Record<string, string>>;
  readonly sharedVariables: Readonly<Record<string, string>>;
  /** The recovery it is made for. */
  readonly owner: string;
}

export interface BuiltService {
  readonly serviceId: string;
  /** False when an earlier run had made it. */
  readonly made: boolean;
}

/** Everything but a deployment: that is made by the ordinary release of a commit. */
export async function makeService(site: Site, wanted: WantedService): Promise<BuiltService> {
  const name = cleanLine(wanted.name, 80);
  const shared = withoutProvided(wanted.sharedVariables);
  const own = {...withoutProvided(wanted.variables), [ownerVariable]: wanted.owner};
  for (const variables of [shared, wanted.variables]) maskAll(new Map(Object.entries(variables)), site.mask);
  await ownService(site, wanted.name, wanted.owner);
  await refuseForeignShared(site, shared);
  const {serviceId, made} = await claimService(site, wanted.name, wanted.owner);
  await setVariables(site, {name: 'the environment'}, shared);
  await setVariables(site, {name: `service ${name}`, serviceId}, own);
  // The source comes last: until then there is nothing that a deployment could be made of.
  await setSettings(site, name, serviceId, settingsInput(wanted.settings.service));
  return {serviceId, made};
}
