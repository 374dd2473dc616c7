import type {EngineEvent, WorkflowResult} from './engine/engine.js';
import {type Check, check, openNewestSet, serving} from './outside.js';
import type {VersionName} from './product/product.js';
import type {VisitLog} from './product/visitor.js';
import type {World} from './world.js';

/** What a scenario leaves to be judged. */
export interface Outcome {
  readonly world: World;
  readonly result: WorkflowResult;
  readonly visits: VisitLog;
  /** Ids that were live before. */
  readonly before: {readonly frontend: string; readonly backend: string};
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly workflow: 'release' | 'backup';
  /** Which commit of the product the run is for. */
  readonly commit: VersionName;
  /** One word for the expected end. */
  readonly outcome: string;
  /** Cancels the run when this becomes true of an event. */
  readonly cancelWhen?: (event: EngineEvent) => boolean;
  readonly judge: (outcome: Outcome) => Promise<Check[]> | Check[];
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'good',
    about: 'a good release goes live',
    workflow: 'release',
    commit: 'v2',
    outcome: 'released',
    judge: async (outcome) => [
      ran(outcome, 'success'),
      ...(await servesRelease(outcome, 'v2')),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
      lastEvent(outcome, 'good'),
      ...(await openNewestSet(outcome.world)),
    ],
  },
  {
    name: 'bad-frontend',
    about: 'a frontend that is broken is stopped before any user sees it',
    workflow: 'release',
    commit: 'bad-frontend',
    outcome: 'stopped before promotion',
    judge: async (outcome) => [
      ran(outcome, 'failure'),
      failedStep(outcome, 'ship', 'candidate'),
      ...(await isBack(outcome)),
      check(!outcome.visits.byVersion['bad-frontend'], 'no user request was served by the bad frontend'),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
  {
    name: 'bad-backend',
    about: 'a backend that does not start never goes live',
    workflow: 'release',
    commit: 'bad-backend',
    outcome: 'stopped at deploy',
    judge: async (outcome) => [
      ran(outcome, 'failure'),
      failedStep(outcome, 'ship', 'backend'),
      ...(await isBack(outcome)),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
  {
    name: 'bad-after-promotion',
    about: 'a release that breaks under real users comes back by itself',
    workflow: 'release',
    commit: 'bad-after-promotion',
    outcome: 'rolled back',
    judge: async (outcome) => [
      ran(outcome, 'failure'),
      failedStep(outcome, 'ship', 'watch'),
      check(
        outcome.visits.bad > 0,
        `users met it: ${outcome.visits.bad} of ${outcome.visits.requests} requests were bad`,
      ),
      check(
        outcome.visits.visits.slice(-5).every((visit) => visit.ok),
        'the last user requests were good again',
      ),
      ...(await isBack(outcome)),
      check(
        stepOutput(outcome, 'rollback', 'rollback', 'verdict') === 'pass',
        'the restored product passed its gate again',
      ),
      check((await outcome.world.github.pins()).length === 1, 'one pin keeps the next release from promoting over it'),
    ],
  },
  {
    name: 'cancelled',
    about: 'a release cancelled in the middle finishes its way back',
    workflow: 'release',
    commit: 'v2',
    outcome: 'rolled back',
    cancelWhen: (event) => event.type === 'step-started' && event.job === 'ship' && event.step === 'watch',
    judge: async (outcome) => [
      ran(outcome, 'cancelled'),
      ...(await isBack(outcome)),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
  {
    name: 'backup',
    about: 'the scheduled backup makes a set that opens with gpg and pg_restore',
    workflow: 'backup',
    commit: 'v1',
    outcome: 'sealed',
    judge: async (outcome) => [
      ran(outcome, 'success'),
      ...(await openNewestSet(outcome.world)),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
];

function ran({result}: Outcome, expected: WorkflowResult['conclusion']): Check {
  return check(
    result.conclusion === expected,
    `the run ended as ${result.conclusion}${result.conclusion === expected ? '' : ` instead of ${expected}`}`,
  );
}

function failedStep({result}: Outcome, job: string, step: string): Check {
  const failed = result.jobs[job]?.steps.find((candidate) => candidate.outcome === 'failure');
  return check(failed?.id === step, `stopped at step ${failed?.id ?? 'none'} of job ${job}`);
}

function stepOutput({result}: Outcome, job: string, step: string, output: string): string | undefined {
  return result.jobs[job]?.steps.find((candidate) => candidate.id === step)?.outputs[output];
}

async function servesRelease(outcome: Outcome, commit: VersionName): Promise<Check[]> {
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

async function isBack({world, before}: Outcome): Promise<Check[]> {
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

function lastEvent({world}: Outcome, kind: string): Check {
  const events = world.github.releaseEvents();
  return check(events.at(-1)?.startsWith(kind) ?? false, `the ledger's last word is "${events.at(-1) ?? 'nothing'}"`);
}

export const scenarioNames = scenarios.map((scenario) => scenario.name);
