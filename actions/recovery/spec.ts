import {backupAccessInputs, storeInputs} from '../../src/release/backup-inputs.js';
import {configInputs, railwayInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, flag, list, secret, text} from '../../src/runner/spec.js';

const moment = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

export const spec = defineAction({
  name: 'recovery',
  description:
    'The first and the last step of a disaster recovery: checks everything before anything is changed, and measures the time and the data that were lost.',
  icon: 'life-buoy',
  inputs: {
    mode: choice({
      options: ['begin', 'end'],
      default: 'begin',
      doc: '`begin` checks that the recovery can be carried out, finds what a killed run had done, and changes nothing; `end` measures it against the objectives and notes that it is over.',
    }),
    database: flag({default: 'false', doc: 'Is the database to be restored from a set?'}),
    release: text({
      doc: 'Release to bring back. Default: the last known good one.',
      example: 'r-20261122-184501-1a2b3c4',
    }),
    since: text({
      pattern: moment,
      shape: 'a time such as 2026-01-31T12:00:00Z',
      doc: 'When the damage began. Time and data are measured from it, and no younger set is taken. Default: the begin of the open maintenance window, else now.',
    }),
    set: text({
      default: 'newest',
      doc: 'Which set: `newest` takes the newest sound one from before `since`; or an id as the backup printed it.',
      example: '20261122T184501Z-9f2c41aa',
    }),
    'max-age': duration({default: '7d', doc: 'An older set is refused unless it is named by its id.'}),
    confirm: text({
      doc: 'The typed identity of the database that is replaced, `<database>@<system identifier>`. A run without it prints it.',
      example: 'railway@7421198766012345678',
    }),
    'private-key': secret({doc: 'Armored private OpenPGP key of one of the recipients. Kept in memory only.'}),
    'private-key-passphrase': secret({doc: 'Passphrase of the private key, when it has one.'}),
    passphrase: secret({
      doc: 'Passphrase of a set that was encrypted with one instead of to public keys. Default: the environment variable named by `backup.passphrase-env` of the file.',
    }),
    'signed-by': list({
      doc: 'Paths of armored public keys that may have signed the set. Default: `backup.signed-by` of the file.',
    }),
    'restored-set': text({
      doc: 'For `end`: the set that the database was restored from, where its address is not known to this step. Default: what the database says of itself.',
    }),
    ...configInputs,
    ...backupAccessInputs,
    ...storeInputs,
    ...vercelInputs,
    ...railwayInputs,
  },
  outputs: {
    stage: '`recover`, or `measure` when an earlier run had finished everything but the measuring.',
    resumed: '`true` when an open maintenance window is joined.',
    since: 'From when time and data are measured (ISO 8601).',
    release: 'Release that is brought back.',
    commit: 'Its commit.',
    'database-state':
      '`live`, `missing` (the server is there, the database is not), `restored` (an earlier run of this recovery did it), `unreadable`, or `none` when the product has none.',
    restore: '`true` when the database is still to be restored.',
    'set-id': 'Set that is restored.',
    'in-place-at': 'When an earlier run put the restored database in place (ISO 8601).',
    identity: 'Identity of the database, as `confirm` wants it.',
    'rto-ms': 'For `end`: time from `since` to the end of maintenance mode.',
    'rpo-ms': 'For `end`: time between the restored set and `since`; 0 when the database was not restored.',
    met: 'For `end`: `true` when both objectives were met.',
  },
});
