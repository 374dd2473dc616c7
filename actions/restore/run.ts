import {resolve} from 'node:path';
import {findSet} from '../../src/backup/choose-set.js';
import {partOf, refuseForeignKeys} from '../../src/backup/content.js';
import {decompress} from '../../src/backup/decompress.js';
import {runDrill} from '../../src/backup/drill.js';
import {extractAssets} from '../../src/backup/extract-assets.js';
import {manifestTime} from '../../src/backup/manifest.js';
import {readPlaintext} from '../../src/backup/part-reader.js';
import {listNames, readSets, type SealedSet} from '../../src/backup/set-list.js';
import type {Series} from '../../src/backup/set-name.js';
import {readTrustedManifest, type Trust, type TrustedManifest} from '../../src/backup/trust.js';
import {recordVerification, type Verification} from '../../src/backup/verification.js';
import {checkDigests, checkPlaintext} from '../../src/backup/verify-set.js';
import type {BackupConfig, Config} from '../../src/config/schema.js';
import {isPassphrase, type Opener, unlockPrivateKey} from '../../src/crypto/private-key.js';
import {Failure, refusal} from '../../src/kernel/errors.js';
import {type Connection, parseConnection, secretsOf} from '../../src/postgres/connection.js';
import {removeThrowaway} from '../../src/postgres/throwaway-server.js';
import {
  backupSettings,
  openBackupStore,
  openRecipients,
  passphraseOf,
  readKeyTexts,
  seriesOf,
  withWayOut,
} from '../../src/release/backup-access.js';
import {alarmBody, clearAlarm, raiseAlarm} from '../../src/release/backup-alarm.js';
import {configurationDifferences} from '../../src/release/configuration-differences.js';
import {databaseConnection} from '../../src/release/database-access.js';
import {planReturn, returnDatabase, undoReturn} from '../../src/release/database-restore.js';
import {findSigner, type ManifestSigner} from '../../src/release/manifest-signer.js';
import {readProduct} from '../../src/release/product.js';
import {readConfiguration} from '../../src/release/set-parts.js';
import {readStoredConfiguration} from '../../src/release/stored-configuration.js';
import {dryRunSummary, restoreSummary, setListSummary} from '../../src/report/restore-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import {readOnly} from '../../src/storage/read-only.js';
import type {Store} from '../../src/storage/store.js';
import type {spec} from './spec.js';

type RestoreInputs = Inputs<typeof spec>;
type RestoreReport = Report<typeof spec>;

/** What every mode works with. */
interface Opened {
  readonly config: Config;
  readonly settings: BackupConfig;
  readonly store: Store;
  readonly series: Series;
  readonly trust: Trust;
  readonly live: Connection | undefined;
}

/** A set that was chosen, with its seal checked. */
interface Chosen extends TrustedManifest {
  readonly set: SealedSet;
  readonly ageMs: number;
}

export async function run(inputs: RestoreInputs, runner: Run): Promise<RestoreReport> {
  const opened = await open(inputs, runner);
  return withWayOut(opened.settings, inputs, () => perform(inputs, opened, runner));
}

async function perform(inputs: RestoreInputs, opened: Opened, runner: Run): Promise<RestoreReport> {
  if (inputs.mode === 'list') return list(opened, runner);
  const openers = await unlock(inputs, opened, runner);
  const chosen = await choose(inputs, opened, runner);
  const keys = openers.filter((opener) => isPassphrase(opener) === (chosen.manifest.encryption.passphrase ?? false));
  runner.log(`Using the set ${chosen.manifest.id}${chosen.signedBy ? `, signed by ${chosen.signedBy}` : ''}.`);
  if (inputs.mode === 'verify') return verify(inputs, opened, chosen, keys, runner);
  if (!keys.length)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: chosen.manifest.encryption.passphrase ? 'input `passphrase`' : 'input `private-key`',
        what: 'is missing',
        remedy: chosen.manifest.encryption.passphrase
          ? 'Pass the passphrase the set was made with, from a protected environment'
          : 'Pass the private key of a recipient, from a protected environment',
      },
    ]);
  if (inputs.mode === 'drill') return drill(inputs, opened, chosen, keys, runner);
  if (inputs['dry-run']) return dryRun(inputs, opened, chosen, keys, runner);
  return restore(inputs, opened, chosen, keys, runner);
}

/** Undoes what a killed restore left half-way: its own new database, a closed live one, a throwaway server. */
export async function cleanUp(inputs: RestoreInputs, runner: Run): Promise<void> {
  const handle = runner.state('throwaway');
  if (handle) await removeThrowaway(handle, runner.env);
  const database = runner.state('database');
  if (!database || runner.state('done')) return;
  const {live} = await open(inputs, runner);
  const target = inputs['target-url'] ? parseConnection(inputs['target-url']) : live;
  if (!target) return;
  await undoReturn(inputs.mode === 'in-place' ? 'in-place' : 'new', target, database);
  runner.log(`Dropped the half-restored database ${database}.`);
}

async function open(inputs: RestoreInputs, runner: Run): Promise<Opened> {
  const root = rootOf(runner);
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const settings = backupSettings(config, inputs);
  const live = databaseConnection(config, inputs, runner.env);
  const urls = [live, inputs['target-url'] ? parseConnection(inputs['target-url']) : undefined];
  for (const url of urls) for (const secret of url ? secretsOf(url) : []) runner.mask(secret);
  const signers = await readKeyTexts(inputs['signed-by'] ?? settings['signed-by'] ?? [], root);
  const store = await openBackupStore(settings, inputs, root);
  return {config, settings, live, store, series: seriesOf(config), trust: {signers}};
}

async function unlock(inputs: RestoreInputs, {settings}: Opened, runner: Run): Promise<Opener[]> {
  const passphrase = inputs.passphrase ?? passphraseOf(settings, runner.env);
  if (passphrase) runner.mask(passphrase);
  return [
    ...(inputs['private-key'] ? [await unlockPrivateKey(inputs['private-key'], inputs['private-key-passphrase'])] : []),
    ...(passphrase ? [{passphrase}] : []),
  ];
}

async function choose(inputs: RestoreInputs, {store, series, trust}: Opened, runner: Run): Promise<Chosen> {
  const roles = inputs.mode === 'new' || inputs.mode === 'in-place' ? inputs.parts : [];
  const set = await findSet(
    store,
    series,
    {set: inputs.set, release: inputs.release, before: inputs.before, maxAgeMs: inputs['max-age'], roles},
    Date.now(),
    {signal: runner.signal},
  );
  if (!trust.signers.length)
    runner.annotate({
      level: 'warning',
      title: 'Restore',
      message: 'Nobody is named in `signed-by`, so whoever can write to the store could have made this set.',
    });
  return {
    ...(await readTrustedManifest(store, series, set.id, trust, runner.signal)),
    set,
    ageMs: Date.now() - manifestTime(set.manifest),
  };
}

/** More lines than this help nobody, and each costs a request. */
const mostShown = 200;

async function list({store, series}: Opened, runner: Run): Promise<RestoreReport> {
  const {listed, unsealed} = await listNames(store, series, {signal: runner.signal});
  const {sealed, unreadable} = await readSets(store, series, listed.slice(0, mostShown), {signal: runner.signal});
  const rows = sealed.map(({id, manifest, verifications, failures}) => ({
    id,
    ageMs: Date.now() - manifestTime(manifest),
    reason: manifest.reason,
    release: manifest.release,
    storedBytes: manifest.parts.reduce((sum, part) => sum + part.ciphertext.bytes, 0),
    parts: manifest.parts.map((part) => part.role),
    rows: manifest.database?.content?.rows,
    proof: failures.at(-1) ?? verifications.at(-1) ?? (manifest.checks['readBack'] === 'ok' ? 'read back' : 'none'),
  }));
  return {
    outputs: {sets: JSON.stringify(rows)},
    summary: setListSummary(rows, {
      all: listed.length,
      unsealed: unsealed.length,
      unreadable: unreadable.length,
    }),
  };
}

async function verify(
  inputs: RestoreInputs,
  {store}: Opened,
  chosen: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<RestoreReport> {
  const startedMs = Date.now();
  const check = {store: readOnly(store), manifest: chosen.manifest, signal: runner.signal};
  const depth = keys.length ? ('decrypt' as const) : ('digests' as const);
  const outcome = await (keys.length ? checkPlaintext({...check, keys, env: runner.env}) : checkDigests(check)).then(
    (figures) => ({figures, failure: undefined}),
    (error: unknown) => {
      if (error instanceof Failure && /^(SET_|DECRYPT|ARCHIVE|COMPRESSION|DATABASE_DUMP)/.test(error.code))
        return {figures: undefined, failure: error};
      throw error;
    },
  );
  const parts = outcome.figures?.parts ?? [];
  const verification: Verification = {
    schema: 'switchback-verification/1',
    set: chosen.manifest.id,
    depth,
    ok: !outcome.failure,
    at: new Date().toISOString(),
    manifestSha256: chosen.sha256,
    durationMs: {
      ...Object.fromEntries(parts.map((part) => [part.key, part.durationMs])),
      total: Date.now() - startedMs,
    },
    compared: parts.length,
    differences: [],
    notes:
      depth === 'digests' ? ['Without a private key only the stored bytes were compared, not what is in them.'] : [],
    ...(outcome.failure ? {failure: outcome.failure.message.split('\n')[0]!} : {}),
  };
  return reportVerification(inputs, store, chosen, verification, outcome.failure, runner);
}

async function drill(
  inputs: RestoreInputs,
  {store}: Opened,
  chosen: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<RestoreReport> {
  const {verification, failure} = await runDrill({
    store: readOnly(store),
    manifest: chosen.manifest,
    manifestSha256: chosen.sha256,
    keys,
    server: inputs['target-url'] ? parseConnection(inputs['target-url']) : undefined,
    image: inputs.image,
    sqlChecks: (inputs['sql-checks'] ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
    env: runner.env,
    signal: runner.signal,
    log: (line) => runner.log(oneLine(line)),
    onHandle: (handle) => runner.saveState('throwaway', handle),
  });
  const report = await reportVerification(inputs, store, chosen, verification, failure, runner);
  const where = inputs.store === 'also' ? ' in the second store' : '';
  const key = `drill ${chosen.manifest.project}/${chosen.manifest.environment}${where}`;
  if (!inputs.alarm) return report;
  if (failure)
    await raiseAlarm(inputs['github-token'], runner, {
      key,
      title: `The backup of ${chosen.manifest.project}${where} did not survive its restore drill`,
      body: alarmBody(failure, report.summary ?? ''),
    });
  else await clearAlarm(inputs['github-token'], runner, key, `The drill of ${chosen.manifest.id} passed.`);
  return report;
}

async function reportVerification(
  inputs: RestoreInputs,
  store: Store,
  chosen: Chosen,
  verification: Verification,
  failure: Failure | undefined,
  runner: Run,
): Promise<RestoreReport> {
  if (inputs.record) runner.log(`Recorded as ${await recordVerification(store, chosen.set, verification)}.`);
  return {
    outputs: {
      'set-id': chosen.manifest.id,
      'set-age-ms': Math.round(chosen.ageMs),
      verified: verification.ok && verification.depth !== 'digests',
      compared: verification.compared,
      'duration-ms': Math.round(verification.durationMs['total'] ?? 0),
    },
    summary: restoreSummary({
      title: `${verification.depth === 'drill' ? 'Restore drill' : 'Verification'} ${verification.ok ? 'passed' : 'FAILED'}`,
      set: chosen.manifest.id,
      ageMs: chosen.ageMs,
      outcome: verification.serverVersion ? [['PostgreSQL', verification.serverVersion]] : [],
      durationMs: verification.durationMs,
      compared: verification.compared,
      differences: verification.differences,
      notes: [...verification.notes, ...(verification.failure ? [verification.failure] : [])],
    }),
    ...(failure ? {failure} : {}),
  };
}

async function restore(
  inputs: RestoreInputs,
  opened: Opened,
  chosen: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<RestoreReport> {
  const startedMs = Date.now();
  const wants = (part: 'database' | 'assets' | 'configuration') => inputs.parts.includes(part);
  const found = [
    ...(wants('configuration') ? [await compareConfiguration(inputs, opened, chosen, keys, runner)] : []),
    ...(wants('assets') ? await restoreAssets(inputs, opened, chosen, keys, runner) : []),
    ...(wants('database') ? [await restoreDatabasePart(inputs, opened, chosen, keys, runner)] : []),
  ];
  runner.saveState('done', 'true');
  const compared = found.reduce((sum, one) => sum + one.compared, 0);
  return {
    outputs: {
      ...Object.assign({}, ...found.map((one) => one.outputs ?? {})),
      'set-id': chosen.manifest.id,
      'set-age-ms': Math.round(chosen.ageMs),
      verified: true,
      compared,
      'duration-ms': Date.now() - startedMs,
    },
    summary: restoreSummary({
      title: 'Restored',
      set: chosen.manifest.id,
      ageMs: chosen.ageMs,
      outcome: found.flatMap((one) => one.outcome),
      durationMs: Object.assign({}, ...found.map((one) => one.durationMs)),
      compared,
      differences: [],
      notes: found.flatMap((one) => one.notes),
    }),
  };
}

/** What a restore of the database would do; the identity need not be typed for it. */
async function dryRun(
  inputs: RestoreInputs,
  {live}: Opened,
  {manifest, ageMs}: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<RestoreReport> {
  refuseForeignKeys(manifest, keys);
  const mode = inputs.mode as 'new' | 'in-place';
  const plan = await planReturn(
    {mode, targetUrl: inputs['target-url'], database: inputs['target-database']},
    live,
    manifest,
    runner.signal,
  );
  for (const line of plan.lines) runner.log(oneLine(line));
  return {
    outputs: {'set-id': manifest.id, 'set-age-ms': Math.round(ageMs), identity: plan.identity},
    summary: dryRunSummary(manifest.id, ageMs, plan.lines),
  };
}

/** What restoring one part adds to the report. */
interface PartResult {
  readonly outcome: ReadonlyArray<readonly [what: string, value: string]>;
  readonly durationMs: Readonly<Record<string, number>>;
  readonly compared: number;
  readonly notes: readonly string[];
  readonly outputs?: RestoreReport['outputs'];
}

async function restoreDatabasePart(
  inputs: RestoreInputs,
  opened: Opened,
  {manifest}: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<PartResult> {
  const {settings, store, series, live} = opened;
  const {database, identity, previous, safetySet, restored, inPlaceAtMs} = await returnDatabase({
    mode: inputs.mode as 'new' | 'in-place',
    store,
    series,
    manifest,
    keys,
    live,
    sign: await signerOf(inputs, settings, runner),
    recipients: () => openRecipients(settings, inputs, runner.env, rootOf(runner), {nowMs: Date.now()}),
    targetUrl: inputs['target-url'],
    database: inputs['target-database'],
    confirm: inputs.confirm,
    recovery: inputs.recovery,
    takeSafetySet: inputs['safety-set'],
    owners: inputs.owners,
    env: runner.env,
    signal: runner.signal,
    // One of them is a command of some 700 characters, which must stay whole.
    log: (line) => runner.log(oneLine(line, 2_000)),
    onDatabase: (name) => runner.saveState('database', name),
  });
  return {
    outcome: [
      [restored ? 'restored database' : 'in place since an earlier run', database],
      ...(previous ? [['replaced database, kept as', previous] as const] : []),
      ...(safetySet ? [['set taken before', safetySet] as const] : []),
    ],
    durationMs: restored ? {restore: restored.durationMs.restore, compare: restored.durationMs.compare} : {},
    compared: restored?.comparison.compared ?? 0,
    notes: [
      ...(restored?.comparison.notes ?? ['It was compared with the manifest before it was put in place.']),
      ...withoutConfiguration(manifest),
    ],
    outputs: {
      database,
      identity,
      'previous-database': previous,
      'safety-set-id': safetySet,
      ...(inPlaceAtMs !== undefined && {'in-place-at': new Date(inPlaceAtMs).toISOString()}),
    },
  };
}

async function signerOf(
  inputs: RestoreInputs,
  settings: BackupConfig,
  runner: Run,
): Promise<ManifestSigner | undefined> {
  if (inputs.mode !== 'in-place') return undefined;
  const sign = await findSigner(inputs, settings, runner.env);
  if (!sign && settings['signed-by']?.length && inputs['safety-set'])
    runner.annotate({
      level: 'warning',
      title: 'Restore',
      message:
        'The set taken before is not signed, and the file asks for signatures: pass `signing-key`, or going back to that set needs `signed-by` to be taken out of the file.',
    });
  return sign;
}

/** Rows that the application encrypted itself are worthless without its keys. */
function withoutConfiguration({parts}: TrustedManifest['manifest']): string[] {
  return parts.some(({role}) => role === 'configuration')
    ? []
    : [
        "This set holds no configuration: the application's variables, with the keys that open encrypted columns, have to come from elsewhere.",
      ];
}

async function restoreAssets(
  inputs: RestoreInputs,
  {store}: Opened,
  {manifest, set}: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<PartResult[]> {
  const results: PartResult[] = [];
  for (const part of manifest.parts.filter(({role}) => role === 'assets')) {
    const folder = resolve(rootOf(runner), inputs['assets-folder'], part.key.split('.')[0]!);
    const startedMs = Date.now();
    const plain = readPlaintext({store: readOnly(store), prefix: set.prefix, part, signal: runner.signal}, keys);
    const {files, bytes} = await extractAssets(decompress(part, plain, runner.env, runner.signal), folder);
    results.push({
      outcome: [[`${part.name}: ${files} files with ${bytes} bytes in`, folder]],
      durationMs: {[part.key]: Date.now() - startedMs},
      compared: 1,
      notes: [],
    });
  }
  return results;
}

/** Configuration is shown as differences by name first; nothing is written to a platform, no value is printed. */
async function compareConfiguration(
  inputs: RestoreInputs,
  {config, store}: Opened,
  {manifest, set}: Chosen,
  keys: readonly Opener[],
  runner: Run,
): Promise<PartResult> {
  const startedMs = Date.now();
  const part = partOf(manifest, 'configuration');
  const where = {store: readOnly(store), prefix: set.prefix, manifest, keys, signal: runner.signal};
  const stored = await readStoredConfiguration(where);
  const context = {
    root: rootOf(runner),
    env: runner.env,
    signal: runner.signal,
    file: inputs.config,
    log: (line: string) => runner.log(oneLine(line)),
    mask: (value: string) => runner.maskFound(value),
  };
  const {document, warnings} = await readConfiguration(config, inputs, context);
  const differences = configurationDifferences(stored, document);
  return {
    outcome: [['configuration', differences.length ? `${differences.length} settings differ` : 'as in force']],
    durationMs: {[part.key]: Date.now() - startedMs},
    compared: 1,
    notes: [
      ...warnings,
      ...differences.slice(0, 100),
      ...(differences.length
        ? [
            `The values are in ${part.key}; open it by hand: ${manifest.byHand.find((line) => line.includes(part.key)) ?? ''}`,
          ]
        : []),
    ],
  };
}

function rootOf(runner: Run): string {
  return runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
}
