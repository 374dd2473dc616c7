import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {createDeployment, type DeploymentOptions, type VercelClientOptions} from '@vercel/client';
import {startVercel, type VercelStandIn} from '../../src/rehearsal/vercel/stand-in.js';

const token = 'token-of-the-team';
const team = {id: 'team_acme', slug: 'acme'};

let folder: string;
let vercel: VercelStandIn;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vercel-clients-'));
  vercel = await startVercel({
    token,
    team,
    projects: [{id: 'prj_shop', name: 'shop', productionHosts: 1}],
    // Time moves by one state with each request, so that the client sees every state whatever the machine's speed.
    manual: true,
    delaysMs: {initializing: 0, building: 0, ready: 15, aliasAssigned: 10},
    onRequest: () => vercel.advance(10),
  });
  await vercel.seed({projectId: 'prj_shop', files: {'index.html': 'old'}, promoted: true});
});

afterEach(async () => {
  await vercel.close();
  await rm(folder, {recursive: true, force: true});
});

async function lay(files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    await writeFile(join(folder, path), content);
  }
}

interface Seen {
  readonly type: string;
  readonly payload: Record<string, unknown>;
}

async function deploy(
  client: Partial<VercelClientOptions> = {},
  body: Partial<DeploymentOptions> & {project?: string} = {},
  until?: string,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const options: VercelClientOptions = {token, teamId: team.id, apiUrl: vercel.url, path: folder, ...client};
  for await (const event of createDeployment(options, {name: 'shop', target: 'production', ...body})) {
    seen.push(event as Seen);
    if (event.type === until) break;
  }
  return seen;
}

const types = (seen: readonly Seen[]) => seen.map((event) => event.type);
const paths = () => vercel.requests.map((request) => `${request.method} ${request.path}`);
const created = (seen: readonly Seen[]) =>
  seen.find((event) => event.type === 'created')!.payload as {id: string; url: string};

describe('@vercel/client believes the stand-in', () => {
  test('every event of a deployment with new files, in order, and what it serves in the end', async () => {
    await lay({'index.html': '<h1>new</h1>', 'app.js': 'console.log(1)', 'copy.js': 'console.log(1)'});
    const seen = await deploy();
    expect(types(seen).filter((type) => type !== 'file-uploaded')).toEqual([
      'hashes-calculated',
      'file-count',
      'all-files-uploaded',
      'created',
      'building',
      'ready',
      'alias-assigned',
    ]);
    // Two files have the same contents: two contents, two uploads.
    expect(types(seen).filter((type) => type === 'file-uploaded')).toHaveLength(2);
    expect(paths().slice(0, 4)).toEqual([
      'POST /v13/deployments',
      'POST /v2/files',
      'POST /v2/files',
      'POST /v13/deployments',
    ]);
    expect(vercel.requests[0]).toMatchObject({status: 400, operation: 'deployments.create'});
    const page = await fetch(`${vercel.productionUrl('shop')}/`);
    expect({status: page.status, type: page.headers.get('content-type'), text: await page.text()}).toEqual({
      status: 200,
      type: 'text/html; charset=utf-8',
      text: '<h1>new</h1>',
    });
    expect(await (await fetch(`http://${created(seen).url}/copy.js`)).text()).toBe('console.log(1)');
  });

  test('contents that the team has are not uploaded again', async () => {
    await lay({'index.html': '<h1>new</h1>', 'app.js': 'console.log(1)'});
    await deploy({}, {}, 'created');
    const before = vercel.requests.length;
    const seen = await deploy();
    expect(types(seen)).toEqual(['hashes-calculated', 'created', 'building', 'ready', 'alias-assigned']);
    expect(
      paths()
        .slice(before)
        .filter((path) => path.startsWith('POST')),
    ).toEqual(['POST /v13/deployments']);
  });

  test('breaking off at `created` sends no poll', async () => {
    await lay({'index.html': '<h1>new</h1>', 'app.js': '1'});
    const seen = await deploy({}, {autoAssignCustomDomains: false}, 'created');
    expect(types(seen).at(-1)).toBe('created');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(paths().filter((path) => path.startsWith('GET'))).toEqual([]);
  });

  test('a staged production deployment serves at its own address only', async () => {
    await lay({'index.html': '<h1>staged</h1>', 'app.js': '1'});
    const seen = await deploy({}, {autoAssignCustomDomains: false}, 'created');
    vercel.advance(1_000);
    expect(vercel.state().deployments.at(-1)).toMatchObject({
      readySubstate: 'STAGED',
      aliasAssigned: true,
      everLive: false,
    });
    expect(await (await fetch(`http://${created(seen).url}/`)).text()).toBe('<h1>staged</h1>');
    expect(await (await fetch(vercel.productionUrl('shop'))).text()).toBe('old');
  });

  test('a prebuilt upload sends the output folder and serves its routes', async () => {
    await lay({
      'index.html': 'source',
      '.vercel/output/config.json': JSON.stringify({
        version: 3,
        routes: [{src: '/(.*)', status: 503, headers: {'retry-after': '120'}, dest: '/index.html'}],
      }),
      '.vercel/output/static/index.html': '<h1>back soon</h1>',
    });
    const seen = await deploy({prebuilt: true, vercelOutputDir: join(folder, '.vercel/output')}, {}, 'created');
    vercel.advance(1_000);
    expect(vercel.requests[0]!.query).toMatchObject({prebuilt: ['1']});
    expect(vercel.state().deployments.at(-1)!.files.toSorted()).toEqual([
      '.vercel/output/config.json',
      '.vercel/output/static/index.html',
    ]);
    const answer = await fetch(`http://${created(seen).url}/any/path`);
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '120',
      '<h1>back soon</h1>',
    ]);
  });

  test('an archive is one upload, and its files are served, links too', async () => {
    await lay({'index.html': '<h1>packed</h1>', 'deep/er/app.js': 'packed'});
    await symlink('deep/er/app.js', join(folder, 'link.js'));
    const seen = await deploy({archive: 'tgz'}, {}, 'created');
    vercel.advance(1_000);
    expect(paths().filter((path) => path === 'POST /v2/files')).toHaveLength(1);
    expect(vercel.state().deployments.at(-1)!.files).toEqual(['.vercel/source.tgz.part1']);
    expect(await (await fetch(`http://${created(seen).url}/link.js`)).text()).toBe('packed');
  });

  test('plain pages go inline and are ready in the answer to their creation', async () => {
    await lay({'index.html': '<h1>plain</h1>'});
    const seen = await deploy();
    expect(types(seen)).toEqual(['hashes-calculated', 'created', 'ready', 'alias-assigned']);
    expect(paths()).toEqual(['POST /v13/deployments']);
    expect(await (await fetch(vercel.productionUrl('shop'))).text()).toBe('<h1>plain</h1>');
  });

  test('a failed build ends with an error that carries code, step and message', async () => {
    await lay({'index.html': 'x', 'app.js': '1', 'build-fails': 'vite: cannot resolve ./missing'});
    const seen = await deploy();
    expect(types(seen).at(-1)).toBe('error');
    expect(seen.at(-1)!.payload).toMatchObject({
      readyState: 'ERROR',
      errorCode: 'BUILD_FAILED',
      errorMessage: 'vite: cannot resolve ./missing',
      errorStep: 'buildStep',
    });
    expect(await (await fetch(vercel.productionUrl('shop'))).text()).toBe('old');
  });

  test('a key the platform does not know is refused with its message', async () => {
    await lay({'index.html': 'x', 'app.js': '1'});
    const seen = await deploy({}, {nowConfig: {}} as never);
    expect(seen.at(-1)).toMatchObject({type: 'error', payload: {code: 'bad_request', status: 400}});
    expect(seen.at(-1)!.payload.message).toContain('should NOT have additional property `nowConfig`');
  });
});
