import {Failure} from '../kernel/errors.js';

/** What was live on a component before a release; the shape of `Anchor` in src/platforms, as stored. Identifiers only. */
export interface StoredAnchor {
  readonly component: 'frontend' | 'backend';
  readonly platform: 'vercel' | 'railway';
  readonly deploymentId: string;
  readonly commit?: string;
  readonly image?: string;
  readonly url?: string;
  readonly place?: string;
  readonly hosts: readonly string[];
  readonly createdAtMs: number;
  readonly readAtMs: number;
  readonly restorable:
    | {readonly by: 'rollback' | 'rebuild'}
    | {readonly by: 'none'; readonly why: string; readonly remedy: string};
}

export interface StoredAnchors {
  readonly frontend?: StoredAnchor;
  readonly backend?: StoredAnchor;
}

export const eventKinds = [
  'opened',
  'backed-up',
  'staged',
  'deployed',
  'gated',
  'intent',
  'promoted',
  'good',
  'failed',
  'rolled-back',
  'cancelled',
  'note',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** One later fact about a release. Facts are identifiers and short words, such as `frontend: dpl_a1`. */
export interface ReleaseEvent {
  readonly atMs: number;
  readonly kind: EventKind;
  readonly facts: Readonly<Record<string, string>>;
}

/** One release in the ledger; events are only ever added. */
export interface ReleaseRecord {
  /** The store's own id. */
  readonly id: string;
  readonly release: string;
  readonly commit: string;
  readonly createdAtMs: number;
  readonly runUrl?: string;
  readonly anchors: StoredAnchors;
  /** Oldest first. */
  readonly events: readonly ReleaseEvent[];
}

/** What the first entry of a release holds; `schema` is refused when its major is unknown. */
export interface RecordPayload {
  readonly schema: 'switchback/1';
  readonly release: string;
  readonly commit: string;
  readonly runUrl?: string;
  readonly anchors: StoredAnchors;
  /** When it was opened, for a release that another ledger recorded first. */
  readonly openedAtMs?: number;
}

export function makePayload(release: Pick<ReleaseRecord, 'release' | 'commit' | 'runUrl' | 'anchors'>): RecordPayload {
  const {release: id, commit, runUrl, anchors} = release;
  return {schema: 'switchback/1', release: id, commit, ...(runUrl && {runUrl}), anchors};
}

/**
 * Reads a stored payload that anyone with write access to the store could have written.
 * @returns undefined when it is not ours at all.
 * @throws Failure LEDGER_FORMAT when it is ours but of a version or shape that this code does not know.
 */
export function parsePayload(value: unknown): RecordPayload | undefined {
  const payload = typeof value === 'string' ? parseJson(value) : value;
  if (!isObject(payload) || typeof payload.schema !== 'string' || !payload.schema.startsWith('switchback/'))
    return undefined;
  const refuse = (what: string) =>
    new Failure('LEDGER_FORMAT', `A ledger record ${what}`, {
      remedy: 'Use the version of Switchback that wrote it, or a newer one.',
    });
  if (payload.schema !== 'switchback/1') throw refuse(`has the unknown schema ${payload.schema.slice(0, 40)}`);
  const {release, commit, anchors} = payload;
  if (typeof release !== 'string' || !/^[\w.-]{1,80}$/.test(release)) throw refuse('has no valid release id');
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) throw refuse('has no valid commit');
  return {
    schema: 'switchback/1',
    release,
    commit,
    ...(typeof payload.runUrl === 'string' &&
      /^https?:\/\//.test(payload.runUrl) && {runUrl: payload.runUrl.slice(0, 300)}),
    anchors: parseAnchors(anchors, refuse),
    ...(isMoment(payload.openedAtMs) && {openedAtMs: payload.openedAtMs}),
  };
}

function parseAnchors(value: unknown, refuse: (what: string) => Failure): StoredAnchors {
  if (!isObject(value)) return {};
  const parsed: {frontend?: StoredAnchor; backend?: StoredAnchor} = {};
  for (const component of ['frontend', 'backend'] as const) {
    if (value[component] === undefined || value[component] === null) continue;
    const anchor = value[component];
    if (!isObject(anchor) || typeof anchor.deploymentId !== 'string' || !/^[\w.:-]{1,100}$/.test(anchor.deploymentId))
      throw refuse(`has an unreadable ${component} anchor`);
    parsed[component] = readAnchor(component, anchor);
  }
  return parsed;
}

function readAnchor(component: 'frontend' | 'backend', anchor: Record<string, unknown>): StoredAnchor {
  const text = (key: string) => (typeof anchor[key] === 'string' ? {[key]: (anchor[key] as string).slice(0, 300)} : {});
  const time = (key: string) => (isMoment(anchor[key]) ? anchor[key] : 0);
  const restorable =
    isObject(anchor.restorable) && (anchor.restorable.by === 'rebuild' || anchor.restorable.by === 'rollback')
      ? ({by: anchor.restorable.by} as const)
      : ({by: 'none', why: 'the record says so', remedy: 'Choose another release to go back to'} as const);
  return {
    component,
    platform: component === 'frontend' ? 'vercel' : 'railway',
    deploymentId: anchor.deploymentId as string,
    ...text('commit'),
    ...text('image'),
    ...text('url'),
    ...text('place'),
    hosts: Array.isArray(anchor.hosts)
      ? anchor.hosts.filter((host): host is string => typeof host === 'string' && host.length <= 300).slice(0, 100)
      : [],
    createdAtMs: time('createdAtMs'),
    readAtMs: time('readAtMs'),
    restorable,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for epoch milliseconds that a date can stand for: JSON's 1e999 reads as Infinity, which no date prints. */
export function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}

/** @returns undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * An event as short lines: `promoted frontend=dpl_a1 backend=7c9e…`. White space, `%`, `=` and quotes inside values are
 * percent-encoded, so that a line splits again. Facts that do not fit go on in a further line of the same kind: an
 * identifier cut short would be believed later. Only a value too long for a line of its own is cut, marked by `…`.
 * @returns at least one line, none longer than `limit` characters.
 */
export function eventLines(kind: string, facts: Readonly<Record<string, string>>, limit = 140): string[] {
  const lines = [kind];
  for (const [key, value] of Object.entries(facts)) {
    const word = cutWord(`${key}=${value.replace(/[%\s="]/g, encodeURIComponent)}`, limit - kind.length - 1);
    if (`${lines.at(-1)} ${word}`.length <= limit) lines[lines.length - 1] += ` ${word}`;
    else lines.push(`${kind} ${word}`);
  }
  return lines;
}

function cutWord(word: string, room: number): string {
  return word.length <= room ? word : `${word.slice(0, room - 1).replace(/(%[0-9A-F]?)+$|[\ud800-\udbff]$/, '')}…`;
}

/** @returns undefined for lines that are not events, such as those another tool wrote. */
export function parseEvent(line: string): {kind: EventKind; facts: Record<string, string>} | undefined {
  const [kind, ...words] = line.split(' ');
  if (!eventKinds.includes(kind as EventKind)) return undefined;
  const facts = words.flatMap((word) => {
    const match = /^([a-z][a-z0-9-]*)=(.*)$/.exec(word);
    return match ? [[match[1]!, decode(match[2]!)] as const] : [];
  });
  return {kind: kind as EventKind, facts: Object.fromEntries(facts)};
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
