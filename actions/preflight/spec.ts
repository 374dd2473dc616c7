import {backupAccessInputs, secondStoreInputs} from '../../src/release/backup-inputs.js';
import {checkSecretsInput} from '../../src/release/check-secrets.js';
import {commitInput, configInputs, railwayInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, flag, list} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'preflight',
  description:
    'Checks configuration, credentials, anchors, variables, backup storage and keys before a release changes anything, and opens the release.',
  icon: 'check-square',
  inputs: {
    ...configInputs,
    ...commitInput,
    'open-release': flag({
      default: 'false',
      doc: 'Open a ledger record for a release after all checks are well. Without it nothing at all is written: the go-live checklist.',
    }),
    components: list({
      options: ['frontend', 'backend', 'database'],
      default: 'frontend,backend,database',
      doc: 'What to check; components that the configuration does not describe are left out.',
    }),
    'fail-on': choice({
      options: ['problem', 'unknown', 'warning'],
      default: 'problem',
      doc: 'The mildest state of a row that fails the step.',
    }),
    'allow-missing-anchor': list({
      options: ['frontend', 'backend'],
      doc: 'Components that may have no way back, such as on the very first release. Default: `release.allow-missing-anchor` of the file.',
    }),
    ...vercelInputs,
    ...railwayInputs,
    ...backupAccessInputs,
    ...secondStoreInputs,
    ...checkSecretsInput,
  },
  outputs: {
    ok: '`true` when no row failed.',
    problems: 'Number of failing rows.',
    release: 'Id of the opened release.',
    'ledger-id': 'Id of its ledger record.',
    commit: 'Full SHA of the release.',
    anchors: 'What was live before, as JSON: the way back. Identifiers only.',
    'frontend-anchor': 'Deployment id that the frontend can be brought back to.',
    'frontend-anchor-url': 'Immutable URL of that deployment: the baseline of the gate.',
    'backend-anchor': 'Deployment id that the backend can be brought back to.',
    'promote-order': '`backend-first` or `frontend-first`: `release.promote-order` of the file.',
    pinned: '`true` when a rollback left a pin: stage and gate, but do not promote.',
    'pin-reason': 'Who pinned it, why and until when.',
    'schema-verdict':
      'Can code that is live now run on the schema of this release: `unchanged`, `compatible`, `breaking` or `unknown`. Empty without a live backend.',
    'schema-sentence': 'The same in one sentence, with the first statement that decided it.',
    findings: 'All rows as JSON.',
  },
});
