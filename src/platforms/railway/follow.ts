import {Failure} from '../../kernel/errors.js';
import {isRefusedAccess} from './answers.js';
import {cleanLine} from './clean.js';
import {deploymentDocument} from './documents.js';
import {type DeploymentFacts, factsOf} from './facts.js';
import {lookUntil} from './polling.js';
import type {Session} from './session.js';
import {classOf} from './states.js';

interface Ended<Kind> {
  readonly kind: Kind;
  readonly facts: DeploymentFacts;
  readonly sawDeploying: boolean;
}

/** How following a deployment ended. */
export type End =
  | Ended<'good'>
  | Ended<'failed'>
  | Ended<'crashed'>
  | Ended<'skipped'>
  | Ended<'gone'>
  | Ended<'needs-approval'>
  | Ended<'waiting'>
  | {readonly kind: 'unknown-id'; readonly sawDeploying: boolean; readonly seen: boolean}
  | {
      readonly kind: 'deadline';
      readonly last?: DeploymentFacts;
      readonly trouble?: Failure;
      readonly sawDeploying: boolean;
    };

/** How long an id may be unknown right after its making, and a state may be WAITING, in units of the polling base. */
const patience = 6;

export async function readDeployment(session: Session, id: string): Promise<DeploymentFacts> {
  return checked((await session.read(deploymentDocument, {id})).deployment, id);
}

/** Undefined for an id that is unknown, or in a place this token may not see: nothing can be done with either. */
export async function readOrNone(session: Session, id: string): Promise<DeploymentFacts | undefined> {
  try {
    return await readDeployment(session, id);
  } catch (error) {
    if (error instanceof Failure && error.code === 'RAILWAY_DEPLOYMENT_NOT_FOUND') return undefined;
    if (isRefusedAccess(error)) return undefined;
    throw error;
  }
}

function checked(raw: Parameters<typeof factsOf>[0], id: string): DeploymentFacts {
  const facts = factsOf(raw);
  if (facts?.id === id) return facts;
  throw new Failure(
    'RAILWAY_ANSWER',
    `Railway was asked for deployment ${cleanLine(id, 80)} and described ${facts ? `another one (${cleanLine(facts.id, 80)})` : 'none'}`,
    {
      remedy: 'Run again; update this action when it stays.',
      retryable: true,
    },
  );
}

/** Polls one deployment to an end that is no longer ours to wait for. Ends by the deadline whatever Railway answers. */
export async function follow(session: Session, id: string, deadlineMs: number): Promise<End> {
  const trail = new Trail(session, id);
  const looked = await lookUntil(session, deadlineMs, () => trail.look());
  return (
    looked.value ?? {kind: 'deadline', last: trail.last, trouble: looked.trouble, sawDeploying: trail.sawDeploying}
  );
}

class Trail {
  last: DeploymentFacts | undefined;
  sawDeploying = false;
  private readonly startMs: number;
  private waitingSinceMs: number | undefined;

  constructor(
    private readonly session: Session,
    private readonly id: string,
  ) {
    this.startMs = session.now();
  }

  async look(): Promise<End | undefined> {
    let facts: DeploymentFacts;
    try {
      facts = checked((await this.session.once(deploymentDocument, {id: this.id})).deployment, this.id);
    } catch (error) {
      return this.unknownId(error);
    }
    if (facts.status !== this.last?.status) this.tell(facts);
    this.last = facts;
    this.sawDeploying ||= facts.status === 'DEPLOYING';
    return this.judge(facts);
  }

  // The id was given out before every reader knows it.
  private unknownId(error: unknown): End | undefined {
    if (!(error instanceof Failure) || error.code !== 'RAILWAY_DEPLOYMENT_NOT_FOUND') throw error;
    if (!this.last && this.session.now() - this.startMs < this.session.api.pollMs * patience) return undefined;
    return {kind: 'unknown-id', sawDeploying: this.sawDeploying, seen: this.last !== undefined};
  }

  private tell(facts: DeploymentFacts): void {
    const kind = classOf(facts.status);
    const note = kind === 'unknown' ? ' (a state this action does not know; waiting on, within the deadline)' : '';
    this.session.call.progress(
      `railway: deployment ${cleanLine(facts.id, 80)} is ${cleanLine(facts.status, 40)}${note}`,
    );
  }

  private judge(facts: DeploymentFacts): End | undefined {
    const kind = classOf(facts.status);
    const {sawDeploying} = this;
    if (kind === 'in-flight' || kind === 'unknown') {
      this.waitingSinceMs = undefined;
      return undefined;
    }
    const end = {kind, facts, sawDeploying} as End;
    if (kind !== 'waiting') return end;
    this.waitingSinceMs ??= this.session.now();
    return this.session.now() - this.waitingSinceMs >= this.session.api.pollMs * patience ? end : undefined;
  }
}
