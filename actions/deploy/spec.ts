import {
  commitInput,
  configInputs,
  railwayInputs,
  releaseInputs,
  vercelInputs,
  waitInput,
} from '../../src/release/inputs.js';
import {choice, defineAction, flag, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'deploy',
  description:
    'Deploys one component and ends only on the terminal state of the deployment this run made: the frontend staged without users, the backend live.',
  icon: 'upload-cloud',
  post: true,
  inputs: {
    component: choice({options: ['frontend', 'backend'], required: true, doc: 'What to deploy.', example: 'frontend'}),
    ...configInputs,
    ...releaseInputs,
    ...commitInput,
    ...waitInput,
    'frontend-path': text({
      doc: 'Folder to upload, from the root of the repository. Default: `frontend.path` of the file.',
    }),
    'from-commit': flag({
      default: 'false',
      doc: 'Upload the files of `commit` as git has them, instead of those in the working folder. Needs the whole history (`fetch-depth: 0`).',
    }),
    pinned: flag({
      default: 'false',
      doc: 'The `pinned` output of `preflight`: a pinned product is not changed, so the backend is refused; the frontend is still staged.',
    }),
    ...vercelInputs,
    ...railwayInputs,
  },
  outputs: {
    outcome: 'ready, failed, canceled, blocked, awaiting-approval, skipped, superseded, deleted or timed-out.',
    'deployment-id': 'Id of the deployment, set as soon as the platform answered with it.',
    url: 'Where this very deployment answers (frontend: its immutable URL; backend: the public address).',
    'inspect-url': "The platform's own page about it.",
    staged: '`true` while users are not served by it.',
    adopted: '`true` when a deployment of this release was found and taken over instead of made a second time.',
    'duration-ms': 'From request to terminal state.',
  },
});
