import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {Failure} from '../../src/kernel/errors.js';
import type {PlatformCall} from '../../src/platforms/platform.js';
import {type Construction, openConstruction} from '../../src/platforms/railway/construction.js';
import {openRailway, type Settings} from '../../src/platforms/railway/railway.js';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';
import type {RailwayStandInOptions, RunningDatabase, WantedDatabase} from '../../src/rehearsal/railway/options.js';
import {type RailwayStandIn, startRailway} from '../../src/rehearsal/railway/stand-in.js';
import {fastDelays, workFolder} from './railway-stand-in.fixture.js';

/** A product that runs on one project, and an empty second project to build it in again. */

export const oldToken = 'token-of-the-old-project';
export const newToken = 'token-of-the-new-project';
export const newWorkspaceToken = 'token-of-the-new-workspace';
export const owner = 'recovery-1';
export const newPlace = {projectId: 'project-2', environmentId: 'environment-2', name: 'shop-again'};

/** Answers with its commit and the number of rows it finds in its database. */
const server = `
import {createServer} from 'node:http';
import pg from 'pg';
createServer(async (request, response) => {
  const client = new pg.Client({connectionString: process.env.DATABASE_URL});
  try {
    await client.connect();
    const {rows} = await client.query('SELECT count(*)::int AS items FROM items');
    response.writeHead(200, {'content-type': 'application/json'});
    response.end(JSON.stringify({commit: process.env.RAILWAY_GIT_COMMIT_SHA, items: rows[0].items, greeting: process.env.GREETING}));
  } catch (error) {
    response.writeHead(500).end(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}).listen(process.env.PORT, '127.0.0.1');
`;

const migration = `
import pg from 'pg';
const client = new pg.Client({connectionString: process.env.DATABASE_URL});
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY)');
await client.end();
`;

export interface Ground extends AsyncDisposable {
  readonly railway: RailwayStandIn;
  readonly commit: string;
  /** Every secret the construction told of. */
  readonly masked: string[];
  /** Lines it logged. */
  readonly lines: string[];
  /** Database servers that were started, in order. */
  readonly databases: WantedDatabase[];
  call(signal?: AbortSignal): PlatformCall;
  /** A construction that knows nothing of earlier ones. */
  open(token?: string, place?: {project?: string; environment?: string}): Construction;
  openBackend(token: string): ReturnType<typeof openRailway>;
  /** The old project goes, an empty new one takes its place. */
  replaceProject(): Promise<void>;
}

/** A port that takes connections: enough of a database where nobody logs in. */
async function pretendedDatabase(): Promise<RunningDatabase> {
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', () => resolve()));
  const address = listener.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close: () => new Promise((resolve) => listener.close(() => resolve())),
  };
}

export async function realDatabase({user, password, database}: WantedDatabase): Promise<RunningDatabase> {
  const postgres = await startPostgres({superuser: user, password, ssl: true});
  await postgres.createDatabase(database);
  return postgres;
}

export async function startGround(
  database: (wanted: WantedDatabase) => Promise<RunningDatabase> = pretendedDatabase,
  options: Partial<RailwayStandInOptions> = {},
): Promise<Ground> {
  const folder = workFolder();
  const repository = join(folder, 'repository');
  const commit = writeRepository(repository);
  const databases: WantedDatabase[] = [];
  const railway = await startRailway({
    tokens: {project: oldToken},
    projectId: 'project-1',
    environmentId: 'environment-1',
    workDir: join(folder, 'work'),
    repositories: [{fullName: 'acme/shop', path: repository, branch: 'main'}],
    startDatabase: (wanted) => {
      databases.push(wanted);
      return database(wanted);
    },
    delaysMs: fastDelays,
    ...options,
    services: [
      {
        id: 'service-api',
        name: 'api',
        repo: {fullName: 'acme/shop', path: repository, branch: 'main'},
        folder: 'app',
        startCommand: ['node', 'server.mjs'],
        preDeployCommand: ['node', 'migrate.mjs'],
        healthcheckPath: '/health',
        healthcheckTimeoutS: 5,
        overlapSeconds: 1,
        drainingSeconds: 2,
        restartPolicyMaxRetries: 3,
        watchPatterns: ['app/**'],
        customDomains: ['api.shop.example'],
        variables: {
          GREETING: '${{shared.WORD}}',
          DATABASE_URL: 'postgres://gone.invalid/shop',
          API_KEY: 'own-secret-value',
        },
      },
    ],
    sharedVariables: {WORD: 'shared-secret-value'},
  });
  const masked: string[] = [];
  const lines: string[] = [];
  const mask = (value: string) => void masked.push(value);
  return {
    railway,
    commit,
    masked,
    lines,
    databases,
    call: (signal = new AbortController().signal) => ({signal, progress: (line) => void lines.push(line)}),
    open: (token = newToken, place = {}) =>
      openConstruction({token, apiUrl: railway.url, pollMs: 20, ...place}, {mask}),
    openBackend: (token) => openRailway({token, service: 'api', apiUrl: railway.url, pollMs: 50}, {mask}),
    replaceProject: async () => {
      await railway.deleteProject();
      railway.createProject({...newPlace, tokens: {project: newToken, workspace: newWorkspaceToken}});
      railway.requests.length = 0;
    },
    [Symbol.asyncDispose]: async () => {
      await railway.close();
      rmSync(folder, {recursive: true, force: true});
    },
  };
}

/** Settings of a backend as a backup keeps them. */
export const settings: Settings = {
  service: {
    serviceName: 'api',
    source: {repo: 'acme/shop', image: null},
    builder: 'RAILPACK',
    buildCommand: null,
    rootDirectory: 'app',
    startCommand: 'node server.mjs',
    preDeployCommand: null,
    healthcheckPath: '/health',
    healthcheckTimeout: 5,
    numReplicas: 1,
    restartPolicyType: 'ON_FAILURE',
    restartPolicyMaxRetries: 3,
    sleepApplication: false,
    watchPatterns: [],
  },
  domains: [{domain: 'api-x1.up.railway.app', kind: 'service', targetPort: null}],
  variables: {GREETING: '${{shared.WORD}}', DATABASE_URL: '${{Postgres.DATABASE_URL}}', RAILWAY_SERVICE_ID: 'old'},
  sharedVariables: {WORD: 'shared-secret-value'},
  sealed: [],
};

/** All of a product, as a recovery builds it. */
export async function buildAll(construction: Construction, call: PlatformCall) {
  const database = await construction.database({name: 'Postgres', major: 16, owner}, {...call, timeoutMs: 60_000});
  const {variables, sharedVariables} = settings;
  const service = await construction.service({name: 'api', settings, variables, sharedVariables, owner}, call);
  const domains = await construction.domains(service.serviceId, settings.domains, call);
  return {database, service, domains};
}

/** The failure that a promise must end in. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw error;
}

function writeRepository(folder: string): string {
  mkdirSync(join(folder, 'app'), {recursive: true});
  writeFileSync(join(folder, 'app/server.mjs'), server);
  writeFileSync(join(folder, 'app/migrate.mjs'), migration);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args], {
      cwd: folder,
      env: {PATH: process.env.PATH, HOME: folder, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1'},
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'first');
  return git('rev-parse', 'HEAD');
}
