import {resolve} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {names, secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {runBundle} from './bundle.js';

let world: World;

beforeAll(async () => {
  world = await startWorld(resolve(import.meta.dirname, '..', '..', '.rehearsal', 'tests'));
}, 120_000);
afterAll(() => world.close());

const inputs = () => ({
  'vercel-token': secrets.vercelToken,
  'railway-token': secrets.railwayToken,
  'github-token': secrets.githubToken,
  'database-url': world.databaseUrl,
  'storage-access-key-id': secrets.accessKeyId,
  'storage-secret-access-key': secrets.secretAccessKey,
  commit: world.product.commits.v2,
});

const environment = () => ({
  GITHUB_API_URL: world.github.url,
  GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
  GITHUB_SHA: world.product.commits.v2,
});

/** Requests that change something, by stand-in. */
function writes(): string[] {
  const changes = (method: string) => !['GET', 'HEAD', 'OPTIONS'].includes(method);
  const mutates = (body: unknown) => /^\s*mutation\b/.test(String((body as {query?: string} | undefined)?.query));
  return [
    ...world.vercel.requests.filter((r) => changes(r.method)).map((r) => `vercel ${r.method} ${r.path}`),
    ...world.railway.requests
      .filter((r) => r.path.endsWith('/up') || mutates(r.body))
      .map((r) => `railway ${r.operation}`),
    ...world.github.requests.filter((r) => changes(r.method)).map((r) => `github ${r.method} ${r.path}`),
    ...world.s3.requests
      .filter((r) => changes(r.method))
      .map((r) => `s3 ${r.method} ${r.path.replace(/[0-9a-f]{12}$/, 'ID')}`),
  ];
}

test('the go-live checklist writes nothing but a probe object, which it removes', async () => {
  const step = await runBundle('preflight', {inputs: inputs(), workspace: world.product.dir, env: environment()});
  expect({log: step.logWithoutMasks, exit: step.exitCode}).toMatchObject({exit: 0});
  expect(writes()).toEqual([`s3 PUT /${names.bucket}/backups/probe-ID`, `s3 DELETE /${names.bucket}/backups/probe-ID`]);
  expect(world.s3.objects(names.bucket)).toEqual([]);
  expect(step.outputs).toMatchObject({ok: 'true', problems: '0', pinned: 'false'});
  expect(step.outputs['release']).toBeUndefined();
}, 60_000);

test('its rows cover every kind of thing a release leans on, each with what was found', async () => {
  const step = await runBundle('preflight', {inputs: inputs(), workspace: world.product.dir, env: environment()});
  const findings = JSON.parse(step.outputs['findings']!) as Array<{
    area: string;
    check: string;
    state: string;
    found: string;
    remedy?: string;
  }>;
  const has = (area: RegExp, check: RegExp) =>
    findings.some((row) => area.test(row.area) && check.test(row.check) && row.found !== '');
  for (const [area, check] of [
    [/configuration/, /switchback\.yml/],
    [/frontend/, /way back/],
    [/backend/, /way back/],
    [/backend/, /CORS/],
    [/backup/, /store/],
    [/backup/, /public keys/],
    [/database/, /connection/],
    [/database/, /pg_dump/],
    [/gate/, /checks/],
    [/ledger/, /pin/],
    [/ledger/, /maintenance/],
    [/ledger/, /last release/],
  ] as const)
    expect({area, check, found: has(area, check)}).toMatchObject({found: true});
  for (const row of findings.filter((finding) => finding.state !== 'ok')) expect(row.remedy).toMatch(/\S/);
  for (const row of findings) expect(step.summary).toContain(row.area);
}, 60_000);

test('a release is opened only when asked, and once', async () => {
  const open = () =>
    runBundle('preflight', {
      inputs: {...inputs(), 'open-release': 'true'},
      workspace: world.product.dir,
      env: {...environment(), GITHUB_RUN_ID: '77', GITHUB_SERVER_URL: 'https://github.com'},
    });
  const step = await open();
  expect(step.outputs['release']).toMatch(/^r-\d{8}-\d{6}-[0-9a-f]{7}$/);
  const records = world.github.deployments('switchback-release');
  expect(records).toHaveLength(1);
  expect(String(records[0]!.id)).toBe(step.outputs['ledger-id']);
  expect(JSON.stringify(records[0]!.payload)).toContain(JSON.parse(step.outputs['anchors']!).frontend.deploymentId);
}, 60_000);
