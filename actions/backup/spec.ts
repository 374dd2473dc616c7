import {backupAccessInputs, storeInputs} from '../../src/release/backup-inputs.js';
import {configInputs, railwayInputs, releaseInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, flag, integer, list, secret, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'backup',
  description:
    'Makes one sealed, encrypted set of database, assets and configuration, reads it back, and leaves nothing behind when it fails.',
  icon: 'archive',
  post: true,
  inputs: {
    mode: choice({
      options: ['backup', 'copy', 'retain', 'freshness'],
      default: 'backup',
      doc: '`backup` makes a set and copies it to the second store, where there is one; `copy` only copies what is missing there; `retain` plans and removes old sets, best in a job of its own with its own credentials; `freshness` fails when the newest sound set is older than `backup.schedule`, which finds the backup that did not happen.',
    }),
    ...configInputs,
    ...releaseInputs,
    ...backupAccessInputs,
    ...storeInputs,
    'vercel-token': vercelInputs['vercel-token'],
    'railway-token': railwayInputs['railway-token'],
    include: list({
      options: ['database', 'assets', 'configuration'],
      doc: 'Parts of the set, separated by commas. Default: whatever the configuration file describes.',
      example: 'database,assets',
    }),
    recipients: list({
      doc: 'Paths of armored OpenPGP public keys in the repository. Default: `backup.recipients` of the file.',
      example: 'keys/backup.asc,keys/recovery.asc',
    }),
    'recipient-fingerprints': list({
      doc: 'Fingerprints the recipients must have; any other key is refused. Guards against a swapped key.',
    }),
    passphrase: secret({
      doc: 'Encrypts with this passphrase (AES-256) instead of to public keys; at least 16 characters. The runner then holds what opens every set. Default: the environment variable named by `backup.passphrase-env` of the file.',
    }),
    'signing-key': secret({
      doc: 'Armored private OpenPGP key that signs manifests, so that whoever can write to the store cannot forge a set. Default: the environment variable named by `backup.signing-key-env` of the file.',
    }),
    'signing-key-passphrase': secret({doc: 'Passphrase of the signing key, when it has one.'}),
    'expected-tables': list({
      doc: 'Tables, as schema.name, without which the database is the wrong one. Default: `database.expected-tables` of the file.',
      example: 'public.users,public.orders',
    }),
    measure: choice({
      options: ['digests', 'counts', 'off'],
      default: 'digests',
      doc: 'What is noted about each table in the moment of the dump, so that a restore can be compared: content digests (about one more read of the database), row counts, or nothing.',
    }),
    compression: choice({
      options: ['archive', 'stream'],
      default: 'archive',
      doc: '`archive` compresses inside the dump, so that gpg and pg_restore alone open it: zstd from pg_dump 16 on, gzip before. `stream` lets the zstd program do it where pg_dump cannot: faster and smaller, and one more program on the day of the restore.',
    }),
    jobs: integer({
      default: '1',
      min: 1,
      max: 8,
      doc: 'Streams with rows, for big databases with several large tables: each is an archive of its own, by a pg_dump of its own over one snapshot, and they are restored side by side. Each takes about 60 MB of memory and one connection.',
    }),
    'read-back': choice({
      options: ['full', 'size'],
      default: 'full',
      doc: '`full` reads every stored byte back and compares it before the set is sealed; `size` asks only for the sizes.',
    }),
    'manifest-detail': choice({
      options: ['full', 'minimal'],
      default: 'full',
      doc: '`minimal` keeps table names and row counts out of the readable manifest and stores them encrypted.',
    }),
    copy: flag({
      default: 'true',
      doc: 'Copies the set to `backup.also` after its seal, and before it ends also what earlier runs could not copy. `false` leaves that to a later run.',
    }),
    'max-copies': integer({
      default: '5',
      min: 1,
      doc: 'Most sets copied to the second store in one run, newest first.',
    }),
    'skip-if-fresh': duration({
      doc: 'Reuses the newest set of the same database when it is younger than this, instead of making another.',
      example: '15m',
    }),
    'allow-shrink': flag({default: 'false', doc: 'Accepts a set that is much smaller than the one before it.'}),
    'as-found': flag({
      default: 'false',
      doc: 'The snapshot of an incident: takes what is left as it is, without its expected tables and however small. Such a set is kept to be looked into; nothing picks it as the newest.',
    }),
    reason: text({
      doc: 'Kept in the manifest. Default: the event that started the workflow.',
      example: 'before the data migration',
    }),
    retries: integer({
      default: '2',
      min: 0,
      max: 10,
      doc: 'How often a backup that failed for a passing reason, such as a broken connection, is made again from the start.',
    }),
    deadline: duration({
      default: '5h',
      minMs: 1_000,
      doc: "The backup ends in order before this; GitHub's own limit would kill it.",
    }),
    'max-age': duration({
      doc: 'For `freshness`: how old the newest set may be. Default: `backup.schedule` of the file.',
    }),
    'max-drill-age': duration({
      doc: 'For `freshness`: how long ago a set may last have been proven by decrypting or restoring it. Default: only shown.',
      example: '8d',
    }),
    alarm: flag({
      default: 'true',
      doc: 'For `freshness`: a stale series opens one issue or adds to the open one, a fresh one closes it (`issues: write`).',
    }),
    apply: flag({
      default: 'false',
      doc: 'For `retain`: carries out what was announced at least `grace` ago. Without it the plan is only shown and announced.',
    }),
    grace: duration({default: '24h', doc: 'For `retain`: time between the announcement of a removal and the removal.'}),
    'max-delete': integer({default: '20', min: 1, doc: 'For `retain`: most sets removed in one run.'}),
    'keep-releases': integer({
      default: '3',
      min: 0,
      doc: 'For `retain`: the sets of so many latest releases are kept whatever their age.',
    }),
    'leftovers-after': duration({
      default: '6h',
      doc: 'Unfinished uploads and unsealed sets older than this belong to runs that died, and are removed.',
    }),
  },
  outputs: {
    'set-id': 'Id of the sealed set.',
    'manifest-key': 'Key of its manifest in the store.',
    bytes: 'Stored bytes of all parts.',
    sha256: 'SHA-256 of the stored bytes of the first part (the database when there is one).',
    'duration-ms': 'From start to seal.',
    verified: '`true` when every stored byte was read back and compared before the seal.',
    reused: '`true` when a fresh set was reused instead of made.',
    copied: 'Ids of the sets that this run copied to the second store, separated by commas.',
    'not-copied': 'Ids of the sets that the second store should hold and does not.',
    'copy-ms': 'What copying took.',
    'age-ms': 'For `freshness`: age of the newest sound set.',
    'also-age-ms': 'For `freshness`: age of the newest sound set in the second store.',
    'drill-age-ms': 'For `freshness`: how long ago a set was last proven; empty when never.',
    removed: 'For `retain`: number of sets removed.',
    planned: 'For `retain`: number of sets the plan wants to remove.',
    'also-removed': 'For `retain`: number of sets removed from the second store.',
    'also-planned': 'For `retain`: number of sets that the plan of the second store wants to remove.',
  },
});
