import {spawn} from 'node:child_process';
import {mkdir, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {filesBelow, watchArguments} from '../../src/rehearsal/canary/places.js';
import {leaksIn} from '../../src/rehearsal/canary/shapes.js';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {runBundle} from './bundle.js';

/** No secret stands anywhere outside of where it belongs, whether an action does its work or fails. */

let world: World;
beforeAll(async () => {
  world = await startWorld(resolve(import.meta.dirname, '..', '..', '.rehearsal', 'tests'));
}, 90_000);
afterAll(() => world.close());

const commit = '0123456789012345678901234567890123456789';
const key = '-----BEGIN CANARY KEY-----\ncanaryLineOne5f2c9a\ncanaryLineTwo8d1e4b\n-----END CANARY KEY-----';

const right = (): Record<string, string> => ({
  'vercel-token': secrets.vercelToken,
  'railway-token': secrets.railwayToken,
  'github-token': secrets.githubToken,
  'database-url': world.databaseUrl,
  'storage-access-key-id': secrets.accessKeyId,
  'storage-secret-access-key': secrets.secretAccessKey,
});
/** Secrets that open nothing: every platform refuses them, and its refusal is shown. */
const wrong = (): Record<string, string> => ({
  ...right(),
  'vercel-token': 'canaryVercelToken7731ab',
  'railway-token': 'canary-railway-token-44fd',
  'storage-secret-access-key': 'canary/secret+access=key&99',
  'database-url': world.databaseUrl.replace(/:[^:@/]+@/, ':canary%2Fp%40ss%20word77@'),
});
const multiLine = (): Record<string, string> => ({...right(), 'vercel-token': key, 'railway-token': key});

const extra: Record<string, () => Record<string, string>> = {
  preflight: () => ({commit: world.product.commits.v1}),
  backup: () => ({}),
  deploy: () => ({commit: world.product.commits.v1, component: 'frontend', release: 'r-canary'}),
  'health-gate': () => ({commit, stage: 'candidate'}),
  promote: () => ({release: 'r-canary', 'frontend-deployment': 'dpl_unknown'}),
  rollback: () => ({to: 'previous', reason: 'a canary walk'}),
};
const kinds = {right, wrong, 'multi-line': multiLine};
/** Not secret: an id that AWS itself writes into every request. */
const isSecret = ([name]: [string, string]) => name !== 'storage-access-key-id';

interface Walk {
  readonly exitCode: number | null;
  readonly places: Record<string, string>;
}

async function walk(action: string, inputs: Record<string, string>): Promise<Walk> {
  const folder = await mkdtemp(join(tmpdir(), 'switchback-canary-'));
  const standIns = {vercel: world.vercel, railway: world.railway, github: world.github, s3: world.s3};
  const marks = Object.entries(standIns).map(([name, one]) => [name, one.requests.length] as const);
  try {
    const env = {...environment(), TMPDIR: folder, RUNNER_TEMP: folder, HOME: folder};
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

const cases = Object.keys(extra).flatMap((action) =>
  (Object.keys(kinds) as Array<keyof typeof kinds>).map((kind) => [action, kind] as const),
);

test.each(cases)(
  '%s with %s secrets shows none of them',
  async (action, kind) => {
    const inputs = kinds[kind]();
    const {places, exitCode} = await walk(action, {...inputs, ...extra[action]!()});
    expect(exitCode).not.toBeNull();
    expect(places['log']).not.toBe('');
    expect(leaksIn(places, Object.fromEntries(Object.entries(inputs).filter(isSecret)))).toEqual([]);
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
