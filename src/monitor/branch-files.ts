import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {childFailure, outputOf, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import {folderFiles, type HistoryFiles} from './history-files.js';

export interface BranchOptions {
  /** Address or path of the repository, without credentials. */
  readonly remote: string;
  readonly branch: string;
  /** Sent as a header by git; never in an argument. */
  readonly token?: string;
  readonly signal?: AbortSignal;
}

type Change =
  | {readonly kind: 'append' | 'replace' | 'create'; readonly name: string; readonly text: string}
  | {readonly kind: 'remove'; readonly name: string};

const pushTries = 6;

/**
 * History on a git branch of its own, without a common past with the code. Changes are noted and made in a folder;
 * `flush` pushes them. When another writer was faster, or the branch was rewritten, the newest state is
 * fetched and the same changes are made again on top of it: appends of both stay.
 * @throws Failure HISTORY_BRANCH when git cannot reach or write the branch.
 */
export async function branchFiles(options: BranchOptions): Promise<HistoryFiles & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'switchback-history-'));
  const git = (...args: string[]) => runGit(root, args, options);
  const files = folderFiles(root);
  let changes: Change[] = [];
  const dispose = () => rm(root, {recursive: true, force: true});
  try {
    await must(git('init', '-q', '-b', 'history'), 'git init');
    await reset(git, options);
  } catch (error) {
    await dispose();
    throw error;
  }
  const make = async (change: Change): Promise<boolean> => {
    if (change.kind === 'remove') await files.remove(change.name);
    else if (change.kind === 'create') return files.create(change.name, change.text);
    else await files[change.kind](change.name, change.text);
    return true;
  };
  const noted = async (change: Change) => {
    const made = await make(change);
    if (made) changes.push(change);
    return made;
  };
  return {
    location: `branch ${options.branch}`,
    list: files.list,
    read: files.read,
    append: async (name, text) => void (await noted({kind: 'append', name, text})),
    replace: async (name, text) => void (await noted({kind: 'replace', name, text})),
    remove: async (name) => void (await noted({kind: 'remove', name})),
    create: (name, text) => noted({kind: 'create', name, text}),
    flush: async () => {
      if (changes.length === 0) return;
      for (let attempt = 0; attempt < pushTries; attempt++) {
        if (await push(git, options.branch)) {
          changes = [];
          return;
        }
        await reset(git, options);
        for (const change of changes) await make(change);
      }
      throw branchFailure(options, 'other writers were faster each time');
    },
    [Symbol.asyncDispose]: dispose,
  };
}

type Git = (...args: string[]) => ReturnType<typeof outputOf>;

/**
 * Pushes everything as one commit without a past, so that the branch never grows beyond its files; only on top of the
 * state that was fetched (a lease). @returns false when the branch has moved on.
 */
async function push(git: Git, branch: string): Promise<boolean> {
  await must(git('add', '--all'), 'git add');
  const tree = await must(git('write-tree'), 'git write-tree');
  const base = await git('rev-parse', '-q', '--verify', 'refs/remotes/origin/history');
  const before = succeeded(base) ? base.stdout.trim() : '';
  const commit = await must(git('commit-tree', tree, '-m', 'monitor: history'), 'git commit-tree');
  const ref = `refs/heads/${branch}`;
  const pushed = await git('push', '-q', `--force-with-lease=${ref}:${before}`, 'origin', `${commit}:${ref}`);
  if (succeeded(pushed)) {
    await must(git('update-ref', 'refs/remotes/origin/history', commit), 'git update-ref');
    return true;
  }
  if (/rejected|stale info|cannot lock ref|failed to update ref|reference already exists/i.test(pushed.stderr))
    return false;
  throw failed('git push', pushed);
}

/** Makes the folder what the branch is now; an absent branch is an empty history. */
async function reset(git: Git, {remote, branch}: BranchOptions): Promise<void> {
  await git('remote', 'remove', 'origin');
  await must(git('remote', 'add', 'origin', remote), 'git remote');
  const fetched = await git('fetch', '-q', '--depth=1', 'origin', `+refs/heads/${branch}:refs/remotes/origin/history`);
  if (succeeded(fetched)) {
    await must(git('reset', '-q', '--hard', 'refs/remotes/origin/history'), 'git reset');
    await must(git('clean', '-q', '-fd'), 'git clean');
    return;
  }
  if (!/couldn't find remote ref/i.test(fetched.stderr)) throw failed('git fetch', fetched);
  await git('update-ref', '-d', 'refs/remotes/origin/history');
  await git('rm', '-rfq', '.');
  await must(git('clean', '-q', '-fd'), 'git clean');
}

/** @returns what it printed, without the line break at the end. */
async function must(run: ReturnType<Git>, what: string): Promise<string> {
  const exit = await run;
  if (!succeeded(exit)) throw failed(what, exit);
  return exit.stdout.trim();
}

function failed(what: string, exit: Awaited<ReturnType<Git>>): Failure {
  return childFailure(
    'HISTORY_BRANCH',
    what,
    exit,
    'Give the job `contents: write`, and check that the branch is not protected.',
  );
}

function branchFailure({branch}: BranchOptions, why: string): Failure {
  return new Failure('HISTORY_BRANCH', `The history could not be pushed to branch ${branch}: ${why}`, {
    remedy: 'Run the monitor again; nothing but this round is lost.',
    retryable: true,
  });
}

function runGit(root: string, args: readonly string[], {token, signal}: BranchOptions) {
  const basic = token ? Buffer.from(`x-access-token:${token}`).toString('base64') : undefined;
  return outputOf({
    command: 'git',
    args,
    cwd: root,
    ...(signal ? {signal} : {}),
    ...(token ? {secrets: [token, basic!]} : {}),
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: root,
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'switchback',
      GIT_AUTHOR_EMAIL: 'switchback@users.noreply.github.com',
      GIT_COMMITTER_NAME: 'switchback',
      GIT_COMMITTER_EMAIL: 'switchback@users.noreply.github.com',
      LC_ALL: 'C',
      ...(basic
        ? {
            GIT_CONFIG_COUNT: '1',
            GIT_CONFIG_KEY_0: 'http.extraheader',
            GIT_CONFIG_VALUE_0: `authorization: basic ${basic}`,
          }
        : {}),
    },
  });
}
