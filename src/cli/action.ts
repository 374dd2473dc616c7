import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {formatDuration} from '../kernel/duration.js';
import {Failure, type Problem, refusal} from '../kernel/errors.js';
import {parseInputs} from '../runner/inputs.js';
import {formsOf, looksSecret} from '../runner/mask.js';
import type {Report, Run} from '../runner/run-action.js';
import type {ActionSpec} from '../runner/spec.js';
import type {Console} from './console.js';
import {type Environment, secretVariable} from './environment.js';
import {plainText} from './plain-text.js';

/** What the folder of an action exports. */
interface ActionModule {
  readonly run: (inputs: never, run: Run) => Promise<Report<ActionSpec>>;
  readonly cleanUp?: (inputs: never, run: Run) => Promise<void>;
}

const folder = fileURLToPath(new URL('../../actions/', import.meta.url));

/** The spec of an action; loaded by its name, so that each command loads its own action only. */
export async function loadSpec(action: string): Promise<ActionSpec> {
  const {spec} = (await import(new URL(`../../actions/${action}/spec.js`, import.meta.url).href)) as {spec: ActionSpec};
  return spec;
}

export function hasAction(action: string): boolean {
  return existsSync(join(folder, action, 'run.js'));
}

/** How a command's action ended. A red verdict is a result: its outputs are there beside the failure. */
export interface Ended {
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary?: string;
  readonly failure?: Failure;
}

export interface Terminal {
  readonly console: Console;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/**
 * Runs an action's own flow from the terminal: the same spec, the same code, and a `Run` that speaks to a person.
 * @param given text of an input that is not secret, as a workflow would write it.
 * @throws Failure INPUT naming flags and environment variables instead of inputs; any Failure of the flow.
 */
export async function runOnTerminal(
  action: string,
  given: (name: string) => string | undefined,
  terminal: Terminal,
): Promise<Ended> {
  const {spec, inputs} = await openInputs(action, given, terminal);
  const {run, cleanUp} = (await import(
    new URL(`../../actions/${action}/run.js`, import.meta.url).href
  )) as ActionModule;
  const state = new Map<string, string>();
  const startedMs = Date.now();
  try {
    const report = await run(inputs as never, makeRun(terminal, terminal.signal, state, false));
    terminal.console.line(`${spec.name} took ${formatDuration(Date.now() - startedMs)}.`);
    return ended(report);
  } finally {
    // The runner's post step, which ends what a stopped step had begun. It decides by itself whether there is anything.
    await cleanUp?.(inputs as never, makeRun(terminal, new AbortController().signal, state, true)).catch(
      (error: unknown) =>
        terminal.console.alert(
          'warning',
          `Clean-up of ${spec.name}: ${error instanceof Error ? error.message : String(error)}`,
        ),
    );
  }
}

/** Reads an action's inputs from flags and environment, and hides the secret ones. @throws as `runOnTerminal`. */
export async function openInputs(
  action: string,
  given: (name: string) => string | undefined,
  terminal: Terminal,
): Promise<{spec: ActionSpec; inputs: unknown; run: Run}> {
  const spec = await loadSpec(action);
  const {inputs, secrets} = readInputs(spec, given, terminal.env);
  for (const secret of secrets) hide(terminal.console, secret);
  return {spec, inputs, run: makeRun(terminal, terminal.signal, new Map(), false)};
}

function ended(report: Report<ActionSpec>): Ended {
  const outputs = Object.entries(report.outputs).filter((entry) => entry[1] !== undefined);
  return {
    outputs: Object.fromEntries(outputs.map(([name, value]) => [name, String(value)])),
    ...(report.summary && {summary: plainText(report.summary)}),
    ...(report.failure && {failure: report.failure}),
  };
}

function readInputs(spec: ActionSpec, given: (name: string) => string | undefined, env: Environment) {
  const read = (name: string) => {
    if (spec.inputs[name]?.secret) return env[secretVariable(name)];
    return given(name) ?? (name === 'commit' ? env['GITHUB_SHA'] : undefined);
  };
  try {
    return parseInputs(spec, read);
  } catch (error) {
    throw inTerminalWords(error, spec);
  }
}

/** Refused inputs, in the words of whoever typed the command. */
export function inTerminalWords(error: unknown, spec: ActionSpec): unknown {
  if (!(error instanceof Failure) || error.code !== 'INPUT') return error;
  const problems = error.details['problems'] as readonly Problem[] | undefined;
  if (!problems) return error;
  const translated = problems.map((problem) => translate(problem, spec));
  return refusal('INPUT', `The flags of ${spec.name} were`, translated);
}

function translate(problem: Problem, spec: ActionSpec): Problem {
  const name = /^input `([^`]+)`$/.exec(problem.where)?.[1];
  const field = name === undefined ? undefined : spec.inputs[name];
  if (name === undefined || !field) return problem;
  if (field.secret) {
    const variable = secretVariable(name);
    return {
      where: `environment variable ${variable}`,
      what: problem.what,
      remedy: `Set ${variable}, or give a file that holds it by --env-file`,
    };
  }
  const remedy =
    problem.what === 'is missing' ? `Add --${name}${field.example ? ` ${field.example}` : ''}` : problem.remedy;
  return {where: `flag --${name}`, what: problem.what, remedy};
}

function hide(console: Console, secret: string): void {
  for (const form of formsOf(secret)) console.hide(form);
}

function makeRun({console, env}: Terminal, signal: AbortSignal, state: Map<string, string>, isPost: boolean): Run {
  return {
    signal,
    env,
    isPost,
    log: (line) => console.line(line),
    debug: (line) => {
      if (env['SWITCHBACK_DEBUG']) console.line(line);
    },
    annotate: ({level, message, title, file, line}) =>
      console.alert(
        level,
        `${level}: ${title ? `${title}: ` : ''}${message}${file ? ` (${file}${line ? `:${line}` : ''})` : ''}`,
      ),
    group: (title, work) => console.during(title, work),
    mask: (value) => hide(console, value),
    maskFound: (value) => {
      if (looksSecret(value)) hide(console, value);
    },
    saveState: (name, value) => state.set(name, value),
    state: (name) => state.get(name) ?? '',
  };
}
