import {backupAccessInputs, storeInputs} from '../../src/release/backup-inputs.js';
import {configInputs, railwayInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, flag, list, secret, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'restore',
  description:
    'Lists, proves and restores sets: into a new database by default, in place only with the typed identity of the target.',
  icon: 'rotate-ccw',
  post: true,
  inputs: {
    mode: choice({
      options: ['list', 'verify', 'drill', 'new', 'in-place'],
      default: 'new',
      doc: '`list` shows the sets; `verify` re-reads (and with a private key decrypts) one; `drill` restores it into a throwaway server and compares; `new` restores beside the live database; `in-place` does that and then swaps the two by renaming.',
    }),
    ...configInputs,
    ...backupAccessInputs,
    ...storeInputs,
    'vercel-token': vercelInputs['vercel-token'],
    'railway-token': railwayInputs['railway-token'],
    set: text({
      default: 'newest',
      doc: 'Which set: `newest`, or an id as the backup printed it.',
      example: '20261122T184501Z-9f2c41aa',
    }),
    release: text({doc: 'Only sets made for this release.'}),
    before: text({doc: 'Only sets made at or before this moment, in ISO 8601.', example: '2026-11-22T18:00:00Z'}),
    'max-age': duration({default: '7d', doc: 'A set older than this is refused unless it is named by its id.'}),
    parts: list({options: ['database', 'assets', 'configuration'], default: 'database', doc: 'What is restored.'}),
    'private-key': secret({doc: 'Armored private OpenPGP key of one of the recipients. Kept in memory only.'}),
    'private-key-passphrase': secret({doc: 'Passphrase of the private key, when it has one.'}),
    passphrase: secret({
      doc: 'Passphrase of a set that was encrypted with one instead of to public keys. Default: the environment variable named by `backup.passphrase-env` of the file.',
    }),
    'signed-by': list({
      doc: 'Paths of armored public keys that may have signed the set. Default: `backup.signed-by` of the file. Empty accepts unsigned sets.',
    }),
    'signing-key': secret({
      doc: 'For `in-place`: signs the set that is taken before. Default: the environment variable named by `backup.signing-key-env` of the file.',
    }),
    'signing-key-passphrase': secret({doc: 'Passphrase of the signing key, when it has one.'}),
    'target-url': secret({
      doc: "Address of a database on the server to restore to; that database itself is not touched. Default: the live database's server. For a drill: a server made for drills; without it one is started on this machine.",
    }),
    'target-database': text({
      pattern: /^[A-Za-z0-9_-]{1,63}$/,
      shape: 'letters, digits, dashes and underscores',
      doc: "Name of the new database. Default: the original's name with the set's time behind it.",
    }),
    owners: choice({
      options: ['keep', 'drop'],
      default: 'keep',
      doc: '`keep` gives objects back to their owners, who must exist on the server; `drop` gives them to the connecting user.',
    }),
    confirm: text({
      doc: 'For `in-place`: the typed identity of the target, `<database>@<system identifier>`. A run without it prints it.',
      example: 'railway@7421198766012345678',
    }),
    'dry-run': flag({
      default: 'false',
      doc: 'For `new` and `in-place`: choose and check the set, print the identity to type and the names that would change, and change nothing.',
    }),
    recovery: text({
      pattern: /^[\w.-]{1,80}$/,
      shape: 'letters, digits, dots, dashes and underscores',
      doc: 'For `in-place`: an id under which it is done at most once. Repeated with the same id, a restore that a killed run had put in place is found by its mark and not done again.',
      example: 'm-20261122-184501',
    }),
    'safety-set': flag({
      default: 'true',
      doc: 'For `in-place`: take a set of the live database first. Only `false` when one was just taken, or when the live database cannot be read; it is kept under another name either way.',
    }),
    'assets-folder': text({
      default: 'restored',
      doc: 'Folder for asset folders; each goes below it under its own name and must not exist yet.',
    }),
    'sql-checks': text({
      doc: 'Queries for a drill, one a line; the first column of the first row must be true.',
      example: 'SELECT count(*) > 0 FROM users',
    }),
    image: text({
      doc: 'Container image for the throwaway server, when the product needs extensions.',
      example: 'pgvector/pgvector:pg16',
    }),
    alarm: flag({
      default: 'true',
      doc: 'For `drill`: a failed drill opens one issue or adds to the open one, a passed drill closes it (`issues: write`).',
    }),
    record: flag({
      default: 'true',
      doc: 'Write the result of `verify` and `drill` beside the set; retention counts proven sets.',
    }),
  },
  outputs: {
    'set-id': 'Id of the set that was used.',
    'set-age-ms': 'Age of that set.',
    database: 'Name of the database that now holds the restored content.',
    identity: 'Identity of the live database, as `confirm` wants it.',
    'in-place-at': 'For `in-place`: when the restored database had the live name (ISO 8601).',
    'previous-database': 'Name under which the database that was replaced is kept.',
    'safety-set-id': 'Id of the set taken before an in-place restore.',
    verified: '`true` when everything was compared with the manifest and equal.',
    compared: 'Number of points that were compared.',
    'duration-ms': 'From start to the last comparison.',
    sets: 'For `list`: the newest 200 sets as JSON.',
  },
});
