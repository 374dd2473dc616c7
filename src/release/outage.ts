import type {EvidenceRecord} from '../gate/record.js';
import {factOf} from '../ledger/history.js';
import type {ReleaseRecord} from '../ledger/record.js';

/**
 * When users got the first bad answer, epoch milliseconds: the watch's first failed probe, or the begin of a watch that
 * found slowness alone.
 */
export function badSinceMs({started_at: startedAt, checks}: Pick<EvidenceRecord, 'started_at' | 'checks'>): number {
  const failures = checks.flatMap((check) => check.first_failure_at_ms ?? []);
  return Date.parse(startedAt) + (failures.length ? Math.min(...failures) : 0);
}

/** From the first bad answer, as the live gate noted it, until now; undefined when no live gate failed. */
export function outageMs(record: ReleaseRecord | undefined, nowMs: number): number | undefined {
  const sinceMs = Number(record && factOf(record, 'bad-since', ['gated']));
  return Number.isFinite(sinceMs) && sinceMs > 0 && sinceMs <= nowMs ? nowMs - sinceMs : undefined;
}
