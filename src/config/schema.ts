import * as z from 'zod';
import {parseBytes} from '../kernel/bytes.js';
import {parseDuration} from '../kernel/duration.js';

/**
 * The one schema of `.github/switchback.yml`: validation, TypeScript types and the editors' JSON Schema come from it.
 * Secrets never stand in the file: where one is needed it names an environment variable (`…-env`).
 */

// A file is read once a run: compiling its checks takes longer than making them, and needs code made at run time.
z.config({jitless: true});

// Built once and described many times: building is what a start of every action pays for.
const durationText = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, {
    message: 'is not a duration; write a number with its unit: 500ms, 10s, 2m, 1h30m, 7d',
  })
  .transform((text) => parseDuration(text)!);
const duration = (doc: string) => durationText.describe(doc);

const shareText = z
  .string()
  .regex(/^\d+(\.\d+)?\s*%$/, {message: 'is not a percentage; write it like 1% or 0.5%'})
  .transform((text) => Number.parseFloat(text) / 100)
  .refine((value) => value <= 1, {message: 'is more than 100%'});
const share = (doc: string) => shareText.describe(doc);

const sizeText = z
  .string()
  .refine((text) => parseBytes(text) !== undefined, {
    message: 'is not a size; write a number with its unit: 512kB, 16MiB, 1GB',
  })
  .transform((text) => parseBytes(text)!);
const size = (doc: string) => sizeText.describe(doc);

const webAddress = z
  .string()
  .refine(isWebUrl, {message: 'is not an http or https address without credentials, such as https://shop.example'})
  .transform((text) => text.replace(/\/+$/, ''));
const webUrl = (doc: string) => webAddress.describe(doc);

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && !url.username && !url.password;
}

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {message: 'is not the name of an environment variable'});
const variableName = (doc: string) => variable.describe(doc);
const names = (doc: string) => z.array(variableName('a variable name')).describe(doc);
const pathInside = z
  .string()
  .min(1)
  .refine((text) => !text.startsWith('/') && !text.split('/').includes('..'), {
    message: 'must be a path inside the repository, without a leading slash and without ".."',
  });
const relativePath = (doc: string) => pathInside.describe(doc);

const frontend = z.strictObject({
  platform: z.literal('vercel').default('vercel').describe('Where the frontend runs.'),
  project: z.string().min(1).describe('Vercel project: its id (prj_…) or its name.'),
  team: z
    .string()
    .min(1)
    .optional()
    .describe('Vercel team: its id (team_…) or slug. Needed unless the project is personal.'),
  path: relativePath('Folder that is deployed, from the root of the repository.').default('.'),
  'root-directory': relativePath(
    'Root Directory set on the Vercel project; the upload then starts at `path`.',
  ).optional(),
  prebuilt: z
    .boolean()
    .default(false)
    .describe('Upload `.vercel/output` made by `vercel build --prod` instead of the sources.'),
  url: webUrl('Address that users open.'),
  hosts: z
    .array(z.string().min(1))
    .optional()
    .describe('Production hosts to move and to read back. Default: the verified production domains of the project.'),
  'required-variables': names('Variables that must exist for production before a release starts.').default([]),
  'backend-variables': z
    .record(variable, z.string().includes('{', {message: 'must hold `{url}` or `{host}`'}))
    .optional()
    .describe(
      "Variables of the Vercel project that tell a build the backend's address, with `{url}` or `{host}` where it stands: `NEXT_PUBLIC_API_URL: '{url}'`. A rebuild that gives the backend a new address sets them.",
    ),
  'api-url': webUrl('Vercel API address; only for proxies and rehearsals.').default('https://api.vercel.com'),
  'deploy-timeout': duration('Longest wait for a deployment to end.').default(1_200_000),
});

const backend = z.strictObject({
  platform: z.literal('railway').default('railway').describe('Where the backend runs.'),
  project: z.string().min(1).optional().describe('Railway project id. Not needed with a project token.'),
  environment: z
    .string()
    .min(1)
    .optional()
    .describe('Railway environment id or name. Not needed with a project token.'),
  service: z.string().min(1).describe('Railway service: its id, its name, or its dashboard address.'),
  source: z
    .enum(['commit', 'image', 'upload'])
    .default('commit')
    .describe('What is deployed: the commit of the connected repository, an image, or an upload of `path`.'),
  image: z
    .string()
    .min(1)
    .optional()
    .describe('Image reference for `source: image`; `{commit}` is replaced by the SHA.'),
  path: relativePath('Folder for `source: upload`.').default('.'),
  url: webUrl('Public address of the service.'),
  'required-variables': names('Variables that must exist before a release starts.').default([]),
  'auto-deploy': z
    .enum(['refuse', 'warn', 'allow'])
    .default('warn')
    .describe('What to do when Railway would deploy each push by itself, outside the gate.'),
  'api-url': webUrl('Railway API address; only for proxies and rehearsals.').default('https://backboard.railway.com'),
  'deploy-timeout': duration('Longest wait for a deployment to end.').default(1_200_000),
});

const programs = (doc: string) =>
  z
    .union([z.array(z.string().min(1)).min(1), z.array(z.array(z.string().min(1)).min(1)).min(1)], {
      error: 'it must be a program with its arguments, such as [node, smoke.mjs], or a list of such',
    })
    .transform((given): string[][] => (typeof given[0] === 'string' ? [given as string[]] : (given as string[][])))
    .describe(doc);

const trial = z.strictObject({
  source: z
    .enum(['set', 'database'])
    .default('set')
    .describe('What is copied: the newest set (needs the private key), or the live database itself.'),
  apply: programs(
    'Program and arguments, or a list of such, run without a shell in the checked-out release, that apply its migrations. Default: the plain SQL of the migrations, in their order.',
  ).optional(),
  smoke: programs(
    'Program and arguments, or a list of such, run without a shell in a fresh checkout of the live commit: old code that ends with 0 when it can work with the database.',
  ).optional(),
  'url-env': variableName('Environment variable that holds the address of the copy for both.').default('DATABASE_URL'),
  env: names(
    'Further environment variables that both may see; by default they get none that could hold a secret.',
  ).default([]),
  timeout: duration('Longest time for the whole trial.').default(1_800_000),
});

const database = z.strictObject({
  'url-env': variableName('Environment variable that holds the database address.').default('DATABASE_URL'),
  migrations: relativePath('Folder with the migrations. Default: the usual places of the usual tools.').optional(),
  'migrations-command': z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Program and arguments, run without a shell, that print the SQL of the migrations between `{from}` and `{to}` (commits); for migrations that are programs.',
    ),
  trial: trial.optional().describe('Trying the migrations of a release on a copy before it goes live.'),
  'expected-tables': z
    .array(z.string().min(1))
    .default([])
    .describe('Tables, as schema.name, without which a backup is refused.'),
});

const jsonRule = z
  .strictObject({
    path: z.string().min(1).describe('JSONPath (RFC 9535), such as $.status.'),
    equals: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional().describe('What the value must be.'),
    matches: z.string().optional().describe('Regular expression the value must match.'),
    exists: z.boolean().optional().describe('true: something must be selected; false: nothing may be.'),
    'less-than': z.number().optional().describe('The value must be a number below this.'),
    'more-than': z.number().optional().describe('The value must be a number above this.'),
  })
  .describe('One rule about the JSON answer.');

const expectation = z.strictObject({
  status: z
    .union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).min(1)])
    .optional()
    .describe('Allowed status codes. Default: 200 to 299.'),
  text: z.string().min(1).optional().describe('Text the body must contain.'),
  'not-text': z.string().min(1).optional().describe('Text the body must not contain.'),
  json: z.array(jsonRule).optional().describe('Rules about a JSON body; all must hold.'),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .describe('Headers that must be there; a value between slashes is a regular expression.'),
  redirect: z.string().optional().describe('Address the answer must redirect to.'),
  commit: z
    .strictObject({
      header: z.string().optional().describe('Name of the header that carries it.'),
      json: z.string().optional().describe('JSONPath of the value that is it.'),
    })
    .optional()
    .describe("Where the answer tells the commit it was built from; it must be this release's."),
});

const authentication = z.strictObject({
  kind: z.enum(['bearer', 'basic', 'header']).describe('How the secret is sent.'),
  env: variableName('Environment variable that holds the secret.'),
  header: z.string().optional().describe('Header name, for kind header.'),
});

const request = {
  path: z
    .string()
    .startsWith('/', {message: 'must start with a slash'})
    .optional()
    .describe('Path below the address of the target.'),
  url: webUrl('Absolute address, instead of target and path.').optional(),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .optional()
    .describe('Method of the request. Default: GET.'),
  headers: z.record(z.string(), z.string()).optional().describe('Headers that are sent. Secrets belong into `auth`.'),
  body: z.string().optional().describe('Body that is sent.'),
  auth: authentication.optional().describe('Secret that is sent, by the name of its variable.'),
  expect: expectation.optional().describe('What a good answer is.'),
} as const;

const check = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9 ._-]{0,60}$/i, {
      message: 'must be letters, digits, spaces, dots, dashes, at most 61 characters',
    })
    .describe('Unique name, shown in verdicts and alerts.'),
  kind: z
    .enum(['http', 'tls', 'dns', 'tcp', 'websocket', 'postgres', 'cors', 'tenant', 'sequence'])
    .default('http')
    .describe('How it is asked: a request, a contract between two sides, a database, or several requests in a row.'),
  target: z
    .enum(['frontend', 'backend', 'database'])
    .default('backend')
    .describe('Component that is asked, and that the check speaks for.'),
  ...request,
  host: z.string().optional().describe('Host, for kinds tls, dns and tcp.'),
  port: z.int().min(1).max(65_535).optional().describe('Port, for kinds tls and tcp.'),
  origin: z.string().optional().describe('Origin that must be allowed, for kind cors.'),
  'foreign-auth': authentication
    .optional()
    .describe('Token of another organisation, for kind tenant: it must be refused.'),
  'min-days': z.number().min(0).optional().describe('Days a certificate must still be valid, for kind tls.'),
  query: z.string().optional().describe('SQL that returns one row, for kind postgres.'),
  'url-env': variableName('Environment variable with the database address, for kind postgres.').optional(),
  'migration-head': z.string().optional().describe('Expected newest migration, for kind postgres.'),
  steps: z
    .array(
      z.strictObject({
        name: z.string().optional().describe('Shown when this step fails.'),
        ...request,
        save: z
          .record(z.string(), z.string())
          .optional()
          .describe('Name to JSONPath: values for later steps, used as {name}.'),
      }),
    )
    .optional()
    .describe('Requests one after the other, for kind sequence.'),
  'max-latency': duration('Slower answers count against the latency objective.').optional(),
  timeout: duration('Longest wait for one answer.').optional(),
  severity: z
    .enum(['critical', 'advisory'])
    .default('critical')
    .describe('An advisory check is shown and alerted, but never rolls back.'),
  weight: z
    .number()
    .positive()
    .optional()
    .describe('How much its evidence counts beside the other checks. Default: 1.'),
  stages: z
    .array(z.enum(['candidate', 'live', 'monitor']))
    .optional()
    .describe('Where the check runs. Default: everywhere.'),
});

const gate = z.strictObject({
  'max-error-rate': share('A release failing at most this share of probes must not be failed.').optional(),
  'unhealthy-error-rate': share('A release failing at least this share must not be passed.').optional(),
  confidence: share('Both promises hold in at least this share of deployments.').optional(),
  'max-latency': duration('The latency quantile must stay below this.').optional(),
  'latency-quantile': z
    .enum(['p50', 'p90', 'p95', 'p99'])
    .optional()
    .describe('Quantile that `max-latency` speaks of. Default: p95.'),
  'latency-tolerance': share('How much slower than the previous release is still fine.').optional(),
  compare: z.string().optional().describe('auto, off, or the address of a baseline.'),
  'min-duration': duration('Earliest pass.').optional(),
  'max-duration': duration('Latest verdict.').optional(),
  'min-probes': z.int().min(1).optional().describe('Fewest probes of each check before a pass.'),
  interval: duration('Pace of the rounds.').optional(),
  'control-url': webUrl('An unrelated target; a round in which it fails is void.').optional(),
  'warm-up': duration('Not judged before the first success, at most this long.').optional(),
  'burst-guard': z
    .union([share('How likely the next probe of a healthy service may fail right after a failure.'), z.literal('off')])
    .optional()
    .describe('How likely the next probe of a healthy service may fail right after a failure. Default: 50%.'),
  'on-timeout': z
    .enum(['inconclusive', 'pass', 'fail'])
    .optional()
    .describe('What an undecided gate reports at its time limit. Default: inconclusive.'),
  'traffic-metrics': z
    .enum(['auto', 'off'])
    .optional()
    .describe("Also judge the users' own requests as the platform counts them. Default: auto."),
  rule: z
    .enum(['evidence', 'consecutive', 'failure-limit', 'window'])
    .optional()
    .describe('The rule that decides. Only `evidence` promises anything. Default: evidence.'),
});

const storage = z.strictObject({
  type: z.enum(['s3', 'local', 'rclone']).default('s3').describe('Kind of store.'),
  bucket: z.string().min(1).optional().describe('Bucket, for type s3.'),
  prefix: z
    .string()
    .regex(/^[a-z0-9/_-]*$/i, {message: 'may hold letters, digits, dashes, underscores and slashes'})
    .default('switchback')
    .describe('What every key begins with.'),
  endpoint: webUrl('Address of an S3-compatible store. Default: AWS.').optional(),
  region: z.string().default('us-east-1').describe('Region of the bucket.'),
  'path-style': z.boolean().default(false).describe('Bucket in the path instead of the host name.'),
  folder: z.string().optional().describe('Folder, for type local.'),
  remote: z.string().optional().describe('Remote and path, for type rclone.'),
  lock: duration(
    'Nothing of a set can be removed or replaced for so long, by nobody; needs a bucket with object lock.',
  ).optional(),
  'lock-mode': z
    .enum(['governance', 'compliance'])
    .default('governance')
    .describe(
      "A governance lock can be lifted with a right of its own, a compliance lock not even by the account's owner.",
    ),
  encryption: z
    .enum(['AES256', 'aws:kms'])
    .optional()
    .describe("Encryption on the store's side too, beside ours. Default: what the bucket does by itself."),
  'kms-key': z.string().min(1).optional().describe('Key for encryption aws:kms. Default: the AWS managed key.'),
});

const retention = z.strictObject({
  'keep-last': z.int().min(0).default(7).describe('So many of the newest sets are kept.'),
  hourly: z.int().min(0).default(0).describe('The newest set of each of so many hours is kept.'),
  daily: z.int().min(0).default(30).describe('The newest set of each of so many days is kept.'),
  weekly: z.int().min(0).default(8).describe('The newest set of each of so many weeks is kept.'),
  monthly: z.int().min(0).default(12).describe('The newest set of each of so many months is kept.'),
  yearly: z.int().min(0).default(0).describe('The newest set of each of so many years is kept.'),
  'keep-within': duration('Every set younger than this is kept.').default(30 * 86_400_000),
  'min-verified': z.int().min(1).default(3).describe('Verified sets kept whatever their age.'),
});

const backup = z.strictObject({
  storage: storage.describe('Where the sets are stored.'),
  also: storage
    .optional()
    .describe('A second store, with another provider: every set is copied there after its seal, with keys of its own.'),
  recipients: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Public keys: paths of armored files in the repository.'),
  'passphrase-env': variableName(
    'Environment variable with a passphrase instead of public keys; the runner can then read what it stores.',
  ).optional(),
  'signing-key-env': variableName('Environment variable with the key that signs manifests.').optional(),
  'signed-by': z.array(z.string().min(1)).optional().describe('Public keys that may have signed a manifest.'),
  schedule: duration('How old the newest verified set may get before an alarm.').default(26 * 3_600_000),
  assets: z
    .array(relativePath('Folder to include.'))
    .default([])
    .describe('Folders of the repository to include, such as uploads.'),
  configuration: z.boolean().default(true).describe('Include platform settings and variables, always encrypted.'),
  'part-size': size('Size of an upload part.').optional(),
  retention: retention.optional().describe('Which sets stay when retention runs; without it these defaults hold.'),
});

const maintenance = z.strictObject({
  page: relativePath('HTML file shown instead of the frontend. Default: a plain page.').optional(),
  message: z
    .string()
    .min(1)
    .max(500)
    .default('We are working on it and will be back shortly.')
    .describe("Text of the default page, and of the backend's answer."),
  'retry-after': duration('What Retry-After tells visitors of the frontend.').default(600_000),
  'open-paths': z
    .array(z.string().startsWith('/'))
    .max(20)
    .default([])
    .describe('Paths of the backend that stay open, such as its health path.'),
  for: duration('When maintenance that nobody lifted counts as forgotten.').default(7_200_000),
});

const objectives = z.strictObject({
  rto: duration('Longest time from the first bad answer to restored and verified.').default(300_000),
  rpo: duration('Largest loss of data that is acceptable, in time.').default(86_400_000),
});

const release = z.strictObject({
  'promote-order': z
    .enum(['backend-first', 'frontend-first'])
    .default('backend-first')
    .describe('Backend first suits additive interface changes; it is the safe default.'),
  'backup-before': z
    .boolean()
    .default(true)
    .describe('A release wants a backup before it: preflight asks for one where a database is described.'),
  'allow-missing-anchor': z
    .array(z.enum(['frontend', 'backend']))
    .default([])
    .describe('Components that may have no way back, such as on the very first release.'),
});

const ledger = z.strictObject({
  store: z
    .enum(['github', 'file'])
    .default('github')
    .describe('Where the history of releases is kept: GitHub Deployments, or a file.'),
  file: z.string().default('.switchback/ledger.jsonl').describe('Path of the file, for store file.'),
  environment: z.string().min(1).default('production').describe('Environment of the GitHub Deployments.'),
});

const componentName = z.enum(['frontend', 'backend', 'database']);
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, {message: 'is not a time of day such as 22:00'});

const monitor = z.strictObject({
  interval: duration('Pace of the rounds, and how long one round vouches for.').default(300_000),
  confirmations: z
    .int()
    .min(0)
    .max(20)
    .default(5)
    .describe('Closer looks after an outcome that contradicts what is believed.'),
  'confirm-every': duration('Pause between two closer looks.').default(5_000),
  'rounds-per-false-alarm': z
    .int()
    .min(100)
    .default(525_600)
    .describe('A healthy service is probed at least so often between two false alarms, on average: a year of minutes.'),
  objective: share('Share of probes that shall succeed; the error budget is the rest.').default(0.999),
  window: duration('Span of the error budget.').default(30 * 86_400_000),
  'max-latency': duration('Slower answers count against the latency objective.').optional(),
  'control-url': webUrl('An unrelated address: a round in which it fails too is void.').optional(),
  history: z
    .strictObject({
      type: z.enum(['folder', 'branch', 'bucket']).default('branch').describe('Kind of place.'),
      folder: relativePath('Folder, for type folder.').default('.switchback/monitor'),
      branch: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,100}$/)
        .default('switchback-monitor')
        .describe('Branch, for type branch.'),
    })
    .prefault({})
    .describe('Where the history lies; type bucket uses the store of the backups.'),
  'keep-rounds': duration('Single rounds are kept this long.').default(7 * 86_400_000),
  'keep-minutes': duration('Spans of five minutes are kept this long.').default(35 * 86_400_000),
  'keep-hours': duration('Hours are kept this long.').default(400 * 86_400_000),
  'max-blind': duration('Nobody looked for longer than this: the next run raises an alarm about itself.').default(
    2 * 3_600_000,
  ),
  'certificate-min-days': z
    .int()
    .min(1)
    .max(365)
    .default(14)
    .describe('Certificates of the https addresses must last so many more days.'),
  'after-release': z
    .strictObject({
      for: duration('So long after a change of production; 0s: never.').default(600_000),
      every: duration('Pace of the closer rounds, which are evidence and do not count for availability.').default(
        20_000,
      ),
    })
    .prefault({})
    .describe('Closer rounds after each release and rollback.'),
  'heartbeat-env': variableName(
    "Variable with an address that is told after each round, such as a dead man's switch: it alarms when the monitor itself is dead.",
  ).optional(),
  'drill-max-age': duration('How old the newest restore drill may get before an alarm.').default(8 * 86_400_000),
  page: relativePath('Folder of the status page.').default('status'),
  refresh: duration('How often the open page looks for news.').default(30_000),
  mutes: z
    .array(
      z.strictObject({
        from: z.iso.datetime().describe('Begin, such as 2026-12-01T22:00:00Z.'),
        until: z.iso.datetime().describe('End.'),
        components: z.array(componentName).default([]).describe('Default: all.'),
      }),
    )
    .default([])
    .describe('Maintenance: no alerts between these times.'),
});

const channel = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('slack').describe('A channel of Slack.'),
    'url-env': variableName('Variable with the incoming webhook address.'),
  }),
  z.strictObject({
    type: z.literal('email').describe('Mail.'),
    from: z.string().min(3).describe('Sender.'),
    to: z.array(z.string().min(3)).min(1).describe('Recipients.'),
    'server-env': variableName('Variable with the mail server: smtps://user:password@host:465 or smtp://…:587.'),
    ca: relativePath(
      'File with the certificate authority of a mail server that the system does not know (PEM).',
    ).optional(),
  }),
  z.strictObject({
    type: z.literal('webhook').describe('A signed request to an address of yours.'),
    'url-env': variableName('Variable with the address.'),
    'secret-env': variableName('Variable with the key that signs, such as whsec_….'),
  }),
  z.strictObject({type: z.literal('github-issue').describe('An issue of the repository.')}),
]);

const route = z.strictObject({
  channel: z.string().min(1).describe('Name of a channel above.'),
  from: z.enum(['info', 'warning', 'critical']).default('warning').describe('The least severe that is said here.'),
  components: z.array(componentName).default([]).describe('Only these. Default: all.'),
  after: duration('Only when it is still open after this time: an escalation.').default(0),
  'remind-every': duration('Said again this often while open; 0s: never.').default(0),
  quiet: z
    .strictObject({
      from: timeOfDay.describe('Begin, such as 22:00.'),
      to: timeOfDay.describe('End; may lie on the next day.'),
      timezone: z.string().default('UTC').describe('Time zone of both, such as Europe/Berlin.'),
    })
    .optional()
    .describe('Less than critical is kept back between these times.'),
});

const alerts = z.strictObject({
  channels: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/), channel)
    .describe('Name to channel. Secrets are named by their environment variables.'),
  routes: z.array(route).optional().describe('Who is told what. Default: every channel, warnings and worse.'),
});

export const configSchema = z
  .strictObject({
    version: z.literal(1).describe("Version of this file's format."),
    product: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, {
        message: 'must be lower-case letters, digits and dashes, at most 41 characters',
      })
      .describe('Name of the product; part of backup keys.'),
    environment: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,40}$/)
      .default('production')
      .describe('Name of the environment; part of backup keys.'),
    frontend: frontend.optional().describe('The frontend on Vercel.'),
    backend: backend.optional().describe('The backend on Railway.'),
    database: database.optional().describe("The product's PostgreSQL database."),
    checks: z
      .array(check)
      .default([])
      .describe('What is asked of the product, before and after promotion and by the monitor.'),
    gate: gate.default({}).describe('How the gate decides; each input of `health-gate` with the same name wins.'),
    backup: backup.optional().describe('Where backups go, and who can open them.'),
    release: release.prefault({}).describe('How a release goes.'),
    ledger: ledger.prefault({}).describe('The append-only history of releases.'),
    maintenance: maintenance.prefault({}).describe('What users see while maintenance mode is on.'),
    objectives: objectives.prefault({}).describe('What every run measures itself against.'),
    monitor: monitor.prefault({}).describe('The checks on a schedule, and the status page.'),
    alerts: alerts.optional().describe('Who is told of incidents, and where.'),
  })
  .describe('Switchback: the product, its checks, its backups and its objectives.');

export type Config = z.output<typeof configSchema>;
export type ConfigText = z.input<typeof configSchema>;
export type CheckConfig = Config['checks'][number];
export type GateConfig = Config['gate'];
export type MonitorConfig = Config['monitor'];
export type AlertsConfig = NonNullable<Config['alerts']>;
export type TrialConfig = NonNullable<NonNullable<Config['database']>['trial']>;
export type BackupConfig = NonNullable<Config['backup']>;
export type StorageConfig = BackupConfig['storage'];

/** The JSON Schema that editors use; generated into `action-docs/switchback.schema.json`. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(configSchema, {io: 'input', target: 'draft-7', unrepresentable: 'any'}),
    title: 'switchback.yml',
  } as Record<string, unknown>;
}
