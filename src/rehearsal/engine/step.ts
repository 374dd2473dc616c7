import {messageOf} from '../../kernel/errors.js';
import {checkOut, forgetCredentials} from './checkout.js';
import type {Conclusion} from './contract.js';
import type {ActionDefinition, StepDefinition} from './definition.js';
import {holds} from './expressions.js';
import {type Frame, type JobState, type Post, placeOf, type StepRun, scopeIn, worst} from './job-state.js';
import {annotate, type StepRecord} from './journal.js';
import {inputsFor, ownContext, runNode, warnAboutInputs} from './node-step.js';
import {runScript} from './script-step.js';
import {setOutput} from './step-console.js';
import {resolve, resolveText, resolveTexts, type Template} from './template.js';

/** Composite actions inside composite actions, the outermost counted. */
export const nestingLimit = 10;

export interface StepEnd {
  readonly outcome: Conclusion;
  readonly conclusion: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Runs one step of a job or of a composite action, and notes its end in the frame. Never rejects. */
export async function runStep(
  job: JobState,
  frame: Frame,
  definition: StepDefinition,
  record: StepRecord,
): Promise<StepEnd> {
  const stop = new AbortController();
  const run: StepRun = {
    job,
    frame,
    definition,
    record,
    env: {},
    outputs: {},
    state: job.begun.get(placeOf(frame, definition)) ?? {},
    stop: stop.signal,
    failedByCommand: false,
  };
  const outcome = await runGuarded(
    run,
    stop,
    () => holds(definition.condition, scopeIn(job, frame, run.env)),
    () => perform(run),
  );
  const conclusion = outcome === 'failure' && toleratesFailure(run) ? 'success' : outcome;
  if (definition.id) frame.steps[definition.id] = {outputs: run.outputs, outcome, conclusion};
  merge(job, frame, conclusion);
  return {outcome, conclusion, outputs: run.outputs};
}

/** Runs a post step. Its condition and inputs are evaluated now; the status it sees is the job's. */
export async function runPost(job: JobState, post: Post, record: StepRecord): Promise<Conclusion> {
  const stop = new AbortController();
  const frame: Frame = {...post.run.frame, kind: 'job'};
  const run: StepRun = {...post.run, frame, record, stop: stop.signal, outputs: {}, failedByCommand: false};
  const condition = () => holds(post.condition, scopeIn(job, frame, run.env));
  const conclusion = await runGuarded(run, stop, condition, () => post.act(run));
  merge(job, frame, conclusion);
  return conclusion;
}

/** Runs the pre stage of an action; the job's steps have not started yet. Its post step is registered here. */
export async function runPre(run: StepRun, action: ActionDefinition): Promise<Conclusion> {
  const {job, frame, definition} = run;
  if (action.runs.kind !== 'node') return 'skipped';
  const {preIf, post, postIf} = action.runs;
  const stop = new AbortController();
  const conclusion = await runGuarded(
    {...run, stop: stop.signal},
    stop,
    () => holds(preIf, scopeIn(job, frame, run.env)),
    async () => {
      job.begun.set(placeOf(frame, definition), run.state);
      if (post) job.posts.push(postOf(run, postIf, (later) => runNode(later, action, 'post')));
      return runNode(run, action, 'pre');
    },
  );
  merge(job, frame, conclusion);
  return conclusion;
}

/** The frame in which the steps of a composite action run. */
export function compositeFrame(run: StepRun, action: ActionDefinition): Frame {
  const {frame, definition} = run;
  return {
    kind: 'composite',
    steps: {},
    inputs: inputsFor(run, action),
    root: action.root,
    env: {...frame.env, ...run.env},
    github: ownContext(run, action),
    status: 'success',
    depth: frame.depth + 1,
    path: placeOf(frame, definition),
  };
}

/**
 * Evaluates env and condition, then performs. A cancellation evaluates the condition again: what still holds goes on
 * undisturbed, anything else is stopped.
 */
async function runGuarded(
  run: StepRun,
  stop: AbortController,
  condition: () => boolean,
  act: () => Promise<Conclusion>,
): Promise<Conclusion> {
  const {job, record} = run;
  const end = () => stop.abort();
  const reconsider = () => {
    if (!quietly(condition)) end();
  };
  record.expired.signal.addEventListener('abort', end, {once: true});
  try {
    return await guarded(run, async () => {
      run.env = resolveTexts(run.definition.env, scopeIn(job, run.frame));
      if (job.killed.signal.aborted || record.expired.signal.aborted || !condition()) return 'skipped';
      if (!job.cancelled.signal.aborted) job.cancelled.signal.addEventListener('abort', reconsider, {once: true});
      return await act();
    });
  } finally {
    record.expired.signal.removeEventListener('abort', end);
    job.cancelled.signal.removeEventListener('abort', reconsider);
  }
}

/** What goes wrong while a step is prepared is the step's failure, not the engine's. */
async function guarded(run: StepRun, act: () => Promise<Conclusion>): Promise<Conclusion> {
  try {
    return await act();
  } catch (error) {
    annotate(run.job.journal, run.record, {level: 'error', message: messageOf(error)});
    return 'failure';
  }
}

async function perform(run: StepRun): Promise<Conclusion> {
  const {job, frame, definition} = run;
  if (definition.run) return runScript(run);
  const action = await job.actions.find(definition.uses ?? '', {root: frame.root, workspace: job.folders.workspace});
  if (action === 'checkout') return performCheckout(run);
  if (action.runs.kind === 'composite') return runComposite(run, action);
  if (definition.uses?.startsWith('./') && action.runs.pre)
    annotate(job.journal, run.record, {
      level: 'warning',
      message: `\`pre\` execution is not supported for local action from '${definition.uses}'`,
    });
  // Registered before main starts: it runs even if main fails or is killed by a signal.
  const begun = job.begun.has(placeOf(frame, definition));
  if (action.runs.post && !begun)
    job.posts.push(postOf(run, action.runs.postIf, (later) => runNode(later, action, 'post')));
  warnAboutInputs(run, action);
  return runNode(run, action, 'main');
}

async function performCheckout(run: StepRun): Promise<Conclusion> {
  run.job.posts.push(postOf(run, 'always()', forgetCredentials));
  return checkOut(run);
}

async function runComposite(run: StepRun, action: ActionDefinition): Promise<Conclusion> {
  const {job, frame} = run;
  if (action.runs.kind !== 'composite') return 'failure';
  if (frame.depth >= nestingLimit) throw new Error(`Composite actions are nested more than ${nestingLimit} deep`);
  warnAboutInputs(run, action);
  const inner = compositeFrame(run, action);
  for (const step of action.runs.steps) await runStep(job, inner, step, run.record);
  takeOutputs(run, inner, action.outputs);
  return run.record.expired.signal.aborted ? 'failure' : inner.status;
}

/** Outputs of a composite are evaluated even when it failed. */
function takeOutputs(run: StepRun, inner: Frame, outputs: ReadonlyMap<string, Template | undefined>): void {
  const scope = scopeIn(run.job, inner);
  for (const [name, value] of outputs) if (value) setOutput(run, name, resolveText(value, scope));
}

function postOf(run: StepRun, condition: string, act: Post['act']): Post {
  return {name: `Post ${run.record.name}`, condition, run, act};
}

function toleratesFailure(run: StepRun): boolean {
  const template = run.definition.continueOnError;
  return template !== undefined && quietly(() => resolve(template, scopeIn(run.job, run.frame, run.env)) === true);
}

function merge(job: JobState, frame: Frame, conclusion: Conclusion): void {
  if (frame.kind === 'composite') frame.status = worst(frame.status, conclusion);
  else job.status = worst(job.status, conclusion);
}

function quietly(condition: () => boolean): boolean {
  try {
    return condition();
  } catch {
    return false;
  }
}
