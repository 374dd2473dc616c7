import type {Config} from '../config/schema.js';
import {policyProblems} from '../gate/policy.js';
import {checkProblems, secretNames} from '../gate/run-plan.js';
import type {Finding} from '../platforms/platform.js';
import {liveUrls} from './product-gate.js';

/**
 * Could the gate of a release start? A secret that a check needs and nobody passed would otherwise be noticed after the
 * backend was deployed, and cost a rollback.
 */
export function gateFindings(config: Config, secretOf: (name: string) => string | undefined): Finding[] {
  const row = {area: 'gate', check: 'checks'} as const;
  const {checks} = config;
  if (checks.length === 0)
    return [
      {
        ...row,
        state: 'warning',
        found: 'no check is configured, so the gate asks only for an answer from / of each component',
        remedy: 'Add `checks` that would notice what your users would notice',
      },
    ];
  const problems = [...policyProblems(config.gate), ...checkProblems(checks, {urls: liveUrls(config)})];
  const missing = secretNames(checks).filter((name) => !secretOf(name));
  return [
    ...problems.map(({where, what, remedy}) => ({
      ...row,
      state: 'problem' as const,
      found: `\`${where}\` ${what}`,
      remedy,
    })),
    ...missing.map((name) => ({
      ...row,
      state: 'problem' as const,
      found: `a check needs the secret ${name}, and nothing holds it`,
      remedy: `Add a line ${name}=… to the secret CHECK_SECRETS, which the workflows pass as \`check-secrets\``,
    })),
    ...(problems.length + missing.length ? [] : [{...row, state: 'ok' as const, found: `${checks.length} checks`}]),
  ];
}
