import {type Command, Option} from 'commander';
import type {ActionSpec, Field} from '../runner/spec.js';
import {secretVariable} from './environment.js';

type Fields = Readonly<Record<string, Field<unknown>>>;

/** Flags that every command has. */
export interface TerminalFlags {
  readonly json?: boolean;
  readonly envFile?: string;
  readonly ledger?: string;
}

export function addTerminalFlags(command: Command): Command {
  return command
    .option('--env-file <path>', 'file with lines such as VERCEL_TOKEN=…; the environment itself wins')
    .option('--ledger <store>', 'github, file, or file:PATH; default: `ledger.store` of the configuration')
    .option('--json', 'print one JSON object on stdout, and progress on stderr');
}

/** One flag for each input that is not secret, in the order of the spec. */
export function addInputFlags(command: Command, fields: Fields, without: readonly string[] = []): Command {
  for (const [name, field] of Object.entries(fields)) {
    if (field.secret || without.includes(name)) continue;
    command.addOption(optionOf(name, field));
    if (field.kind === 'flag' && field.default === 'true')
      command.addOption(new Option(`--no-${name}`, `same as --${name} false`));
  }
  return command;
}

function optionOf(name: string, field: Field<unknown>): Option {
  const value = field.kind === 'flag' ? '[true|false]' : `<${valueWord(field)}>`;
  const notes = [
    ...(field.options ? [`one of ${field.options.join(', ')}`] : []),
    ...(field.default !== undefined ? [`default: ${field.default}`] : []),
    ...(field.example !== undefined ? [`such as ${field.example.split('\n')[0]}`] : []),
  ];
  return new Option(`--${name} ${value}`, `${field.doc}${notes.length ? ` (${notes.join('; ')})` : ''}`);
}

function valueWord(field: Field<unknown>): string {
  const words: Record<string, string> = {
    choice: 'word',
    list: 'words',
    integer: 'number',
    percent: 'share',
    json: 'json',
  };
  return words[field.kind] ?? field.kind;
}

/** The secrets a command reads, for its help: variable and meaning. */
export function secretsOf(spec: ActionSpec): ReadonlyArray<readonly [variable: string, doc: string]> {
  return Object.entries(spec.inputs)
    .filter(([, field]) => field.secret)
    .map(([name, field]) => [secretVariable(name), field.doc] as const);
}

/** What was given by flag, as the text a workflow would have passed; undefined when the flag was left out. */
export function givenText(command: Command, name: string): string | undefined {
  const option = command.options.find((candidate) => candidate.long === `--${name}`);
  const value: unknown = option && command.getOptionValue(option.attributeName());
  if (value === undefined || command.getOptionValueSource(option!.attributeName()) === 'default') return undefined;
  return String(value);
}
