import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {startVercel, type VercelStandIn} from '../../src/rehearsal/vercel/stand-in.js';
import {CliSession, vercelCli, vercelCliVersion} from './vercel-cli.js';

const team = {id: 'team_acme', slug: 'acme'};
const entry = await vercelCli();
const tests = entry === undefined ? describe.skip : describe;

// Each command starts a large program, on a machine that may be busy.
jest.setTimeout(120_000);

tests(`the command line ${vercelCliVersion} works against the stand-in`, () => {
  let vercel: VercelStandIn;
  let session: CliSession;
  let first: string;
  let live: string;
  let preview: string;

  beforeAll(async () => {
    vercel = await startVercel({
      token: 'tokenOfTheTeam',
      team,
      teamDomains: ['example.com'],
      projects: [
        {
          id: 'prj_shop',
          name: 'shop',
          productionHosts: 2,
          env: [
            {key: 'API_URL', value: 'https://api.example.com', type: 'plain'},
            {key: 'DATABASE_PASSWORD', value: 'never-told', type: 'sensitive', target: ['production']},
          ],
        },
      ],
    });
    const where = {url: vercel.url, token: 'tokenOfTheTeam', scope: team.slug};
    session = await CliSession.open(entry!, where, {projectId: 'prj_shop', orgId: team.id, projectName: 'shop'});
    await session.lay({'index.html': '<h1>by hand</h1>', 'app.js': 'console.log(1)'});
    first = await vercel.seed({
      projectId: 'shop',
      files: {'index.html': 'first'},
      promoted: true,
      meta: {release: 'r1'},
    });
    live = await vercel.seed({projectId: 'shop', files: {'index.html': 'live'}, promoted: true, meta: {release: 'r2'}});
    preview = await vercel.seed({projectId: 'shop', files: {'index.html': 'preview'}, promoted: false, target: null});
  });

  afterAll(async () => {
    await vercel.close();
    await session[Symbol.asyncDispose]();
  });

  beforeEach(() => void vercel.requests.splice(0));
  // Nothing was asked for that the stand-in does not know.
  afterEach(() =>
    expect(vercel.requests.filter((one) => one.operation === undefined || one.status >= 500)).toEqual([]),
  );

  const urlOf = (id: string) => vercel.state().deployments.find((one) => one.id === id)!.url;
  const project = () => vercel.state().projects[0]!;
  const writes = () => vercel.requests.filter((one) => one.method !== 'GET').map((one) => `${one.method} ${one.path}`);

  test('ls lists the deployments, newest first, with their environment', async () => {
    const {code, stdout, stderr} = await session.run('ls', 'shop');
    expect([code, stdout.trim().split('\n')]).toEqual([0, [preview, live, first].map((id) => `https://${urlOf(id)}`)]);
    expect(stderr).toMatch(/Ready\s+Production[\s\S]*Ready\s+Production/);
    expect(stderr).toMatch(/Ready\s+Preview/);
  });

  test('ls finds a deployment by its meta tag', async () => {
    const {code, stdout} = await session.run('ls', 'shop', '--meta', 'release=r2');
    expect([code, stdout.trim()]).toEqual([0, `https://${urlOf(live)}`]);
  });

  test('inspect tells what a production domain serves', async () => {
    const {code, stderr} = await session.run('inspect', vercel.productionHosts('shop')[0]!);
    expect(code).toBe(0);
    expect(stderr).toContain(live);
    expect(stderr).toMatch(/target\s+production/);
  });

  test('rollback puts both domains back and leaves the project rolled back', async () => {
    const {code, stderr} = await session.run('rollback', first, '--yes');
    expect([code, stderr]).toEqual([0, expect.stringContaining('was rolled back to')]);
    // An empty 201 with a content type would make the command line send it four times.
    expect(writes()).toEqual([`POST /v9/projects/prj_shop/rollback/${first}`]);
    expect(project()).toMatchObject({live: first, rolledBack: true, autoAssign: false});
    expect(project().hosts.map((one) => one.deploymentId)).toEqual([first, first]);
  });

  test('promote moves them on again and ends the rolled-back state', async () => {
    const {code, stderr} = await session.run('promote', live, '--yes');
    expect([code, stderr]).toEqual([0, expect.stringContaining('was promoted to')]);
    expect(writes()).toEqual([`POST /v10/projects/prj_shop/promote/${live}`]);
    expect(project()).toMatchObject({live, rolledBack: false, autoAssign: true});
  });

  test('promote of what is live fails with the message of the platform', async () => {
    const {code, stderr} = await session.run('promote', live, '--yes');
    expect(code).toBe(1);
    expect(stderr).toContain(`The provided deploymentId (${live}) is already the current production deployment. (409)`);
  });

  test('alias set, ls and rm', async () => {
    const set = await session.run('alias', 'set', first, 'demo.example.com');
    expect([set.code, set.stderr]).toEqual([0, expect.stringContaining('demo.example.com now points to')]);
    expect(vercel.state().aliases['demo.example.com']).toBe(first);
    const listed = await session.run('alias', 'ls');
    expect([listed.code, listed.stdout + listed.stderr]).toEqual([0, expect.stringMatching(/demo\.example\.com/)]);
    const removed = await session.run('alias', 'rm', 'demo.example.com', '--yes');
    expect([removed.code, vercel.state().aliases['demo.example.com']]).toEqual([0, undefined]);
  });

  test('env ls shows names and never the value of a sensitive one', async () => {
    const {code, stdout, stderr} = await session.run('env', 'ls', 'production');
    expect(code).toBe(0);
    expect(stdout + stderr).toMatch(/API_URL[\s\S]*DATABASE_PASSWORD/);
    expect(stdout + stderr).not.toContain('never-told');
  });

  test('deploy --prod --skip-domain stages, follows the build log and moves nothing', async () => {
    const {code, stderr} = await session.run('deploy', '--prod', '--skip-domain', '--yes', '--meta', 'release=r3');
    expect([code, stderr]).toEqual([0, expect.stringContaining('Build Completed')]);
    const made = vercel.state().deployments.at(-1)!;
    expect(made).toMatchObject({target: 'production', readySubstate: 'STAGED', meta: {release: 'r3'}, everLive: false});
    expect(project().live).toBe(live);
    expect(vercel.requests.map((one) => one.operation)).toContain('deployments.events');
  });

  test('deploy of a prebuilt folder', async () => {
    await session.lay({
      '.vercel/output/config.json': '{"version":3}',
      '.vercel/output/builds.json': '{"target":"preview","builds":[]}',
      '.vercel/output/static/index.html': '<h1>prebuilt</h1>',
    });
    const {code} = await session.run('deploy', '--prebuilt', '--yes');
    expect(code).toBe(0);
    const page = await fetch(`http://${vercel.state().deployments.at(-1)!.url}/`);
    expect(await page.text()).toBe('<h1>prebuilt</h1>');
  });

  test('a team that the token does not reach is refused', async () => {
    const where = {url: vercel.url, token: 'tokenOfTheTeam', scope: 'strangers'};
    await using other = await CliSession.open(entry!, where, {
      projectId: 'prj_shop',
      orgId: 'team_strangers',
      projectName: 'shop',
    });
    const {code, stdout, stderr} = await other.run('ls', 'shop');
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/scope/i);
  });
});

test('the command line was at hand, or its absence was said', () => {
  expect(entry === undefined || entry.endsWith('vc.js')).toBe(true);
});
