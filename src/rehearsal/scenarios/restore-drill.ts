import {type Check, check} from '../outside.js';
import type {Scenario} from '../scenario.js';
import {type Between, ran, stepOutput} from '../scenario-checks.js';
import {names, type World} from '../world.js';

/** A backup is proved by restoring it, and a set with one changed byte is not believed. */
export const restoreDrill: Scenario = {
  name: 'restore-drill',
  about: 'the newest set is really restored and compared; one changed byte in it is found',
  acts: [
    {workflow: 'backup', commit: 'v1', after: (outcome) => [ran(outcome, 'success')]},
    {
      workflow: 'restore-drill',
      commit: 'v1',
      inputs: {set: 'newest', 'sql-checks': 'select count(*) > 0 from items'},
      after: (outcome) => [ran(outcome, 'success'), ...proved(outcome)],
    },
    {
      workflow: 'restore-drill',
      commit: 'v1',
      inputs: {set: 'newest', 'sql-checks': ''},
      before: damage,
      after: ({world}) => [
        check(
          world.github.issues().some((issue) => issue.state === 'open'),
          'an open issue raises the alarm',
        ),
      ],
    },
  ],
  outcome: 'proved, and the damage found',
  judge: (outcome) => [
    ran(outcome, 'failure'),
    check(stepOutput(outcome, 'drill', 'drill', 'verified') !== 'true', 'the damaged set does not count as verified'),
    check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
  ],
};

function proved(outcome: Between): Check[] {
  const compared = Number(stepOutput(outcome, 'drill', 'drill', 'compared'));
  const beside = outcome.world.s3.keys(names.bucket).filter((key) => /verif|drill/.test(key));
  return [
    check(stepOutput(outcome, 'drill', 'drill', 'verified') === 'true', 'the drill says verified'),
    check(compared > 0, `${compared} points compared with the manifest`),
    check(beside.length > 0, 'its result lies in the bucket beside the set'),
  ];
}

/** One byte in the middle of the encrypted dump, behind the store's back. */
async function damage(world: World): Promise<void> {
  const dump = world.s3.keys(names.bucket).find((key) => /database|dump/.test(key) && key.endsWith('.pgp'))!;
  await world.s3.tamper(names.bucket, dump, (bytes) => {
    const changed = Buffer.from(bytes);
    const middle = Math.floor(changed.length / 2);
    changed[middle] = changed[middle]! ^ 1;
    return changed;
  });
}
