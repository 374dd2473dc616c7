import type {Run} from '../runner/run-action.js';
import {secretLines} from '../runner/spec.js';

/** Input of every action that runs the checks of the configuration. */
export const checkSecretsInput = {
  'check-secrets': secretLines({
    doc: "Secrets that the checks name by `auth.env`, `foreign-auth.env` or `url-env`, one `NAME=value` a line. They win over the step's own environment.",
    example: 'SHOP_TOKEN=…',
  }),
} as const;

interface CheckSecrets {
  readonly 'check-secrets'?: Readonly<Record<string, string>> | undefined;
}

/**
 * Finds a secret that a check names: in the input, else in the step's environment. It is hidden from the log, also when
 * the workflow took it from somewhere else than `secrets`.
 */
export function checkSecrets(inputs: CheckSecrets, {env, mask}: Pick<Run, 'env' | 'mask'>) {
  return (name: string): string | undefined => {
    const value = inputs['check-secrets']?.[name] ?? env[name];
    if (value) mask(value);
    return value;
  };
}
