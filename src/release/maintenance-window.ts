import {factOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {LedgerStore} from '../ledger/store.js';

/** What the ledger says about maintenance mode. Reading needs no adapter, so it stands apart from switching. */

export interface MaintenanceState {
  readonly on: boolean;
  /** The window's ledger record, when there is one. */
  readonly record?: ReleaseRecord;
  readonly untilMs?: number;
  readonly reason?: string;
  /** Begun and not finished: a run died in between. */
  readonly unfinished: boolean;
}

/** Release ids of maintenance windows begin with it. */
export const maintenancePrefix = 'm-';
const lookBack = 30;

/** The newest maintenance window that was not ended, from the ledger. */
export async function readMaintenance(store: LedgerStore): Promise<MaintenanceState> {
  for await (const record of store.list(lookBack))
    if (record.release.startsWith(maintenancePrefix)) return windowOf(record);
  return {on: false, unfinished: false};
}

/** The same from records that were read already, newest first. */
export function maintenanceOf(records: readonly ReleaseRecord[]): MaintenanceState {
  const newest = records.find(({release}) => release.startsWith(maintenancePrefix));
  return newest ? windowOf(newest) : {on: false, unfinished: false};
}

function windowOf(record: ReleaseRecord): MaintenanceState {
  const state = factOf(record, 'maintenance');
  if (state === 'off') return {on: false, unfinished: false};
  const until = Number(factOf(record, 'until'));
  return {
    on: true,
    record,
    unfinished: state !== 'on',
    ...(Number.isFinite(until) && {untilMs: until}),
    ...(factOf(record, 'why') && {reason: factOf(record, 'why')!}),
  };
}

/** Which deployment the frontend shows when this window ends: what was live before, unless a rollback chose another. */
export function wayOut(record: ReleaseRecord): string | undefined {
  return factOf(record, 'back-to') ?? record.anchors.frontend?.deploymentId;
}

/** Makes the end of an open window lead to another deployment, so that the page stays up meanwhile. */
export async function leadTo(store: LedgerStore, record: ReleaseRecord, deploymentId: string): Promise<void> {
  if (wayOut(record) !== deploymentId) await store.append(record.id, 'note', {'back-to': deploymentId});
}
