import {expect, test} from '@jest/globals';
import {differences, type Facts} from '../../src/rehearsal/parity.js';

const facts = (change: {result?: string; outputs?: Record<string, string>; pins?: number} = {}): Facts => ({
  runs: [
    {
      conclusion: 'success',
      jobs: {ship: {result: change.result ?? 'success', outputs: change.outputs ?? {verdict: 'pass'}}},
    },
  ],
  world: {frontend: ['<deployment>'], pins: change.pins ?? 0},
});

test('engines that ended alike have no difference', () => expect(differences(facts(), facts())).toEqual([]));

test.each<[string, Parameters<typeof facts>[0], string]>([
  ['a job that ended otherwise', {result: 'failure'}, 'runs.0.jobs.ship.result: embedded "success", act "failure"'],
  ['an output that is missing', {outputs: {}}, 'runs.0.jobs.ship.outputs.verdict: embedded "pass", act undefined'],
  [
    'an output too many',
    {outputs: {verdict: 'pass', more: 'x'}},
    'runs.0.jobs.ship.outputs.more: embedded undefined, act "x"',
  ],
  ['another world', {pins: 1}, 'world.pins: embedded 0, act 1'],
])('%s is named', (_what, change, line) => expect(differences(facts(), facts(change))).toEqual([line]));
