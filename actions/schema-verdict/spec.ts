import {commitInput, configInputs, railwayInputs, releaseInputs} from '../../src/release/inputs.js';
import {choice, defineAction, secret, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'schema-verdict',
  description:
    'Tells whether code of the live release can still run once the migrations of this one were applied, statement by statement.',
  icon: 'database',
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
    'database-url': secret({
      doc: 'Address of the database, to know the size of tables and what exists; nothing is written. Default: the environment variable named by `database.url-env` of the file.',
    }),
    'fail-on': choice({
      options: ['none', 'breaking', 'unknown'],
      default: 'none',
      doc: 'The mildest verdict that fails the step; `unknown` also fails on breaking.',
    }),
    'railway-service': railwayInputs['railway-service'],
    'backend-url': railwayInputs['backend-url'],
  },
  outputs: {
    verdict: '`unchanged`, `compatible`, `breaking` or `unknown`.',
    sentence: 'The verdict in one sentence.',
    first: 'The first statement that decided it, as `file:line`.',
    statements: 'Each statement with its verdict, the worst first, as JSON; the first 200.',
    migrations: 'Number of migrations between the two commits.',
  },
});
