import {Failure} from '../../kernel/errors.js';
import type {Deployment, DeployRequest} from '../platform.js';
import {cleanLine} from './clean.js';
import {create} from './creation.js';
import {diagnose} from './diagnosis.js';
import type {DeploymentFacts} from './facts.js';
import {type End, follow} from './follow.js';
import {
  adoptable,
  approvalWarnings,
  autoDeployWarnings,
  type DeployPlan,
  mismatch,
  type Order,
  orderOf,
  refuseRaces,
  unprovenWarnings,
} from './order.js';
import {type BadEnd, badEnd} from './outcome.js';
import {readState, urlOf} from './service-state.js';
import type {Session} from './session.js';
import {dashboardUrl, type Target} from './target.js';
import {newerThan, verifyServing} from './verify.js';

/** Sequence of the reference, section 2.1: read, refuse or adopt, create once, follow to the end, prove that it serves. */
export async function deploy(
  session: Session,
  target: Target,
  request: DeployRequest,
  plan: DeployPlan,
): Promise<Deployment> {
  const startMs = session.now();
  const deadlineMs = startMs + plan.timeoutMs;
  if (!/^[0-9a-f]{40}$/i.test(request.commit)) {
    throw new Failure(
      'RAILWAY_COMMIT',
      `A release needs the full SHA of its commit, not \`${cleanLine(request.commit, 60)}\``,
      {remedy: 'Pass all 40 characters of the SHA.'},
    );
  }
  const before = await readState(session, target, ['autoDeploy']);
  const order = orderOf(before, {...request, commit: request.commit.toLowerCase()}, plan);
  const warnings = [...autoDeployWarnings(before, plan), ...approvalWarnings(before, order)];
  const adopted = adoptable(before, order);
  refuseRaces(before, order, adopted);
  const id = adopted?.id ?? (await create(session, target, order, before, deadlineMs));
  await plan.onCreated?.(id);
  session.call.progress(
    `railway: ${adopted ? `taking over deployment ${cleanLine(id, 80)}, which is of the same ${order.source}` : `made deployment ${cleanLine(id, 80)}`}`,
  );
  const base = {
    component: 'backend' as const,
    deploymentId: id,
    staged: false,
    adopted: adopted !== undefined,
    inspectUrl: dashboardUrl(target),
  };
  const ended = await finish(session, target, order, id, deadlineMs, plan.publicUrl);
  return {
    ...base,
    ...ended.facts,
    ...ended.result,
    warnings: [...warnings, ...ended.warnings],
    durationMs: session.now() - startMs,
  };
}

interface Finished {
  readonly facts: {readonly commit?: string; readonly image?: string; readonly url?: string};
  readonly result: Pick<Deployment, 'outcome' | 'reason'>;
  readonly warnings: readonly string[];
}

async function finish(
  session: Session,
  target: Target,
  order: Order,
  id: string,
  deadlineMs: number,
  publicUrl: string | undefined,
): Promise<Finished> {
  const end = await follow(session, id, deadlineMs);
  if (end.kind !== 'good')
    return {
      facts: identityOf('facts' in end ? end.facts : undefined),
      result: await explained(session, target, id, end),
      warnings: [],
    };
  const wrong = mismatch(end.facts, order);
  if (wrong) return {facts: identityOf(end.facts), result: bad({outcome: 'failed', ...wrong}, []), warnings: []};
  const verified = await verifyServing(session, target, id, deadlineMs, publicUrl === undefined);
  const host = verified.state?.hosts?.[0] ?? end.facts.host;
  const facts = {...identityOf(end.facts), url: publicUrl ?? (host && urlOf(host))};
  if (verified.kind === 'serving')
    return {facts, result: {outcome: 'ready'}, warnings: unprovenWarnings(verified.facts, order)};
  if (verified.kind === 'superseded')
    return {
      facts,
      result: bad(badEnd(id, {kind: 'gone', facts: end.facts, sawDeploying: true}, undefined, [verified.by]), []),
      warnings: [],
    };
  return {facts, result: await notLive(session, target, id, verified.why, end), warnings: []};
}

/** Railway said SUCCESS, and yet it does not serve: find out what became of it since. */
async function notLive(
  session: Session,
  target: Target,
  id: string,
  why: string,
  end: Extract<End, {kind: 'good'}>,
): Promise<Finished['result']> {
  const again = await follow(session, id, session.now());
  if (again.kind !== 'good' && again.kind !== 'deadline') return explained(session, target, id, again);
  const diagnosis = await diagnose(session, id, end.sawDeploying);
  return bad(
    {
      outcome: 'failed',
      code: 'RAILWAY_NOT_SERVING',
      message: `Railway deployment ${cleanLine(id, 80)} reports ${end.facts.status}, but does not serve: ${why}`,
      remedy:
        'Read the last log lines and the state of the service on railway.com; a process that ends with exit code 0 also counts as SUCCESS there.',
    },
    diagnosis.logTail,
  );
}

async function explained(
  session: Session,
  target: Target,
  id: string,
  end: Exclude<End, {kind: 'good'}>,
): Promise<Finished['result']> {
  const broken = end.kind === 'failed' || end.kind === 'crashed' || end.kind === 'deadline';
  const diagnosis = broken ? await diagnose(session, id, end.sawDeploying || end.kind === 'crashed') : undefined;
  const newer = end.kind === 'gone' ? newerThan(await readState(session, target, [], 10), id) : [];
  return bad(badEnd(id, end, diagnosis, newer), diagnosis?.logTail ?? []);
}

function bad(end: BadEnd, logTail: readonly string[]): Finished['result'] {
  return {outcome: end.outcome, reason: {code: end.code, message: end.message, remedy: end.remedy, logTail}};
}

function identityOf(facts: DeploymentFacts | undefined): {commit?: string; image?: string} {
  return {commit: facts?.commit, image: facts?.image};
}
