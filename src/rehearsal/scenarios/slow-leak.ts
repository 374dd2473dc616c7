import {type Check, check} from '../outside.js';
import type {Visit} from '../product/visitor.js';
import type {Outcome, Scenario} from '../scenario.js';
import {failedStep, isBack, ran, stepOutput} from '../scenario-checks.js';

/** Fine for the first users and slower for each one after them, so that only a look of some seconds can tell. */
export const slowLeak: Scenario = {
  name: 'slow-leak',
  about: 'a release that gets slower with every user is noticed while it is watched, and comes back',
  config: {
    gate: {
      interval: '20ms',
      'min-duration': '9s',
      'max-duration': '25s',
      'warm-up': '1s',
      'max-latency': '500ms',
      'latency-quantile': 'p90',
    },
  },
  acts: [{workflow: 'release', commit: 'slow-leak'}],
  outcome: 'rolled back',
  judge: async (outcome) => [
    ran(outcome, 'failure'),
    failedStep(outcome, 'ship', 'watch'),
    check(stepOutput(outcome, 'ship', 'candidate', 'verdict') === 'pass', 'its candidate had passed the gate'),
    blamesLatency(outcome),
    ...slower(outcome),
    ...(await isBack(outcome)),
    check(
      stepOutput(outcome, 'rollback', 'rollback', 'verdict') === 'pass',
      'the restored product passed its gate again',
    ),
  ],
};

function blamesLatency(outcome: Outcome): Check {
  const sentence = stepOutput(outcome, 'ship', 'watch', 'sentence') ?? '';
  return check(/latency|slower/.test(sentence), `the watch says why: ${sentence.slice(0, 160)}`);
}

function slower({visits: {visits}}: Outcome): Check[] {
  const leaking = visits.filter((visit) => visit.frontendVersion === 'slow-leak');
  const [early, late] = [typical(leaking.slice(0, 5)), typical(leaking.slice(-10))];
  const after = typical(visits.slice(-10));
  return [
    check(
      late > 2 * early,
      `users of it waited ${Math.round(early)} ms at first and ${Math.round(late)} ms before it was taken back`,
    ),
    check(after < late / 2, `and ${Math.round(after)} ms afterwards`),
  ];
}

/** The median; 0 of none. */
function typical(visits: readonly Visit[]): number {
  const sorted = visits.map((visit) => visit.durationMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
