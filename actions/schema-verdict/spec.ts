import {backupAccessInputs} from '../../src/release/backup-inputs.js';
import {commitInput, configInputs, railwayInputs, releaseInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, list, secret, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'schema-verdict',
  description:
    'Tells whether code of the live release can still run once the migrations of this one were applied, statement by statement, and tries it on a copy of the data.',
  icon: 'database',
  post: true,
  inputs: {
    ...configInputs,
    ...commitInput,
    from: text({
      pattern: /^[0-9a-f]{40}$/,
      shape: 'a full 40-character commit SHA',
      doc: 'Full SHA of the commit that is live. Default: the backend anchor of the ledger record `ledger-id`.',
    }),
    'ledger-id': releaseInputs['ledger-id'],
    migrations: text({
      doc: 'Folder with the migrations. Default: `database.migrations` of the file, else the usual places.',
      example: 'backend/migrations',
    }),
    ...backupAccessInputs,
    'database-url': secret({
      doc: 'Address of the database, to know the size of tables and what exists; nothing is written. A trial with `database` copies it. Default: the environment variable named by `database.url-env` of the file.',
    }),
    'fail-on': choice({
      options: ['none', 'breaking', 'unknown'],
      default: 'none',
      doc: 'The mildest verdict that fails the step; `unknown` also fails on breaking. A migration that does not apply to the copy always fails it.',
    }),
    trial: choice({
      options: ['off', 'on', 'set', 'database'],
      default: 'off',
      doc: 'Apply the migrations to a copy of the data in a throwaway PostgreSQL and run `database.trial.smoke` of the live release on it. `set` copies the newest set, `database` the live database, `on` what `database.trial.source` says.',
    }),
    'on-trial-error': choice({
      options: ['fail', 'warn'],
      default: 'fail',
      doc: 'What follows when the trial could not be made, as without room for the copy: the verdict stands as it is either way.',
    }),
    set: text({
      default: 'newest',
      doc: 'Which set a trial copies: `newest`, or an id as the backup printed it.',
      example: '20261122T184501Z-9f2c41aa',
    }),
    'max-age': duration({default: '7d', doc: 'A set older than this is refused unless it is named by its id.'}),
    'private-key': secret({doc: 'Armored private OpenPGP key of one of the recipients. Kept in memory only.'}),
    'private-key-passphrase': secret({doc: 'Passphrase of the private key, when it has one.'}),
    passphrase: secret({
      doc: 'Passphrase of a set that was encrypted with one instead of to public keys. Default: the environment variable named by `backup.passphrase-env` of the file.',
    }),
    'signed-by': list({
      doc: 'Paths of armored public keys that may have signed the set. Default: `backup.signed-by` of the file. Empty accepts unsigned sets.',
    }),
    'target-url': secret({
      doc: 'Address of a server made for trials; without it one is started on this machine. Never the live one.',
    }),
    image: text({
      doc: 'Container image for the throwaway server, when the product needs extensions.',
      example: 'pgvector/pgvector:pg16',
    }),
    'railway-service': railwayInputs['railway-service'],
    'backend-url': railwayInputs['backend-url'],
  },
  outputs: {
    verdict: '`unchanged`, `compatible`, `breaking` or `unknown`; a trial only ever makes it worse.',
    sentence: 'The verdict in one sentence.',
    first: 'The first statement that decided it, as `file:line`.',
    statements: 'Each statement with its verdict, the worst first, as JSON; the first 200.',
    migrations: 'Number of migrations between the two commits.',
    trial:
      '`off`, `passed`, `breaking` (old code fails on the new schema), `refused` (a migration does not apply), `inconclusive` (old code fails on the copy even without the migrations) or `error` (could not be made).',
    'trial-sentence': 'The trial in one sentence.',
    'trial-ms': 'What the migrations took on the copy.',
    effects:
      'Each statement as it ran on the copy, with its time, the locks it held and the tables it wrote anew, as JSON; the first 200.',
  },
});
