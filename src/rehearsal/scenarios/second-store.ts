import {type Check, check} from '../outside.js';
import type {ProductAddresses} from '../product-config.js';
import type {Scenario} from '../scenario.js';
import {type Between, ran, stepOutput} from '../scenario-checks.js';
import {names, secrets, type World} from '../world.js';

/** The bucket with every set is gone, as its account is; the copies in the second store are as good. */
export const secondStore: Scenario = {
  name: 'second-store',
  about: 'every set is copied to a second store; the first one is lost, and a drill restores from the copy',
  config: storesAt,
  acts: [
    {
      workflow: 'backup',
      commit: 'v1',
      secrets: keys(),
      after: (outcome) => [ran(outcome, 'success'), ...copied(outcome)],
    },
    {
      workflow: 'restore-drill',
      commit: 'v1',
      inputs: {set: 'newest', 'sql-checks': ''},
      secrets: keys(),
      before: ({s3}) => s3.removeBucket(names.bucket),
      after: (outcome) => [
        ran(outcome, 'failure'),
        check(
          outcome.result.log.some((line) => line.includes('also')),
          'a drill of the lost store fails and names the second one',
        ),
      ],
    },
    {
      workflow: 'restore-drill',
      commit: 'v1',
      inputs: {store: 'also', set: 'newest', 'sql-checks': ''},
      secrets: keys(),
    },
  ],
  outcome: 'restored from the second store',
  judge: (outcome) => [
    ran(outcome, 'success'),
    check(stepOutput(outcome, 'drill', 'drill', 'verified') === 'true', 'the drill says verified'),
    check(Number(stepOutput(outcome, 'drill', 'drill', 'compared')) > 0, 'and compared with the manifest'),
    check(outcome.visits.bad === 0, `${outcome.visits.requests} user requests, ${outcome.visits.bad} bad`),
  ],
};

function storesAt({s3}: ProductAddresses): Record<string, unknown> {
  const at = (bucket: string) => ({
    type: 's3',
    bucket,
    prefix: 'backups',
    endpoint: s3,
    region: 'us-east-1',
    'path-style': true,
  });
  return {backup: {storage: at(names.bucket), also: at(names.secondBucket), recipients: ['keys/backup.asc']}};
}

function keys(): Record<string, string> {
  return {
    BACKUP_ALSO_ACCESS_KEY_ID: secrets.accessKeyId,
    BACKUP_ALSO_SECRET_ACCESS_KEY: secrets.secretAccessKey,
    BACKUP_ALSO_PRUNER_ACCESS_KEY_ID: secrets.accessKeyId,
    BACKUP_ALSO_PRUNER_SECRET_ACCESS_KEY: secrets.secretAccessKey,
  };
}

function copied({world}: Between): Check[] {
  const [first, second] = [objectsOf(world, names.bucket), objectsOf(world, names.secondBucket)];
  return [
    check(
      first.length > 2 && first.join() === second.join(),
      `both stores hold the ${first.length} objects of the set`,
    ),
    check(
      second.some((line) => line.includes('/manifest.json')),
      'the copy is sealed',
    ),
  ];
}

/** Keys and sizes of what belongs to sets. */
function objectsOf({s3}: World, bucket: string): string[] {
  return s3
    .objects(bucket)
    .filter(({key}) => /\/manifest\.json$|\.pgp$/.test(key))
    .map(({key, size}) => `${key} ${size}`);
}
