/** A workflow command printed by a step: `::name key=value,key=value::data`, or the older `##[name key=value;]data`. */
export interface Command {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

export const commandNames: ReadonlySet<string> = new Set([
  'add-mask',
  'debug',
  'notice',
  'warning',
  'error',
  'group',
  'endgroup',
  'echo',
  'add-matcher',
  'remove-matcher',
  'stop-commands',
  'set-output',
  'save-state',
  'set-env',
  'add-path',
]); // prettier-ignore

/** The command of a line; undefined when it is ordinary text. `also` is the token that ends stop-commands. */
export function parseCommand(line: string, also?: string): Command | undefined {
  const command = parseDoubleColon(line) ?? parseLegacy(line);
  return command && (commandNames.has(command.name) || command.name === also) ? command : undefined;
}

function parseDoubleColon(line: string): Command | undefined {
  const text = line.trimStart();
  if (!text.startsWith('::')) return undefined;
  const end = text.indexOf('::', 2);
  if (end < 0) return undefined;
  return build(text.slice(2, end), ',', text.slice(end + 2), unescapeProperty, unescapeData);
}

function parseLegacy(line: string): Command | undefined {
  const start = line.indexOf('##[');
  const end = start < 0 ? -1 : line.indexOf(']', start);
  if (end < 0) return undefined;
  return build(line.slice(start + 3, end), ';', line.slice(end + 1), unescapeLegacy, unescapeLegacy);
}

function build(
  head: string,
  separator: string,
  data: string,
  unescapeValue: (text: string) => string,
  unescapeText: (text: string) => string,
): Command {
  const space = head.indexOf(' ');
  const name = (space < 0 ? head : head.slice(0, space)).toLowerCase();
  const pairs =
    space < 0
      ? []
      : head
          .slice(space + 1)
          .split(separator)
          .map((pair) => pair.trim())
          .filter(Boolean);
  const properties: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals > 0) properties[pair.slice(0, equals)] = unescapeValue(pair.slice(equals + 1));
  }
  return {name, properties, data: unescapeText(data)};
}

function unescapeData(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

function unescapeProperty(text: string): string {
  return text
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%25', '%');
}

function unescapeLegacy(text: string): string {
  return text
    .replaceAll('%3B', ';')
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%5D', ']')
    .replaceAll('%25', '%');
}
