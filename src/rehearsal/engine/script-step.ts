import {randomUUID} from 'node:crypto';
import {rmSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {Failure} from '../../kernel/errors.js';
import type {Conclusion} from './contract.js';
import {processEnv, type StepRun, scopeIn} from './job-state.js';
import {annotate} from './journal.js';
import {openConsole} from './step-console.js';
import {openStepFiles} from './step-files.js';
import {runProcess} from './step-process.js';
import {resolveText} from './template.js';

/** The shells this engine has, as the runner calls them; `{0}` is the script. */
const shells: Readonly<Record<string, string>> = {
  // A workflow that names no shell gets bash without pipefail, one that says bash gets it with.
  '': 'bash -e {0}',
  bash: 'bash --noprofile --norc -e -o pipefail {0}',
  sh: 'sh -e {0}',
  python: 'python {0}',
};

/** The command line of a shell, by name or as a template of one's own; undefined when it is not supported. */
export function shellCommand(shell: string): string[] | undefined {
  const template = shells[shell] ?? (shell.includes('{0}') ? shell : undefined);
  return template?.split(/\s+/);
}

/** Runs a `run:` step. */
export async function runScript(run: StepRun): Promise<Conclusion> {
  const {job, frame, definition} = run;
  const scope = scopeIn(job, frame, run.env);
  const shell = resolveText(definition.shell, scope) || (frame.kind === 'job' ? (job.defaults.shell ?? '') : '');
  const command = shellCommand(shell);
  if (!command)
    throw new Failure('SHELL', `Shell '${shell}' is not supported by this engine`, {remedy: 'Use bash or sh.'});
  const folder =
    resolveText(definition.workingDirectory, scope) ||
    (frame.kind === 'job' ? (job.defaults.workingDirectory ?? '') : '');
  const script = join(job.folders.temp, `${randomUUID()}.${shell === 'python' ? 'py' : 'sh'}`);
  writeFileSync(script, `${resolveText(definition.run, scope)}\n`, {mode: 0o700});
  try {
    return await runWithFiles(run, {
      command: command[0]!,
      args: command.slice(1).map((part) => part.replace('{0}', script)),
      cwd: resolve(job.folders.workspace, folder),
      extra: {},
      // Inside a composite these two are empty for scripts.
      own: {action: run.definition.id || '__run', action_ref: '', action_repository: ''},
    });
  } finally {
    rmSync(script, {force: true});
  }
}

export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** INPUT_ and STATE_ variables. */
  readonly extra: Record<string, string>;
  /** Values of the `github` context that belong to this step. */
  readonly own: Record<string, string>;
}

/** Runs one process with fresh file commands, reads them whatever its end, and says how it ended. */
export async function runWithFiles(run: StepRun, invocation: Invocation): Promise<Conclusion> {
  const {job} = run;
  const files = openStepFiles(run);
  const end = await runProcess({
    command: invocation.command,
    args: invocation.args,
    cwd: invocation.cwd,
    env: processEnv(run, invocation.extra, {...invocation.own, ...files.paths}),
    onLine: openConsole(run),
    stop: run.stop,
    kill: job.killed.signal,
    ladderScale: job.request.ladderScale ?? 1,
    running: job.running,
  });
  if (job.killed.signal.aborted) return 'failure';
  const wellFormed = files.take();
  if (run.stop.aborted) return run.record.expired.signal.aborted ? 'failure' : 'cancelled';
  if (end.startError)
    annotate(job.journal, run.record, {
      level: 'error',
      message: `An error occurred trying to start '${invocation.command}': ${end.startError.message}`,
    });
  else if (end.code !== 0)
    annotate(job.journal, run.record, {
      level: 'error',
      message: `Process completed with exit code ${end.code ?? 'unknown'}.`,
    });
  return end.code === 0 && wellFormed && !run.failedByCommand ? 'success' : 'failure';
}
