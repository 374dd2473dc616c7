import {Failure, type Problem, refusal} from '../../src/kernel/errors.js';
import {type Connection, secretsOf} from '../../src/postgres/connection.js';
import {backupSettings, passphraseOf} from '../../src/release/backup-access.js';
import {openPlatforms} from '../../src/release/connection.js';
import {databaseConnection} from '../../src/release/database-access.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {readProduct} from '../../src/release/product.js';
import {
  inspectDatabase,
  type LiveDatabase,
  lacksItsEnd,
  measure,
  newestWindow,
  type Window,
} from '../../src/release/recovery.js';
import {
  chooseRecoverySet,
  collected,
  databaseProblems,
  planCode,
  reachPlatforms,
} from '../../src/release/recovery-check.js';
import type {RecoveryMark} from '../../src/release/recovery-mark.js';
import {
  measureLines,
  recoveryPlanSummary,
  recoverySummary,
  unfinishedSummary,
} from '../../src/report/recovery-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type RecoveryInputs = Inputs<typeof spec>;
type Result = Report<typeof spec>;
type Config = Awaited<ReturnType<typeof readProduct>>['config'];

export async function run(inputs: RecoveryInputs, runner: Run): Promise<Result> {
  const {config} = await readProduct(inputs, rootOf(runner), runner.env['GITHUB_REPOSITORY']);
  const ledger = await openLedger(config, inputs, runner);
  return inputs.mode === 'begin' ? begin(inputs, config, ledger, runner) : end(inputs, config, ledger, runner);
}

/** Everything that could stop the recovery half-way is looked at before its first change; all of it is told at once. */
async function begin(inputs: RecoveryInputs, config: Config, ledger: LedgerAccess, runner: Run): Promise<Result> {
  const problems: Problem[] = [];
  const [window, {connection, database}] = await Promise.all([
    newestWindow(ledger.store),
    lookAtDatabase(inputs, config, runner, problems),
  ]);
  if (lacksItsEnd(window, database?.mark, Date.now())) return onlyMeasuringIsLeft(window!, inputs);
  const sinceMs = beganAt(inputs, window);
  const restored = window?.open === true && isInPlace(database?.mark, window);
  const restore = inputs.database && !restored;
  if (restore) {
    const passphrase = setPassphrase(inputs, config, runner);
    problems.push(
      ...databaseProblems(
        {confirm: inputs.confirm, canOpen: Boolean(inputs['private-key'] ?? passphrase)},
        connection,
        database,
      ),
    );
  }
  const [plan, set] = await Promise.all([
    collected('code', problems, () => planCode(ledger.store, config, inputs.release)),
    restore ? collected('set', problems, () => findSet(inputs, config, sinceMs, database, runner)) : undefined,
    reach(inputs, config, runner, problems),
  ]);
  if (problems.length) throw refusal('RECOVERY', 'The recovery was', problems);
  const state = restored ? 'restored' : (database?.state ?? (connection ? 'unreadable' : 'none'));
  const goal = {release: plan!.goal?.release ?? '', commit: plan!.goal?.commit ?? ''};
  return {
    outputs: {
      stage: 'recover',
      resumed: window?.open === true,
      since: new Date(sinceMs).toISOString(),
      ...goal,
      'database-state': state,
      restore,
      'set-id': set?.id,
      'in-place-at': restored ? new Date(database!.mark!.atMs!).toISOString() : undefined,
      identity: database?.identity,
    },
    summary: recoveryPlanSummary({
      resumed: window?.open === true,
      since: new Date(sinceMs).toISOString(),
      ...goal,
      database: inputs.database ? state : `${state}; it is not touched`,
      set: set?.id,
      identity: database?.identity,
    }),
  };
}

async function lookAtDatabase(inputs: RecoveryInputs, config: Config, runner: Run, problems: Problem[]) {
  const connection = databaseConnection(config, inputs, runner.env);
  for (const secret of connection ? secretsOf(connection) : []) runner.mask(secret);
  if (!connection) return {connection, database: undefined};
  const mine: Problem[] = [];
  const database = await collected('database', mine, () => inspectDatabase(connection, runner.signal));
  // Without the wish to restore it, a database that cannot be reached is one more thing that is broken.
  if (inputs.database) problems.push(...mine);
  for (const {what} of inputs.database ? [] : mine)
    runner.log(`The database cannot be looked at: ${oneLine(what, 400)}`);
  return {connection, database};
}

/** A run that was killed before it could note the moment leaves a restore that has to be gone over once more. */
function isInPlace(mark: RecoveryMark | undefined, {record}: Window): boolean {
  return mark?.recovery === record.release && mark.atMs !== undefined;
}

function onlyMeasuringIsLeft(window: Window, inputs: RecoveryInputs): Result {
  const since = inputs.since ?? new Date(window.record.createdAtMs).toISOString();
  return {
    outputs: {stage: 'measure', resumed: true, since, restore: false},
    summary: `## 🧭 Disaster recovery\n\nAn earlier run finished the recovery ${window.record.release} and could not measure it; nothing else is done. Is this a new disaster? Then run it once more.\n`,
  };
}

function beganAt({since}: RecoveryInputs, window: Window | undefined): number {
  if (since) return Date.parse(since);
  return window?.open ? window.record.createdAtMs : Date.now();
}

function setPassphrase(inputs: RecoveryInputs, {backup}: Config, runner: Run): string | undefined {
  const passphrase = inputs.passphrase ?? (backup && passphraseOf(backup, runner.env));
  if (passphrase) runner.mask(passphrase);
  return passphrase;
}

function findSet(
  inputs: RecoveryInputs,
  config: Config,
  sinceMs: number,
  database: LiveDatabase | undefined,
  runner: Run,
) {
  backupSettings(config, inputs);
  const wanted = {
    set: inputs.set,
    beforeMs: sinceMs,
    maxAgeMs: inputs['max-age'],
    signedBy: inputs['signed-by'],
    privateKey: inputs['private-key'],
    keyPassphrase: inputs['private-key-passphrase'],
    passphrase: setPassphrase(inputs, config, runner),
    root: rootOf(runner),
    env: runner.env,
    signal: runner.signal,
  };
  return chooseRecoverySet(config, inputs, wanted, database);
}

async function reach(inputs: RecoveryInputs, config: Config, runner: Run, problems: Problem[]): Promise<void> {
  const call = {signal: runner.signal, progress: (line: string) => runner.log(oneLine(line))};
  const platforms = await collected('platforms', problems, () =>
    openPlatforms(config, inputs, ['frontend', 'backend'], {mask: runner.maskFound}),
  );
  if (platforms) await reachPlatforms(platforms, call, problems);
}

/** Measures what is over, or says what is left; run again, it comes to the same. */
async function end(inputs: RecoveryInputs, config: Config, ledger: LedgerAccess, runner: Run): Promise<Result> {
  const window = await newestWindow(ledger.store);
  if (!window || window.open) return unfinished(window);
  const connection = databaseConnection(config, inputs, runner.env);
  for (const secret of connection ? secretsOf(connection) : []) runner.mask(secret);
  const sinceMs = inputs.since ? Date.parse(inputs.since) : window.record.createdAtMs;
  const restored = inputs['restored-set'] ?? (await markedSet(inputs, connection, window, runner));
  const measures = measure(sinceMs, window.closedAtMs ?? Date.now(), restored);
  const shown = {...measures, objectives: config.objectives, release: inputs.release};
  for (const line of measureLines(shown)) runner.log(line);
  const missed = measures.rtoMs > config.objectives.rto || measures.rpoMs > config.objectives.rpo;
  if (!window.over)
    await ledger.store.append(window.record.id, 'note', {
      recovery: 'over',
      rto: String(measures.rtoMs),
      rpo: String(measures.rpoMs),
    });
  return {
    outputs: {'rto-ms': measures.rtoMs, 'rpo-ms': measures.rpoMs, met: !missed, 'set-id': measures.set},
    summary: recoverySummary(shown),
    ...(missed && {
      failure: new Failure(
        'RECOVERY_OBJECTIVE',
        `The product is recovered and open, but not within the objectives:\n${measureLines(shown)
          .map((line) => `- ${line}`)
          .join('\n')}`,
        {
          remedy:
            'Find out what took the time, or make backups more often; then correct `objectives` if they cannot be met.',
        },
      ),
    }),
  };
}

/** The set that the live database says it was restored from in this very window. */
async function markedSet(
  inputs: RecoveryInputs,
  connection: Connection | undefined,
  {record}: Window,
  runner: Run,
): Promise<string | undefined> {
  if (!inputs.database || !connection) return undefined;
  const {mark} = await inspectDatabase(connection, runner.signal);
  return mark?.recovery === record.release ? mark.set : undefined;
}

function unfinished(window: Window | undefined): Result {
  const left = window
    ? ['Maintenance mode is on; the failed step above says why.']
    : ['Nothing was begun: there is no maintenance window; the failed step above says why.'];
  return {
    outputs: {met: false},
    summary: unfinishedSummary(left),
    failure: new Failure('RECOVERY_UNFINISHED', `The recovery is not finished. ${left.join(' ')}`, {
      remedy: 'Do what the failed step says, then run the recovery again: what is done is not repeated.',
    }),
  };
}

function rootOf(runner: Run): string {
  return runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
}
