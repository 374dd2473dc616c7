import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, expect, test} from '@jest/globals';
import {Failure} from '../../src/kernel/errors.js';
import type {FaultKind} from '../../src/rehearsal/stand-in.js';
import {adapterAt, anchorOf, release} from './railway-adapter.js';
import {fault, graphqlError, type RunningWorld, shaA, shaB, startWorld} from './railway-world.js';

const faults: Readonly<Record<string, FaultKind>> = {
  '429 with Retry-After': {kind: 'status', status: 429, headers: {'retry-after': '7'}},
  '500': {kind: 'status', status: 500},
  '502 HTML': {kind: 'status', status: 502, body: '<html><h1>Bad gateway</h1></html>'},
  '503': {kind: 'status', status: 503, headers: {'retry-after': '2'}},
  delay: {kind: 'delay', ms: 15},
  'close before': {kind: 'close-before'},
  'close after': {kind: 'close-after'},
  'Not Authorized mid-run': graphqlError('Not Authorized'),
  'Problem processing request': graphqlError('Problem processing request'),
  'HTML with 200': {kind: 'status', status: 200, body: '<html>login</html>'},
};

const folder = mkdtempSync(join(tmpdir(), 'railway-faults-'));
writeFileSync(join(folder, 'server.js'), 'x');
afterAll(() => rmSync(folder, {recursive: true, force: true}));

interface Flow {
  readonly seed: (running: RunningWorld) => void;
  /** Resolves to true when the adapter claims success. */
  readonly run: (running: RunningWorld) => Promise<{good: boolean; requests: number; text: string}>;
  /** What must never be more than one, and what must be true of a success. */
  readonly made: (running: RunningWorld) => number;
  readonly serves: (running: RunningWorld) => boolean;
}

const flows: Readonly<Record<string, Flow>> = {
  'deploy of a commit': {
    seed: ({world}) => void world.seed({commit: shaA, active: true}),
    run: async (running) => {
      const {railway, timed} = adapterAt(running);
      const deployment = await railway.deploy(release, timed);
      return {
        good: deployment.outcome === 'ready',
        requests: running.server.requests.length,
        text: deployment.reason?.remedy ?? '',
      };
    },
    made: ({world}) => world.rows.filter((row) => row.id !== 'dep_1').length,
    serves: ({world}) => world.get(world.active[0]!)?.meta?.commitHash === shaB,
  },
  'deploy of an image': {
    seed: ({world}) => {
      world.repo = null;
      world.image = 'ghcr.io/acme/api:1';
      world.seed({image: 'ghcr.io/acme/api:1', active: true});
    },
    run: async (running) => {
      const {railway, timed} = adapterAt(running, {image: 'ghcr.io/acme/api:{commit}'});
      const deployment = await railway.deploy(release, timed);
      return {
        good: deployment.outcome === 'ready',
        requests: running.server.requests.length,
        text: deployment.reason?.remedy ?? '',
      };
    },
    made: ({world}) => world.rows.filter((row) => row.id !== 'dep_1').length,
    serves: ({world}) => world.get(world.active[0]!)?.meta?.image === `ghcr.io/acme/api:${shaB}`,
  },
  'deploy of an upload': {
    seed: ({world}) => {
      world.repo = null;
      world.seed({active: true});
    },
    run: async (running) => {
      const {railway, timed} = adapterAt(running);
      const deployment = await railway.deploy({...release, path: folder}, timed);
      return {
        good: deployment.outcome === 'ready',
        requests: running.server.requests.length,
        text: deployment.reason?.remedy ?? '',
      };
    },
    made: ({world}) => world.rows.length - 1,
    serves: ({world}) => String(world.get(world.active[0]!)?.meta?.cliMessage).includes(shaB),
  },
  'rollback with one in flight': {
    seed: ({world}) => {
      world.seed({commit: shaA, status: 'REMOVED'});
      world.seed({commit: shaB, active: true});
      world.seed({commit: shaB, status: 'BUILDING', instances: []});
    },
    run: async (running) => {
      const {railway, timed} = adapterAt(running);
      const result = await railway.rollback(anchorOf('dep_1'), {
        ...timed,
        abandoned: ['dep_2', 'dep_3'],
        reason: 'test',
      });
      return {good: result.outcome === 'restored', requests: running.server.requests.length, text: ''};
    },
    made: ({world}) => world.rows.length - 3,
    serves: ({world}) => world.get(world.active[0]!)?.meta?.commitHash === shaA,
  },
  promotion: {
    seed: ({world}) => void world.seed({commit: shaB, active: true}),
    run: async (running) => {
      const {railway, timed} = adapterAt(running);
      const promotion = await railway.promote('dep_1', timed);
      return {good: promotion.deploymentId === 'dep_1', requests: running.server.requests.length, text: ''};
    },
    made: ({world}) => world.rows.length - 1,
    serves: ({world}) => world.active[0] === 'dep_1',
  },
};

/** Generous, as several hundred runs share two cores with other tests. */
const timeoutMs = 180_000;
const mostRequests = 120;
let cases = 0;

async function play(flow: Flow, kind: FaultKind, skip: number): Promise<'success' | 'failure'> {
  await using running = await startWorld();
  flow.seed(running);
  running.server.faults.push(fault('POST *', kind, {skip}));
  cases++;
  let ended: {good: boolean; text: string};
  try {
    ended = await flow.run(running);
  } catch (error) {
    // Nothing but a failure with a remedy may come out of a fault of the other side.
    if (!(error instanceof Failure)) throw error;
    ended = {good: false, text: error.remedy};
  }
  expect(running.server.faults[0]!.times).toBe(0);
  expect(flow.made(running)).toBeLessThanOrEqual(1);
  expect(running.server.requests.length).toBeLessThan(mostRequests);
  if (ended.good) expect(flow.serves(running)).toBe(true);
  else expect(ended.text.length).toBeGreaterThan(10);
  return ended.good ? 'success' : 'failure';
}

test.each(Object.entries(flows))(
  '%s ends in success or a clear failure whatever one request meets, and never twice',
  async (name, flow) => {
    await using plain = await startWorld();
    flow.seed(plain);
    expect((await flow.run(plain)).good).toBe(true);
    const requests = plain.operations();
    const before = cases;
    const failed: string[] = [];
    for (const [kind, injected] of Object.entries(faults)) {
      for (const [index, operation] of requests.entries()) {
        if ((await play(flow, injected, index)) === 'failure') failed.push(`${kind} at ${operation}`);
      }
    }
    // Everything that passes by itself is survived; only a refusal of access ends the run, and only outside the polls.
    expect([...new Set(failed.map((text) => text.replace(/ at .*/, '')))]).toEqual(['Not Authorized mid-run']);
    process.stdout.write(
      `railway faults, ${name}: ${cases - before} cases over ${requests.length} requests, ${failed.length} clear failures\n`,
    );
  },
  timeoutMs,
);
