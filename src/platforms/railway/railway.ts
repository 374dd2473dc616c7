import {type Clock, systemClock} from '../../kernel/clock.js';
import {Failure} from '../../kernel/errors.js';
import type {
  Anchor,
  Deployer,
  Deployment,
  DeployRequest,
  Finding,
  Live,
  PlatformCall,
  Promotion,
  Rollback,
} from '../platform.js';
import {checkedAddress, defaultUrl, loopbackPollMs, pollMs} from './address.js';
import {RailwayApi} from './api.js';
import {cancelDeployment} from './cancel.js';
import {cleanLine} from './clean.js';
import {type Credential, identify, nameBearer, type TokenKind} from './credential.js';
import {deploy} from './deploy.js';
import {domainsDocument} from './documents.js';
import {readLive} from './live.js';
import {type BackendNotice, readMaintenance, setMaintenance} from './maintenance.js';
import type {Source} from './order.js';
import {inspect, refused, tokenFinding} from './preflight.js';
import {promote} from './promotion.js';
import {rollback} from './rollback.js';
import {hostsOf, ids, urlOf} from './service-state.js';
import {Session} from './session.js';
import {readSettings, type Settings} from './settings.js';
import {findTarget, placeOf, readWanted, type Target, targetAt} from './target.js';
import {readTraffic, type Traffic, type TrafficWindow} from './traffic.js';
import {readVariableNames, type VariableName} from './variables.js';

export type {BackendNotice} from './maintenance.js';
export type {Settings} from './settings.js';
export type {Traffic, TrafficWindow} from './traffic.js';
export type {VariableName} from './variables.js';

export interface RailwayOptions {
  readonly token: string;
  /** Default `auto`: tried as project token, then as workspace or account token. */
  readonly tokenKind?: TokenKind | 'auto';
  /** Project id; needless with a project token. */
  readonly project?: string;
  /** Name or id; needless with a project token. */
  readonly environment?: string;
  /** Name or id, or the address of the service's page on railway.com. */
  readonly service: string;
  /** Default https://backboard.railway.com; `http://` only for this machine. */
  readonly apiUrl?: string;
  /** Default: as the service is set up. */
  readonly source?: Source;
  /** For image services; `{commit}` stands for the SHA of the release. */
  readonly image?: string;
  /** `owner/name` the service must be connected to. */
  readonly repository?: string;
  /** Where users reach the service; default its first custom domain, then its Railway domain. */
  readonly publicUrl?: string;
  /** False refuses to deploy while Railway would deploy each push by itself; otherwise that is a warning. */
  readonly allowAutoDeploy?: boolean;
  /** Base of the polling plan in milliseconds: 5,000, or 250 against this machine. */
  readonly pollMs?: number;
}

export interface RailwayDeps {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Told of every variable's value that is read, before anything is logged. */
  readonly mask?: (value: string) => void;
}

export interface RailwayExtras {
  /** Traffic at the public edge in a window, for the gate. */
  traffic(window: TrafficWindow, call: PlatformCall): Promise<Traffic>;
  /** Names only. */
  variableNames(call: PlatformCall): Promise<VariableName[]>;
  /** Settings, domains and variables with their values: for the encrypted part of a backup. */
  settings(call: PlatformCall): Promise<Settings>;
  /** `https://host` of each public address, users' first. */
  publicUrls(call: PlatformCall): Promise<string[]>;
  /** Is our maintenance rule at the edge? */
  readMaintenance(call: PlatformCall): Promise<boolean>;
  /** Puts the rule there, or takes it away (undefined); foreign rules stay. Read back before it returns. */
  setMaintenance(notice: BackendNotice | undefined, call: PlatformCall): Promise<'changed' | 'already'>;
}

/** Deadline of calls that only read, or cancel. */
const shortCallMs = 120_000;
/** Time after the deadline of a deployment to find out what it was about. */
const diagnosisMs = 60_000;

/**
 * Opens the adapter; nothing is sent yet.
 * @throws Failure RAILWAY_URL for an address that would send the token in the clear, RAILWAY_TOKEN for an empty token.
 */
export function openRailway(options: RailwayOptions, deps: RailwayDeps = {}): Deployer & RailwayExtras {
  return new Railway(options, deps);
}

class Railway implements Deployer, RailwayExtras {
  readonly component = 'backend';
  readonly name = 'railway';
  private readonly api: RailwayApi;
  private readonly mask: (value: string) => void;
  private credential: Credential | undefined;
  private found: Target | undefined;
  private hosts: readonly string[] | undefined;

  constructor(
    private readonly options: RailwayOptions,
    deps: RailwayDeps,
  ) {
    if (!options.token.trim())
      throw new Failure('RAILWAY_TOKEN', 'The Railway token is empty', {
        remedy: 'Store a project token of the production environment as the secret and pass it.',
      });
    if (!options.service.trim())
      throw new Failure('RAILWAY_SERVICE', 'No Railway service was named', {
        remedy: "Pass the service's name or id, or the address of its page on railway.com.",
      });
    const address = checkedAddress(options.apiUrl ?? defaultUrl);
    this.api = new RailwayApi({
      url: address.url,
      clock: deps.clock ?? systemClock,
      random: deps.random,
      pollMs: options.pollMs ?? (address.loopback ? loopbackPollMs : pollMs),
    });
    this.mask = deps.mask ?? (() => undefined);
    if (options.publicUrl) this.hosts = [hostOf(options.publicUrl)];
  }

  async preflight(
    requirements: {
      readonly requiredVariables: readonly string[];
      readonly repository?: string;
      readonly commit?: string;
    },
    call: PlatformCall,
  ): Promise<Finding[]> {
    const session = this.session(call, shortCallMs);
    let credential: Credential;
    try {
      credential = await nameBearer(session, await this.identified(session));
    } catch (error) {
      return [refused('token', error)];
    }
    const token = tokenFinding(credential);
    let connected: {session: Session; target: Target};
    try {
      connected = await this.connected(call);
    } catch (error) {
      return [token, refused('service', error)];
    }
    const plan = {
      allowAutoDeploy: this.options.allowAutoDeploy,
      source: this.options.source,
      image: this.options.image,
      mask: this.mask,
    };
    return [
      token,
      ...(await inspect(
        connected.session,
        connected.target,
        {repository: this.options.repository, ...requirements},
        plan,
      )),
    ];
  }

  async readLive(call: PlatformCall): Promise<Live | undefined> {
    const {session, target} = await this.connected(call);
    const live = await readLive(session, target, this.hosts);
    if (live) this.hosts ??= live.hosts;
    return live && {...live, place: placeOf(target)};
  }

  async deploy(
    request: DeployRequest,
    call: PlatformCall & {
      readonly onCreated?: (deploymentId: string) => void | Promise<void>;
      readonly timeoutMs: number;
    },
  ): Promise<Deployment> {
    const {session, target} = await this.connected(call);
    const {source, image, repository} = this.options;
    const publicUrl = this.options.publicUrl ?? (this.hosts?.[0] && urlOf(this.hosts[0]));
    return deploy(session, target, request, {
      source,
      image,
      repository,
      publicUrl,
      allowAutoDeploy: this.options.allowAutoDeploy ?? true,
      timeoutMs: call.timeoutMs,
      onCreated: call.onCreated,
    });
  }

  async promote(deploymentId: string, call: PlatformCall & {readonly timeoutMs: number}): Promise<Promotion> {
    const {session, target} = await this.connected(call);
    return promote(session, target, deploymentId, call.timeoutMs, this.hosts);
  }

  async rollback(
    anchor: Anchor,
    call: PlatformCall & {
      readonly abandoned: readonly string[];
      readonly abandonedCommit?: string;
      readonly timeoutMs: number;
      readonly dryRun?: boolean;
      readonly allowRebuild?: boolean;
      readonly newerThanMs?: number;
      readonly reason: string;
    },
  ): Promise<Rollback> {
    const {session, target} = await this.connected(call, anchor.place);
    return rollback(session, target, anchor, {
      abandoned: call.abandoned,
      ...(call.abandonedCommit && {abandonedCommit: call.abandonedCommit}),
      timeoutMs: call.timeoutMs,
      dryRun: call.dryRun ?? false,
      allowRebuild: call.allowRebuild ?? false,
      ...(call.newerThanMs !== undefined && {newerThanMs: call.newerThanMs}),
      reason: call.reason,
      mask: this.mask,
      hosts: this.hosts,
    });
  }

  async cancel(deploymentId: string, call: PlatformCall): Promise<boolean> {
    const {session} = await this.connected(call);
    return cancelDeployment(session, deploymentId, session.now() + shortCallMs);
  }

  async traffic(window: TrafficWindow, call: PlatformCall): Promise<Traffic> {
    const {session, target} = await this.connected(call);
    return readTraffic(session, target, window);
  }

  async variableNames(call: PlatformCall): Promise<VariableName[]> {
    const {session, target} = await this.connected(call);
    return readVariableNames(session, target);
  }

  async settings(call: PlatformCall): Promise<Settings> {
    const {session, target} = await this.connected(call);
    return readSettings(session, target, this.mask);
  }

  async publicUrls(call: PlatformCall): Promise<string[]> {
    const {session, target} = await this.connected(call);
    const {domains} = await session.read(domainsDocument, ids(target));
    const urls = hostsOf(domains).map(urlOf);
    return this.options.publicUrl
      ? [this.options.publicUrl, ...urls.filter((url) => url !== this.options.publicUrl)]
      : urls;
  }

  async readMaintenance(call: PlatformCall): Promise<boolean> {
    const {session, target} = await this.connected(call);
    return readMaintenance(session, target);
  }

  async setMaintenance(notice: BackendNotice | undefined, call: PlatformCall): Promise<'changed' | 'already'> {
    const {session, target} = await this.connected(call);
    return setMaintenance(session, target, notice);
  }

  private session(call: PlatformCall, timeoutMs: number): Session {
    return new Session(this.api, {}, call, this.api.clock.now() + timeoutMs);
  }

  private async identified(session: Session): Promise<Credential> {
    this.credential ??= await identify(session, this.options.token.trim(), this.options.tokenKind ?? 'auto');
    return this.credential;
  }

  /** Token and service, found once and kept. */
  private async connected(
    call: PlatformCall & {readonly timeoutMs?: number},
    place?: string,
  ): Promise<{session: Session; target: Target}> {
    const bare = this.session(call, call.timeoutMs === undefined ? shortCallMs : call.timeoutMs + diagnosisMs);
    const credential = await this.identified(bare);
    const session = bare.as(credential.header);
    const wanted = readWanted(this.options);
    this.found ??= targetAt(place, credential, wanted) ?? (await findTarget(session, credential, wanted));
    return {session, target: this.found};
  }
}

function hostOf(publicUrl: string): string {
  if (URL.canParse(publicUrl)) return new URL(publicUrl).host;
  throw new Failure('RAILWAY_URL', `The public address \`${cleanLine(publicUrl, 120)}\` is not a URL`, {
    remedy: 'Pass the whole address that users reach, such as https://api.example.com.',
  });
}
