import {rmSync} from 'node:fs';
import type {JobResult, StepResult} from './contract.js';
import type {ActionDefinition, JobDefinition, StepDefinition} from './definition.js';
import {type Frame, type JobState, type StepRun, scopeIn, worst} from './job-state.js';
import {annotate, newRecord, type StepRecord} from './journal.js';
import {compositeFrame, runPost, runPre, runStep} from './step.js';
import {killOrphans} from './step-process.js';
import {child, resolve, resolveText, resolveTexts, type Template} from './template.js';

/** Minutes after which what survived a cancellation is killed by the service. */
const cancelLimitMinutes = 5;

/** Runs the steps of a job on a prepared state: pre stages, steps, post steps, outputs, clean-up. Never rejects. */
export async function runSteps(
  job: JobState,
  definition: JobDefinition,
  root: string,
  url: Template | undefined,
): Promise<{result: JobResult; url: string}> {
  const frame: Frame = {
    kind: 'job',
    steps: {},
    inputs: job.fixed.inputs,
    root,
    env: {},
    github: {},
    status: 'success',
    depth: 0,
    path: '',
  };
  const records: [StepRecord, StepResult][] = [];
  const done = (record: StepRecord, result: StepResult) => void records.push([record, result]);
  const stopWatching = watchJob(job, definition);
  try {
    await runPreStages(job, frame, definition, done);
    for (const [index, step] of definition.steps.entries()) await runTopStep(job, frame, step, index, done);
    while (job.posts.length && !job.killed.signal.aborted) await runTopPost(job, done);
  } finally {
    stopWatching();
    killOrphans(job.trackingId);
    rmSync(job.folders.temp, {recursive: true, force: true});
  }
  const lost = job.killed.signal.reason === 'lost';
  const outputs = lost ? {} : outputsOf(job, frame, definition);
  const result: JobResult = {
    result: lost ? 'failure' : job.status,
    outputs,
    steps: records.map(([, step]) => step),
    summary: records.flatMap(([record]) => record.summaries).join('\n'),
  };
  return {result, url: lost ? '' : environmentUrl(job, frame, url)};
}

type Done = (record: StepRecord, result: StepResult) => void;

async function runTopStep(job: JobState, frame: Frame, step: StepDefinition, index: number, done: Done): Promise<void> {
  const record = newRecord(job.key, step.id || `#${index + 1}`, nameOf(job, frame, step));
  const stopTimer = startTimer(job, frame, step, record);
  await timed(job, record, step.id, done, () => runStep(job, frame, step, record));
  stopTimer();
}

async function runTopPost(job: JobState, done: Done): Promise<void> {
  const post = job.posts.pop()!;
  const record = newRecord(job.key, `${post.run.record.key}:post`, post.name);
  await timed(job, record, '', done, async () => {
    const conclusion = await runPost(job, post, record);
    return {outcome: conclusion, conclusion, outputs: {}};
  });
}

async function timed(
  job: JobState,
  record: StepRecord,
  id: string,
  done: Done,
  act: () => ReturnType<typeof runStep>,
): Promise<void> {
  const {journal} = job;
  const startedMs = Date.now();
  journal.tell({type: 'step-started', job: job.key, step: record.key, name: record.name});
  const {outcome, conclusion, outputs} = await act();
  const ms = Date.now() - startedMs;
  const {key, name, annotations} = record;
  journal.tell({type: 'step-finished', job: job.key, step: key, name, outcome, conclusion, ms});
  const masked = Object.fromEntries(
    Object.entries(outputs).map(([output, value]) => [output, journal.masker.mask(value)]),
  );
  done(record, {id, name, outcome, conclusion, outputs: masked, ms, annotations});
}

/** Pre stages of all actions that are known before the job starts, those inside composites included; never of `./` ones. */
async function runPreStages(job: JobState, frame: Frame, definition: JobDefinition, done: Done): Promise<void> {
  for (const [index, step] of definition.steps.entries()) {
    const record = newRecord(job.key, `${step.id || `#${index + 1}`}:pre`, `Pre ${nameOf(job, frame, step)}`);
    for (const {run, action} of await withPre(job, frame, step, record)) {
      await timed(job, record, '', done, async () => {
        const conclusion = await runPre(run, action);
        return {outcome: conclusion, conclusion, outputs: {}};
      });
    }
  }
}

async function withPre(
  job: JobState,
  frame: Frame,
  step: StepDefinition,
  record: StepRecord,
): Promise<{run: StepRun; action: ActionDefinition}[]> {
  if (!step.uses || step.uses.startsWith('./')) return [];
  const action = await job.actions.find(step.uses, {root: frame.root, workspace: job.folders.workspace});
  if (action === 'checkout') return [];
  const run: StepRun = {
    job,
    frame,
    definition: step,
    record,
    env: {},
    outputs: {},
    state: {},
    stop: job.cancelled.signal,
    failedByCommand: false,
  };
  if (action.runs.kind === 'node') return action.runs.pre ? [{run, action}] : [];
  const inner = compositeFrame(run, action);
  const nested = await Promise.all(action.runs.steps.map((innerStep) => withPre(job, inner, innerStep, record)));
  return nested.flat();
}

function nameOf(job: JobState, frame: Frame, step: StepDefinition): string {
  try {
    const scope = scopeIn(job, frame);
    if (step.name) return job.journal.masker.mask(resolveText(step.name, scope));
    return step.uses
      ? `Run ${step.uses}`
      : job.journal.masker.mask(`Run ${resolveText(step.run, scope).trim().split('\n')[0]}`);
  } catch {
    return step.uses ?? 'Run';
  }
}

function startTimer(job: JobState, frame: Frame, step: StepDefinition, record: StepRecord): () => void {
  if (!step.timeoutMinutes) return () => {};
  const minutes = Number(quietly(() => resolve(step.timeoutMinutes!, scopeIn(job, frame))));
  if (!(minutes > 0)) return () => {};
  const timer = setTimeout(() => {
    annotate(job.journal, record, {
      level: 'error',
      message: `The action '${record.name}' has timed out after ${minutes} minutes.`,
    });
    record.expired.abort();
  }, minutes * minuteMs(job));
  return () => clearTimeout(timer);
}

/** Cancels the job when its time is over, and kills what is left five minutes after any cancellation. */
function watchJob(job: JobState, definition: JobDefinition): () => void {
  const template = child(definition.body, 'timeout-minutes');
  const scope = {contexts: job.fixed, functions: {}};
  const minutes = Number(
    (template && quietly(() => resolve(template, {...scope, contexts: {...job.fixed, github: job.github}}))) ?? 360,
  );
  const timers: NodeJS.Timeout[] = [];
  const deadline = setTimeout(
    () => {
      job.journal.log(job.key, '', `##[error]The job has exceeded the maximum execution time of ${minutes} minutes`);
      job.cancelled.abort();
    },
    Math.min(minutes * minuteMs(job), 2 ** 31 - 1),
  );
  const onCancel = () => {
    job.status = worst(job.status, 'cancelled');
    timers.push(setTimeout(() => job.killed.abort('cancel took too long'), cancelLimitMinutes * minuteMs(job)));
  };
  job.cancelled.signal.addEventListener('abort', onCancel, {once: true});
  return () => {
    for (const timer of [deadline, ...timers]) clearTimeout(timer);
    job.cancelled.signal.removeEventListener('abort', onCancel);
  };
}

/** Evaluated after the post steps, also of a failed job. Empty ones are absent; one that holds a secret is dropped. */
function outputsOf(job: JobState, frame: Frame, definition: JobDefinition): Record<string, string> {
  const outputs: Record<string, string> = {};
  try {
    for (const [name, value] of Object.entries(resolveTexts(child(definition.body, 'outputs'), scopeIn(job, frame)))) {
      if (job.journal.masker.finds(value))
        job.journal.log(job.key, '', `##[warning]Skip output '${name}' since it may contain secret.`);
      else if (value !== '') outputs[name] = value;
    }
  } catch (error) {
    job.status = worst(job.status, 'failure');
    job.journal.log(job.key, '', `##[error]${error instanceof Error ? error.message : String(error)}`);
  }
  return outputs;
}

/** The `url` of the job's environment; one that holds a secret is dropped. */
function environmentUrl(job: JobState, frame: Frame, template: Template | undefined): string {
  const url = quietly(() => resolveText(template, scopeIn(job, frame))) ?? '';
  return job.journal.masker.finds(url) ? '' : url;
}

function minuteMs(job: JobState): number {
  return job.request.minuteMs ?? 60_000;
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
