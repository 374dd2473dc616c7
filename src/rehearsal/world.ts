import {mkdir, mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, relative} from 'node:path';
import {type GitHubStandIn, startGitHub} from './github/stand-in.js';
import {makeKeys, type RehearsalKeys} from './keys.js';
import {type PostgresServer, startPostgres} from './postgres/server.js';
import type {SampleProduct} from './product/kind.js';
import {type Product, writeProduct} from './product/product.js';
import {shop} from './product/shop.js';
import type {ProductAddresses} from './product-config.js';
import {type RailwayStandIn, type RailwayStandInOptions, startRailway} from './railway/stand-in.js';
import {type S3StandIn, startS3} from './s3/stand-in.js';
import type {Scenario} from './scenario.js';
import {type SmtpStandIn, startSmtp} from './smtp/stand-in.js';
import {startVercel, type VercelStandIn, type VercelStandInOptions} from './vercel/stand-in.js';
import {startWebhooks, type WebhookStandIn} from './webhooks/stand-in.js';

/** Identifiers and secrets of the rehearsed product. The secrets open nothing but stand-ins on this machine. */
export const names = {
  owner: 'acme',
  repository: 'shop',
  vercelProject: 'prj_shop',
  vercelTeam: 'team_acme',
  railwayProject: '7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1a01',
  railwayEnvironment: '7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1a02',
  railwayService: '7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1a03',
  bucket: 'shop-backups',
  /** Of the second store, where a product has one. */
  secondBucket: 'shop-copies',
  /** The empty project that is made when the usual one is gone. */
  rebuiltProject: '7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1b01',
  rebuiltEnvironment: '7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1b02',
} as const;

export const secrets = {
  // Without hyphens: the Vercel command line refuses a token that has one.
  vercelToken: 'rehearsalVercelToken5f2c9a',
  railwayToken: 'rehearsal-railway-token-8d1e4b',
  rebuiltRailwayToken: 'rehearsal-rebuilt-token-3c7f19',
  githubToken: 'rehearsal-github-token-c07a31',
  accessKeyId: 'REHEARSALKEYID0001',
  secretAccessKey: 'rehearsal-secret-access-key-2b9d77',
  webhookKey: 'whsec_cmVoZWFyc2FsLXdlYmhvb2sta2V5LTRhMWY4ZA==',
  mailUser: 'watch',
  mailPassword: 'rehearsal-mail-password-91ce05',
} as const;

export interface WorldOptions {
  /** Default: the shop. */
  readonly sample?: SampleProduct;
  /** Keys of the configuration file that replace the usual ones. */
  readonly config?: Scenario['config'];
  /** GitHub's limits, for a world that sees more releases within a minute than a product does in a day. */
  readonly github?: {readonly hourlyLimit: number; readonly contentPerMinute: number};
  /** Of the product's database; default random. */
  readonly databasePassword?: string;
  /** Milliseconds that Vercel takes for its steps, where a rehearsal's usual ones are too short. */
  readonly vercelDelaysMs?: VercelStandInOptions['delaysMs'];
  /** The same for Railway. */
  readonly railwayDelaysMs?: RailwayStandInOptions['delaysMs'];
}

/** Everything a release touches, running on this machine. */
export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly postgres: PostgresServer;
  readonly databaseUrl: string;
  readonly s3: S3StandIn;
  readonly github: GitHubStandIn;
  readonly vercel: VercelStandIn;
  readonly railway: RailwayStandIn;
  readonly product: Product;
  readonly keys: RehearsalKeys;
  readonly sample: SampleProduct;
  /** Receivers of alerts: Slack and signed webhooks, mail. */
  readonly webhooks: WebhookStandIn;
  readonly mail: SmtpStandIn;
  readonly frontendUrl: string;
  readonly backendUrl: string;
  /** Servers that the PostgreSQL image was started as at Railway, in their order; the shop's first one is not among them. */
  readonly railwayDatabases: readonly PostgresServer[];
  close(): Promise<void>;
}

/**
 * Starts PostgreSQL and all stand-ins, writes the product's repository and puts version v1 live on both platforms.
 * @param parent folder below which everything is written; must lie under the repository, so that the product's packages resolve.
 */
export async function startWorld(parent: string, options: WorldOptions = {}): Promise<World> {
  await mkdir(parent, {recursive: true});
  const folder = await mkdtemp(join(parent, 'world-'));
  const opened: Array<() => Promise<void>> = [() => rm(folder, {recursive: true, force: true, maxRetries: 5})];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    return await build(folder, opened, close, options);
  } catch (error) {
    await close();
    throw error;
  }
}

function settled(config: WorldOptions['config'], at: ProductAddresses): Readonly<Record<string, unknown>> {
  return typeof config === 'function' ? config(at) : (config ?? {});
}

/** Starts one part and notes how it ends. */
type Start = <T extends {close(): Promise<void>}>(starting: Promise<T>) => Promise<T>;

async function build(
  folder: string,
  opened: Array<() => Promise<void>>,
  close: () => Promise<void>,
  options: WorldOptions,
): Promise<World> {
  const start: Start = async (starting) => {
    const part = await starting;
    opened.push(() => part.close());
    return part;
  };
  const sample = options.sample ?? shop;
  const {postgres, keys, s3, github, vercel, webhooks, mail} = await startServices(folder, start, options, sample);
  const databaseUrl = await postgres.createDatabase('shop');
  const repository = join(folder, 'repository');
  const frontendUrl = vercel.productionUrl(names.vercelProject);
  const railwayDatabases: PostgresServer[] = [];
  // Where it was when the world began: a canary gives the runs a folder that the server's own account cannot enter.
  const dir = tmpdir();
  const railway = await start(
    startRailway({
      ...railwayOptions(sample, folder, repository, databaseUrl, frontendUrl),
      startDatabase: async ({user, password, database}) => {
        const server = await start(startPostgres({dir, superuser: user, password, ssl: true}));
        if (database !== 'postgres') await server.createDatabase(database);
        railwayDatabases.push(server);
        return server;
      },
      ...(options.railwayDelaysMs && {delaysMs: options.railwayDelaysMs}),
    }),
  );
  const backendUrl = railway.serviceUrl(names.railwayService);
  const addresses = {
    vercelApi: vercel.url,
    vercelProject: names.vercelProject,
    vercelTeam: names.vercelTeam,
    frontend: frontendUrl,
    railwayApi: railway.url,
    railwayService: 'api',
    backend: backendUrl,
    s3: s3.url,
    bucket: names.bucket,
  };
  const product = await writeProduct({
    dir: repository,
    apiUrl: backendUrl,
    sample,
    files: {
      '.github/switchback.yml': sample.config(addresses, settled(options.config, addresses)),
      'keys/backup.asc': keys.publicKey,
      'keys/mail.pem': mail.certificate,
    },
  });
  await Promise.all([
    railway.seedLive(names.railwayService, product.commits.v1),
    vercel.seed({
      projectId: names.vercelProject,
      files: await filesBelow(join(product.dir, 'frontend')),
      promoted: true,
      commit: product.commits.v1,
    }),
  ]);
  return {
    folder,
    postgres,
    databaseUrl,
    s3,
    github,
    vercel,
    railway,
    product,
    keys,
    sample,
    webhooks,
    mail,
    frontendUrl,
    backendUrl,
    railwayDatabases,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function startServices(folder: string, start: Start, options: WorldOptions, {build}: SampleProduct) {
  const token = {
    token: secrets.githubToken,
    permissions: {contents: 'read', deployments: 'write', issues: 'write'},
  } as const;
  const starting = {
    postgres: start(startPostgres(options.databasePassword === undefined ? {} : {password: options.databasePassword})),
    s3: start(
      startS3({
        accessKeyId: secrets.accessKeyId,
        secretAccessKey: secrets.secretAccessKey,
        buckets: [names.bucket, names.secondBucket],
        dir: join(folder, 's3'),
      }),
    ),
    github: start(startGitHub({owner: names.owner, repo: names.repository, tokens: [token], ...options.github})),
    vercel: start(
      startVercel({
        token: secrets.vercelToken,
        team: {id: names.vercelTeam, slug: names.owner},
        projects: [{id: names.vercelProject, name: names.repository, ...(build && {build})}],
        ...(options.vercelDelaysMs && {delaysMs: options.vercelDelaysMs}),
      }),
    ),
  };
  const alerts = {
    webhooks: start(startWebhooks({secret: secrets.webhookKey})),
    mail: start(startSmtp({users: [{user: secrets.mailUser, password: secrets.mailPassword}]})),
  };
  // All are waited for before a failure of one is thrown, so that none is left running unnoticed.
  await Promise.allSettled([...Object.values(starting), ...Object.values(alerts)]);
  return {
    postgres: await starting.postgres,
    s3: await starting.s3,
    github: await starting.github,
    vercel: await starting.vercel,
    keys: await makeKeys(),
    webhooks: await alerts.webhooks,
    mail: await alerts.mail,
  };
}

function railwayOptions(
  {backend, variables}: SampleProduct,
  folder: string,
  repository: string,
  databaseUrl: string,
  frontendUrl: string,
): RailwayStandInOptions {
  return {
    tokens: {project: secrets.railwayToken},
    projectId: names.railwayProject,
    environmentId: names.railwayEnvironment,
    services: [
      {
        id: names.railwayService,
        name: 'api',
        repo: {fullName: `${names.owner}/${names.repository}`, path: repository, branch: 'main'},
        folder: backend.folder,
        variables: {...variables, DATABASE_URL: databaseUrl, ALLOWED_ORIGINS: frontendUrl},
        healthcheckPath: backend.healthcheckPath,
        healthcheckTimeoutS: backend.healthcheckTimeoutS,
        drainingSeconds: backend.drainingSeconds,
        preDeployCommand: backend.preDeployCommand,
        startCommand: backend.startCommand,
      },
    ],
    workDir: join(folder, 'railway'),
  };
}

async function filesBelow(folder: string): Promise<Record<string, Buffer>> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const)),
  );
}
