import type {GateSettings} from '../gate/policy.js';

/** Quick enough that the hundred clean probes of the usual promise take under half a minute. */
const intervalMs = 250;
const minDurationMs = 30_000;
const usualIntervalMs = 1_000;
const usualMinDurationMs = 120_000;

/**
 * How the restored product is gated: with the same promise about its failures as a release, but in quicker rounds and
 * without the long watch that a new version needs. It was live before, and users wait for the word that it is again.
 */
export function wayBackPolicy(file: GateSettings): GateSettings {
  return {
    interval: Math.min(file.interval ?? usualIntervalMs, intervalMs),
    'min-duration': Math.min(file['min-duration'] ?? usualMinDurationMs, minDurationMs),
  };
}
