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
