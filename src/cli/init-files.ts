import {stringify} from 'yaml';

/** Everything that `init` has to know to write the files. */
export interface InitAnswers {
  readonly product: string;
  readonly frontend?: {
    readonly project: string;
    readonly team?: string | undefined;
    readonly path: string;
    readonly url: string;
    /** Variables of the Vercel project that hold the backend's address. */
    readonly backendVariables?: readonly string[] | undefined;
  };
  readonly backend?: {
    readonly service: string;
    readonly path: string;
    readonly url: string;
    readonly healthPath?: string | undefined;
    /** It answered that the frontend's origin may read it. */
    readonly letsFrontendIn?: boolean;
  };
  readonly migrations?: string | undefined;
  /** Name of the database's service on Railway. */
  readonly databaseService?: string;
  readonly bucket?:
    | {readonly name: string; readonly endpoint?: string | undefined; readonly region?: string | undefined}
    | undefined;
  /** `owner/name@commit` of the Switchback that the workflows call. */
  readonly switchback: string;
  readonly branch: string;
  /** Addresses of the platforms' interfaces, for proxies and rehearsals. */
  readonly apis?: {readonly vercel?: string | undefined; readonly railway?: string | undefined};
}

/** Path of the public key that `backup.recipients` names. */
export const publicKeyPath = 'keys/backup.asc';

/** The configuration and the workflows, by path. */
export function initFiles(answers: InitAnswers): Readonly<Record<string, string>> {
  return {
    '.github/switchback.yml': configuration(answers),
    '.github/workflows/release.yml': caller(answers, 'release', {
      on: {push: {branches: [answers.branch]}, workflow_dispatch: {inputs: {'allow-missing-anchor': firstRelease}}},
      permissions: {contents: 'read', deployments: 'write', issues: 'write'},
      with: {'allow-missing-anchor': "${{ inputs.allow-missing-anchor || '' }}"},
    }),
    '.github/workflows/rollback.yml': caller(answers, 'rollback', {
      on: {workflow_dispatch: {inputs: rollbackInputs(answers)}},
      permissions: {contents: 'read', deployments: 'write', issues: 'write'},
      with: passedOn(rollbackInputs(answers)),
    }),
    '.github/workflows/disaster-recovery.yml': caller(answers, 'disaster-recovery', {
      on: {workflow_dispatch: {inputs: recoveryInputs(answers)}},
      permissions: {contents: 'read', deployments: 'write', issues: 'write'},
      with: passedOn(recoveryInputs(answers)),
    }),
    ...(answers.bucket && {
      '.github/workflows/backup.yml': caller(answers, 'backup', {
        on: {schedule: [{cron: '23 3 * * *'}], workflow_dispatch: {}},
        permissions: {contents: 'read', issues: 'write'},
      }),
    }),
  };
}

const firstRelease = {
  description: 'Components that may have no way back, such as on the first release (frontend,backend)',
  type: 'string',
  default: '',
};

type DispatchInputs = Readonly<Record<string, object>>;

function rollbackInputs({bucket}: InitAnswers): DispatchInputs {
  const components = ['all', 'frontend', 'backend', ...(bucket ? ['database'] : []), 'unpin'];
  return {
    component: {type: 'choice', options: components, default: 'all'},
    to: {type: 'choice', options: ['previous', 'last-known-good', 'release'], default: 'previous'},
    release: {type: 'string', default: ''},
    ...(bucket && {
      set: {description: 'For the database, which set', type: 'string', default: 'newest'},
      before: {description: 'For the database, only sets from before this moment', type: 'string', default: ''},
      confirm: {description: 'For the database, its typed identity; a dry run prints it', type: 'string', default: ''},
    }),
    reason: {type: 'string', required: true},
    'dry-run': {type: 'boolean', default: false},
  };
}

const codeInputs: DispatchInputs = {
  reason: {description: 'What happened', type: 'string', required: true},
  since: {description: 'When the damage began, such as 2026-11-22T18:00:00Z', type: 'string', default: ''},
  release: {description: 'Release to bring back (default the last known good one)', type: 'string', default: ''},
};

const databaseInputs: DispatchInputs = {
  database: {description: 'Restore the database from a set', type: 'boolean', default: false},
  confirm: {
    description: 'Typed identity of the database or the empty project; a run without it prints it',
    type: 'string',
    default: '',
  },
  set: {description: 'Which set', type: 'string', default: 'newest'},
};

const rebuildInputs: DispatchInputs = {
  rebuild: {
    description: 'The Railway project is gone; RAILWAY_TOKEN is that of an empty one',
    type: 'boolean',
    default: false,
  },
};

/** Everything that is made again comes from a set, so a product without backups only goes back. */
function recoveryInputs({bucket, backend}: InitAnswers): DispatchInputs {
  return {...codeInputs, ...(bucket && databaseInputs), ...(bucket && backend && rebuildInputs)};
}

function passedOn(inputs: DispatchInputs): Record<string, string> {
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, `\${{ inputs.${name} }}`]));
}

/** Workflows that open sets; their environment alone holds the private key. */
const opening = ['rollback', 'disaster-recovery'];

/** Names of the secrets a workflow needs; those of parts the product does not have are left out. */
export function secretNames(answers: InitAnswers, workflow: string): string[] {
  return [
    ...(answers.frontend ? ['VERCEL_TOKEN'] : []),
    ...(answers.backend ? ['RAILWAY_TOKEN'] : []),
    ...(workflow === 'backup' ? [] : ['CHECK_SECRETS']),
    ...(answers.bucket ? ['DATABASE_URL', 'BACKUP_ACCESS_KEY_ID', 'BACKUP_SECRET_ACCESS_KEY'] : []),
    ...(answers.bucket && opening.includes(workflow) ? ['BACKUP_PRIVATE_KEY', 'BACKUP_PRIVATE_KEY_PASSPHRASE'] : []),
    ...(answers.bucket && answers.backend && workflow === 'disaster-recovery' ? ['SEALED_VARIABLES'] : []),
  ];
}

function caller(
  answers: InitAnswers,
  workflow: string,
  parts: {on: object; permissions: object; with?: object},
): string {
  const [repository, commit] = answers.switchback.split('@');
  return stringify(
    {
      name: (workflow[0]!.toUpperCase() + workflow.slice(1)).replaceAll('-', ' '),
      on: parts.on,
      permissions: {},
      jobs: {
        [workflow]: {
          permissions: parts.permissions,
          uses: `${repository}/.github/workflows/${workflow}.yml@${commit}`,
          ...(parts.with && {with: parts.with}),
          secrets: Object.fromEntries(secretNames(answers, workflow).map((name) => [name, `\${{ secrets.${name} }}`])),
        },
      },
    },
    {lineWidth: 0},
  );
}

/** What stands for the backend's address in each: a name tells whether it is a whole address or a host. */
function templates(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name.endsWith('HOST') ? '{host}' : '{url}']));
}

function configuration({product, frontend, backend, migrations, bucket, apis}: InitAnswers): string {
  const without = <T extends object>(value: T) =>
    Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
  const checks = [
    ...(frontend ? [{name: 'home page', target: 'frontend', path: '/', expect: {status: 200}}] : []),
    ...(backend?.healthPath
      ? [{name: 'backend', target: 'backend', path: backend.healthPath, expect: {status: 200}}]
      : []),
    ...(frontend && backend?.healthPath && backend.letsFrontendIn
      ? [{name: 'cross-origin', kind: 'cors', path: backend.healthPath, origin: new URL(frontend.url).origin}]
      : []),
  ];
  const body = stringify({
    version: 1,
    product,
    ...(frontend && {
      frontend: without({
        project: frontend.project,
        team: frontend.team,
        path: frontend.path,
        url: frontend.url,
        'backend-variables': backend && frontend.backendVariables && templates(frontend.backendVariables),
        'api-url': apis?.vercel,
      }),
    }),
    ...(backend && {
      backend: without({service: backend.service, path: backend.path, url: backend.url, 'api-url': apis?.railway}),
    }),
    ...(bucket && {database: without({migrations})}),
    checks,
    ...(bucket && {
      backup: {
        storage: without({type: 's3', bucket: bucket.name, endpoint: bucket.endpoint, region: bucket.region}),
        recipients: [publicKeyPath],
      },
    }),
  });
  return `# What Switchback ships, checks and backs up. Every key: action-docs/configuration.md of Switchback.\n# Add checks that notice what your users would notice; they decide about every release.\n${body}`;
}
