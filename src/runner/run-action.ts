import {appendFile} from 'node:fs/promises';
import {formatDuration} from '../kernel/duration.js';
import {Failure, isAbort, messageOf} from '../kernel/errors.js';
import {codeBlock, noCommands, oneLine} from '../kernel/text.js';
import * as runner from './commands.js';
import {inputVariable, parseInputs} from './inputs.js';
import {looksSecret, mask} from './mask.js';
import type {ActionSpec, Inputs} from './spec.js';

/** What a flow returns. A red verdict is a result: outputs and summary are written before the step fails. */
export interface Report<S extends ActionSpec> {
  /** Set only after they are true; undefined ones are left out. */
  readonly outputs: {readonly [K in keyof S['outputs']]?: string | number | boolean | undefined};
  /** Markdown for the job summary, without secrets. */
  readonly summary?: string;
  /** Makes the step fail after outputs and summary were written. */
  readonly failure?: Failure;
}

export interface Annotation {
  readonly level: 'notice' | 'warning' | 'error';
  readonly message: string;
  readonly title?: string;
  readonly file?: string;
  readonly line?: number;
}

/** What a flow may use of the runner. */
export interface Run {
  readonly signal: AbortSignal;
  /** The process environment, read-only by agreement. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** One line in the log. Foreign text must have passed `oneLine` (src/report/text.ts). */
  log(line: string): void;
  debug(line: string): void;
  annotate(annotation: Annotation): void;
  /** Runs `work` inside a folded log group. */
  group<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Hides a value learnt during the run from all later output. */
  mask(value: string): void;
  /** Hides a value found among a platform's variables, when it looks like a secret. */
  maskFound(value: string): void;
  /** Saved for the post step of this very action. */
  saveState(name: string, value: string): void;
  state(name: string): string;
  readonly isPost: boolean;
}

/**
 * The shell of every action: reads and checks inputs, hands them to the flow, writes outputs and summary, and is the
 * only caller of setFailed. It never rejects. SIGINT and SIGTERM abort one signal; the runner kills 10 s after the
 * first of them, so flows must finish their clean-up well within that.
 */
export async function runAction<S extends ActionSpec>(
  spec: S,
  flow: (inputs: Inputs<S>, run: Run) => Promise<Report<S>>,
  post?: (inputs: Inputs<S>, run: Run) => Promise<void>,
): Promise<void> {
  const startedMs = Date.now();
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    runner.info(`${signal} received: stopping in order.`);
    abort.abort(new Failure('CANCELLED', `${spec.name} was cancelled`, {remedy: 'Start it again when you are ready.'}));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const isPost = runner.getState('isPost') === 'true';
  if (!isPost && spec.post) runner.saveState('isPost', 'true');
  const run = makeRun(abort.signal, isPost);
  try {
    const {inputs, secrets} = readInputs(spec);
    secrets.forEach(mask);
    if (isPost) {
      await post?.(inputs, run);
      return;
    }
    const report = await flow(inputs, run);
    await publish(spec, report);
    runner.info(`${spec.name} took ${formatDuration(Date.now() - startedMs)}.`);
    if (report.failure) fail(report.failure, abort.signal);
  } catch (error) {
    // A post step only cleans up: it warns, so that it cannot redden a job whose work was done.
    if (isPost) runner.annotate('warning', `Clean-up of ${spec.name}: ${messageOf(error)}`);
    else {
      if (!(abort.signal.aborted && isAbort(error))) await writeSummary(stopped(spec.name, error));
      fail(error, abort.signal);
    }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function readInputs<S extends ActionSpec>(spec: S): {inputs: Inputs<S>; secrets: string[]} {
  try {
    return parseInputs(spec, (name) => process.env[inputVariable(name)]);
  } catch (error) {
    for (const value of (error as {secrets?: string[]}).secrets ?? []) mask(value);
    throw error;
  }
}

function makeRun(signal: AbortSignal, isPost: boolean): Run {
  return {
    signal,
    env: process.env,
    isPost,
    // Lines are clean already; this is the last place where a forgotten one can be stopped.
    log: (line) => runner.info(noCommands(line)),
    debug: (line) => runner.debug(line),
    group: (title, work) => runner.group(title, work),
    mask,
    maskFound: (value) => {
      if (looksSecret(value)) mask(value);
    },
    saveState: (name, value) => runner.saveState(name, value),
    state: (name) => runner.getState(name),
    annotate: ({level, message, title, file, line}) => runner.annotate(level, message, {title, file, startLine: line}),
  };
}

async function publish<S extends ActionSpec>(spec: S, report: Report<S>): Promise<void> {
  for (const [name, value] of Object.entries(report.outputs)) {
    if (!(name in spec.outputs))
      throw new Error(`bug: ${spec.name} set an output \`${name}\` that its spec does not declare`);
    if (value !== undefined) runner.setOutput(name, String(value));
  }
  const parts = [report.summary, report.failure && nextStep(report.failure)].filter(Boolean);
  if (parts.length) await writeSummary(parts.join('\n\n'));
}

/** What a reader of the summary does now. */
function nextStep({remedy, code}: Failure): string {
  return `**Next:** ${oneLine(remedy, 800).replace(/</g, '&lt;').replace(/@/g, '@\u200b')} \`${code}\``;
}

/** The summary of a step that could not do its work: a reader of the run's page must not have to open the log first. */
function stopped(name: string, error: unknown): string {
  const why = codeBlock(messageOf(error), 6_000);
  const next =
    error instanceof Failure ? nextStep(error) : '**Next:** This is a bug in Switchback; report it with the log. `BUG`';
  return `## ❌ ${name} stopped\n\n${why}\n\n${next}`;
}

/** GitHub drops a summary over 1 MiB whole, so a longer one is cut; and a summary may never fail a step. */
async function writeSummary(markdown: string): Promise<void> {
  const file = process.env['GITHUB_STEP_SUMMARY'];
  if (!file) return;
  const limit = 1_000_000;
  const body =
    Buffer.byteLength(markdown) > limit
      ? `${Buffer.from(markdown).subarray(0, limit).toString()}\n\n(cut: the summary was larger than GitHub shows)\n`
      : markdown;
  try {
    await appendFile(file, `${body}\n`);
  } catch (error) {
    runner.annotate('warning', `The job summary could not be written: ${messageOf(error)}`);
  }
}

function fail(error: unknown, signal: AbortSignal): void {
  if (error instanceof Failure) {
    const cause = error.cause === undefined ? '' : `\nCause: ${messageOf(error.cause)}`;
    runner.setFailed(`${error.message}\nNext: ${error.remedy}${cause}\n[${error.code}]`);
    runner.debug(error.stack ?? '');
  } else if (signal.aborted && isAbort(error)) {
    runner.setFailed('Cancelled.\nNext: Start it again when you are ready.\n[CANCELLED]');
  } else {
    runner.setFailed(
      `Unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nNext: This is a bug in Switchback; please report it with this log.\n[BUG]`,
    );
  }
  if (signal.aborted) process.exitCode = 130;
}
