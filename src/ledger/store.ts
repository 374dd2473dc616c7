import type {EventKind, ReleaseEvent, ReleaseRecord, StoredAnchors} from './record.js';

/** A pin: production stays as a rollback left it, until someone says otherwise. */
export interface Pin {
  readonly id: string;
  readonly who: string;
  readonly why: string;
  readonly release?: string;
  readonly createdAtMs: number;
  readonly untilMs: number;
}

/**
 * The append-only history of releases. Every method may throw a Failure; nothing here is cached, so that two runs see
 * each other's entries.
 */
export interface LedgerStore {
  /** Adds a release. A second call for the same release id returns the record that is there. */
  open(release: {
    readonly release: string;
    readonly commit: string;
    readonly runUrl?: string;
    readonly anchors: StoredAnchors;
  }): Promise<ReleaseRecord>;
  append(recordId: string, kind: EventKind, facts?: Readonly<Record<string, string>>): Promise<void>;
  /** @throws Failure LEDGER_NOT_FOUND */
  read(recordId: string): Promise<ReleaseRecord>;
  /** Newest first. */
  list(limit: number): AsyncIterable<ReleaseRecord>;
  /** The pin that holds now, if any; the newest of several. */
  activePin(nowMs: number): Promise<Pin | undefined>;
  /** Every pin that holds now, newest first. */
  activePins(nowMs: number): Promise<readonly Pin[]>;
  /** `ref` is the commit the entry hangs on in stores that need one. */
  pin(pin: Omit<Pin, 'id' | 'createdAtMs'> & {readonly ref: string}): Promise<Pin>;
  /** Releases every pin that holds; returns those released. */
  unpin(who: string, nowMs: number): Promise<readonly Pin[]>;
}

/** A ledger that takes over what was written down elsewhere, each entry with the time when it really happened. */
export interface AdoptingStore extends LedgerStore {
  /** Like `open`, for a release that was opened at `createdAtMs`; the history is in that order afterwards. */
  adopt(release: Omit<ReleaseRecord, 'id' | 'events'>): Promise<ReleaseRecord>;
  /** Like `append`, for something that happened at `event.atMs`. */
  appendPast(recordId: string, event: ReleaseEvent): Promise<void>;
}
