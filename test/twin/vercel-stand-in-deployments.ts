import {expect} from '@jest/globals';
import {row, sha1, sources} from './vercel-stand-in-rig.js';

row('any request', 'no or unknown token is 403 with invalidToken', async ({call}) => {
  for (const authorization of ['', 'Bearer nobody']) {
    const answer = await call('GET /v9/projects/shop', undefined, {authorization});
    expect([answer.status, answer.body]).toEqual([
      403,
      {error: {code: 'forbidden', message: 'Not authorized', invalidToken: true}},
    ]);
  }
});

row(
  'any request',
  'a team that is not its own is 403 with scope and saml; id and slug both name the team',
  async ({call}) => {
    const stranger = await call('GET /v9/projects/shop?teamId=team_x');
    expect([stranger.status, stranger.body.error]).toEqual([
      403,
      expect.objectContaining({
        code: 'forbidden',
        saml: true,
        scope: 'team_x',
        message: expect.stringContaining('scope "team_x"'),
      }),
    ]);
    for (const query of ['teamId=team_acme', 'slug=acme', 'teamId=acme'])
      expect((await call(`GET /v9/projects/shop?${query}`)).status).toBe(200);
  },
);

row('any request', 'without a team the resources of the team do not exist', async ({call, live}) => {
  for (const path of ['/v9/projects/shop', `/v13/deployments/${live}`, '/v4/aliases/x']) {
    expect((await call(`GET ${path}?noTeam`)).status).toBe(404);
  }
  expect((await call('GET /v6/deployments?noTeam')).body.deployments).toEqual([]);
  expect((await call('POST /v13/deployments?noTeam', {name: 'shop', files: sources})).status).toBe(403);
});

row(
  'any request',
  'with a default team it is the team that is meant',
  async ({call}) => expect((await call('GET /v9/projects/shop?noTeam')).status).toBe(200),
  {stand: {quirks: {defaultTeam: true}}},
);

row('any request', 'two different teams in one query are refused and noted', async ({call, vercel}) => {
  expect((await call('GET /v9/projects/shop?teamId=team_acme&teamId=team_b')).status).toBe(400);
  expect(vercel.violations).toEqual([expect.stringContaining('team_acme, team_b')]);
});

row('any request', 'unknown routes, wrong methods and rate limit headers', async ({call}) => {
  expect(await call('GET /v1/nothing')).toMatchObject({status: 404, body: {error: {code: 'not_found'}}});
  expect(await call('PUT /v9/projects/shop')).toMatchObject({status: 405, body: {error: {code: 'method_unknown'}}});
  const {headers} = await call('GET /now/deployments');
  for (const name of ['x-vercel-id', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'])
    expect(headers.get(name)).toBeTruthy();
});

row(
  'any request',
  'a token of one project reaches this project and nothing else',
  async ({call}) => {
    const authorization = 'Bearer narrow';
    const status = async (path: string) => (await call(`GET ${path}`, undefined, {authorization})).status;
    expect(await Promise.all(['/v9/projects/shop', '/v9/projects/other', '/v2/user', '/v1/teams'].map(status))).toEqual(
      [200, 404, 403, 403],
    );
  },
  {stand: {projectTokens: {narrow: 'prj_shop'}}},
);

row('account and teams', 'user, teams and one team', async ({call}) => {
  expect((await call('GET /v2/user')).body.user.username).toBe('rehearsal');
  expect((await call('GET /v1/teams')).body.teams[0].slug).toBe('acme');
  expect([(await call('GET /v2/teams/acme')).status, (await call('GET /v2/teams/nobody')).status]).toEqual([200, 404]);
});

row('POST /v2/files', 'both header spellings; a digest that does not fit is refused', async ({call, vercel}) => {
  const ok = await call('POST /v2/files', 'bytes', {'x-now-digest': sha1('bytes')});
  expect([ok.status, ok.body]).toEqual([200, {urls: []}]);
  expect((await call('POST /v2/files', 'more', {'x-vercel-digest': sha1('more')})).status).toBe(200);
  expect((await call('POST /v2/files', 'bytes', {'x-now-digest': sha1('other')})).status).toBe(400);
  expect((await call('POST /v2/files', 'bytes')).status).toBe(400);
  expect(vercel.state().uploads).toBe(2);
});

row('POST /v13/deployments', 'unknown files are named once each, then the same request is accepted', async ({call}) => {
  const files = ['a.js', 'b.js', 'c.js'].map((file) => ({
    file,
    sha: sha1(file === 'c.js' ? 'c' : 'ab'),
    size: 2,
    mode: 0o100644,
  }));
  const body = {name: 'shop', target: 'production', files: [...files, {file: 'empty', mode: 0o40755}]};
  const missing = await call('POST /v13/deployments', body);
  expect([missing.status, missing.body.error.code, missing.body.error.missing]).toEqual([
    400,
    'missing_files',
    [sha1('ab'), sha1('c')],
  ]);
  for (const text of ['ab', 'c']) await call('POST /v2/files', text, {'x-now-digest': sha1(text)});
  const made = await call('POST /v13/deployments', body);
  expect(made.body).toMatchObject({
    readyState: 'QUEUED',
    target: 'production',
    aliasAssigned: false,
    ownerId: 'team_acme',
    version: 2,
    projectId: 'prj_shop',
    autoAssignCustomDomains: true,
  });
});

const refusedBodies: ReadonlyArray<[what: string, body: Record<string, unknown>, status: number, message: RegExp]> = [
  ['an unknown top-level key', {nowConfig: {}}, 400, /should NOT have additional property `nowConfig`/],
  [
    'an unknown key in gitMetadata',
    {gitMetadata: {sha: 'x'}},
    400,
    /`gitMetadata` should NOT have additional property `sha`/,
  ],
  ['a semver range as node version', {projectSettings: {nodeVersion: '>=20'}}, 400, /projectSettings.nodeVersion/],
  ['meta that is not text', {meta: {run: 5}}, 400, /meta.run.*should be string/],
  ['a target that does not exist', {target: 'canary'}, 400, /target/],
  [
    'more than 15000 files',
    {files: Array.from({length: 15_001}, (_, index) => ({file: `${index}`, data: ''}))},
    400,
    /NOT have more than 15000 items/,
  ],
  ['no files', {files: []}, 400, /files/],
  ['an unknown project', {project: 'prj_nobody'}, 404, /not found/],
  ['a digest that is none', {files: [{file: 'a', sha: 'abc'}]}, 400, /sha/],
  ['an unknown custom environment', {customEnvironmentSlugOrId: 'qa'}, 404, /qa/],
];

for (const [what, body, status, message] of refusedBodies) {
  row('POST /v13/deployments', `${what} is refused`, async ({call, vercel}) => {
    const before = vercel.state().deployments.length;
    const answer = await call('POST /v13/deployments', {name: 'shop', files: sources, ...body});
    expect([answer.status, answer.body.error.message]).toEqual([status, expect.stringMatching(message)]);
    expect(vercel.state().deployments).toHaveLength(before);
  });
}

row('POST /v13/deployments', 'what the command line sends is accepted', async ({deploy, deployment}) => {
  const git = {
    commitSha: 'a'.repeat(40),
    commitRef: 'main',
    commitMessage: 'm',
    commitAuthorName: 'n',
    commitAuthorEmail: 'e',
    remoteUrl: 'u',
    dirty: false,
    ci: true,
    ciType: 'github-actions',
  };
  const id = await deploy({
    gitMetadata: git,
    env: {A: '1'},
    build: {env: {B: '2'}},
    source: 'cli',
    version: 2,
    regions: ['iad1'],
    headers: [],
    projectSettings: {framework: null, nodeVersion: '22.x', sourceFilesOutsideRootDirectory: true},
    project: 'prj_shop',
  });
  expect(deployment(id)).toMatchObject({readyState: 'READY', commit: 'a'.repeat(40)});
});

row(
  'POST /v13/deployments',
  'the project wins over the name; a new name makes a project only when its settings are confirmed',
  async ({call, vercel}) => {
    expect((await call('POST /v13/deployments', {name: 'shop', project: 'other', files: sources})).body.projectId).toBe(
      'prj_other',
    );
    expect((await call('POST /v13/deployments', {name: 'brand-new', files: sources})).body.error.code).toBe(
      'missing_project_settings',
    );
    expect(
      (await call('POST /v13/deployments?skipAutoDetectionConfirmation=1', {name: 'brand-new', files: sources})).status,
    ).toBe(200);
    expect(vercel.productionHosts('brand-new')).toHaveLength(1);
  },
);

row(
  'POST /v13/deployments',
  'the first deployment of a project is production even when a preview was asked for',
  async ({call, vercel}) => {
    const made = await call('POST /v13/deployments', {name: 'other', files: sources});
    expect(made.body.target).toBe('production');
    vercel.advance(10_000);
    expect((await call('POST /v13/deployments', {name: 'other', files: sources})).body.target).toBeNull();
  },
);

row(
  'POST /v13/deployments',
  'plain pages are ready at once, unless told otherwise by the project of the test',
  async ({call}) => {
    const made = await call('POST /v13/deployments', {name: 'shop', files: [{file: 'index.html', data: 'x'}]});
    expect(made.body).toMatchObject({readyState: 'READY', aliasAssigned: true, isInstantStatic: true});
  },
);

row(
  'POST /v13/deployments',
  'instant pages can be switched off',
  async ({call}) =>
    expect(
      (await call('POST /v13/deployments', {name: 'shop', files: [{file: 'index.html', data: 'x'}]})).body.readyState,
    ).toBe('QUEUED'),
  {stand: {quirks: {instantStatic: false}}},
);

row(
  'POST /v13/deployments',
  'a redeploy serves the files of the earlier one, as a deployment of its own',
  async ({deploy, deployment, page, first}) => {
    const again = await deploy({files: undefined, deploymentId: first, meta: {action: 'redeploy'}});
    expect(again).not.toBe(first);
    expect(await page(deployment(again).url)).toBe('200 first');
  },
);

row(
  'clock',
  'states follow each other at the moments that were set',
  async ({call, deploy, vercel}) => {
    const id = await deploy({}, false);
    const state = async () => (await call(`GET /v13/deployments/${id}`)).body;
    const seen = [];
    for (const ms of [0, 5, 10, 10, 10, 100]) {
      vercel.advance(ms);
      const {readyState, aliasAssigned} = await state();
      seen.push([readyState, aliasAssigned]);
    }
    expect(seen).toEqual([
      ['QUEUED', false],
      ['INITIALIZING', false],
      ['BUILDING', false],
      ['READY', false],
      ['READY', true],
      ['READY', true],
    ]);
  },
  {stand: {delaysMs: {initializing: 5, building: 10, ready: 10, aliasAssigned: 10}}},
);

row(
  'clock',
  'a clock from outside moves it, with no timer of its own',
  async ({deploy, deployment}) => {
    const id = await deploy({}, false);
    expect(deployment(id).readyState).toBe('QUEUED');
    nowMs += 10_000;
    expect(deployment(id)).toMatchObject({readyState: 'READY', aliasAssigned: true});
  },
  {stand: {manual: false, now: () => nowMs}},
);
let nowMs = 1_760_000_000_000;

row('outcome: ready', 'production that goes live by itself', async ({deploy, project, page, hosts}) => {
  const id = await deploy({meta: {twin: 'ready'}});
  expect(project()).toMatchObject({live: id, crons: id});
  expect(await Promise.all(hosts.map((host) => page(host)))).toEqual(['200 new', '200 new']);
});

row(
  'production READY, auto-assign on',
  'all domains, targets and crons move and the deployment is PROMOTED',
  async ({deploy, deployment, project, call}) => {
    const id = await deploy();
    expect(deployment(id)).toMatchObject({readySubstate: 'PROMOTED', everLive: true, aliasAssigned: true});
    expect(project().hosts.map((one) => one.deploymentId)).toEqual([id, id]);
    expect((await call('GET /v9/projects/shop')).body).toMatchObject({
      targets: {production: {id}},
      crons: {deploymentId: id},
    });
  },
  {project: {crons: true}},
);

const notByItself: ReadonlyArray<
  [
    what: string,
    body: Record<string, unknown>,
    project: {autoAssign?: boolean},
    before: (call: (line: string, body?: unknown) => Promise<unknown>, first: string) => Promise<unknown>,
  ]
> = [
  ['the flag of the deployment', {autoAssignCustomDomains: false}, {}, async () => undefined],
  ['the setting of the project', {}, {autoAssign: false}, async () => undefined],
  ['a former rollback', {}, {}, async (call, first) => call(`POST /v9/projects/prj_shop/rollback/${first}`, {})],
  ['a pause', {}, {}, async (call) => call('POST /v1/projects/prj_shop/pause', {})],
];

for (const [what, body, settings, before] of notByItself) {
  row(
    'production READY, otherwise',
    `${what} keeps it staged, with generated addresses only`,
    async ({deploy, deployment, project, call, vercel, first}) => {
      await before(call, first);
      vercel.advance(10_000);
      const {live} = project();
      const id = await deploy(body);
      expect(deployment(id)).toMatchObject({readySubstate: 'STAGED', aliasAssigned: true, everLive: false});
      expect(project()).toMatchObject({live, hosts: [{deploymentId: live}, {deploymentId: live}]});
      expect((await call(`GET /v13/deployments/${id}`)).body.alias).toEqual(['shop-rehearsal-acme.vercel.app']);
    },
    {project: settings},
  );
}

row(
  'production READY, otherwise',
  'a preview never touches production',
  async ({deploy, project, live, deployment}) => {
    const id = await deploy({target: undefined});
    expect(deployment(id)).toMatchObject({target: null, readyState: 'READY'});
    expect(project().live).toBe(live);
  },
);

row(
  'outcome: error',
  'ERROR with code, step and message, and its log tells why',
  async ({deploy, call, project, live}) => {
    const id = await deploy({meta: {twin: 'error'}});
    expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
      readyState: 'ERROR',
      errorCode: 'BUILD_FAILED',
      errorStep: 'buildStep',
      errorMessage: expect.stringContaining('exited with 1'),
      aliasAssigned: false,
    });
    const events = (await call(`GET /v3/deployments/${id}/events`)).body as Array<{type: string; level?: string}>;
    expect(events.filter((event) => event.level === 'error').map((event) => event.type)).toEqual(['stderr', 'fatal']);
    expect(project().live).toBe(live);
  },
);

row('outcome: canceled', 'CANCELED, and no alias ever', async ({deploy, call}) => {
  const id = await deploy({meta: {twin: 'canceled'}});
  expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
    readyState: 'CANCELED',
    aliasAssigned: false,
    canceledAt: expect.any(Number),
  });
});

row('outcome: blocked', 'BLOCKED with a reason', async ({deploy, call}) => {
  const id = await deploy({meta: {twin: 'blocked'}});
  expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
    readyState: 'BLOCKED',
    readyStateReason: expect.stringContaining('commit author'),
    seatBlock: {blockCode: 'TEAM_ACCESS_REQUIRED'},
  });
});

row('outcome: stuck', 'BUILDING for ever', async ({deploy, deployment, vercel}) => {
  vercel.script.next('stuck', 'prj_shop');
  const id = await deploy();
  vercel.advance(3_600_000);
  expect(deployment(id).readyState).toBe('BUILDING');
});

row('outcome: alias-error', 'READY with an alias error, domains unmoved', async ({deploy, call, project, live}) => {
  const id = await deploy({meta: {twin: 'alias-error'}});
  expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
    readyState: 'READY',
    aliasAssigned: false,
    aliasError: {code: 'cert_missing'},
  });
  expect(project().live).toBe(live);
});

row('outcome: check-failed', 'READY, the check failed, domains unmoved', async ({deploy, call, project, live}) => {
  const id = await deploy({meta: {twin: 'check-failed'}});
  expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
    readyState: 'READY',
    checksState: 'completed',
    checksConclusion: 'failed',
    checks: {'deployment-alias': {state: 'failed'}},
  });
  expect(project().live).toBe(live);
});

row(
  'checks',
  'a project that demands checks: running, then succeeded, and the runs name them',
  async ({deploy, call, vercel}) => {
    const id = await deploy({}, false);
    vercel.advance(115);
    expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
      readyState: 'READY',
      checksState: 'running',
      aliasAssigned: false,
    });
    vercel.advance(1_000);
    expect((await call(`GET /v13/deployments/${id}`)).body).toMatchObject({
      checksConclusion: 'succeeded',
      aliasAssigned: true,
    });
    expect((await call(`GET /v2/deployments/${id}/check-runs`)).body.runs).toMatchObject([
      {name: 'smoke', status: 'completed', blocks: 'deployment-alias'},
    ]);
  },
  {project: {checks: [{name: 'smoke', blocks: 'deployment-alias'}]}},
);

row(
  'GET /v13/deployments/{id, host, alias}',
  'by id, own host, alias and the old form; unknown ones are 404',
  async ({call, live, deployment, hosts, vercel}) => {
    for (const asked of [live, deployment(live).url, hosts[0]!, 'shop-git-main-acme.vercel.app']) {
      expect((await call(`GET /v13/deployments/${encodeURIComponent(asked)}`)).body.id).toBe(live);
    }
    expect((await call(`GET /v13/deployments/get?url=${hosts[0]}`)).body.id).toBe(live);
    expect(await call('GET /v13/deployments/dpl_nobody')).toMatchObject({
      status: 404,
      body: {error: {code: 'not_found'}},
    });
    const id = await vercel.seed({projectId: 'shop', files: {'index.html': 'x'}, promoted: true});
    expect((await call(`GET /v13/deployments/${hosts[0]}`)).body.id).toBe(id);
  },
);

row(
  'GET /v6 and /v7 deployments',
  'newest first, in pages that neither repeat nor leave out',
  async ({call, deploy, first, live}) => {
    const made = [first, live];
    for (let count = 0; count < 5; count++) made.push(await deploy());
    const seen: string[] = [];
    for (let next: number | null = 0, page = 0; next !== null && page < 9; page++) {
      const {deployments, pagination} = (
        await call(`GET /v6/deployments?projectId=prj_shop&limit=2${next ? `&until=${next}` : ''}`)
      ).body as {deployments: Array<{uid: string}>; pagination: {next: number | null}};
      seen.push(...deployments.map((one) => one.uid));
      next = pagination.next;
    }
    expect(seen).toEqual(made.toReversed());
  },
);

row(
  'GET /v6 and /v7 deployments',
  'filters by project, target, state, meta, commit, time and rollback candidates',
  async ({call, deploy, first, live}) => {
    const preview = await deploy({target: undefined, meta: {release: 'r9'}});
    const failed = await deploy({meta: {twin: 'error'}, gitMetadata: {commitSha: 'f'.repeat(40), commitRef: 'main'}});
    const ids = async (query: string) =>
      ((await call(`GET /v7/deployments?${query}`)).body.deployments as Array<{uid: string}>).map((one) => one.uid);
    expect(await ids('projectId=shop&target=production')).toEqual([failed, live, first]);
    expect(await ids('app=shop&state=ERROR,CANCELED')).toEqual([failed]);
    expect(await ids('meta-release=r9')).toEqual([preview]);
    expect(await ids(`sha=${'f'.repeat(40)}`)).toEqual([failed]);
    expect(await ids('projectId=prj_shop&target=production&state=READY&rollbackCandidate=true')).toEqual([first]);
    expect(await ids('projectId=prj_other')).toEqual([]);
    expect(await ids('projectIds=prj_other,prj_shop&limit=1')).toEqual([failed]);
  },
);

row(
  'GET /v6 and /v7 deployments',
  'on the free plan only the previous one is a rollback candidate',
  async ({call, deploy, live}) => {
    await deploy();
    const candidates = (await call('GET /v6/deployments?projectId=prj_shop&rollbackCandidate=true')).body
      .deployments as Array<{uid: string}>;
    expect(candidates.map((one) => one.uid)).toEqual([live]);
  },
  {project: {hobby: true}},
);

row(
  'GET /v6 and /v7 deployments',
  'a null pagination',
  async ({call}) => expect((await call('GET /v6/deployments')).body.pagination).toBeNull(),
  {stand: {quirks: {nullPagination: true}}},
);

row(
  'PATCH cancel',
  'in progress becomes CANCELED; what has ended is 400',
  async ({call, deploy, live, vercel, deployment}) => {
    const id = await deploy({}, false);
    expect((await call(`PATCH /v12/deployments/${id}/cancel`)).body.readyState).toBe('CANCELED');
    vercel.advance(10_000);
    expect(deployment(id).readyState).toBe('CANCELED');
    for (const ended of [id, live]) expect((await call(`PATCH /v12/deployments/${ended}/cancel`)).status).toBe(400);
  },
);

row(
  'DELETE deployment',
  'it is gone from reads and lists, its address answers 410, rollback to it too',
  async ({call, first, deployment, page}) => {
    expect((await call(`DELETE /v13/deployments/${first}`)).body).toEqual({uid: first, state: 'DELETED'});
    expect((await call(`GET /v13/deployments/${first}`)).status).toBe(404);
    expect((await call(`DELETE /v13/deployments/${first}`)).status).toBe(404);
    expect((await call('GET /v6/deployments')).body.deployments).toHaveLength(1);
    expect(await page(deployment(first).url)).toMatch(/^410 .*DEPLOYMENT_DELETED/s);
    expect((await call(`POST /v9/projects/prj_shop/rollback/${first}`, {})).status).toBe(410);
  },
);

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as {type: string; text?: string; date: number; deploymentId: string});

row('GET events', 'an array, with since, limit and direction', async ({call, deploy}) => {
  const id = await deploy();
  const all = (await call(`GET /v3/deployments/${id}/events?limit=-1`)).body as ReturnType<typeof lines>;
  expect(all.map((event) => event.type)).toEqual([
    'deployment-state',
    'stdout',
    'stdout',
    'command',
    'stdout',
    'stdout',
    'deployment-state',
    'alias-assigned',
  ]);
  expect((await call(`GET /v3/deployments/${id}/events?limit=2&direction=backward`)).body).toEqual(
    all.toReversed().slice(0, 2),
  );
  const late = all.at(-1)!.date;
  expect((await call(`GET /v3/now/deployments/${id}/events?since=${late}`)).body).toEqual(
    all.filter((event) => event.date >= late),
  );
});

row('GET events', 'a live stream that stays open until the deployment has ended', async ({call, deploy, vercel}) => {
  const id = await deploy({}, false);
  const stream = call(`GET /v3/now/deployments/${id}/events?follow=1&format=lines`);
  while (!vercel.requests.some((one) => one.operation === 'deployments.events')) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (let step = 0; step < 20; step++) vercel.advance(10);
  const answer = await stream;
  expect(answer.headers.get('content-type')).toBe('application/stream+json');
  expect(lines(answer.body).at(-1)).toMatchObject({type: 'alias-assigned', deploymentId: id});
});

row('GET events', 'a stream that is cut can be taken up again from its last moment', async ({call, deploy, vercel}) => {
  const id = await deploy();
  vercel.script.cutStreamsAfter.push(2);
  await expect(call(`GET /v3/deployments/${id}/events?follow=1`)).rejects.toThrow();
  expect(lines((await call(`GET /v3/deployments/${id}/events?follow=1`)).body).length).toBe(8);
});

row('builds, files, runtime logs', 'the build, the tree of files and one content', async ({call}) => {
  await call('POST /v2/files', 'deep', {'x-now-digest': sha1('deep')});
  const made = (
    await call('POST /v13/deployments', {
      name: 'shop',
      files: [{file: 'a/b/c.js', sha: sha1('deep'), size: 4, mode: 0o100644}],
    })
  ).body.id as string;
  expect((await call(`GET /v11/deployments/${made}/builds`)).body.builds).toMatchObject([{deploymentId: made}]);
  expect((await call(`GET /v6/deployments/${made}/files`)).body).toMatchObject([
    {name: 'src', children: [{name: 'a', children: [{name: 'b', children: [{name: 'c.js', uid: sha1('deep')}]}]}]},
  ]);
  expect((await call(`GET /v8/deployments/${made}/files/${sha1('deep')}`)).body.data).toBe(
    Buffer.from('deep').toString('base64'),
  );
});

row(
  'builds, files, runtime logs',
  'runtime logs are a stream that never ends by itself',
  async ({vercel, live, page, hosts}) => {
    await page(hosts[0]!, '/');
    const stop = new AbortController();
    const answer = await fetch(
      `${vercel.url}/v1/projects/prj_shop/deployments/${live}/runtime-logs?format=lines&teamId=team_acme`,
      {headers: {authorization: 'Bearer token'}, signal: stop.signal},
    );
    const {value} = await answer.body!.getReader().read();
    expect(JSON.parse(Buffer.from(value!).toString())).toMatchObject({
      requestPath: '/',
      responseStatusCode: 200,
      domain: hosts[0],
    });
    stop.abort();
  },
);
