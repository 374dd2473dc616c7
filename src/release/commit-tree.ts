import {mkdtemp, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {childFailure, outputOf, startChild, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';

/** The files of one commit, read from the repository on this machine without checking it out. */
export interface CommitTree {
  readonly paths: readonly string[];
  read(path: string): Promise<string>;
}

export interface Repository {
  /** Folder of the checked-out repository. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** @returns undefined when the commit is not in this clone, as after a shallow checkout. @throws Failure GIT */
export async function readCommit(repository: Repository, commit: string): Promise<CommitTree | undefined> {
  if (!/^[0-9a-f]{40}$/.test(commit)) return undefined;
  const known = await outputOf({...git(repository, ['cat-file', '-e', `${commit}^{commit}`]), stdout: 'ignore'});
  if (known.startError) throw childFailure('GIT', 'git', known, 'Install git on the runner.');
  if (!succeeded(known)) return undefined;
  const listed = await outputOf({...git(repository, ['ls-tree', '-r', '-z', commit]), outputLimit: 256 * 1024 * 1024});
  if (!succeeded(listed)) throw childFailure('GIT', 'git ls-tree', listed, 'Check the repository on this machine.');
  const blobs = new Map(
    listed.stdout.split('\0').flatMap((line) => {
      const [, type, id, path] = /^\d+ (\w+) ([0-9a-f]+)\t([\s\S]+)$/.exec(line) ?? [];
      return type === 'blob' ? [[path!, id!] as const] : [];
    }),
  );
  return {paths: [...blobs.keys()], read: (path) => readBlob(repository, blobs.get(path) ?? '')};
}

/**
 * Writes the files of a commit below a folder that does not exist yet; the checked-out repository, its index and its
 * list of worktrees stay as they are. Submodules are left out.
 * @throws Failure GIT
 */
export async function checkOutCommit(repository: Repository, commit: string, folder: string): Promise<void> {
  const index = `${folder}.index`;
  const run = (args: readonly string[]) => {
    const command = git(repository, args);
    return outputOf({...command, env: {...command.env, GIT_INDEX_FILE: index}, stdout: 'ignore'});
  };
  try {
    for (const args of [
      ['read-tree', commit],
      ['checkout-index', '--all', '--force', `--prefix=${folder}/`],
    ]) {
      const exit = await run(args);
      if (!succeeded(exit))
        throw childFailure('GIT', `git ${args[0]}`, exit, 'Check the product out with `fetch-depth: 0`.');
    }
  } finally {
    await rm(index, {force: true});
  }
}

/** The files of a commit in a folder of their own below `parent`, which goes away with the value. @throws Failure GIT */
export async function commitFolder(
  repository: Repository,
  commit: string,
  parent: string,
): Promise<AsyncDisposable & {readonly folder: string}> {
  const scratch = await mkdtemp(join(parent, 'switchback-commit-'));
  const dispose = () => rm(scratch, {recursive: true, force: true});
  const folder = join(scratch, 'files');
  await checkOutCommit(repository, commit, folder).catch(async (error: unknown) => {
    await dispose();
    throw error;
  });
  return {folder, [Symbol.asyncDispose]: dispose};
}

/** The commit that the checked-out files belong to. */
export async function headOf(repository: Repository): Promise<string | undefined> {
  const exit = await outputOf(git(repository, ['rev-parse', 'HEAD']));
  return succeeded(exit) ? exit.stdout.trim() : undefined;
}

interface Waiting {
  readonly id: string;
  resolve(text: string): void;
  reject(error: unknown): void;
}
const queues = new Map<string, Waiting[]>();

/** All blobs that are asked for in one go come from one git process: a repository may hold a thousand migrations. */
function readBlob(repository: Repository, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const waiting = queues.get(repository.root);
    if (waiting) {
      waiting.push({id, resolve, reject});
      return;
    }
    const queue = [{id, resolve, reject}];
    queues.set(repository.root, queue);
    queueMicrotask(() => {
      queues.delete(repository.root);
      readBlobs(
        repository,
        queue.map((one) => one.id),
      ).then(
        (texts) => queue.forEach((one, at) => one.resolve(texts[at]!)),
        (error: unknown) => queue.forEach((one) => one.reject(error)),
      );
    });
  });
}

async function readBlobs(repository: Repository, ids: readonly string[]): Promise<string[]> {
  const child = startChild({...git(repository, ['cat-file', '--batch']), stdin: 'pipe'});
  const chunks: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin!.end(ids.map((id) => `${id}\n`).join(''));
  const exit = await child.exit;
  if (!succeeded(exit)) throw childFailure('GIT', 'git cat-file', exit, 'Check the repository on this machine.');
  return splitBatch(Buffer.concat(chunks), ids.length);
}

/** `<id> blob <bytes>`, a line break, the bytes, a line break; again for each. */
function splitBatch(answer: Buffer, count: number): string[] {
  const texts: string[] = [];
  for (let at = 0; texts.length < count; ) {
    const end = answer.indexOf(10, at);
    const size = Number(/ blob (\d+)$/.exec(answer.subarray(at, end).toString())?.[1] ?? Number.NaN);
    if (end < 0 || Number.isNaN(size))
      throw new Failure('GIT', 'git does not hold a file that its own tree names', {
        remedy: 'Check the product out with `fetch-depth: 0` and without a filter.',
      });
    texts.push(answer.subarray(end + 1, end + 1 + size).toString());
    at = end + size + 2;
  }
  return texts;
}

/** The repository may belong to another account than this process, as in a container job. */
function git({root, env, signal}: Repository, args: readonly string[]) {
  return {
    command: 'git',
    args: ['-c', `safe.directory=${root}`, '-C', root, ...args],
    env: {
      PATH: env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
      HOME: env['HOME'] ?? '/',
      LC_ALL: 'C',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_NO_LAZY_FETCH: '1',
    },
    ...(signal && {signal}),
  };
}
