import {execFileSync, spawn} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {branchFiles} from '../../src/monitor/branch-files.js';
import {History} from '../../src/monitor/history.js';
import {folderFiles} from '../../src/monitor/history-files.js';
import type {Round} from '../../src/monitor/sample.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'monitor-history-'));
});
afterEach(() => rm(folder, {recursive: true, force: true}));

const startMs = Date.UTC(2026, 10, 23, 12);
const round = (n: number, service = 'a'): Round => ({
  atMs: startMs + n,
  kind: 'scheduled',
  results: new Map([[service, {outcome: 'ok', latencyMs: n % 1_000}]]),
});
const lib = new URL('../../lib/src/', import.meta.url).href;
const readAll = (history: History) => history.readRounds(startMs - 1, startMs + 86_400_000 / 3);

describe('two writers and kills', () => {
  /** Adds rounds for ever, by the monitor's own compiled code, and says each one after it was lasting. */
  const writer = `
    import {History} from '${lib}monitor/history.js';
    import {folderFiles} from '${lib}monitor/history-files.js';
    import {branchFiles} from '${lib}monitor/branch-files.js';
    const [, , place, name, first] = process.argv;
    const files = place.endsWith('.git') ? await branchFiles({remote: place, branch: 'watch'}) : folderFiles(place);
    const history = new History(files);
    for (let n = Number(first); ; n++) {
      await history.appendRounds([{atMs: ${startMs} + n, kind: 'scheduled', results: new Map([[name, {outcome: 'ok', latencyMs: n % 1000}]])}]);
      await files.flush();
      process.stdout.write(n + '\\n');
    }`;

  const writeUntilKilled = (place: string, name: string, first: number, afterMs: number) =>
    new Promise<string[]>((done) => {
      const child = spawn(process.execPath, [join(folder, 'writer.mjs'), place, name, String(first)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        if (text === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
        text += chunk.toString();
      });
      child.on('close', () => {
        // A line cut off by the kill was not said.
        const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
        done(whole.flatMap((n) => (n ? [`${name} ${n}`] : [])));
      });
    });

  const roundsOf = (rounds: readonly Round[]) =>
    new Set(rounds.flatMap(({atMs, results}) => [...results.keys()].map((name) => `${name} ${atMs - startMs}`)));

  test('after 200 kills in the middle of writing, every round that was said is there, and nothing else', async () => {
    await writeFile(join(folder, 'writer.mjs'), writer);
    const history = new History(folderFiles(folder));
    await history.appendRounds([round(0)]);
    const said = new Set<string>();
    for (let i = 0; i < 100; i += 2) {
      const runs = [i, i + 1].flatMap((k) => [
        writeUntilKilled(folder, 'a', 1 + k * 10_000, k % 7),
        writeUntilKilled(folder, 'b', 1 + k * 10_000, (k * 3) % 11),
      ]);
      for (const one of (await Promise.all(runs)).flat()) said.add(one);
    }
    const {rounds, damaged} = await readAll(history);
    const found = roundsOf(rounds);
    expect([...said].filter((one) => !found.has(one))).toEqual([]);
    // At most the one in flight of each kill is there without having been said.
    expect(found.size - 1 - said.size).toBeLessThanOrEqual(200);
    expect(damaged).toBeLessThanOrEqual(200);
    expect(said.size).toBeGreaterThan(200);
  }, 400_000);

  test('on a branch, too: two writers, each killed again and again in the middle of a push', async () => {
    await writeFile(join(folder, 'writer.mjs'), writer);
    const remote = join(folder, 'remote.git');
    execFileSync('git', ['init', '-q', '--bare', remote]);
    const said: string[] = [];
    for (let k = 0; k < 8; k++) {
      const runs = ['a', 'b'].map((name, i) =>
        writeUntilKilled(remote, name, 1 + k * 10_000, ((k * 37) % 90) + 40 * i),
      );
      said.push(...(await Promise.all(runs)).flat());
      // A push that was killed leaves git's own lock behind at most.
      await rm(join(remote, 'refs', 'heads', 'watch.lock'), {force: true});
    }
    const files = await branchFiles({remote, branch: 'watch'});
    const {rounds, damaged} = await readAll(new History(files));
    const found = roundsOf(rounds);
    expect(said.filter((one) => !found.has(one))).toEqual([]);
    expect(damaged).toBe(0);
    expect(said.length).toBeGreaterThanOrEqual(16);
    await files[Symbol.asyncDispose]();
  }, 400_000);
});

describe('a git branch', () => {
  const remote = () => join(folder, 'remote.git');
  const open = async () => {
    const files = await branchFiles({remote: remote(), branch: 'watch'});
    return {files, history: new History(files)};
  };
  beforeEach(() => void execFileSync('git', ['init', '-q', '--bare', remote()]));

  test('two writers that began at the same state both keep their rounds', async () => {
    const [one, two] = [await open(), await open()];
    await one.history.appendRounds([round(1)]);
    await two.history.appendRounds([round(2)]);
    await one.files.flush();
    await two.files.flush();
    const three = await open();
    expect((await readAll(three.history)).rounds.map(({atMs}) => atMs - startMs)).toEqual([1, 2]);
    for (const {files} of [one, two, three]) await files[Symbol.asyncDispose]();
  }, 60_000);

  test('a branch that was rewritten meanwhile takes the round in flight and lives on', async () => {
    const one = await open();
    await one.history.appendRounds([round(1)]);
    await one.files.flush();
    execFileSync('git', ['--git-dir', remote(), 'update-ref', '-d', 'refs/heads/watch']);
    await one.history.appendRounds([round(2)]);
    await one.files.flush();
    const two = await open();
    expect((await readAll(two.history)).rounds.map(({atMs}) => atMs - startMs)).toEqual([2]);
    for (const {files} of [one, two]) await files[Symbol.asyncDispose]();
  }, 60_000);

  test('the branch holds one commit, however often it was pushed', async () => {
    const {files, history} = await open();
    for (let n = 0; n < 3; n++) {
      await history.appendRounds([round(n)]);
      await files.flush();
    }
    const count = execFileSync('git', ['--git-dir', remote(), 'rev-list', '--count', 'watch']).toString().trim();
    expect(count).toBe('1');
    expect((await readAll(new History(files))).rounds).toHaveLength(3);
    await files[Symbol.asyncDispose]();
  }, 60_000);

  test('a branch that cannot be reached is a failure, not an empty history', async () => {
    await expect(branchFiles({remote: resolve(folder, 'nowhere.git'), branch: 'watch'})).rejects.toMatchObject({
      code: 'HISTORY_BRANCH',
    });
  }, 60_000);
});
