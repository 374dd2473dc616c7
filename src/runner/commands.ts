import {randomUUID} from 'node:crypto';
import {appendFileSync, existsSync} from 'node:fs';
import {EOL} from 'node:os';

/**
 * The few sentences an action says to the runner: lines on standard output and files that the runner names.
 * Every character is what `@actions/core` would write (a test holds both side by side); that package also carries an
 * HTTP client, which no action needs before its first line.
 */

export interface AnnotationPlace {
  readonly title?: string | undefined;
  readonly file?: string | undefined;
  readonly startLine?: number | undefined;
}

/** One plain line in the log. */
export function info(message: string): void {
  process.stdout.write(message + EOL);
}

export function debug(message: string): void {
  issue('debug', message);
}

/** Hides a value in everything the runner shows from now on. */
export function setSecret(value: string): void {
  issue('add-mask', value);
}

export function annotate(level: 'notice' | 'warning' | 'error', message: string, place: AnnotationPlace = {}): void {
  issue(level, message, {title: place.title, file: place.file, line: place.startLine});
}

/** Shows the error and makes the process end with 1, once it has ended by itself. */
export function setFailed(message: string): void {
  process.exitCode = 1;
  annotate('error', message);
}

/** Folds what `work` logs under a title. */
export async function group<T>(title: string, work: () => Promise<T>): Promise<T> {
  issue('group', title);
  try {
    return await work();
  } finally {
    issue('endgroup');
  }
}

export function setOutput(name: string, value: string): void {
  if (toFile('GITHUB_OUTPUT', name, value)) return;
  process.stdout.write(EOL);
  issue('set-output', value, {name});
}

/** Keeps a value for the post step of the same action. */
export function saveState(name: string, value: string): void {
  if (!toFile('GITHUB_STATE', name, value)) issue('save-state', value, {name});
}

/** What the main step saved; empty when it saved nothing under that name. */
export function getState(name: string): string {
  return process.env[`STATE_${name}`] ?? '';
}

/** @returns false when the runner named no file: it then reads the line form. */
function toFile(variable: string, name: string, value: string): boolean {
  const file = process.env[variable];
  if (!file) return false;
  if (!existsSync(file)) throw new Error(`Missing file at path: ${file}`);
  // Unguessable, so that no value can close its own block and speak to the runner.
  const delimiter = `ghadelimiter_${randomUUID()}`;
  appendFileSync(file, `${name}<<${delimiter}${EOL}${value}${EOL}${delimiter}${EOL}`, 'utf8');
  return true;
}

function issue(
  command: string,
  message = '',
  properties: Readonly<Record<string, string | number | undefined>> = {},
): void {
  const said = Object.entries(properties)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
    .join(',');
  process.stdout.write(`::${command}${said && ` ${said}`}::${escapeData(message)}${EOL}`);
}

function escapeData(text: string): string {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
}
