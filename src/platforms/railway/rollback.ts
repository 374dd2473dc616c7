import {Failure} from '../../kernel/errors.js';
import type {Anchor, Rollback} from '../platform.js';
import {Abandoned} from './abandoned.js';
import {autoDeployRemedy} from './auto-deploy.js';
import {cleanLine} from './clean.js';
import {hasContentOf, mayHaveContentOf} from './content.js';
import {diagnose} from './diagnosis.js';
import type {DeploymentFacts} from './facts.js';
import {type End, follow} from './follow.js';
import {liveOf} from './live.js';
import {badEnd} from './outcome.js';
import {type Rebuild, rebuild, startAgain} from './rebuild.js';
import {rollBackTo} from './restored-deployment.js';
import {notServing, readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';
import type {Target} from './target.js';
import {changedVariables} from './variables.js';
import {pending, verifyServing} from './verify.js';
import {findWay, rebuilding, type Way} from './way-back.js';

export interface RollbackPlan {
  readonly abandoned: readonly string[];
  readonly abandonedCommit?: string;
  readonly timeoutMs: number;
  readonly dryRun: boolean;
  readonly allowRebuild: boolean;
  /** A deployment of the anchor's content that is older is started again; see the port. */
  readonly newerThanMs?: number;
  readonly reason: string;
  readonly mask: (value: string) => void;
  readonly hosts?: readonly string[];
}

/** Reference section 5: cancel what must not go live, list the ids, roll back once, find the one new id, prove it. */
export async function rollback(
  session: Session,
  target: Target,
  anchor: Anchor,
  plan: RollbackPlan,
): Promise<Rollback> {
  return new Restoration(session, target, anchor, plan).run();
}

/** Users wait for the way back; the comparison of variables must not hold it up. */
const comparisonMs = 5_000;

class Restoration {
  private readonly startMs: number;
  private readonly deadlineMs: number;
  private readonly warnings: string[] = [];
  private readonly abandoned: Abandoned;
  private hosts: readonly string[] = [];
  private compared: readonly string[] = [];

  constructor(
    private readonly session: Session,
    private readonly target: Target,
    private readonly anchor: Anchor,
    private readonly plan: RollbackPlan,
  ) {
    this.startMs = session.now();
    this.deadlineMs = this.startMs + plan.timeoutMs;
    this.abandoned = new Abandoned(anchor, plan.abandoned, plan.abandonedCommit);
  }

  async run(): Promise<Rollback> {
    // Side by side: users wait for the way back. Afterwards would be too late, a rollback may rewrite the variables.
    const [before, compared] = await Promise.all([
      readState(this.session, this.target, ['domains', 'autoDeploy'], 50),
      this.plan.dryRun ? [] : this.comparison(this.anchor.deploymentId),
    ]);
    this.compared = compared;
    this.hosts = this.plan.hosts ?? before.hosts ?? [];
    const state = await this.withoutAbandoned(before);
    const there = this.alreadyThere(state);
    if (there && this.isNewEnough(there)) return this.result('already', 'none', there, state);
    this.warnOfOthers(state, before);
    const resumed = this.onItsWay(state);
    if (this.plan.dryRun) return this.rehearsed(resumed, state);
    const made = resumed
      ? {id: resumed.id, by: 'rollback' as const}
      : await (there ? this.startAgain(there, state) : this.start(state));
    return this.prove(made.id, made.by);
  }

  private isNewEnough(row: DeploymentFacts): boolean {
    return row.createdAtMs >= (this.plan.newerThanMs ?? 0);
  }

  private async withoutAbandoned(before: ServiceState): Promise<ServiceState> {
    const told = await this.abandoned.cancelAll(this.session, before, this.deadlineMs, this.plan.dryRun);
    this.warnings.push(...told);
    return told.length > 0 && !this.plan.dryRun ? readState(this.session, this.target, [], 50) : before;
  }

  private alreadyThere(state: ServiceState): DeploymentFacts | undefined {
    const [serving] = state.active;
    if (!serving || notServing(serving)) return undefined;
    if (serving.id === this.anchor.deploymentId) return serving;
    return hasContentOf(this.anchor, serving) && !this.abandoned.has(serving.id) ? serving : undefined;
  }

  /** A rollback that a killed run had begun: it is followed, not repeated. */
  private onItsWay(state: ServiceState): DeploymentFacts | undefined {
    // When the abandoned release was of the anchor's own commit, content cannot tell the two apart.
    const ambiguous = state.recent.some((row) => this.abandoned.has(row.id) && hasContentOf(this.anchor, row));
    if (ambiguous) return undefined;
    return pending(state).find(
      (row) => classOf(row.status) === 'in-flight' && hasContentOf(this.anchor, row) && this.isNewEnough(row),
    );
  }

  private warnOfOthers(state: ServiceState, before: ServiceState): void {
    const doomed = this.abandoned.among(state);
    const others = pending(state).filter((row) => !doomed.includes(row) && !hasContentOf(this.anchor, row));
    for (const row of others) {
      const name = `Deployment ${cleanLine(row.id, 80)} of someone else is ${cleanLine(row.status, 40)}`;
      this.warnings.push(`${name} and would replace what is restored here.`);
    }
    if (before.autoDeploy?.enabled) {
      const next = 'Automatic deploys are on: the next push ships the abandoned commit again.';
      this.warnings.push(`${next} ${autoDeployRemedy}`);
    }
  }

  private findWay(state: ServiceState): Promise<Way> {
    return findWay(this.session, this.anchor, state, this.abandoned, this.plan.allowRebuild);
  }

  private async start(state: ServiceState): Promise<{id: string; by: 'rollback' | 'rebuild'}> {
    const way = await this.findWay(state);
    const known = new Set([...state.recent, ...state.active].map((row) => row.id));
    if (way.by === 'rebuild') return this.build(way, state, known);
    const isAnchor = way.id === this.anchor.deploymentId;
    this.warnings.push(...(isAnchor ? this.compared : await this.comparison(way.id)));
    const reason = cleanLine(this.plan.reason, 120);
    this.session.call.progress(`railway: rolling back to deployment ${cleanLine(way.id, 80)} (${reason})`);
    try {
      const id = await rollBackTo(this.session, this.target, way.id, this.anchor, known, this.deadlineMs);
      return {id, by: 'rollback'};
    } catch (error) {
      return this.build(this.insteadOf(way.id, state, error), state, known);
    }
  }

  /** What serves is right, but began before something that it has to begin after. */
  private async startAgain(
    serving: DeploymentFacts,
    state: ServiceState,
  ): Promise<{id: string; by: 'rollback' | 'rebuild'}> {
    const known = new Set([...state.recent, ...state.active].map((row) => row.id));
    const name = cleanLine(serving.id, 80);
    this.session.call.progress(`railway: starting deployment ${name} again`);
    const isOurs = (row: DeploymentFacts) => hasContentOf(this.anchor, row);
    const {deadlineMs} = this;
    try {
      return {id: await startAgain(this.session, this.target, serving.id, {known, isOurs, deadlineMs}), by: 'rollback'};
    } catch (error) {
      return this.build(this.insteadOf(serving.id, state, error), state, known);
    }
  }

  /** `canRollback` may have been out of date; any other failure is thrown on. */
  private insteadOf(id: string, state: ServiceState, error: unknown): Rebuild {
    const refusals = ['RAILWAY_REFUSED', 'RAILWAY_STATE', 'RAILWAY_INPUT', 'RAILWAY_DEPLOYMENT_NOT_FOUND'];
    if (!(error instanceof Failure) || !refusals.includes(error.code)) throw error;
    const kept = state.recent.find((row) => row.id === id);
    const why = `Railway refused to use the kept image: ${error.message}`;
    return rebuilding(this.anchor, state, kept, this.plan.allowRebuild, why);
  }

  private async build(
    way: Rebuild,
    state: ServiceState,
    known: ReadonlySet<string>,
  ): Promise<{id: string; by: 'rebuild'}> {
    const differs = 'What is built may differ from what was served before.';
    this.warnings.push(`The kept image could not be used: ${way.how}. ${differs}`);
    const isOurs = (row: DeploymentFacts) => hasContentOf(this.anchor, row);
    const {deadlineMs} = this;
    return {id: await rebuild(this.session, this.target, way, state, {known, isOurs, deadlineMs}), by: 'rebuild'};
  }

  /** What a reader should know about the variables that come back with this deployment. */
  private async comparison(id: string): Promise<string[]> {
    try {
      const names = await changedVariables(this.session.within(comparisonMs), this.target, id, this.plan.mask);
      if (!names) return ['Railway did not keep the variables of the anchor; they could not be compared.'];
      if (!names.length) return [];
      const list = names.map((name) => cleanLine(name, 60)).join(', ');
      const warning = `A rollback brings back the variables of that time; these differ from now: ${list}.`;
      return [`${warning} A secret rotated since comes back old.`];
    } catch (error) {
      // Never a reason to leave production broken.
      if (!(error instanceof Failure) || error.code === 'CANCELLED') throw error;
      return [`The variables of the anchor could not be compared with today's: ${error.message}.`];
    }
  }

  private async prove(id: string, by: 'rollback' | 'rebuild'): Promise<Rollback> {
    const end = await follow(this.session, id, this.deadlineMs);
    if (end.kind !== 'good') throw await this.failed(id, end);
    this.refuseOtherContent(end.facts);
    const verified = await verifyServing(this.session, this.target, id, this.deadlineMs, false);
    if (verified.kind === 'serving') return this.result('restored', by, verified.facts, verified.state);
    const why =
      verified.kind === 'superseded' ? `deployment ${cleanLine(verified.by.id, 80)} replaced it` : verified.why;
    throw new Failure(
      'RAILWAY_ROLLBACK_NOT_SERVING',
      `Deployment ${cleanLine(id, 80)} of the anchor ended well, but does not serve: ${why}`,
      {remedy: 'Look at the service on railway.com and run the rollback again.', details: {deploymentId: id}},
    );
  }

  private refuseOtherContent(facts: DeploymentFacts): void {
    const {commit, image} = this.anchor;
    if ((!commit && !image) || mayHaveContentOf(this.anchor, facts)) return;
    throw new Failure(
      'RAILWAY_ROLLBACK_WRONG',
      `Deployment ${cleanLine(facts.id, 80)} was to restore ${commit ?? image}, but runs ${facts.commit ?? facts.image}`,
      {remedy: 'Deploy the wanted commit by hand on railway.com.', details: {deploymentId: facts.id}},
    );
  }

  private async failed(id: string, end: Exclude<End, {kind: 'good'}>): Promise<Failure> {
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

  private async rehearsed(resumed: DeploymentFacts | undefined, state: ServiceState): Promise<Rollback> {
    const way = resumed ? undefined : await this.findWay(state);
    const how = resumed
      ? `follow deployment ${cleanLine(resumed.id, 80)}, which is on its way`
      : way!.by === 'rollback'
        ? `roll back to deployment ${cleanLine(way!.id, 80)}`
        : way!.how;
    this.warnings.push(`Dry run: nothing was changed; would ${how}.`);
    const [now] = state.active;
    return {
      ...this.facts(),
      outcome: 'restored',
      by: way?.by ?? 'rollback',
      live: now ? this.live(now, state) : this.anchor,
    };
  }

  private result(
    outcome: Rollback['outcome'],
    by: Rollback['by'],
    facts: DeploymentFacts,
    state: ServiceState,
  ): Rollback {
    return {...this.facts(), outcome, by, live: this.live(facts, state)};
  }

  private live(facts: DeploymentFacts, state: ServiceState): Rollback['live'] {
    return liveOf(facts, state, this.hosts, this.session.now());
  }

  private facts(): Pick<Rollback, 'component' | 'durationMs' | 'requests' | 'warnings'> {
    const durationMs = this.session.now() - this.startMs;
    return {component: 'backend', durationMs, requests: this.session.requests, warnings: this.warnings};
  }
}
