import {execFileSync} from 'node:child_process';
import {verify} from 'node:crypto';
import {cpSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {NoOperationTraceWriter, parseWorkflow} from '@actions/workflow-parser';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {parseConfig} from '../../src/config/load-config.js';
import {readArguments} from '../../src/rehearsal/arguments.js';
import {nextFlaskVersions, prepareNextFlask} from '../../src/rehearsal/product/next-flask.js';
import {openSigner} from '../../src/rehearsal/product/session-token.js';
import {shop} from '../../src/rehearsal/product/shop.js';
import {playable, scenarios} from '../../src/rehearsal/scenarios.js';
import {runCommand} from './cli.js';

/** The product of the usual stack: its configuration and workflows are what `init` writes for it. */

const base = resolve(import.meta.dirname, '..', '..', 'src', 'rehearsal', 'product', 'next-flask', 'base');
const folder = mkdtempSync(join(tmpdir(), 'switchback-next-flask-'));
const repository = join(folder, 'stock-room');
const workflows = readdirSync(join(base, '.github', 'workflows'));
const committed = (path: string) => readFileSync(join(base, path), 'utf8');
const made = (path: string) => readFileSync(join(repository, path), 'utf8');
const checkNames = (text: string) =>
  (parse(text) as {checks: ReadonlyArray<{name: string}>}).checks.map(({name}) => name);

beforeAll(async () => {
  cpSync(base, repository, {recursive: true});
  rmSync(join(repository, '.github'), {recursive: true});
  const git = (...args: string[]) => execFileSync('git', args, {cwd: repository});
  git('init', '-q', '-b', 'main');
  git('remote', 'add', 'origin', 'https://github.com/acme/stock-room.git');
  const flags = {
    'vercel-project': 'stock-room',
    'vercel-team': 'acme',
    'frontend-url': 'https://stock.example',
    'backend-url': 'https://api.stock.example',
    'railway-service': 'api',
    bucket: 'stock-room-backups',
    region: 'eu-central-1',
    switchback: 'acme/switchback@0123456789abcdef0123456789abcdef01234567',
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const run = await runCommand(['init', '--yes', ...args], {cwd: repository, env: {HOME: folder}});
  expect(run).toMatchObject({exitCode: 0});
}, 60_000);
afterAll(() => rmSync(folder, {recursive: true, force: true}));

describe('what init writes for it', () => {
  test('the same workflows, no more and no fewer', () =>
    expect(readdirSync(join(repository, '.github', 'workflows')).sort()).toEqual([...workflows].sort()));

  test.each(workflows)('%s is the one in its repository', (name) => {
    const path = `.github/workflows/${name}`;
    expect(made(path)).toBe(committed(path));
    const {context} = parseWorkflow({name, content: made(path)}, new NoOperationTraceWriter());
    expect(context.errors.getErrors()).toEqual([]);
  });

  test('the configuration is the one in its repository, but for the checks that only its owner knows', () => {
    const path = '.github/switchback.yml';
    const [own, init] = [parse(committed(path)) as {checks: unknown[]}, parse(made(path)) as {checks: unknown[]}];
    expect({...own, checks: own.checks.slice(0, init.checks.length)}).toEqual(init);
    expect(checkNames(committed(path)).slice(init.checks.length)).toEqual([
      'catalogue',
      'commit',
      'tenant isolation',
      'cross-origin',
    ]);
    expect(parseConfig(committed(path), path).config.frontend?.url).toBe('https://stock.example');
  });
});

test('its gate asks as another organisation, and as the production domain', () => {
  const {checks} = parseConfig(committed('.github/switchback.yml'), 'switchback.yml').config;
  expect(checks.find(({kind}) => kind === 'tenant')).toMatchObject({
    auth: {env: 'OWN_TOKEN'},
    'foreign-auth': {env: 'FOREIGN_TOKEN'},
  });
  expect(checks.find(({kind}) => kind === 'cors')).toMatchObject({origin: 'https://stock.example'});
});

describe('its place in the rehearsal', () => {
  const knownOf = (product: string) =>
    playable(scenarios, product === 'shop' ? shop.versions : nextFlaskVersions).map(({name}) => name);

  test('each product is offered the scenarios that it has the versions for', () => {
    expect(knownOf('shop')).not.toContain('bad-tenant-isolation');
    expect(knownOf('shop')).toContain('bad-after-promotion');
    expect(knownOf('next-flask')).toEqual(expect.arrayContaining(['good', 'bad-frontend', 'bad-tenant-isolation']));
    expect(knownOf('next-flask')).not.toContain('slow-leak');
  });

  test('by default its own scenarios are played', () =>
    expect(readArguments(['--product', 'next-flask'], knownOf)).toMatchObject({
      product: 'next-flask',
      scenarios: ['good', 'bad-frontend', 'bad-tenant-isolation'],
    }));

  test.each([
    [['--product', 'rails'], '"rails" is not a product. Choose shop or next-flask'],
    [['--product', 'next-flask', '--scenario', 'slow-leak'], '"slow-leak" is not a scenario of the product next-flask'],
  ])('%j is refused', (argv, says) => expect(() => readArguments(argv, knownOf)).toThrow(says));

  test('a machine that cannot run it is told what is missing, in one line', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      const failure = await prepareNextFlask(join(folder, 'cache'), () => undefined).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'NEXT_FLASK',
        message: expect.stringMatching(/^The product next-flask needs Python 3\.10 or newer[^\n]*$/),
        remedy: 'Install python3 and python3-venv.',
      });
    } finally {
      process.env['PATH'] = path;
    }
  });
});

test('its session tokens are what an identity service signs', () => {
  const {token, publicKey} = openSigner('https://clerk.example');
  const [head, body, signature] = token('user_1', 'org_a').split('.') as [string, string, string];
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({alg: 'RS256', typ: 'JWT'});
  expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toMatchObject({
    iss: 'https://clerk.example',
    o: {id: 'org_a'},
  });
  const key = {key: publicKey, format: 'pem', type: 'spki'} as const;
  expect(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
});
