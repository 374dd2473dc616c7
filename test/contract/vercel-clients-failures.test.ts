import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {createDeployment, type DeploymentOptions} from '@vercel/client';
import {nextRequests, startVercel, type VercelStandIn, vercelFaults} from '../../src/rehearsal/vercel/stand-in.js';

// How failures of the platform reach a program that uses the platform's client: each fault of the stand-in must look
// to the client as the real one does, or tests against the stand-in prove nothing about it.

const team = {id: 'team_acme', slug: 'acme'};
let folder: string;
let vercel: VercelStandIn;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vercel-failures-'));
  for (const name of ['index.html', 'app.js']) await writeFile(join(folder, name), name);
  vercel = await startVercel({
    token: 'token',
    team,
    projects: [{id: 'prj_shop', name: 'shop'}],
    manual: true,
    onRequest: () => vercel.advance(1_000),
  });
  await vercel.seed({projectId: 'shop', files: {'index.html': 'live'}, promoted: true});
});

afterEach(async () => {
  await vercel.close();
  await rm(folder, {recursive: true, force: true});
});

interface Seen {
  readonly type: string;
  readonly payload: {code?: string; status?: number; message?: string; readyState?: string};
}

/** Events until the stream ends, or until `enough` polls were sent: some ends are none to the client. */
async function deploy(
  options: {token?: string; teamId?: string; polls?: number; body?: Partial<DeploymentOptions>} = {},
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const client = {token: options.token ?? 'token', teamId: options.teamId ?? team.id, apiUrl: vercel.url, path: folder};
  const events = createDeployment(client, {name: 'shop', target: 'production', ...options.body});
  const step = events[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([step.next(), polled(options.polls)]);
    if (next === 'enough' || next.done) return seen;
    seen.push(next.value as Seen);
  }
}

async function polled(polls: number | undefined): Promise<'enough'> {
  if (polls === undefined) return new Promise(() => undefined);
  while (vercel.requests.filter((one) => one.operation === 'deployments.read').length < polls)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return 'enough';
}

const operations = () => vercel.requests.map((one) => one.operation);
const creations = () => operations().filter((one) => one === 'deployments.create').length;

describe('failures as @vercel/client tells them', () => {
  test.each([
    ['429', vercelFaults.tooManyRequests(1), 'rate_limited', 429],
    ['500', vercelFaults.serverError(), 'internal_server_error', 500],
    ['503', vercelFaults.unavailable(), 'service_unavailable', 503],
    ['402 of the daily limit', vercelFaults.dailyLimit(), 'api-deployments-free-per-day', 402],
    ['401 in mid-run', vercelFaults.unauthorized(), 'forbidden', 401],
  ] as const)(
    'creation answers %s: one error event with code and status, no retry',
    async (_what, fault, code, status) => {
      vercel.faults.push(nextRequests('deployments.create', fault));
      const seen = await deploy();
      expect(seen.at(-1)).toMatchObject({type: 'error', payload: {code, status}});
      expect(creations()).toBe(1);
    },
  );

  test('creation answers 502 with a page: the status is lost', async () => {
    vercel.faults.push(nextRequests('deployments.create', vercelFaults.badGateway()));
    const last = (await deploy()).at(-1);
    expect([last?.type, last?.payload.message, last?.payload.status]).toEqual([
      'error',
      'Invalid JSON response',
      undefined,
    ]);
  });

  test('a wrong token and a wrong team are told apart', async () => {
    expect((await deploy({token: 'nobody'})).at(-1)?.payload).toMatchObject({
      code: 'forbidden',
      status: 403,
      invalidToken: true,
    });
    expect((await deploy({teamId: 'team_x'})).at(-1)?.payload).toMatchObject({
      code: 'forbidden',
      status: 403,
      scope: 'team_x',
    });
  });

  test.each([
    [
      '403',
      {
        kind: 'status',
        status: 403,
        body: '{"error":{"code":"forbidden","message":"no"}}',
        headers: {'content-type': 'application/json'},
      },
    ],
    ['500', vercelFaults.serverError()],
  ] as const)('an upload answers %s: error, and no second try', async (_what, fault) => {
    vercel.faults.push(nextRequests('files.upload', fault, 9));
    expect((await deploy()).at(-1)?.type).toBe('error');
    expect(operations().filter((one) => one === 'files.upload').length).toBeLessThanOrEqual(2);
    expect(creations()).toBe(1);
  });

  test('a poll answers 403: error at once, though the deployment becomes ready', async () => {
    vercel.faults.push(
      nextRequests('deployments.read', {
        kind: 'status',
        status: 403,
        body: '{"error":{"code":"forbidden","message":"no"}}',
        headers: {'content-type': 'application/json'},
      }),
    );
    const seen = await deploy();
    expect(seen.map((event) => event.type).slice(-2)).toEqual(['created', 'error']);
    vercel.advance(10_000);
    expect(vercel.state().deployments.at(-1)?.readyState).toBe('READY');
  });

  test('the answer to a creation is lost: the client throws or tells an error, and a deployment is there', async () => {
    vercel.faults.push(nextRequests('deployments.create', vercelFaults.closeAfter(), 1));
    vercel.faults[0]!.skip = 1;
    const ended = await deploy().then(
      (seen) => seen.at(-1)?.type,
      () => 'thrown',
    );
    expect(['error', 'thrown']).toContain(ended);
    expect(vercel.state().deployments).toHaveLength(2);
  });

  test('ERROR ends with the deployment as payload', async () => {
    const seen = await deploy({body: {meta: {twin: 'error'}}});
    expect(seen.at(-1)).toMatchObject({
      type: 'error',
      payload: {readyState: 'ERROR', errorCode: 'BUILD_FAILED', errorStep: 'buildStep'},
    });
  });

  test('an alias error ends with an error', async () => {
    const seen = await deploy({body: {meta: {twin: 'alias-error'}}});
    expect(seen.map((event) => event.type).slice(-2)).toEqual(['ready', 'error']);
  });

  test('a failed check of the v2 kind ends with an event of its own', async () => {
    const seen = await deploy({body: {meta: {twin: 'check-failed'}}});
    expect(seen.map((event) => event.type)).toEqual(expect.arrayContaining(['ready', 'checks-v2-failed']));
  });

  test.each([
    ['CANCELED', 'canceled', ['canceled']],
    ['BLOCKED', 'blocked', []],
    ['READY without aliases', 'alias-stuck', ['ready']],
  ] as const)('%s is no end: it polls on', async (_state, twin, told) => {
    const seen = await deploy({body: {meta: {twin}}, polls: 3});
    const types = seen
      .map((event) => event.type)
      .filter(
        (type) =>
          !['hashes-calculated', 'file-count', 'file-uploaded', 'all-files-uploaded', 'building'].includes(type),
      );
    expect(types).toEqual(['created', ...told]);
  });
});
