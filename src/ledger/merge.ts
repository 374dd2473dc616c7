import {isAbort, messageOf} from '../kernel/errors.js';
import type {ReleaseEvent, ReleaseRecord} from './record.js';
import type {AdoptingStore, LedgerStore, Pin} from './store.js';

/** What became of one release of the other ledger. */
export interface MergedRelease {
  readonly release: string;
  readonly outcome: 'added' | 'completed' | 'already' | 'conflict' | 'failed';
  /** Events that were added. */
  readonly events: number;
  /** For a conflict or a failure. */
  readonly why?: string;
}

export interface Merged {
  /** Oldest first. */
  readonly releases: readonly MergedRelease[];
  /** Pins that hold in `into` now and did not before. */
  readonly pins: readonly Pin[];
  /** Pins that could not be brought, and hold in `from` alone. */
  readonly leftPins: ReadonlyArray<{readonly pin: Pin; readonly why: string}>;
}

const most = 1_000;
/** Clocks of two machines that wrote down the same release agree at least so far. */
const clockSlackMs = 24 * 3_600_000;

/**
 * Brings what one ledger holds into another: releases with their own times, events in their order, pins that still
 * hold. Nothing that is there is changed, a release recorded differently on both sides is left alone and told, and
 * repeating it, also after a kill in the middle, adds nothing twice.
 * @param ref commit that a pin hangs on when no release is brought.
 */
export async function mergeLedger(
  from: LedgerStore,
  into: AdoptingStore,
  {nowMs, ref}: {readonly nowMs: number; readonly ref: string},
): Promise<Merged> {
  const brought = (await recordsSince(from, Number.NEGATIVE_INFINITY)).reverse();
  const sinceMs = Math.min(...brought.map(({createdAtMs}) => createdAtMs)) - clockSlackMs;
  const there = new Map((await recordsSince(into, sinceMs)).map((record) => [record.release, record]));
  const releases: MergedRelease[] = [];
  for (const record of brought) releases.push(await mergeOne(record, there.get(record.release), into));
  // GitHub knows the commits of what was added; the one at hand here may not be pushed yet.
  const known = brought.filter((_, at) => releases[at]!.outcome !== 'failed');
  return {releases, ...(await mergePins(from, into, known, {nowMs, ref}))};
}

/** Newest first; reading a record costs a request of its own, so it ends where nothing can match any more. */
async function recordsSince(store: LedgerStore, sinceMs: number): Promise<ReleaseRecord[]> {
  const records: ReleaseRecord[] = [];
  if (sinceMs === Number.POSITIVE_INFINITY) return records;
  for await (const record of store.list(most)) {
    if (record.createdAtMs < sinceMs) break;
    records.push(record);
  }
  return records;
}

async function mergeOne(
  record: ReleaseRecord,
  there: ReleaseRecord | undefined,
  into: AdoptingStore,
): Promise<MergedRelease> {
  const {release} = record;
  const why = there && difference(record, there);
  if (why) return {release, outcome: 'conflict', events: 0, why};
  let events = 0;
  try {
    const target = there ?? (await into.adopt(record));
    for (const event of missing(record.events, target.events)) {
      await into.appendPast(target.id, event);
      events++;
    }
    return {release, outcome: there ? (events > 0 ? 'completed' : 'already') : 'added', events};
  } catch (error) {
    if (isAbort(error)) throw error;
    return {release, outcome: 'failed', events, why: messageOf(error)};
  }
}

/** Two records of one release must agree on what it shipped and what the way back was; only events may be missing. */
function difference(ours: ReleaseRecord, theirs: ReleaseRecord): string | undefined {
  if (ours.commit !== theirs.commit) return `here it ships ${theirs.commit}, there ${ours.commit}`;
  for (const component of ['frontend', 'backend'] as const) {
    const [here, other] = [theirs.anchors[component]?.deploymentId, ours.anchors[component]?.deploymentId];
    if (here !== other) return `its ${component} anchor is ${here ?? 'none'} here and ${other ?? 'none'} there`;
  }
  return undefined;
}

/** The same kind at the same millisecond is the same event: facts may be spread over several entries. */
function missing(events: readonly ReleaseEvent[], there: readonly ReleaseEvent[]): ReleaseEvent[] {
  const known = new Map<string, number>();
  const keyOf = ({kind, atMs}: ReleaseEvent) => `${kind} ${atMs}`;
  for (const event of there) known.set(keyOf(event), (known.get(keyOf(event)) ?? 0) + 1);
  return events.filter((event) => {
    const left = known.get(keyOf(event)) ?? 0;
    if (left > 0) known.set(keyOf(event), left - 1);
    return left === 0;
  });
}

/** A pin moves: it is released where it came from, so that one released here later does not come back with a repeat. */
async function mergePins(
  from: LedgerStore,
  into: AdoptingStore,
  known: readonly ReleaseRecord[],
  {nowMs, ref}: {readonly nowMs: number; readonly ref: string},
): Promise<Pick<Merged, 'pins' | 'leftPins'>> {
  const held = [...(await from.activePins(nowMs))].reverse();
  if (held.length === 0) return {pins: [], leftPins: []};
  const there = await into.activePins(nowMs);
  const [pins, leftPins]: [Pin[], Array<{pin: Pin; why: string}>] = [[], []];
  for (const moving of held) {
    const {who, why, untilMs, release} = moving;
    if (there.some((pin) => pin.untilMs === untilMs && pin.why === why && pin.who === who)) continue;
    const record = known.find((one) => one.release === release) ?? known.at(-1);
    try {
      pins.push(await into.pin({who, why, untilMs, ...(release && {release}), ref: record?.commit ?? ref}));
    } catch (error) {
      if (isAbort(error)) throw error;
      leftPins.push({pin: moving, why: messageOf(error)});
    }
  }
  if (leftPins.length === 0) await from.unpin('merge', nowMs);
  return {pins, leftPins};
}
