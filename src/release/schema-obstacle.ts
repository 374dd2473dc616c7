import {factOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
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
 * Does the schema stand in the way of this rollback? A release counts only when it began to deploy its backend, whose
 * migrations run with it: before that the schema is still the old one. Of several in the way the oldest is named, since
 * only the set from before it holds the schema that old code knows.
 */
export function schemaObstacle({crossed, targets}: RollbackPlan): SchemaObstacle | undefined {
  if (!targets.some((target) => target.component === 'backend')) return undefined;
  const record = crossed.findLast((one) => migrated(one) && /^(breaking|unknown)$/.test(verdictOf(one) ?? ''));
  if (!record) return undefined;
  const verdict = verdictOf(record) as SchemaObstacle['verdict'];
  const where = factOf(record, 'schema-at', ['note']);
  return {
    verdict,
    release: record.release,
    set: factOf(record, 'set', ['backed-up']),
    sentence: `${triedOn(record)}${verdict === 'breaking' ? `Code from before ${record.release} cannot run on the new schema` : `Whether code from before ${record.release} can run on the new schema cannot be told`}${where ? ` (${where})` : ''}.`,
  };
}

/** What a trial on a copy of the data proved. */
function triedOn(record: ReleaseRecord): string {
  const [outcome, on] = [factOf(record, 'trial', ['note']), factOf(record, 'trial-on', ['note'])];
  if (outcome !== 'breaking') return '';
  const copy = on && on !== 'database' ? `a copy of the set ${on}` : 'a copy of the database';
  return `On ${copy} old code passed its smoke command without the migrations and failed it with them. `;
}

function verdictOf(record: ReleaseRecord): string | undefined {
  return factOf(record, 'schema', ['note']);
}

function migrated({events}: ReleaseRecord): boolean {
  return events.some(
    (event) =>
      event.kind === 'deployed' ||
      (event.kind === 'intent' && event.facts['do'] === 'deploy' && event.facts['on'] === 'backend'),
  );
}

/** The two ways out, for the person who decides. */
export function waysOut({set}: SchemaObstacle): string[] {
  return [
    'Forward: release a corrected commit at once; where maintenance mode is on, run the maintenance workflow with mode off first.',
    `Back with the data: restore ${set ? `the set ${set}, taken before this release,` : 'the newest verified set'} into a new database with the restore action, point the backend at it, then run the rollback workflow with \`override-schema: true\`, which also ends maintenance mode. What was written since the set is lost.`,
  ];
}
