import {setIdTime} from '../backup/set-name.js';
import {factOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {LedgerStore} from '../ledger/store.js';
import type {Connection} from '../postgres/connection.js';
import {readDatabaseState} from '../postgres/database-note.js';
import {readServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';
import {maintenancePrefix} from './maintenance-window.js';
import {type RecoveryMark, readRecoveryMark} from './recovery-mark.js';
import {identityOf, maintenanceOf} from './restore-target.js';

/**
 * A disaster recovery happens in one maintenance window, which is its record: what is done is told by the platforms, by
 * the mark on the database and by the window itself, so that a run that follows a killed one finds out where it stands.
 */

/** The newest maintenance window, open or not. */
export interface Window {
  readonly record: ReleaseRecord;
  readonly open: boolean;
  /** When it was switched off. */
  readonly closedAtMs: number | undefined;
  /** Its recovery was measured; nothing is left of it. */
  readonly over: boolean;
}

/** What a window's reason begins with when a recovery opened it. */
export const recoveryReason = 'disaster recovery';

const lookBack = 30;
/** A recovery whose last step was lost is finished by the next run, unless that is another day's. */
const lostEndMs = 3_600_000;

export async function newestWindow(store: LedgerStore): Promise<Window | undefined> {
  for await (const record of store.list(lookBack)) {
    if (!record.release.startsWith(maintenancePrefix)) continue;
    const closed = record.events.findLast((event) => event.facts['maintenance'] === 'off');
    const open = factOf(record, 'maintenance') !== 'off';
    const over = factOf(record, 'recovery') === 'over';
    return {record, open, closedAtMs: open ? undefined : closed?.atMs, over};
  }
  return undefined;
}

/** True when everything was done in it, and only the measuring was lost with its run. */
export function lacksItsEnd(window: Window | undefined, mark: RecoveryMark | undefined, nowMs: number): boolean {
  if (!window || window.open || window.over || nowMs - (window.closedAtMs ?? 0) > lostEndMs) return false;
  return mark?.recovery === window.record.release || (factOf(window.record, 'why') ?? '').startsWith(recoveryReason);
}

export interface LiveDatabase {
  readonly state: 'live' | 'missing';
  /** What a person types to mean this very database. */
  readonly identity: string;
  readonly mark: RecoveryMark | undefined;
  readonly major: number;
}

/** Looks at the live database from its server, without connecting to it: it may be gone, or closed by a killed swap. */
export async function inspectDatabase(live: Connection, signal: AbortSignal): Promise<LiveDatabase> {
  const server = maintenanceOf(live);
  await using session = await openSession(server, {signal});
  const [facts, state] = [await readServerFacts(session), await readDatabaseState(server, live.database, signal)];
  return {
    state: state.exists ? 'live' : 'missing',
    identity: identityOf({...facts, database: live.database, databaseOid: state.oid ?? 0}),
    mark: readRecoveryMark(state.note),
    major: facts.major,
  };
}

export interface Measures {
  readonly rtoMs: number;
  readonly rpoMs: number;
  /** Set that the database came from; undefined when it was not restored. */
  readonly set: string | undefined;
}

/** Time without the product, and the data that came after the restored set. */
export function measure(sinceMs: number, closedAtMs: number, set: string | undefined): Measures {
  return {
    rtoMs: Math.max(0, closedAtMs - sinceMs),
    rpoMs: set ? Math.max(0, sinceMs - setIdTime(set)) : 0,
    set,
  };
}
