import {Failure} from '../kernel/errors.js';
import type {Manifest, ManifestDatabase, ManifestPart} from './manifest.js';

/** Below this share of the set before, something was lost rather than cleaned up. */
const smallestShare = 0.5;
/** Small databases change by large factors for good reasons. */
const rowFloor = 1_000;
const byteFloor = 1_000_000;

/**
 * Refuses a set that is much smaller than the one before it: the way a wrong or emptied database looks.
 * @throws Failure SET_SHRUNK
 */
export function refuseShrunk(
  previous: Manifest,
  parts: readonly ManifestPart[],
  database: ManifestDatabase | undefined,
): void {
  const [rowsBefore, rowsNow] = [previous.database?.content?.rows, database?.content?.rows];
  if (
    rowsBefore !== undefined &&
    rowsNow !== undefined &&
    rowsBefore >= rowFloor &&
    rowsNow < rowsBefore * smallestShare
  )
    throw shrunk(`${rowsBefore} rows`, `${rowsNow}`, previous.id);
  const tablesBefore = previous.database?.content?.tables.length ?? 0;
  const tablesNow = database?.content?.tables.length ?? tablesBefore;
  if (tablesBefore >= 4 && tablesNow < tablesBefore * smallestShare)
    throw shrunk(`${tablesBefore} tables`, `${tablesNow}`, previous.id);
  const before = sizeOf(previous.parts);
  const now = sizeOf(parts);
  if (
    before >= byteFloor &&
    now < before * smallestShare &&
    (previous.database !== undefined) === (database !== undefined)
  )
    throw shrunk(`${before} bytes`, `${now}`, previous.id);
}

function sizeOf(parts: readonly ManifestPart[]): number {
  return parts.filter((part) => part.role === 'database').reduce((sum, part) => sum + part.plaintext.bytes, 0);
}

function shrunk(before: string, now: string, id: string): Failure {
  return new Failure('SET_SHRUNK', `The set would hold ${now} where the one before it (${id}) held ${before}`, {
    remedy:
      'Check that this is the right database and that nothing was lost; if it shrank on purpose, run once with `allow-shrink: true`.',
  });
}
