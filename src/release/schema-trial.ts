import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TrialConfig} from '../config/schema.js';
import {Failure} from '../kernel/errors.js';
import type {Connection} from '../postgres/connection.js';
import {openSession} from '../postgres/session.js';
import {checkOutCommit} from './commit-tree.js';
import {environmentOf, harmlessVariables, type MigrationRange} from './schema-verdict.js';
import {type CopyPlan, planFor} from './trial-catch-up.js';
import {type CopyRequest, openTrialServer, type TrialServer} from './trial-copy.js';
import {applyMigrations, MigrationRefused, rolesNamedIn, type TrialEffect, watchProgram} from './trial-migrations.js';
import {inScratchFolder, type ProgramEnd, runPrograms} from './trial-program.js';

export interface TrialRequest extends Omit<CopyRequest, 'roles' | 'signal'> {
  readonly settings: Pick<TrialConfig, 'apply' | 'smoke' | 'url-env' | 'env' | 'timeout'>;
  readonly range: MigrationRange;
  /** Folder of the checked-out release. */
  readonly root: string;
  /** Commit whose code must still work. */
  readonly from: string;
  readonly signal: AbortSignal;
  /** Told of the folder that a killed trial would leave behind. */
  readonly onFolder: (folder: string) => void;
}

export type TrialOutcome =
  /** The migrations apply, and old code works afterwards where a smoke command asked it. */
  | 'passed'
  /** Old code works on the copy, and no longer once the migrations were applied. */
  | 'breaking'
  /** A migration does not apply to the data. */
  | 'refused'
  /** Old code does not work on the copy even without the migrations, so it says nothing about them. */
  | 'inconclusive';

export interface TrialResult {
  readonly outcome: TrialOutcome;
  /** One sentence for people. */
  readonly sentence: string;
  /** `file:line` of the migration that was refused. */
  readonly at?: string;
  readonly effects: readonly TrialEffect[];
  readonly smoked: boolean;
  readonly notes: readonly string[];
  readonly durationMs: {
    readonly server: number;
    readonly copy: number;
    readonly migrations: number;
    readonly smoke?: number;
  };
}

/**
 * Tries the migrations of a release on a copy of its data, and old code on what they leave. What could not be tried is
 * thrown: it speaks neither for nor against the release.
 * @throws Failure TRIAL_TIMEOUT, TRIAL_COPY, TRIAL_INPUT, and those of restoring and of starting a server.
 */
export async function runTrial(request: TrialRequest): Promise<TrialResult> {
  const {timeout} = request.settings;
  const limit = AbortSignal.timeout(timeout);
  try {
    return await tryOut({...request, signal: AbortSignal.any([request.signal, limit])});
  } catch (error) {
    if (request.signal.aborted || !limit.aborted) throw error;
    throw new Failure(
      'TRIAL_TIMEOUT',
      `The trial was not done after ${Math.round(timeout / 1_000)} s and was stopped`,
      {
        remedy: 'Raise `database.trial.timeout`; and ask how long users may wait for this migration.',
        cause: error,
      },
    );
  }
}

async function tryOut(request: TrialRequest): Promise<TrialResult> {
  const {range, settings, log} = request;
  const roles = settings.apply ? [] : await rolesNamedIn([...range.before, ...range.added]);
  await using server = await openTrialServer({...request, roles});
  const {connection, ms: copyMs} = await server.fill('switchback_trial');
  log('The copy is made; applying the migrations.');
  const plan = await prepare(request, connection);
  const measured = {server: server.serverMs, copy: copyMs};
  const notes = [...server.notes, ...plan.notes];
  const startedMs = performance.now();
  try {
    const effects = await apply(request, plan, connection);
    const migrations = performance.now() - startedMs;
    if (!settings.smoke)
      return {
        outcome: 'passed',
        sentence:
          'The migrations apply to a copy of the data. No smoke command of the live release was given to try on it.',
        effects,
        smoked: false,
        notes,
        durationMs: {...measured, migrations},
      };
    const smokeMs = performance.now();
    const smoke = await smokeTwice(request, plan, server, connection);
    return {
      ...smoke,
      effects,
      smoked: true,
      notes,
      durationMs: {...measured, migrations, smoke: performance.now() - smokeMs},
    };
  } catch (error) {
    if (!(error instanceof MigrationRefused)) throw error;
    const migrations = performance.now() - startedMs;
    return {
      outcome: 'refused',
      sentence: `A migration does not apply to a copy of the data: ${error.message}.`,
      ...(error.line > 0 && {at: `${error.file}:${error.line}`}),
      effects: [],
      smoked: false,
      notes,
      durationMs: {...measured, migrations},
    };
  }
}

/** What the migrations of this release have to run on, and which of them. A program of the user's knows that itself. */
async function prepare({range, settings, signal}: TrialRequest, connection: Connection): Promise<CopyPlan> {
  if (settings.apply) return {missing: [], added: [], notes: []};
  await using session = await openSession(connection, {signal});
  const plan = await planFor(session, range);
  try {
    await applyMigrations(connection, plan.missing, signal);
  } catch (error) {
    if (!(error instanceof MigrationRefused)) throw error;
    throw new Failure('TRIAL_COPY', `The copy could not be brought up to the live release: ${error.message}`, {
      remedy: 'Take a set of the live release, or `source: database`.',
      cause: error,
    });
  }
  return plan;
}

async function apply(request: TrialRequest, plan: CopyPlan, connection: Connection): Promise<TrialEffect[]> {
  const {settings, signal, root} = request;
  if (!settings.apply) return applyMigrations(connection, plan.added, signal);
  const what = settings.apply
    .map((words) => words.join(' '))
    .join('; ')
    .slice(0, 200);
  const run = () => runPrograms({...programRequest(request, connection), programs: settings.apply!, cwd: root});
  const {result, effect} = await watchProgram(connection, what, signal, run);
  if (!result.ok) throw new MigrationRefused(what, 0, '', result.said);
  return [effect];
}

type Smoke = Pick<TrialResult, 'outcome' | 'sentence'>;

/**
 * Old code on the new schema; when it fails there, old code on the same data without the migrations, since only the
 * difference speaks about them. The second copy is made only then: it costs no room beside the first.
 */
async function smokeTwice(
  request: TrialRequest,
  plan: CopyPlan,
  server: TrialServer,
  migrated: Connection,
): Promise<Smoke> {
  const parent = request.env['RUNNER_TEMP'] ?? tmpdir();
  return inScratchFolder(parent, request.onFolder, async (folder) => {
    const tree = join(folder, 'live');
    await checkOutCommit(request, request.from, tree);
    const smoke = (connection: Connection): Promise<ProgramEnd> =>
      runPrograms({...programRequest(request, connection), programs: request.settings.smoke!, cwd: tree});
    const after = await smoke(migrated);
    if (after.ok)
      return {
        outcome: 'passed',
        sentence:
          'The migrations apply to a copy of the data, and the smoke command of the live release passes afterwards.',
      };
    request.log('The smoke command of the live release fails; trying it without the migrations.');
    await server.drop('switchback_trial');
    const {connection: pristine} = await server.fill('switchback_trial_before');
    await applyMigrations(pristine, plan.missing, request.signal);
    const before = await smoke(pristine);
    return before.ok
      ? {
          outcome: 'breaking',
          sentence: `On a copy of the data the smoke command of the live release passes without the migrations and fails with them: ${after.said}.`,
        }
      : {
          outcome: 'inconclusive',
          sentence: `The smoke command of the live release fails on the copy even without the migrations, so it proves nothing: ${before.said}.`,
        };
  });
}

function programRequest({settings, env, signal}: TrialRequest, connection: Connection) {
  return {
    env: environmentOf([...harmlessVariables, ...settings.env], env),
    urlVariable: settings['url-env'],
    connection,
    signal,
  };
}
