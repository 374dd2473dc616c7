import {manifestTime} from '../backup/manifest.js';
import {newestSets} from '../backup/set-list.js';
import {isSound} from '../backup/sound-set.js';
import {markedAt} from '../backup/verification.js';
import type {Config} from '../config/schema.js';
import {isAbort, messageOf} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {type Freshness, freshnessOf, roughly, unknownFreshness} from '../monitor/freshness.js';
import type {Store} from '../storage/store.js';
import {type BackupAccess, backupSettings, openBackupStore, seriesOf} from './backup-access.js';
import {backupFact, drillFact, secondCopyFact} from './monitor-plan.js';

/** Sets that are looked through for the newest drill. */
const maxSets = 200;

/**
 * How old the newest sound set and the newest proof of one are, and the newest sound copy in the second store. Undefined without a described store; a store that cannot
 * be asked makes both unknown, never late and never fresh.
 */
export function backupFreshness(
  config: Config,
  access: BackupAccess,
  signal: AbortSignal,
  now: () => number = Date.now,
): (() => Promise<Freshness[]>) | undefined {
  if (!config.backup) return undefined;
  const settings = backupSettings(config, access);
  const first = freshnessIn(config, () => openBackupStore(settings, access), signal, now, [
    [backupFact, settings.schedule],
    [drillFact, config.monitor['drill-max-age']],
  ]);
  if (!settings.also) return first;
  const second = freshnessIn(config, () => openBackupStore(settings, {...access, store: 'also'}), signal, now, [
    [secondCopyFact, settings.schedule],
  ]);
  return async () => (await Promise.all([first(), second()])).flat();
}

/** @param limits of the newest sound set and, where asked for, of the newest proof. */
function freshnessIn(
  config: Config,
  open: () => Promise<Store>,
  signal: AbortSignal,
  now: () => number,
  limits: ReadonlyArray<readonly [name: string, maxAgeMs: number]>,
): () => Promise<Freshness[]> {
  const wantsProof = limits.length > 1;
  return async () => {
    try {
      const store = await open();
      const found: {sound?: number; proved?: number} = {};
      let seen = 0;
      for await (const set of newestSets(store, seriesOf(config), {signal})) {
        if (isSound(set)) found.sound ??= manifestTime(set.manifest);
        found.proved ??= markedAt(set.verifications);
        if ((found.sound && (found.proved || !wantsProof)) || ++seen >= maxSets) break;
      }
      const times = [found.sound, found.proved];
      return limits.map(([name, maxAgeMs], i) => freshnessOf({name, lastMs: times[i], maxAgeMs}, now()));
    } catch (error) {
      if (isAbort(error)) throw error;
      const why = oneLine(messageOf(error), 120);
      return limits.map(([name, maxAgeMs]) => unknownFreshness(name, `${roughly(maxAgeMs)} allowed`, why));
    }
  };
}

/** Asks at most this often, so that a watch at a short pace does not list a bucket all day. */
export function askedEvery<T>(ms: number, ask: () => Promise<T>, now: () => number = Date.now): () => Promise<T> {
  let kept: {readonly atMs: number; readonly value: T} | undefined;
  return async () => {
    if (!kept || now() - kept.atMs >= ms) kept = {atMs: now(), value: await ask()};
    return kept.value;
  };
}
