import {readFile, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {serving} from '../../src/rehearsal/outside.js';
import {secrets, startWorld, type World} from '../../src/rehearsal/world.js';
import {runCommand} from './cli.js';

/** Releases from a terminal, GitHub never asked: its stand-in's address is not even in the environment. */
let world: World;
const environment = () => ({
  HOME: world.folder,
  VERCEL_TOKEN: secrets.vercelToken,
  RAILWAY_TOKEN: secrets.railwayToken,
  DATABASE_URL: world.databaseUrl,
  BACKUP_ACCESS_KEY_ID: secrets.accessKeyId,
  BACKUP_SECRET_ACCESS_KEY: secrets.secretAccessKey,
  GITHUB_REPOSITORY: 'acme/shop',
});
const run = (args: readonly string[], interruptWhen?: RegExp) =>
  runCommand([...args, '--config', 'patient.yml', '--ledger', 'file'], {
    cwd: world.product.dir,
    env: environment(),
    ...(interruptWhen && {interruptWhen}),
  });

beforeAll(async () => {
  world = await startWorld(resolve(import.meta.dirname, '..', '..', '.rehearsal'));
  // A verdict may take longer on a busy machine; what it is decided by stays the same.
  const config = await readFile(join(world.product.dir, '.github', 'switchback.yml'), 'utf8');
  await writeFile(join(world.product.dir, 'patient.yml'), config.replace('max-duration: 12s', 'max-duration: 60s'));
}, 60_000);
afterAll(() => world.close());

test('a good release goes live and stands in the history', async () => {
  const commit = await world.product.release('v2');
  const released = await run(['release', '--json']);
  expect(released.exitCode).toBe(0);
  const told = JSON.parse(released.stdout) as {ok: boolean; outputs: Record<string, string>};
  expect(told).toMatchObject({ok: true, outputs: {verdict: 'pass'}});
  expect(await serving(world)).toMatchObject({frontend: told.outputs['frontend-deployment'], backend: commit});

  const listed = JSON.parse((await run(['history', '--json'])).stdout) as {outputs: {releases: string}};
  expect(JSON.parse(listed.outputs.releases)).toMatchObject([
    {release: told.outputs['release'], state: 'good', commit},
  ]);
  for (const secret of Object.values(secrets)) expect(released.stdout + released.stderr).not.toContain(secret);
}, 120_000);

test('a bad release comes back by itself and ends with 1', async () => {
  const before = await serving(world);
  await world.product.release('bad-backend');
  const released = await run(['release', '--skip-backup']);
  expect(released.exitCode).toBe(1);
  expect(released.stdout).toContain('Going back');
  expect(await serving(world)).toEqual(before);
}, 120_000);

test('Ctrl-C in the middle brings both sides back, leaves a pin, and ends with 130', async () => {
  const before = await serving(world);
  await world.product.release('bad-after-promotion');
  const released = await run(['release', '--skip-backup'], /Gate the candidate/);
  expect(`${released.exitCode}\n${released.stdout}${released.stderr}`).toMatch(/^130\n[\s\S]*Going back/);
  expect(await serving(world)).toEqual(before);

  const pinned = JSON.parse((await run(['pins', '--json'])).stdout) as {outputs: {pinned: string}};
  expect(pinned.outputs.pinned).toBe('true');
  expect((await run(['pins', 'release'])).stdout).toContain('Released: pinned by');
}, 120_000);
