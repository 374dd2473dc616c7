import {Failure} from '../kernel/errors.js';
import {makePin, parsePin} from './pin.js';
import {
  type EventKind,
  eventKinds,
  makePayload,
  parseJson,
  parsePayload,
  type ReleaseEvent,
  type ReleaseRecord,
} from './record.js';
import type {LedgerStore, Pin} from './store.js';

/** The file that a ledger is kept in, as effects: whoever opens the store provides them. */
export interface LedgerFile {
  /** The whole text; '' when there is no file yet. */
  read(): Promise<string>;
  /** Adds text at the end and returns when it is on disk. */
  append(text: string): Promise<void>;
  /** Cuts the file to so many bytes. */
  truncate(bytes: number): Promise<void>;
  /** Runs `work` while no other process writes. */
  locked<T>(work: () => Promise<T>): Promise<T>;
}

/** What could not be read; the ledger goes on without it. */
export interface LedgerProblem {
  /** 1-based. */
  readonly line: number;
  readonly what: string;
}

interface Contents {
  readonly records: Map<string, Mutable>;
  readonly pins: Map<string, Pin & {released: boolean}>;
  /** Bytes of whole lines. */
  readonly wholeBytes: number;
  readonly hasTail: boolean;
}

type Mutable = Omit<ReleaseRecord, 'events'> & {events: ReleaseEvent[]};

/**
 * The ledger as a file of JSON lines that is only ever added to: for the terminal and the rehearsal. A line cut short
 * by a crash is removed before the next one is written, and reported.
 */
export function openFileStore(
  file: LedgerFile,
  now: () => number,
  onProblem: (problem: LedgerProblem) => void = () => undefined,
): LedgerStore {
  const load = async () => readContents(await file.read(), onProblem);
  /** Reads, decides and adds while nobody else writes. */
  const change = <T>(
    decide: (contents: Contents) => {readonly lines: readonly object[]; readonly result: T},
  ): Promise<T> =>
    file.locked(async () => {
      const contents = await load();
      const {lines, result} = decide(contents);
      if (lines.length === 0) return result;
      if (contents.hasTail) await file.truncate(contents.wholeBytes);
      await file.append(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return result;
    });

  return {
    open: (release) =>
      change(({records}) => {
        const known = [...records.values()].find((record) => record.release === release.release);
        if (known) return {lines: [], result: known};
        const payload = makePayload(release);
        const opened: ReleaseEvent = {atMs: now(), kind: 'opened', facts: {release: release.release}};
        const {schema: _, ...kept} = payload;
        const record: ReleaseRecord = {...kept, id: `r${records.size + 1}`, createdAtMs: opened.atMs, events: [opened]};
        return {
          lines: [{type: 'release', id: record.id, atMs: opened.atMs, payload}, eventLine(record.id, opened)],
          result: record,
        };
      }),
    append: (recordId, kind, facts = {}) =>
      change(({records}) => {
        if (!records.has(recordId)) throw unknownRecord(recordId);
        return {lines: [eventLine(recordId, {atMs: now(), kind, facts})], result: undefined};
      }),
    async read(recordId) {
      const record = (await load()).records.get(recordId);
      if (!record) throw unknownRecord(recordId);
      return record;
    },
    async *list(limit) {
      yield* [...(await load()).records.values()].reverse().slice(0, limit);
    },
    async activePin(nowMs) {
      return activePins(await load(), nowMs)[0];
    },
    async activePins(nowMs) {
      return activePins(await load(), nowMs);
    },
    pin: (pin) =>
      change(({pins}) => {
        const payload = makePin(pin);
        const made: Pin = {...parsePin(payload)!, id: `p${pins.size + 1}`, createdAtMs: now()};
        return {lines: [{type: 'pin', id: made.id, atMs: made.createdAtMs, payload}], result: made};
      }),
    unpin: (who, nowMs) =>
      change((contents) => {
        const held = activePins(contents, nowMs);
        return {lines: held.map(({id}) => ({type: 'unpin', id, atMs: now(), who: who.slice(0, 80)})), result: held};
      }),
  };
}

function eventLine(record: string, event: ReleaseEvent): object {
  return {type: 'event', record, ...event};
}

function activePins({pins}: Contents, nowMs: number): Pin[] {
  return [...pins.values()]
    .filter((pin) => !pin.released && pin.untilMs > nowMs)
    .map(({released: _, ...pin}) => pin)
    .reverse();
}

function readContents(text: string, onProblem: (problem: LedgerProblem) => void): Contents {
  const records: Contents['records'] = new Map();
  const pins: Contents['pins'] = new Map();
  const end = text.lastIndexOf('\n') + 1;
  const whole = text.slice(0, end);
  const lines = whole.split('\n').slice(0, -1);
  for (const [at, line] of lines.entries()) {
    const what = applyLine(line, records, pins);
    if (what) onProblem({line: at + 1, what});
  }
  if (end < text.length) onProblem({line: lines.length + 1, what: 'was cut short and is ignored'});
  return {records, pins, wholeBytes: Buffer.byteLength(whole), hasTail: end < text.length};
}

/** @returns what is wrong with the line, or undefined. A newer version's record is refused, not passed over. */
function applyLine(text: string, records: Contents['records'], pins: Contents['pins']): string | undefined {
  const line = parseJson(text) as Record<string, unknown> | null | undefined;
  if (typeof line !== 'object' || line === null) return 'is not JSON';
  const [id, atMs] = [String(line.id ?? line.record), Number(line.atMs)];
  if (!Number.isFinite(atMs)) return 'has no time';
  switch (line.type) {
    case 'release':
      return applyRelease(line, id, atMs, records);
    case 'event':
      return applyEvent(line, id, atMs, records);
    case 'pin': {
      const pin = parsePin(line.payload);
      if (!pin) return 'is not a pin';
      pins.set(id, {...pin, id, createdAtMs: atMs, released: false});
      return undefined;
    }
    case 'unpin': {
      const pin = pins.get(id);
      if (pin) pin.released = true;
      return pin ? undefined : 'releases a pin that is not there';
    }
    default:
      return 'has an unknown type';
  }
}

function applyRelease(
  line: Record<string, unknown>,
  id: string,
  createdAtMs: number,
  records: Contents['records'],
): string | undefined {
  const payload = parsePayload(line.payload);
  if (!payload) return 'is not a release';
  const {schema: _, ...kept} = payload;
  records.set(id, {...kept, id, createdAtMs, events: []});
  return undefined;
}

function applyEvent(
  line: Record<string, unknown>,
  id: string,
  atMs: number,
  records: Contents['records'],
): string | undefined {
  const record = records.get(id);
  if (!record) return 'belongs to no release';
  const kind = line.kind as EventKind;
  if (!eventKinds.includes(kind)) return 'is an event of an unknown kind';
  const facts = Object.entries((line.facts ?? {}) as Record<string, unknown>).filter(
    (fact): fact is [string, string] => typeof fact[1] === 'string',
  );
  record.events.push({atMs, kind, facts: Object.fromEntries(facts)});
  return undefined;
}

function unknownRecord(recordId: string): Failure {
  return new Failure('LEDGER_NOT_FOUND', `The ledger has no record ${recordId}`, {
    remedy: 'Pass the `ledger-id` output of `preflight`.',
  });
}
