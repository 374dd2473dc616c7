import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {parse, stringify} from 'yaml';
import type {ProductAddresses} from '../product-config.js';
import type {SampleProduct, VersionName, Versions} from './kind.js';
import {filesBelow, installBackend, installFrontend} from './next-flask-tools.js';
import {sources} from './product.js';
import {openSigner} from './session-token.js';

export const nextFlaskVersions = {
  /** Good. */
  v1: null,
  /** Good: one more compatible migration and a visible change. */
  v2: 'v1',
  /** The page has lost its catalogue; it builds, and the backend is good. */
  'bad-frontend': 'v2',
  /** Any signed-in user sees any organisation's items. */
  'bad-tenant-isolation': 'v2',
} as const satisfies Versions;

const issuer = 'https://clerk.stock.example';
const organisations = {own: 'org_check', foreign: 'org_other'};

/**
 * The usual stack: Next.js with Clerk, Flask with gunicorn and PostgreSQL. Dependencies are installed and every version
 * is built by Next.js itself before the rehearsal begins; sign-in is played by tokens of a key made for this run.
 * @throws Failure NEXT_FLASK in one line when the machine cannot run it.
 */
export async function prepareNextFlask(cache: string, tell: (line: string) => void): Promise<SampleProduct> {
  const folder = join(await sources(), 'next-flask');
  const frontend = join(folder, 'base', 'frontend');
  const programs = await installBackend(cache, join(folder, 'base', 'backend', 'requirements.txt'), tell);
  const build = await installFrontend(cache, frontend, tell);
  for (const name of Object.keys(nextFlaskVersions) as Array<keyof typeof nextFlaskVersions>) {
    tell(`frontend ${name}`);
    await build(await frontendOf(folder, name), '');
  }
  const configuration = await readFile(join(folder, 'base', '.github', 'switchback.yml'), 'utf8');
  const signer = openSigner(issuer);
  const own = signer.token('user_check', organisations.own);
  return {
    name: 'next-flask',
    folder: 'next-flask',
    versions: nextFlaskVersions,
    values: {__ORGANISATION__: organisations.own, __TOKEN__: own},
    backend: {
      folder: 'backend',
      preDeployCommand: [join(programs, 'python'), 'migrate.py'],
      startCommand: [join(programs, 'gunicorn'), 'wsgi:app'],
      healthcheckPath: '/api/health',
      healthcheckTimeoutS: 30,
      drainingSeconds: 10,
    },
    variables: {
      CLERK_JWT_KEY: signer.publicKey,
      CLERK_ISSUER: issuer,
      HOST: '127.0.0.1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    build,
    checkSecrets: `OWN_TOKEN=${own}\nFOREIGN_TOKEN=${signer.token('user_other', organisations.foreign)}\n`,
    // A visit of it is a dozen requests: a page, its scripts and a call.
    visitEveryMs: 400,
    config: (at, more) => configOf(configuration, at, more),
  };
}

async function frontendOf(folder: string, name: VersionName): Promise<Map<string, Buffer>> {
  const files = await layers(folder, name);
  return new Map(
    [...files].map(([path, text]) => [path, Buffer.from(text.toString().replaceAll('__VERSION__', name))]),
  );
}

/** The sources of one version, laid over its parent's. */
async function layers(folder: string, name: VersionName): Promise<Map<string, Buffer>> {
  const parent = (nextFlaskVersions as Versions)[name];
  const below = parent ? await layers(folder, parent) : new Map<string, Buffer>();
  const own = await filesBelow(join(folder, parent ? `versions/${name}` : 'base', 'frontend')).catch(() => new Map());
  return new Map([...below, ...own]);
}

/** The product's own file with the stand-ins' addresses, and a gate as strict as its own that asks faster. */
function configOf(text: string, at: ProductAddresses, more: Readonly<Record<string, unknown>>): string {
  const file = parse(text) as {
    frontend: object;
    backend: object;
    backup: {storage: object};
    checks: ReadonlyArray<{kind?: string}>;
  };
  return stringify({
    ...file,
    frontend: {
      ...file.frontend,
      project: at.vercelProject,
      team: at.vercelTeam,
      url: at.frontend,
      'api-url': at.vercelApi,
      'deploy-timeout': '60s',
    },
    backend: {
      ...file.backend,
      service: at.railwayService,
      url: at.backend,
      'api-url': at.railwayApi,
      'deploy-timeout': '60s',
    },
    gate: {interval: '50ms', 'min-duration': '1s', 'max-duration': '30s', 'warm-up': '2s'},
    checks: file.checks.map((check) => (check.kind === 'cors' ? {...check, origin: at.frontend} : check)),
    backup: {
      ...file.backup,
      storage: {...file.backup.storage, bucket: at.bucket, endpoint: at.s3, region: 'us-east-1', 'path-style': true},
    },
    ...more,
  });
}
