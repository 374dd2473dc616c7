import {spawn} from 'node:child_process';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {serving} from '../../src/rehearsal/outside.js';
import {secrets} from '../../src/rehearsal/world.js';
import {type Ground, startGround} from '../twin/recovery-ground.js';
import {runCommand} from './cli.js';

/** A recovery typed at a terminal while GitHub cannot be reached: its stand-in's address is not even in the environment. */

const root = resolve(import.meta.dirname, '..', '..');
let ground: Ground;
beforeAll(async () => {
  const gate = {interval: '20ms', 'min-duration': '300ms', 'max-duration': '60s', 'warm-up': '300ms'};
  ground = await startGround({gate});
}, 120_000);
afterAll(async () => ground?.[Symbol.asyncDispose]());

const options = () => {
  const {SWITCHBACK_LEDGER: _, ...env} = ground.env;
  return {cwd: ground.world.product.dir, env: {HOME: ground.world.folder, ...env}};
};
const typed = (...more: string[]) => [
  'recover',
  '--database',
  '--reason',
  'test',
  '--ledger',
  'file:ledger.jsonl',
  ...more,
];

/** The machine goes away as soon as this is printed. */
function killedAt(line: RegExp, args: readonly string[]): Promise<string> {
  return new Promise((done, reject) => {
    const {cwd, env} = options();
    const child = spawn(process.execPath, [join(root, 'bin', 'switchback.mjs'), ...args], {cwd, env});
    let text = '';
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      if (line.test(text)) child.kill('SIGKILL');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', reject);
    child.on('close', () => done(text));
  });
}

test('a run without the typed identity ends with 2, changes nothing and prints it', async () => {
  const before = await serving(ground.world);
  const refused = await runCommand(typed(), options());
  expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^2 [\s\S]*this database is shop@\d+[\s\S]*\[RECOVERY\]/);
  expect(refused.stderr).toContain(ground.identity);
  expect(await serving(ground.world)).toEqual(before);
  expect((await runCommand(['recover', '--help'], options())).stdout).toContain(
    'switchback recover --database --since',
  );
}, 120_000);

test.each([
  ['while it restores', /Restoring into the new database/],
  ['before it opens', /Maintenance mode off/],
])(
  'killed %s, the same command typed again finishes it',
  async (_when, line) => {
    await ground.destroy();
    expect(await killedAt(line, typed('--confirm', ground.identity))).toMatch(line);
    expect((await fetch(ground.world.frontendUrl)).status).toBe(503);
    const finished = await runCommand(typed('--confirm', ground.identity, '--json'), options());
    expect(finished.stderr).toContain('RTO, from the begin of the damage');
    expect(JSON.parse(finished.stdout)).toMatchObject({ok: true, outputs: {met: 'true', 'set-id': ground.set}});
    expect(await serving(ground.world)).toMatchObject({answers: true, backend: ground.world.product.commits.v1});
    expect(await ground.contentNow()).toBe(ground.content);
    for (const secret of [...Object.values(secrets), ground.world.keys.privateKey])
      expect(finished.stdout + finished.stderr).not.toContain(secret);
  },
  240_000,
);
