import {type LoadedConfig, loadConfig} from '../config/load-config.js';
import {type Config, configSchema} from '../config/schema.js';
import {type Problem, refusal} from '../kernel/errors.js';

/** Inputs that may speak for, or over, keys of the configuration file. All are optional here. */
export interface ProductInputs {
  readonly config: string;
  readonly 'vercel-project'?: string | undefined;
  readonly 'vercel-team'?: string | undefined;
  readonly 'frontend-url'?: string | undefined;
  readonly 'frontend-path'?: string | undefined;
  readonly 'railway-service'?: string | undefined;
  readonly 'railway-project'?: string | undefined;
  readonly 'railway-environment'?: string | undefined;
  readonly 'backend-url'?: string | undefined;
}

export interface Product {
  readonly config: Config;
  /** The file, when there is one: for line numbers in annotations. */
  readonly file: LoadedConfig | undefined;
}

/**
 * The product's description from the file and the inputs; an input wins.
 * @param root folder of the checked-out repository.
 * @throws refusal CONFIG with all problems of the file, or refusal INPUT when inputs alone do not describe a component.
 */
export async function readProduct(inputs: ProductInputs, root: string, repository = ''): Promise<Product> {
  const file = await loadConfig(inputs.config, {root, optional: true});
  if (file) return {config: overlay(file.config, inputs), file};
  return {config: fromInputs(inputs, repository), file: undefined};
}

function overlay(config: Config, inputs: ProductInputs): Config {
  const {frontend, backend} = config;
  return {
    ...config,
    ...(frontend && {
      frontend: {
        ...frontend,
        ...given({
          project: inputs['vercel-project'],
          team: inputs['vercel-team'],
          url: inputs['frontend-url'],
          path: inputs['frontend-path'],
        }),
      },
    }),
    ...(backend && {
      backend: {
        ...backend,
        ...given({
          service: inputs['railway-service'],
          project: inputs['railway-project'],
          environment: inputs['railway-environment'],
          url: inputs['backend-url'],
        }),
      },
    }),
  };
}

function given<T extends object>(values: T): {[K in keyof T]: NonNullable<T[K]>} {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>;
  };
}

function fromInputs(inputs: ProductInputs, repository: string): Config {
  const problems: Problem[] = [];
  const frontend = inputs['vercel-project'] || inputs['frontend-url'];
  const backend = inputs['railway-service'] || inputs['backend-url'];
  const need = (name: keyof ProductInputs) => {
    if (!inputs[name])
      problems.push({
        where: `input \`${name}\``,
        what: `is missing, and there is no ${inputs.config}`,
        remedy: 'Pass it, or write the configuration file',
      });
  };
  if (frontend) for (const name of ['vercel-project', 'frontend-url'] as const) need(name);
  if (backend) for (const name of ['railway-service', 'backend-url'] as const) need(name);
  if (!frontend && !backend)
    problems.push({
      where: 'input `config`',
      what: `there is no ${inputs.config}, and no input describes a component`,
      remedy:
        'Check the repository out before this step and write the file, or pass `vercel-project` or `railway-service`',
    });
  if (problems.length) throw refusal('INPUT', 'The inputs were', problems);
  return configSchema.parse({
    version: 1,
    product: productName(repository),
    ...(frontend && {
      frontend: given({
        project: inputs['vercel-project'],
        team: inputs['vercel-team'],
        url: inputs['frontend-url'],
        path: inputs['frontend-path'],
      }),
    }),
    ...(backend && {
      backend: given({
        service: inputs['railway-service'],
        project: inputs['railway-project'],
        environment: inputs['railway-environment'],
        url: inputs['backend-url'],
      }),
    }),
  });
}

function productName(repository: string): string {
  return (
    (repository.split('/')[1] ?? 'product')
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+/, '')
      .slice(0, 40) || 'product'
  );
}
