import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {canaryPassword} from '../../src/rehearsal/canary/canary.js';
import {filesBelow, watchArguments} from '../../src/rehearsal/canary/places.js';
import {leaksIn} from '../../src/rehearsal/canary/shapes.js';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import type {ActionSpec} from '../../src/runner/spec.js';
import {runBundle} from './bundle.js';

/** No secret stands anywhere outside of where it belongs, whether an action does its work or fails. */

const root = resolve(import.meta.dirname, '..', '..');
let world: World;
beforeAll(async () => {
  world = await startWorld(join(root, '.rehearsal', 'tests'), {
    databasePassword: canaryPassword,
    config: {
      alerts: {
        channels: {
          slack: {type: 'slack', 'url-env': 'SLACK_WEBHOOK_URL'},
          mail: {type: 'email', from: 'a@shop.example', to: ['b@shop.example'], 'server-env': 'SMTP_URL'},
          hook: {type: 'webhook', 'url-env': 'ALERT_WEBHOOK_URL', 'secret-env': 'ALERT_WEBHOOK_SECRET'},
        },
      },
    },
  });
}, 90_000);
afterAll(() => world.close());

const commit = '0123456789012345678901234567890123456789';
const key = '-----BEGIN CANARY KEY-----\ncanaryLineOne5f2c9a\ncanaryLineTwo8d1e4b\n-----END CANARY KEY-----';

/** One value for every secret input that any action declares: a new one without a canary fails below. */
const right = (): Record<string, string> => ({
  'vercel-token': secrets.vercelToken,
  'vercel-protection-bypass': 'canaryProtectionBypass0c91e7',
  'railway-token': secrets.railwayToken,
  'github-token': secrets.githubToken,
  'database-url': world.databaseUrl,
  'target-url': world.databaseUrl.replace(/\/shop/, '/canary_target'),
  'storage-access-key-id': secrets.accessKeyId,
  'storage-secret-access-key': secrets.secretAccessKey,
  'also-access-key-id': secrets.accessKeyId,
  'also-secret-access-key': 'canary/second+access=key&98',
  'sealed-variables': 'STRIPE_KEY=canary-sealed-value-6a20',
  'bearer-token': 'canary-bearer-token-11c2',
  'bypass-secret': 'canaryMaintenanceBypass52d0',
  'check-secrets': 'CANARY_TOKEN=canary-check-token-7731\nCANARY_KEY="canaryKeyLineOne5f2c\ncanaryKeyLineTwo8d1e"',
  passphrase: 'canary pass phrase/91 %',
  'private-key': world.keys.privateKey,
  'private-key-passphrase': 'canary key phrase 33',
  'signing-key': world.keys.privateKey,
  'signing-key-passphrase': 'canary signing phrase 44',
});
/** Secrets that open nothing: every platform refuses them, and its refusal is shown. */
const wrong = (): Record<string, string> => ({
  ...right(),
  'vercel-token': 'canaryVercelToken7731ab',
  'railway-token': 'canary-railway-token-44fd',
  'github-token': 'canary-github-token-90ab',
  'storage-secret-access-key': 'canary/secret+access=key&99',
  'database-url': world.databaseUrl.replace(/:[^:@/]+@/, ':canary%2Fp%40ss%20word77@'),
  'target-url': world.databaseUrl.replace(/:[^:@/]+@/, ':canary%2Fother%40ss%20word78@'),
  'check-secrets': 'CANARY_TOKEN=abc',
  'private-key': world.keys.privateKey.replace(/^[^-\s]{40}/m, 'canaryBrokenKeyLine0f1e2d3c4b5a69788796a5'),
  'signing-key': 'canary is no key at all 5512',
});
const multiLine = (): Record<string, string> => ({
  ...right(),
  'vercel-token': key,
  'railway-token': key,
  passphrase: key,
});

const extra: Record<string, () => Record<string, string>> = {
  preflight: () => ({commit: world.product.commits.v1}),
  backup: () => ({}),
  restore: () => ({mode: 'verify', record: 'false', alarm: 'false'}),
  deploy: () => ({commit: world.product.commits.v1, component: 'frontend', release: 'r-canary'}),
  'health-gate': () => ({commit, stage: 'candidate'}),
  promote: () => ({release: 'r-canary', 'frontend-deployment': 'dpl_unknown'}),
  rollback: () => ({to: 'previous', reason: 'a canary walk'}),
  'schema-verdict': () => ({commit: world.product.commits.v1, from: world.product.commits.v1}),
  monitor: () => ({'history-type': 'bucket'}),
  maintenance: () => ({mode: 'off'}),
  notify: () => ({mode: 'test'}),
  recovery: () => ({mode: 'begin'}),
  rebuild: () => ({mode: 'check'}),
};
const kinds = {right, wrong, 'multi-line': multiLine};
/** Not secret: an id that AWS itself writes into every request. */
const isSecret = ([name]: [string, string]) => !name.endsWith('-access-key-id');

/** Addresses with secrets in them, which checks and channels name by their variables. */
const channels = {
  SLACK_WEBHOOK_URL: 'http://127.0.0.1:9/services/canaryHookT0/B1/canaryHookSecret5512',
  SMTP_URL: 'smtp://canary:canary%2Fmail%40pass66@127.0.0.1:9',
  ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/hook?token=canaryWebhookToken80c1',
  ALERT_WEBHOOK_SECRET: `whsec_${Buffer.from('canary webhook signing secret 37').toString('base64')}`,
};

interface Walk {
  readonly exitCode: number | null;
  readonly places: Record<string, string>;
}

async function walk(action: string, inputs: Record<string, string>): Promise<Walk> {
  const folder = await mkdtemp(join(tmpdir(), 'switchback-canary-'));
  const standIns = {vercel: world.vercel, railway: world.railway, github: world.github, s3: world.s3};
  const marks = Object.entries(standIns).map(([name, one]) => [name, one.requests.length] as const);
  try {
    const env = {...environment(), ...channels, TMPDIR: folder, RUNNER_TEMP: folder, HOME: folder};
    const watched = watchArguments();
    const step = await runBundle(action, {inputs, workspace: world.product.dir, env});
    const journals = marks.map(([name, from]) => [
      `journal of ${name}`,
      JSON.stringify(standIns[name as keyof typeof standIns].requests.slice(from)),
    ]);
    const left = Object.entries(await filesBelow(folder)).map(([file, text]) => [`file ${file}`, text]);
    return {
      exitCode: step.exitCode,
      places: {
        log: step.logWithoutMasks.replace(/%0A/g, '\n'),
        outputs: JSON.stringify(step.outputs),
        state: JSON.stringify(step.state),
        summary: step.summary,
        'argument lists': await watched.stop(),
        ...Object.fromEntries([...journals, ...left]),
      },
    };
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

function environment(): Record<string, string> {
  return {
    GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
    GITHUB_API_URL: world.github.url,
    GITHUB_SHA: world.product.commits.v1,
    GITHUB_RUN_ID: '1',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_REF_NAME: 'main',
  };
}

async function specOf(action: string): Promise<ActionSpec> {
  return ((await import(join(root, 'actions', action, 'spec.ts'))) as {spec: ActionSpec}).spec;
}

function secretInputsOf(spec: ActionSpec): string[] {
  return Object.entries(spec.inputs).flatMap(([name, field]) => (field.secret ? [name] : []));
}

const cases = Object.keys(extra).flatMap((action) =>
  (Object.keys(kinds) as Array<keyof typeof kinds>).map((kind) => [action, kind] as const),
);

test('every secret input of every action has a canary, and every action is walked', async () => {
  const actions = (await readdir(join(root, 'actions'))).filter((name) =>
    existsSync(join(root, 'actions', name, 'spec.ts')),
  );
  const walked = actions.filter((name) => existsSync(join(root, 'actions', name, 'main.ts')));
  expect(new Set(Object.keys(extra))).toEqual(new Set(walked));
  const uncovered: string[] = [];
  for (const name of actions)
    uncovered.push(...secretInputsOf(await specOf(name)).filter((input) => !(input in right())));
  expect(uncovered).toEqual([]);
});

test.each(cases)(
  '%s with %s secrets shows none of them',
  async (action, kind) => {
    const declared = secretInputsOf(await specOf(action));
    const inputs = Object.fromEntries(Object.entries(kinds[kind]()).filter(([name]) => declared.includes(name)));
    const {places, exitCode} = await walk(action, {...inputs, ...extra[action]!()});
    expect(exitCode).not.toBeNull();
    expect(places['log']).not.toBe('');
    expect(leaksIn(places, {...Object.fromEntries(Object.entries(inputs).filter(isSecret)), ...channels})).toEqual([]);
  },
  60_000,
);

describe('a planted leak is found', () => {
  const secret = 'planted/secret 4711 value';
  const plant = (text: string) => leaksIn({log: `before ${text} after`}, {planted: secret});
  test.each([
    ['plain', secret],
    ['percent-encoded', encodeURIComponent(secret)],
    ['base64 at 0', Buffer.from(`${secret}:x`).toString('base64')],
    ['base64 at 1', Buffer.from(`u${secret}:x`).toString('base64')],
    ['base64 at 2', Buffer.from(`u:${secret}:x`).toString('base64')],
    ['hex', Buffer.from(secret).toString('hex')],
  ])('%s', (shape, text) => expect(plant(text)).toEqual([`planted (${shape}) in log`]));

  test('one line of a key', () => {
    expect(leaksIn({summary: 'x canaryLineTwo8d1e4b'}, {key})).toEqual(['key (line 3) in summary']);
  });
  test('the password of a database address', () => {
    const found = leaksIn({log: 'p@ss/word77'}, {url: 'postgres://u:p%40ss%2Fword77@127.0.0.1/x'});
    expect(found).toEqual(['url (password, plain) in log']);
  });
  test('an argument of a process, and a file left behind', async () => {
    const folder = join(tmpdir(), `switchback-canary-plant-${process.pid}`);
    await mkdir(folder);
    try {
      const watched = watchArguments();
      const script = `require('fs').writeFileSync(process.argv[1] + '/left', process.argv[2]); setTimeout(() => {}, 300)`;
      const child = spawn(process.execPath, ['-e', script, folder, secret], {stdio: 'ignore'});
      await new Promise((done) => child.on('close', done));
      const places = {'argument lists': await watched.stop(), ...(await filesBelow(folder))};
      expect(leaksIn(places, {planted: secret})).toEqual([
        'planted (plain) in argument lists',
        'planted (plain) in /left',
      ]);
    } finally {
      await rm(folder, {recursive: true, force: true});
    }
  });
});
