import {factOf} from '../ledger/history.js';
import type {RollbackPlan} from './rollback-targets.js';

/** Why old code must not be brought back by itself. */
export interface SchemaObstacle {
  readonly verdict: 'breaking' | 'unknown';
  readonly release: string;
  /** The set that was taken before the release, when the ledger knows one. */
  readonly set: string | undefined;
  readonly sentence: string;
}

/**
 * Does the schema stand in the way of this rollback? Only when the release began to deploy its backend, whose migrations
 * run with it: before that the schema is still the old one.
 */
export function schemaObstacle({leaving, targets}: RollbackPlan): SchemaObstacle | undefined {
  const verdict = leaving && factOf(leaving, 'schema', ['note']);
  if (!leaving || (verdict !== 'breaking' && verdict !== 'unknown')) return undefined;
  const migrated = leaving.events.some(
    (event) =>
      event.kind === 'deployed' ||
      (event.kind === 'intent' && event.facts['do'] === 'deploy' && event.facts['on'] === 'backend'),
  );
  if (!migrated || !targets.some((target) => target.component === 'backend')) return undefined;
  const where = factOf(leaving, 'schema-at', ['note']);
  return {
    verdict,
    release: leaving.release,
    set: factOf(leaving, 'set', ['backed-up']),
    sentence: `${verdict === 'breaking' ? 'Code from before this release cannot run on the new schema' : 'Whether code from before this release can run on the new schema cannot be told'}${where ? ` (${where})` : ''}.`,
  };
}

/** The two ways out, for the person who decides. */
export function waysOut({set}: SchemaObstacle): string[] {
  return [
    'Forward: run the maintenance workflow with mode off and release a corrected commit at once.',
    `Back with the data: restore ${set ? `the set ${set}, taken before this release,` : 'the newest verified set'} into a new database with the restore action, point the backend at it, run the rollback workflow with \`override-schema: true\`, then the maintenance workflow with mode off. What was written since the set is lost.`,
  ];
}
