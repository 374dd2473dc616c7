import type {LoadedConfig} from '../config/load-config.js';
import type {CheckConfig, Config, GateConfig} from '../config/schema.js';
import type {CheckDefinition, Expectation, GateSettings} from '../gate/policy.js';
import {type Problem, refusal} from '../kernel/errors.js';
import type {Annotation} from '../runner/run-action.js';
import type {Inputs} from '../runner/spec.js';
import type {checkInputs, policyInputs} from './gate-inputs.js';

export type PolicyInputs = Partial<Inputs<{inputs: typeof policyInputs}>>;
export type CheckInputs = Partial<Inputs<{inputs: typeof checkInputs}>>;

/** Name under which the `bearer-token` input is asked for by the check made from inputs. */
export const bearerInput = 'INPUT_BEARER-TOKEN';

/** The gate's settings: the file's, with every given input on top. */
export function gateSettings(file: GateConfig | undefined, inputs: PolicyInputs): GateSettings {
  const {'burst-guard': guard, ...rest} = inputs;
  const given = Object.fromEntries(
    Object.entries(rest).filter(([name, value]) => value !== undefined && name in policyKeys),
  ) as GateSettings;
  return {
    ...file,
    ...given,
    ...(guard === undefined ? {} : {'burst-guard': guard === 'off' ? 'off' : Number.parseFloat(guard) / 100}),
  };
}

const policyKeys: Record<keyof Omit<Inputs<{inputs: typeof policyInputs}>, 'burst-guard'>, true> = {
  'max-error-rate': true,
  'unhealthy-error-rate': true,
  confidence: true,
  'max-latency': true,
  'latency-quantile': true,
  compare: true,
  'latency-tolerance': true,
  'min-duration': true,
  'max-duration': true,
  'min-probes': true,
  interval: true,
  'control-url': true,
  'warm-up': true,
  'on-timeout': true,
  'traffic-metrics': true,
  rule: true,
};

/**
 * The checks to run: the one that inputs describe, else the file's, else the front page of each component that has an
 * address, so that a gate without any configuration still asks something.
 */
export function gateChecks(
  file: readonly CheckConfig[] | undefined,
  inputs: CheckInputs,
  urls: {readonly frontend?: string | undefined; readonly backend?: string | undefined},
): CheckDefinition[] {
  if (inputs.url) return [checkOf(inputs, inputs.url)];
  if (file?.length) return [...file];
  return (['frontend', 'backend'] as const).flatMap((target) =>
    urls[target]
      ? [
          {
            name: target,
            target,
            path: '/',
            expect: {status: [200, 201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308]},
          },
        ]
      : [],
  );
}

function checkOf(inputs: CheckInputs, address: string): CheckDefinition {
  const statuses = (inputs['expect-status'] ?? []).map(Number);
  const bad = statuses.filter((status) => !Number.isInteger(status) || status < 100 || status > 599);
  if (bad.length)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'input `expect-status`',
        what: 'holds something that is no status code',
        remedy: 'Write codes such as 200,204',
      },
    ]);
  const commit = {
    ...(inputs['expect-commit-header'] ? {header: inputs['expect-commit-header']} : {}),
    ...(inputs['expect-commit-json'] ? {json: inputs['expect-commit-json']} : {}),
  };
  const expect: Expectation = {
    ...(statuses.length ? {status: statuses} : {}),
    ...(inputs['expect-text'] ? {text: inputs['expect-text']} : {}),
    ...(inputs['expect-json'] ? {json: [jsonRuleOf(inputs['expect-json'])]} : {}),
    ...(Object.keys(commit).length ? {commit} : {}),
  };
  return {
    name: 'url',
    url: address,
    expect,
    ...(inputs['bearer-token'] ? {auth: {kind: 'bearer', env: bearerInput}} : {}),
  };
}

/** `$.path` or `$.path == value`; a value that reads as JSON is compared as such, anything else as text. */
function jsonRuleOf(text: string) {
  const at = text.lastIndexOf(' == ');
  if (at < 0) return {path: text.trim(), exists: true};
  const value = text.slice(at + 4).trim();
  return {path: text.slice(0, at).trim(), equals: plainValue(value)};
}

function plainValue(text: string): string | number | boolean | null {
  if (/^(true|false|null|-?\d+(\.\d+)?)$/.test(text)) return JSON.parse(text) as number | boolean | null;
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}

/** Problems of a plan with the line of the file they stand in, when they stand in the file. */
export function locate(
  problems: readonly Problem[],
  file: LoadedConfig | undefined,
  config: Config | undefined,
): Problem[] {
  return problems.map((problem) => {
    const path = pathOf(problem.where);
    const inFile = file && config && path && valueAt(config, path) !== undefined;
    return inFile ? {...problem, where: `${file.file}:${file.lineOf(path)} \`${problem.where}\``} : problem;
  });
}

/** `checks[0].expect.json[1].path` as a key path. */
function pathOf(where: string): Array<string | number> | undefined {
  if (!/^(checks|gate)\b/.test(where)) return undefined;
  return [...where.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, key, index]) =>
    index === undefined ? key! : Number(index),
  );
}

function valueAt(value: unknown, path: ReadonlyArray<string | number>): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

/** Annotations on the lines of the checks that failed the release. */
export function failedCheckAnnotations(
  blamed: readonly string[],
  sentence: string,
  file: LoadedConfig | undefined,
): Annotation[] {
  if (!file) return [];
  return file.config.checks.flatMap((check, i) => {
    const isBlamed = blamed.some((id) => id === check.name || id === `${check.name} latency`);
    return isBlamed
      ? [
          {
            level: 'error' as const,
            title: `Health gate: ${check.name}`,
            message: sentence,
            file: file.file,
            line: file.lineOf(['checks', i, 'name']),
          },
        ]
      : [];
  });
}
