import {Failure} from '../../kernel/errors.js';
import type {Anchor} from '../platform.js';
import {cancelDeployment} from './cancel.js';
import {cleanLine} from './clean.js';
import type {DeploymentFacts} from './facts.js';
import {readOrNone} from './follow.js';
import type {ServiceState} from './service-state.js';
import type {Session} from './session.js';
import {mayGoLive} from './states.js';
import {pending} from './verify.js';

/** Deployments of a failed release, which must not go live any more. */
export class Abandoned {
  private readonly named: ReadonlySet<string>;

  constructor(
    private readonly anchor: Anchor,
    named: readonly string[],
    /** Commit of the release: a run that was killed while it deployed left nobody the id of what it made. */
    private readonly commit?: string,
  ) {
    // A release that took over the live deployment abandons its own anchor; that one is not to be touched.
    this.named = new Set(named.filter((id) => id !== anchor.deploymentId));
  }

  has(id: string): boolean {
    return this.named.has(id);
  }

  /** Those that may still go live, and others of their commit that an automatic deploy has begun. */
  among(state: ServiceState): DeploymentFacts[] {
    const commits = new Set(state.recent.filter((row) => this.has(row.id)).map((row) => row.commit));
    commits.add(this.commit?.toLowerCase());
    commits.delete(undefined);
    commits.delete(this.anchor.commit?.toLowerCase());
    const joined = pending(state).filter((row) => commits.has(row.commit) && !this.has(row.id));
    const named = state.recent.filter((row) => this.has(row.id) && mayGoLive(row.status));
    return [...named, ...joined].filter((row) => row.id !== this.anchor.deploymentId);
  }

  /**
   * Cancels them and reads each back. One that cannot be cancelled does not block the way back: what is restored is
   * newer and takes over.
   * @returns what was done, for people; empty when there was nothing to do.
   */
  async cancelAll(session: Session, state: ServiceState, deadlineMs: number, dryRun: boolean): Promise<string[]> {
    const told: string[] = [];
    for (const row of [...this.among(state), ...(await this.unlisted(session, state))]) {
      const name = `deployment ${cleanLine(row.id, 80)} of the abandoned release (${cleanLine(row.status, 40)})`;
      told.push(dryRun ? `Dry run: would cancel ${name}.` : await cancelOne(session, row, name, deadlineMs));
    }
    return told;
  }

  /** Named ones that the list does not show, as it may lag behind their making. */
  private async unlisted(session: Session, state: ServiceState): Promise<DeploymentFacts[]> {
    const ids = [...this.named].filter((id) => !state.recent.some((row) => row.id === id));
    const rows = await Promise.all(ids.map((id) => readOrNone(session, id)));
    return rows.flatMap((row) => (row && mayGoLive(row.status) ? [row] : []));
  }
}

async function cancelOne(session: Session, row: DeploymentFacts, name: string, deadlineMs: number): Promise<string> {
  try {
    return (await cancelDeployment(session, row.id, deadlineMs))
      ? `Cancelled ${name}.`
      : `Did not cancel ${name}: it had ended first.`;
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
    return `Could not cancel ${name}, which may still go live: ${error.message}.`;
  }
}
