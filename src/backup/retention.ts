import {createHash} from 'node:crypto';
import * as z from 'zod';
import {Failure, messageOf} from '../kernel/errors.js';
import {readAll, type Store} from '../storage/store.js';
import {type PlanLimits, planRetention, type RetentionPlan, type RetentionRules} from './retention-plan.js';
import {type ListedSet, listNames, readManifest, readSets} from './set-list.js';
import {
  isSetId,
  manifestName,
  type Series,
  type SetId,
  seriesPrefix,
  setIdTime,
  setPrefix,
  signatureName,
} from './set-name.js';
import {refuseWrongClock} from './store-clock.js';
import type {Trust} from './trust.js';

export interface RetentionRequest {
  readonly store: Store;
  readonly series: Series;
  readonly rules: RetentionRules;
  readonly limits: PlanLimits;
  /** Sets that a live or recent release may have to go back to: id to who needs it. */
  readonly needed: ReadonlyMap<SetId, string>;
  /** Whose manifests count; forged ones stop the plan. */
  readonly trust: Trust;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** A plan together with what it was made from. */
export interface PreparedPlan extends RetentionPlan {
  /** Newest first; every one that the plan keeps has a manifest that was read and is believed. */
  readonly sets: readonly ListedSet[];
  /** Changes with the rules, so that a plan of other rules is not carried out. */
  readonly rulesDigest: string;
}

/**
 * Lists the series and plans. Names and ids are enough to plan; what the plan then relies on, the sets that stay, is
 * read, so that a damaged or forged one never takes the place of a good one. Any doubt stops it.
 * @throws Failure RETENTION_UNREADABLE when one of these cannot be read; what `planRetention` and the store throw
 */
export async function prepareRetention(request: RetentionRequest): Promise<PreparedPlan> {
  const {store, series, rules, needed, nowMs, signal, trust} = request;
  const [{listed}, facts] = await Promise.all([listNames(store, series, {signal}), store.facts(signal)]);
  refuseWrongClock(facts, 'RETENTION_CLOCK');
  refuseSkewedClock(nowMs, listed);
  const retained = listed.map((set) => ({
    id: set.id,
    atMs: setIdTime(set.id),
    proven: set.verifications.length > 0,
    failed: set.failures.length > 0,
    neededBy: [
      ...set.holds.map((name) => `held: ${name.replace(/^hold-|\.json$/g, '')}`),
      ...(needed.has(set.id) ? [needed.get(set.id)!] : []),
    ],
  }));
  const plan = planRetention(retained, rules, request.limits, nowMs);
  const kept = new Set(plan.keep.map(({id}) => id));
  const {unreadable} = await readSets(
    store,
    series,
    listed.filter(({id}) => kept.has(id)),
    {signal, trust},
  );
  if (unreadable.length) {
    throw new Failure(
      'RETENTION_UNREADABLE',
      `${unreadable.length} manifests cannot be read (${unreadable[0]!.id}: ${unreadable[0]!.reason.message}); nothing is removed`,
      {
        remedy: 'Find out who changed them. Remove such a set by hand once you are sure that it is worthless.',
      },
    );
  }
  return {...plan, sets: listed, rulesDigest: digestOf(rules)};
}

const planSchema = z.looseObject({
  schema: z.literal('switchback-retention/1'),
  at: z.iso.datetime(),
  rules: z.string(),
  /** The newest set of that day: a later listing that lacks it, although it is there, was cut. */
  newest: z.string().optional(),
  remove: z.array(z.looseObject({id: z.string(), etag: z.string()})),
});

/** Phase 1: writes the plan down and removes nothing. @returns the key of the plan, undefined when there is nothing to remove. */
export async function announceRetention(request: RetentionRequest, plan: PreparedPlan): Promise<string | undefined> {
  if (!plan.remove.length) return undefined;
  const at = new Date(request.nowMs).toISOString();
  const key = `${seriesPrefix(request.series)}_plans/${at.replace(/[-:.]/g, '')}.json`;
  const body = {
    schema: 'switchback-retention/1',
    at,
    rules: plan.rulesDigest,
    newest: plan.sets[0]?.id,
    remove: plan.remove.map((id) => ({id, etag: manifestMark(plan, id)})),
  };
  await request.store.put(key, Buffer.from(`${JSON.stringify(body, undefined, 2)}\n`), {
    ifAbsent: true,
    contentType: 'application/json',
    signal: request.signal,
  });
  return key;
}

export interface Removal {
  readonly removed: readonly SetId[];
  /** Announced, but not old enough, no longer planned, or changed since. */
  readonly waiting: readonly SetId[];
  readonly keptByLock: readonly SetId[];
  readonly failed: ReadonlyArray<{readonly id: SetId; readonly why: string}>;
  readonly bytes: number;
}

export interface RemovalLimits {
  /** How long a plan must have been announced, in milliseconds. */
  readonly graceMs: number;
  /** Most sets removed in one run. */
  readonly maxDelete: number;
}

/**
 * Phase 2: removes what was announced at least `graceMs` ago under the same rules and is still in today's plan, with
 * its manifest unchanged. Manifest first: a set that is half removed is no set any more. Only objects that the manifest
 * lists and the set's own marks are touched.
 */
export async function carryOutRetention(
  request: RetentionRequest,
  plan: PreparedPlan,
  limits: RemovalLimits,
): Promise<Removal> {
  const announced = await readAnnounced(request, plan, limits.graceMs);
  const due = plan.remove.filter((id) => announced.get(id) === manifestMark(plan, id)).slice(-limits.maxDelete);
  const result = {
    removed: [] as SetId[],
    keptByLock: [] as SetId[],
    failed: [] as Array<{id: SetId; why: string}>,
    bytes: 0,
  };
  for (const id of due.reverse()) {
    request.signal.throwIfAborted();
    await removeOne(request, plan.sets.find((set) => set.id === id)!, result);
  }
  await forgetPlans(request, limits.graceMs);
  return {
    ...result,
    waiting: plan.remove.filter((id) => !result.removed.includes(id) && !result.keptByLock.includes(id)),
  };
}

async function removeOne(
  {store, series, trust, signal}: RetentionRequest,
  set: ListedSet,
  result: {removed: SetId[]; keptByLock: SetId[]; failed: Array<{id: SetId; why: string}>; bytes: number},
): Promise<void> {
  try {
    const manifest = await readManifest(store, series, set.id, {trust, signal});
    const own = new Set([
      ...manifest.parts.map((part) => part.key),
      ...set.verifications,
      ...set.failures,
      signatureName,
    ]);
    const rest = set.objects.filter(({key}) => own.has(nameOf(key)) || nameOf(key).startsWith('reread-'));
    await store.delete(`${set.prefix}${manifestName}`);
    for (const {key} of rest) await store.delete(key);
    result.removed.push(set.id);
    result.bytes += rest.reduce((sum, {bytes}) => sum + bytes, 0);
  } catch (error) {
    const locked = error instanceof Failure && (error.code === 'STORE_LOCKED' || error.code === 'STORE_DENIED');
    if (locked) result.keptByLock.push(set.id);
    else result.failed.push({id: set.id, why: messageOf(error).split('\n')[0]!});
  }
}

/** Sets announced long enough ago under the same rules, with the mark their manifest had then. */
async function readAnnounced(
  request: RetentionRequest,
  plan: PreparedPlan,
  graceMs: number,
): Promise<Map<SetId, string>> {
  const announced = new Map<SetId, string>();
  for await (const {key} of request.store.list(`${seriesPrefix(request.series)}_plans/`, {signal: request.signal})) {
    const parsed = planSchema.safeParse(parseJson(await readAll(request.store, key)));
    if (parsed.success) await refuseCutListing(request, plan, parsed.data);
    if (!parsed.success || parsed.data.rules !== plan.rulesDigest) continue;
    if (request.nowMs - Date.parse(parsed.data.at) < graceMs) continue;
    for (const {id, etag} of parsed.data.remove) announced.set(id, etag);
  }
  return announced;
}

/**
 * Some servers end a listing early and say that it is whole. A set that was seen before, is not listed now and is there
 * all the same gives them away.
 */
async function refuseCutListing(
  {store, series}: RetentionRequest,
  {sets}: PreparedPlan,
  {newest, at}: {readonly newest?: string | undefined; readonly at: string},
): Promise<void> {
  if (newest === undefined || !isSetId(newest) || sets.some(({id}) => id === newest)) return;
  if (!(await store.head(`${setPrefix(series, newest)}${manifestName}`))) return;
  throw new Failure(
    'RETENTION_LISTING',
    `The listing lacks ${newest}, which was listed at ${at} and is still there; nothing is removed`,
    {remedy: 'The store cuts its listings short. Do not let retention run on it; use another store.'},
  );
}

/** Plans are of no use once a newer one has had its grace. */
async function forgetPlans({store, series, nowMs, signal}: RetentionRequest, graceMs: number): Promise<void> {
  const old: string[] = [];
  for await (const {key, modifiedMs} of store.list(`${seriesPrefix(series)}_plans/`, {signal}))
    if (nowMs - modifiedMs > 30 * 86_400_000 + graceMs) old.push(key);
  for (const key of old) await store.delete(key).catch(() => {});
}

/**
 * The store stamps objects with its own clock. Sets made by well-kept machines lie close to it; a machine whose clock is
 * far off would call young sets old.
 */
function refuseSkewedClock(nowMs: number, sets: readonly ListedSet[]): void {
  const newestStamp = sets.reduce(
    (newest, set) => set.objects.reduce((most, {modifiedMs}) => Math.max(most, modifiedMs), newest),
    0,
  );
  if (newestStamp - nowMs > 900_000) {
    throw new Failure(
      'RETENTION_CLOCK',
      `This machine's clock is ${Math.round((newestStamp - nowMs) / 60_000)} minutes behind the store's; nothing is removed`,
      {remedy: 'Correct the clock, then run again.'},
    );
  }
}

function manifestMark(plan: Pick<PreparedPlan, 'sets'>, id: SetId): string {
  const object = plan.sets.find((set) => set.id === id)?.objects.find(({key}) => nameOf(key) === manifestName);
  return object?.etag ?? `${object?.bytes}`;
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function digestOf(rules: RetentionRules): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(rules).sort()))
    .digest('hex')
    .slice(0, 16);
}
