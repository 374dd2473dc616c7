import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parsePairs} from '../engine/file-command.js';

/** One action as the runner starts it, which can be killed at a moment that somebody else chooses. */
export interface KillableStep {
  readonly done: Promise<StepEnd>;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
}

export interface StepEnd {
  /** null when it was killed. */
  readonly code: number | null;
  readonly killed: boolean;
  /** It did not end within its bound and was ended. */
  readonly hung: boolean;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
}

export interface StepRequest {
  /** Absolute path of the bundle. */
  readonly bundle: string;
  readonly nodePath: string;
  readonly workspace: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly boundMs: number;
}

const commandFiles = ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV', 'GITHUB_PATH'];

/** No post step runs after a kill: the whole runner is lost, which is the harder case. */
export function startKillableStep(request: StepRequest): KillableStep {
  const folder = mkdtempSync(join(tmpdir(), 'switchback-kill-'));
  const child = spawn(request.nodePath, [request.bundle], {
    cwd: request.workspace,
    env: environmentOf(request, folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let killed = false;
  const done = endOf(child, request.boundMs).then(({code, hung, log}): StepEnd => {
    const outputs = Object.fromEntries(parsePairs(readFileSync(join(folder, 'GITHUB_OUTPUT'), 'utf8')));
    rmSync(folder, {recursive: true, force: true});
    return {code, hung, log, outputs, killed: killed && code === null};
  });
  return {
    done,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      killed = true;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function environmentOf({inputs, workspace, env}: StepRequest, folder: string): Record<string, string> {
  for (const name of commandFiles) writeFileSync(join(folder, name), '');
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    RUNNER_TEMP: folder,
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: workspace,
    ...Object.fromEntries(commandFiles.map((name) => [name, join(folder, name)])),
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    ...env,
  };
}

function endOf(child: ChildProcess, boundMs: number): Promise<{code: number | null; hung: boolean; log: string}> {
  return new Promise((resolve, reject) => {
    let log = '';
    let hung = false;
    const add = (chunk: Buffer) => (log += chunk.toString());
    child.stdout!.on('data', add);
    child.stderr!.on('data', add);
    const bound = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, boundMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(bound);
      resolve({code, hung, log});
    });
  });
}
