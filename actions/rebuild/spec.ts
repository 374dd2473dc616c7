import {backupAccessInputs, storeInputs} from '../../src/release/backup-inputs.js';
import {configInputs, railwayInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, list, secret, secretLines, text} from '../../src/runner/spec.js';

const moment = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

export const spec = defineAction({
  name: 'rebuild',
  description:
    'Makes the backend and its PostgreSQL again in an empty Railway project, from the configuration and the database in a set, and points the frontend to it.',
  icon: 'life-buoy',
  inputs: {
    mode: choice({
      options: ['check', 'build'],
      default: 'check',
      doc: '`check` looks at everything that could stop the rebuild half-way, and changes nothing; `build` makes what is missing, restores the database and repoints the frontend. Deploying is left to `deploy`.',
    }),
    recovery: text({
      doc: 'For `build`: id of the open maintenance window, the `window` output of `maintenance`. What is made is marked with it, and a later run of the same recovery goes on.',
      example: 'm-20261122-184501',
    }),
    release: text({
      doc: 'Release whose commit is deployed afterwards. Default: the last known good one.',
      example: 'r-20261122-184501-1a2b3c4',
    }),
    since: text({
      pattern: moment,
      shape: 'a time such as 2026-01-31T12:00:00Z',
      doc: 'When the damage began. Time and data are measured from it, and no younger set is taken. Default: the begin of the open maintenance window, else now.',
    }),
    set: text({
      default: 'newest',
      doc: 'Which set: `newest` takes the newest sound one from before `since` that holds database and configuration; or an id as the backup printed it.',
      example: '20261122T184501Z-9f2c41aa',
    }),
    'max-age': duration({default: '7d', doc: 'An older set is refused unless it is named by its id.'}),
    confirm: text({
      doc: 'The typed identity of the empty project, `<project name>@<project id>`. A run without it prints it.',
      example: 'shop@7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1a01',
    }),
    'sealed-variables': secretLines({
      doc: 'Values of variables that were sealed at Railway, which no set can hold, one `NAME=value` a line.',
      example: 'STRIPE_KEY=…',
    }),
    owners: choice({
      options: ['keep', 'drop'],
      default: 'drop',
      doc: '`drop` gives restored objects to the connecting user of the new server; `keep` to their owners, who must exist on it.',
    }),
    timeout: duration({default: '20m', minMs: 1_000, doc: 'Longest wait for the new PostgreSQL to start.'}),
    'dns-timeout': duration({
      default: '30m',
      doc: "Longest wait for people to set the records of the backend's own domain. Without one there is nothing to wait for.",
    }),
    'private-key': secret({doc: 'Armored private OpenPGP key of one of the recipients. Kept in memory only.'}),
    'private-key-passphrase': secret({doc: 'Passphrase of the private key, when it has one.'}),
    passphrase: secret({
      doc: 'Passphrase of a set that was encrypted with one instead of to public keys. Default: the environment variable named by `backup.passphrase-env` of the file.',
    }),
    'signed-by': list({
      doc: 'Paths of armored public keys that may have signed the set. Default: `backup.signed-by` of the file.',
    }),
    ...configInputs,
    ...backupAccessInputs,
    ...storeInputs,
    ...vercelInputs,
    ...railwayInputs,
  },
  outputs: {
    stage: '`rebuild`, or `measure` when an earlier run had finished everything but the measuring.',
    resumed: '`true` when an open maintenance window is joined.',
    since: 'From when time and data are measured (ISO 8601).',
    commit: 'Commit that is deployed.',
    'good-release': 'Release that it belongs to.',
    'set-id': 'Set that is restored.',
    frontend: '`true` when the product has a frontend to deploy.',
    identity: 'Identity of the new project, as `confirm` wants it.',
    release: 'For `build`: id of the release that the rebuild is in the ledger.',
    'ledger-id': 'For `build`: its ledger record.',
    'backend-url': 'For `build`: address of the rebuilt backend.',
    database: 'For `build`: name of the restored database.',
    'in-place-at': 'For `build`: when the restored database was in place (ISO 8601).',
    repointed: 'For `build`: names of the variables of the frontend that got the address, separated by commas.',
  },
});
