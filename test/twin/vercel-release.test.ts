import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {openVercelDeployer} from '../../src/platforms/vercel/deployer.js';
import {anchorId, candidateId, type Scripted, startScripted} from '../contract/vercel-scripted.js';

const commit = 'c'.repeat(40);
let server: Scripted;
let folder: string;

beforeEach(async () => {
  server = await startScripted();
  folder = await mkdtemp(join(tmpdir(), 'vercel-release-'));
  await writeFile(join(folder, 'index.html'), '<h1>shop</h1>');
  await writeFile(join(folder, 'app.js'), 'console.log(1)');
});
afterEach(async () => {
  await server.close();
  await rm(folder, {recursive: true, force: true});
});

const open = () =>
  openVercelDeployer(
    {token: 't0ken', project: 'shop', team: 'acme', apiUrl: server.url},
    {clock: fakeClock(), random: () => 0.5},
  );
const call = () => {
  const lines: string[] = [];
  return {
    lines,
    signal: new AbortController().signal,
    progress: (line: string) => void lines.push(line),
    timeoutMs: 600_000,
  };
};
const routes = () => server.requests.map(({method, path}) => `${method} ${path}`);
const request = () => ({commit, release: 'r-1', path: folder});

describe('a release on Vercel', () => {
  test('is staged, promoted, read back per host, and rolled back', async () => {
    const vercel = open();
    const anchor = await vercel.readLive(call());
    expect(anchor).toMatchObject({
      deploymentId: anchorId,
      commit: 'a'.repeat(40),
      hosts: ['shop.example', 'www.shop.example'],
      restorable: {by: 'rollback'},
    });

    const ids: string[] = [];
    const staged = await vercel.deploy(request(), {...call(), onCreated: (id) => void ids.push(id)});
    expect(staged).toMatchObject({
      deploymentId: candidateId,
      outcome: 'ready',
      staged: true,
      adopted: false,
      commit,
      url: 'http://shop-1.vercel.app',
    });
    expect(ids).toEqual([candidateId]);
    expect(server.hosts.get('shop.example')).toBe(anchorId);

    const promoted = await vercel.promote(candidateId, call());
    expect(promoted).toMatchObject({
      changed: true,
      hosts: [
        {host: 'shop.example', deploymentId: candidateId},
        {host: 'www.shop.example', deploymentId: candidateId},
      ],
    });
    expect(await vercel.promote(candidateId, call())).toMatchObject({changed: false});

    const back = await vercel.rollback(anchor!, {...call(), abandoned: [candidateId], reason: 'gate failed'});
    expect(back).toMatchObject({
      outcome: 'restored',
      by: 'rollback',
      live: {deploymentId: anchorId, hosts: ['shop.example', 'www.shop.example']},
    });
    expect(back.warnings).toEqual([expect.stringContaining('waits for a promotion')]);
    const again = await vercel.rollback(anchor!, {...call(), abandoned: [], reason: 'gate failed'});
    expect(again).toMatchObject({outcome: 'already', by: 'none'});
    expect(routes().filter((route) => route.startsWith('POST') && route.includes('/rollback/'))).toHaveLength(1);
  });

  test('asks for a staged production deployment that carries the release and the commit', async () => {
    await open().deploy(request(), call());
    const created = server.requests
      .filter(({path, method}) => method === 'POST' && path === '/v13/deployments')
      .at(-1)!;
    expect(created.body).toMatchObject({
      name: 'shop',
      project: 'prj_shop',
      target: 'production',
      autoAssignCustomDomains: false,
      meta: {switchbackRelease: 'r-1', switchbackCommit: commit},
    });
    expect(created.query).toEqual({teamId: ['team_acme'], skipAutoDetectionConfirmation: ['1']});
  });

  test('takes over the deployment that a former run of the same release made', async () => {
    await open().deploy(request(), call());
    const again = await open().deploy(request(), call());
    expect(again).toMatchObject({deploymentId: candidateId, outcome: 'ready', adopted: true});
    expect(server.created).toBe(1);
  });
});
