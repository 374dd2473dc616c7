import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

/** The version of the platform's command line that the stand-in is compared with. */
export const vercelCliVersion = '60.1.3';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const home = join(root, '.cache', `vercel-cli-${vercelCliVersion}`);

/**
 * The command line's entry file, installed from the npm registry on first use (350 MB, hence no dependency of ours).
 * Undefined, with one line on stderr, when the registry cannot be reached.
 */
export async function vercelCli(): Promise<string | undefined> {
  const entry = join(home, 'node_modules', 'vercel', 'dist', 'vc.js');
  if (existsSync(entry)) return entry;
  const reason = await install();
  if (existsSync(entry)) return entry;
  process.stderr.write(`skipped: vercel@${vercelCliVersion} could not be installed: ${reason}\n`);
  return undefined;
}

/** Installs beside its final place and moves it there, so that two test workers do not meet in one folder. */
async function install(): Promise<string> {
  await mkdir(dirname(home), {recursive: true});
  const draft = await mkdtemp(`${home}.`);
  await writeFile(join(draft, 'package.json'), '{"private":true}');
  const flags = ['--save-exact', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const npm = await run('npm', ['install', ...flags, `vercel@${vercelCliVersion}`], {
    cwd: draft,
    env: process.env,
    timeoutMs: 300_000,
  });
  if (npm.code === 0) await rename(draft, home).catch(() => undefined);
  await rm(draft, {recursive: true, force: true});
  return npm.code === 0 ? '' : (npm.stderr.trim().split('\n')[0] ?? `npm ended with ${npm.code}`);
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder linked to a project, from which the command line is run against one API. */
export class CliSession implements AsyncDisposable {
  private constructor(
    private readonly entry: string,
    private readonly where: {url: string; token: string; scope: string},
    readonly folder: string,
    private readonly home: string,
  ) {}

  static async open(
    entry: string,
    where: {url: string; token: string; scope: string},
    link: {projectId: string; orgId: string; projectName: string},
  ): Promise<CliSession> {
    const base = await mkdtemp(join(tmpdir(), 'vercel-cli-'));
    const folder = join(base, 'project');
    await mkdir(join(folder, '.vercel'), {recursive: true});
    await writeFile(join(folder, '.vercel', 'project.json'), JSON.stringify(link));
    return new CliSession(entry, where, folder, base);
  }

  async lay(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, path)), {recursive: true});
      await writeFile(join(this.folder, path), content);
    }
  }

  read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8');
  }

  /** Runs one command; the token goes by the environment, which process lists do not show. */
  run(...words: string[]): Promise<CliResult> {
    const flags = [
      '--api',
      this.where.url,
      '--scope',
      this.where.scope,
      '--non-interactive',
      '--global-config',
      join(this.home, 'config'),
    ];
    const env = {
      PATH: process.env.PATH,
      HOME: this.home,
      VERCEL_TOKEN: this.where.token,
      VERCEL_TELEMETRY_DISABLED: '1',
      NO_UPDATE_NOTIFIER: '1',
      NO_COLOR: '1',
      CI: '1',
    };
    return run(process.execPath, [this.entry, ...words, ...flags], {cwd: this.folder, env, timeoutMs: 60_000});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.home, {recursive: true, force: true});
  }
}

function run(
  command: string,
  words: readonly string[],
  options: {cwd: string; env: NodeJS.ProcessEnv; timeoutMs: number},
): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(command, words, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', (error) => resolve({code: null, stdout, stderr: error.message}));
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });
}
