import {access, constants, readdir} from 'node:fs/promises';
import {delimiter, join} from 'node:path';
import {findProgram, outputOf, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';

/** A folder with pg_dump and pg_restore of one version. */
export interface ClientTools {
  readonly folder: string;
  /** Such as 15.18. */
  readonly version: string;
  readonly major: number;
  /** Set when they run in a container instead of from the folder. */
  readonly container?: {
    readonly docker: string;
    readonly image: string;
    readonly env: Readonly<Record<string, string>>;
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Debian's and the PostgreSQL project's packages, Homebrew, and the macOS application. */
const layouts = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/opt/homebrew/opt/libpq/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
];

/** `SWITCHBACK_PG_LAYOUTS`, separated like PATH, replaces the folders of packages; empty means none. */
function layoutsOf(env: Environment): readonly string[] {
  return env['SWITCHBACK_PG_LAYOUTS']?.split(delimiter).filter(Boolean) ?? layouts;
}

/**
 * Every set of client tools on this machine, newest first. `SWITCHBACK_PG_BIN` may name more folders, separated like
 * PATH. A `pg_dump` in PATH may be Debian's wrapper, which picks a version by cluster, so it comes last.
 */
export async function findClientTools(env: Environment): Promise<ClientTools[]> {
  const named = (env['SWITCHBACK_PG_BIN'] ?? '').split(delimiter).filter(Boolean);
  const folders = [
    ...named,
    ...(await Promise.all(layoutsOf(env).map(expand))).flat(),
    ...(env['PATH'] ?? '').split(delimiter).filter(Boolean),
  ];
  const tools: ClientTools[] = [];
  for (const found of await Promise.all([...new Set(folders)].map((folder) => toolsIn(folder, env)))) {
    if (found && !tools.some((other) => other.version === found.version)) tools.push(found);
  }
  return tools.sort((a, b) => b.major - a.major);
}

/**
 * The client a dump is made with: the server's own major; for 14 and 15 also 16, which is equally safe and knows zstd.
 * From 17 on a newer client writes what servers up to 16 refuse (`transaction_timeout`), so it is no way out for them.
 */
export function chooseDumpClient(tools: readonly ClientTools[], serverMajor: number): ClientTools {
  const exact = tools.find((tool) => tool.major === serverMajor);
  const newer = [...tools]
    .reverse()
    .find((tool) => tool.major > serverMajor && (tool.major <= 16 || serverMajor >= 17));
  const chosen = exact ?? newer;
  if (chosen) return chosen;
  throw missing('pg_dump', `a server of version ${serverMajor}`, serverMajor, tools);
}

/**
 * The client an archive is restored with: at least as new as the one that wrote it, and for servers up to 16 not newer
 * than 16.
 */
export function chooseRestoreClient(
  tools: readonly ClientTools[],
  archiveMajor: number,
  serverMajor: number,
): ClientTools {
  const fits = (tool: ClientTools) => tool.major >= archiveMajor && (tool.major <= 16 || serverMajor >= 17);
  const chosen = tools.find((tool) => tool.major === serverMajor && fits(tool)) ?? [...tools].reverse().find(fits);
  if (chosen) return chosen;
  throw missing(
    'pg_restore',
    `an archive of version ${archiveMajor} and a server of version ${serverMajor}`,
    Math.max(archiveMajor, Math.min(serverMajor, 16)),
    tools,
  );
}

/** `chooseDumpClient` among this machine's tools, else in a container. @throws Failure DATABASE_CLIENT */
export async function dumpClient(serverMajor: number, env: Environment): Promise<ClientTools> {
  const tools = await findClientTools(env);
  return orContainer(() => chooseDumpClient(tools, serverMajor), serverMajor, env);
}

/**
 * `chooseRestoreClient` among this machine's tools, else in a container.
 * @param serverMajor undefined when an archive is only read, so that any client that is new enough will do.
 * @throws Failure DATABASE_CLIENT
 */
export async function restoreClient(
  archiveMajor: number,
  serverMajor: number | undefined,
  env: Environment,
): Promise<ClientTools> {
  const tools = await findClientTools(env);
  const choose = () => chooseRestoreClient(tools, archiveMajor, serverMajor ?? Math.max(archiveMajor, 17));
  if (serverMajor === undefined) return orContainer(choose, archiveMajor, env);
  // An archive of 17 or later holds a statement that servers up to 16 refuse, whoever restores it.
  const fits = archiveMajor <= 16 || serverMajor >= 17;
  return fits ? orContainer(choose, Math.max(archiveMajor, Math.min(serverMajor, 16)), env) : choose();
}

/** How one of the programs is started: directly, or in its container with the environment passed by name, not by value. */
export function invocation(
  tools: ClientTools,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): {readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>>} {
  if (!tools.container) return {command: join(tools.folder, program), args, env};
  const {docker, image, env: own} = tools.container;
  const passed = Object.keys(env).filter((name) => /^(PG|LC_ALL$|TZ$)/.test(name));
  return {
    command: docker,
    args: [
      'run',
      '--rm',
      '--init',
      '--interactive',
      '--network',
      'host',
      ...passed.flatMap((name) => ['--env', name]),
      image,
      program,
      ...args,
    ],
    env: {...own, ...env},
  };
}

async function orContainer(choose: () => ClientTools, major: number, env: Environment): Promise<ClientTools> {
  try {
    return choose();
  } catch (error) {
    const tools = await containerTools(major, env);
    if (tools) return tools;
    throw error;
  }
}

/** Tools of a version from PostgreSQL's own image; undefined where there is no container engine that answers. */
async function containerTools(major: number, env: Environment): Promise<ClientTools | undefined> {
  const docker = await findProgram('docker', env);
  if (!docker) return undefined;
  const image = env['SWITCHBACK_PG_IMAGE'] ?? `postgres:${major}`;
  const kept = ['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'XDG_RUNTIME_DIR'].flatMap(
    (name): Array<[string, string]> => (env[name] ? [[name, env[name]]] : []),
  );
  const own = Object.fromEntries(kept);
  const exit = await outputOf({command: docker, args: ['run', '--rm', image, 'pg_dump', '--version'], env: own});
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(exit.stdout)?.[1];
  return succeeded(exit) && version && Number.parseInt(version, 10) === major
    ? {folder: '', version, major, container: {docker, image, env: own}}
    : undefined;
}

function missing(program: string, purpose: string, major: number, tools: readonly ClientTools[]): Failure {
  const present = tools.length ? `found only ${tools.map((tool) => tool.version).join(', ')}` : 'found none';
  return new Failure('DATABASE_CLIENT', `There is no ${program} for ${purpose} on this machine (${present})`, {
    remedy: `Install it before this step: \`sudo apt-get install -y postgresql-client-${major}\` (from the PostgreSQL project's repository when the distribution has another version), or name its folder in SWITCHBACK_PG_BIN.`,
    details: {major, present: tools.map((tool) => tool.version)},
  });
}

async function toolsIn(folder: string, env: Environment): Promise<ClientTools | undefined> {
  const command = join(folder, 'pg_dump');
  try {
    await access(command, constants.X_OK);
  } catch {
    return undefined;
  }
  const exit = await outputOf({command, args: ['--version'], env: {PATH: env['PATH'] ?? '', LC_ALL: 'C'}});
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(exit.stdout)?.[1];
  return succeeded(exit) && version ? {folder, version, major: Number.parseInt(version, 10)} : undefined;
}

async function expand(pattern: string): Promise<string[]> {
  const star = pattern.indexOf('*');
  if (star < 0) return [pattern];
  const cut = pattern.lastIndexOf('/', star) + 1;
  const [before = '', ...after] = pattern.slice(cut).split('/');
  const [head = '', tail = ''] = before.split('*');
  const names = await readdir(pattern.slice(0, cut)).catch(() => []);
  return names
    .filter((name) => name.startsWith(head) && name.endsWith(tail))
    .map((name) => join(pattern.slice(0, cut), name, ...after));
}
