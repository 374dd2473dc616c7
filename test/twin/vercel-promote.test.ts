import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import type {ProjectOptions, Quirks} from '../../src/rehearsal/vercel/stand-in.js';
import {commit, type VercelWorld, vercelWorld} from './vercel-world.js';

let world: VercelWorld;
beforeEach(async () => {
  world = await vercelWorld();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  expect(world.standIn.violations).toEqual([]);
});

/** Staged and READY, as a deploy leaves it. */
const stage = (to = world) =>
  to.standIn.seed({projectId: 'prj_shop', files: {'index.html': 'candidate', 'a.js': ''}, promoted: false, commit});
const back = (to = world, more: {abandoned?: string[]; dryRun?: boolean; signal?: AbortSignal} = {}) =>
  to.open().rollback(to.anchor(), {...to.call(), abandoned: [], reason: 'the gate said fail', ...more});
const project = (of = world) => of.standIn.state().projects[0]!;

describe('promotion', () => {
  test('moves every production host, and users see it', async () => {
    const id = await stage();
    const promoted = await world.open().promote(id, world.call());
    expect(promoted).toMatchObject({
      changed: true,
      hosts: expect.arrayContaining(
        world.standIn.productionHosts('prj_shop').map((host) => ({host, deploymentId: id})),
      ),
    });
    expect(world.served()).toEqual([id]);
    expect(await (await fetch(world.standIn.productionUrl('prj_shop'))).text()).toBe('candidate');
    expect(await world.open().promote(id, world.call())).toMatchObject({changed: false});
  });

  test.each<[rule: string, plan: Parameters<VercelWorld['standIn']['script']['nextJob']>[0], code: string]>([
    ['a job that fails', {outcome: 'failed'}, 'VERCEL_PROMOTE_FAILED'],
    ['a job that is skipped', {outcome: 'skipped'}, 'VERCEL_NOT_SERVED'],
    ['a job that never ends', {outcome: 'stuck'}, 'VERCEL_TIMEOUT'],
  ])('%s is not a promotion', async (_rule, plan, code) => {
    const id = await stage();
    world.standIn.script.nextJob(plan);
    await expect(world.open().promote(id, world.call({timeoutMs: 60_000}))).rejects.toMatchObject({
      code,
      remedy: expect.stringMatching(/again/),
    });
    expect(project().live).toBe(world.former);
  });

  test.each<[Quirks['promoteAliases']]>([['sdk'], ['cli']])(
    'a domain that stays behind is named, in the shape of the %s',
    async (promoteAliases) => {
      await using other = await vercelWorld({}, {quirks: {promoteAliases}});
      const id = await stage(other);
      const behind = other.standIn.productionHosts('prj_shop')[1]!;
      other.standIn.script.nextJob({failHosts: [behind]});
      await expect(other.open().promote(id, other.call())).rejects.toMatchObject({
        code: 'VERCEL_PROMOTE_FAILED',
        message: expect.stringContaining(`failed for ${behind};`),
        details: {failed: [behind]},
      });
      // Run again, it goes on from there.
      expect(await other.open().promote(id, other.call())).toMatchObject({changed: true});
      expect(other.served()).toEqual([id]);
    },
  );

  test('a preview, a failed and an unknown deployment are refused without a write', async () => {
    const preview = await world.standIn.seed({
      projectId: 'prj_shop',
      files: {'a.js': ''},
      promoted: false,
      target: null,
    });
    await expect(world.open().promote(preview, world.call())).rejects.toMatchObject({code: 'VERCEL_WRONG_TARGET'});
    await expect(world.open().promote('dpl_unknown', world.call())).rejects.toMatchObject({code: 'VERCEL_NOT_FOUND'});
    expect(world.routes().filter((route) => !route.startsWith('GET'))).toEqual([]);
  });

  test('rolling releases are refused, and one under way is named', async () => {
    await using rolling = await vercelWorld({
      rollingRelease: {stages: [{targetPercentage: 10}, {targetPercentage: 100}]},
    });
    const id = await stage(rolling);
    await expect(rolling.open().promote(id, rolling.call())).rejects.toMatchObject({
      code: 'VERCEL_ROLLING_RELEASE',
      remedy: expect.stringMatching(/Turn rolling releases off/),
    });
    expect(rolling.routes().filter((route) => !route.startsWith('GET'))).toEqual([]);
  });
});

describe('rollback', () => {
  test('brings production back, says that assignment is off, and the next promotion restores it', async () => {
    const id = await stage();
    await world.open().promote(id, world.call());
    const done = await back();
    expect(done).toMatchObject({
      outcome: 'restored',
      by: 'rollback',
      live: {
        deploymentId: world.former,
        commit: 'a'.repeat(40),
        hosts: expect.arrayContaining(world.standIn.productionHosts('prj_shop')),
      },
      warnings: [expect.stringMatching(/waits for a promotion/)],
    });
    expect(await (await fetch(world.standIn.productionUrl('prj_shop'))).text()).toContain('former');
    expect(await world.open().assignmentState(world.call())).toMatchObject({
      rolledBack: true,
      reason: 'the gate said fail',
      currentDeploymentId: world.former,
    });
    await world.open().promote(id, world.call());
    expect(await world.open().assignmentState(world.call())).toMatchObject({
      rolledBack: false,
      autoAssign: true,
      currentDeploymentId: id,
    });
  });

  test('twice, also at the same time, is harmless', async () => {
    await world.open().promote(await stage(), world.call());
    const both = await Promise.all([back(), back()]);
    expect(both.map(({outcome}) => outcome).sort()).toEqual(expect.arrayContaining(['restored']));
    expect(await back()).toMatchObject({outcome: 'already', by: 'none'});
    expect(world.served()).toEqual([world.former]);
  });

  test('of a promotion that was killed half way: it waits, then undoes', async () => {
    const abort = new AbortController();
    const onRequest = ({method, path}: {method: string; path: string}) => {
      if (method === 'POST' && path.includes('/promote/')) abort.abort();
    };
    await using other = await vercelWorld({}, {onRequest});
    const id = await stage(other);
    await expect(other.open().promote(id, other.call({signal: abort.signal}))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(project(other).lastAliasRequest).toMatchObject({
      toDeploymentId: id,
      jobStatus: expect.stringMatching(/pending|in-progress/),
    });
    expect(await back(other)).toMatchObject({outcome: 'restored', live: {deploymentId: other.former}});
    expect(other.served()).toEqual([other.former]);
    other.clock.advance(600_000);
    expect(other.served()).toEqual([other.former]);
  });

  test('of a promotion that left a host behind', async () => {
    const id = await stage();
    world.standIn.script.nextJob({failHosts: [world.standIn.productionHosts('prj_shop')[1]!]});
    await expect(world.open().promote(id, world.call())).rejects.toMatchObject({code: 'VERCEL_PROMOTE_FAILED'});
    expect(world.served()).toHaveLength(2);
    expect(await back()).toMatchObject({outcome: 'restored'});
    expect(world.served()).toEqual([world.former]);
  });

  test('on the free plan to an older deployment: promotes it instead', async () => {
    await using hobby = await vercelWorld({hobby: true});
    for (const body of ['second', 'third']) {
      const id = await hobby.standIn.seed({
        projectId: 'prj_shop',
        files: {'index.html': body},
        promoted: false,
        commit,
      });
      await hobby.open().promote(id, hobby.call());
    }
    const done = await back(hobby);
    expect(done).toMatchObject({outcome: 'restored', warnings: [expect.stringMatching(/HTTP 402.*promoted instead/)]});
    expect(hobby.served()).toEqual([hobby.former]);
  });

  test('cancels what the failed release left in flight', async () => {
    world.standIn.script.next('stuck');
    const ids: string[] = [];
    await world
      .open()
      .deploy(
        {commit, release: 'r-1', path: world.folder},
        {...world.call({timeoutMs: 5_000}), onCreated: (id) => void ids.push(id)},
      );
    expect(await back(world, {abandoned: ids})).toMatchObject({outcome: 'already', warnings: []});
    expect(world.standIn.state().deployments.find(({id}) => id === ids[0])).toMatchObject({readyState: 'CANCELED'});
  });

  test('a dry run writes nothing', async () => {
    const id = await stage();
    await world.open().promote(id, world.call());
    const before = world.routes().length;
    await back(world, {dryRun: true, abandoned: [id]});
    expect(
      world
        .routes()
        .slice(before)
        .every((route) => route.startsWith('GET')),
    ).toBe(true);
    expect(world.served()).toEqual([id]);
  });
});

describe('whatever the sources disagree about', () => {
  test.each<[name: string, quirks: Partial<Quirks>]>([
    ['as usual', {}],
    ['aliases of a job as objects', {promoteAliases: 'cli'}],
    ['a rollback does not show in autoAssignCustomDomains', {rollbackShowsInAutoAssign: false}],
    ['lastAliasRequest on request only', {rollbackInfoOnRequest: true}],
    ['variables in pages', {envShape: 'pagination'}],
    ['one bare variable', {envShape: 'single'}],
    ['protection by redirect', {protectionAnswer: 'redirect'}],
    ['null instead of pages', {nullPagination: true}],
    ['no instant static deployments', {instantStatic: false}],
  ])('%s: a release goes live and comes back', async (_name, quirks) => {
    await using other = await vercelWorld({env: [{key: 'API_URL'}]}, {quirks});
    const vercel = other.open();
    const findings = await vercel.preflight({requiredVariables: ['API_URL']}, other.call());
    expect(findings.filter(({state}) => state === 'problem')).toEqual([]);
    const staged = await vercel.deploy({commit, release: 'r-1', path: other.folder}, other.call());
    await vercel.promote(staged.deploymentId, other.call());
    expect(other.served()).toEqual([staged.deploymentId]);
    await back(other);
    expect(other.served()).toEqual([other.former]);
    expect(await vercel.assignmentState(other.call())).toMatchObject({rolledBack: true});
    expect(other.standIn.violations).toEqual([]);
  });
});

describe('preflight', () => {
  const look = async (
    options: Partial<ProjectOptions>,
    open: Parameters<VercelWorld['open']>[0] = {},
    more: Parameters<typeof vercelWorld>[1] = {},
  ) => {
    await using other = await vercelWorld(options, more);
    const findings = await other
      .open(open)
      .preflight({requiredVariables: ['API_URL'], repository: 'acme/shop'}, other.call());
    expect(other.routes().every((route) => route.startsWith('GET'))).toBe(true);
    for (const {state, remedy} of findings)
      expect(state === 'ok' || (remedy !== undefined && remedy.length > 10)).toBe(true);
    return findings;
  };
  const row = (check: string | RegExp, state: string) =>
    expect.arrayContaining([expect.objectContaining({check: expect.stringMatching(check), state})]);
  const env = [{key: 'API_URL'}];

  test('a good project has no problem and no warning, and nothing is written', async () => {
    const findings = await look({env, autoAssign: false});
    expect(findings.filter(({state}) => state !== 'ok')).toEqual([]);
    expect(findings.length).toBeGreaterThanOrEqual(9);
  });

  test.each<
    [
      rule: string,
      options: Partial<ProjectOptions>,
      open: Parameters<VercelWorld['open']>[0],
      check: string,
      state: string,
    ]
  >([
    ['a missing variable', {}, {}, 'variable API_URL', 'problem'],
    ['hidden variables cannot be verified', {hiddenProductionEnvCount: 3}, {}, 'variable API_URL', 'unknown'],
    ['a variable for previews only', {env: [{key: 'API_URL', target: ['preview']}]}, {}, 'variable API_URL', 'problem'],
    ['a sensitive variable is present', {env: [{key: 'API_URL', type: 'sensitive'}]}, {}, 'variable API_URL', 'ok'],
    ['protection without a secret', {env, protection: true}, {}, 'can be probed', 'problem'],
    [
      'protection with a wrong secret',
      {env, protection: true, bypassSecret: 'a'.repeat(32)},
      {protectionBypass: 'b'.repeat(32)},
      'can be probed',
      'problem',
    ],
    [
      'protection with the right secret',
      {env, protection: true, bypassSecret: 'a'.repeat(32)},
      {protectionBypass: 'a'.repeat(32)},
      'can be probed',
      'ok',
    ],
    ['protection of previews only', {env, protection: 'preview'}, {}, 'can be probed', 'ok'],
    ['rolling releases', {env, rollingRelease: {stages: [{targetPercentage: 100}]}}, {}, 'rolling releases', 'problem'],
    [
      'a connected repository that deploys by itself',
      {env, linkedRepo: {org: 'acme', repo: 'shop'}},
      {},
      'assignment of production',
      'warning',
    ],
    ['the right repository', {env, linkedRepo: {org: 'acme', repo: 'shop'}}, {}, 'connected repository', 'ok'],
    ['another repository', {env, linkedRepo: {org: 'acme', repo: 'blog'}}, {}, 'connected repository', 'warning'],
    ['a wrong token', {env}, {token: 'wrong'}, 'token and project', 'problem'],
    ['a wrong team', {env}, {team: 'team_other'}, 'token and project', 'problem'],
    ['a project that does not exist', {env}, {project: 'absent'}, 'token and project', 'problem'],
    ['an anchor', {env}, {}, 'gone back to', 'ok'],
  ])('%s', async (_rule, options, open, check, state) => {
    expect(await look(options, open)).toEqual(row(check, state));
  });

  test('a token of this project alone is enough', async () => {
    const more = {projectTokens: {vcp_project_only: 'prj_shop'}};
    expect(await look({env}, {token: 'vcp_project_only'}, more)).toEqual(row('variable API_URL', 'ok'));
  });

  test('hosts that disagree, a rolled-back project and a paused one are found', async () => {
    const id = await stage();
    world.standIn.script.nextJob({failHosts: [world.standIn.productionHosts('prj_shop')[1]!]});
    await world
      .open()
      .promote(id, world.call())
      .catch(() => undefined);
    const check = () => world.open().preflight({requiredVariables: []}, world.call());
    expect(await check()).toEqual(row('production domains', 'problem'));
    await world.open().promote(id, world.call());
    await back();
    expect(await check()).toEqual(row('assignment of production', 'warning'));
    await fetch(`${world.standIn.url}/v1/projects/prj_shop/pause?teamId=team_acme`, {
      method: 'POST',
      headers: {authorization: 'Bearer vcp_token_of_the_team'},
    });
    expect(await check()).toEqual(row('not paused', 'problem'));
  });

  test('an outage is unknown, not a problem', async () => {
    world.standIn.faults.push({route: 'GET *', fault: {kind: 'status', status: 503}, times: 99});
    expect(await world.open().preflight({requiredVariables: []}, world.call())).toEqual([
      expect.objectContaining({state: 'unknown'}),
    ]);
  });
});

test('the project’s settings for a backup hold no secret', async () => {
  await using other = await vercelWorld({
    env: [{key: 'API_URL', value: 'https://x', type: 'plain'}],
    protection: true,
    bypassSecret: 's'.repeat(32),
  });
  const settings = await other.open().settings(other.call());
  expect(settings).toMatchObject({
    project: {id: 'prj_shop', name: 'shop'},
    variables: [{name: 'API_URL', from: 'project'}],
    domains: [{verified: true}, {verified: true}],
  });
  expect(JSON.stringify(settings)).not.toMatch(/ssss|https:\/\/x/);
});
