import http from 'node:http';
import {gzipSync} from 'node:zlib';
import {expect} from '@jest/globals';
import tar from 'tar-stream';
import {nextRequests, vercelFaults} from '../../src/rehearsal/vercel/stand-in.js';
import {row, sources} from './vercel-stand-in-rig.js';

const inline = (files: Record<string, string>) => Object.entries(files).map(([file, data]) => ({file, data}));

row('edge: files', 'types, caching headers, conditional requests and the 404 page', async ({deploy, hosts}) => {
  await deploy({
    files: inline({
      'index.html': '<h1>hi</h1>',
      'a/style.css': 'x',
      'data.json': '{}',
      'pic.svg': '<svg/>',
      'blob.bin': '?',
    }),
  });
  const get = (path: string, headers = {}) => fetch(`http://${hosts[0]}${path}`, {headers});
  const types = await Promise.all(
    ['/', '/a/style.css', '/data.json', '/pic.svg', '/blob.bin'].map(async (path) =>
      (await get(path)).headers.get('content-type'),
    ),
  );
  expect(types).toEqual([
    'text/html; charset=utf-8',
    'text/css; charset=utf-8',
    'application/json; charset=utf-8',
    'image/svg+xml',
    'application/octet-stream',
  ]);
  const again = await get('/');
  expect([again.headers.get('x-vercel-cache'), again.headers.get('age'), again.headers.get('server')]).toEqual([
    'HIT',
    '0',
    'Vercel',
  ]);
  expect(again.headers.get('x-vercel-id')).toBeTruthy();
  expect((await get('/', {'if-none-match': again.headers.get('etag')!})).status).toBe(304);
  const missing = await get('/nowhere');
  expect([missing.status, missing.headers.get('x-vercel-error'), await missing.text()]).toEqual([
    404,
    'NOT_FOUND',
    expect.stringContaining('NOT_FOUND'),
  ]);
  expect((await fetch(`http://${hosts[0]}/`, {method: 'POST'})).status).toBe(405);
  const head = await fetch(`http://${hosts[0]}/`, {method: 'HEAD'});
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '11']);
});

row(
  'edge: files',
  'vercel.json: headers, redirects, rewrites, clean addresses and the output folder; a page for 404',
  async ({deploy, deployment, page}) => {
    const config = {
      cleanUrls: true,
      outputDirectory: 'dist',
      headers: [{source: '/(.*)', headers: [{key: 'x-frame-options', value: 'DENY'}]}],
      redirects: [{source: '/old/:id', destination: '/new/:id', permanent: false}],
      rewrites: [{source: '/app/(.*)', destination: '/index.html'}],
    };
    const id = await deploy({
      files: inline({
        'vercel.json': JSON.stringify(config),
        'dist/index.html': 'home',
        'dist/about.html': 'about',
        'dist/404.html': 'lost',
        'secret.txt': 'source',
      }),
    });
    const {url} = deployment(id);
    expect(
      await Promise.all(['/', '/about', '/app/x/y', '/secret.txt', '/vercel.json'].map((path) => page(url, path))),
    ).toEqual(['200 home', '200 about', '200 home', '404 lost', '404 lost']);
    const moved = await fetch(`http://${url}/old/5`, {redirect: 'manual'});
    expect([moved.status, moved.headers.get('location')]).toEqual([307, '/new/5']);
    expect((await fetch(`http://${url}/`)).headers.get('x-frame-options')).toBe('DENY');
  },
);

row(
  'edge: files',
  'settings sent in the body win; a broken vercel.json ends the build',
  async ({deploy, deployment, page}) => {
    const id = await deploy({
      headers: [{source: '/', headers: [{key: 'x-from', value: 'body'}]}],
      projectSettings: {outputDirectory: 'out'},
      files: inline({'out/index.html': 'out', 'index.html': 'root'}),
    });
    const {url} = deployment(id);
    expect([await page(url), (await fetch(`http://${url}/`)).headers.get('x-from')]).toEqual(['200 out', 'body']);
    const broken = await deploy({files: inline({'index.html': 'x', 'vercel.json': '{'})});
    expect(deployment(broken).readyState).toBe('ERROR');
  },
);

row(
  'edge: files',
  'a public folder is the output when there is one, and the root folder of the project counts',
  async ({deploy, deployment, page}) => {
    const id = await deploy({
      files: inline({
        'apps/web/public/index.html': 'public',
        'apps/web/index.html': 'source',
        'index.html': 'repository',
      }),
    });
    expect(await page(deployment(id).url)).toBe('200 public');
  },
  {project: {rootDirectory: 'apps/web'}},
);

row(
  'edge: files',
  'prebuilt output with routes by phase; a prebuilt upload without configuration fails',
  async ({call, vercel, deployment, page}) => {
    const routes = [
      {src: '/hidden', status: 404},
      {src: '/(.*)', headers: {'x-all': '$1'}, continue: true},
      {handle: 'filesystem'},
      {src: '/spa/(?<rest>.*)', dest: '/index.html?$rest'},
      {handle: 'error'},
      {src: '/.*', status: 404, dest: '/oops.html'},
    ];
    const files = inline({
      '.vercel/output/config.json': JSON.stringify({version: 3, routes}),
      '.vercel/output/static/index.html': 'home',
      '.vercel/output/static/oops.html': 'oops',
      'index.html': 'not this',
    });
    const id = (await call('POST /v13/deployments?prebuilt=1', {name: 'shop', files})).body.id as string;
    vercel.advance(10_000);
    const {url} = deployment(id);
    expect(await Promise.all(['/', '/spa/deep', '/hidden', '/none'].map((path) => page(url, path)))).toEqual([
      '200 home',
      '200 home',
      '404 ',
      '404 oops',
    ]);
    expect((await fetch(`http://${url}/index.html`)).headers.get('x-all')).toBe('index.html');
    const bad = (
      await call('POST /v13/deployments?prebuilt=1', {name: 'shop', files: inline({'index.html': 'x', 'a.js': '1'})})
    ).body.id as string;
    vercel.advance(10_000);
    expect(deployment(bad).readyState).toBe('ERROR');
  },
);

row('edge: files', 'an archive in parts, with a link in it', async ({deploy, deployment, page}) => {
  const pack = tar.pack();
  pack.entry({name: './site/index.html'}, 'packed');
  pack.entry({name: 'index.html', type: 'symlink', linkname: 'site/index.html'});
  pack.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of pack) pieces.push(piece as Buffer);
  const packed = gzipSync(Buffer.concat(pieces));
  const half = Math.floor(packed.length / 2);
  const parts = [packed.subarray(half), packed.subarray(0, half)].map((bytes, index) => ({
    file: `.vercel/source.tgz.part${2 - index}`,
    data: bytes.toString('base64'),
    encoding: 'base64',
  }));
  const id = await deploy({files: parts});
  expect(await page(deployment(id).url)).toBe('200 packed');
});

row(
  'edge: hosts',
  'an unfinished deployment redirects, a failed one is not found, a blocked one forbidden',
  async ({deploy, deployment, page}) => {
    const building = await deploy({}, false);
    expect(await page(deployment(building).url)).toMatch(/^303 .*DEPLOYMENT_NOT_READY_REDIRECTING/s);
    const failed = await deploy({meta: {twin: 'error'}});
    expect(await page(deployment(failed).url)).toMatch(/^404 .*DEPLOYMENT_NOT_FOUND/s);
    const blocked = await deploy({meta: {twin: 'blocked'}});
    expect(await page(deployment(blocked).url)).toMatch(/^403 .*DEPLOYMENT_BLOCKED/s);
  },
);

row(
  'edge: hosts',
  'named hosts are served at every address to those who ask for them',
  async ({call, first, hosts}) => {
    await call(`POST /v2/deployments/${first}/aliases`, {alias: 'demo.example.com'});
    expect(await named(hosts[0]!, 'demo.example.com')).toBe('200 first');
    expect(await named(hosts[0]!, 'www.example.com')).toBe('200 live');
    expect(await named(hosts[0]!, 'nobody.example.com')).toMatch(/^404 .*DEPLOYMENT_NOT_FOUND/s);
  },
  {project: {domains: ['www.example.com']}},
);

function named(address: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(`http://${address}/`, {headers: {host}}, (answer) => {
        let text = '';
        answer.on('data', (piece) => (text += piece));
        answer.on('end', () => resolve(`${answer.statusCode} ${text}`));
      })
      .on('error', reject);
  });
}

const secret = 's'.repeat(32);

row(
  'edge: protection',
  'generated addresses ask for a login, production domains do not; header and query open them',
  async ({live, deployment, hosts, page, vercel}) => {
    const {url} = deployment(live);
    expect(await page(url)).toMatch(/^401 .*Authentication Required/s);
    expect(await page(url, '/', {'x-vercel-protection-bypass': secret})).toBe('200 live');
    expect(await page(url, `/?x-vercel-protection-bypass=${secret}`)).toBe('200 live');
    expect(await page(url, '/', {'x-vercel-protection-bypass': 'wrong'})).toMatch(/^401/);
    expect(await page(hosts[0]!)).toBe('200 live');
    expect(JSON.stringify(vercel.served)).not.toContain(secret);
  },
  {project: {protection: true, bypassSecret: secret}},
);

row(
  'edge: protection',
  'the cookie that the header asks for opens the next request',
  async ({live, deployment, page}) => {
    const {url} = deployment(live);
    const first = await fetch(`http://${url}/`, {
      headers: {'x-vercel-protection-bypass': secret, 'x-vercel-set-bypass-cookie': 'true'},
      redirect: 'manual',
    });
    expect([first.status, first.headers.get('location')]).toEqual([307, '/']);
    expect(await page(url, '/', {cookie: first.headers.get('set-cookie')!.split(';')[0]!})).toBe('200 live');
  },
  {project: {protection: true, bypassSecret: secret}},
);

row(
  'edge: protection',
  'the other report of it: a redirect to the sign-in',
  async ({live, deployment}) => {
    const answer = await fetch(`http://${deployment(live).url}/`, {redirect: 'manual'});
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      expect.stringContaining('vercel.com/sso-api'),
    ]);
  },
  {project: {protection: true}, stand: {quirks: {protectionAnswer: 'redirect'}}},
);

row(
  'edge: protection',
  'protection of everything covers production domains; of previews only previews',
  async ({call, hosts, page, live, deployment}) => {
    expect(await page(hosts[0]!)).toMatch(/^401/);
    await call('PATCH /v9/projects/shop', {ssoProtection: {deploymentType: 'preview'}});
    expect(await page(deployment(live).url)).toBe('200 live');
    await call('PATCH /v9/projects/shop', {ssoProtection: null});
    expect(await page(hosts[0]!)).toBe('200 live');
  },
  {project: {protection: 'all'}},
);

row(
  'edge: health',
  'status, body, flapping and paths, for one deployment at all its addresses',
  async ({vercel, live, hosts, page, deployment}) => {
    vercel.setHealth(live, {status: 500, body: 'broken', path: '/api/*', every: 2});
    expect([await page(hosts[0]!, '/api/a'), await page(hosts[1]!, '/api/a'), await page(hosts[0]!, '/')]).toEqual([
      expect.stringMatching(/^404/),
      '500 broken',
      '200 live',
    ]);
    vercel.setHealth(live, {status: 503, after: 1});
    expect([await page(deployment(live).url), await page(deployment(live).url)]).toEqual(['200 live', '503 ']);
    vercel.setHealth(live, {drop: true});
    await expect(page(hosts[0]!)).rejects.toThrow();
    vercel.setHealth(live, undefined);
    expect(await page(hosts[0]!)).toBe('200 live');
  },
);

row('edge: health', 'chosen in advance for the next deployment', async ({vercel, deploy, deployment, page}) => {
  vercel.script.nextHealth({status: 500, body: 'bad'}, 'prj_shop');
  const id = await deploy({autoAssignCustomDomains: false});
  expect(await page(deployment(id).url)).toBe('500 bad');
});

const faults = [
  ['429 with Retry-After', vercelFaults.tooManyRequests(7), 429],
  ['500', vercelFaults.serverError(), 500],
  ['502 as a page', vercelFaults.badGateway(), 502],
  ['503', vercelFaults.unavailable(3), 503],
  ['401 in mid-run', vercelFaults.unauthorized(), 401],
  ['402 daily limit', vercelFaults.dailyLimit(), 402],
] as const;
for (const [what, fault, status] of faults) {
  row(
    'fault injection',
    `${what}, twice, has no effect, then all is well`,
    async ({vercel, call, project, live, deploy}) => {
      const id = await deploy({autoAssignCustomDomains: false});
      vercel.faults.push(nextRequests('promote', fault, 2));
      const answers = [];
      for (let count = 0; count < 3; count++) {
        answers.push(await call(`POST /v10/projects/prj_shop/promote/${id}`, {}).catch(() => ({status: 0})));
        if (count === 1) expect(project()).toMatchObject({live, lastAliasRequest: null});
      }
      expect(answers.map((one) => one.status)).toEqual([status, status, 201]);
    },
  );
}

row(
  'fault injection',
  'Retry-After and the limits come with 429; the body of 502 is no JSON',
  async ({vercel, call}) => {
    vercel.faults.push(
      nextRequests('GET /v9/projects/*', vercelFaults.tooManyRequests(7)),
      nextRequests('GET /v9/projects/*', vercelFaults.badGateway()),
    );
    const limited = await call('GET /v9/projects/shop');
    expect([limited.headers.get('retry-after'), limited.body.error]).toEqual([
      '7',
      expect.objectContaining({code: 'rate_limited', limit: expect.objectContaining({remaining: 0})}),
    ]);
    const page = await call('GET /v9/projects/shop');
    expect([page.headers.get('content-type'), page.body]).toEqual(['text/html', expect.stringContaining('<h1>502')]);
  },
);

row(
  'fault injection',
  'closed before: nothing was done; closed after: it was, and only the answer is lost',
  async ({vercel, call}) => {
    const create = () => call('POST /v13/deployments', {name: 'shop', files: sources});
    vercel.faults.push(nextRequests('deployments.create', vercelFaults.closeBefore()));
    await expect(create()).rejects.toThrow();
    expect(vercel.state().deployments).toHaveLength(2);
    vercel.faults.push(nextRequests('deployments.create', vercelFaults.closeAfter()));
    await expect(create()).rejects.toThrow();
    expect(vercel.state().deployments).toHaveLength(3);
  },
);

row('fault injection', 'a delay is a delay, after as many requests as were let through', async ({vercel, call}) => {
  vercel.faults.push({...nextRequests('GET /v2/user', vercelFaults.delay(5)), skip: 1});
  for (let count = 0; count < 2; count++) expect((await call('GET /v2/user')).status).toBe(200);
  expect(vercel.requests.map((one) => one.fault)).toEqual([undefined, 'delay']);
});

row('fault injection', 'at public addresses too, by host', async ({vercel, hosts, page}) => {
  vercel.edgeFaults.push(
    {route: `GET ${hosts[0]}/*`, fault: vercelFaults.badGateway()},
    {route: `GET ${hosts[1]}/*`, fault: vercelFaults.closeBefore(), skip: 1},
  );
  expect([await page(hosts[0]!), await page(hosts[0]!), await page(hosts[1]!)]).toEqual([
    expect.stringMatching(/^502/),
    '200 live',
    '200 live',
  ]);
  await expect(page(hosts[1]!)).rejects.toThrow();
});

row(
  'journal',
  'method, path, query, body and status in order, without the token and without secret values',
  async ({vercel, call}) => {
    await call('POST /v10/projects/shop/env?upsert=true', {key: 'K', value: 'top-secret', type: 'plain'});
    await call('PATCH /v1/projects/shop/protection-bypass', {generate: {secret: 'other-secret'}});
    await call('POST /v13/deployments', {name: 'shop', files: sources, env: {A: 'third-secret'}});
    expect(vercel.requests.map((one) => [one.operation, one.status])).toEqual([
      ['env.create', 201],
      ['projects.bypass', 200],
      ['deployments.create', 200],
    ]);
    expect(vercel.requests[0]).toMatchObject({
      method: 'POST',
      path: '/v10/projects/shop/env',
      query: {upsert: ['true'], teamId: ['team_acme']},
      headers: {authorization: '(redacted)'},
      body: {key: 'K', value: '(redacted)'},
    });
    expect(JSON.stringify(vercel.requests)).not.toMatch(/(top|other|third)-secret|Bearer token/);
  },
);

row('journal', 'what was served where, by which deployment', async ({vercel, page, hosts, live}) => {
  await page(hosts[0]!, '/x');
  expect(vercel.served).toMatchObject([{host: hosts[0], path: '/x', method: 'GET', deploymentId: live, status: 404}]);
});
