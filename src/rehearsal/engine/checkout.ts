import {randomUUID} from 'node:crypto';
import {mkdirSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join, resolve, sep} from 'node:path';
import {outputOf, succeeded} from '../../kernel/child.js';
import {Failure} from '../../kernel/errors.js';
import type {Conclusion} from './contract.js';
import {type StepRun, scopeIn} from './job-state.js';
import {setOutput} from './step-console.js';
import {resolveTexts} from './template.js';

/** The stand-in for actions/checkout: real git, from the repository on this machine. */

/** Inputs that change nothing here. */
const ignored = [
  'token',
  'clean',
  'show-progress',
  'set-safe-directory',
  'fetch-tags',
  'filter',
  'allow-unsafe-pr-checkout',
];
const obeyed = ['repository', 'ref', 'path', 'fetch-depth', 'persist-credentials'];
/** Inputs that are refused unless they are off. */
const offOnly = ['lfs', 'submodules', 'sparse-checkout', 'ssh-key', 'ssh-known-hosts', 'github-server-url'];

/** Names of inputs in a `with` that this stand-in cannot honour. */
export function unsupportedInputs(names: readonly string[]): string[] {
  return names.filter((name) => ![...ignored, ...obeyed, ...offOnly].includes(name));
}

export async function checkOut(run: StepRun): Promise<Conclusion> {
  const {job} = run;
  const inputs = resolveTexts(run.definition.with, scopeIn(job, run.frame, run.env));
  refuseForeign(run, inputs);
  const folder = folderFor(run, inputs.path ?? '.');
  const git = gitIn(run, folder);
  const {ref, sha} = await commitFor(run, inputs.ref ?? '');
  emptyFolder(folder);
  await git('init', '--quiet', '--initial-branch=main');
  await addOrigin(run, git);
  const depth = inputs['fetch-depth'] ?? '1';
  const depthArgs =
    depth === '0' ? ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'] : [`--depth=${depth}`];
  await git(
    'fetch',
    '--quiet',
    '--no-recurse-submodules',
    ...(depth === '0' ? [] : ['--no-tags', ...depthArgs]),
    'origin',
    sha,
    ...(depth === '0' ? depthArgs : []),
  );
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  if (branch) await git('checkout', '--quiet', '--force', '-B', branch, sha);
  else await git('checkout', '--quiet', '--force', '--detach', sha);
  if (inputs['persist-credentials'] !== 'false') await persistCredentials(run, git);
  job.journal.log(run.record.job, run.record.key, `HEAD is now at ${sha}`);
  setOutput(run, 'ref', ref);
  setOutput(run, 'commit', sha);
  return 'success';
}

/** The post step: the credential that was written for later git commands is removed. */
export async function forgetCredentials(run: StepRun): Promise<Conclusion> {
  const path = run.state.credentials;
  if (path) rmSync(path, {force: true});
  return 'success';
}

type Git = (...args: string[]) => Promise<string>;

function refuseForeign(run: StepRun, inputs: Record<string, string>): void {
  const {owner, name} = run.job.request.repository;
  const asked = inputs.repository || `${owner}/${name}`;
  if (asked.toLowerCase() !== `${owner}/${name}`.toLowerCase())
    throw refused(`repository: ${asked} is not on this machine, only ${owner}/${name} is`);
  const on = offOnly.filter((input) => !['', 'false'].includes(inputs[input] ?? ''));
  const unknown = [...on, ...unsupportedInputs(Object.keys(inputs))];
  if (unknown.length) throw refused(`inputs are not supported by this engine: ${unknown.join(', ')}`);
}

function folderFor(run: StepRun, path: string): string {
  const {workspace} = run.job.folders;
  const folder = resolve(workspace, path);
  if (folder !== workspace && !folder.startsWith(workspace + sep))
    throw refused(`path: ${path} is not below the workspace`);
  mkdirSync(folder, {recursive: true});
  return folder;
}

async function commitFor(run: StepRun, asked: string): Promise<{ref: string; sha: string}> {
  const {repository} = run.job.request;
  if (!asked) return {ref: repository.ref, sha: repository.sha};
  const git = gitIn(run, repository.path);
  for (const ref of asked.startsWith('refs/') ? [asked] : [`refs/heads/${asked}`, `refs/tags/${asked}`, asked]) {
    const sha = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`).catch(() => '');
    if (sha) return {ref: ref === sha ? sha : ref, sha};
  }
  throw refused(`A branch or tag with the name '${asked}' could not be found`);
}

/** The remote has GitHub's address, which git on this machine replaces by the folder: later fetches work too. */
async function addOrigin(run: StepRun, git: Git): Promise<void> {
  const {path} = run.job.request.repository;
  const url = `${String(run.job.github.server_url)}/${String(run.job.github.repository)}`;
  await git('remote', 'add', 'origin', url);
  await git('config', `url.file://${path}.insteadOf`, url);
}

async function persistCredentials(run: StepRun, git: Git): Promise<void> {
  const token = String(run.job.github.token);
  const basic = Buffer.from(`x-access-token:${token}`).toString('base64');
  run.job.journal.masker.add(basic);
  const path = join(run.job.folders.temp, `git-credentials-${randomUUID()}.config`);
  const server = String(run.job.github.server_url);
  writeFileSync(path, `[http "${server}/"]\n\textraheader = AUTHORIZATION: basic ${basic}\n`, {mode: 0o600});
  run.state.credentials = path;
  await git('config', '--add', 'include.path', path);
}

function gitIn(run: StepRun, folder: string): Git {
  // Anyone's repository is trusted here, and nothing of the host's configuration is read.
  const settings = join(run.job.folders.root, 'engine.gitconfig');
  writeFileSync(settings, '[safe]\n\tdirectory = *\n[advice]\n\tdetachedHead = false\n');
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: run.job.folders.root,
    LANG: 'C.UTF-8',
    GIT_CONFIG_GLOBAL: settings,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  return async (...args) => {
    const end = await outputOf({command: 'git', args, cwd: folder, env, signal: run.stop});
    if (!succeeded(end)) throw refused(`git ${args[0]} failed: ${end.stderr.trim() || end.startError?.message}`);
    return end.stdout.trim();
  };
}

function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), {recursive: true, force: true});
}

function refused(what: string): Failure {
  return new Failure('CHECKOUT', what, {remedy: 'Change the checkout step, or run this workflow on GitHub.'});
}
