import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {commit, team, token, type VercelWorld, vercelWorld} from './vercel-world.js';

const env = [
  {key: 'API', value: 'https://old.example', type: 'plain' as const, target: ['production' as const]},
  {key: 'SECRET_API', value: 'https://old.example', type: 'sensitive' as const},
  {key: 'CRYPT_API', value: 'https://old.example', type: 'encrypted' as const, target: ['production' as const]},
  {key: 'API', value: 'https://preview.example', type: 'plain' as const, target: ['preview' as const]},
];
let world: VercelWorld;
beforeEach(async () => {
  world = await vercelWorld({
    env,
    build: async (sources, _id, {API, SECRET_API, CRYPT_API, FRESH}) =>
      new Map(sources).set('built.json', Buffer.from(JSON.stringify([API, SECRET_API, CRYPT_API, FRESH]))),
  });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  expect(world.standIn.violations).toEqual([]);
});

/** What a deployment made now was built with. */
async function builtWith(): Promise<unknown> {
  const {url} = await world
    .open()
    .deploy({commit, release: `r-${Math.random()}`, path: world.folder}, {...world.call(), timeoutMs: 60_000});
  return (await fetch(`${url}/built.json`)).json();
}

describe('variables of production', () => {
  test('of every kind get their value, the missing one is made, and only later builds have them', async () => {
    const before = await builtWith();
    const url = 'https://new.example';
    const values = {API: url, SECRET_API: url, CRYPT_API: url, FRESH: url};
    const set = await world.open().setVariables(values, world.call());
    expect(set).toEqual({changed: ['API', 'SECRET_API', 'CRYPT_API'], made: ['FRESH']});
    expect([before, await builtWith()]).toEqual([
      ['https://old.example', 'https://old.example', 'https://old.example', null],
      [url, url, url, url],
    ]);
    const answer = await fetch(`${world.standIn.url}/v10/projects/prj_shop/env?target=preview&teamId=${team.id}`, {
      headers: {authorization: `Bearer ${token}`},
    });
    const {envs} = (await answer.json()) as {envs: Array<{key: string; value: string}>};
    expect(envs.find(({key}) => key === 'API')?.value).toBe('https://preview.example');
  });

  test('can be set again, and never asks for a value that is there', async () => {
    const values = {API: 'https://new.example', FRESH: 'x'};
    await world.open().setVariables(values, world.call());
    expect(await world.open().setVariables(values, world.call())).toEqual({changed: ['API', 'FRESH'], made: []});
    expect(world.routes().filter((route) => route.includes('decrypt'))).toEqual([]);
  });

  test('a refusal inside a 201 is none', async () => {
    world.standIn.script.refuseEnv.add('FRESH');
    await expect(world.open().setVariables({FRESH: 'x'}, world.call())).rejects.toMatchObject({
      code: 'VERCEL_VARIABLE',
      message: expect.stringContaining('FRESH'),
      remedy: expect.stringMatching(/by hand/),
    });
  });
});
