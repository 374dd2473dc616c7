import {readFile, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {runBundle} from './bundle.js';

/** Bad input to any action ends before any change, with every problem and its remedy in one message. */

let world: World;
let config: string;
const file = '.github/other.yml';

beforeAll(async () => {
  world = await startWorld(resolve(import.meta.dirname, '..', '..', '.rehearsal', 'tests'));
  config = await readFile(join(world.product.dir, '.github/switchback.yml'), 'utf8');
}, 60_000);
afterAll(() => world.close());

const platforms = () => ({
  'vercel-token': secrets.vercelToken,
  'railway-token': secrets.railwayToken,
  'github-token': secrets.githubToken,
});
const access = () => ({...platforms(), ...stores()});
const stores = () => ({
  'github-token': secrets.githubToken,
  'database-url': world.databaseUrl,
  'storage-access-key-id': secrets.accessKeyId,
  'storage-secret-access-key': secrets.secretAccessKey,
});
const commit = '0123456789012345678901234567890123456789';

/** Inputs with which each action would do its work. */
const good: Record<string, () => Record<string, string>> = {
  preflight: () => ({...access(), commit, 'open-release': 'true'}),
  deploy: () => ({...access(), commit, component: 'frontend', release: 'r-1'}),
  'health-gate': () => ({...access(), commit, stage: 'candidate'}),
  promote: () => ({...access(), release: 'r-1', 'frontend-deployment': 'dpl_unknown'}),
  backup: () => ({...access()}),
  rollback: () => ({...access(), to: 'previous', reason: 'a test'}),
  maintenance: () => ({...platforms(), mode: 'on', reason: 'a test'}),
  restore: () => ({...access(), mode: 'verify'}),
  'schema-verdict': () => ({...stores(), commit, from: commit, trial: 'set', 'private-key': world.keys.privateKey}),
};

interface Row {
  readonly what: string;
  readonly actions: readonly string[];
  readonly change: (inputs: Record<string, string>) => Record<string, string>;
  readonly edit?: (config: string) => string;
  /** Each must stand in the one error message. */
  readonly says: readonly RegExp[];
}

const all = Object.keys(good);
const rows: Row[] = [
  {
    what: 'a missing Vercel token',
    actions: ['preflight', 'deploy', 'promote', 'rollback', 'maintenance'],
    change: ({'vercel-token': _, ...rest}) => rest,
    says: [/`vercel-token`/, /missing/, /secrets\.VERCEL_TOKEN/],
  },
  {
    what: 'both platform tokens missing',
    actions: ['preflight', 'rollback', 'maintenance'],
    change: ({'vercel-token': _, 'railway-token': __, ...rest}) => rest,
    says: [/2 problems/, /`vercel-token`/, /`railway-token`/],
  },
  {
    what: 'an unknown key',
    actions: all,
    change: (inputs) => inputs,
    edit: (text) => text.replace('version: 1', 'version: 1\nfrontent: {}'),
    says: [/other\.yml:2:1/, /`frontent`/, /Did you mean `frontend`\?/],
  },
  {
    what: 'a wrong type',
    actions: all,
    change: (inputs) => inputs,
    edit: (text) => text.replace(/interval: 20ms/, 'interval: 20'),
    says: [/other\.yml:\d+:\d+/, /gate\.interval/, /wrong type/],
  },
  {
    what: 'two problems at once',
    actions: all,
    change: (inputs) => inputs,
    edit: (text) => text.replace(/interval: 20ms/, 'interval: 20').replace('product: shop', 'product: My Shop!'),
    says: [/2 problems/, /gate\.interval/, /`product`/],
  },
  {
    what: 'YAML that is none',
    actions: all,
    change: (inputs) => inputs,
    edit: (text) => `${text}\n  : [`,
    says: [/other\.yml:\d+:\d+/],
  },
  {
    what: 'a database address that is none',
    actions: ['backup'],
    change: (inputs) => ({...inputs, 'database-url': 'mysql://root@localhost/x'}),
    says: [/database/i, /postgres/i],
  },
  {
    what: 'a bucket that does not exist',
    actions: ['backup', 'preflight', 'restore'],
    change: (inputs) => ({...inputs, 'storage-bucket': 'no-such-bucket'}),
    says: [/no-such-bucket|NoSuchBucket|bucket/i],
  },
  {
    what: 'an unreachable bucket',
    actions: ['backup', 'preflight', 'restore'],
    change: (inputs) => ({...inputs, 'storage-endpoint': 'http://127.0.0.1:9'}),
    says: [/127\.0\.0\.1:9|ECONNREFUSED|reach/i],
  },
  {
    what: 'an address where no database answers',
    actions: ['backup', 'preflight'],
    change: (inputs) => ({...inputs, 'database-url': 'postgres://u:hush-hush@127.0.0.1:9/shop?sslmode=disable'}),
    says: [/127\.0\.0\.1:9/, /reach/i],
  },
  {
    what: 'the password of another database',
    actions: ['backup', 'preflight'],
    change: (inputs) => ({...inputs, 'database-url': world.databaseUrl.replace(/:[^:@/]+@/, ':not-the-password@')}),
    says: [/password/i],
  },
  {
    what: 'a wrong storage key',
    actions: ['backup', 'preflight', 'restore'],
    change: (inputs) => ({...inputs, 'storage-secret-access-key': 'wrong-secret-access-key-000'}),
    says: [/(denied|signature|credentials|keys?)/i],
  },
  {
    what: 'an unknown Vercel project',
    actions: ['preflight', 'deploy', 'promote', 'maintenance'],
    change: (inputs) => ({...inputs, 'vercel-project': 'prj_absent'}),
    says: [/prj_absent/],
  },
  {
    what: 'the wrong team',
    actions: ['preflight', 'deploy', 'promote', 'maintenance'],
    change: (inputs) => ({...inputs, 'vercel-team': 'team_foreign'}),
    says: [/team/i],
  },
  {
    what: 'an unknown Railway service',
    actions: ['preflight'],
    change: (inputs) => ({...inputs, 'railway-service': 'absent-service'}),
    says: [/absent-service/],
  },
  {
    what: 'a wrong Vercel token',
    actions: ['preflight', 'deploy', 'promote', 'maintenance'],
    change: (inputs) => ({...inputs, 'vercel-token': 'not-the-token-at-all'}),
    says: [/token/i],
  },
  {
    what: 'a wrong Railway token',
    actions: ['preflight'],
    change: (inputs) => ({...inputs, 'railway-token': 'not-the-token-at-all'}),
    says: [/token/i],
  },
  {
    what: 'a backend without its token',
    actions: ['deploy'],
    change: ({'railway-token': _, ...rest}) => ({...rest, component: 'backend'}),
    says: [/`railway-token`/, /missing/, /secrets\.RAILWAY_TOKEN/],
  },
  {
    what: 'a backend with a wrong token',
    actions: ['deploy'],
    change: (inputs) => ({...inputs, component: 'backend', 'railway-token': 'not-the-token-at-all'}),
    says: [/token/i],
  },
  {
    what: 'a backend whose service is unknown',
    actions: ['deploy'],
    change: (inputs) => ({...inputs, component: 'backend', 'railway-service': 'absent-service'}),
    says: [/absent-service/],
  },
  {
    what: 'everything at once',
    actions: ['preflight'],
    change: (inputs) => ({
      ...inputs,
      'vercel-project': 'prj_absent',
      'railway-service': 'absent-service',
      'storage-bucket': 'no-such-bucket',
      'database-url': 'mysql://root@localhost/x',
    }),
    says: [/prj_absent/, /absent-service/, /bucket/, /database/],
  },
  {
    what: 'a set that does not exist',
    actions: ['restore'],
    change: (inputs) => ({...inputs, set: 'yesterday'}),
    says: [/yesterday/, /mode: list/],
  },
  {
    what: 'a restore without the private key',
    actions: ['restore'],
    change: (inputs) => ({...inputs, mode: 'new', set: 'newest'}),
    says: [/`private-key`|No set fits/],
  },
  {
    what: 'a live commit that is none',
    actions: ['schema-verdict'],
    change: (inputs) => ({...inputs, from: 'main'}),
    says: [/`from`/, /40-character/],
  },
  {
    what: 'a trial without key and database address',
    actions: ['schema-verdict'],
    change: ({'private-key': _, ...rest}) => ({
      ...rest,
      from: world.product.commits.v1,
      commit: world.product.commits.v2,
      'target-url': 'nonsense',
    }),
    says: [/2 problems/, /`private-key`/, /`target-url`/],
  },
  {
    what: 'a secret that is too weak to be one',
    actions: ['preflight', 'deploy', 'promote', 'rollback'],
    change: (inputs) => ({...inputs, 'vercel-token': 'abc'}),
    says: [/`vercel-token`/, /four characters/],
  },
  {
    what: 'a choice that does not exist',
    actions: ['deploy'],
    change: (inputs) => ({...inputs, component: 'fronted'}),
    says: [/`component`/, /frontend, backend/],
  },
  {
    what: 'a duration without a unit',
    actions: ['deploy', 'promote', 'rollback'],
    change: (inputs) => ({...inputs, timeout: '30'}),
    says: [/`timeout`/, /unit/],
  },
  {
    what: 'a flag that is neither true nor false',
    actions: ['rollback'],
    change: (inputs) => ({...inputs, 'dry-run': 'yes'}),
    says: [/`dry-run`/, /true or false/],
  },
  {
    what: 'a commit that is none',
    actions: ['deploy'],
    change: (inputs) => ({...inputs, commit: 'main'}),
    says: [/`commit`/, /40-character/],
  },
  {
    what: 'nothing to promote',
    actions: ['promote'],
    change: ({'frontend-deployment': _, ...rest}) => rest,
    says: [/`frontend-deployment`/, /missing/],
  },
  {
    what: 'a rollback without its record',
    actions: ['rollback'],
    change: (inputs) => ({...inputs, to: 'anchor'}),
    says: [/`ledger-id`/],
  },
];

const cases = rows.flatMap((row) => row.actions.map((action) => [action, row.what, row] as const));

describe('bad input changes nothing', () => {
  test.each(cases)('%s refuses %s', async (action, _what, row) => {
    await writeFile(join(world.product.dir, file), row.edit?.(config) ?? config);
    const marks = [world.vercel, world.railway, world.github, world.s3].map((standIn) => standIn.requests.length);
    const step = await runBundle(action, {
      inputs: {config: file, ...row.change(good[action]!())},
      workspace: world.product.dir,
      env: environment(),
    });
    expect({log: step.logWithoutMasks, exit: step.exitCode}).toMatchObject({exit: 1});
    expect(step.errors).toHaveLength(1);
    for (const said of row.says) expect(step.errors[0]).toMatch(said);
    expect(step.errors[0]).toMatch(/\nNext: \S/);
    for (const value of Object.values(secrets)) expect(step.logWithoutMasks).not.toContain(value);
    expect(writesSince(marks)).toEqual([]);
  });

  test('the cases cover every action', () => expect(new Set(cases.map(([action]) => action))).toEqual(new Set(all)));
});

function environment(): Record<string, string> {
  return {
    GITHUB_API_URL: world.github.url,
    GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
    GITHUB_SHA: commit,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_RUN_ID: '1',
    GITHUB_ACTOR: 'tester',
  };
}

/** Requests that change something, the backup store's probe object left out. */
function writesSince([vercel, railway, github, s3]: number[]): string[] {
  const isWrite = (method: string) => !['GET', 'HEAD', 'OPTIONS'].includes(method);
  const mutation = (body: unknown) =>
    typeof body === 'object' && body !== null && /^\s*mutation\b/.test(String((body as {query?: string}).query));
  return [
    ...world.vercel.requests
      .slice(vercel)
      .filter((r) => isWrite(r.method))
      .map((r) => `vercel ${r.method} ${r.path}`),
    ...world.railway.requests
      .slice(railway)
      .filter((r) => r.path.endsWith('/up') || mutation(r.body))
      .map((r) => `railway ${r.operation}`),
    ...world.github.requests
      .slice(github)
      .filter((r) => isWrite(r.method))
      .map((r) => `github ${r.method} ${r.path}`),
    ...world.s3.requests
      .slice(s3)
      .filter((r) => isWrite(r.method) && !/\/probe-[0-9a-f]+$/.test(r.path) && r.status < 400)
      .map((r) => `s3 ${r.method} ${r.path}`),
  ];
}
