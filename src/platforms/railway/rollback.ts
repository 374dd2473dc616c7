import {Failure} from '../../kernel/errors.js';
import type {Anchor, Rollback} from '../platform.js';
import {isRefusedAccess} from './answers.js';
import {cancelDeployment} from './cancel.js';
import {cleanLine} from './clean.js';
import {autoDeployRemedy} from './deploy.js';
import {diagnose} from './diagnosis.js';
import {deploymentsDocument, rollbackDocument} from './documents.js';
import {type DeploymentFacts, factsList} from './facts.js';
import {follow, readDeployment} from './follow.js';
import {sameImage} from './image.js';
import {liveOf} from './live.js';
import {onceOnly} from './once-only.js';
import {badEnd} from './outcome.js';
import {lookUntil} from './polling.js';
import {type Rebuild, rebuild, rebuildOf} from './rebuild.js';
import {ids, notServing, readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import {classOf, mayGoLive} from './states.js';
import type {Target} from './target.js';
import {changedVariables} from './variables.js';
import {pending, verifyServing} from './verify.js';

export interface RollbackPlan {
  readonly abandoned: readonly string[];
  readonly timeoutMs: number;
  readonly dryRun: boolean;
  readonly allowRebuild: boolean;
  readonly reason: string;
  readonly mask: (value: string) => void;
  readonly hosts?: readonly string[];
}

/** How the anchor can be gone back to. */
type Way = {readonly by: 'rollback'; readonly id: string} | ({readonly by: 'rebuild'} & Rebuild);

/** Reference section 5: cancel what must not go live, list the ids, roll back once, find the one new id, prove it. */
export async function rollback(
  session: Session,
  target: Target,
  anchor: Anchor,
  plan: RollbackPlan,
): Promise<Rollback> {
  return new Restoration(session, target, anchor, plan).run();
}

class Restoration {
  private readonly startMs: number;
  private readonly deadlineMs: number;
  private readonly warnings: string[] = [];
  private readonly abandoned: ReadonlySet<string>;

  constructor(
    private readonly session: Session,
    private readonly target: Target,
    private readonly anchor: Anchor,
    private readonly plan: RollbackPlan,
  ) {
    this.startMs = session.now();
    this.deadlineMs = this.startMs + plan.timeoutMs;
    // A release that took over the live deployment abandons its own anchor; that one is not to be touched.
    this.abandoned = new Set(plan.abandoned.filter((id) => id !== anchor.deploymentId));
  }

  async run(): Promise<Rollback> {
    let state = await readState(
      this.session,
      this.target,
      this.plan.hosts ? ['autoDeploy'] : ['domains', 'autoDeploy'],
      50,
    );
    const first = state;
    if (await this.cancelAbandoned(state)) state = await readState(this.session, this.target, [], 50);
    const hosts = this.plan.hosts ?? first.hosts ?? [];
    const there = this.alreadyThere(state);
    if (there) return this.result('already', 'none', there, state, hosts);
    this.warnOfOthers(state);
    const resumed = this.onItsWay(state);
    const way = resumed ? {by: 'rollback' as const, id: resumed.id} : await this.wayBack(state);
    if (this.plan.dryRun) return this.rehearsed(way, resumed, state, hosts);
    if (first.autoDeploy?.enabled)
      this.warnings.push(
        `Automatic deploys are on: the next push ships the abandoned commit again. ${autoDeployRemedy}`,
      );
    const made = resumed ? {id: resumed.id, by: 'rollback' as const} : await this.start(way, state);
    return this.prove(made.id, made.by, hosts);
  }

  /** The abandoned deployments, and others of their commit that an automatic deploy has begun. */
  private async cancelAbandoned(state: ServiceState): Promise<boolean> {
    const doomed = [...this.doomedIn(state), ...(await this.unlisted(state))];
    for (const row of doomed) {
      const name = `deployment ${cleanLine(row.id, 80)} of the abandoned release (${cleanLine(row.status, 40)})`;
      if (this.plan.dryRun) this.warnings.push(`Dry run: would cancel ${name}.`);
      else if (await this.cancel(row)) this.warnings.push(`Cancelled ${name}.`);
    }
    return doomed.length > 0 && !this.plan.dryRun;
  }

  private doomedIn(state: ServiceState): DeploymentFacts[] {
    const commits = new Set(state.recent.filter((row) => this.abandoned.has(row.id)).map((row) => row.commit));
    commits.delete(undefined);
    commits.delete(this.anchor.commit?.toLowerCase());
    const joined = pending(state).filter((row) => commits.has(row.commit) && !this.abandoned.has(row.id));
    const named = state.recent.filter((row) => this.abandoned.has(row.id) && mayGoLive(row.status));
    return [...named, ...joined].filter((row) => row.id !== this.anchor.deploymentId);
  }

  /** Abandoned deployments that the list does not show, as it may lag behind their making. */
  private async unlisted(state: ServiceState): Promise<DeploymentFacts[]> {
    const ids = [...this.abandoned].filter((id) => !state.recent.some((row) => row.id === id));
    const rows = await Promise.all(ids.map((id) => this.readOrNone(id)));
    return rows.filter((row) => row !== undefined && mayGoLive(row.status)) as DeploymentFacts[];
  }

  // The way back must not be blocked by a deployment that cannot be cancelled: the rollback is newer and takes over.
  private async cancel(row: DeploymentFacts): Promise<boolean> {
    try {
      return await cancelDeployment(this.session, row.id, this.deadlineMs);
    } catch (error) {
      if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
      this.warnings.push(`Deployment ${cleanLine(row.id, 80)} may still go live: ${error.message}.`);
      return false;
    }
  }

  private alreadyThere(state: ServiceState): DeploymentFacts | undefined {
    const [serving] = state.active;
    if (!serving || notServing(serving)) return undefined;
    if (serving.id === this.anchor.deploymentId) return serving;
    return this.isAnchors(serving) && !this.abandoned.has(serving.id) ? serving : undefined;
  }

  private isAnchors(row: DeploymentFacts): boolean {
    const {commit, image} = this.anchor;
    if (commit) return row.commit === commit.toLowerCase();
    return image ? sameImage(row.image, image) : false;
  }

  /** A rollback that a killed run had begun: it is followed, not repeated. */
  private onItsWay(state: ServiceState): DeploymentFacts | undefined {
    const ambiguous = state.recent.some((row) => this.abandoned.has(row.id) && this.isAnchors(row));
    return ambiguous
      ? undefined
      : pending(state).find(
          (row) => classOf(row.status) === 'in-flight' && this.isAnchors(row) && !this.abandoned.has(row.id),
        );
  }

  private warnOfOthers(state: ServiceState): void {
    const doomed = this.doomedIn(state);
    const others = pending(state).filter((row) => !doomed.includes(row) && !this.isAnchors(row));
    for (const row of others)
      this.warnings.push(
        `Deployment ${cleanLine(row.id, 80)} of someone else is ${cleanLine(row.status, 40)} and would replace what is restored here.`,
      );
  }

  private async wayBack(state: ServiceState): Promise<Way> {
    const kept =
      state.recent.find((row) => row.id === this.anchor.deploymentId) ??
      (await this.readOrNone(this.anchor.deploymentId));
    if (kept?.canRollback) return {by: 'rollback', id: kept.id};
    // An earlier rollback made another deployment of the same content, and Railway may have kept that one's image.
    const twin = state.recent.find(
      (row) =>
        row.canRollback &&
        this.isAnchors(row) &&
        !this.abandoned.has(row.id) &&
        ['good', 'gone', 'crashed'].includes(classOf(row.status)),
    );
    if (twin) return {by: 'rollback', id: twin.id};
    return this.rebuilding(state, kept, 'Railway no longer keeps the image of the anchor');
  }

  private rebuilding(state: ServiceState, kept: DeploymentFacts | undefined, why: string): Way {
    const way = rebuildOf(this.anchor, state, kept);
    if (way && this.plan.allowRebuild) return {by: 'rebuild', ...way};
    throw new Failure(
      'RAILWAY_NO_WAY_BACK',
      `${why} (deployment ${cleanLine(this.anchor.deploymentId, 80)})${way ? `, but it can be built again: ${way.how}` : ', and there is no commit or image to build it again from'}`,
      {
        remedy: way
          ? 'Allow the rebuild, and run again.'
          : 'Deploy a known good commit or image by hand on railway.com.',
      },
    );
  }

  private async readOrNone(id: string): Promise<DeploymentFacts | undefined> {
    try {
      return await readDeployment(this.session, id);
    } catch (error) {
      // Unknown, or in a place this token may not see: either way nothing can be done with it.
      if (error instanceof Failure && (error.code === 'RAILWAY_DEPLOYMENT_NOT_FOUND' || isRefusedAccess(error)))
        return undefined;
      throw error;
    }
  }

  private async start(way: Way, state: ServiceState): Promise<{id: string; by: 'rollback' | 'rebuild'}> {
    const known = new Set([...state.recent, ...state.active].map((row) => row.id));
    if (way.by === 'rebuild') return {id: await this.build(way, state, known), by: 'rebuild'};
    await this.compareVariables(way.id);
    try {
      return {id: await this.rollBack(way.id, known), by: 'rollback'};
    } catch (error) {
      if (
        !(error instanceof Failure) ||
        !['RAILWAY_REFUSED', 'RAILWAY_STATE', 'RAILWAY_DEPLOYMENT_NOT_FOUND'].includes(error.code)
      )
        throw error;
      const instead = this.rebuilding(
        state,
        state.recent.find((row) => row.id === way.id),
        `Railway refused the rollback: ${error.message}`,
      );
      if (instead.by !== 'rebuild') throw error;
      return {id: await this.build(instead, state, known), by: 'rebuild'};
    }
  }

  private build(way: Extract<Way, {by: 'rebuild'}>, state: ServiceState, known: ReadonlySet<string>): Promise<string> {
    this.warnings.push(
      `The kept image could not be used: ${way.how}. What is built may differ from what was served before.`,
    );
    return rebuild(this.session, this.target, way, state, {
      known,
      isOurs: (row) => this.isAnchors(row),
      deadlineMs: this.deadlineMs,
    });
  }

  private async rollBack(id: string, known: ReadonlySet<string>): Promise<string> {
    const {session} = this;
    session.call.progress(
      `railway: rolling back to deployment ${cleanLine(id, 80)} (${cleanLine(this.plan.reason, 120)})`,
    );
    await onceOnly(session, {
      what: 'the rollback',
      // Only `true` is an acceptance, and even that proves nothing yet.
      send: async () => ((await session.once(rollbackDocument, {id})).deploymentRollback === true ? true : undefined),
      find: async () => ((await this.unseen(known)).length > 0 ? true : undefined),
      // The new deployment was seen to appear up to 5 s after the answer.
      settleMs: Math.max(session.api.pollMs * 6, 8_000),
      deadlineMs: this.deadlineMs,
    });
    return this.theNewOne(known);
  }

  /** The answer names no deployment: the only new one of the anchor's content is it. */
  private async theNewOne(known: ReadonlySet<string>): Promise<string> {
    const untilMs = Math.min(this.deadlineMs, this.session.now() + Math.max(this.session.api.pollMs * 12, 20_000));
    let rows: DeploymentFacts[] = [];
    const looked = await lookUntil(this.session, untilMs, async () => {
      rows = await this.unseen(known);
      return rows.some((row) => this.couldBeOurs(row)) ? rows : undefined;
    });
    const list = rows
      .map((row) => `${cleanLine(row.id, 80)}${row.commit ? ` (commit ${row.commit.slice(0, 12)})` : ''}`)
      .join(', ');
    if (rows.length > 1) {
      throw new Failure(
        'RAILWAY_ROLLBACK_CONTESTED',
        `More than one deployment appeared during the rollback: ${list}; someone else is deploying`,
        {
          remedy: 'Stop the other deployment, switch automatic deploys off, and run the rollback again.',
          details: {deployments: rows.map((row) => row.id)},
        },
      );
    }
    if (looked.value) return rows[0]!.id;
    const seen = rows.length ? `only a foreign one: ${list}` : (looked.trouble?.message ?? 'none');
    throw new Failure(
      'RAILWAY_ROLLBACK_NOT_SEEN',
      `Railway accepted the rollback, but no deployment of the anchor appeared (${seen})`,
      {remedy: 'Look at the deployments of the service on railway.com, then run the rollback again.'},
    );
  }

  private async unseen(known: ReadonlySet<string>): Promise<DeploymentFacts[]> {
    const {deployments} = await this.session.once(deploymentsDocument, {...ids(this.target), first: 50});
    return factsList(deployments).filter((row) => !known.has(row.id) && classOf(row.status) !== 'skipped');
  }

  // An upload's rollback may say nothing of its content; then being the only new one must do.
  private couldBeOurs(row: DeploymentFacts): boolean {
    return this.isAnchors(row) || (!row.commit && !row.image);
  }

  private async compareVariables(id: string): Promise<void> {
    try {
      const names = await changedVariables(this.session, this.target, id, this.plan.mask);
      if (!names) this.warnings.push('Railway did not keep the variables of the anchor; they could not be compared.');
      else if (names.length)
        this.warnings.push(
          `A rollback brings back the variables of that time; these differ from now: ${names.map((name) => cleanLine(name, 60)).join(', ')}. A secret rotated since comes back old.`,
        );
    } catch (error) {
      // Never a reason to leave production broken.
      if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
      this.warnings.push(`The variables of the anchor could not be compared with today's: ${error.message}.`);
    }
  }

  private async prove(id: string, by: 'rollback' | 'rebuild', hosts: readonly string[]): Promise<Rollback> {
    const end = await follow(this.session, id, this.deadlineMs);
    if (end.kind !== 'good') throw await this.failed(id, end);
    if ((this.anchor.commit || this.anchor.image) && !this.couldBeOurs(end.facts)) {
      throw new Failure(
        'RAILWAY_ROLLBACK_WRONG',
        `Deployment ${cleanLine(id, 80)} was to restore ${this.anchor.commit ?? this.anchor.image}, but runs ${end.facts.commit ?? end.facts.image}`,
        {remedy: 'Deploy the wanted commit by hand on railway.com.'},
      );
    }
    const verified = await verifyServing(this.session, this.target, id, this.deadlineMs, false);
    if (verified.kind === 'serving') return this.result('restored', by, verified.facts, verified.state, hosts);
    const why =
      verified.kind === 'superseded' ? `deployment ${cleanLine(verified.by.id, 80)} replaced it` : verified.why;
    throw new Failure(
      'RAILWAY_ROLLBACK_NOT_SERVING',
      `Deployment ${cleanLine(id, 80)} of the anchor ended well, but does not serve: ${why}`,
      {remedy: 'Look at the service on railway.com and run the rollback again.', details: {deploymentId: id}},
    );
  }

  private async failed(id: string, end: Exclude<Awaited<ReturnType<typeof follow>>, {kind: 'good'}>): Promise<Failure> {
    const diagnosis = await diagnose(this.session, id, end.sawDeploying);
    const told = badEnd(id, end, diagnosis, []);
    return new Failure('RAILWAY_ROLLBACK_FAILED', `The rollback did not come to serve. ${told.message}`, {
      remedy:
        end.kind === 'deadline'
          ? 'Run the rollback again: the deployment on its way will be taken over.'
          : `Run the rollback again to another release. ${told.remedy}`,
      details: {deploymentId: id, cause: told.code, logTail: diagnosis.logTail},
    });
  }

  private rehearsed(
    way: Way,
    resumed: DeploymentFacts | undefined,
    state: ServiceState,
    hosts: readonly string[],
  ): Rollback {
    const how = resumed
      ? `follow deployment ${cleanLine(resumed.id, 80)}, which is on its way`
      : way.by === 'rollback'
        ? `roll back to deployment ${cleanLine(way.id, 80)}`
        : way.how;
    this.warnings.push(`Dry run: nothing was changed; would ${how}.`);
    const [now] = state.active;
    const live = now ? liveOf(now, state, hosts, this.session.now()) : this.anchor;
    return {
      component: 'backend',
      outcome: 'restored',
      by: way.by,
      live,
      durationMs: this.session.now() - this.startMs,
      requests: this.session.requests,
      warnings: this.warnings,
    };
  }

  private result(
    outcome: Rollback['outcome'],
    by: Rollback['by'],
    facts: DeploymentFacts,
    state: ServiceState,
    hosts: readonly string[],
  ): Rollback {
    const live = liveOf(facts, state, hosts, this.session.now());
    return {
      component: 'backend',
      outcome,
      by,
      live,
      durationMs: this.session.now() - this.startMs,
      requests: this.session.requests,
      warnings: this.warnings,
    };
  }
}
