import {spawn} from 'node:child_process';
import {join, resolve} from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');

export interface CommandRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the terminal command as a user would, with nothing in its environment but what is given. */
export function runCommand(
  args: readonly string[],
  options: {readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly interruptWhen?: RegExp},
): Promise<CommandRun> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(root, 'bin', 'switchback.mjs'), ...args], {
      cwd: options.cwd,
      env: {PATH: process.env['PATH'] ?? '', ...options.env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, interrupted] = ['', '', false];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (options.interruptWhen?.test(stdout) && !interrupted) interrupted = child.kill('SIGINT');
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (exitCode) => done({exitCode, stdout, stderr}));
  });
}
