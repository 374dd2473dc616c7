import type {Anchor} from '../platform.js';
import type {DeploymentFacts} from './facts.js';
import {sameImage} from './image.js';

/** Does a deployment run what the anchor ran? A rollback never brings back an id, so content is what counts. */
export function hasContentOf(anchor: Anchor, row: DeploymentFacts): boolean {
  if (anchor.commit) return row.commit === anchor.commit.toLowerCase();
  return anchor.image ? sameImage(row.image, anchor.image) : false;
}

/** As above, or it says nothing: the rollback of an upload may not; then being the only new one must do. */
export function mayHaveContentOf(anchor: Anchor, row: DeploymentFacts): boolean {
  return hasContentOf(anchor, row) || (!row.commit && !row.image);
}
