import {execFile} from 'node:child_process';
import {accessSync, constants, mkdirSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {promisify} from 'node:util';
import {Failure, messageOf} from '../../kernel/errors.js';

export const actVersion = '0.2.89';
/** Older ones lack security fixes. */
const oldestUsable = [0, 2, 86];
const run = promisify(execFile);

/**
 * Finds act on the PATH or in `cacheDir`/bin, or builds the pinned version there with Go (minutes, once; every
 * file of the build stays below `cacheDir`). `build: false` only looks.
 * @throws Failure ACT_MISSING, whose remedy says in one line how to get it.
 */
export async function findAct(cacheDir: string, {build = true}: {readonly build?: boolean} = {}): Promise<string> {
  const own = join(cacheDir, 'bin', 'act');
  for (const candidate of [...onPath('act'), own])
    if (isExecutable(candidate) && (await isUsable(candidate))) return candidate;
  const go = build ? onPath('go')[0] : undefined;
  if (!go) throw missing(cacheDir, 'nektos/act is not on this machine');
  try {
    await buildAct(go, cacheDir);
    return own;
  } catch (error) {
    throw missing(cacheDir, `nektos/act ${actVersion} could not be built: ${messageOf(error).split('\n')[0]}`);
  }
}

async function buildAct(go: string, cacheDir: string): Promise<void> {
  const folder = (name: string) => join(cacheDir, name);
  mkdirSync(folder('bin'), {recursive: true});
  const env = {...process.env, GOBIN: folder('bin'), GOMODCACHE: folder('go-modules'), GOCACHE: folder('go-build')};
  // Writable, so that the cache can be removed like any other folder.
  await run(go, ['install', '-modcacherw', `github.com/nektos/act@v${actVersion}`], {env});
}

function missing(cacheDir: string, what: string): Failure {
  const command = `GOBIN=${join(cacheDir, 'bin')} go install github.com/nektos/act@v${actVersion}`;
  return new Failure('ACT_MISSING', what, {remedy: `Install Go and run \`${command}\`, or put act on the PATH.`});
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
