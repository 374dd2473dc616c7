import {type Command, commandNames, parseCommand} from './command.js';
import type {Annotation, Level} from './contract.js';
import type {StepRun} from './job-state.js';
import {annotate} from './journal.js';

/** Reads what a process of a step prints: commands take effect, everything else goes to the log. */
export function openConsole(run: StepRun): (line: string) => void {
  const {journal} = run.job;
  const print = (line: string) => journal.log(run.record.job, run.record.key, line);
  let stopToken: string | undefined;
  let echo = false;
  return (line) => {
    run.job.request.onRaw?.({job: run.record.job, place: 'log', text: line});
    const command = parseCommand(line, stopToken);
    if (stopToken !== undefined) {
      if (command?.name === stopToken) stopToken = undefined;
      else print(line);
      return;
    }
    if (!command) return print(line);
    if (command.name === 'stop-commands') {
      stopToken = acceptToken(run, command.data);
      return print(line);
    }
    if (command.name === 'echo') echo = command.data.toLowerCase() === 'on';
    else obey(run, command, print);
    // A mask is never echoed: the line holds the secret, and only now is it known as one.
    if (echo && command.name !== 'add-mask') print(line);
  };
}

function acceptToken(run: StepRun, token: string): string | undefined {
  const name = token.toLowerCase();
  if (name && !commandNames.has(name) && name !== 'pause-logging') return name;
  fail(run, `Invalid stop token '${token}'`);
  return undefined;
}

function obey(run: StepRun, command: Command, print: (line: string) => void): void {
  const {name, properties, data} = command;
  if (name === 'add-mask') addMask(run, data);
  else if (name === 'error' || name === 'warning' || name === 'notice')
    annotate(run.job.journal, run.record, annotationOf(name, command));
  else if (name === 'set-output') setOutput(run, properties.name ?? '', data);
  else if (name === 'save-state') run.state[properties.name ?? ''] = data;
  else if (name === 'set-env') fail(run, 'The `set-env` command is disabled. Write to the file GITHUB_ENV instead.');
  else if (name === 'add-path') fail(run, 'The `add-path` command is disabled. Write to the file GITHUB_PATH instead.');
  else if (name === 'group') print(`##[group]${data}`);
  else if (name === 'endgroup') print('##[endgroup]');
  // debug is shown in debug runs only; matchers change nothing but the display.
}

function addMask(run: StepRun, secret: string): void {
  if (secret.trim()) run.job.journal.masker.add(secret);
  else
    annotate(run.job.journal, run.record, {
      level: 'warning',
      message: "Can't add secret mask for empty string in ##[add-mask] command.",
    });
}

/** Sets an output of a step and tells it. */
export function setOutput(run: StepRun, name: string, value: string): void {
  if (!name) {
    fail(run, "Required field 'name' is missing in ##[set-output] command.");
    return;
  }
  run.outputs[name] = value;
  const {journal} = run.job;
  journal.tell({type: 'output', job: run.record.job, step: run.record.key, name, value: journal.masker.mask(value)});
}

function fail(run: StepRun, message: string): void {
  run.failedByCommand = true;
  annotate(run.job.journal, run.record, {level: 'error', message});
}

function annotationOf(level: Level, command: Command): Annotation {
  const {title, file, line} = command.properties;
  return {level, message: command.data, ...(title && {title}), ...(file && {file}), ...(line && {line})};
}
