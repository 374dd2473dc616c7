import {manifestTime} from '../backup/manifest.js';
import {
  announceRetention,
  carryOutRetention,
  type PreparedPlan,
  prepareRetention,
  type Removal,
  type RetentionRequest,
} from '../backup/retention.js';
import type {RetentionRules} from '../backup/retention-plan.js';
import {listNames} from '../backup/set-list.js';
import type {Series, SetId} from '../backup/set-name.js';
import {findSoundSet} from '../backup/sound-set.js';
import type {Trust} from '../backup/trust.js';
import {markedAt} from '../backup/verification.js';
import type {BackupConfig} from '../config/schema.js';
import {formatDuration} from '../kernel/duration.js';
import {Failure} from '../kernel/errors.js';
import type {ReleaseRecord} from '../ledger/record.js';
import type {Store} from '../storage/store.js';

/** Rules of retention from the file; its defaults where the file says nothing. */
export function retentionRules({retention}: BackupConfig): RetentionRules {
  return {
    keepLast: retention?.['keep-last'] ?? 7,
    hourly: retention?.hourly ?? 0,
    daily: retention?.daily ?? 30,
    weekly: retention?.weekly ?? 8,
    monthly: retention?.monthly ?? 12,
    yearly: retention?.yearly ?? 0,
    keepWithinMs: retention?.['keep-within'] ?? 30 * 86_400_000,
    minVerified: retention?.['min-verified'] ?? 3,
  };
}

/** The sets that the latest releases may have to go back to. @throws whatever the ledger throws: unread is not empty. */
export async function setsOfReleases(records: AsyncIterable<ReleaseRecord>): Promise<Map<SetId, string>> {
  const needed = new Map<SetId, string>();
  for await (const record of records) {
    for (const event of record.events)
      if (event.kind === 'backed-up' && event.facts['set']) needed.set(event.facts['set'], `release ${record.release}`);
  }
  return needed;
}

export interface RetentionRun {
  readonly plan: PreparedPlan;
  readonly removal: Removal | undefined;
}

/** Plans, and with `apply` first removes what was announced long enough ago; then announces what the plan still wants gone. */
export async function retain(
  request: RetentionRequest,
  apply: boolean,
  limits: {readonly graceMs: number; readonly maxDelete: number},
): Promise<RetentionRun> {
  const plan = await prepareRetention(request);
  const removal = apply ? await carryOutRetention(request, plan, limits) : undefined;
  const gone = new Set([...(removal?.removed ?? []), ...(removal?.keptByLock ?? [])]);
  await announceRetention(request, {...plan, remove: plan.remove.filter((id) => !gone.has(id))});
  return {plan, removal};
}

/**
 * How old the newest sound set is.
 * @throws Failure BACKUP_STALE when it is older than allowed or there is none: the alarm for the backup that did not happen.
 */
export async function checkFreshness(
  store: Store,
  series: Series,
  maxAgeMs: number,
  nowMs: number,
  signal: AbortSignal,
  trust: Trust = {signers: []},
): Promise<{readonly id: SetId; readonly ageMs: number}> {
  const newest = await findSoundSet(store, series, {signal, trust});
  const remedy =
    'Look at the runs of the backup workflow: it failed, was cancelled, or GitHub switched its schedule off after 60 quiet days.';
  if (!newest)
    throw new Failure('BACKUP_STALE', `There is no sound set of ${series.project}/${series.environment} at all`, {
      remedy,
    });
  const ageMs = nowMs - manifestTime(newest.manifest);
  if (ageMs > maxAgeMs)
    throw new Failure(
      'BACKUP_STALE',
      `The newest sound set, ${newest.id}, is ${formatDuration(ageMs)} old; ${formatDuration(maxAgeMs)} are allowed`,
      {remedy, details: {ageMs}},
    );
  return {id: newest.id, ageMs};
}

/**
 * How long ago a set was last proven by decrypting or restoring it, by the marks beside the sets; undefined: never.
 * @throws Failure BACKUP_UNPROVEN when that is longer than `maxAgeMs`: a key or a restore may have been lost unseen.
 */
export async function checkProof(
  store: Store,
  series: Series,
  maxAgeMs: number | undefined,
  nowMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const {listed} = await listNames(store, series, {signal});
  const times = listed.flatMap(({verifications}) => markedAt(verifications) ?? []);
  const ageMs = times.length ? nowMs - Math.max(...times) : undefined;
  if (maxAgeMs === undefined || (ageMs !== undefined && ageMs <= maxAgeMs)) return ageMs;
  throw new Failure(
    'BACKUP_UNPROVEN',
    ageMs === undefined
      ? `No set of ${series.project}/${series.environment} was ever proven`
      : `The last proof of a set is ${formatDuration(ageMs)} old; ${formatDuration(maxAgeMs)} are allowed`,
    {
      remedy: 'Run the restore drill, with the private key, and look at why it stopped or fails.',
      details: {...(ageMs === undefined ? {} : {ageMs})},
    },
  );
}
