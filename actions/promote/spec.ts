import {configInputs, railwayInputs, releaseInputs, vercelInputs, waitInput} from '../../src/release/inputs.js';
import {defineAction, flag, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'promote',
  description: 'Moves production traffic to a gated deployment and reads back that every production host serves it.',
  icon: 'trending-up',
  inputs: {
    ...configInputs,
    ...releaseInputs,
    ...waitInput,
    'frontend-deployment': text({
      doc: 'Staged frontend deployment to promote: the `deployment-id` output of `deploy`.',
      example: 'dpl_a1b2c3',
    }),
    'backend-deployment': text({
      doc: 'Backend deployment that must be the active one: going live happened with its deploy, here it is verified.',
    }),
    pinned: flag({default: 'false', doc: 'The `pinned` output of `preflight`: nothing is promoted over a rollback.'}),
    recovery: text({
      doc: 'Id of the maintenance window of a disaster recovery, while it is open: what a recovery brings back is promoted although an earlier rollback left a pin.',
      example: 'm-20261122-184501',
    }),
    ...vercelInputs,
    ...railwayInputs,
  },
  outputs: {
    promoted: '`true` once every production host was read back as serving the deployment.',
    changed: '`false` when it already was the current one.',
    hosts: 'JSON list of host and deployment id as read back.',
    'duration-ms': 'From request to read back.',
  },
});
