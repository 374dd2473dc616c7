import {stateOf} from '../ledger/history.js';
import {interrupted} from '../ledger/journal.js';
import type {EventKind, ReleaseRecord} from '../ledger/record.js';
import type {Freshness} from '../monitor/freshness.js';
import {maintenancePrefix} from './maintenance-window.js';
import {readinessFact} from './monitor-plan.js';

const limit = 'both sides, without a build';
const longestChangeMs = 3_600_000;
const changes: ReadonlySet<EventKind> = new Set(['promoted', 'deployed', 'rolled-back']);

/**
 * Whether what is live now could be left for what was live before, as the ledger says; the platforms themselves are
 * asked by preflight.
 * @param records newest first.
 * @returns undefined when the ledger knows no release that changed production.
 */
export function rollbackReadiness(records: readonly ReleaseRecord[], nowMs: number): Freshness | undefined {
  const releases = records.filter(({release}) => !release.startsWith(maintenancePrefix));
  const open = interrupted(releases);
  if (open) return halfWay(open.record.release, Math.max(...open.intents.map(({atMs}) => atMs)), nowMs);
  // A release that was rolled back is not what is live: the one before it is.
  const live = releases.find((record) => changedMs(record) !== undefined && stateOf(record) !== 'rolled-back');
  if (!live) return undefined;
  const anchors = Object.values(live.anchors);
  if (anchors.length === 0) return fact('unknown', 'nothing before', `nothing was live before ${live.release}`);
  const lost = anchors.filter(({restorable}) => restorable.by === 'none').map(({component}) => component);
  if (lost.length)
    return fact('late', 'no way back', `no way back from ${live.release} for the ${lost.join(' and the ')}`);
  const slow = anchors.filter(({restorable}) => restorable.by === 'rebuild').map(({component}) => component);
  if (slow.length)
    return fact(
      'late',
      'by a build only',
      `from ${live.release} the ${slow.join(' and the ')} can only be built again`,
    );
  return fact('fresh', 'ready', `from ${live.release} in one step`);
}

/** A change without a word about its end: at work for now, and after an hour its run must be dead. */
function halfWay(release: string, announcedMs: number, nowMs: number): Freshness {
  if (nowMs - announcedMs < longestChangeMs) return fact('unknown', 'a change is under way', `${release} is at work`);
  return fact('late', 'unproven', `a run died in the middle of ${release}; run the rollback workflow`);
}

/** When a release last changed what users are served; undefined: never. */
export function changedMs({events}: ReleaseRecord): number | undefined {
  const times = events.filter(({kind}) => changes.has(kind)).map(({atMs}) => atMs);
  return times.length ? Math.max(...times) : undefined;
}

function fact(state: Freshness['state'], shown: string, words: string): Freshness {
  return {name: readinessFact, state, shown, limit, sentence: `${readinessFact}: ${words}`};
}
