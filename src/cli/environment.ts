import {execFile} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {parseEnv, promisify} from 'node:util';
import {Failure} from '../kernel/errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment of a command: the process's own, then the given file, then what git knows. A file is read only when
 * it is named, since a product's own `.env` often holds the address of another database than production's.
 * @throws Failure USAGE when the file cannot be read.
 */
export async function readEnvironment(own: Environment, file: string | undefined): Promise<Environment> {
  const given = {...(file === undefined ? {} : await readEnvFile(file)), ...defined(own)};
  const root = given['GITHUB_WORKSPACE'] ?? (await git(['rev-parse', '--show-toplevel'])) ?? process.cwd();
  const [sha, remote] = await Promise.all([
    git(['rev-parse', 'HEAD'], root),
    git(['remote', 'get-url', 'origin'], root),
  ]);
  const repository = remote === undefined ? undefined : repositoryOf(remote);
  return {
    ...(sha && {GITHUB_SHA: sha}),
    ...(repository && {GITHUB_REPOSITORY: repository}),
    ...(given['GH_TOKEN'] && {GITHUB_TOKEN: given['GH_TOKEN']}),
    ...given,
    GITHUB_WORKSPACE: root,
  };
}

/** Set but empty means not given, as in a workflow whose secret does not exist. */
function defined(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
}

async function readEnvFile(file: string): Promise<Environment> {
  try {
    return parseEnv(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Failure('USAGE', `The file ${file} given by --env-file cannot be read`, {
      remedy: 'Give the path of a file with lines such as VERCEL_TOKEN=….',
      cause: error,
    });
  }
}

/** `owner/name` of a GitHub remote in any of its spellings; undefined for other hosts. */
export function repositoryOf(remote: string): string | undefined {
  const match = /github\.com[:/]([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(remote.trim());
  return match ? `${match[1]}/${match[2]}` : undefined;
}

/** One line of git's answer; undefined when git is not there or refuses. */
export async function git(args: readonly string[], cwd = process.cwd()): Promise<string | undefined> {
  try {
    const {stdout} = await promisify(execFile)('git', [...args], {cwd});
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

const ownNames: Readonly<Record<string, string>> = {
  'storage-access-key-id': 'BACKUP_ACCESS_KEY_ID',
  'storage-secret-access-key': 'BACKUP_SECRET_ACCESS_KEY',
  passphrase: 'BACKUP_PASSPHRASE',
  'also-access-key-id': 'BACKUP_ALSO_ACCESS_KEY_ID',
  'also-secret-access-key': 'BACKUP_ALSO_SECRET_ACCESS_KEY',
  'private-key': 'BACKUP_PRIVATE_KEY',
  'private-key-passphrase': 'BACKUP_PRIVATE_KEY_PASSPHRASE',
  'signing-key': 'BACKUP_SIGNING_KEY',
  'signing-key-passphrase': 'BACKUP_SIGNING_KEY_PASSPHRASE',
  'bypass-secret': 'MAINTENANCE_BYPASS',
  'target-url': 'RESTORE_TARGET_URL',
};

/** The environment variable that holds a secret input: the name of the secret in the shipped workflows. */
export function secretVariable(input: string): string {
  return ownNames[input] ?? input.replace(/-/g, '_').toUpperCase();
}
