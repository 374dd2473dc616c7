import {Failure} from '../../kernel/errors.js';
import type {Anchor} from '../platform.js';
import {cleanLine} from './clean.js';
import {mayHaveContentOf} from './content.js';
import {deploymentsDocument, rollbackDocument, type ServiceScope} from './documents.js';
import {type DeploymentFacts, factsList} from './facts.js';
import {onceOnly} from './once-only.js';
import {lookUntil} from './polling.js';
import {ids} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';

/** Longest wait for the deployment of an accepted rollback to be listed, and its least against a quick stand-in. */
const appears = {polls: 12, leastMs: 20_000};
/** The new deployment was seen to appear up to 5 s after the answer; only then may a lost one be sent again. */
const settles = {polls: 6, leastMs: 8_000};

/**
 * Rolls back, at most once, and finds the deployment that this made: the answer names none.
 * @param id whose image is to run again. @param known ids of all deployments there were before.
 * @returns the new deployment's id.
 */
export async function rollBackTo(
  session: Session,
  scope: ServiceScope,
  id: string,
  anchor: Anchor,
  known: ReadonlySet<string>,
  deadlineMs: number,
): Promise<string> {
  const unseen = () => unseenDeployments(session, scope, known);
  await onceOnly(session, {
    what: 'the rollback',
    // Only `true` is an acceptance, and even that proves nothing yet.
    send: async () => ((await session.once(rollbackDocument, {id})).deploymentRollback === true ? true : undefined),
    find: async () => ((await unseen()).length > 0 ? true : undefined),
    settleMs: Math.max(session.api.pollMs * settles.polls, settles.leastMs),
    deadlineMs,
  });
  const untilMs = session.now() + Math.max(session.api.pollMs * appears.polls, appears.leastMs);
  return theNewOne(session, anchor, unseen, Math.min(deadlineMs, untilMs));
}

async function theNewOne(
  session: Session,
  anchor: Anchor,
  unseen: () => Promise<DeploymentFacts[]>,
  untilMs: number,
): Promise<string> {
  let rows: DeploymentFacts[] = [];
  const looked = await lookUntil(session, untilMs, async () => {
    rows = await unseen();
    return rows.some((row) => mayHaveContentOf(anchor, row)) ? rows : undefined;
  });
  if (rows.length > 1) throw contested(rows);
  if (looked.value) return rows[0]!.id;
  const seen = rows.length ? `only a foreign one: ${listed(rows)}` : (looked.trouble?.message ?? 'none');
  throw new Failure(
    'RAILWAY_ROLLBACK_NOT_SEEN',
    `Railway accepted the rollback, but no deployment of the anchor appeared (${seen})`,
    {remedy: 'Look at the deployments of the service on railway.com, then run the rollback again.'},
  );
}

async function unseenDeployments(
  session: Session,
  scope: ServiceScope,
  known: ReadonlySet<string>,
): Promise<DeploymentFacts[]> {
  const {deployments} = await session.once(deploymentsDocument, {...ids(scope), first: 50});
  // A skipped one is an automatic deployment that came to nothing.
  return factsList(deployments).filter((row) => !known.has(row.id) && classOf(row.status) !== 'skipped');
}

function contested(rows: readonly DeploymentFacts[]): Failure {
  return new Failure(
    'RAILWAY_ROLLBACK_CONTESTED',
    `More than one deployment appeared during the rollback: ${listed(rows)}; someone else is deploying`,
    {
      remedy: 'Stop the other deployment, switch automatic deploys off, and run the rollback again.',
      details: {deployments: rows.map((row) => row.id)},
    },
  );
}

function listed(rows: readonly DeploymentFacts[]): string {
  return rows
    .map((row) => `${cleanLine(row.id, 80)}${row.commit ? ` (commit ${row.commit.slice(0, 12)})` : ''}`)
    .join(', ');
}
