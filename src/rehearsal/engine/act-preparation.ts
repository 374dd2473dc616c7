import {execFile} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {delimiter, dirname, join, relative} from 'node:path';
import {promisify} from 'node:util';
import {stringify} from 'yaml';
import {copyActions, copyWorkflows, suiteReference} from './act-copy.js';
import type {WorkflowRequest} from './contract.js';

const run = promisify(execFile);

/** What one call of act needs; all its files stand below one folder. */
export interface Prepared {
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly report: string;
  /** Names of calling jobs to their ids. */
  readonly callers: ReadonlyMap<string, string>;
}

/**
 * Writes the product's clone, the rewritten workflows and actions, the event and the values (mode 0600).
 * @param edit changes the copy of the workflow that is started.
 */
export async function prepare(
  request: WorkflowRequest,
  folder: string,
  trackingId: string,
  edit: (workflow: string) => string = (text) => text,
): Promise<Prepared> {
  const path = (name: string) => join(folder, name);
  const report = path('report.json');
  await cloneProduct(request, path('repository'));
  const workflow = relative(request.suiteRoot, request.file);
  const {repositories, actions, callers} = copyWorkflows(request.suiteRoot, workflow, path('repository'), report);
  const copy = join(path('repository'), workflow);
  writeFileSync(copy, edit(readFileSync(copy, 'utf8')));
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

/** act has one set of secrets: those of the repository and of all environments. */
export function secretsOf(request: WorkflowRequest): Record<string, string> {
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
