import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import pg from 'pg';
import type {Ended} from '../../src/cli/action.js';
import {recover} from '../../src/cli/recover.js';
import type {RecoverFlags} from '../../src/cli/recovery-steps.js';
import {openFileStore} from '../../src/ledger/file-store.js';
import {ledgerFile} from '../../src/release/ledger-file.js';
import {type Ground, startGround} from './recovery-ground.js';

/** A rebuild into an empty project against a real PostgreSQL and all stand-ins, killed after each of its steps. */

let ground: Ground;
beforeAll(async () => {
  const gate = {interval: '20ms', 'min-duration': '300ms', 'max-duration': '60s', 'warm-up': '300ms'};
  ground = await startGround({gate});
}, 120_000);
afterAll(async () => ground?.[Symbol.asyncDispose]());

const patience = 240_000;

class Killed extends Error {}

/** Dies after the step of that number: nothing of the process is left but what it did. */
function run(flags: Partial<RecoverFlags>, killAfter = Number.POSITIVE_INFINITY) {
  const steps: string[] = [];
  let dead = false;
  const step: RecoverFlags['step'] = async (action, given, terminal): Promise<Ended> => {
    if (dead) throw new Killed();
    const ended = await ground.step(action, given, terminal);
    steps.push([action, given('mode') ?? given('component') ?? given('stage')].filter(Boolean).join(' '));
    if (steps.length >= killAfter) {
      dead = true;
      throw new Killed();
    }
    return ended;
  };
  const done = recover({database: false, rebuild: true, reason: 'test', step, ...flags}, ground.terminal()).catch(
    (error: unknown) => {
      if (error instanceof Killed) return undefined;
      throw error;
    },
  );
  return {steps, done};
}

const allSteps = [
  'rebuild check',
  'maintenance on',
  'rebuild build',
  'deploy backend',
  'deploy frontend',
  'health-gate candidate',
  'promote',
  'maintenance off',
  'health-gate live',
  'recovery end',
];

async function rows(sql: string): Promise<unknown[]> {
  const client = new pg.Client({connectionString: ground.world.railwayDatabases.at(-1)!.urlOf('railway')});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** As somebody does on the platform's own page: without the mark of a recovery. */
async function makeService(name: string): Promise<void> {
  const headers = {'content-type': 'application/json', 'project-access-token': ground.env['RAILWAY_TOKEN']!};
  const ask = async (query: string, variables: object) => {
    const body = JSON.stringify({query, variables});
    const answer = await fetch(`${ground.world.railway.url}/graphql/v2?op=test`, {method: 'POST', headers, body});
    return (await answer.json()) as {data: {projectToken: {projectId: string; environmentId: string}}};
  };
  const {data} = await ask('{ projectToken { projectId environmentId } }', {});
  await ask('mutation($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }', {
    input: {...data.projectToken, name},
  });
}

async function isWhole() {
  const {world} = ground;
  const {services} = world.railway.state();
  expect(services.map(({name}) => name).sort()).toEqual(['Postgres', 'api']);
  const api = services.find(({name}) => name === 'api')!;
  expect(api.servingCommit).toBe(world.product.commits.v1);
  const url = world.railway.serviceUrl(api.id);
  expect(await (await fetch(`${world.frontendUrl}/config.js`)).text()).toContain(`"api": "${url}"`);
  expect(((await (await fetch(`${url}/api/items`)).json()) as {items: unknown[]}).items.length).toBe(
    (await rows('SELECT id FROM items')).length,
  );
}

test(
  'everything is made again, the frontend finds it, and the time is measured',
  async () => {
    const confirm = await ground.loseProject();
    const {steps, done} = run({confirm});
    expect(await done).toMatchObject({exitCode: 0, ended: {outputs: {met: 'true', 'set-id': ground.set}}});
    expect(steps).toEqual(allSteps);
    await isWhole();
    expect(JSON.stringify(await rows('SELECT id, name FROM items ORDER BY id'))).toBe(ground.content);
    const said = ground.logs.join('\n');
    expect(said).toMatch(/DATABASE_URL of api now refer to Postgres/);
    expect(said).toMatch(/Left for you.*DATABASE_URL/);
    expect(said).not.toContain(ground.env['RAILWAY_TOKEN']);
    expect(said).not.toContain(ground.world.railwayDatabases[0]!.password);
  },
  patience,
);

test(
  'what is deployed comes from git, and an earlier pin does not keep the product shut',
  async () => {
    const confirm = await ground.loseProject();
    const {dir, commits} = ground.world.product;
    const page = join(dir, 'frontend', 'index.html');
    const clean = await readFile(page, 'utf8');
    const store = openFileStore(ledgerFile(join(dir, 'ledger.jsonl')), Date.now, () => {});
    await store.pin({who: 'test', why: 'the incident', untilMs: Date.now() + 3_600_000, ref: commits.v1});
    try {
      await writeFile(page, 'half edited');
      expect(await run({confirm}).done).toMatchObject({exitCode: 0});
      await isWhole();
      expect(await (await fetch(ground.world.frontendUrl)).text()).toContain('id="catalogue"');
    } finally {
      await writeFile(page, clean);
      await store.unpin('test', Date.now());
    }
  },
  patience,
);

test.each([2, 3, 5, 7, 8])(
  'killed after step %i, the next run finishes it, with one of everything and nothing restored twice',
  async (after) => {
    const confirm = await ground.loseProject();
    const servers = ground.world.railwayDatabases.length;
    const first = run({confirm}, after);
    await first.done;
    expect(first.steps).toEqual(allSteps.slice(0, after));
    if (after > 1 && after < 7) expect((await fetch(ground.world.frontendUrl)).status).toBe(503);
    if (after >= 3) await rows(`INSERT INTO items (name) VALUES ('came after the restore')`);
    const second = run({confirm});
    expect(await second.done).toMatchObject({exitCode: 0, ended: {outputs: {met: 'true'}}});
    if (after === 8) expect(second.steps).toEqual(['rebuild check', 'recovery end']);
    await isWhole();
    expect(ground.world.railwayDatabases.length).toBe(servers + 1);
    expect(await rows(`SELECT count(*)::int AS n FROM items WHERE name = 'came after the restore'`)).toEqual([
      {n: after >= 3 ? 1 : 0},
    ]);
  },
  patience,
);

describe('what is refused changes nothing', () => {
  test(
    'all problems come in one message',
    async () => {
      const confirm = await ground.loseProject();
      const {steps, done} = run({confirm: `${confirm}0`, release: 'r-none', since: '2020-01-01T00:00:00Z'});
      await expect(done).rejects.toMatchObject({
        code: 'REBUILD',
        message: expect.stringMatching(/3 problems/),
      });
      const message = await done.catch((error: Error) => error.message);
      for (const part of [
        `\`confirm\`: is not ${confirm}`,
        'code: The ledger has no release r-none',
        'set: No set fits',
      ])
        expect(message).toContain(part);
      expect(steps).toEqual([]);
      expect(ground.world.railway.state().services).toEqual([]);
      expect((await fetch(ground.world.frontendUrl)).status).toBe(200);
    },
    patience,
  );

  test.each(['api', 'Postgres'])(
    'a project where somebody made a service %s, before any page goes up',
    async (name) => {
      const confirm = await ground.loseProject();
      await makeService(name);
      const {steps, done} = run({confirm});
      await expect(done).rejects.toMatchObject({
        code: 'REBUILD',
        message: expect.stringContaining(`service \`${name}\`: is in this project already`),
      });
      expect(steps).toEqual([]);
      expect(ground.world.railway.state().services.map((one) => one.name)).toEqual([name]);
      expect((await fetch(ground.world.frontendUrl)).status).toBe(200);
    },
    patience,
  );

  test(
    'a project with such a service already',
    async () => {
      const confirm = await ground.loseProject();
      expect(await run({confirm}).done).toMatchObject({exitCode: 0});
      const {done} = run({confirm});
      await expect(done).rejects.toMatchObject({
        message: expect.stringMatching(/service `api`: is in this project already/),
      });
      await isWhole();
    },
    patience,
  );
});
