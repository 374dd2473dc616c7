import type {ActionSpec} from '../runner/spec.js';
import {type CommandEntry, commands} from './commands.js';
import {exitCodeMeanings, exitCodes} from './exit-codes.js';
import {secretsOf} from './flags.js';
import {buildCommand} from './program.js';

/** The terminal's commands, flags and exit codes as Markdown, from the same declarations that the commands run by. */

const escaped = (text: string) => text.replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\s+/g, ' ').trim();

export function renderExitCodes(): string {
  const rows = Object.entries(exitCodeMeanings).map(
    ([name, [, full]]) => `| ${exitCodes[name as keyof typeof exitCodes]} | ${full} |`,
  );
  return ['| exit code | meaning |', '|---|---|', ...rows].join('\n');
}

export function renderCommandTable(): string {
  const rows = commands.map(({name, about}) => `| [\`${name}\`](commands.md#${name}) | ${escaped(about)} |`);
  return ['| command | what it does |', '|---|---|', ...rows].join('\n');
}

/** @param specOf the spec of a command's action, by the action's name. */
export async function renderCommands(specOf: (action: string) => Promise<ActionSpec>): Promise<string> {
  const parts = await Promise.all(
    commands.map(async (entry) => section(entry, entry.action ? await specOf(entry.action) : undefined)),
  );
  return parts.join('\n\n');
}

function section(entry: CommandEntry, spec: ActionSpec | undefined): string {
  const command = buildCommand(entry, spec);
  const flags = command.options
    .filter(({hidden}) => !hidden)
    .map(({flags: text, description}) => `| \`${text.replace(/\|/g, '\\|')}\` | ${escaped(description)} |`);
  const secrets = spec ? secretsOf(spec).map(([variable, doc]) => `| \`${variable}\` | ${escaped(doc)} |`) : [];
  return [
    `## ${entry.name}`,
    '',
    `${entry.about[0]!.toUpperCase()}${escaped(entry.about.slice(1))}.${entry.action ? ` The same as the action [${entry.action}](${entry.action}.md).` : ''}`,
    '',
    '```sh',
    ...entry.examples,
    '```',
    ...(flags.length ? ['', '| flag | meaning |', '|---|---|', ...flags] : []),
    ...(secrets.length ? ['', '| secret | meaning |', '|---|---|', ...secrets] : []),
  ].join('\n');
}
