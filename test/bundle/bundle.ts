import {spawn} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');

/** What a step came to, as the runner would see it. */
export interface Step {
  readonly exitCode: number | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Everything printed. */
  readonly log: string;
  /** The log without the lines that register masks, where secrets must stand. */
  readonly logWithoutMasks: string;
  readonly errors: readonly string[];
}

export interface StepOptions {
  readonly inputs: Readonly<Record<string, string>>;
  readonly workspace: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sent after this many milliseconds. */
  readonly signalAfter?: readonly [signal: NodeJS.Signals, ms: number];
}

/** Runs the committed bundle of an action as the runner does: node directly, inputs in the environment, command files. */
export async function runBundle(action: string, options: StepOptions): Promise<Step> {
  const folder = await mkdtemp(join(tmpdir(), 'switchback-step-'));
  try {
    const files = {
      GITHUB_OUTPUT: join(folder, 'output'),
      GITHUB_STATE: join(folder, 'state'),
      GITHUB_STEP_SUMMARY: join(folder, 'summary'),
      GITHUB_ENV: join(folder, 'env'),
      GITHUB_PATH: join(folder, 'path'),
    };
    await Promise.all(Object.values(files).map((file) => writeFile(file, '')));
    const inputs = Object.fromEntries(
      Object.entries(options.inputs).map(([name, value]) => [`INPUT_${name.replace(/ /g, '_').toUpperCase()}`, value]),
    );
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      RUNNER_TEMP: folder,
      GITHUB_ACTIONS: 'true',
      GITHUB_WORKSPACE: options.workspace,
      ...files,
      ...inputs,
      ...options.env,
    };
    const {exitCode, log} = await spawnNode(join(root, 'actions', action, 'dist', 'index.js'), env, options);
    const lines = log.split('\n');
    return {
      exitCode,
      log,
      logWithoutMasks: lines.filter((line) => !line.startsWith('::add-mask::')).join('\n'),
      errors: lines
        .filter((line) => line.startsWith('::error'))
        .map((line) => decode(line.replace(/^::error[^:]*::/, ''))),
      outputs: parseCommandFile(await readFile(files.GITHUB_OUTPUT, 'utf8')),
      state: parseCommandFile(await readFile(files.GITHUB_STATE, 'utf8')),
      summary: await readFile(files.GITHUB_STEP_SUMMARY, 'utf8'),
    };
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

function spawnNode(
  script: string,
  env: Record<string, string>,
  {workspace, signalAfter}: StepOptions,
): Promise<{exitCode: number | null; log: string}> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [script], {cwd: workspace, env, stdio: ['ignore', 'pipe', 'pipe']});
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const timer = signalAfter && setTimeout(() => child.kill(signalAfter[0]), signalAfter[1]);
    child.on('error', reject);
    child.on('close', (exitCode) => {
      clearTimeout(timer);
      done({exitCode, log});
    });
  });
}

/** Reads `name=value` and `name<<DELIMITER` entries, as the runner does. */
function parseCommandFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const heredoc = /^([^=<]+)<<(.+)$/.exec(lines[i]!);
    if (heredoc) {
      const end = lines.indexOf(heredoc[2]!, i + 1);
      values[heredoc[1]!] = lines.slice(i + 1, end).join('\n');
      i = end;
    } else if (lines[i]!.includes('='))
      values[lines[i]!.slice(0, lines[i]!.indexOf('='))] = lines[i]!.slice(lines[i]!.indexOf('=') + 1);
  }
  return values;
}

function decode(text: string): string {
  return text.replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%');
}
