import {discardSet} from '../../src/backup/discard-set.js';
import {readHistory} from '../../src/backup/history.js';
import {removeLeftovers} from '../../src/backup/leftovers.js';
import type {Manifest} from '../../src/backup/manifest.js';
import type {RetentionRequest} from '../../src/backup/retention.js';
import {findNewestSet} from '../../src/backup/set-list.js';
import type {Series, SetId} from '../../src/backup/set-name.js';
import {isSound} from '../../src/backup/sound-set.js';
import type {Trust} from '../../src/backup/trust.js';
import {type SetRequest, type SetResult, writeSet} from '../../src/backup/write-set.js';
import type {BackupConfig, Config} from '../../src/config/schema.js';
import {formatDuration} from '../../src/kernel/duration.js';
import {Failure, messageOf, refusal} from '../../src/kernel/errors.js';
import {backoff, retry} from '../../src/kernel/retry.js';
import {secretsOf} from '../../src/postgres/connection.js';
import {
  backupSettings,
  openBackupStore,
  openRecipients,
  openSecondStore,
  passphraseOf,
  readKeyTexts,
  seriesOf,
} from '../../src/release/backup-access.js';
import {alarmBody, clearAlarm, raiseAlarm} from '../../src/release/backup-alarm.js';
import {checkFreshness, checkProof, retain, retentionRules, setsOfReleases} from '../../src/release/backup-upkeep.js';
import {databaseConnection} from '../../src/release/database-access.js';
import {openLedger} from '../../src/release/ledger-access.js';
import {openSigner} from '../../src/release/manifest-signer.js';
import {readProduct} from '../../src/release/product.js';
import {type Copied, checkSecondFreshness, copyToSecond} from '../../src/release/second-store.js';
import {openParts} from '../../src/release/set-parts.js';
import {backupHistory, retentionSummary} from '../../src/report/backup-history.js';
import {backupSummary} from '../../src/report/backup-summary.js';
import {cell, code, oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {Store, UnfinishedUpload} from '../../src/storage/store.js';
import type {spec} from './spec.js';

type BackupInputs = Inputs<typeof spec>;

export async function run(inputs: BackupInputs, runner: Run): Promise<Report<typeof spec>> {
  const product = await open(inputs, runner);
  if (inputs.mode === 'retain') return retainSets(inputs, runner, product);
  if (inputs.mode === 'freshness') return reportFreshness(inputs, runner, product);
  if (inputs.mode === 'copy') return copySets(inputs, runner, product);
  return backUp(inputs, runner, product);
}

async function backUp(inputs: BackupInputs, runner: Run, product: Opened): Promise<Report<typeof spec>> {
  const {store, series, config} = product;
  const base = await describeRequest(inputs, runner, product);
  const signal = AbortSignal.any([runner.signal, deadline(inputs.deadline)]);
  const fresh = await findFresh(inputs, base, store, await trustOf(product.settings, runner));
  if (fresh) {
    await (await openLedger(config, inputs, runner)).append(inputs['ledger-id'], 'backed-up', {set: fresh.id});
    const reused = report(fresh, store, {reused: true, durationMs: 0});
    return withCopies(reused, await copyMade(inputs, runner, product, fresh.id, signal));
  }
  await sweep(inputs, runner, store, series);
  const result = await makeSet(inputs, runner, product, base, signal);
  runner.saveState('sealed', 'true');
  for (const message of result.manifest.warnings) runner.annotate({level: 'warning', title: 'Backup', message});
  const ledger = await openLedger(config, inputs, runner);
  await ledger.append(inputs['ledger-id'], 'backed-up', {set: result.id});
  const sealed = report(result.manifest, store, {reused: false, durationMs: result.durationMs});
  const whole = {...sealed, summary: `${sealed.summary}\n\n${await history(product, runner)}`};
  return withCopies(whole, await copyMade(inputs, runner, product, result.id, signal));
}

/** `copy` alone: what a run could not copy while the second store was away. */
async function copySets(inputs: BackupInputs, runner: Run, product: Opened): Promise<Report<typeof spec>> {
  const signal = AbortSignal.any([runner.signal, deadline(inputs.deadline)]);
  const copied = await copyMade(inputs, runner, product, undefined, signal);
  if (copied) return copied;
  throw refusal('INPUT', 'The inputs were', [
    {
      where: 'input `mode`',
      what: 'is copy, and there is no second store to copy to',
      remedy: 'Describe it under `backup.also`, and leave `store` away',
    },
  ]);
}

/** Copies what the second store lacks. Undefined where there is none, or this run leaves it to a later one. */
async function copyMade(
  inputs: BackupInputs,
  runner: Run,
  {store, second, series, settings}: Opened,
  made: SetId | undefined,
  signal: AbortSignal,
): Promise<Copied | undefined> {
  if (!second) return undefined;
  const uploads: UnfinishedUpload[] = [];
  const copied = await copyToSecond({
    from: store,
    to: second,
    series,
    settings,
    trust: await trustOf(settings, runner),
    made,
    readBack: inputs['read-back'],
    most: inputs['max-copies'],
    retries: inputs.retries,
    leftoversAfterMs: inputs['leftovers-after'],
    signal,
    log: (line) => runner.log(oneLine(line)),
    warn: (message) => runner.annotate({level: 'warning', title: 'Second store', message}),
    // Saved before a byte is sent: the post step removes what a killed process leaves behind.
    onStarted: (upload) => {
      uploads.push(upload);
      runner.saveState('copies', JSON.stringify(uploads));
    },
  });
  // Whatever ended in order has taken its own uploads back.
  runner.saveState('copies', '');
  return copied;
}

/** The set is sealed whatever became of its copy: outputs and summary tell both. */
function withCopies(made: Report<typeof spec>, copied: Copied | undefined): Report<typeof spec> {
  if (!copied) return made;
  return {
    outputs: {...made.outputs, ...copied.outputs},
    summary: `${made.summary}\n\n${copied.summary}`,
    ...(copied.failure && {failure: copied.failure}),
  };
}

/** One set. What failed for a passing reason is done again from the start: a new snapshot, a new id. */
async function makeSet(
  inputs: BackupInputs,
  runner: Run,
  {config, settings, store}: Opened,
  base: SetRequest,
  signal: AbortSignal,
): Promise<SetResult> {
  const sign = await openSigner(inputs, settings, runner.env);
  const wanted = partsWanted(inputs, {config, settings});
  const uploads: UnfinishedUpload[] = [];
  const deps = {
    store,
    signal,
    env: runner.env,
    ...(sign ? {sign} : {}),
    log: (line: string) => runner.log(oneLine(line)),
    // Saved before anything is stored: the post step removes what a killed process leaves behind.
    onPrefix: (_: Series, id: string) => runner.saveState('set', id),
    onStarted: (upload: UnfinishedUpload) => {
      uploads.push(upload);
      runner.saveState('uploads', JSON.stringify(uploads));
    },
  };
  const onRetry = (failure: Failure, waitMs: number) =>
    runner.annotate({
      level: 'warning',
      title: 'Backup',
      message: `Trying again in ${formatDuration(waitMs)}: ${oneLine(failure.message)}`,
    });
  return retry({delaysMs: backoff(inputs.retries, 5_000, 60_000), signal, onRetry}, async () => {
    const {parts, warnings} = await openParts(config, settings, inputs, wanted, partsContext(inputs, runner, signal));
    return writeSet({...base, parts, warnings}, deps);
  });
}

/** Shown when it can be had: the set is sealed by now, and nothing may take that back. */
async function history({store, series, config}: Opened, runner: Run): Promise<string> {
  try {
    const rows = await readHistory(store, series, {latest: 5, months: 12, signal: runner.signal});
    return backupHistory(rows, config.objectives.rpo);
  } catch (error) {
    return `History could not be read: ${cell(messageOf(error))}`;
  }
}

/** Old sets go by rules, in two steps, in each store by its own listing; anything doubtful stops it and keeps everything. */
async function retainSets(inputs: BackupInputs, runner: Run, product: Opened): Promise<Report<typeof spec>> {
  const {config, settings, store, second, series} = product;
  const ledger = await openLedger(config, inputs, runner);
  const request = {
    series,
    rules: retentionRules(settings),
    limits: {staleAfterMs: 2 * settings.schedule},
    needed: await setsOfReleases(ledger.store.list(inputs['keep-releases'])),
    trust: await trustOf(settings, runner),
    nowMs: Date.now(),
    signal: runner.signal,
  };
  const first = await retainIn(inputs, {...request, store}, second && store.location);
  if (!second) return first;
  const also = await retainIn(inputs, {...request, store: second}, second.location).catch(
    (error: unknown): Report<typeof spec> => {
      if (runner.signal.aborted || !(error instanceof Failure)) throw error;
      const summary = `## ❌ Retention in ${code(second.location, 200)}\n\n${cell(error.message)}`;
      return {outputs: {}, summary, failure: error};
    },
  );
  return {
    outputs: {...first.outputs, 'also-planned': also.outputs.planned, 'also-removed': also.outputs.removed},
    summary: `${first.summary}\n\n${also.summary}`,
    ...firstFailure(first.failure, also.failure),
  };
}

function firstFailure(...failures: ReadonlyArray<Failure | undefined>): {failure?: Failure} {
  const failure = failures.find(Boolean);
  return failure ? {failure} : {};
}

async function retainIn(
  inputs: BackupInputs,
  request: RetentionRequest,
  where: string | undefined,
): Promise<Report<typeof spec>> {
  const {plan, removal} = await retain(request, inputs.apply, {graceMs: inputs.grace, maxDelete: inputs['max-delete']});
  const failed = removal?.failed ?? [];
  return {
    outputs: {planned: plan.remove.length, removed: removal?.removed.length ?? 0},
    summary: retentionSummary({
      where,
      applied: inputs.apply,
      kept: plan.keep,
      planned: plan.remove,
      removed: removal?.removed ?? [],
      waiting: removal?.waiting ?? plan.remove,
      keptByLock: removal?.keptByLock ?? [],
      failed,
      bytes: removal?.bytes ?? 0,
      storedBytes: plan.sets.flatMap(({objects}) => objects).reduce((sum, {bytes}) => sum + bytes, 0),
      graceMs: inputs.grace,
    }),
    ...(failed.length && {
      failure: new Failure('RETENTION', `${failed.length} sets could not be removed: ${failed[0]!.why}`, {
        remedy: 'Give these credentials s3:DeleteObject on the prefix; the next run tries again.',
      }),
    }),
  };
}

/** Finds the backup that did not happen: by the age of what is there, never by whether a run was seen. */
async function reportFreshness(inputs: BackupInputs, runner: Run, product: Opened): Promise<Report<typeof spec>> {
  const first = await freshnessOfFirst(inputs, runner, product);
  if (!product.second) return first;
  const also = await freshnessOfSecond(inputs, runner, product, product.second);
  return {
    outputs: {...first.outputs, ...also.outputs},
    summary: `${first.summary}\n\n${also.summary}`,
    ...firstFailure(first.failure, also.failure),
  };
}

async function freshnessOfFirst(
  inputs: BackupInputs,
  runner: Run,
  {config, settings, store, series}: Opened,
): Promise<Report<typeof spec>> {
  const maxAgeMs = inputs['max-age'] ?? settings.schedule;
  const key = `freshness ${config.product}/${config.environment}`;
  try {
    const {id, ageMs} = await checkFreshness(
      store,
      series,
      maxAgeMs,
      Date.now(),
      runner.signal,
      await trustOf(settings, runner),
    );
    const drillAgeMs = await checkProof(store, series, inputs['max-drill-age'], Date.now(), runner.signal);
    if (inputs.alarm) await clearAlarm(inputs['github-token'], runner, key, `The set ${id} is there.`);
    return {
      outputs: {
        'set-id': id,
        'age-ms': Math.round(ageMs),
        ...(drillAgeMs === undefined ? {} : {'drill-age-ms': Math.round(drillAgeMs)}),
      },
      summary: `## ✅ The newest sound set is ${formatDuration(ageMs)} old\n\n\`${id}\`. A set was last proven ${drillAgeMs === undefined ? 'never' : `${formatDuration(drillAgeMs)} ago`}.`,
    };
  } catch (error) {
    if (!(error instanceof Failure) || !(error.code in alarms)) throw error;
    const {heading, title} = alarms[error.code as keyof typeof alarms];
    const summary = `## ❌ ${heading}\n\n${cell(error.message)}`;
    if (inputs.alarm)
      await raiseAlarm(inputs['github-token'], runner, {
        key,
        title: title(config.product),
        body: alarmBody(error, summary),
      });
    return {outputs: {}, summary, failure: error};
  }
}

/** A product is as safe as its file says only while both stores hold a young set. */
async function freshnessOfSecond(
  inputs: BackupInputs,
  runner: Run,
  {config, settings, series}: Opened,
  second: Store,
): Promise<Report<typeof spec>> {
  const key = `freshness ${config.product}/${config.environment} second store`;
  const maxAgeMs = inputs['max-age'] ?? settings.schedule;
  try {
    const trust = await trustOf(settings, runner);
    const {id, ageMs} = await checkSecondFreshness(second, series, maxAgeMs, runner.signal, trust);
    if (inputs.alarm) await clearAlarm(inputs['github-token'], runner, key, `The set ${id} is in the second store.`);
    const summary = `## ✅ In the second store it is ${formatDuration(ageMs)} old\n\n${code(id)} in ${code(second.location, 200)}.`;
    return {outputs: {'also-age-ms': Math.round(ageMs)}, summary};
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'BACKUP_ALSO_STALE') throw error;
    const summary = `## ❌ The second store lacks young sets\n\n${cell(error.message)}`;
    const title = `Backups of ${config.product} do not reach the second store`;
    if (inputs.alarm) await raiseAlarm(inputs['github-token'], runner, {key, title, body: alarmBody(error, summary)});
    return {outputs: {}, summary, failure: error};
  }
}

const alarms = {
  BACKUP_STALE: {heading: 'Backups have stopped', title: (product: string) => `Backups of ${product} have stopped`},
  BACKUP_UNPROVEN: {
    heading: 'Nothing proves the backups',
    title: (product: string) => `Backups of ${product} are no longer proven`,
  },
};

/** Removes everything of a set that this step began and did not seal. A sealed set is left alone. */
export async function cleanUp(inputs: BackupInputs, runner: Run): Promise<void> {
  const id = runner.state('set');
  const copies = JSON.parse(runner.state('copies') || '[]') as UnfinishedUpload[];
  const isUnsealed = Boolean(id) && !runner.state('sealed');
  if (!isUnsealed && !copies.length) return;
  const {store, second, series} = await open(inputs, runner);
  // Whole parts of a copy stay: the next run checks and keeps them.
  for (const upload of copies) await second?.abandon(upload);
  if (!isUnsealed) return;
  const uploads = JSON.parse(runner.state('uploads') || '[]') as UnfinishedUpload[];
  const left = await discardSet(store, series, id, uploads);
  if (left.objects || left.uploads)
    runner.log(`Removed ${left.objects} objects and ${left.uploads} unfinished uploads of the unsealed set ${id}.`);
}

interface Opened {
  readonly config: Config;
  readonly settings: BackupConfig;
  readonly store: Store;
  /** Where every set is copied to. Undefined where none is described, and where this run shall not copy. */
  readonly second: Store | undefined;
  readonly series: Series;
}

async function open(inputs: BackupInputs, runner: Run): Promise<Opened> {
  const {config} = await readProduct(inputs, rootOf(runner), runner.env['GITHUB_REPOSITORY']);
  const settings = backupSettings(config, inputs);
  const store = await openBackupStore(settings, inputs, rootOf(runner));
  const copies = inputs.mode !== 'backup' || inputs.copy;
  const second = copies ? await openSecondStore(settings, inputs, rootOf(runner)) : undefined;
  return {config, settings, store, second, series: seriesOf(config)};
}

/** What the set is asked to hold: what the input names, else whatever the file describes. */
function partsWanted({include}: BackupInputs, {config, settings}: Pick<Opened, 'config' | 'settings'>) {
  if (include)
    return {
      database: include.includes('database'),
      assets: include.includes('assets'),
      configuration: include.includes('configuration'),
    };
  return {
    database: config.database !== undefined,
    assets: settings.assets.length > 0,
    configuration: settings.configuration,
  };
}

function partsContext(inputs: BackupInputs, runner: Run, signal: AbortSignal) {
  return {
    root: rootOf(runner),
    env: runner.env,
    signal,
    file: inputs.config,
    log: (line: string) => runner.log(oneLine(line)),
    mask: (value: string) => runner.maskFound(value),
  };
}

async function describeRequest(inputs: BackupInputs, runner: Run, product: Opened): Promise<SetRequest> {
  const {config, settings, series} = product;
  const connection = databaseConnection(config, inputs, runner.env);
  const useDatabase =
    partsWanted(inputs, product).database || (!inputs.include && inputs['database-url'] !== undefined);
  if (useDatabase && !connection) {
    const remedy = `Pass it in \`with:\`, such as \`database-url: \${{ secrets.DATABASE_URL }}\``;
    throw refusal('INPUT', 'The inputs were', [{where: 'input `database-url`', what: 'is missing', remedy}]);
  }
  const passphrase = passphraseOf(settings, runner.env);
  if (passphrase) runner.mask(passphrase);
  for (const secret of connection ? secretsOf(connection) : []) runner.mask(secret);
  return {
    series,
    recipients: await openRecipients(settings, inputs, runner.env, rootOf(runner), {
      nowMs: Date.now(),
      pinned: inputs['recipient-fingerprints'],
    }),
    database:
      useDatabase && connection
        ? {
            connection,
            depth: inputs.measure,
            compression: inputs.compression,
            jobs: inputs.jobs,
            expectedTables: inputs['as-found']
              ? []
              : (inputs['expected-tables'] ?? config.database?.['expected-tables'] ?? []),
            allowEmpty: inputs['as-found'],
          }
        : undefined,
    reason: inputs.reason ?? runner.env['GITHUB_EVENT_NAME'] ?? 'by hand',
    release: inputs.release,
    commit: runner.env['GITHUB_SHA'],
    trigger: triggerOf(runner),
    readBack: inputs['read-back'],
    allowShrink: inputs['allow-shrink'],
    asFound: inputs['as-found'],
    manifestDetail: inputs['manifest-detail'],
  };
}

/** Leftovers cost money and nothing else, so that failing to remove them does not fail a backup. */
async function sweep(inputs: BackupInputs, runner: Run, store: Store, series: Series): Promise<void> {
  try {
    const {objects, uploads, sets} = await removeLeftovers(store, series, inputs['leftovers-after'], Date.now());
    if (sets.length)
      runner.log(
        `Removed ${objects} objects and ${uploads} unfinished uploads of ${sets.length} sets that were never sealed.`,
      );
  } catch (error) {
    if (runner.signal.aborted) throw error;
    runner.annotate({
      level: 'warning',
      title: 'Backup',
      message: `Leftovers of earlier runs could not be removed: ${messageOf(error)}`,
    });
  }
}

/** Whose sets count. A forged one must not stand in for a backup, nor keep the alarm silent. */
async function trustOf(settings: BackupConfig, runner: Run): Promise<Trust> {
  return {signers: await readKeyTexts(settings['signed-by'] ?? [], rootOf(runner))};
}

/** A set of the same database that is young enough to stand in for a new one. */
async function findFresh(
  inputs: BackupInputs,
  request: SetRequest,
  store: Store,
  trust: Trust,
): Promise<Manifest | undefined> {
  const maxAgeMs = inputs['skip-if-fresh'];
  if (maxAgeMs === undefined) return undefined;
  const newest = await findNewestSet(store, request.series, request.database ? {role: 'database'} : {}, {trust});
  if (!newest || !isSound(newest) || Date.now() - Date.parse(newest.manifest.startedAt) > maxAgeMs) return undefined;
  return newest.manifest.database?.name === request.database?.connection.database ? newest.manifest : undefined;
}

function triggerOf({env}: Run): Record<string, string> {
  const known = {
    event: env['GITHUB_EVENT_NAME'],
    repository: env['GITHUB_REPOSITORY'],
    workflow: env['GITHUB_WORKFLOW'],
    run: env['GITHUB_RUN_ID'],
    attempt: env['GITHUB_RUN_ATTEMPT'],
  };
  return Object.fromEntries(Object.entries(known).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function deadline(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(
    () =>
      controller.abort(
        new Failure('DEADLINE', 'The backup did not end before its deadline and was stopped', {
          remedy: 'Find out why it is slow (the log shows how far it came), or raise `deadline`.',
        }),
      ),
    ms,
  ).unref();
  return controller.signal;
}

function rootOf(runner: Run): string {
  return runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
}

function report(
  manifest: Manifest,
  store: Store,
  {reused, durationMs}: {readonly reused: boolean; readonly durationMs: number},
): Report<typeof spec> {
  const manifestKey = `v1/${manifest.project}/${manifest.environment}/${manifest.id}/manifest.json`;
  const {database} = manifest;
  return {
    outputs: {
      'set-id': manifest.id,
      'manifest-key': manifestKey,
      bytes: manifest.parts.reduce((sum, part) => sum + part.ciphertext.bytes, 0),
      sha256: manifest.parts[0]?.ciphertext.sha256,
      'duration-ms': Math.round(durationMs),
      verified: manifest.checks['readBack'] === 'ok',
      reused,
    },
    summary: backupSummary({
      id: manifest.id,
      location: store.location,
      manifestKey,
      reused,
      durationMs,
      parts: manifest.parts.map((part) => ({
        name: part.key,
        plaintextBytes: part.plaintext.bytes,
        storedBytes: part.ciphertext.bytes,
        durationMs: part.durationMs,
      })),
      ...(database && {
        database: {
          name: database.name,
          serverVersion: database.serverVersion,
          clientVersion: database.clientVersion,
          tables: database.content?.tables.length,
          rows: database.content?.rows,
        },
      }),
      checks: manifest.checks,
      recipients: manifest.encryption.passphrase
        ? ['the passphrase']
        : manifest.encryption.recipients.map((recipient) => recipient.fingerprint),
      warnings: manifest.warnings,
      byHand: manifest.byHand,
    }),
  };
}
