import type {WorkflowResult} from './engine/engine.js';
import {type Check, check, serving} from './outside.js';
import type {VersionName} from './product/product.js';
import type {Outcome} from './scenario.js';

/** What is known between two acts. */
export type Between = Omit<Outcome, 'visits'>;

export function noBadAnswer({visits}: Outcome): Check {
  return check(visits.bad === 0, `${visits.requests} user requests, ${visits.bad} bad`);
}

export async function showsMaintenance({world, result}: Between): Promise<Check[]> {
  const [page, api] = await Promise.all([fetch(world.frontendUrl), fetch(`${world.backendUrl}/api/items`)]);
  const [text, body] = await Promise.all([page.text(), api.text()]);
  const took = Number(
    result.jobs['maintenance']?.steps.find((step) => step.id === 'maintenance')?.outputs['duration-ms'],
  );
  return [
    check(
      page.status === 503 && page.headers.get('retry-after') === '600' && text.includes('Back soon'),
      `users get the page: ${page.status}, Retry-After ${page.headers.get('retry-after') ?? 'missing'}`,
    ),
    check(api.status === 429 && body.includes('maintenance'), `callers of the backend get ${api.status}`),
    check(took < 10_000, `on within ${took} ms`),
  ];
}

export function ran({result}: Between, expected: WorkflowResult['conclusion']): Check {
  return check(
    result.conclusion === expected,
    `the run ended as ${result.conclusion}${result.conclusion === expected ? '' : ` instead of ${expected}`}`,
  );
}

export function failedStep({result}: Between, job: string, step: string): Check {
  const failed = result.jobs[job]?.steps.find((candidate) => candidate.outcome === 'failure');
  return check(failed?.id === step, `stopped at step ${failed?.id ?? 'none'} of job ${job}`);
}

export function stepOutput({result}: Between, job: string, step: string, output: string): string | undefined {
  return result.jobs[job]?.steps.find((candidate) => candidate.id === step)?.outputs[output];
}

export async function servesRelease(outcome: Between, commit: VersionName): Promise<Check[]> {
  const {world, before} = outcome;
  const now = await serving(world);
  const sha = world.product.commits[commit];
  return [
    check(
      now.frontend !== before.frontend && !now.frontend.includes('+'),
      `the frontend serves ${now.frontend}, made by this release`,
    ),
    check(now.backend === sha, `the backend serves commit ${now.backend.slice(0, 7)}`),
    check(now.answers, 'both answer'),
  ];
}

export async function isBack({world, before}: Between): Promise<Check[]> {
  const now = await serving(world);
  return [
    check(
      now.frontend === before.frontend,
      `the frontend serves its anchor ${before.frontend}${now.frontend === before.frontend ? '' : `, no: ${now.frontend}`}`,
    ),
    check(
      now.backend === before.backend,
      `the backend serves its anchor's commit ${before.backend.slice(0, 7)}${now.backend === before.backend ? '' : `, no: ${now.backend.slice(0, 7)}`}`,
    ),
    check(now.answers, 'both answer'),
  ];
}

export function lastEvent({world}: Between, kind: string): Check {
  const events = world.github.releaseEvents();
  return check(events.at(-1)?.startsWith(kind) ?? false, `the ledger's last word is "${events.at(-1) ?? 'nothing'}"`);
}
