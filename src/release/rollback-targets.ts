import {Failure, refusal} from '../kernel/errors.js';
import {deploymentsOf, factOf, lastKnownGood, newestShipped} from '../ledger/history.js';
import {interrupted} from '../ledger/journal.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {LedgerStore} from '../ledger/store.js';
import type {Anchor, Component} from '../platforms/platform.js';
import {maintenancePrefix} from './maintenance-window.js';
import type {RollbackTarget} from './rollback.js';

export type Destination = 'anchor' | 'previous' | 'last-known-good' | 'release';

export interface RollbackPlan {
  readonly targets: readonly RollbackTarget[];
  /** The release that is left behind, when the ledger knows it. */
  readonly leaving: ReleaseRecord | undefined;
  /** Every release that the way back passes over, newest first: the migrations of each of them stay. */
  readonly crossed: readonly ReleaseRecord[];
  /** The release that is gone back to, when it is one of the ledger and not what was live before one. */
  readonly goal?: ReleaseRecord;
  /** For people: what the targets are. */
  readonly description: string;
}

const historyDepth = 50;

/**
 * Decides where each component goes, from the ledger alone; nothing is guessed from a platform's list.
 * @throws Failure ROLLBACK_TARGET when the ledger knows no such place, refusal INPUT when an input is missing.
 */
export async function planRollback(
  store: LedgerStore,
  wanted: {
    readonly to: Destination;
    readonly components: readonly Component[];
    readonly recordId?: string | undefined;
    readonly release?: string | undefined;
  },
): Promise<RollbackPlan> {
  if (wanted.to === 'anchor') {
    if (!wanted.recordId)
      throw refusal('INPUT', 'The inputs were', [
        {
          where: 'input `ledger-id`',
          what: 'is missing, and `to` is anchor',
          remedy: 'Pass the `ledger-id` output of `preflight`, or choose another `to`',
        },
      ]);
    const record = await store.read(wanted.recordId);
    return {
      targets: fromAnchors(record, wanted.components),
      leaving: record,
      crossed: [record],
      description: `what was live before ${record.release}`,
    };
  }
  const history = await releases(store, historyDepth);
  // A run that died in the middle of a change may have made it: that release is the one to leave.
  const live = interrupted(history)?.record ?? newestShipped(history);
  if (wanted.to === 'previous') {
    if (!live) throw noTarget('The ledger knows no release that changed production, so there is no previous one');
    return {
      targets: fromAnchors(live, wanted.components),
      leaving: live,
      crossed: [live],
      description: `what was live before ${live.release}`,
    };
  }
  const goal = wanted.to === 'release' ? byId(history, wanted.release) : (lastKnownGood(history) ?? missingGood());
  const abandonedBy = live && live.id !== goal.id ? live : undefined;
  return {
    targets: fromShipped(goal, abandonedBy, wanted.components),
    leaving: abandonedBy,
    crossed: abandonedBy ? history.slice(0, history.indexOf(goal)) : [],
    goal,
    description: `${goal.release} (commit ${goal.commit.slice(0, 7)})`,
  };
}

function fromAnchors(record: ReleaseRecord, components: readonly Component[]): RollbackTarget[] {
  return components.flatMap((component) => {
    const anchor = record.anchors[component];
    return anchor
      ? [{component, anchor, abandoned: deploymentsOf(record, component), abandonedCommit: record.commit}]
      : [];
  });
}

/** A shipped release as a target: its own deployments, or the one a later rollback to it made. */
function fromShipped(
  goal: ReleaseRecord,
  leaving: ReleaseRecord | undefined,
  components: readonly Component[],
): RollbackTarget[] {
  return components.flatMap((component) => {
    const deploymentId = factOf(goal, component, ['promoted', 'deployed']);
    if (!deploymentId) return [];
    const anchor: Anchor = {
      component,
      platform: component === 'frontend' ? 'vercel' : 'railway',
      deploymentId,
      commit: goal.commit,
      hosts: [],
      createdAtMs: goal.createdAtMs,
      readAtMs: goal.createdAtMs,
      restorable: {by: 'rollback'},
    };
    return [
      {
        component,
        anchor,
        abandoned: leaving ? deploymentsOf(leaving, component) : [],
        ...(leaving && {abandonedCommit: leaving.commit}),
      },
    ];
  });
}

function byId(history: readonly ReleaseRecord[], release: string | undefined): ReleaseRecord {
  if (!release)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'input `release`',
        what: 'is missing, and `to` is release',
        remedy: "Pass the id of a release, such as one from the ledger's history in an earlier summary",
      },
    ]);
  const found = history.find((record) => record.release === release);
  if (!found)
    throw noTarget(
      `The ledger has no release ${release} among its newest ${historyDepth}; it knows ${
        history
          .slice(0, 8)
          .map((record) => record.release)
          .join(', ') || 'none'
      }`,
    );
  if (!factOf(found, 'frontend', ['promoted', 'deployed']) && !factOf(found, 'backend', ['promoted', 'deployed']))
    throw noTarget(`Release ${release} never reached production`);
  return found;
}

function missingGood(): never {
  throw noTarget('The ledger knows no release whose gate passed after promotion');
}

function noTarget(message: string): Failure {
  return new Failure('ROLLBACK_TARGET', message, {
    remedy: "Choose another `to`, or roll back on the platforms' own pages and run preflight afterwards.",
  });
}

/** Newest first; maintenance windows stand in the same ledger and are no releases. */
export async function releases(store: LedgerStore, depth: number): Promise<ReleaseRecord[]> {
  const all: ReleaseRecord[] = [];
  for await (const record of store.list(depth)) if (!record.release.startsWith(maintenancePrefix)) all.push(record);
  return all;
}
