import {check, serving} from '../outside.js';
import type {Scenario} from '../scenario.js';
import {failedStep, isBack, ran, stepOutput} from '../scenario-checks.js';

const judged = {database: {migrations: 'backend/migrations', 'expected-tables': ['public.items', 'public.orders']}};
const byHand = {component: 'all', to: 'previous', reason: 'the migration only trims names', 'dry-run': false};

/** The smoke command of the sample product: old code that reads, writes and reports. */
const tried = {
  database: {...judged.database, trial: {source: 'set', smoke: ['node', 'backend/smoke.mjs'], timeout: '2m'}},
};

/** What old code meets after migrations, and who may decide against a verdict. */
export const schemaScenarios: readonly Scenario[] = [
  {
    name: 'schema-trial',
    about: 'a migration that reads harmless breaks old code on a copy of the data, so a bad release does not start it',
    config: tried,
    acts: [
      {workflow: 'backup', after: (outcome) => [ran(outcome, 'success')]},
      {workflow: 'release', commit: 'bad-after-promotion', vars: {SCHEMA_TRIAL: 'on'}},
    ],
    outcome: 'stopped at maintenance mode',
    judge: async (outcome) => {
      const {world, result, before} = outcome;
      const page = await fetch(world.frontendUrl);
      await page.arrayBuffer();
      const now = world.railway.state().services[0]?.servingCommit;
      const notes = world.github.releaseEvents().filter((line) => line.startsWith('note'));
      const incident = world.github.issues()[0]?.body ?? '';
      return [
        ran(outcome, 'failure'),
        check(
          notes.some((line) => line.includes('schema=compatible')),
          'by its text the migration is compatible',
        ),
        check(
          result.jobs['trial']?.outputs['verdict'] === 'breaking' &&
            notes.some((line) => line.includes('schema=breaking') && line.includes('trial=breaking')),
          `on the copy it is breaking, and the ledger says so: ${notes.find((line) => line.includes('trial=')) ?? 'nothing'}`,
        ),
        failedStep(outcome, 'ship', 'watch'),
        check(
          stepOutput(outcome, 'ship', 'rollback', 'outcome') === 'maintenance' && page.status === 503,
          `the rollback stopped at maintenance mode: ${page.status}`,
        ),
        check(now !== before.backend, 'no old code was started on the new schema'),
        check(/On a copy of the set/.test(incident), 'the incident tells what the trial proved'),
      ];
    },
  },
  {
    name: 'schema-override',
    about: 'a bad release with a migration that cannot be judged stops at maintenance; a person overrides it by name',
    config: judged,
    acts: [
      {
        workflow: 'release',
        commit: 'opaque-migration',
        after: async (outcome) => {
          const page = await fetch(outcome.world.frontendUrl);
          await page.arrayBuffer();
          return [
            ran(outcome, 'failure'),
            check(
              stepOutput(outcome, 'ship', 'rollback', 'outcome') === 'maintenance' && page.status === 503,
              `the rollback stopped at maintenance mode: ${page.status}`,
            ),
          ];
        },
      },
      {
        workflow: 'rollback',
        inputs: byHand,
        after: async (outcome) => {
          const now = await serving(outcome.world);
          return [
            failedStep(outcome, 'rollback', 'rollback'),
            check(now.backend !== outcome.before.backend, 'by hand without the override nothing old was started'),
          ];
        },
      },
      {workflow: 'rollback', inputs: {...byHand, 'override-schema': true}},
    ],
    outcome: 'overridden by name',
    judge: async (outcome) => {
      const intent = outcome.world.github.releaseEvents().find((line) => line.includes('override=schema-unknown'));
      return [
        ran(outcome, 'success'),
        ...(await isBack(outcome)),
        check(intent?.includes('by=rehearsal') ?? false, `the ledger names who did it: ${intent ?? 'nothing'}`),
        check(
          outcome.visits.visits.slice(-5).every((visit) => visit.ok),
          'maintenance mode is over: the last user requests were good',
        ),
      ];
    },
  },
];
