import {execFile, spawn} from 'node:child_process';
import {mkdir} from 'node:fs/promises';
import {promisify} from 'node:util';

/** Reads commits from a local repository, which stands for the connected one. Never writes to it. */

const run = promisify(execFile);

export interface Commit {
  readonly commit: string;
  readonly message: string;
}

/** The commit, when its full SHA is in the repository. */
export async function findCommit(repository: string, sha: string): Promise<Commit | undefined> {
  if (!/^[0-9a-f]{40}$/.test(sha)) return undefined;
  return readCommit(repository, `${sha}^{commit}`);
}

/** The branch's newest commit. */
export function branchHead(repository: string, branch: string): Promise<Commit | undefined> {
  return readCommit(repository, `refs/heads/${branch}`);
}

async function readCommit(repository: string, revision: string): Promise<Commit | undefined> {
  try {
    const {stdout} = await run('git', [...guarded(repository), 'log', '-1', '--format=%H%n%B', revision, '--'], {
      env: gitEnv,
    });
    const [commit = '', ...message] = stdout.trimEnd().split('\n');
    return {commit, message: message.join('\n')};
  } catch {
    return undefined;
  }
}

/** Paths that differ between two commits. */
export async function changedPaths(repository: string, from: string, to: string): Promise<string[]> {
  const {stdout} = await run('git', [...guarded(repository), 'diff', '--name-only', '-z', from, to], {env: gitEnv});
  return stdout.split('\0').filter((path) => path !== '');
}

/** Unpacks a commit, or one folder of it, into `target`. */
export async function unpackCommit(
  repository: string,
  commit: string,
  folder: string | undefined,
  target: string,
): Promise<void> {
  await mkdir(target, {recursive: true});
  const tree = folder ? `${commit}:${folder.replace(/^\/|\/$/g, '')}` : commit;
  const archive = spawn('git', [...guarded(repository), 'archive', '--format=tar', tree], {
    env: gitEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await Promise.all([succeeded(archive, 'git archive'), untar(archive.stdout, target, [])]);
}

/** Unpacks a gzipped tar, as the upload endpoint gets it. */
export async function unpackUpload(archive: Buffer, target: string): Promise<void> {
  await mkdir(target, {recursive: true});
  await untar(archive, target, ['-z']);
}

async function untar(input: NodeJS.ReadableStream | Buffer, target: string, flags: readonly string[]): Promise<void> {
  const tar = spawn('tar', ['-x', ...flags, '--no-same-owner', '-f', '-', '-C', target], {
    env: gitEnv,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  // tar may end before it has read all of a broken archive; its exit code tells.
  tar.stdin.on('error', () => undefined);
  if (Buffer.isBuffer(input)) tar.stdin.end(input);
  else input.pipe(tar.stdin);
  await succeeded(tar, 'tar');
}

function succeeded(child: ReturnType<typeof spawn>, name: string): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${name} ended with ${code}: ${complaint.trim()}`)),
    );
  });
}

// The repository may belong to another user, and no one's own git settings may change what is read.
const guarded = (repository: string) => ['-c', 'safe.directory=*', '-C', repository];
const gitEnv = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_OPTIONAL_LOCKS: '0',
  LC_ALL: 'C',
};
