import {check, openNewestSet, serving} from './outside.js';
import type {Versions} from './product/kind.js';
import type {Scenario} from './scenario.js';
import {
  failedStep,
  isBack,
  lastEvent,
  noBadAnswer,
  ran,
  servesRelease,
  showsMaintenance,
  stepOutput,
} from './scenario-checks.js';
import {disasterScenarios} from './scenarios/disaster.js';
import {monitor} from './scenarios/monitor.js';
import {rebuildScenarios} from './scenarios/rebuild.js';
import {restoreDrill} from './scenarios/restore-drill.js';
import {schemaScenarios} from './scenarios/schema.js';
import {secondStore} from './scenarios/second-store.js';
import {slowLeak} from './scenarios/slow-leak.js';
import {tenantIsolation} from './scenarios/tenant-isolation.js';

export const scenarios: readonly Scenario[] = [
  {
    name: 'good',
    about: 'a good release goes live',
    acts: [{workflow: 'release', commit: 'v2'}],
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
    acts: [{workflow: 'release', commit: 'bad-frontend'}],
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
    acts: [{workflow: 'release', commit: 'bad-backend'}],
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
    acts: [{workflow: 'release', commit: 'bad-after-promotion'}],
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
  slowLeak,
  monitor,
  {
    name: 'cancelled',
    about: 'a release cancelled in the middle finishes its way back',
    acts: [
      {
        workflow: 'release',
        commit: 'v2',
        cancelWhen: (event) => event.type === 'step-started' && event.job === 'ship' && event.step === 'watch',
      },
    ],
    outcome: 'rolled back',
    judge: async (outcome) => [
      ran(outcome, 'cancelled'),
      ...(await isBack(outcome)),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
  {
    name: 'backup',
    about: 'the scheduled backup makes a set that opens with gpg and pg_restore',
    acts: [{workflow: 'backup', commit: 'v1'}],
    outcome: 'sealed',
    judge: async (outcome) => [
      ran(outcome, 'success'),
      ...(await openNewestSet(outcome.world)),
      check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
    ],
  },
  restoreDrill,
  secondStore,
  {
    name: 'rollback',
    about: 'a release is taken back by hand, pinned, and released again after unpinning',
    acts: [
      {
        workflow: 'release',
        commit: 'v2',
        after: async (outcome) => [ran(outcome, 'success'), ...(await servesRelease(outcome, 'v2'))],
      },
      {
        workflow: 'rollback',
        commit: 'v2',
        inputs: {component: 'all', to: 'previous', reason: 'rehearsed', 'dry-run': true},
        after: async (outcome) => [ran(outcome, 'success'), ...(await servesRelease(outcome, 'v2'))],
      },
      {
        workflow: 'rollback',
        commit: 'v2',
        inputs: {component: 'all', to: 'previous', reason: 'rehearsed', 'dry-run': false},
        after: async (outcome) => [ran(outcome, 'success'), ...(await isBack(outcome))],
      },
      {
        workflow: 'release',
        commit: 'v2',
        after: async (outcome) => [
          check(
            outcome.result.jobs['ship']?.result === 'skipped',
            'while the pin holds, a release is staged and not promoted',
          ),
          ...(await isBack(outcome)),
        ],
      },
      {
        workflow: 'rollback',
        commit: 'v2',
        inputs: {component: 'unpin', to: 'previous', reason: 'fixed', 'dry-run': false},
        after: (outcome) => [
          ran(outcome, 'success'),
          check(outcome.world.github.pins().length === 0, 'the pin is released'),
        ],
      },
      {workflow: 'release', commit: 'v2'},
    ],
    outcome: 'released after unpinning',
    judge: async (outcome) => [ran(outcome, 'success'), ...(await servesRelease(outcome, 'v2')), noBadAnswer(outcome)],
  },
  {
    name: 'frontend-first',
    about: 'a release whose frontend goes live before its backend, as the configuration may say',
    config: {release: {'promote-order': 'frontend-first'}},
    acts: [{workflow: 'release', commit: 'v2'}],
    outcome: 'released',
    judge: async (outcome) => [
      ran(outcome, 'success'),
      ...(await servesRelease(outcome, 'v2')),
      check(
        !outcome.visits.visits.some((visit) => visit.frontendVersion === 'v1' && visit.backendVersion === 'v2'),
        'no user had the old page over the new backend',
      ),
      noBadAnswer(outcome),
    ],
  },
  {
    name: 'runner-lost',
    about: 'the runner dies while the promoted release is watched; the job after it brings both sides back',
    acts: [
      {
        workflow: 'release',
        commit: 'v2',
        loseRunnerWhen: (event) => event.type === 'step-started' && event.job === 'ship' && event.step === 'watch',
      },
    ],
    outcome: 'rolled back',
    judge: async (outcome) => [
      ran(outcome, 'failure'),
      ...(await isBack(outcome)),
      check(
        stepOutput(outcome, 'rollback', 'rollback', 'outcome') === 'restored',
        'the rollback job restored it, since no step of the lost runner could',
      ),
      noBadAnswer(outcome),
    ],
  },
  {
    name: 'platform-down',
    about:
      'Vercel fails while a bad release is rolled back: the backend is back at once, the rest when it answers again',
    acts: [
      {
        workflow: 'release',
        commit: 'bad-after-promotion',
        before: (world) =>
          void world.vercel.faults.push({
            route: 'POST /*/projects/*/rollback/*',
            times: 60,
            fault: {kind: 'status', status: 503},
          }),
        after: async ({world, result, before}) => {
          const now = await serving(world);
          world.vercel.faults.length = 0;
          return [
            check(result.conclusion === 'failure', 'the run failed'),
            check(now.backend === before.backend, 'the backend is back although Vercel is down'),
            check(now.frontend !== before.frontend, 'the frontend is not back, and the run says so'),
          ];
        },
      },
      {
        workflow: 'rollback',
        inputs: {component: 'all', to: 'previous', reason: 'finish what was left', 'dry-run': false},
      },
    ],
    outcome: 'rolled back',
    judge: async (outcome) => [ran(outcome, 'success'), ...(await isBack(outcome))],
  },
  {
    name: 'breaking-migration',
    about: 'a bad release with a migration that old code cannot live with stops at maintenance mode',
    config: {database: {migrations: 'backend/migrations', 'expected-tables': ['public.items', 'public.orders']}},
    acts: [{workflow: 'release', commit: 'breaking-migration'}],
    outcome: 'stopped at maintenance mode',
    judge: async (outcome) => {
      const {world, result, before} = outcome;
      const now = world.railway.state().services[0]?.servingCommit;
      const page = await fetch(world.frontendUrl);
      await page.arrayBuffer();
      const left = stepOutput(outcome, 'ship', 'rollback', 'left') ?? '';
      const set = result.jobs['backup']?.outputs['set'] ?? 'none';
      return [
        ran(outcome, 'failure'),
        check(
          stepOutput(outcome, 'ship', 'rollback', 'outcome') === 'maintenance',
          'the rollback stopped at maintenance mode',
        ),
        check(page.status === 503, `users get the page: ${page.status}`),
        check(now !== before.backend, 'no old code was started on the new schema'),
        check(left.includes(set), `the message names the set ${set}`),
        check(/Forward:.*Back with the data:/s.test(left), 'and the two ways out'),
      ];
    },
  },
  ...schemaScenarios,
  ...disasterScenarios,
  ...rebuildScenarios,
  {
    name: 'maintenance',
    about: 'the maintenance page goes up and comes down without a redeploy',
    acts: [
      {
        workflow: 'maintenance',
        inputs: {mode: 'on', reason: 'rehearsed', for: '1h'},
        after: async (outcome) => [ran(outcome, 'success'), ...(await showsMaintenance(outcome))],
      },
      {
        workflow: 'maintenance',
        inputs: {mode: 'status', reason: 'rehearsed', for: '1h'},
        after: (outcome) => [
          check(outcome.result.jobs['maintenance']?.outputs['state'] === 'on', 'its status says on'),
        ],
      },
      {workflow: 'maintenance', inputs: {mode: 'off', reason: 'rehearsed', for: '1h'}},
    ],
    outcome: 'on and off',
    judge: async (outcome) => [
      ran(outcome, 'success'),
      ...(await isBack(outcome)),
      check(
        outcome.visits.visits.slice(-5).every((visit) => visit.ok),
        'the last user requests were good again',
      ),
    ],
  },
  tenantIsolation,
];

/** The scenarios that need no version which a product does not have. */
export function playable(all: readonly Scenario[], versions: Versions): Scenario[] {
  return all.filter(({acts}) => acts.every(({commit}) => versions[commit ?? 'v1'] !== undefined));
}
