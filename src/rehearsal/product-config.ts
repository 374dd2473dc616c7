import {stringify} from 'yaml';

/** Addresses of a started world, as the product's configuration file needs them. */
export interface ProductAddresses {
  readonly vercelApi: string;
  readonly vercelProject: string;
  readonly vercelTeam: string;
  readonly frontend: string;
  readonly railwayApi: string;
  readonly railwayService: string;
  readonly backend: string;
  readonly s3: string;
  readonly bucket: string;
}

/**
 * The sample product's `.github/switchback.yml`: what a user would write, with the addresses of the stand-ins and a
 * gate that is as strict as the default one but takes its probes faster, so that a rehearsal ends within seconds.
 */
export function productConfig(at: ProductAddresses, more: Readonly<Record<string, unknown>> = {}): string {
  return stringify({
    version: 1,
    product: 'shop',
    frontend: {
      project: at.vercelProject,
      team: at.vercelTeam,
      path: 'frontend',
      url: at.frontend,
      'backend-variables': {BACKEND_URL: '{url}'},
      'api-url': at.vercelApi,
      'deploy-timeout': '30s',
    },
    backend: {
      service: at.railwayService,
      url: at.backend,
      'api-url': at.railwayApi,
      'required-variables': ['DATABASE_URL'],
      'deploy-timeout': '30s',
    },
    database: {'expected-tables': ['public.items', 'public.orders']},
    gate: {interval: '20ms', 'min-duration': '1s', 'max-duration': '12s', 'warm-up': '1s'},
    checks: productChecks,
    backup: {
      storage: {
        type: 's3',
        bucket: at.bucket,
        prefix: 'backups',
        endpoint: at.s3,
        region: 'us-east-1',
        'path-style': true,
      },
      recipients: ['keys/backup.asc'],
    },
    objectives: {rto: '5m', rpo: '24h'},
    ...more,
  });
}

const productChecks = [
  {name: 'home page', target: 'frontend', path: '/', expect: {text: 'id="catalogue"'}},
  {name: 'page script', target: 'frontend', path: '/app.js', expect: {text: 'productConfig'}},
  {
    name: 'health',
    target: 'backend',
    path: '/api/health',
    expect: {json: [{path: '$.status', equals: 'ok'}], commit: {json: '$.commit'}},
  },
  {name: 'items', target: 'backend', path: '/api/items', expect: {json: [{path: '$.items', exists: true}]}},
];
