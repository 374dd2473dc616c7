import {checkSecretsInput} from '../../src/release/check-secrets.js';
import {configInputs, railwayInputs, vercelInputs, waitInput} from '../../src/release/inputs.js';
import {choice, defineAction, duration, flag, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'rollback',
  description:
    'Brings frontend and backend back to recorded deployments, both at once, reads them back, gates them again and leaves a pin.',
  icon: 'rotate-ccw',
  inputs: {
    component: choice({
      options: ['all', 'frontend', 'backend', 'unpin'],
      default: 'all',
      doc: 'What to bring back. `unpin` changes nothing live: it releases the pin that a rollback left.',
    }),
    to: choice({
      options: ['anchor', 'previous', 'last-known-good', 'release'],
      default: 'anchor',
      doc: 'Where to: the anchors of the release given in `ledger-id` (automatic rollback), what was live before the newest release, the newest release that passed its gate after promotion, or the one named in `release`.',
    }),
    release: text({
      doc: 'Release to go back to, for `to: release`; otherwise the release that is rolled back, for the record.',
      example: 'r-20261122-184501-1a2b3c4',
    }),
    'ledger-id': text({doc: 'Ledger record of the release that failed, for `to: anchor`.'}),
    reason: text({
      doc: "Why, for the pin, the incident and the platforms' own history.",
      default: 'health gate failed or release was cancelled',
    }),
    'dry-run': flag({default: 'false', doc: 'Print exactly which ids would change, and change nothing.'}),
    'allow-rebuild': flag({
      default: 'true',
      doc: 'Build the commit again when the platform no longer keeps its image. Slower, and said plainly.',
    }),
    'newer-than': text({
      pattern: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      shape: 'a time such as 2026-01-31T12:00:00Z',
      doc: 'A backend that serves the right code but was started earlier is started again: after a database was restored, so that its migrations run.',
    }),
    pin: flag({
      default: 'true',
      doc: 'Leave a pin: later releases stage and gate but do not promote until it is released or expires.',
    }),
    'pin-for': duration({default: '7d', doc: 'How long the pin lasts.'}),
    'override-schema': flag({
      default: 'false',
      doc: 'Bring old code back although the schema verdict says that it cannot run on the new schema, or that this cannot be told. Without it the automatic path stops at maintenance mode, and a rollback by hand changes nothing. Who set it stands in the ledger, the summary and the incident.',
    }),
    gate: flag({
      default: 'true',
      doc: 'Gate the restored product before calling the rollback done; while maintenance mode is on, behind its page.',
    }),
    incident: flag({default: 'true', doc: 'Open or update a GitHub issue about it (`issues: write`).'}),
    ...configInputs,
    ...waitInput,
    ...vercelInputs,
    ...railwayInputs,
    ...checkSecretsInput,
  },
  outputs: {
    outcome:
      '`restored`, `already` (everything was at its target; verified, not touched), `maintenance` (stopped there, since old code cannot run on the new schema), `partial`, `dry-run` or `unpinned`.',
    frontend: 'restored, already, failed, skipped.',
    backend: 'restored, already, failed, skipped.',
    'frontend-deployment': 'Deployment that serves the frontend now, as read back.',
    'frontend-url': 'Immutable address of that deployment.',
    'backend-deployment':
      'Deployment that serves the backend now; on Railway a rollback is a new deployment with the old image.',
    verdict: 'Verdict of the gate over the restored product.',
    'restore-ms': 'From start to both sides read back.',
    'duration-ms': 'From start to gated again.',
    'outage-ms': 'From the first bad answer that the live gate saw to gated again; empty when no live gate had failed.',
    left: 'What is left to do by hand; empty when nothing.',
  },
});
