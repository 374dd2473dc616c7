import {type SpawnOptions, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {cp, mkdir, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join, relative} from 'node:path';
import {Failure} from '../../kernel/errors.js';

/** Installs what the Next.js and Flask product needs, and builds its frontend: once, kept in the cache. */

type Tell = (line: string) => void;
type Files = ReadonlyMap<string, Buffer>;

/** A folder that holds what `make` put there for this very key; a made one is never half. */
async function kept(folder: string, key: string, make: (fresh: string) => Promise<void>): Promise<string> {
  const stamp = join(folder, '.made');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === key) return folder;
  await rm(folder, {recursive: true, force: true});
  await mkdir(folder, {recursive: true});
  await make(folder);
  await writeFile(stamp, key);
  return folder;
}

/** @returns the folder of the environment's programs. @throws Failure NEXT_FLASK in one line when Python is not there. */
export async function installBackend(cache: string, requirements: string, tell: Tell): Promise<string> {
  const python = await pythonName();
  const text = await readFile(requirements, 'utf8');
  const folder = await kept(join(cache, 'backend'), hash([python.version, text]), async (fresh) => {
    tell(`Python ${python.version}: installing ${text.trim().split('\n').join(', ')}`);
    await run(python.command, ['-m', 'venv', fresh], {}, 'Install the venv module of Python (Debian: python3-venv).');
    await run(
      join(fresh, 'bin', 'python'),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
      {},
      'Make PyPI reachable once; later runs take what was installed.',
    );
  });
  return join(folder, 'bin');
}

async function pythonName(): Promise<{command: string; version: string}> {
  for (const command of ['python3', 'python']) {
    const version = await capture(command, ['-c', 'import sys, venv; print("%d.%d" % sys.version_info[:2])']);
    const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
    if (major === 3 && minor >= 10) return {command, version: version!};
  }
  throw missing('Python 3.10 or newer with its venv module', 'Install python3 and python3-venv.');
}

/** @returns builds a frontend's sources; each different one once. @throws Failure NEXT_FLASK without npm or a registry. */
export async function installFrontend(
  cache: string,
  sources: string,
  tell: Tell,
): Promise<(files: Files, deploymentId: string) => Promise<Files>> {
  if ((await capture('npm', ['--version'])) === undefined) throw missing('npm', 'Install Node.js with npm.');
  const manifests = ['package.json', 'package-lock.json'];
  const texts = await Promise.all(manifests.map((name) => readFile(join(sources, name), 'utf8')));
  const project = await kept(join(cache, 'frontend'), hash(texts), async (fresh) => {
    tell('npm: installing Next.js, React and Clerk');
    for (const name of manifests) await cp(join(sources, name), join(fresh, name));
    // Nothing here needs a package's own scripts, so none gets to run.
    await run(
      'npm',
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
      {cwd: fresh},
      'Make the npm registry reachable once; later runs take what was installed.',
    );
  });
  return async (files, deploymentId) =>
    named(await built(project, join(cache, 'builds'), files, hash(texts), tell), deploymentId);
}

/** Stands for the deployment's id in a build that several deployments share. */
const placeholder = 'dpl_000000000000000000000000';

/** The build as it would be for this deployment: its pages ask for their assets by its id. */
function named(files: Files, deploymentId: string): Files {
  const isText = (path: string) => /\.(html|js|txt|css)$/.test(path);
  return new Map(
    [...files].map(([path, content]) => [
      path,
      isText(path) ? Buffer.from(content.toString().replaceAll(placeholder, deploymentId)) : content,
    ]),
  );
}

/** What `public/` holds is copied as it is, so it takes no part in the build and may differ from run to run. */
async function built(project: string, builds: string, files: Files, tools: string, tell: Tell): Promise<Files> {
  const isPublic = (path: string) => path.startsWith('public/');
  const sources = [...files].filter(([path]) => !isPublic(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  const key = hash([tools, ...sources.flat()]);
  const output = await kept(join(builds, key.slice(0, 16)), key, async (fresh) => {
    const startedMs = Date.now();
    for (const entry of await readdir(project))
      if (!['node_modules', '.made'].includes(entry)) await rm(join(project, entry), {recursive: true, force: true});
    for (const [path, content] of files) {
      await mkdir(dirname(join(project, path)), {recursive: true});
      await writeFile(join(project, path), content);
    }
    await run(
      process.execPath,
      [join(project, 'node_modules', 'next', 'dist', 'bin', 'next'), 'build'],
      {
        cwd: project,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: project,
          NEXT_TELEMETRY_DISABLED: '1',
          CI: '1',
          VERCEL_DEPLOYMENT_ID: placeholder,
        },
      },
      'Read the end of the build above.',
    );
    await rename(join(project, 'out'), join(fresh, 'out'));
    tell(`next build took ${Math.round((Date.now() - startedMs) / 1_000)} s`);
  });
  const overlay = [...files]
    .filter(([path]) => isPublic(path))
    .map(([path, content]) => [path.slice(7), content] as const);
  return new Map([...(await filesBelow(join(output, 'out'))), ...overlay]);
}

export async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const)));
}

function hash(parts: ReadonlyArray<string | Buffer>): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(`${part.length}\n`).update(part);
  return digest.digest('hex');
}

async function run(command: string, args: readonly string[], options: SpawnOptions, remedy: string): Promise<void> {
  const {status, output} = await ended(command, args, options);
  if (status === 0) return;
  const end = output.trim().split('\n').slice(-6).join('\n');
  throw new Failure(
    'NEXT_FLASK',
    `${command} ${args.slice(0, 3).join(' ')} ended with ${status ?? 'no answer'}:\n${end}`,
    {remedy},
  );
}

async function capture(command: string, args: readonly string[]): Promise<string | undefined> {
  const {status, output} = await ended(command, args, {});
  return status === 0 ? output.trim() : undefined;
}

function ended(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<{status: number | null; output: string}> {
  return new Promise((done) => {
    const child = spawn(command, [...args], {env: process.env, ...options, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    const add = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    child.on('error', () => done({status: null, output: `${command} is not installed`}));
    child.on('close', (status) => done({status, output}));
  });
}

function missing(what: string, remedy: string): Failure {
  return new Failure('NEXT_FLASK', `The product next-flask needs ${what}, which this machine does not have`, {remedy});
}
