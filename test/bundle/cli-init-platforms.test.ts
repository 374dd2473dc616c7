import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {parseConfig} from '../../src/config/load-config.js';
import {type RailwayStandIn, type RailwayStandInOptions, startRailway} from '../../src/rehearsal/railway/stand-in.js';
import {startVercel, type VercelStandIn, type VercelStandInOptions} from '../../src/rehearsal/vercel/stand-in.js';
import {runCommand} from './cli.js';

/** What `init` finds out at the platforms with the tokens it is given, and what it then does not ask. */

const tokens = {vercel: 'initVercelToken5f2c9a', railway: 'init-railway-token-8d1e4b'};
const switchback = ['--yes', '--switchback', `acme/switchback@${'0'.repeat(40)}`];
let folder: string;
let repository: string;
let opened: Array<{close(): Promise<void>}>;

beforeEach(() => {
  opened = [];
  folder = mkdtempSync(join(tmpdir(), 'switchback-init-'));
  repository = join(folder, 'shop');
  for (const [path, text] of Object.entries({
    'frontend/next.config.js': '',
    'backend/requirements.txt': 'flask',
    'backend/railway.json': '{"deploy":{"healthcheckPath":"/api/health"}}',
  })) {
    mkdirSync(join(repository, path, '..'), {recursive: true});
    writeFileSync(join(repository, path), text);
  }
  const git = (...args: string[]) => execFileSync('git', args, {cwd: repository});
  git('init', '-q', '-b', 'main');
  git('remote', 'add', 'origin', 'https://github.com/acme/shop.git');
});
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  rmSync(folder, {recursive: true, force: true});
});

async function vercel(projects: VercelStandInOptions['projects']): Promise<VercelStandIn> {
  const standIn = await startVercel({token: tokens.vercel, team: {id: 'team_acme', slug: 'acme'}, projects});
  opened.push(standIn);
  return standIn;
}

async function railway(services: ReadonlyArray<Partial<RailwayStandInOptions['services'][number]> & {name: string}>) {
  const standIn = await startRailway({
    tokens: {project: tokens.railway},
    projectId: 'project',
    environmentId: 'environment',
    workDir: join(folder, 'railway'),
    services: services.map((service) => ({id: `id-${service.name}`, image: 'nobody/knows', ...service})),
  });
  opened.push(standIn);
  return standIn;
}

const project = (id: string, more: object = {}) => ({id, name: id.slice(4), productionHosts: 0, ...more});
const init = (at: {vercel?: VercelStandIn; railway?: RailwayStandIn}, args: readonly string[] = []) =>
  runCommand(['init', ...switchback, '--vercel-team', 'team_acme', ...args], {
    cwd: repository,
    env: {
      HOME: folder,
      ...(at.vercel && {VERCEL_TOKEN: tokens.vercel, SWITCHBACK_VERCEL_API: at.vercel.url}),
      ...(at.railway && {RAILWAY_TOKEN: tokens.railway, SWITCHBACK_RAILWAY_API: at.railway.url}),
    },
  });
const written = () => {
  const path = join(repository, '.github', 'switchback.yml');
  return parseConfig(readFileSync(path, 'utf8'), path).config;
};

test('project, domain, service and address are found; the only flags are those of nobody else', async () => {
  const at = {
    vercel: await vercel([
      project('prj_blog', {domains: ['blog.example']}),
      project('prj_shop', {domains: ['shop.example'], linkedRepo: {org: 'acme', repo: 'shop'}}),
    ]),
    railway: await railway([
      {name: 'api', customDomains: ['api.shop.example']},
      {name: 'Postgres', publicDomain: false},
    ]),
  };
  const made = await init(at, ['--bucket', 'shop-backups']);
  expect(made).toMatchObject({exitCode: 0, stderr: ''});
  expect(written()).toMatchObject({
    frontend: {project: 'prj_shop', url: 'https://shop.example'},
    backend: {service: 'api', url: 'https://api.shop.example'},
  });
  expect(made.stdout).toContain('(DATABASE_URL: the public address of the Railway service Postgres)');
  for (const token of Object.values(tokens)) expect(made.stdout + made.stderr).not.toContain(token);
}, 30_000);

test('it only reads', async () => {
  const at = {
    vercel: await vercel([project('prj_shop', {domains: ['shop.example']})]),
    railway: await railway([{name: 'api'}]),
  };
  await init(at);
  expect(at.vercel.requests.map(({method}) => method)).toEqual(['GET', 'GET']);
  expect(at.railway.requests.every(({body}) => /^query\b/.test((body as {query: string}).query))).toBe(true);
}, 30_000);

describe('what cannot be told apart is named, with the flag that decides', () => {
  test('several projects of one repository', async () => {
    const linkedRepo = {org: 'acme', repo: 'shop'};
    const refused = await init({
      vercel: await vercel([project('prj_web', {linkedRepo}), project('prj_docs', {linkedRepo})]),
    });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/2 projects of acme\/shop: name one of (web, docs|docs, web) by --vercel-project/);
  }, 30_000);

  test('several services with an address', async () => {
    const refused = await init({railway: await railway([{name: 'api'}, {name: 'worker'}])});
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('name one of api, worker by --railway-service');
  }, 30_000);
});

test('a token that the platform refuses costs a warning, and the flags still do', async () => {
  const at = {vercel: await vercel([project('prj_shop')])};
  at.vercel.faults.push({route: '*', times: 9, fault: {kind: 'status', status: 403}});
  const flags = ['--vercel-project', 'prj_shop', '--frontend-url', 'https://shop.example', '--railway-service', 'api'];
  const made = await init(at, [...flags, '--backend-url', 'https://api.invalid']);
  expect(made.exitCode).toBe(0);
  expect(made.stderr).toContain('Vercel could not be asked: it answered 403');
}, 30_000);

test.each([
  ['lets the frontend in', 'https://shop.example', ['home page', 'backend', 'cross-origin']],
  ['lets another one in', 'https://other.example', ['home page', 'backend']],
])(
  'a backend that %s: the checks are %j',
  async (_what, allowed, checks) => {
    const backend = createServer((_request, response) =>
      response.writeHead(200, {'access-control-allow-origin': allowed}).end('{}'),
    );
    await new Promise<void>((done) => backend.listen(0, '127.0.0.1', done));
    opened.push({close: () => new Promise((done) => backend.close(() => done()))});
    const address = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const flags = [
      '--vercel-project',
      'prj_shop',
      '--frontend-url',
      'https://shop.example',
      '--railway-service',
      'api',
    ];
    expect((await init({}, [...flags, '--backend-url', address])).exitCode).toBe(0);
    expect(written().checks.map(({name}) => name)).toEqual(checks);
  },
  30_000,
);
