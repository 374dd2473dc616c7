import {execFile} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {delimiter, dirname, join, relative} from 'node:path';
import {promisify} from 'node:util';
import {stringify} from 'yaml';
import {Failure, messageOf} from '../../kernel/errors.js';
import {copyActions, copyWorkflows, reportJob, suiteReference} from './act-copy.js';
import {type ActLog, openActLog} from './act-log.js';
import type {Conclusion, JobResult, Status, WorkflowRequest, WorkflowResult, WorkflowRun} from './contract.js';
import {startWorkflow} from './engine.js';
import {openJournal} from './journal.js';
import {createMasker} from './masker.js';
import {legName} from './matrix.js';
import {killOrphans, runProcess} from './step-process.js';

/** The same request run by nektos/act in host mode: a second opinion on what a workflow means. */

export const actVersion = '0.2.89';
/** Older ones lack security fixes. */
const oldestUsable = [0, 2, 86];
/** act needs its time after one Ctrl-C: steps that clean up may still run. */
const patience = 40;
const run = promisify(execFile);

/**
 * Finds act on the PATH or in `cacheDir`/bin, or builds the pinned version there with Go (about a minute, once).
 * @throws Failure ACT_MISSING, whose remedy says in one line how to get it.
 */
export async function findAct(cacheDir: string): Promise<string> {
  const own = join(cacheDir, 'bin', 'act');
  for (const candidate of [...onPath('act'), own])
    if (isExecutable(candidate) && (await isUsable(candidate))) return candidate;
  const go = onPath('go')[0];
  const remedy = `Install Go and run \`GOBIN=${join(cacheDir, 'bin')} go install github.com/nektos/act@v${actVersion}\`, or put act on the PATH.`;
  if (!go) throw new Failure('ACT_MISSING', 'nektos/act is not on this machine', {remedy});
  try {
    mkdirSync(join(cacheDir, 'bin'), {recursive: true});
    await run(go, ['install', `github.com/nektos/act@v${actVersion}`], {
      env: {...process.env, GOBIN: join(cacheDir, 'bin')},
    });
    return own;
  } catch (error) {
    throw new Failure(
      'ACT_MISSING',
      `nektos/act ${actVersion} could not be built: ${messageOf(error).split('\n')[0]}`,
      {remedy},
    );
  }
}

/** The engine of that name, ready to start requests. `cacheDir` is where act is looked for and built. */
export async function openEngine(
  name: 'embedded' | 'act',
  cacheDir: string,
): Promise<(request: WorkflowRequest) => WorkflowRun> {
  if (name === 'embedded') return startWorkflow;
  const act = await findAct(cacheDir);
  return (request) => startWithAct(request, act);
}

/**
 * Starts a request on act. What act does not do (groups, approvals, permissions, identity tokens, job time limits,
 * results of cancelled jobs) is left out; `cancel` is one Ctrl-C.
 */
export function startWithAct(request: WorkflowRequest, act: string): WorkflowRun {
  const journal = openJournal(createMasker(), request.onEvent);
  for (const secret of [...Object.values(secretsOf(request)), request.token]) journal.masker.add(secret);
  const trackingId = `act_${randomUUID()}`;
  mkdirSync(request.workDir, {recursive: true});
  const folder = mkdtempSync(join(request.workDir, 'act-'));
  const stop = new AbortController();
  const kill = new AbortController();
  const execute = async (): Promise<WorkflowResult> => {
    const {args, env, report, callers} = await prepare(request, folder, trackingId);
    const log = openActLog(journal, ({job, id, matrix}) =>
      id === reportJob ? undefined : callerOf(job, callers) + legName(id, matrix),
    );
    const options = {stop: stop.signal, kill: kill.signal, ladderScale: patience};
    const end = await runProcess({command: act, args, cwd: folder, env, onLine: log.line, ...options});
    if (end.startError)
      throw new Failure('ACT_FAILED', `act could not be started: ${end.startError.message}`, {
        remedy: 'Check the binary.',
      });
    return resultOf(report, log, journal, request);
  };
  const done = execute().finally(() => {
    killOrphans(trackingId);
    rmSync(folder, {recursive: true, force: true});
  });
  const killRunner = () => {
    kill.abort();
    killOrphans(trackingId);
  };
  return {cancel: () => stop.abort(), killRunner, done};
}

interface Prepared {
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly report: string;
  /** Names of calling jobs to their ids. */
  readonly callers: ReadonlyMap<string, string>;
}

async function prepare(request: WorkflowRequest, folder: string, trackingId: string): Promise<Prepared> {
  const path = (name: string) => join(folder, name);
  const report = path('report.json');
  await cloneProduct(request, path('repository'));
  const workflow = relative(request.suiteRoot, request.file);
  const {repositories, actions, callers} = copyWorkflows(request.suiteRoot, workflow, path('repository'), report);
  const suite = path('suite');
  mkdirSync(suite);
  const named = [...repositories, ...copyActions(request.suiteRoot, actions, suite)];
  const secretFile = {...secretsOf(request), GITHUB_TOKEN: request.token};
  const files: Record<string, string> = {
    'event.json': JSON.stringify(eventOf(request)),
    'secrets.yml': stringify(secretFile),
    'vars.yml': stringify(varsOf(request)),
    'env.yml': stringify(environmentOf(request, trackingId)),
    empty: '',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content, {mode: 0o600});
  const home = path('home');
  mkdirSync(home);
  writeFileSync(join(home, '.gitconfig'), gitSettings(request));
  return {
    report,
    callers,
    // act hands its whole environment to the steps.
    env: {PATH: [dirname(request.nodePath), process.env.PATH ?? ''].join(delimiter), HOME: home, LANG: 'C.UTF-8'},
    args: [
      ...[request.event.name, '-C', path('repository'), '-W', workflow, '-P', 'ubuntu-latest=-self-hosted'],
      ...['-e', path('event.json'), '--secret-file', path('secrets.yml'), '--var-file', path('vars.yml')],
      ...['--env-file', path('env.yml'), '--input-file', path('empty'), '-a', request.actor ?? 'octocat'],
      ...[
        '--action-cache-path',
        path('cache'),
        '--action-offline-mode',
        '--no-cache-server',
        '--container-daemon-socket',
        '-',
      ],
      ...['--pull=false', '--use-gitignore=false', '--concurrent-jobs', String(request.limit ?? 2), '--json'],
      ...localRepositories(request, suite, named),
    ],
  };
}

/** act checks out by copying this folder, and takes commit, branch and repository from its git. */
async function cloneProduct(request: WorkflowRequest, folder: string): Promise<void> {
  const {path, sha, ref} = request.repository;
  const env = {PATH: process.env.PATH ?? '', HOME: request.workDir, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0'};
  const git = (...args: string[]) =>
    run('git', ['-c', 'safe.directory=*', '-c', 'advice.detachedHead=false', ...args], {env});
  await git('clone', '--quiet', '--no-checkout', `file://${path}`, folder);
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  await git('-C', folder, 'checkout', '--quiet', ...(branch ? ['-B', branch] : ['--detach']), sha);
  await git('-C', folder, 'remote', 'set-url', 'origin', remoteUrl(request));
}

/** Fetches of a step reach the repository on this machine, while its remote keeps GitHub's address, which act reads. */
function gitSettings(request: WorkflowRequest): string {
  const {path} = request.repository;
  return `[url "file://${path}"]\n\tinsteadOf = ${remoteUrl(request)}\n[safe]\n\tdirectory = *\n`;
}

function remoteUrl(request: WorkflowRequest): string {
  const {owner, name} = request.repository;
  return `${request.serverUrl ?? 'https://github.com'}/${owner}/${name}`;
}

function localRepositories(request: WorkflowRequest, suite: string, named: readonly string[]): string[] {
  const table = request.resolveAction ?? {};
  const known = [...new Set(named)].flatMap((reference) => {
    const folder = table[reference] ?? table[reference.replace(/@.*$/, '')];
    return folder ? [`${reference}=${folder}`] : [];
  });
  return [`${suiteReference}=${suite}`, ...known].flatMap((pair) => ['--local-repository', pair]);
}

function secretsOf(request: WorkflowRequest): Record<string, string> {
  return Object.assign(
    {},
    request.secrets,
    ...Object.values(request.environments ?? {}).map((one) => one.secrets),
  ) as Record<string, string>;
}

function varsOf(request: WorkflowRequest): Record<string, string> {
  return Object.assign({}, request.vars, ...Object.values(request.environments ?? {}).map((one) => one.vars)) as Record<
    string,
    string
  >;
}

/** What act leaves out, and what keeps programs from paging on the terminal it gives them. */
function environmentOf(request: WorkflowRequest, trackingId: string): Record<string, string> {
  return {
    GITHUB_API_URL: request.apiUrl,
    GITHUB_GRAPHQL_URL: `${request.apiUrl}/graphql`,
    GITHUB_RUN_ID: String(request.runId ?? 1),
    GITHUB_RUN_NUMBER: String(request.runNumber ?? 1),
    GITHUB_TRIGGERING_ACTOR: request.actor ?? 'octocat',
    RUNNER_NAME: 'rehearsal',
    RUNNER_ENVIRONMENT: 'github-hosted',
    GIT_PAGER: 'cat',
    REHEARSAL_TRACKING_ID: trackingId,
  };
}

function eventOf(request: WorkflowRequest): object {
  const {owner, name, sha, ref} = request.repository;
  const repository = {name, full_name: `${owner}/${name}`, owner: {login: owner}, default_branch: 'main'};
  const texts = Object.fromEntries(
    Object.entries(request.event.inputs ?? {}).map(([input, value]) => [input, String(value)]),
  );
  return {
    ref,
    after: sha,
    head_commit: {id: sha},
    repository,
    ...(request.event.inputs && {inputs: texts}),
    ...request.event.payload,
  };
}

/** The jobs of a called workflow carry the name of the calling job before all others; `caller/` by its id, or ''. */
function callerOf(job: string, callers: ReadonlyMap<string, string>): string {
  const caller = [...callers].find(([name]) => job.startsWith(`${name}/`));
  return caller ? `${caller[1]}/` : '';
}

function resultOf(
  report: string,
  log: ActLog,
  journal: ReturnType<typeof openJournal>,
  request: WorkflowRequest,
): WorkflowResult {
  const ends = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as Record<
        string,
        {result: Conclusion; outputs: Record<string, string> | null}
      >)
    : {};
  if (log.jobs.size === 0 && Object.keys(ends).length === 0)
    throw new Failure('ACT_FAILED', `act could not run ${request.file}:\n${log.notes.slice(-10).join('\n')}`, {
      remedy: 'Run it with the embedded engine, which names what it does not support.',
    });
  const jobs: Record<string, JobResult> = {};
  for (const [key, job] of log.jobs) {
    const outputs = maskedOutputs(ends[key]?.outputs ?? {}, journal);
    jobs[key] = {result: job.result ?? 'cancelled', outputs, steps: job.steps, summary: job.summaries.join('\n')};
  }
  for (const [id, end] of Object.entries(ends)) {
    const outputs = maskedOutputs(end.outputs ?? {}, journal);
    jobs[id] = {steps: [], summary: '', ...jobs[id], result: end.result, outputs};
  }
  for (const [key, {result, outputs}] of Object.entries(jobs))
    if (!log.jobs.get(key)?.result) journal.tell({type: 'job-finished', job: key, result, outputs, ms: 0});
  const results = Object.values(jobs).map((job) => job.result);
  const conclusion: Status = results.includes('failure')
    ? 'failure'
    : results.includes('cancelled')
      ? 'cancelled'
      : 'success';
  return {
    conclusion,
    jobs,
    log: journal.lines,
    summaries: Object.values(jobs)
      .map((job) => job.summary)
      .filter(Boolean)
      .join('\n'),
  };
}

function maskedOutputs(
  outputs: Record<string, string>,
  journal: ReturnType<typeof openJournal>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(outputs)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [name, journal.masker.mask(String(value))]),
  );
}

function onPath(name: string): string[] {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function isUsable(path: string): Promise<boolean> {
  const {stdout} = await run(path, ['--version'], {env: {PATH: process.env.PATH ?? '', HOME: '/nonexistent'}}).catch(
    () => ({stdout: ''}),
  );
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number);
  if (!version) return false;
  const at = version.findIndex((part, index) => part !== oldestUsable[index]);
  return at < 0 || version[at]! > oldestUsable[at]!;
}
