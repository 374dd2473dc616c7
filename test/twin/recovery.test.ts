import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {Ended} from '../../src/cli/action.js';
import {recover} from '../../src/cli/recover.js';
import type {RecoverFlags} from '../../src/cli/recovery-steps.js';
import {serving} from '../../src/rehearsal/outside.js';
import {names} from '../../src/rehearsal/world.js';
import {type Ground, liveBackend, startGround} from './recovery-ground.js';

/** A whole recovery against a real PostgreSQL and all stand-ins, killed after each of its steps and taken up again. */

let ground: Ground;
beforeAll(async () => {
  // What the gate decides by stays the same; it only has fewer users to wait for.
  const gate = {interval: '20ms', 'min-duration': '300ms', 'max-duration': '60s', 'warm-up': '300ms'};
  ground = await startGround({gate});
}, 120_000);
afterAll(async () => ground?.[Symbol.asyncDispose]());

const patience = 240_000;

class Killed extends Error {}

/** Dies after the step of that number: nothing of the process is left but what it did. */
function run(flags: Partial<RecoverFlags> = {}, killAfter = Number.POSITIVE_INFINITY) {
  const steps: string[] = [];
  let dead = false;
  const step: RecoverFlags['step'] = async (action, given, terminal): Promise<Ended> => {
    if (dead) throw new Killed();
    const ended = await ground.step(action, given, terminal);
    steps.push(`${action}${given('mode') ? ` ${given('mode')}` : ''}`);
    if (steps.length >= killAfter) {
      dead = true;
      throw new Killed();
    }
    return ended;
  };
  const all = {database: true, rebuild: false, confirm: ground.identity, reason: 'test', step, ...flags};
  const done = recover(all, ground.terminal()).catch((error: unknown) => {
    if (error instanceof Killed) return undefined;
    throw error;
  });
  return {steps, done};
}

async function state() {
  const {world} = ground;
  const now = await serving(world);
  const databases = await ground.sql(
    `SELECT datname FROM pg_database WHERE datname LIKE 'shop%' ORDER BY 1`,
    'postgres',
  );
  return {
    commit: now.backend,
    answers: now.answers,
    blocked: (world.railway.state().services[0]!.edgeRules?.rules.length ?? 0) > 0,
    databases: databases.map((row) => String(row['datname'])),
  };
}

async function isWhole() {
  const {world} = ground;
  expect(await state()).toMatchObject({commit: world.product.commits.v1, answers: true, blocked: false});
  expect((await state()).databases).not.toEqual(expect.arrayContaining([expect.stringContaining('restoring')]));
  const items = (await (await fetch(`${world.backendUrl}/api/items`)).json()) as {items: unknown[]};
  expect(items.items.length).toBe((JSON.parse(await ground.contentNow()) as unknown[]).length);
}

const allSteps = [
  'recovery begin',
  'maintenance on',
  'restore in-place',
  'rollback',
  'health-gate',
  'maintenance off',
  'recovery end',
];

describe('backend and database are lost', () => {
  test(
    'the recovery brings both back behind the page, opens, and measures',
    async () => {
      await ground.destroy();
      const {steps, done} = run();
      const result = await done;
      expect(result).toMatchObject({exitCode: 0, ended: {outputs: {met: 'true', 'set-id': ground.set}}});
      expect(steps).toEqual(allSteps);
      expect(Number(result!.ended.outputs['rto-ms'])).toBeGreaterThan(500);
      expect(Number(result!.ended.outputs['rpo-ms'])).toBeGreaterThan(0);
      expect(ground.logs.join('\n')).toContain('does not exist any more: nothing could be kept of it');
      await isWhole();
      expect(await ground.contentNow()).toBe(ground.content);
    },
    patience,
  );

  test.each([1, 2, 3, 4, 5, 6])(
    'killed after step %i, the next run finishes it and restores at most once',
    async (after) => {
      await ground.destroy();
      const first = run({}, after);
      // A dead process says nothing; what it did is all there is.
      await first.done;
      expect(first.steps).toEqual(allSteps.slice(0, after));
      // Until the gate has passed and the page was lifted, no user gets to the product.
      if (after > 1 && after < 6) expect((await fetch(ground.world.frontendUrl)).status).toBe(503);
      // Somebody's data that came after the restore must survive the second run.
      const restored = after >= 3;
      if (restored) await ground.sql(`INSERT INTO items (name) VALUES ('came after the restore')`);

      const second = run();
      expect(await second.done).toMatchObject({exitCode: 0, ended: {outputs: {met: 'true'}}});
      expect(second.steps.includes('restore in-place')).toBe(!restored);
      if (after === 6) expect(second.steps).toEqual(['recovery begin', 'recovery end']);
      await isWhole();
      expect((await ground.contentNow()).includes('came after the restore')).toBe(restored);
      expect((await ground.contentNow()).startsWith(ground.content.slice(0, -1))).toBe(true);
    },
    patience,
  );
});

describe('what is refused changes nothing', () => {
  const refusals: ReadonlyArray<readonly [what: string, flags: Partial<RecoverFlags>, problem: RegExp]> = [
    ['no typed identity', {confirm: undefined}, /`confirm`: is missing; this database is shop@\d+/],
    ['the identity of another server', {confirm: 'shop@1'}, /`confirm`: is not shop@\d+/],
    ['a set that does not exist', {set: '20200101T000000Z-00000000'}, /set: No set fits/],
    ['no set from before the damage', {since: '2020-01-01T00:00:00Z'}, /set: No set fits/],
    ['a release that the ledger does not know', {release: 'r-none'}, /code: The ledger has no release r-none/],
  ];
  test.each(refusals)(
    '%s',
    async (_what, flags, problem) => {
      const before = {...(await state()), content: await ground.contentNow(), backend: liveBackend(ground.world)};
      const {steps, done} = run(flags);
      await expect(done).rejects.toMatchObject({code: 'RECOVERY', message: expect.stringMatching(problem)});
      expect(steps).toEqual([]);
      expect({...(await state()), content: await ground.contentNow(), backend: liveBackend(ground.world)}).toEqual(
        before,
      );
    },
    patience,
  );

  test(
    'all problems come in one message',
    async () => {
      const {done} = run({confirm: undefined, release: 'r-none', since: '2020-01-01T00:00:00Z'});
      await expect(done).rejects.toMatchObject({
        message: expect.stringMatching(/3 problems[\s\S]*confirm[\s\S]*(code|set):[\s\S]*(code|set):/),
      });
    },
    patience,
  );
});

test(
  'data that is damaged: a snapshot is kept that nothing picks, and the old database stays',
  async () => {
    await ground.sql('DELETE FROM orders; DELETE FROM items; DROP TABLE orders');
    const {steps, done} = run();
    expect(await done).toMatchObject({exitCode: 0});
    expect(steps).toEqual([...allSteps.slice(0, 2), 'backup', 'rollback', ...allSteps.slice(2)]);
    await isWhole();
    expect(await ground.contentNow()).toBe(ground.content);
    const kept = (await state()).databases.findLast((name) => name.includes('_before_'))!;
    expect(await ground.sql('SELECT count(*)::int AS n FROM items', kept)).toEqual([{n: 0}]);
    const listed = JSON.parse((await ground.act('restore', {mode: 'list'})).outputs['sets']!) as Array<{
      id: string;
      reason: string;
    }>;
    expect(listed[0]!.reason).toBe('what was left: test');
    const dry = await ground.act('restore', {mode: 'in-place', 'dry-run': 'true'});
    expect(dry.outputs).toMatchObject({'set-id': ground.set, identity: ground.identity});
  },
  patience,
);

test(
  'a bad frontend: the page stays up over the rollback, and its end shows the good one',
  async () => {
    const {world} = ground;
    const good = (await serving(world)).frontend;
    const files = {'index.html': Buffer.from('broken')};
    await world.vercel.seed({projectId: names.vercelProject, files, promoted: true});
    expect((await serving(world)).frontend).not.toBe(good);
    const first = run({database: false}, 4);
    await first.done;
    expect(first.steps.at(-1)).toBe('rollback');
    expect((await fetch(world.frontendUrl)).status).toBe(503);
    expect(await run({database: false}).done).toMatchObject({exitCode: 0});
    expect((await serving(world)).frontend).toBe(good);
    await isWhole();
  },
  patience,
);

test(
  'code alone: the database is not touched, and objectives that cannot be met fail the end',
  async () => {
    const note = await ground.sql('SELECT count(*)::int AS n FROM items');
    await ground.sql(`INSERT INTO items (name) VALUES ('kept')`);
    const {steps, done} = run({database: false, confirm: undefined, since: '2026-01-01T00:00:00Z'});
    expect(await done).toMatchObject({
      exitCode: 1,
      ended: {outputs: {met: 'false', 'rpo-ms': '0'}, failure: {code: 'RECOVERY_OBJECTIVE'}},
    });
    expect(steps).not.toContain('restore in-place');
    await isWhole();
    expect(await ground.sql('SELECT count(*)::int AS n FROM items')).toEqual([{n: Number(note[0]!['n']) + 1}]);
  },
  patience,
);

test(
  'a gate that does not pass leaves the page up and says so',
  async () => {
    const broken = (await ground.sql(`SELECT 1 FROM pg_database WHERE datname = 'shop'`, 'postgres')).length;
    expect(broken).toBe(1);
    const {done} = run({
      database: false,
      step: async (action, given, terminal) => {
        // The product breaks between the rollback and the gate.
        if (action === 'health-gate') await ground.sql('ALTER TABLE items RENAME TO gone');
        return ground.step(action, given, terminal);
      },
    });
    expect(await done).toMatchObject({exitCode: 1, ended: {failure: {code: 'GATE_FAIL'}}});
    expect((await fetch(ground.world.frontendUrl)).status).toBe(503);
    expect(ground.logs.join('\n')).not.toContain(ground.env['RAILWAY_TOKEN']);
    await ground.sql('ALTER TABLE gone RENAME TO items');
    expect(await run({database: false}).done).toMatchObject({exitCode: 0});
    await isWhole();
  },
  patience,
);
