import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit} from 'yaml';
import type {core} from 'zod';
import {Failure, messageOf, type Problem, refusal} from '../kernel/errors.js';
import {contradictions} from './contradictions.js';
import {type Config, configSchema} from './schema.js';
import {closest} from './suggestion.js';

/** A loaded file: the typed configuration and where each key stands, for annotations. */
export interface LoadedConfig {
  readonly config: Config;
  /** Path as the user gave it. */
  readonly file: string;
  /** Line (from 1) of a key path such as ['checks', 0, 'name']; the nearest known parent when it is not in the file. */
  lineOf(path: ReadonlyArray<string | number>): number;
}

/**
 * Reads and checks a configuration file.
 * @param file path, relative to `root`; must stay inside it.
 * @returns undefined when the file does not exist and `optional` is set.
 * @throws refusal CONFIG with every problem: line, column, value (never of secrets: there are none in it), remedy.
 */
export async function loadConfig(
  file: string,
  options: {readonly root: string; readonly optional?: boolean},
): Promise<LoadedConfig | undefined> {
  let text: string;
  try {
    text = await readFile(resolve(options.root, file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Failure('CONFIG', `${file} cannot be read`, {remedy: "Check the file's permissions.", cause: error});
    if (options.optional) return undefined;
    throw new Failure('CONFIG', `There is no ${file}`, {
      remedy:
        'Write one (see action-docs/configuration.md), check the repository out before this step, or pass `config:` with its path.',
    });
  }
  return parseConfig(text, file);
}

/** Checks the text of a configuration file; see `loadConfig`. */
export function parseConfig(text: string, file: string): LoadedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false, uniqueKeys: true});
  const at = (offset: number) => {
    const {line, col} = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length) {
    throw refusal(
      'CONFIG',
      file,
      document.errors.map((error) => ({
        where: at(error.pos[0]),
        what: error.message.split('\n')[0]!,
        remedy: 'Correct the YAML; indent with two spaces',
      })),
    );
  }
  refuseUnreadable(document, file, at);
  const position = (path: ReadonlyArray<PropertyKey>) => offsetOf(document, path);
  const parsed = configSchema.safeParse(plainValue(document, file, at));
  const problems: Problem[] = parsed.success
    ? contradictions(parsed.data).map((p) => ({
        where: `${at(position(p.path))} ${keyText(p.path)}`,
        what: p.what,
        remedy: p.remedy,
      }))
    : parsed.error.issues.flatMap((issue) => problemsOf(issue, document, (path) => at(position(path))));
  if (problems.length || !parsed.success) throw refusal('CONFIG', file, problems);
  return {config: parsed.data, file, lineOf: (path) => lines.linePos(position(path)).line};
}

/** What parses as YAML and is no configuration yet: nothing at all, or a reference to nothing. */
function refuseUnreadable(document: Document, file: string, at: (offset: number) => string): void {
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw refusal('CONFIG', file, [
      {
        where: `${at(0)} \`(whole file)\``,
        what: 'is empty',
        remedy: 'Start from the example in action-docs/configuration.md, or run `switchback init`',
      },
    ]);
  }
  const problems: Problem[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (!alias.resolve(document))
        problems.push({
          where: at(alias.range?.[0] ?? 0),
          what: `*${alias.source} refers to an anchor that is not there`,
          remedy: 'Correct the YAML: quote the value when the star belongs to it',
        });
    },
  });
  if (problems.length) throw refusal('CONFIG', file, problems);
}

/** The file as plain values. Anchors may repeat a value, but neither hold themselves nor grow without end. */
function plainValue(document: Document, file: string, at: (offset: number) => string): unknown {
  try {
    const value: unknown = document.toJS();
    // Throws for a value that holds itself, which nothing after this could print.
    JSON.stringify(value);
    return value;
  } catch (error) {
    throw refusal('CONFIG', file, [
      {
        where: `${at(0)} \`(whole file)\``,
        what: `cannot be read (${messageOf(error).split('\n')[0]})`,
        remedy: 'Write the values out instead of repeating them by anchors (`&` and `*`)',
      },
    ]);
  }
}

function problemsOf(
  issue: core.$ZodIssue,
  document: Document,
  at: (path: ReadonlyArray<PropertyKey>) => string,
): Problem[] {
  const where = (path: ReadonlyArray<PropertyKey>) => `${at(path)} ${keyText(path)}`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const guess = closest(key, knownKeys(issue.path));
      return {
        where: where([...issue.path, key]),
        what: 'is not a known key',
        remedy: guess ? `Did you mean \`${guess}\`?` : 'Remove it, or see action-docs/configuration.md for the keys',
      };
    });
  }
  const value = valueAt(document, issue.path);
  const shown = value === undefined ? '' : `${quoted(value, issue.path)} `;
  if (value === undefined)
    return [
      {where: where(issue.path), what: 'is missing', remedy: 'Add it; action-docs/configuration.md describes it'},
    ];
  if (issue.code === 'invalid_value') {
    const guess = typeof value === 'string' ? closest(value, issue.values.map(String)) : undefined;
    return [
      {
        where: where(issue.path),
        what: `${shown}is not allowed`,
        remedy: `${guess ? `Did you mean ${guess}? ` : ''}Choose ${issue.values.map(String).join(', ')}${issue.values.length === 1 ? ', the only value there is' : ''}`,
      },
    ];
  }
  if (issue.code === 'invalid_type')
    return [
      {where: where(issue.path), what: `${shown}has the wrong type`, remedy: `Write ${typeWord(issue.expected)}`},
    ];
  if (issue.code === 'too_small' || issue.code === 'too_big')
    return [{where: where(issue.path), what: `${shown}${boundWords(issue)}`, remedy: boundRemedy(issue)}];
  const message =
    issue.message.startsWith('is ') || issue.message.startsWith('must ') || issue.message.startsWith('may ')
      ? issue.message
      : `is refused (${issue.message})`;
  const [what, remedy] = message.split('; ');
  return [
    {
      where: where(issue.path),
      what: `${shown}${what}`,
      remedy: remedy
        ? remedy[0]!.toUpperCase() + remedy.slice(1)
        : 'Correct the value; action-docs/configuration.md describes the key',
    },
  ];
}

/** A value as it may be shown: nobody who wrote a secret into the file finds it again in a public log. */
function quoted(value: unknown, path: ReadonlyArray<PropertyKey>): string {
  const key = String(path.findLast((part) => typeof part === 'string') ?? '');
  const text = JSON.stringify(value) ?? String(value);
  if (/(^|-)env$|secret|token|password/.test(key) || /:\/\/[^\s/"]*:[^\s/"]*@/.test(text))
    return 'the value (not shown)';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

type Bound = core.$ZodIssueTooSmall | core.$ZodIssueTooBig;

function boundWords(issue: Bound): string {
  if (issue.origin === 'array') return issue.code === 'too_small' ? 'has too few entries' : 'has too many entries';
  if (issue.origin === 'string') return issue.code === 'too_small' ? 'is too short' : 'is too long';
  return issue.code === 'too_small' ? 'is too small' : 'is too large';
}

function boundRemedy(issue: Bound): string {
  const unit = {array: ' entries', string: ' characters'}[issue.origin as string] ?? '';
  if (issue.code === 'too_small') {
    if (unit && issue.minimum === 1)
      return issue.origin === 'array' ? 'Name at least one' : 'Write something here, or leave the key out';
    return `Choose ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit}`;
  }
  return `Choose ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unit}`;
}

function typeWord(expected: string): string {
  return (
    (
      {
        string: 'text',
        number: 'a number',
        int: 'a whole number',
        boolean: 'true or false',
        array: 'a list (lines starting with "- ")',
        object: 'nested keys',
        record: 'nested keys',
      } as Record<string, string>
    )[expected] ?? expected
  );
}

function keyText(path: ReadonlyArray<PropertyKey>): string {
  return `\`${path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index ? '.' : ''}${String(part)}`)).join('') || '(whole file)'}\``;
}

/** Keys that the schema knows at a path, read from the schema itself so that suggestions never go stale. */
function knownKeys(path: ReadonlyArray<PropertyKey>): string[] {
  let schema: any = configSchema;
  for (const part of path) {
    while (schema?._zod?.def?.innerType) schema = schema._zod.def.innerType;
    schema = typeof part === 'number' ? schema?._zod?.def?.element : schema?._zod?.def?.shape?.[part as string];
  }
  while (schema?._zod?.def?.innerType) schema = schema._zod.def.innerType;
  return Object.keys(schema?._zod?.def?.shape ?? {});
}

function valueAt(document: Document, path: ReadonlyArray<PropertyKey>): unknown {
  let value: unknown = document.toJS();
  for (const part of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
  return value;
}

/** Offset of the deepest node on the path that exists; of its key when it is a map's value. */
function offsetOf(document: Document, path: ReadonlyArray<PropertyKey>): number {
  let node: Node | null = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node) && typeof part === 'number') {
      node = (node.items[part] as Node | undefined) ?? null;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
