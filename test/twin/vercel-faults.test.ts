import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {Failure} from '../../src/kernel/errors.js';
import type {Anchor} from '../../src/platforms/platform.js';
import {openVercelDeployer} from '../../src/platforms/vercel/deployer.js';
import type {FaultKind} from '../../src/rehearsal/stand-in.js';
import {anchorId, candidateId, deployment, type Scripted, startScripted} from '../contract/vercel-scripted.js';

/**
 * Every kind of fault, once, at every request of a good deployment, promotion and rollback. Each run ends in success,
 * proved from outside, or in a clear failure; there is never a second deployment; and running again always succeeds.
 */
const json = {'content-type': 'application/json'};
const refused = (status: number, code: string, headers = {}): FaultKind => ({
  kind: 'status',
  status,
  headers: {...json, ...headers},
  body: JSON.stringify({error: {code, message: code}}),
});
const kinds: ReadonlyArray<readonly [name: string, fault: FaultKind]> = [
  ['429', refused(429, 'rate_limited', {'retry-after': '1'})],
  ['500', refused(500, 'internal_server_error')],
  ['502 with a page', {kind: 'status', status: 502, body: '<html>bad gateway</html>'}],
  ['503', refused(503, 'service_unavailable')],
  ['a delay', {kind: 'delay', ms: 15}],
  ['a close before', {kind: 'close-before'}],
  ['a close after', {kind: 'close-after'}],
  ['401 mid-run', refused(401, 'unauthorized')],
];

const commit = 'c'.repeat(40);
const anchor: Anchor = {
  component: 'frontend',
  platform: 'vercel',
  deploymentId: anchorId,
  hosts: [],
  createdAtMs: 0,
  readAtMs: 0,
  restorable: {by: 'rollback'},
};
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vercel-faults-'));
  await writeFile(join(folder, 'app.js'), 'console.log(1)');
  await writeFile(join(folder, 'b.css'), 'b {}');
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const call = () => ({signal: new AbortController().signal, progress: () => undefined, timeoutMs: 120_000});
const open = (server: Scripted, archive: 'auto' | 'tgz' = 'auto') =>
  openVercelDeployer(
    {token: 't0ken', project: 'shop', team: 'acme', apiUrl: server.url, archive},
    {clock: fakeClock(), random: () => 0.5},
  );

interface Operation {
  readonly name: string;
  readonly prepare: (server: Scripted) => void;
  readonly run: (server: Scripted) => Promise<unknown>;
  /** Throws unless the platform, asked from outside, is where a success puts it. */
  readonly prove: (server: Scripted, result: unknown) => void;
}

const served = (server: Scripted) => [...new Set(server.hosts.values())];
const staged = (server: Scripted) =>
  void server.deployments.set(
    candidateId,
    deployment(candidateId, {readyState: 'READY', meta: {switchbackRelease: 'r-1', switchbackCommit: commit}}),
  );

const operations: readonly Operation[] = [
  {
    name: 'deploy',
    prepare: () => undefined,
    run: (server) => open(server).deploy({commit, release: 'r-1', path: folder}, call()),
    prove: (server, result) => {
      expect(result).toMatchObject({outcome: 'ready', staged: true, deploymentId: candidateId});
      expect(served(server)).toEqual([anchorId]);
    },
  },
  {
    name: 'deploy as an archive',
    prepare: () => undefined,
    run: (server) => open(server, 'tgz').deploy({commit, release: 'r-1', path: folder}, call()),
    prove: (server, result) => {
      expect(result).toMatchObject({outcome: 'ready', deploymentId: candidateId});
      expect(served(server)).toEqual([anchorId]);
    },
  },
  {
    name: 'promote',
    prepare: staged,
    run: (server) => open(server).promote(candidateId, call()),
    prove: (server) => expect(served(server)).toEqual([candidateId]),
  },
  {
    name: 'rollback',
    prepare: (server) => {
      staged(server);
      for (const host of server.hosts.keys()) server.hosts.set(host, candidateId);
      Object.assign(server.project, {targets: {production: {id: candidateId}}});
      server.deployments.set('dpl_left', deployment('dpl_left', {readyState: 'BUILDING'}));
    },
    run: (server) => open(server).rollback(anchor, {...call(), abandoned: ['dpl_left'], reason: 'gate said fail'}),
    prove: (server) => expect(served(server)).toEqual([anchorId]),
  },
];

let cases = 0;
afterAll(() => {
  process.stdout.write(`vercel faults: ${cases} cases\n`);
});

async function once(operation: Operation, fault: FaultKind, position: number): Promise<boolean> {
  const server = await startScripted();
  try {
    operation.prepare(server);
    server.faults.push({route: '*', fault, skip: position});
    const ended = await operation.run(server).then(
      (result) => ({result}),
      (error: unknown) => ({error}),
    );
    const wasHit = server.requests.some((request) => request.fault !== undefined);
    if (!wasHit) return false;
    cases++;
    expect(server.requests.length).toBeLessThan(90);
    if ('error' in ended) {
      // One passing fault is ridden out; only a token that is refused ends the run.
      expect(fault).toMatchObject({kind: 'status', status: 401});
      expect(ended.error).toBeInstanceOf(Failure);
      expect((ended.error as Failure).remedy).not.toBe('');
      operation.prove(server, await operation.run(server));
    } else operation.prove(server, ended.result);
    expect(server.created).toBeLessThanOrEqual(1);
    return true;
  } finally {
    await server.close();
  }
}

describe.each(operations.map((operation) => [operation.name, operation] as const))('%s', (_name, operation) => {
  test.each(kinds)('survives %s at every request', async (_kind, fault) => {
    let position = 0;
    while (await once(operation, fault, position)) position++;
    expect(position).toBeGreaterThan(5);
  });
});
