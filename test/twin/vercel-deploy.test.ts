import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import type {Deployment} from '../../src/platforms/platform.js';
import {commit, lay, type VercelWorld, vercelWorld} from './vercel-world.js';

let world: VercelWorld;
beforeEach(async () => {
  world = await vercelWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  expect(world.standIn.violations).toEqual([]);
});

const request = (more: {release?: string; path?: string} = {}) => ({
  commit,
  release: 'r-1',
  path: world.folder,
  ...more,
});
const deployments = () => world.standIn.state().deployments.filter(({id}) => id !== world.former);
const files = () => [...deployments().at(-1)!.files].sort();

describe('a good deployment', () => {
  test('is staged: reachable at its own address, and production serves the former one', async () => {
    const staged = await world.open().deploy(request(), world.call());
    expect(staged).toMatchObject({outcome: 'ready', staged: true, commit, warnings: []});
    expect(await (await fetch(staged.url!)).text()).toContain('shop');
    expect(await (await fetch(world.standIn.productionUrl('prj_shop'))).text()).toContain('former');
    expect(deployments()).toMatchObject([
      {target: 'production', readySubstate: 'STAGED', meta: {switchbackRelease: 'r-1', switchbackCommit: commit}},
    ]);
  });

  test('takes five steps to be live: requests that wait for one another, beyond polls and uploads', async () => {
    const steps = countSteps((route) => !/events|\/v2\/files/.test(route));
    try {
      const vercel = world.open();
      const {deploymentId} = await vercel.deploy(request(), {...world.call(), onCreated: () => steps.pause()});
      steps.resume();
      await vercel.promote(deploymentId, world.call());
    } finally {
      steps.stop();
    }
    // After the request to promote only its job and the hosts are asked, until they say what they should.
    const last = steps.routes.findIndex((route) => route.includes('/promote/'));
    const counted = steps.routes.slice(0, last + 1);
    process.stdout.write(
      `vercel: a good release takes ${steps.at[last]} steps of ${counted.length} requests beyond polls and uploads\n`,
    );
    expect(counted.map((route) => route.replace(/dpl_\w+/, 'ID'))).toEqual([
      'GET /v9/projects/prj_shop',
      'GET /v6/deployments',
      'POST /v13/deployments',
      'POST /v13/deployments',
      'GET /v9/projects/prj_shop',
      'GET /v13/deployments/ID',
      'GET /v9/projects/prj_shop/domains',
      'POST /v10/projects/prj_shop/promote/ID',
    ]);
    expect(steps.at[last]).toBe(5);
  });

  test('streams the build’s log and tells where it stands', async () => {
    await world.open().deploy(request(), world.call());
    expect(world.lines.filter((line) => line.startsWith('build | ')).length).toBeGreaterThan(0);
    expect(world.lines.some((line) => /is ready after/.test(line))).toBe(true);
    expect(world.lines.join('\n')).not.toMatch(/vcp_token/);
  });

  test('a log stream that breaks off is taken up again and does not decide anything', async () => {
    world.standIn.script.cutStreamsAfter.push(1, 1);
    expect(await world.open().deploy(request(), world.call())).toMatchObject({outcome: 'ready'});
  });

  test('works with a team’s slug, and with another team in the environment', async () => {
    process.env['VERCEL_TEAM_ID'] = 'team_other';
    try {
      expect(await world.open({team: 'acme'}).deploy(request(), world.call())).toMatchObject({outcome: 'ready'});
    } finally {
      delete process.env['VERCEL_TEAM_ID'];
    }
  });

  test('is made once for a release, however often it is asked for', async () => {
    const first = await world.open().deploy(request(), world.call());
    const again = await world.open().deploy(request(), world.call());
    const other = await world.open().deploy(request({release: 'r-2'}), world.call());
    expect(again).toMatchObject({deploymentId: first.deploymentId, adopted: true});
    expect(other.deploymentId).not.toBe(first.deploymentId);
    expect(deployments()).toHaveLength(2);
  });
});

describe('every other end', () => {
  test.each<['error' | 'canceled' | 'blocked' | 'stuck' | 'check-failed', Deployment['outcome']]>([
    ['error', 'failed'],
    ['canceled', 'canceled'],
    ['blocked', 'blocked'],
    ['stuck', 'timed-out'],
    ['check-failed', 'failed'],
  ])('%s is told as %s, with a reason and a remedy, and production does not move', async (outcome, expected) => {
    world.standIn.script.next(outcome);
    const ended = await world.open().deploy(request(), world.call());
    expect(ended).toMatchObject({
      outcome: expected,
      reason: {
        code: expect.stringMatching(/^VERCEL_/),
        message: expect.stringContaining(ended.deploymentId),
        remedy: expect.stringMatching(/\.$|:/),
      },
    });
    expect(world.served()).toEqual([world.former]);
  });

  test('a failed build quotes the end of its log', async () => {
    world.standIn.script.next('error');
    const {reason} = await world.open().deploy(request(), world.call());
    expect(reason!.logTail.length).toBeGreaterThan(0);
    expect(reason!.logTail.join(' ')).not.toMatch(/\n/);
  });

  test('a deployment after a failed one of the same release is a new one', async () => {
    world.standIn.script.next('error');
    await world.open().deploy(request(), world.call());
    expect(await world.open().deploy(request(), world.call())).toMatchObject({outcome: 'ready', adopted: false});
    expect(deployments()).toHaveLength(2);
  });

  test('a cancelled run cancels the build that it waits for', async () => {
    world.standIn.script.next('stuck');
    const abort = new AbortController();
    const run = world.open().deploy(request(), {...world.call({signal: abort.signal}), onCreated: () => abort.abort()});
    await expect(run).rejects.toMatchObject({code: 'CANCELLED'});
    expect(deployments()).toMatchObject([{readyState: 'CANCELED'}]);
  });
});

describe('what is uploaded', () => {
  test('no environment file, nothing that git ignores, and the reader is told', async () => {
    await lay(world.folder, {
      '.env': 'SECRET=1',
      '.env.production': 'A=1',
      '.gitignore': 'dist\n',
      'dist/x.js': '',
      'web/.env.local': 'S=2',
      'web/a.js': '',
    });
    const {warnings} = await world.open().deploy(request(), world.call());
    expect(files()).toEqual(['app.js', 'index.html', 'web/a.js']);
    expect(warnings).toEqual([expect.stringMatching(/Not uploaded.*\.env, \.env\.production.*\.vercelignore/)]);
  });

  test('more than a thousand files go as one archive, fewer one by one', async () => {
    await mkdir(join(world.folder, 'many'));
    await Promise.all(
      Array.from({length: 1_001}, (_, i) => writeFile(join(world.folder, 'many', `${i}.txt`), `file ${i}`)),
    );
    const staged = await world.open().deploy(request(), world.call());
    expect(staged.outcome).toBe('ready');
    expect(world.routes().filter((route) => route === 'POST /v2/files')).toHaveLength(1);
    expect(await (await fetch(`${staged.url}/many/1000.txt`)).text()).toBe('file 1000');
  });

  test('`archive` decides otherwise', async () => {
    await world.open({archive: 'tgz'}).deploy(request(), world.call());
    expect(files()).toEqual(['.vercel/source.tgz.part1']);
  });

  test('vercel.json is honoured', async () => {
    await lay(world.folder, {
      'vercel.json': JSON.stringify({
        cleanUrls: true,
        buildCommand: 'make',
        ignoreCommand: 'exit 1',
        alias: ['x.example'],
        scope: 'acme',
      }),
    });
    await world.open().deploy(request(), world.call());
    const {body} = world.standIn.requests
      .filter(({method, path}) => method === 'POST' && path === '/v13/deployments')
      .at(-1)!;
    expect(body).toMatchObject({
      cleanUrls: true,
      projectSettings: {buildCommand: 'make', commandForIgnoringBuildStep: 'exit 1'},
    });
    expect(body).not.toHaveProperty('alias');
    expect(body).not.toHaveProperty('scope');
  });

  test('prebuilt output alone, when it was built for production', async () => {
    await lay(world.folder, {
      '.vercel/output/config.json': '{"version":3}',
      '.vercel/output/builds.json': '{"target":"production","builds":[]}',
      '.vercel/output/static/index.html': '<h1>prebuilt</h1>',
    });
    const staged = await world.open({prebuilt: true}).deploy(request(), world.call());
    expect(await (await fetch(staged.url!)).text()).toContain('prebuilt');
    expect(files().every((file) => file.startsWith('.vercel/output/'))).toBe(true);
  });

  test('nothing at all when the folder, the output or vercel.json will not do', async () => {
    const before = world.standIn.state().uploads;
    await expect(world.open().deploy({commit, release: 'r-1'}, world.call())).rejects.toMatchObject({
      code: 'VERCEL_PATH',
    });
    await expect(world.open().deploy(request({path: 'relative'}), world.call())).rejects.toMatchObject({
      code: 'VERCEL_PATH',
    });
    await expect(
      world.open().deploy(request({path: join(world.folder, 'absent')}), world.call()),
    ).rejects.toMatchObject({code: 'VERCEL_PATH'});
    await expect(world.open({rootDirectory: 'apps/web'}).deploy(request(), world.call())).rejects.toMatchObject({
      code: 'VERCEL_PATH',
      message: expect.stringMatching(/apps\/web/),
    });
    await expect(world.open({prebuilt: true}).deploy(request(), world.call())).rejects.toMatchObject({
      code: 'VERCEL_PREBUILT',
    });
    await lay(world.folder, {'vercel.json': '{'});
    await expect(world.open().deploy(request(), world.call())).rejects.toMatchObject({code: 'VERCEL_JSON'});
    expect(world.routes().filter((route) => route.startsWith('POST'))).toEqual([]);
    expect(world.standIn.state().uploads).toBe(before);
  });
});

describe('a project that is special', () => {
  test('a check that did not pass is named', async () => {
    await using checked = await vercelWorld({checks: [{name: 'lighthouse', blocks: 'deployment-alias'}]});
    checked.standIn.script.next('check-failed');
    const {outcome, reason} = await checked
      .open()
      .deploy({commit, release: 'r-1', path: checked.folder}, checked.call());
    expect(outcome).toBe('failed');
    expect(reason).toMatchObject({
      code: 'VERCEL_CHECKS_FAILED',
      message: expect.stringMatching(/: lighthouse \(failed\)$/),
    });
  });

  test('a monorepo’s root directory', async () => {
    await using mono = await vercelWorld({rootDirectory: 'apps/web'});
    await lay(mono.folder, {'apps/web/index.html': '<h1>web</h1>', 'apps/web/app.js': '', 'packages/ui/i.js': ''});
    const staged = await mono.open().deploy({commit, release: 'r-1', path: mono.folder}, mono.call());
    expect(await (await fetch(staged.url!)).text()).toContain('web');
    expect(mono.standIn.violations).toEqual([]);
  });

  test('a protected one answers probes with the bypass only', async () => {
    await using guarded = await vercelWorld({protection: true, bypassSecret: 's'.repeat(32)});
    const vercel = guarded.open({protectionBypass: 's'.repeat(32)});
    const staged = await vercel.deploy({commit, release: 'r-1', path: guarded.folder}, guarded.call());
    expect((await fetch(staged.url!, {redirect: 'manual'})).status).toBe(401);
    expect((await fetch(staged.url!, {redirect: 'manual', headers: vercel.probeHeaders()})).status).toBe(200);
    expect(guarded.open().probeHeaders()).toEqual({});
  });
});

/** Numbers each request by step: those under way at the same time share one. */
function countSteps(isCounted: (route: string) => boolean) {
  const real = globalThis.fetch;
  const seen = {routes: [] as string[], at: [] as number[]};
  let [open, step, isPaused] = [0, 0, false];
  globalThis.fetch = async (input, init) => {
    const route = `${init?.method ?? 'GET'} ${new URL(input as string).pathname}`;
    if (isPaused || !isCounted(route)) return real(input, init);
    if (open++ === 0) step++;
    seen.routes.push(route);
    seen.at.push(step);
    try {
      return await real(input, init);
    } finally {
      open--;
    }
  };
  return {
    ...seen,
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      isPaused = false;
    },
    stop: () => {
      globalThis.fetch = real;
    },
  };
}
