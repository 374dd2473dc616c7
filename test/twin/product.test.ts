import {execFileSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {Client} from 'pg';
import {type PostgresServer, startPostgres} from '../../src/rehearsal/postgres/server.js';
import {
  backend,
  type Product,
  type VersionName,
  versionNames,
  writeProduct,
} from '../../src/rehearsal/product/product.js';
import {startVisitor, visit} from '../../src/rehearsal/product/visitor.js';
import {type RailwayStandIn, startRailway} from '../../src/rehearsal/railway/stand-in.js';
import {until, workFolder} from './railway-stand-in.fixture.js';

/** The versions of the sample product on a real PostgreSQL, behind the stand-in and a plain file server. */

const serviceId = 'api';
const folder = workFolder();
let postgres: PostgresServer;
let databaseUrl: string;
let railway: RailwayStandIn;
let product: Product;
let site: Site;

interface Site {
  readonly url: string;
  /** Version whose `frontend/` is served. */
  version: VersionName;
  readonly server: Server;
}

beforeAll(async () => {
  postgres = await startPostgres();
  databaseUrl = await postgres.createDatabase('shop');
  site = await startSite();
  railway = await startRailway({
    tokens: {project: 'token'},
    projectId: 'project',
    environmentId: 'environment',
    workDir: join(folder, 'work'),
    services: [
      {
        id: serviceId,
        name: 'api',
        repo: {fullName: 'acme/shop', path: join(folder, 'shop'), branch: 'main'},
        ...backend,
        healthcheckTimeoutS: 5,
        drainingSeconds: 2,
        restartPolicyMaxRetries: 2,
        variables: {DATABASE_URL: databaseUrl, ALLOWED_ORIGINS: site.url},
      },
    ],
  });
  product = await writeProduct({
    dir: join(folder, 'shop'),
    apiUrl: railway.serviceUrl(serviceId),
    files: {'.github/switchback.yml': 'frontend: {}\n'},
  });
}, 60_000);

afterAll(async () => {
  site.server.close();
  await railway.close();
  await postgres.close();
  rmSync(folder, {recursive: true, force: true});
});

const git = (...args: string[]) => execFileSync('git', ['-C', product.dir, ...args], {encoding: 'utf8'});

async function startSite(): Promise<Site> {
  const types: Record<string, string> = {
    html: 'text/html',
    js: 'text/javascript',
    json: 'application/json',
    css: 'text/css',
  };
  const server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : request.url!.slice(1);
    try {
      const body = execFileSync(
        'git',
        ['-C', product.dir, 'show', `${product.commits[site.version]}:frontend/${path}`],
        {stdio: ['ignore', 'pipe', 'ignore']},
      );
      response.writeHead(200, {'content-type': types[path.split('.').at(-1)!] ?? 'text/plain'}).end(body);
    } catch {
      response.writeHead(404).end('not found');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, version: 'v1', server};
}

async function api(
  path: string,
  init: RequestInit = {},
): Promise<{status: number; headers: Headers; body: Record<string, unknown>}> {
  const response = await fetch(railway.serviceUrl(serviceId) + path, init);
  return {status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown>};
}

/** Puts one version live on both sides, on a fresh database. */
async function live(name: VersionName): Promise<void> {
  const client = new Client({connectionString: databaseUrl});
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await client.end();
  site.version = name;
  await railway.seedLive(serviceId, product.commits[name]);
}

const user = () => visit({frontendUrl: site.url, apiUrl: railway.serviceUrl(serviceId)});

describe('the repository', () => {
  test('has every version as a commit, a clean tree at v1, and moves like a push', async () => {
    expect(new Set(Object.keys(product.commits))).toEqual(new Set(versionNames));
    expect(git('rev-parse', 'main').trim()).toBe(product.commits.v1);
    expect(git('status', '--porcelain')).toBe('');
    expect(await product.release('bad-frontend')).toBe(git('rev-parse', 'HEAD').trim());
    expect(git('show', 'HEAD:frontend/release.json')).toBe('{"version":"bad-frontend"}\n');
    expect(git('show', 'HEAD:.github/switchback.yml')).toBe('frontend: {}\n');
    await product.release('v1');
  });

  test('is the same every time it is written with the same options', async () => {
    const again = await writeProduct({
      dir: join(folder, 'again'),
      apiUrl: railway.serviceUrl(serviceId),
      files: {'.github/switchback.yml': 'frontend: {}\n'},
    });
    expect(again.commits).toEqual(product.commits);
  });

  test('changes the schema only where it says so', () => {
    const migrations = (name: VersionName) =>
      git('ls-tree', '--name-only', `${product.commits[name]}:backend/migrations`).trim().split('\n');
    expect(migrations('v1')).toEqual(['001_create_items_and_orders.sql']);
    expect(migrations('v2')).toEqual([...migrations('v1'), '002_add_item_price.sql']);
    for (const name of ['bad-frontend', 'bad-backend', 'bad-after-promotion', 'slow-leak'] as const)
      expect(migrations(name)).toEqual(migrations('v2'));
    expect(migrations('breaking-migration')).toEqual([...migrations('v2'), '003_rename_item_name.sql']);
  });
});

describe('the good versions', () => {
  test('v1 reads and writes its database and says what it is', async () => {
    await live('v1');
    expect(await api('/api/health')).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        version: 'v1',
        commit: product.commits.v1,
        database: 'ok',
        migration: '001_create_items_and_orders',
      },
    });
    expect(
      await api('/api/items', {method: 'POST', body: '{"name":"Tea"}', headers: {'content-type': 'application/json'}}),
    ).toMatchObject({status: 201, body: {item: {name: 'Tea'}}});
    expect((await api('/api/items')).body).toEqual({
      items: ['Bread', 'Butter', 'Jam', 'Tea'].map((name) => expect.objectContaining({name})),
    });
    expect(await api('/api/items', {method: 'POST', body: '{}'})).toMatchObject({status: 422});
    expect((await api('/api/orders')).body).toEqual({
      orders: expect.arrayContaining([expect.objectContaining({quantity: 2})]),
    });
    expect(await api('/api/nothing')).toMatchObject({status: 404});
  });

  test('only pages that are allowed may read it', async () => {
    const allowed = await api('/api/items', {headers: {origin: site.url}});
    const foreign = await api('/api/items', {headers: {origin: 'https://elsewhere.example'}});
    expect(allowed.headers.get('access-control-allow-origin')).toBe(site.url);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await fetch(`${railway.serviceUrl(serviceId)}/api/items`, {
      method: 'OPTIONS',
      headers: {origin: site.url},
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'content-type, x-cart',
    ]);
  });

  test('v2 adds to the schema, and v1 still works on it', async () => {
    await live('v1');
    await railway.seedLive(serviceId, product.commits.v2);
    expect((await api('/api/health')).body).toMatchObject({version: 'v2', migration: '002_add_item_price'});
    expect((await api('/api/items')).body).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({price_cents: 250})]),
    });
    await railway.seedLive(serviceId, product.commits.v1);
    expect(await api('/api/items', {method: 'POST', body: '{"name":"Tea"}'})).toMatchObject({status: 201});
    expect((await api('/api/health')).body).toMatchObject({version: 'v1', migration: '002_add_item_price'});
  });

  test('a user sees both versions and nothing bad', async () => {
    await live('v2');
    expect(await user()).toMatchObject({
      ok: true,
      status: 200,
      frontendVersion: 'v2',
      backendVersion: 'v2',
      backendCommit: product.commits.v2,
      requests: 5,
      bad: 0,
      why: undefined,
    });
  });
});

describe('the bad versions', () => {
  test('bad-frontend is broken in the page alone', async () => {
    await live('v2');
    await railway.seedLive(serviceId, product.commits['bad-frontend']);
    site.version = 'bad-frontend';
    expect(await user()).toMatchObject({
      ok: false,
      frontendVersion: 'bad-frontend',
      why: 'page: the catalogue is not in it',
    });
    expect(await api('/api/health')).toMatchObject({status: 200, body: {status: 'ok'}});
  });

  test('bad-backend never starts, after it migrated', async () => {
    await live('v1');
    await expect(railway.seedLive(serviceId, product.commits['bad-backend'])).rejects.toThrow(
      /FAILED.*kept exiting.*CART_SIGNING_KEY/s,
    );
    expect((await api('/api/health')).body).toMatchObject({version: 'v1', migration: '002_add_item_price'});
  });

  test('bad-after-promotion passes every check until the new page is used, then runs out of connections', async () => {
    await live('v2');
    await railway.seedLive(serviceId, product.commits['bad-after-promotion']);
    site.version = 'v2';
    for (let i = 0; i < 20; i++) expect(await user()).toMatchObject({ok: true, backendVersion: 'bad-after-promotion'});
    site.version = 'bad-after-promotion';
    const outcomes: boolean[] = [];
    for (let i = 0; i < 7; i++) outcomes.push((await user()).ok);
    expect(outcomes.slice(0, 4)).toEqual([true, true, true, true]);
    expect(outcomes.slice(-2)).toEqual([false, false]);
    expect(await api('/api/items')).toMatchObject({status: 503});
    expect(await api('/api/health')).toMatchObject({status: 503, body: {status: 'error'}});
    await railway.seedLive(serviceId, product.commits.v2);
    site.version = 'v2';
    expect(await user()).toMatchObject({ok: true});
  });

  test('slow-leak walks through all that was asked before, each time longer', async () => {
    await live('slow-leak');
    for (let i = 0; i < 3; i++) expect(await user()).toMatchObject({ok: true});
    expect((await api('/api/cart')).body).toMatchObject({walked: 4});
    expect((await api('/api/cart')).body).toMatchObject({walked: 5});
    expect(await api('/api/items')).toMatchObject({status: 200});
  });

  test('breaking-migration breaks the version before it and is broken itself', async () => {
    await live('v2');
    await railway.seedLive(serviceId, product.commits['breaking-migration']);
    expect(await api('/api/items')).toMatchObject({status: 500});
    await railway.seedLive(serviceId, product.commits.v2);
    expect(await api('/api/items')).toMatchObject({status: 500});
    expect(await api('/api/health')).toMatchObject({status: 200});
  });
});

describe('a visitor', () => {
  test('tells what was served when, across a release that goes wrong and comes back', async () => {
    await live('v2');
    const visitor = startVisitor({frontendUrl: site.url, apiUrl: railway.serviceUrl(serviceId), intervalMs: 40});
    await until(
      () => visitor.log().visits.length >= 3,
      () => 'three visits',
    );
    site.version = 'bad-frontend';
    await until(
      () => visitor.log().badVisits >= 2,
      () => 'two bad visits',
    );
    site.version = 'v2';
    const before = visitor.log().visits.length;
    await until(
      () => visitor.log().visits.length >= before + 4,
      () => 'four more visits',
    );
    const log = await visitor.stop();
    expect(log.spans.map(({frontendVersion, ok}) => [frontendVersion, ok])).toEqual([
      ['v2', true],
      ['bad-frontend', false],
      ['v2', true],
    ]);
    expect(log.byVersion['bad-frontend']).toEqual({visits: log.badVisits, bad: log.badVisits});
    expect(log.requests).toBeGreaterThanOrEqual(log.visits.length * 4);
    expect([log.firstBadMs, log.lastBadMs]).toEqual([log.spans[1]!.fromMs, log.spans[1]!.toMs]);
  });

  test('counts a backend that is gone as bad, with the reason', async () => {
    await live('v2');
    railway.setVariables(serviceId, {ALLOWED_ORIGINS: 'https://elsewhere.example'});
    await railway.seedLive(serviceId, product.commits.v2);
    expect(await user()).toMatchObject({ok: false, why: "/api/items: the page's origin is not allowed"});
    railway.setVariables(serviceId, {ALLOWED_ORIGINS: site.url});
    expect(await visit({frontendUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1'})).toMatchObject({
      ok: false,
      status: 0,
      why: 'page: no answer (ECONNREFUSED)',
      requests: 1,
      bad: 1,
    });
  });
});
