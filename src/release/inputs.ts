import {duration, flag, json, list, secret, text, url} from '../runner/spec.js';

/**
 * Inputs that several actions share: the same name means the same thing everywhere. An input always wins over the
 * configuration file; without a file, inputs alone are enough.
 */

export const configInputs = {
  config: text({
    default: '.github/switchback.yml',
    doc: 'Path of the configuration file, from the root of the checked-out repository. It may be absent when inputs say everything.',
  }),
  'github-token': secret({
    expression: '${{ github.token }}',
    doc: "Token for the release ledger (`deployments: write`) and for incidents (`issues: write`). The default is the job's own token.",
  }),
} as const;

export const vercelInputs = {
  'vercel-token': secret({doc: 'Vercel access token; one that is scoped to the project is enough.'}),
  'vercel-project': text({
    doc: 'Vercel project id or name. Default: `frontend.project` of the file.',
    example: 'prj_a1b2c3',
  }),
  'vercel-team': text({doc: 'Vercel team id or slug. Default: `frontend.team` of the file.', example: 'acme'}),
  'vercel-protection-bypass': secret({
    doc: 'Protection Bypass for Automation of the project, so that staged deployments can be probed.',
  }),
  'frontend-url': url({
    doc: 'Address that users open. Default: `frontend.url` of the file.',
    example: 'https://shop.example',
  }),
} as const;

export const railwayInputs = {
  'railway-token': secret({doc: 'Railway token: a project token is enough; workspace and account tokens work too.'}),
  'railway-service': text({
    doc: 'Railway service: name, id or dashboard address. Default: `backend.service` of the file.',
    example: 'api',
  }),
  'railway-project': text({doc: 'Railway project id. Not needed with a project token.'}),
  'railway-environment': text({doc: 'Railway environment id. Not needed with a project token.'}),
  'backend-url': url({
    doc: 'Public address of the backend. Default: `backend.url` of the file.',
    example: 'https://api.shop.example',
  }),
} as const;

export const releaseInputs = {
  release: text({
    doc: 'Release id, the `release` output of `preflight`. Outputs and the ledger speak of it.',
    example: 'r-20261122-184501-1a2b3c4',
  }),
  'ledger-id': text({doc: "Id of the release's ledger record, the `ledger-id` output of `preflight`."}),
} as const;

export const commitInput = {
  commit: text({
    expression: '${{ github.sha }}',
    pattern: /^[0-9a-f]{40}$/,
    shape: 'a full 40-character commit SHA',
    doc: 'Full SHA of the commit to release.',
  }),
} as const;

export const waitInput = {
  timeout: duration({
    doc: 'Longest wait for the platform. Default: `deploy-timeout` of the file, or 20m.',
    minMs: 1_000,
  }),
} as const;

export {duration, flag, json, list, secret, text, url};
