import {Failure} from '../../kernel/errors.js';
import type {Anchor} from '../platform.js';
import type {Abandoned} from './abandoned.js';
import {cleanLine} from './clean.js';
import {hasContentOf} from './content.js';
import type {DeploymentFacts} from './facts.js';
import {readOrNone} from './follow.js';
import {type Rebuild, rebuildOf} from './rebuild.js';
import type {ServiceState} from './service-state.js';
import type {Session} from './session.js';
import {classOf} from './states.js';

/** How an anchor can be gone back to. */
export type Way = {readonly by: 'rollback'; readonly id: string} | ({readonly by: 'rebuild'} & Rebuild);

/** Its kept image, else that of another deployment of the same content, else building it again where that is allowed. */
export async function findWay(
  session: Session,
  anchor: Anchor,
  state: ServiceState,
  abandoned: Abandoned,
  allowRebuild: boolean,
): Promise<Way> {
  const id = anchor.deploymentId;
  const kept = state.recent.find((row) => row.id === id) ?? (await readOrNone(session, id));
  if (kept?.canRollback) return {by: 'rollback', id: kept.id};
  // An earlier rollback made another deployment of the same content, and Railway may have kept that one's image.
  const twin = state.recent.find((row) => wasGood(row) && hasContentOf(anchor, row) && !abandoned.has(row.id));
  if (twin) return {by: 'rollback', id: twin.id};
  return rebuilding(anchor, state, kept, allowRebuild, 'Railway no longer keeps the image of the anchor');
}

function wasGood(row: DeploymentFacts): boolean {
  return row.canRollback && ['good', 'gone', 'crashed'].includes(classOf(row.status));
}

/** @throws Failure RAILWAY_NO_WAY_BACK when it cannot or may not be built again. */
export function rebuilding(
  anchor: Anchor,
  state: ServiceState,
  kept: DeploymentFacts | undefined,
  allowRebuild: boolean,
  why: string,
): {readonly by: 'rebuild'} & Rebuild {
  const way = rebuildOf(anchor, state, kept);
  if (way && allowRebuild) return {by: 'rebuild', ...way};
  const else_ = way
    ? `, but it can be built again: ${way.how}`
    : ', and there is no commit or image to build it again from';
  throw new Failure('RAILWAY_NO_WAY_BACK', `${why} (deployment ${cleanLine(anchor.deploymentId, 80)})${else_}`, {
    remedy: way ? 'Allow the rebuild, and run again.' : 'Deploy a known good commit or image by hand on railway.com.',
  });
}
