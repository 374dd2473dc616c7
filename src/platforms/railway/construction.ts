import {type Clock, systemClock} from '../../kernel/clock.js';
import {Failure} from '../../kernel/errors.js';
import type {PlatformCall} from '../platform.js';
import {checkedAddress, loopbackPollMs, pollMs} from './address.js';
import {RailwayApi} from './api.js';
import {ownersOf} from './construction-claim.js';
import {type BuiltDatabase, makeDatabase, type WantedDatabase} from './construction-database.js';
import {attachDomains, type BuiltDomains} from './construction-domains.js';
import {type BuiltService, makeService, type WantedService} from './construction-service.js';
import type {Site} from './construction-site.js';
import {type Credential, identify} from './credential.js';
import {Session} from './session.js';
import type {Settings} from './settings.js';
import {findPlace, type Place, servicesOf} from './target.js';

/**
 * Builds what a product needs in an empty project. Every step first looks for what an earlier run of the same recovery
 * left, so that a run that was killed anywhere can simply be started again.
 */
export interface Construction {
  /** The project and environment the token belongs to, and its services; `owner` is the recovery that made one. */
  inspect(call: PlatformCall): Promise<
    Place & {
      readonly services: ReadonlyArray<{
        readonly id: string;
        readonly name: string;
        readonly owner: string | undefined;
      }>;
    }
  >;
  /**
   * Makes the PostgreSQL service (or takes up what an earlier run of the same recovery made), starts it, gives it public
   * access, and waits until a deployment is good and its TCP proxy active.
   * @throws Failure RAILWAY_NOT_EMPTY before any change when a service of that name belongs to somebody else.
   */
  database(wanted: WantedDatabase, call: PlatformCall & {readonly timeoutMs: number}): Promise<BuiltDatabase>;
  /**
   * Makes the service without deploying anything: settings, own and shared variables; no edge rules.
   * @throws Failure RAILWAY_NOT_EMPTY before any change when a service of that name, or another value of a shared
   * variable, belongs to somebody else.
   */
  service(wanted: WantedService, call: PlatformCall): Promise<BuiltService>;
  /** Attaches the custom domains, and generates a Railway domain where there was one, or nothing else to reach it by. */
  domains(serviceId: string, wanted: Settings['domains'], call: PlatformCall): Promise<BuiltDomains>;
}

export interface ConstructionOptions {
  /** Of the new project or its workspace. */
  readonly token: string;
  readonly apiUrl: string;
  /** Project id; needless with a project token. */
  readonly project?: string;
  /** Name or id; needless with a project token. */
  readonly environment?: string;
  /** Base of the polling plan in milliseconds: 5,000, or 250 against this machine. */
  readonly pollMs?: number;
}

export interface ConstructionDeps {
  /** Told of every secret that is made or read, before anything is logged. */
  readonly mask?: (value: string) => void;
  readonly clock?: Clock;
}

/** Deadline of a call that only reads, and of one that writes settings. */
const readingMs = 120_000;
const writingMs = 600_000;
/** Time after the deadline of a start to find out what it was about. */
const diagnosisMs = 60_000;

/**
 * Opens it; nothing is sent yet.
 * @throws Failure RAILWAY_URL for an address that would send the token in the clear, RAILWAY_TOKEN for an empty token.
 */
export function openConstruction(options: ConstructionOptions, deps: ConstructionDeps = {}): Construction {
  return new RailwayConstruction(options, deps);
}

class RailwayConstruction implements Construction {
  private readonly api: RailwayApi;
  private readonly mask: (value: string) => void;
  private credential: Credential | undefined;
  private place: Place | undefined;

  constructor(
    private readonly options: ConstructionOptions,
    deps: ConstructionDeps,
  ) {
    if (!options.token.trim())
      throw new Failure('RAILWAY_TOKEN', 'The Railway token of the new project is empty', {
        remedy: 'Create a project token in the settings of the new project, store it as the secret and pass it.',
      });
    const address = checkedAddress(options.apiUrl);
    this.api = new RailwayApi({
      url: address.url,
      clock: deps.clock ?? systemClock,
      pollMs: options.pollMs ?? (address.loopback ? loopbackPollMs : pollMs),
    });
    this.mask = deps.mask ?? (() => undefined);
  }

  async inspect(call: PlatformCall) {
    const site = await this.site(call, readingMs);
    const {projectId, projectName, environmentId, environmentName} = site;
    const {list} = await servicesOf(site.session, {projectId, environmentId});
    const owners = await ownersOf(site);
    const services = list.map(({serviceId, serviceName}) => ({
      id: serviceId,
      name: serviceName,
      owner: owners.get(serviceId),
    }));
    return {projectId, projectName, environmentId, environmentName, services};
  }

  async database(wanted: WantedDatabase, call: PlatformCall & {readonly timeoutMs: number}) {
    const site = await this.site(call, call.timeoutMs + diagnosisMs);
    return makeDatabase(site, wanted, site.session.deadlineMs - diagnosisMs);
  }

  async service(wanted: WantedService, call: PlatformCall) {
    return makeService(await this.site(call, writingMs), wanted);
  }

  async domains(serviceId: string, wanted: Settings['domains'], call: PlatformCall) {
    return attachDomains(await this.site(call, writingMs), serviceId, wanted);
  }

  /** Token and place, found once and kept. */
  private async site(call: PlatformCall, timeoutMs: number): Promise<Site> {
    const bare = new Session(this.api, {}, call, this.api.clock.now() + timeoutMs);
    this.credential ??= await identify(bare, this.options.token.trim(), 'auto');
    const session = bare.as(this.credential.header);
    this.place ??= await findPlace(session, this.credential, this.options);
    return {session, ...this.place, mask: this.mask};
  }
}
