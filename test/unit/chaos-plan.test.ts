import {expect, test} from '@jest/globals';
import {readArguments} from '../../src/rehearsal/arguments.js';
import {chaosPlan, describePlan} from '../../src/rehearsal/chaos/chaos-plan.js';

const seeds = Array.from({length: 500}, (_, seed) => seed);

test('a seed always plays the same case, and seeds differ', () => {
  for (const seed of seeds) expect(chaosPlan(seed)).toEqual(chaosPlan(seed));
  expect(new Set(seeds.map((seed) => describePlan(chaosPlan(seed)))).size).toBeGreaterThan(450);
});

test('each case disturbs something, and all kinds of faults and kills come up', () => {
  const plans = seeds.map(chaosPlan);
  for (const plan of plans) expect(plan.faults.length + (plan.kill ? 1 : 0)).toBeGreaterThan(0);
  expect(new Set(plans.map(({kill}) => kill?.how))).toEqual(
    new Set(['SIGTERM', 'SIGKILL', 'lost runner', 'cancel', undefined]),
  );
  const kinds = plans.flatMap(({faults}) => faults.map(({fault}) => fault.fault.kind));
  expect(new Set(kinds)).toEqual(new Set(['status', 'delay', 'close-before', 'close-after']));
  const standIns = plans.flatMap(({faults}) => faults.map(({standIn}) => standIn));
  expect(new Set(standIns)).toEqual(new Set(['vercel', 'railway', 'github', 's3']));
});

test('a release that is killed on its way back is one that goes back', () => {
  const killed = seeds.map(chaosPlan).filter(({kill}) => kill?.step === 'rollback');
  expect(killed.length).toBeGreaterThan(20);
  expect(killed.filter(({version}) => version === 'v2')).toEqual([]);
});

test.each([
  [['--chaos', '0'], /--chaos.*is not a number of releases/],
  [['--chaos', 'many'], /--chaos.*is not a number of releases/],
  [['--chaos', '2', '--engine', 'act'], /cannot be joined/],
  [['--chaos', '2', '--scenario', 'good'], /cannot be joined/],
])('%j is refused', (argv, why) => {
  expect(() => readArguments(argv, () => ['good'])).toThrow(why);
});

test('chaos is off unless asked for', () => {
  expect(readArguments([], () => ['good', 'bad-after-promotion', 'backup'])).toMatchObject({chaos: 0});
  expect(readArguments(['--chaos', '3', '--seed', '7'], () => ['good', 'bad-after-promotion', 'backup'])).toMatchObject(
    {
      chaos: 3,
      seed: 7,
    },
  );
});
