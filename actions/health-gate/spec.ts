import {checkSecretsInput} from '../../src/release/check-secrets.js';
import {checkInputs, choice, integer, list, policyInputs, text, url} from '../../src/release/gate-inputs.js';
import {configInputs, flag, railwayInputs, releaseInputs, secret, vercelInputs} from '../../src/release/inputs.js';
import {defineAction} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'health-gate',
  description:
    'Decides whether a release is healthy as early as mathematics allows, with a promise about false alarms.',
  icon: 'activity',
  inputs: {
    ...configInputs,
    ...releaseInputs,
    commit: text({
      expression: '${{ github.sha }}',
      pattern: /^([0-9a-f]{7,40}|any)$/,
      shape: 'a commit SHA, or any',
      doc: 'Commit that must be served, for checks that look at it. `any` asks for none: what is judged is not a release.',
    }),
    stage: choice({
      options: ['candidate', 'live'],
      default: 'candidate',
      doc: '`candidate`: the new deployment before users see it. `live`: the product after promotion. Checks with `stages` run only in theirs.',
    }),
    components: list({
      options: ['frontend', 'backend', 'database'],
      default: 'frontend,backend,database',
      doc: 'Checks of other components are left out, such as those of a backend that is deployed later.',
    }),
    ...checkInputs,
    'frontend-url': url({
      doc: 'Frontend deployment under test: its immutable address. Default: `frontend.url` of the file.',
      example: 'https://shop-a1b2c3.vercel.app',
    }),
    'backend-url': url({
      doc: 'Backend under test. Default: `backend.url` of the file.',
      example: 'https://api.shop.example',
    }),
    'baseline-url': url({
      doc: 'Previous frontend deployment by its immutable address; it is probed at the same moments.',
    }),
    'ready-at': text({
      pattern: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      shape: 'a time such as 2026-01-31T12:00:00Z',
      doc: 'When the release began to serve; an answer cached before is stale.',
    }),
    'vercel-protection-bypass': vercelInputs['vercel-protection-bypass'],
    ...checkSecretsInput,
    'behind-maintenance': flag({
      default: 'false',
      doc: 'Probe the backend past the block of maintenance mode. The frontend is probed at `frontend-url`, which must then be an immutable address.',
    }),
    'bypass-secret': secret({
      doc: 'For `behind-maintenance` without `railway-token`, from which it is derived otherwise: the secret given to the maintenance action.',
    }),
    ...policyInputs,
    'railway-token': railwayInputs['railway-token'],
    'fail-on': list({
      options: ['fail', 'inconclusive', 'error'],
      default: 'fail,inconclusive,error',
      doc: "Verdicts that fail the step. Only `fail` is the release's fault.",
    }),
    'evidence-file': text({
      doc: "Where the evidence record is written. Default: a file in the runner's temporary folder.",
    }),
    place: text({doc: 'Where this gate measures from, when several runners are merged.', example: 'eu-west'}),
    runners: integer({
      min: 1,
      max: 1_000,
      doc: 'How many places probe at the same time, to be merged with `merge`; each then collects the more evidence. Default: 1.',
    }),
    merge: list({
      doc: 'Evidence files (or folders of them) of several places: no probe is sent, they are checked and joined into one verdict.',
      example: 'evidence/',
    }),
  },
  outputs: {
    verdict: '`pass`, `fail`, `inconclusive` (not enough evidence) or `error` (could not measure).',
    sentence: 'The verdict in words, with its figures.',
    'evidence-file': 'Path of the evidence record (JSON), from which the verdict can be computed again.',
    rounds: 'Rounds that were probed.',
    evidence: 'Evidence against the release; it fails at 1/(1 − confidence).',
    'duration-ms': 'From start to verdict.',
  },
});
