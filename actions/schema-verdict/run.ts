import {rm} from 'node:fs/promises';
import type {Config} from '../../src/config/schema.js';
import {Failure} from '../../src/kernel/errors.js';
import {removeThrowaway} from '../../src/postgres/throwaway-server.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {readProduct} from '../../src/release/product.js';
import {configuredRange, configuredVerdict, decidedAt, type SchemaRelease} from '../../src/release/schema-finding.js';
import {runTrial} from '../../src/release/schema-trial.js';
import type {ReleaseSchemaVerdict} from '../../src/release/schema-verdict.js';
import {openTrial} from '../../src/release/trial-inputs.js';
import {lockNote, schemaLines, schemaSummary} from '../../src/report/schema-summary.js';
import {oneLine} from '../../src/report/text.js';
import {type ShownTrial, trialLines, trialSummary, trialWarnings} from '../../src/report/trial-summary.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import {worst} from '../../src/schema/finding.js';
import type {spec} from './spec.js';

type SchemaInputs = Inputs<typeof spec>;
type Verdict = ReleaseSchemaVerdict['verdict'];
const shownStatements = 200;
const outputCharacters = 200_000;

export async function run(inputs: SchemaInputs, runner: Run): Promise<Report<typeof spec>> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const to = inputs.commit ?? runner.env['GITHUB_SHA'] ?? '';
  const ledger = inputs['ledger-id'] ? await openLedger(config, inputs, runner) : undefined;
  const from = inputs.from ?? (await anchored(ledger, inputs));
  const {env, signal} = runner;
  const release = {root, from, to, folder: inputs.migrations, env, signal};
  const judged = await configuredVerdict(config, inputs, release);
  for (const line of schemaLines(judged)) runner.log(oneLine(line, 500));
  runner.log(oneLine(judged.sentence, 500));
  annotate(judged, runner);
  const trial = inputs.trial === 'off' ? undefined : await tryOnCopy(config, inputs, release, runner);
  const verdict = trial ? worst([judged.verdict, speaks[trial.outcome]]) : judged.verdict;
  const sentence = verdict === judged.verdict ? judged.sentence : trial!.sentence;
  if (trial) await note(ledger, inputs, trial, verdict === judged.verdict ? undefined : verdict);
  const report = {
    outputs: {
      verdict,
      sentence: oneLine(sentence, 1_000),
      first: verdict === judged.verdict ? decidedAt(judged) : trial!.at,
      statements: asJson(judged),
      migrations: judged.migrations,
      trial: trial?.outcome ?? 'off',
      ...(trial && {
        'trial-sentence': oneLine(trial.sentence, 1_000),
        'trial-ms': Math.round(trial.durationMs['migrations'] ?? 0),
        effects: fitting(trial.effects),
      }),
    },
    summary: [schemaSummary({...judged, verdict, sentence}, {from, to}), ...(trial ? [trialSummary(trial)] : [])].join(
      '\n',
    ),
  };
  const failure = failureOf(inputs, verdict, sentence, trial);
  return failure ? {...report, failure} : report;
}

/** Removes what a killed trial left: its server, and the folder with the live commit. */
export async function cleanUp(_inputs: SchemaInputs, runner: Run): Promise<void> {
  const [handle, folder] = [runner.state('throwaway'), runner.state('folder')];
  if (handle) await removeThrowaway(handle, runner.env);
  if (folder) await rm(folder, {recursive: true, force: true, maxRetries: 5});
}

interface Tried extends ShownTrial {
  readonly at?: string;
  readonly set?: string;
  readonly error?: Failure;
}

/**
 * What a trial makes of a verdict, in one direction only: a smoke command walks a few paths of old code, so that it can
 * show that one of them is broken and never that none is. That a migration does not apply leaves open what would have
 * followed.
 */
const speaks: Readonly<Record<Tried['outcome'], Verdict>> = {
  passed: 'unchanged',
  breaking: 'breaking',
  refused: 'unknown',
  inconclusive: 'unchanged',
  error: 'unchanged',
};

async function tryOnCopy(
  config: Config,
  inputs: SchemaInputs,
  release: SchemaRelease,
  runner: Run,
): Promise<Tried | undefined> {
  const range = await configuredRange(config, release);
  if ('why' in range)
    throw new Failure('TRIAL_INPUT', `There is nothing to try: ${range.why}`, {remedy: range.instead});
  if (!range.added.length) {
    runner.log('No migration to try.');
    return undefined;
  }
  const from = release.from!;
  const opened = await openTrial(config, inputs, {...release, from, range, mask: runner.mask});
  const shown = {origin: opened.originText, ...(opened.origin.kind === 'set' && {set: opened.origin.manifest.id})};
  try {
    const result = await runTrial({
      ...opened,
      range,
      root: release.root,
      from,
      image: inputs.image,
      env: runner.env,
      signal: runner.signal,
      log: (line) => runner.log(oneLine(line)),
      onHandle: (handle) => runner.saveState('throwaway', handle),
      onFolder: (folder) => runner.saveState('folder', folder),
    });
    const tried = {...result, ...shown};
    for (const line of trialLines(tried)) runner.log(oneLine(line, 500));
    for (const {file, line, message} of trialWarnings(tried).slice(0, 5))
      runner.annotate({
        level: 'warning',
        title: 'Schema trial',
        message: oneLine(message, 800),
        ...(line > 0 && {file, line}),
      });
    runner.log(oneLine(result.sentence, 800));
    return tried;
  } catch (error) {
    if (!(error instanceof Failure) || runner.signal.aborted || inputs['on-trial-error'] === 'fail') throw error;
    const sentence = `The trial could not be made: ${oneLine(error.message, 600)}. ${error.remedy}`;
    runner.log(oneLine(sentence, 800));
    runner.annotate({level: 'warning', title: 'Schema trial', message: oneLine(sentence, 800)});
    return {...shown, outcome: 'error', sentence, effects: [], notes: [], durationMs: {}, error};
  }
}

/** Read by a rollback days later. */
async function note(
  ledger: LedgerAccess | undefined,
  inputs: SchemaInputs,
  {outcome, set, at, durationMs}: Tried,
  verdict: Verdict | undefined,
): Promise<void> {
  await ledger?.append(inputs['ledger-id'], 'note', {
    ...(verdict && {schema: verdict, 'schema-at': at}),
    trial: outcome,
    'trial-on': set ?? 'database',
    ...(durationMs['migrations'] !== undefined && {'trial-ms': String(Math.round(durationMs['migrations']))}),
  });
}

function failureOf(inputs: SchemaInputs, verdict: Verdict, sentence: string, trial: Tried | undefined) {
  if (trial?.outcome === 'refused')
    return new Failure('TRIAL_REFUSED', oneLine(trial.sentence, 800), {
      remedy: 'Correct the migration, or the data that it meets; nothing was changed in production.',
    });
  const failing =
    inputs['fail-on'] === 'none' ? [] : inputs['fail-on'] === 'unknown' ? ['unknown', 'breaking'] : ['breaking'];
  return failing.includes(verdict) ? refused(verdict, sentence) : undefined;
}

async function anchored(ledger: LedgerAccess | undefined, inputs: SchemaInputs): Promise<string | undefined> {
  if (!ledger)
    throw new Failure('INPUT', 'Neither `from` nor `ledger-id` was given, so the live commit is not known', {
      remedy: 'Pass the `ledger-id` output of preflight, or the full SHA of the live commit as `from`.',
    });
  return (await ledger.store.read(inputs['ledger-id']!)).anchors.backend?.commit;
}

/** GitHub shows ten annotations of a step at most; the rest stands in the summary. */
function annotate({statements}: ReleaseSchemaVerdict, runner: Run): void {
  const telling = statements.filter((one) => one.file && /breaking|unknown/.test(one.compatibility)).slice(0, 10);
  for (const {file, line, why, instead, lock, compatibility} of telling)
    runner.annotate({
      level: 'warning',
      title: `Schema: ${compatibility}`,
      message: oneLine([why, instead, lockNote(lock)].filter(Boolean).join(' '), 800),
      file,
      line,
    });
}

function asJson({statements}: ReleaseSchemaVerdict): string {
  const order = ['breaking', 'unknown', 'compatible', 'unchanged'];
  return fitting([...statements].sort((a, b) => order.indexOf(a.compatibility) - order.indexOf(b.compatibility)));
}

/** An output has room for a megabyte; a list of any length is cut to fit. */
function fitting(all: readonly object[]): string {
  let kept = all.slice(0, shownStatements);
  while (JSON.stringify(kept).length > outputCharacters) kept = kept.slice(0, Math.floor(kept.length / 2));
  return JSON.stringify(kept);
}

function refused(verdict: Verdict, sentence: string): Failure {
  return new Failure('SCHEMA', `The schema verdict is ${verdict}: ${oneLine(sentence, 600)}`, {
    remedy: 'Write the migration in two releases, first expanding and later contracting; the job summary shows how.',
  });
}
