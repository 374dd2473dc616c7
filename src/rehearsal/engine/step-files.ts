import {randomUUID} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Failure, messageOf} from '../../kernel/errors.js';
import {parsePairs, parsePaths} from './file-command.js';
import type {StepRun} from './job-state.js';
import {annotate} from './journal.js';
import {setOutput} from './step-console.js';

/** The files through which one process hands results to its job. */
export interface StepFiles {
  /** Values of the `github` context: env, output, path, state, step_summary. */
  readonly paths: Readonly<Record<'env' | 'output' | 'path' | 'state' | 'step_summary', string>>;
  /** Reads and removes them; false when one of them is malformed, which fails the step. */
  take(): boolean;
}

const summaryLimit = 1024 * 1024;

export function openStepFiles(run: StepRun): StepFiles {
  const folder = join(run.job.folders.temp, '_runner_file_commands');
  mkdirSync(folder, {recursive: true});
  const id = randomUUID();
  const create = (name: string) => {
    const path = join(folder, `${name}_${id}`);
    writeFileSync(path, '');
    return path;
  };
  const paths = {
    env: create('set_env'),
    output: create('set_output'),
    path: create('add_path'),
    state: create('save_state'),
    step_summary: create('step_summary'),
  };
  return {paths, take: () => takeAll(run, paths)};
}

function takeAll(run: StepRun, paths: StepFiles['paths']): boolean {
  const {onRaw} = run.job.request;
  if (onRaw)
    for (const [place, path] of Object.entries(paths) as Array<[keyof typeof paths, string]>)
      onRaw({job: run.record.job, place, text: contentOf(path)});
  takeSummary(run, paths.step_summary);
  const results = [
    attempt(run, 'GITHUB_ENV', () => takeEnv(run, contentOf(paths.env))),
    attempt(run, 'GITHUB_OUTPUT', () => takeOutputs(run, contentOf(paths.output))),
    attempt(run, 'GITHUB_STATE', () => takeState(run, contentOf(paths.state))),
    attempt(run, 'GITHUB_PATH', () => takePaths(run, contentOf(paths.path))),
  ];
  for (const path of Object.values(paths)) rmSync(path, {force: true});
  return results.every(Boolean);
}

function attempt(run: StepRun, name: string, read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    annotate(run.job.journal, run.record, {
      level: 'error',
      message: `Unable to process file command '${name}' successfully: ${messageOf(error)}`,
    });
    return false;
  }
}

function takeOutputs(run: StepRun, content: string): void {
  for (const [name, value] of parsePairs(content)) setOutput(run, name, value);
}

function takeState(run: StepRun, content: string): void {
  for (const [name, value] of parsePairs(content)) run.state[name] = value;
}

function takeEnv(run: StepRun, content: string): void {
  for (const [name, value] of parsePairs(content)) {
    if (name.toUpperCase() === 'NODE_OPTIONS')
      annotate(run.job.journal, run.record, {
        level: 'error',
        message: "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.",
      });
    else run.job.env[name] = value;
  }
}

function takePaths(run: StepRun, content: string): void {
  for (const path of parsePaths(content)) {
    const at = run.job.path.indexOf(path);
    if (at >= 0) run.job.path.splice(at, 1);
    run.job.path.unshift(path);
  }
}

function takeSummary(run: StepRun, path: string): void {
  const size = existsSync(path) ? statSync(path).size : 0;
  if (size === 0) return;
  if (size <= summaryLimit) keepSummary(run, readFileSync(path, 'utf8'));
  else annotate(run.job.journal, run.record, {level: 'error', message: summaryRefusal(size)});
}

function keepSummary(run: StepRun, content: string): void {
  const {journal} = run.job;
  const text = journal.masker.mask(content);
  run.record.summaries.push(text);
  journal.tell({type: 'summary', job: run.record.job, step: run.record.key, text});
}

function summaryRefusal(size: number): string {
  const kib = Math.ceil(size / 1024);
  return `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got ${kib}k.`;
}

function contentOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
