import {productConfig} from '../product-config.js';
import type {SampleProduct, Versions} from './kind.js';

const versions = {
  /** Good. */
  v1: null,
  /** Good: one more compatible migration and a visible change. */
  v2: 'v1',
  /** The page is an error page and its script is missing; the backend is good. */
  'bad-frontend': 'v2',
  /** The backend exits at start. */
  'bad-backend': 'v2',
  /** Passes every check of a candidate; each visit of the new page costs the backend one of its five connections. */
  'bad-after-promotion': 'v2',
  /** Each visit of the new page makes the next one slower. */
  'slow-leak': 'v2',
  /** Renames a column that the versions before need, and its own code is broken too. */
  'breaking-migration': 'v2',
  /** As bad-after-promotion, with a migration that no grammar can judge; the versions before live with it. */
  'opaque-migration': 'bad-after-promotion',
} as const satisfies Versions;

/** The page's one build step: the backend that the project's variable names takes the place of the one in the files. */
async function withBackend(
  sources: ReadonlyMap<string, Buffer>,
  _deploymentId: string,
  {BACKEND_URL: url}: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, Buffer>> {
  const config = sources.get('config.js');
  if (!url || !config) return sources;
  const text = config.toString().replace(/"api": "[^"]*"/, `"api": ${JSON.stringify(url)}`);
  return new Map(sources).set('config.js', Buffer.from(text));
}

/** A static page that calls a small Node service: nothing to install or build, so that a rehearsal starts at once. */
export const shop = {
  name: 'shop',
  folder: 'files',
  versions,
  values: {},
  backend: {
    folder: 'backend',
    preDeployCommand: ['node', 'migrate.mjs'],
    startCommand: ['node', 'server.mjs'],
    healthcheckPath: '/api/health',
    healthcheckTimeoutS: 3,
    drainingSeconds: 0,
  },
  variables: {},
  build: withBackend,
  checkSecrets: '',
  visitEveryMs: 40,
  config: productConfig,
} as const satisfies SampleProduct;
