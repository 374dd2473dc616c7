import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {startWorld} from '../../src/rehearsal/world.js';

const root = resolve(import.meta.dirname, '..', '..');

interface LastLine {
  readonly scenario: string;
  readonly ok: boolean;
  readonly outcome: string;
  readonly release: string | null;
  readonly anchors: Readonly<Record<string, string>>;
  readonly served: {readonly requests: number; readonly bad: number};
  readonly timings_ms: Readonly<Record<string, number>>;
  readonly checks: ReadonlyArray<{readonly ok: boolean; readonly text: string}>;
}

/** Runs the rehearsal command as a user does, after `npm test` has compiled it. */
function rehearse(...args: string[]): Promise<{exitCode: number | null; last: LastLine; lines: string[]}> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(root, 'lib/src/rehearsal/main.js'), '--json', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (exitCode) => {
      const lines = output.trim().split('\n');
      const last = lines.findLast((line) => line.startsWith('{"scenario"'));
      // Without a last line nothing was judged: what was printed says why.
      if (!last && exitCode !== 2)
        reject(new Error(`no result, exit code ${exitCode}:\n${lines.slice(-20).join('\n')}`));
      else done({exitCode, lines, last: JSON.parse(last ?? '{}') as LastLine});
    });
  });
}

describe('the real workflow files and bundles on the local stand-ins', () => {
  test.each([
    'good',
    'bad-frontend',
    'bad-backend',
    'bad-after-promotion',
    'slow-leak',
    'cancelled',
    'backup',
    'database-restore',
    'disaster',
  ])(
    'scenario %s ends as expected, judged from outside',
    async (scenario) => {
      const {exitCode, last} = await rehearse('--scenario', scenario);
      expect({exitCode, failed: last.checks.filter((check) => !check.ok)}).toEqual({exitCode: 0, failed: []});
      expect(last).toMatchObject({
        scenario,
        ok: true,
        anchors: {frontend: expect.stringMatching(/^dpl_/), backend: expect.stringMatching(/^[0-9a-f]{40}$/)},
      });
      expect(last.served.requests).toBeGreaterThan(20);
      expect(last.timings_ms['total']).toBeGreaterThan(0);
    },
    300_000,
  );

  test('a release whose promotion is refused is not called good', async () => {
    const {exitCode, last} = await rehearse(
      '--scenario',
      'good',
      '--fault',
      'vercel:POST /v10/projects/*/promote/*=401x20',
    );
    expect({exitCode, ok: last.ok, outcome: last.outcome}).toEqual({exitCode: 1, ok: false, outcome: 'unexpected'});
    expect(last.checks.filter((check) => !check.ok).map((check) => check.text)).toContainEqual(
      expect.stringMatching(/ended as failure instead of success/),
    );
  }, 180_000);

  test('a world leaves no file behind', async () => {
    const folder = join(root, '.rehearsal', `leftovers-${process.pid}`);
    const world = await startWorld(folder);
    expect(readdirSync(folder)).toHaveLength(1);
    await world.close();
    expect(readdirSync(folder)).toEqual([]);
    await rm(folder, {recursive: true});
  }, 60_000);

  test('wrong usage is refused with all problems and exit code 2', async () => {
    const {exitCode, lines} = await rehearse(
      '--scenario',
      'nonsense',
      '--seed',
      'x',
      '--engine',
      'other',
      '--fault',
      'what',
    );
    expect(exitCode).toBe(2);
    expect(lines.join('\n')).toMatch(/4 problems[\s\S]*--scenario[\s\S]*--seed[\s\S]*--engine[\s\S]*--fault/);
  });
});
