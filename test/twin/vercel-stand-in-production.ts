import {expect} from '@jest/globals';
import {row} from './vercel-stand-in-rig.js';

row(
  'POST promote',
  '201 with no body and no content type; the job moves domains, targets, crons',
  async ({call, deploy, project, vercel, live}) => {
    const id = await deploy({autoAssignCustomDomains: false});
    const answer = await call(`POST /v10/projects/prj_shop/promote/${id}`, {});
    expect([answer.status, answer.body, answer.headers.get('content-type')]).toEqual([201, '', null]);
    const seen = [project().lastAliasRequest];
    vercel.advance(20);
    seen.push(project().lastAliasRequest);
    expect(project().live).toBe(live);
    vercel.advance(60);
    seen.push(project().lastAliasRequest);
    expect(seen.map((one) => one?.jobStatus)).toEqual(['pending', 'in-progress', 'succeeded']);
    expect(seen[0]).toMatchObject({
      type: 'promote',
      fromDeploymentId: live,
      toDeploymentId: id,
      requestedAt: expect.any(Number),
    });
    expect(project()).toMatchObject({live: id, crons: id, hosts: [{deploymentId: id}, {deploymentId: id}]});
  },
);

row('POST promote', 'what is current answers 409 with the exact message', async ({call, live}) => {
  const answer = await call(`POST /v10/projects/prj_shop/promote/${live}`, {});
  expect([answer.status, answer.body.error.message]).toEqual([
    409,
    `The provided deploymentId (${live}) is already the current production deployment.`,
  ]);
});

row(
  'POST promote',
  'previews, unfinished, failed and unknown deployments are refused, and change nothing',
  async (rig) => {
    const preview = await rig.deploy({target: undefined});
    const failed = await rig.deploy({meta: {twin: 'error'}});
    const building = await rig.deploy({autoAssignCustomDomains: false}, false);
    const status = async (id: string) => (await rig.call(`POST /v10/projects/prj_shop/promote/${id}`, {})).status;
    const refusals = [await status(preview), await status(failed), await status(building), await status('dpl_nobody')];
    expect(refusals).toEqual([400, 400, 400, 404]);
    expect(rig.project()).toMatchObject({lastAliasRequest: null, live: rig.live});
  },
);

row('POST promote', 'a second job while one runs is 409 with another message', async ({call, deploy, first}) => {
  const id = await deploy({autoAssignCustomDomains: false});
  await call(`POST /v10/projects/prj_shop/promote/${id}`, {});
  const answer = await call(`POST /v9/projects/prj_shop/rollback/${first}`, {});
  expect([answer.status, answer.body.error.message]).toEqual([
    409,
    expect.stringContaining('Another promote is in progress'),
  ]);
});

const jobEnds: ReadonlyArray<['failed' | 'skipped' | 'stuck', string]> = [
  ['failed', 'failed'],
  ['skipped', 'skipped'],
  ['stuck', 'in-progress'],
];
for (const [outcome, status] of jobEnds) {
  row(
    'POST promote',
    `a job that ends ${outcome} moves nothing`,
    async ({call, deploy, project, vercel, live, hosts, page}) => {
      const id = await deploy({autoAssignCustomDomains: false});
      vercel.script.nextJob({outcome});
      await call(`POST /v10/projects/prj_shop/promote/${id}`, {});
      vercel.advance(600_000);
      expect(project()).toMatchObject({live, lastAliasRequest: {jobStatus: status, toDeploymentId: id}});
      expect(await page(hosts[0]!)).toBe('200 live');
    },
  );
}

row(
  'POST promote',
  'a promote ends the rolled-back state; promoting the current one does not',
  async ({call, first, live, project, vercel}) => {
    await call(`POST /v9/projects/prj_shop/rollback/${first}`, {});
    vercel.advance(1_000);
    expect((await call(`POST /v10/projects/prj_shop/promote/${first}`, {})).status).toBe(409);
    expect(project()).toMatchObject({rolledBack: true, autoAssign: false});
    await call(`POST /v10/projects/prj_shop/promote/${live}`, {});
    vercel.advance(1_000);
    expect(project()).toMatchObject({rolledBack: false, autoAssign: true, live});
  },
);

row(
  'GET promote and rollback aliases',
  'each domain by itself; one that fails stays on the old deployment',
  async ({call, deploy, hosts, vercel, project, page}) => {
    const id = await deploy({autoAssignCustomDomains: false});
    vercel.script.nextJob({failHosts: [hosts[1]!]});
    await call(`POST /v10/projects/prj_shop/promote/${id}`, {});
    vercel.advance(1_000);
    const {aliases} = (await call('GET /v1/projects/prj_shop/promote/aliases')).body as {
      aliases: Array<{alias: string; status: string}>;
    };
    expect(Object.fromEntries(aliases.map((one) => [one.alias, one.status]))).toEqual({
      [hosts[0]!]: 'completed',
      [hosts[1]!]: 'failed',
      [hosts[2]!]: 'completed',
    });
    expect((await call('GET /v1/projects/prj_shop/promote/aliases?failedOnly=true')).body.aliases).toMatchObject([
      {alias: hosts[1]},
    ]);
    expect(project().lastAliasRequest?.jobStatus).toBe('failed');
    expect(await Promise.all(hosts.map((host) => page(host)))).toEqual(['200 new', '200 live', '200 new']);
    // The same promote may be asked for again, and then all move.
    expect((await call(`POST /v10/projects/prj_shop/promote/${id}`, {})).status).toBe(201);
    vercel.advance(1_000);
    expect(await page(hosts[1]!)).toBe('200 new');
  },
  {project: {productionHosts: 3}},
);

row(
  'GET promote and rollback aliases',
  'the shape that the command line expects',
  async ({call, first, vercel}) => {
    await call(`POST /v9/projects/prj_shop/rollback/${first}`, {});
    vercel.advance(1_000);
    const {aliases} = (await call('GET /v9/projects/prj_shop/rollback/aliases')).body;
    expect(aliases[0]).toMatchObject({alias: {deploymentId: first}, status: 'completed'});
  },
  {stand: {quirks: {promoteAliases: 'cli'}}},
);

row(
  'POST rollback',
  'both versions; sets the rolled-back state and keeps the description',
  async ({call, first, live, project, vercel}) => {
    expect((await call(`POST /v1/projects/prj_shop/rollback/${first}?description=bad%20release`)).status).toBe(201);
    vercel.advance(1_000);
    expect(project()).toMatchObject({
      live: first,
      rolledBack: true,
      autoAssign: false,
      lastAliasRequest: {type: 'rollback', jobStatus: 'succeeded', fromDeploymentId: live},
    });
    expect((await call('GET /v9/projects/shop')).body).toMatchObject({
      rollbackDescription: {description: 'bad release'},
      autoAssignCustomDomains: false,
    });
    await call(`PATCH /v1/projects/prj_shop/rollback/${first}/update-description`, {description: 'worse'});
    expect((await call('GET /v9/projects/shop')).body.rollbackDescription.description).toBe('worse');
  },
);

row('POST rollback', 'what was never live is 422, so is what is current', async ({call, deploy, live}) => {
  const staged = await deploy({autoAssignCustomDomains: false});
  expect((await call(`POST /v9/projects/prj_shop/rollback/${staged}`, {})).status).toBe(422);
  expect((await call(`POST /v9/projects/prj_shop/rollback/${live}`, {})).status).toBe(422);
  expect((await call(`POST /v9/projects/prj_shop/rollback/${live}?description=${'x'.repeat(251)}`)).status).toBe(400);
});

row(
  'POST rollback',
  'on the free plan only the previous one; older ones are 402',
  async ({call, deploy, first, live}) => {
    await deploy();
    expect((await call(`POST /v9/projects/prj_shop/rollback/${first}`, {})).status).toBe(402);
    expect((await call(`POST /v9/projects/prj_shop/rollback/${live}`, {})).status).toBe(201);
  },
  {project: {hobby: true}},
);

row(
  'GET and PATCH project',
  'by id and name, with everything a release reads',
  async ({call, live}) => {
    for (const asked of ['prj_shop', 'shop']) {
      expect((await call(`GET /v9/projects/${asked}`)).body).toMatchObject({
        id: 'prj_shop',
        name: 'shop',
        accountId: 'team_acme',
        autoAssignCustomDomains: true,
        paused: false,
        lastAliasRequest: null,
        rollingRelease: null,
        targets: {production: {id: live, readySubstate: 'PROMOTED'}},
        ssoProtection: {deploymentType: 'prod_deployment_urls_and_all_previews'},
        protectionBypass: {secret: {scope: 'automation-bypass', isEnvVar: true}},
        link: {type: 'github', org: 'acme', repo: 'shop', productionBranch: 'main'},
      });
    }
    expect((await call('GET /v9/projects/nobody')).status).toBe(404);
  },
  {project: {protection: true, bypassSecret: 'secret', linkedRepo: {org: 'acme', repo: 'shop'}}},
);

row(
  'GET and PATCH project',
  'auto-assign can be changed; unknown keys and wrong types are 400',
  async ({call, deploy, project, live}) => {
    expect((await call('PATCH /v9/projects/shop', {autoAssignCustomDomains: false})).body.autoAssignCustomDomains).toBe(
      false,
    );
    await deploy();
    expect(project().live).toBe(live);
    expect((await call('PATCH /v9/projects/shop', {autoAssignCustomDomains: 'no'})).status).toBe(400);
    expect((await call('PATCH /v9/projects/shop', {wrong: 1})).status).toBe(400);
  },
);

row(
  'GET and PATCH project',
  'the last job only on request, when the platform is told to be so',
  async ({call, first}) => {
    await call(`POST /v9/projects/prj_shop/rollback/${first}`, {});
    expect((await call('GET /v9/projects/shop')).body.lastAliasRequest).toBeUndefined();
    expect((await call('GET /v9/projects/shop?rollbackInfo=true')).body.lastAliasRequest.jobStatus).toBe('pending');
  },
  {stand: {quirks: {rollbackInfoOnRequest: true}}},
);

row(
  'GET and PATCH project',
  'a rollback that does not show in the setting',
  async ({call, first, vercel, project}) => {
    await call(`POST /v9/projects/prj_shop/rollback/${first}`, {});
    vercel.advance(1_000);
    expect((await call('GET /v9/projects/shop')).body.autoAssignCustomDomains).toBe(true);
    expect(project().autoAssign).toBe(false);
  },
  {stand: {quirks: {rollbackShowsInAutoAssign: false}}},
);

row(
  'POST deployment aliases',
  'takes the host away and says from whom; again is 409 not_modified with uid',
  async ({call, first, live}) => {
    const made = await call(`POST /v2/deployments/${first}/aliases`, {alias: 'demo.example.com'});
    expect([made.status, made.body]).toEqual([
      200,
      {uid: expect.any(String), alias: 'demo.example.com', created: expect.any(String)},
    ]);
    expect((await call(`POST /v2/deployments/${live}/aliases`, {alias: 'demo.example.com'})).body.oldDeploymentId).toBe(
      first,
    );
    expect(await call(`POST /v2/deployments/${live}/aliases`, {alias: 'demo.example.com'})).toMatchObject({
      status: 409,
      body: {error: {code: 'not_modified', uid: made.body.uid, alias: 'demo.example.com'}},
    });
  },
);

const refusedAliases: ReadonlyArray<
  [
    what: string,
    alias: string,
    deployment: (one: {live: string; other: string; building: string; gone: string}) => string,
    status: number,
    code: string,
  ]
> = [
  ['a host that is none', 'not a host', (one) => one.live, 400, 'invalid_alias'],
  ['an unknown deployment', 'demo.example.com', () => 'dpl_nobody', 404, 'deployment_not_found'],
  ['a deployment that is not ready', 'demo.example.com', (one) => one.building, 400, 'deployment_not_ready'],
  ['a deleted deployment', 'demo.example.com', (one) => one.gone, 410, 'gone'],
  ['a domain of somebody else', 'www.strangers.org', (one) => one.live, 403, 'forbidden'],
  ['a domain of another project', 'HOST', (one) => one.other, 400, 'bad_request'],
  ['an alias in use by another project', 'shop-git-main-acme.vercel.app', (one) => one.other, 403, 'alias_in_use'],
];
for (const [what, alias, pick, status, code] of refusedAliases) {
  row('POST deployment aliases', `${what} is ${status}`, async ({call, deploy, first, live, hosts, vercel}) => {
    const building = await deploy({}, false);
    const other = await vercel.seed({
      projectId: 'other',
      files: {'index.html': 'other'},
      promoted: false,
      branch: 'topic',
    });
    await call(`DELETE /v13/deployments/${first}`);
    const answer = await call(`POST /v2/deployments/${pick({live, other, building, gone: first})}/aliases`, {
      alias: alias === 'HOST' ? hosts[0] : alias,
    });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });
}

row('POST deployment aliases', 'a certificate that is missing, by script', async ({call, live, vercel}) => {
  vercel.script.refuseAliases.set('demo.example.com', {status: 400, code: 'cert_missing', message: 'no certificate'});
  expect((await call(`POST /v2/deployments/${live}/aliases`, {alias: 'demo.example.com'})).body.error.code).toBe(
    'cert_missing',
  );
});

row(
  'GET aliases',
  'one by host or id tells what the host serves; lists by project and domain; those of a deployment',
  async ({call, live, first, hosts}) => {
    const one = (await call(`GET /v4/aliases/${hosts[0]}`)).body;
    expect(one).toMatchObject({alias: hosts[0], deploymentId: live, projectId: 'prj_shop', deployment: {id: live}});
    expect((await call(`GET /v4/aliases/${one.uid}`)).body.alias).toBe(hosts[0]);
    expect((await call('GET /v4/aliases/nobody.example.com')).status).toBe(404);
    await call(`POST /v2/deployments/${first}/aliases`, {alias: 'demo.example.com'});
    expect((await call('GET /v4/aliases?projectId=shop&domain=example.com')).body.aliases).toMatchObject([
      {alias: 'demo.example.com'},
    ]);
    expect((await call(`GET /v2/deployments/${first}/aliases`)).body.aliases).toMatchObject([
      {alias: 'demo.example.com'},
    ]);
    const pages = (await call('GET /v4/aliases?limit=2')).body;
    expect([pages.aliases.length, pages.pagination.next]).toEqual([2, expect.any(Number)]);
  },
);

row('DELETE alias', 'leaves the host dead', async ({call, hosts, page}) => {
  const {uid} = (await call(`GET /v4/aliases/${hosts[0]}`)).body;
  expect((await call(`DELETE /v2/aliases/${uid}`)).body).toEqual({status: 'SUCCESS'});
  expect(await page(hosts[0]!)).toMatch(/^404 .*DEPLOYMENT_NOT_FOUND/s);
});

row(
  'project domains',
  'the set to move, without redirects; adding, taking over, removing',
  async ({call, hosts, live}) => {
    const names = async (query = '') =>
      ((await call(`GET /v9/projects/shop/domains?production=true${query}`)).body.domains as Array<{name: string}>).map(
        (one) => one.name,
      );
    expect((await names()).toSorted((a, b) => a.localeCompare(b))).toEqual(
      hosts.toSorted((a, b) => a.localeCompare(b)),
    );
    expect(
      (await call('POST /v10/projects/shop/domains', {name: 'old.example.com', redirect: 'www.example.com'})).body,
    ).toMatchObject({verified: true, apexName: 'example.com'});
    expect(await names('&redirects=false')).toHaveLength(2);
    expect(await names()).toHaveLength(3);
    expect((await call('POST /v10/projects/other/domains', {name: 'old.example.com'})).status).toBe(409);
    expect((await call('DELETE /v9/projects/shop/domains/old.example.com')).status).toBe(200);
    expect((await call('GET /v9/projects/shop/domains/old.example.com')).status).toBe(404);
    expect((await call('POST /v10/projects/shop/domains', {name: 'www.example.com'})).status).toBe(200);
    expect((await call('GET /v4/aliases/www.example.com')).body.deploymentId).toBe(live);
  },
);

row(
  'project domains',
  'editing a domain puts it back on the production deployment',
  async ({call, first, live, hosts}) => {
    await call(`POST /v2/deployments/${first}/aliases`, {alias: hosts[0]});
    await call(`PATCH /v9/projects/shop/domains/${hosts[0]}`, {gitBranch: null});
    expect((await call(`GET /v4/aliases/${hosts[0]}`)).body.deploymentId).toBe(live);
  },
);

row(
  'pause and unpause',
  'domains answer 503 DEPLOYMENT_PAUSED; the setting follows; unknown projects are 400',
  async ({call, hosts, page}) => {
    expect((await call('POST /v1/projects/prj_shop/pause', {})).status).toBe(200);
    expect(await page(hosts[0]!)).toMatch(/^503 .*DEPLOYMENT_PAUSED/s);
    expect((await call('GET /v9/projects/shop')).body).toMatchObject({paused: true, autoAssignCustomDomains: false});
    expect((await call('POST /v1/projects/prj_shop/unpause', {})).status).toBe(200);
    expect(await page(hosts[0]!)).toBe('200 live');
    expect((await call('GET /v9/projects/shop')).body).toMatchObject({paused: false, autoAssignCustomDomains: true});
    expect((await call('POST /v1/projects/prj_nobody/pause', {})).status).toBe(400);
  },
);

row('maintenance: pause', 'production comes back as it was', async ({call, project, live}) => {
  await call('POST /v1/projects/prj_shop/pause', {});
  await call('POST /v1/projects/prj_shop/unpause', {});
  expect(project()).toMatchObject({live, paused: false, autoAssign: true});
});

const page503 = {
  '.vercel/output/config.json': JSON.stringify({
    version: 3,
    routes: [{src: '/(.*)', status: 503, headers: {'retry-after': '60'}, dest: '/index.html'}],
  }),
  '.vercel/output/static/index.html': 'soon',
};

row(
  'maintenance: promoted page',
  'one promote moves all domains and crons; promoting the former one ends it',
  async ({call, vercel, live, hosts, page, project}) => {
    const closed = await vercel.seed({projectId: 'shop', files: page503, promoted: false, prebuilt: true});
    await call(`POST /v10/projects/prj_shop/promote/${closed}`, {});
    vercel.advance(1_000);
    expect(await Promise.all(hosts.map((host) => page(host, '/any')))).toEqual(['503 soon', '503 soon']);
    expect(project().crons).toBe(closed);
    await call(`POST /v10/projects/prj_shop/promote/${live}`, {});
    vercel.advance(1_000);
    expect(await page(hosts[0]!)).toBe('200 live');
  },
);

row(
  'maintenance: alias swap',
  'domain by domain; the project state does not follow; a deployment that goes live undoes it',
  async ({call, vercel, live, hosts, page, project, deploy}) => {
    const closed = await vercel.seed({projectId: 'shop', files: page503, promoted: false, prebuilt: true});
    for (const host of hosts)
      expect((await call(`POST /v2/deployments/${closed}/aliases`, {alias: host})).body.oldDeploymentId).toBe(live);
    expect(await page(hosts[1]!)).toBe('503 soon');
    expect(project()).toMatchObject({live, crons: live});
    await deploy();
    expect(await page(hosts[1]!)).toBe('200 new');
  },
);

row(
  'env',
  'lists by target without sensitive values, and tells how many it hides',
  async ({call}) => {
    const {envs, hiddenProductionEnvCount} = (await call('GET /v10/projects/shop/env?target=production&decrypt=true'))
      .body as {envs: Array<{key: string; value: string}>; hiddenProductionEnvCount: number};
    expect([envs.map((one) => [one.key, one.value]), hiddenProductionEnvCount]).toEqual([
      [
        ['PLAIN', 'p'],
        ['SECRET', ''],
      ],
      3,
    ]);
    expect((await call('GET /v1/env')).body.data).toEqual([]);
  },
  {
    project: {
      hiddenProductionEnvCount: 3,
      env: [
        {key: 'PLAIN', value: 'p', type: 'plain'},
        {key: 'SECRET', value: 's', type: 'sensitive'},
        {key: 'DEV', value: 'd', target: ['development']},
      ],
    },
  },
);

row(
  'env',
  'encrypted values come readable only when asked for',
  async ({call}) => {
    const value = async (query: string) =>
      (await call(`GET /v10/projects/shop/env${query}`)).body.envs[0].value as string;
    expect(await value('')).not.toContain('hidden');
    expect(await value('?decrypt=true')).toBe('hidden');
  },
  {project: {env: [{key: 'E', value: 'hidden', type: 'encrypted'}]}},
);

row(
  'env',
  'the two other shapes',
  async ({call}) => expect((await call('GET /v10/projects/shop/env')).body).toMatchObject({key: 'ONE'}),
  {project: {env: [{key: 'ONE', value: '1'}]}, stand: {quirks: {envShape: 'single'}}},
);
row(
  'env',
  'the shape with pagination',
  async ({call}) =>
    expect((await call('GET /v10/projects/shop/env')).body).toMatchObject({envs: [], pagination: {count: 0}}),
  {stand: {quirks: {envShape: 'pagination'}}},
);

row(
  'env',
  '201 with what failed beside what was made; upsert replaces; changed and removed by id',
  async ({call, vercel, project}) => {
    vercel.script.refuseEnv.add('BAD');
    const wish = (key: string) => ({key, value: 'v', type: 'plain', target: ['production']});
    const made = await call('POST /v10/projects/shop/env', [wish('GOOD'), wish('BAD')]);
    expect([made.status, made.body.created.length, made.body.failed[0].error.key]).toEqual([201, 1, 'BAD']);
    expect((await call('POST /v10/projects/shop/env', wish('GOOD'))).body.failed).toHaveLength(1);
    const replaced = await call('POST /v10/projects/shop/env?upsert=true', wish('GOOD'));
    expect(replaced.body.failed).toEqual([]);
    const {id} = replaced.body.created as {id: string};
    expect((await call(`PATCH /v9/projects/shop/env/${id}`, {value: 'w'})).body.value).toBe('w');
    expect((await call(`DELETE /v9/projects/shop/env/${id}`)).status).toBe(200);
    expect((await call(`DELETE /v9/projects/shop/env/${id}`)).status).toBe(404);
    const again = (await call('POST /v10/projects/shop/env', wish('MORE'))).body.created.id as string;
    expect((await call('DELETE /v1/projects/shop/env', {ids: [again]})).body).toEqual({deleted: 1, ids: [again]});
    expect(project().env).toEqual([]);
    expect((await call('POST /v10/projects/shop/env', {key: 'X'})).status).toBe(400);
  },
);

row('protection-bypass', 'generates, names, updates and revokes; unknown secrets are 404', async ({call}) => {
  const secrets = async (body: unknown) =>
    (await call('PATCH /v1/projects/shop/protection-bypass', body)).body.protectionBypass as Record<
      string,
      {note?: string; isEnvVar: boolean}
    >;
  const [secret] = Object.keys(await secrets({}));
  expect(secret).toHaveLength(32);
  expect((await secrets({generate: {secret: 'mine', note: 'ci'}})).mine).toMatchObject({note: 'ci', isEnvVar: false});
  expect((await secrets({update: {secret: 'mine', isEnvVar: true}}))[secret!]?.isEnvVar).toBe(false);
  expect(Object.keys(await secrets({revoke: {secret, regenerate: false}}))).toEqual(['mine']);
  expect((await call('PATCH /v1/projects/shop/protection-bypass', {revoke: {secret: 'nobody'}})).status).toBe(404);
});

const stages = [{targetPercentage: 20}, {targetPercentage: 50, duration: 5}, {targetPercentage: 100}];

row(
  'rolling-release',
  'a promote starts a rollout; stages go on by approval and by the clock; then it is COMPLETE',
  async ({call, deploy, deployment, project, vercel, live}) => {
    const id = await deploy({autoAssignCustomDomains: false});
    expect((await call(`POST /v10/projects/prj_shop/promote/${id}`, {})).status).toBe(201);
    expect(deployment(id).readySubstate).toBe('ROLLING');
    expect(project()).toMatchObject({live, rollingRelease: {state: 'ACTIVE', canary: id, stage: 0}});
    vercel.advance(3_600_000);
    expect(project().rollingRelease?.stage).toBe(0);
    expect(
      (await call('POST /v1/projects/shop/rolling-release/approve-stage', {nextStageIndex: 2, canaryDeploymentId: id}))
        .status,
    ).toBe(400);
    expect(
      (await call('POST /v1/projects/shop/rolling-release/approve-stage', {nextStageIndex: 1, canaryDeploymentId: id}))
        .status,
    ).toBe(200);
    vercel.advance(299_000);
    expect(project().rollingRelease).toMatchObject({state: 'ACTIVE', stage: 1});
    vercel.advance(1_000);
    expect(project()).toMatchObject({live: id, rollingRelease: {state: 'COMPLETE'}});
    expect((await call('GET /v1/projects/shop/rolling-release?state=ACTIVE')).body.rollingRelease).toBeNull();
  },
  {project: {rollingRelease: {stages}}},
);

row(
  'rolling-release',
  'another promote is queued with 202; the rollback call aborts',
  async ({call, deploy, deployment, project, live}) => {
    const id = await deploy({autoAssignCustomDomains: false});
    const next = await deploy({autoAssignCustomDomains: false});
    await call('POST /v1/projects/shop/rolling-release/start', {canaryDeploymentId: id});
    expect((await call(`POST /v10/projects/prj_shop/promote/${next}`, {})).status).toBe(202);
    expect((await call('GET /v1/projects/shop/rolling-release')).body.rollingRelease).toMatchObject({
      queuedDeploymentId: next,
      advancementType: 'manual-approval',
      currentDeployment: {id: live},
    });
    expect((await call(`POST /v9/projects/prj_shop/rollback/${live}`, {})).status).toBe(201);
    expect(project()).toMatchObject({live, rollingRelease: {state: 'ABORTED'}});
    expect(deployment(id).readySubstate).toBe('STAGED');
  },
  {project: {rollingRelease: {stages}}},
);

row(
  'rolling-release',
  'users get the canary in its share, and all of it when completed',
  async ({call, deploy, hosts, page}) => {
    const id = await deploy();
    const answers = await Promise.all(Array.from({length: 100}, () => page(hosts[0]!)));
    expect(answers.filter((one) => one === '200 new')).toHaveLength(20);
    await call('POST /v1/projects/shop/rolling-release/complete', {canaryDeploymentId: id});
    expect(await page(hosts[0]!)).toBe('200 new');
  },
  {project: {rollingRelease: {stages}}},
);

row('rolling-release', 'its configuration is read, changed and removed', async ({call}) => {
  expect((await call('GET /v1/projects/shop/rolling-release/config')).body.rollingRelease).toBeNull();
  expect(
    (await call('PATCH /v1/projects/shop/rolling-release/config', {stages})).body.rollingRelease.stages,
  ).toHaveLength(3);
  expect((await call('GET /v9/projects/shop')).body.rollingRelease.stages[1]).toMatchObject({
    targetPercentage: 50,
    duration: 5,
  });
  expect((await call('PATCH /v1/projects/shop/rolling-release/config', {stages: [{targetPercentage: 5}]})).status).toBe(
    400,
  );
  expect((await call('DELETE /v1/projects/shop/rolling-release/config')).body.rollingRelease).toBeNull();
});
