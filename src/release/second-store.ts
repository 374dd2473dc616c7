import {type CatchUp, type CatchUpRequest, copyMissing, removeDeadCopies} from '../backup/copy-missing.js';
import type {Series, SetId} from '../backup/set-name.js';
import type {Trust} from '../backup/trust.js';
import type {BackupConfig} from '../config/schema.js';
import {formatDuration} from '../kernel/duration.js';
import {Failure, messageOf} from '../kernel/errors.js';
import {backoff, retry} from '../kernel/retry.js';
import {type CopyFigures, copySummary} from '../report/second-store.js';
import {oneLine} from '../report/text.js';
import type {Store, UnfinishedUpload} from '../storage/store.js';
import {checkFreshness, retentionRules} from './backup-upkeep.js';

export interface Copying {
  readonly from: Store;
  readonly to: Store;
  readonly series: Series;
  readonly settings: BackupConfig;
  readonly trust: Trust;
  /** The set that was just sealed. */
  readonly made?: SetId | undefined;
  readonly readBack: 'full' | 'size';
  /** Most sets copied in one run. */
  readonly most: number;
  /** Repeats of a copy that failed for a passing reason. */
  readonly retries: number;
  readonly leftoversAfterMs: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly warn: (message: string) => void;
  readonly onStarted: (upload: UnfinishedUpload) => void;
}

export interface Copied {
  readonly outputs: {readonly copied: string; readonly 'not-copied': string; readonly 'copy-ms': number};
  readonly summary: string;
  readonly failure?: Failure;
}

/**
 * Brings the second store up to the first. Never throws: the set is sealed by now, and whatever happens here is told
 * beside it, as a failure of its own code.
 */
export async function copyToSecond(copying: Copying): Promise<Copied> {
  const startedMs = Date.now();
  try {
    const {copied, failed, waiting, unbelieved} = await copyMissing(requestOf(copying));
    for (const {id, why} of unbelieved) copying.warn(`${id} is not copied to the second store: ${oneLine(why)}`);
    if (!failed.length) await sweep(copying);
    if (waiting.length && !failed.length) copying.log(`${waiting.length} more sets wait to be copied by the next run.`);
    const figures = {copied, waiting, failed: failed.map(({id, failure}) => ({id, why: oneLine(failure.message)}))};
    return outcome(copying, figures, startedMs, failed[0] && failureOf(copying, failed, waiting, failed[0].failure));
  } catch (error) {
    const cause = reasonOf(error, copying.signal);
    const ids = copying.made === undefined ? [] : [{id: copying.made, failure: cause}];
    const figures = {copied: [], failed: [], waiting: ids.map(({id}) => id), why: oneLine(cause.message)};
    return outcome(copying, figures, startedMs, failureOf(copying, ids, [], cause));
  }
}

function requestOf(copying: Copying): CatchUpRequest {
  const {keepLast, keepWithinMs} = retentionRules(copying.settings);
  const {signal, log, retries} = copying;
  const onRetry = (failure: Failure, waitMs: number) =>
    log(`Copying again in ${formatDuration(waitMs)}: ${oneLine(failure.message)}`);
  return {
    ...copying,
    keepLast,
    keepWithinMs,
    nowMs: Date.now(),
    onSet: (id) => log(`Copying ${id} to ${oneLine(copying.to.location)}.`),
    attempt: (copy) => retry({delaysMs: backoff(retries, 5_000, 60_000), signal, onRetry}, copy),
  };
}

function outcome(
  {to}: Copying,
  figures: Pick<CopyFigures, 'copied' | 'failed' | 'waiting' | 'why'>,
  startedMs: number,
  failure: Failure | undefined,
): Copied {
  const {copied, failed, waiting} = figures;
  return {
    outputs: {
      copied: copied.map(({id}) => id).join(','),
      'not-copied': [...failed.map(({id}) => id), ...waiting].join(','),
      'copy-ms': Date.now() - startedMs,
    },
    summary: copySummary({location: to.location, ...figures}),
    ...(failure && {failure}),
  };
}

/** A cancel stays a cancel; everything else says what the second store lacks. */
function failureOf({from, to}: Copying, failed: CatchUp['failed'], waiting: readonly SetId[], cause: Failure): Failure {
  if (cause.code === 'CANCELLED') return cause;
  const ids = [...failed.map(({id}) => id), ...waiting];
  const what = ids.length ? ids.slice(0, 5).join(', ') : 'whatever was not copied before';
  return new Failure(
    'BACKUP_ALSO',
    `The second store, ${to.location}, lacks ${what}${ids.length > 5 ? ` and ${ids.length - 5} more` : ''}: ${oneLine(cause.message)}. What is sealed in ${from.location} stays`,
    {remedy: remedyOf(cause), cause, details: {lacks: ids}},
  );
}

function remedyOf(cause: Failure): string {
  const later = 'The next backup copies what is missing; `mode: copy` does it now.';
  if (cause.code.startsWith('SET_'))
    return `The first store changed that set: prove it (\`switchback restore verify --set …\`), which marks it as failed and ends the copying of it. ${later}`;
  if (cause.code === 'STORE_CREDENTIALS' || cause.code === 'STORE_DENIED')
    return `Pass keys of the second store that may list, read and add: \`also-access-key-id\`, \`also-secret-access-key\`. ${later}`;
  return `${cause.remedy} ${later}`;
}

function reasonOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted && signal.reason instanceof Failure) return signal.reason;
  if (error instanceof Failure) return error;
  return new Failure('BUG', messageOf(error), {
    remedy: 'Report it with this log.',
    cause: error,
  });
}

/** Leftovers cost money and nothing else. */
async function sweep(copying: Copying): Promise<void> {
  try {
    const {objects, uploads} = await removeDeadCopies(copying, copying.leftoversAfterMs, Date.now());
    if (objects || uploads)
      copying.log(`Removed ${objects} objects and ${uploads} unfinished uploads of dead copies from the second store.`);
  } catch (error) {
    if (!copying.signal.aborted)
      copying.warn(`Leftovers in the second store could not be removed: ${oneLine(messageOf(error))}`);
  }
}

/**
 * How old the newest sound set of the second store is.
 * @throws Failure BACKUP_ALSO_STALE when it is too old, there is none, or the store cannot be asked: a copy that nobody
 * can see is none
 */
export async function checkSecondFreshness(
  store: Store,
  series: Series,
  maxAgeMs: number,
  signal: AbortSignal,
  trust: Trust,
): Promise<{readonly id: SetId; readonly ageMs: number}> {
  try {
    return await checkFreshness(store, series, maxAgeMs, Date.now(), signal, trust);
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    throw new Failure('BACKUP_ALSO_STALE', `The second store, ${store.location}: ${error.message}`, {
      remedy:
        error.code === 'BACKUP_STALE'
          ? 'Look at the latest runs of the backup workflow: each says why its set was not copied. `mode: copy` copies what is missing.'
          : error.remedy,
      cause: error,
      details: error.details,
    });
  }
}
