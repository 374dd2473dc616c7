import {Failure, type Problem, refusal} from '../../src/kernel/errors.js';
import {openConstruction} from '../../src/platforms/railway/construction.js';
import type {VercelExtras} from '../../src/platforms/vercel/vercel.js';
import {restoreClient} from '../../src/postgres/client-tools.js';
import {backupSettings, passphraseOf, seriesOf} from '../../src/release/backup-access.js';
import {readCommit} from '../../src/release/commit-tree.js';
import {openPlatforms} from '../../src/release/connection.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {readProduct} from '../../src/release/product.js';
import {openRebuildRecord, rebuildBackend} from '../../src/release/rebuild.js';
import {keepsAddress, planRebuild, type RebuildPlan} from '../../src/release/rebuild-plan.js';
import {lacksItsEnd, newestWindow, type Window} from '../../src/release/recovery.js';
import {
  collected,
  type OpenedSet,
  openRecoverySet,
  planCode,
  reachPlatforms,
} from '../../src/release/recovery-check.js';
import {readStoredConfiguration, type StoredBackend, storedBackend} from '../../src/release/stored-configuration.js';
import {type LeftToDo, rebuildPlanSummary, rebuiltLines, rebuiltSummary} from '../../src/report/rebuild-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type RebuildInputs = Inputs<typeof spec>;
type Result = Report<typeof spec>;
type Config = Awaited<ReturnType<typeof readProduct>>['config'];

export async function run(inputs: RebuildInputs, runner: Run): Promise<Result> {
  const {config} = await readProduct(inputs, rootOf(runner), runner.env['GITHUB_REPOSITORY']);
  const ledger = await openLedger(config, inputs, runner);
  requireProduct(config, inputs);
  return inputs.mode === 'check' ? check(inputs, config, ledger, runner) : build(inputs, config, ledger, runner);
}

function requireProduct(config: Config, inputs: RebuildInputs): void {
  const problems: Problem[] = [];
  if (!config.backend)
    problems.push({
      where: '`backend`',
      what: 'is missing from the file, so there is nothing to rebuild',
      remedy: 'Describe the backend in the configuration file',
    });
  if (!inputs['railway-token'])
    problems.push({
      where: 'input `railway-token`',
      what: 'is missing',
      remedy: 'Make an empty project on Railway, create a token in its settings, and pass that',
    });
  if (problems.length) throw refusal('REBUILD', 'The rebuild was', problems);
}

/** Everything that could stop the rebuild half-way is looked at before its first change; all of it is told at once. */
async function check(inputs: RebuildInputs, config: Config, ledger: LedgerAccess, runner: Run): Promise<Result> {
  const problems: Problem[] = [];
  const window = await newestWindow(ledger.store);
  if (lacksItsEnd(window, undefined, Date.now())) return onlyMeasuringIsLeft(window!, inputs);
  const sinceMs = beganAt(inputs, window);
  const [goal, project, opened] = await Promise.all([
    collected('code', problems, () => planCode(ledger.store, config, inputs.release)),
    collected('project', problems, () => constructionOf(inputs, config, runner).inspect(callOf(runner))),
    collected('set', problems, () => openSet(inputs, config, sinceMs, runner)),
    collected('platforms', problems, () => reachFrontend(inputs, config, runner, problems)),
  ]);
  const commit = goal?.goal?.commit ?? '';
  await collected('commit', problems, () => requireCommit(commit, runner));
  const identity = project && `${project.projectName}@${project.projectId}`;
  if (project) problems.push(...projectProblems(inputs, config, project, window));
  const stored = opened && (await collected('configuration', problems, () => readBackend(opened, runner)));
  if (opened && stored && project)
    problems.push(...planProblems({inputs, config, opened, stored, present: project.services}, project, window));
  if (problems.length) throw refusal('REBUILD', 'The rebuild was', problems);
  const resumed = window?.open === true;
  const since = new Date(sinceMs).toISOString();
  const release = goal!.goal?.release ?? '';
  return {
    outputs: {
      stage: 'rebuild',
      resumed,
      since,
      commit,
      'good-release': release,
      'set-id': opened!.set.id,
      frontend: config.frontend !== undefined,
      identity,
    },
    summary: rebuildPlanSummary({resumed, since, commit, release, set: opened!.set.id, identity: identity!}),
  };
}

async function build(inputs: RebuildInputs, config: Config, ledger: LedgerAccess, runner: Run): Promise<Result> {
  const window = await newestWindow(ledger.store);
  if (!inputs.recovery || !window?.open || window.record.release !== inputs.recovery)
    throw new Failure('REBUILD_WINDOW', 'A rebuild happens in an open maintenance window, and this one is not open', {
      remedy: 'Switch maintenance mode on and pass its output `window` as `recovery`.',
    });
  const sinceMs = beganAt(inputs, window);
  const opened = await openSet(inputs, config, sinceMs, runner);
  const stored = await readBackend(opened, runner);
  const construction = constructionOf(inputs, config, runner);
  const {services} = await construction.inspect(callOf(runner));
  const plan = planOf({inputs, config, opened, stored, present: services});
  if (plan.problems.length) throw refusal('REBUILD', 'The rebuild was', plan.problems);
  const commit = (await planCode(ledger.store, config, inputs.release)).goal?.commit ?? '';
  const record = await openRebuildRecord(ledger, window.record, commit);
  const rebuilt = await rebuildBackend({
    construction,
    frontend: await frontendOf(inputs, config, runner),
    frontendVariables: config.frontend?.['backend-variables'] ?? {},
    recovery: inputs.recovery,
    service: config.backend!.service,
    url: config.backend!.url,
    settings: stored.settings,
    plan,
    opened,
    series: seriesOf(config),
    owners: inputs.owners,
    timeoutMs: inputs.timeout,
    dnsTimeoutMs: inputs['dns-timeout'],
    env: runner.env,
    call: callOf(runner),
    mask: runner.mask,
  });
  const left = leftToDo(config, rebuilt.url, rebuilt.databaseService, stored, inputs);
  const shown = {...rebuilt, set: opened.set.id, service: config.backend!.service, redirected: plan.redirected, left};
  for (const line of rebuiltLines(shown)) runner.log(oneLine(line, 600));
  return {
    outputs: {
      stage: 'rebuild',
      resumed: true,
      since: new Date(sinceMs).toISOString(),
      commit,
      'set-id': opened.set.id,
      release: record.release,
      'ledger-id': record.id,
      'backend-url': rebuilt.url,
      database: rebuilt.database.database,
      'in-place-at': new Date(rebuilt.database.inPlaceAtMs!).toISOString(),
      repointed: rebuilt.repointed.join(','),
    },
    summary: rebuiltSummary(shown),
  };
}

function onlyMeasuringIsLeft(window: Window, inputs: RebuildInputs): Result {
  const since = inputs.since ?? new Date(window.record.createdAtMs).toISOString();
  return {
    outputs: {stage: 'measure', resumed: true, since},
    summary: `## 🧭 Rebuild\n\nAn earlier run finished the recovery ${window.record.release} and could not measure it; nothing else is done. Is this a new disaster? Then run it once more.\n`,
  };
}

function beganAt({since}: RebuildInputs, window: Window | undefined): number {
  if (since) return Date.parse(since);
  return window?.open ? window.record.createdAtMs : Date.now();
}

function constructionOf(inputs: RebuildInputs, config: Config, {maskFound}: Run) {
  const {project, environment, 'api-url': apiUrl} = config.backend!;
  return openConstruction(
    {token: inputs['railway-token']!, apiUrl, ...(project && {project}), ...(environment && {environment})},
    {mask: maskFound},
  );
}

async function openSet(inputs: RebuildInputs, config: Config, sinceMs: number, runner: Run): Promise<OpenedSet> {
  const settings = backupSettings(config, inputs);
  const passphrase = inputs.passphrase ?? passphraseOf(settings, runner.env);
  if (passphrase) runner.mask(passphrase);
  if (!inputs['private-key'] && !passphrase)
    throw refusal('REBUILD', 'The rebuild was', [
      {
        where: 'input `private-key`',
        what: 'is missing',
        remedy: 'Pass the private key of a recipient, from a protected environment',
      },
    ]);
  const wanted = {
    set: inputs.set,
    beforeMs: sinceMs,
    maxAgeMs: inputs['max-age'],
    roles: ['database', 'configuration'],
    signedBy: inputs['signed-by'],
    privateKey: inputs['private-key'],
    keyPassphrase: inputs['private-key-passphrase'],
    passphrase,
    root: rootOf(runner),
    env: runner.env,
    signal: runner.signal,
  };
  const opened = await openRecoverySet(config, inputs, wanted, undefined);
  const {clientVersion, serverMajor} = opened.manifest.database!;
  await restoreClient(Number.parseInt(clientVersion, 10), serverMajor, runner.env);
  return opened;
}

async function readBackend({store, set, manifest, keys}: OpenedSet, {signal, maskFound}: Run): Promise<StoredBackend> {
  const document = await readStoredConfiguration({store, prefix: set.prefix, manifest, keys, signal});
  const stored = storedBackend(document, set.id);
  const {variables, sharedVariables} = stored.settings;
  for (const value of [...Object.values(variables), ...Object.values(sharedVariables)]) maskFound(value);
  return stored;
}

async function requireCommit(commit: string, runner: Run): Promise<void> {
  const {env, signal} = runner;
  if (!commit || (await readCommit({root: rootOf(runner), env, signal}, commit))) return;
  throw refusal('REBUILD', 'The rebuild was', [
    {
      where: `commit ${commit.slice(0, 12)}`,
      what: 'is not in this clone, and its frontend is built again',
      remedy: 'Check the product out with `fetch-depth: 0`',
    },
  ]);
}

interface Planned {
  readonly inputs: RebuildInputs;
  readonly config: Config;
  readonly opened: OpenedSet;
  readonly stored: StoredBackend;
  readonly present: ReadonlyArray<{readonly name: string}>;
}

function planOf({inputs, config, opened, stored, present}: Planned): RebuildPlan {
  return planRebuild({
    settings: stored.settings,
    service: config.backend!.service,
    lostDatabase: opened.manifest.database!.name,
    sealed: inputs['sealed-variables'] ?? {},
    present: present.map(({name}) => name),
  });
}

function planProblems(planned: Planned, project: FoundProject, window: Window | undefined): Problem[] {
  const {config, stored} = planned;
  const plan = planOf(planned);
  const problems = [...plan.problems, ...takenProblems(project.services, plan.database, window)];
  if (stored.projectId === project.projectId)
    problems.push({
      where: 'the Railway project',
      what: 'is the one that the set was taken from',
      remedy: 'Use the disaster recovery without `rebuild`, or pass a token of an empty project',
    });
  const known = Object.keys(config.frontend?.['backend-variables'] ?? {}).length > 0;
  if (config.frontend && !known && !keepsAddress(stored.settings, config.backend!.url))
    problems.push({
      where: '`frontend.backend-variables`',
      what: 'is missing: the backend gets a new address, and nothing says how the frontend learns of it',
      remedy:
        "Name the variables of the Vercel project that hold it, such as `NEXT_PUBLIC_API_URL: '{url}'`; where it stands in the code, change it there after the rebuild and name any variable here",
    });
  return problems;
}

interface FoundProject {
  readonly projectId: string;
  readonly projectName: string;
  readonly services: ReadonlyArray<{readonly name: string; readonly owner: string | undefined}>;
}

function projectProblems(
  {confirm}: RebuildInputs,
  config: Config,
  {projectId, projectName, services}: FoundProject,
  window: Window | undefined,
): Problem[] {
  const identity = `${projectName}@${projectId}`;
  return [
    ...(confirm === identity
      ? []
      : [
          {
            where: 'input `confirm`',
            what: confirm ? `is not ${identity}` : `is missing; this project is ${identity}`,
            remedy: 'Type exactly that, when this is the empty project to build in',
          },
        ]),
    ...takenProblems(services, config.backend!.service, window),
  ];
}

/** A service under a name that the rebuild needs, which this recovery did not make. */
function takenProblems(services: FoundProject['services'], wanted: string, window: Window | undefined): Problem[] {
  const isMine = (owner: string | undefined) => window?.open === true && owner === window.record.release;
  return services
    .filter(({name, owner}) => name === wanted && !isMine(owner))
    .map(({name}) => ({
      where: `service \`${name}\``,
      what: 'is in this project already and was not made by this recovery',
      remedy: 'Pass a token of an empty project, or remove the service when nobody needs it',
    }));
}

/** Only the frontend's platform is left to be asked. */
async function reachFrontend(inputs: RebuildInputs, config: Config, runner: Run, problems: Problem[]): Promise<void> {
  const platforms = await openPlatforms(config, inputs, ['frontend'], {mask: runner.maskFound});
  await reachPlatforms(platforms, callOf(runner), problems);
}

async function frontendOf(inputs: RebuildInputs, config: Config, runner: Run): Promise<VercelExtras | undefined> {
  return (await openPlatforms(config, inputs, ['frontend'], {mask: runner.maskFound})).frontend;
}

/** What no API can do for people, or must not. */
function leftToDo(
  config: Config,
  url: string,
  database: string,
  {settings}: StoredBackend,
  inputs: RebuildInputs,
): LeftToDo[] {
  const {project, environment, url: before} = config.backend!;
  return [
    {what: 'secret RAILWAY_TOKEN of every environment', how: 'the token of the new project'},
    {
      what: 'secret DATABASE_URL',
      how: `DATABASE_PUBLIC_URL of the service ${database}, from its variables on Railway`,
    },
    ...(url === before ? [] : [{what: `backend.url in ${inputs.config}`, how: url}]),
    ...(project || environment
      ? [
          {
            what: `backend.project and backend.environment in ${inputs.config}`,
            how: 'the ids of the new project',
          },
        ]
      : []),
    ...(settings.sealed.length
      ? [
          {
            what: `variables ${settings.sealed.join(', ')}`,
            how: 'sealed again on Railway; they are set, but readable',
          },
        ]
      : []),
  ];
}

const callOf = (runner: Run) => ({
  signal: runner.signal,
  progress: (line: string) => runner.log(oneLine(line, 600)),
});

function rootOf(runner: Pick<Run, 'env'>): string {
  return runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
}
