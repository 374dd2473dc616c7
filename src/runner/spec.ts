import {parseEnv} from 'node:util';
import {parseBytes} from '../kernel/bytes.js';
import {parseDuration} from '../kernel/duration.js';

/**
 * The declaration of an action: the only place where its inputs and outputs are written down. `action.yml` and the
 * tables in `action-docs/` are generated from it, and the terminal command reads its flags from it.
 */

export interface Field<T> {
  readonly kind: string;
  /** One or two sentences for the user of the action. */
  readonly doc: string;
  /** Default as text, the way a workflow would write it; undefined means "not given". */
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** Default that only GitHub can fill in, such as `${{ github.token }}`; goes into action.yml, never into the value. */
  readonly expression?: string;
  /** Allowed values, for a choice. */
  readonly options?: readonly string[];
  readonly example?: string;
  /** Turns text into the value, or says why not. The text is trimmed and not empty. */
  readonly parse: (text: string) => {readonly value: T} | {readonly wrong: string; readonly remedy: string};
  /** The single secrets in a value that holds several; each is masked beside the whole. */
  secretsIn?(value: T): readonly string[];
}

interface Common {
  readonly doc: string;
  readonly default?: string;
  readonly required?: boolean;
  readonly expression?: string;
  readonly example?: string;
}

type Required<C> = C extends {required: true} | {default: string} ? true : false;
type Out<C, T> = Field<Required<C> extends true ? T : T | undefined>;

function field<C extends Common, T>(
  kind: string,
  common: C,
  parse: Field<T>['parse'],
  extra: Partial<Field<T>> = {},
): Out<C, T> {
  return {
    kind,
    doc: common.doc,
    ...(common.default === undefined ? {} : {default: common.default}),
    ...(common.example === undefined ? {} : {example: common.example}),
    ...(common.expression === undefined ? {} : {expression: common.expression}),
    required: common.required ?? false,
    secret: false,
    parse,
    ...extra,
  } as unknown as Out<C, T>;
}

export const text = <const C extends Common>(common: C & {readonly pattern?: RegExp; readonly shape?: string}) =>
  field<C, string>('text', common, (value) =>
    common.pattern && !common.pattern.test(value)
      ? {
          wrong: `does not look like ${common.shape ?? String(common.pattern)}`,
          remedy: `Give ${common.shape ?? `text matching ${common.pattern}`}`,
        }
      : {value},
  );

/** A value that must never be printed. It is masked before anything else happens and never quoted in a message. */
export const secret = <const C extends Common>(common: C) =>
  field<C, string>('secret', common, (value) => ({value}), {secret: true});

/**
 * Several secrets in one, a `NAME=value` a line as in an env file: a called workflow can only be handed secrets that it
 * names, and cannot know which ones the checks of a product need.
 */
export const secretLines = <const C extends Common>(common: C) =>
  field<C, Readonly<Record<string, string>>>('secrets', common, parseSecretLines, {
    secret: true,
    secretsIn: (value) => Object.values(value),
  });

function parseSecretLines(
  given: string,
): {readonly value: Record<string, string>} | {readonly wrong: string; readonly remedy: string} {
  const remedy = 'Write one NAME=value a line; a value with line breaks stands in double quotes';
  // Quoted values may span lines; they are taken out, so that every line left must begin a variable or say nothing.
  const lines = given.replace(
    /=[ \t]*(["'`])[\s\S]*?\1/g,
    (quoted) => `=${'\n'.repeat(quoted.split('\n').length - 1)}`,
  );
  const odd = lines.split('\n').findIndex((line) => !/^\s*(#.*|(export\s+)?[A-Za-z_]\w*\s*=.*)?$/.test(line));
  if (odd !== -1) return {wrong: `has a line ${odd + 1} that is not NAME=value`, remedy};
  const value = Object.fromEntries(Object.entries(parseEnv(given)).map(([name, text]) => [name, text ?? '']));
  const short = Object.keys(value).filter((name) => value[name]!.length < 4);
  if (short.length)
    return {wrong: `holds ${short.join(', ')} with less than four characters, so it cannot be a real secret`, remedy};
  return {value};
}

export const url = <const C extends Common>(common: C) =>
  field<C, string>('url', common, (value) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (!parsed || !/^https?:$/.test(parsed.protocol))
      return {wrong: 'is not an http or https URL', remedy: 'Write it with its scheme, such as https://example.com'};
    if (parsed.username || parsed.password)
      return {wrong: 'carries a user name or password', remedy: 'Give credentials in their own secret input'};
    return {value: value.replace(/\/+$/, '')};
  });

export const integer = <const C extends Common>(common: C & {readonly min?: number; readonly max?: number}) =>
  field<C, number>('integer', common, (value) => {
    const number = Number(value);
    const min = common.min ?? Number.MIN_SAFE_INTEGER;
    const max = common.max ?? Number.MAX_SAFE_INTEGER;
    if (!/^-?\d+$/.test(value)) return {wrong: 'is not a whole number', remedy: 'Write digits only'};
    if (number < min || number > max)
      return {wrong: `is outside ${min} to ${max}`, remedy: `Choose a number from ${min} to ${max}`};
    return {value: number};
  });

/** `1%` or `0.5 %`, as a share from 0 to 1. */
export const percent = <const C extends Common>(common: C) =>
  field<C, number>('percent', common, (value) => {
    const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(value);
    const share = match ? Number(match[1]) / 100 : Number.NaN;
    return share >= 0 && share <= 1
      ? {value: share}
      : {wrong: 'is not a percentage from 0% to 100%', remedy: 'Write it like 1% or 0.5%'};
  });

/** `10s`, `2m`, `1h30m`, in milliseconds. */
export const duration = <const C extends Common>(common: C & {readonly minMs?: number; readonly maxMs?: number}) =>
  field<C, number>('duration', common, (value) => {
    const ms = parseDuration(value);
    if (ms === undefined)
      return {wrong: 'is not a duration', remedy: 'Write a number with its unit: 500ms, 10s, 2m, 1h30m, 7d'};
    if (ms < (common.minMs ?? 0) || ms > (common.maxMs ?? Number.MAX_SAFE_INTEGER))
      return {
        wrong: `is outside ${common.minMs ?? 0} ms to ${common.maxMs ?? 'any'} ms`,
        remedy: 'Choose a duration inside these limits',
      };
    return {value: ms};
  });

/** `16MiB`, `1 GB`, in bytes. */
export const bytes = <const C extends Common>(common: C) =>
  field<C, number>('bytes', common, (value) => {
    const size = parseBytes(value);
    return size === undefined
      ? {wrong: 'is not a size', remedy: 'Write a number with its unit: 512kB, 16MiB, 1GB'}
      : {value: size};
  });

/** `true` or `false` in the spellings YAML 1.2 knows; anything else is refused, never read as false. */
export const flag = <const C extends Common>(common: C) =>
  field<C, boolean>('flag', common, (value) =>
    /^(true|True|TRUE)$/.test(value)
      ? {value: true}
      : /^(false|False|FALSE)$/.test(value)
        ? {value: false}
        : {wrong: 'is neither true nor false', remedy: 'Write true or false'},
  );

export const choice = <const C extends Common, const O extends string>(common: C & {readonly options: readonly O[]}) =>
  field<C, O>(
    'choice',
    common,
    (value) =>
      (common.options as readonly string[]).includes(value)
        ? {value: value as O}
        : {wrong: 'is not one of the allowed values', remedy: `Choose one of ${common.options.join(', ')}`},
    {options: common.options},
  );

/** Several words separated by commas or line breaks, in the given order, each once. */
export const list = <const C extends Common, const O extends string = string>(
  common: C & {readonly options?: readonly O[]},
) =>
  field<C, readonly O[]>(
    'list',
    common,
    (value) => {
      const items = [
        ...new Set(
          value
            .split(/[,\n]/)
            .map((item) => item.trim())
            .filter(Boolean),
        ),
      ];
      const foreign = common.options
        ? items.filter((item) => !(common.options as readonly string[]).includes(item))
        : [];
      return foreign.length
        ? {wrong: `contains ${foreign.join(', ')}`, remedy: `Use only ${common.options!.join(', ')}`}
        : {value: items as unknown as readonly O[]};
    },
    common.options ? {options: common.options} : {},
  );

/** A JSON document; its shape is checked by whoever reads it. */
export const json = <const C extends Common>(common: C) =>
  field<C, unknown>('json', common, (value) => {
    try {
      return {value: JSON.parse(value) as unknown};
    } catch {
      return {wrong: 'is not JSON', remedy: 'Pass the output of the earlier step unchanged'};
    }
  });

export type Inputs<S extends {readonly inputs: Record<string, Field<unknown>>}> = {
  readonly [K in keyof S['inputs']]: S['inputs'][K] extends Field<infer T> ? T : never;
};

export interface ActionSpec<
  I extends Record<string, Field<unknown>> = Record<string, Field<unknown>>,
  O extends Record<string, string> = Record<string, string>,
> {
  readonly name: string;
  /** One sentence, shown by GitHub beside the name. */
  readonly description: string;
  readonly inputs: I;
  /** Output name to its meaning. */
  readonly outputs: O;
  /** True when the same bundle also runs as a post step. */
  readonly post?: boolean;
  readonly icon: string;
}

export function defineAction<const I extends Record<string, Field<any>>, const O extends Record<string, string>>(
  spec: ActionSpec<I, O>,
): ActionSpec<I, O> {
  return spec;
}
