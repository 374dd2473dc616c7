import {randomBytes} from 'node:crypto';
import {Agenda} from './agenda.js';
import {type Delays, type Quirks, rehearsalDelays, usualQuirks, type VercelStandInOptions} from './options.js';
import type {Alias, BuildEvent, Deployment, Project} from './records.js';
import {Script} from './script.js';

/** Everything the platform knows, for one team. Handlers change it, views read it, the edge serves from it. */
export class World {
  readonly agenda: Agenda;
  readonly delays: Delays;
  readonly quirks: Quirks;
  readonly script = new Script();
  readonly projects = new Map<string, Project>();
  readonly deployments = new Map<string, Deployment>();
  /** By host. */
  readonly aliases = new Map<string, Alias>();
  /** Uploaded contents of the team by sha1. */
  readonly uploads = new Map<string, Buffer>();
  readonly teamDomains: Set<string>;
  /** Things a client did that the platform would tolerate and no client should do. */
  readonly violations: string[] = [];
  readonly user = {id: 'usr_rehearsal', username: 'rehearsal', email: 'rehearsal@example.com', name: 'Rehearsal'};
  readonly #listeners = new Set<(deployment: Deployment, event: BuildEvent | undefined) => void>();
  #stampMs = 0;

  constructor(readonly options: VercelStandInOptions) {
    this.agenda = new Agenda({now: options.now, manual: options.manual});
    this.delays = {...rehearsalDelays, ...options.delaysMs};
    this.quirks = {...usualQuirks, ...options.quirks};
    this.teamDomains = new Set(options.teamDomains ?? []);
  }

  /** A moment no other record has, so that paging by time neither repeats nor leaves out. */
  stamp(): number {
    this.#stampMs = Math.max(this.agenda.now(), this.#stampMs + 1);
    return this.#stampMs;
  }

  projectBy(idOrName: string): Project | undefined {
    return this.projects.get(idOrName) ?? [...this.projects.values()].find((project) => project.name === idOrName);
  }

  /** By id, by its own address, or by an alias, which means what the alias serves now. */
  deploymentBy(idOrHost: string): Deployment | undefined {
    const host = idOrHost.replace(/^https?:\/\//, '').replace(/\/$/, '');
    const alias = this.aliases.get(host);
    return (
      this.deployments.get(alias?.deploymentId ?? host) ??
      [...this.deployments.values()].find((one) => one.host === host)
    );
  }

  deploymentsOf(projectId: string): Deployment[] {
    return [...this.deployments.values()].filter((one) => one.projectId === projectId);
  }

  aliasesOf(deploymentId: string): Alias[] {
    return [...this.aliases.values()].filter((alias) => alias.deploymentId === deploymentId);
  }

  projectOf(deployment: Deployment): Project {
    return this.projects.get(deployment.projectId)!;
  }

  /** Told of each line of a log, and with undefined that the deployment has reached its end. */
  onLog(listener: (deployment: Deployment, event: BuildEvent | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(deployment: Deployment, event: BuildEvent | undefined): void {
    if (event) deployment.log.push(event);
    for (const listener of [...this.#listeners]) listener(deployment, event);
  }
}

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

/** `dpl_…`, `prj_…`, `bld_…` and the like. */
export function newId(prefix: string, length = 28): string {
  return prefix + [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join('');
}
