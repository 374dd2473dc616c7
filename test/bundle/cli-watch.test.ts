import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {History} from '../../src/monitor/history.js';
import {folderFiles} from '../../src/monitor/history-files.js';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import {runCommand} from './cli.js';

const root = resolve(import.meta.dirname, '..', '..');
let folder: string;
let product: StandIn;
let status: number;

beforeEach(async () => {
  status = 200;
  folder = await mkdtemp(join(tmpdir(), 'cli-watch-'));
  product = await startStandIn(({response}) => sendJson(response, status, {}));
  await writeFile(
    join(folder, 'switchback.yml'),
    `version: 1
product: shop
backend: {service: api, url: "${product.url}"}
ledger: {store: file}
checks: [{name: checkout, path: /checkout}, {name: search, path: /search}]
monitor: {confirm-every: 10ms, history: {type: folder}}
`,
  );
});
afterEach(async () => {
  await product.close();
  await rm(folder, {recursive: true, force: true});
});

interface Watching {
  readonly child: ChildProcess;
  readonly url: string;
  readonly log: () => string;
  readonly ended: Promise<number | null>;
}

async function startWatch(): Promise<Watching> {
  const args = ['monitor', '--watch', '--config', 'switchback.yml', '--interval', '50ms', '--port', '0'];
  const child = spawn(process.execPath, [join(root, 'bin', 'switchback.mjs'), ...args], {
    cwd: folder,
    env: {PATH: process.env['PATH'] ?? '', GITHUB_WORKSPACE: folder},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.on('close', done));
  const url = await until(
    () => /served at (\S+),/.exec(text)?.[1],
    () => text,
  );
  return {child, url, log: () => text, ended};
}

async function until<T>(find: () => T | undefined | Promise<T | undefined>, why: () => string = () => ''): Promise<T> {
  for (let tries = 0; tries < 1_200; tries++) {
    const found = await find();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`never came true: ${why()}`);
}

const states = async (url: string) => {
  const answer = await fetch(new URL('status.json', url));
  return answer.ok ? ((await answer.json()) as {overall: string; events: boolean}) : undefined;
};

test('it serves what it sees until a signal ends it in order', async () => {
  const watch = await startWatch();
  try {
    expect(watch.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    await until(async () => (await fetch(new URL('health', watch.url))).ok, watch.log);
    expect(await states(watch.url)).toMatchObject({overall: 'up', events: true});
    status = 503;
    await until(async () => (await states(watch.url))?.overall === 'down', watch.log);
    status = 200;
    await until(async () => (await states(watch.url))?.overall === 'up', watch.log);
  } finally {
    watch.child.kill('SIGTERM');
  }
  expect(await watch.ended).toBe(0);
  expect(watch.log()).toContain('checkout is down');
  expect(watch.log()).toMatch(/Stopped in order after \d+ rounds; the history is whole\.\s*$/);
  const {rounds, damaged} = await historyOf().readRounds(0, Date.now() + 1);
  expect(damaged).toBe(0);
  // A round whose probes were stopped is none: it must not tell of services that could not be measured.
  expect(rounds.flatMap(({results}) => [...results.values()]).filter(({outcome}) => outcome === 'unusable')).toEqual(
    [],
  );
  expect(JSON.parse(await readFile(join(folder, 'status', 'status.json'), 'utf8'))).toMatchObject({product: 'shop'});
}, 120_000);

const historyOf = () => new History(folderFiles(join(folder, '.switchback', 'monitor')));

test('killed again and again, it goes on where it was and loses nothing that it had told', async () => {
  let told = 0;
  for (let kill = 0; kill < 6; kill++) {
    const watch = await startWatch();
    await until(() => (watch.log().match(/all well/g) ?? []).length > 2 + kill, watch.log);
    watch.child.kill('SIGKILL');
    await watch.ended;
    told += (watch.log().match(/all well/g) ?? []).length;
    const {rounds, damaged} = await historyOf().readRounds(0, Date.now() + 1);
    expect(rounds.length).toBeGreaterThanOrEqual(told);
    expect(rounds.length).toBeLessThanOrEqual(told + kill + 1);
    expect(damaged).toBeLessThanOrEqual(kill + 1);
    told = rounds.length;
  }
}, 180_000);

test('wrong flags are refused all at once, before anything is looked at', async () => {
  const flags = ['--port', '99999', '--refresh', 'soon', '--duration', '4m', '--address', 'a b'];
  const run = await runCommand(['monitor', '--watch', '--config', 'switchback.yml', ...flags], {cwd: folder});
  expect(run.exitCode).toBe(2);
  for (const name of ['port', 'refresh', 'duration', 'address']) expect(run.stderr).toContain(`--${name}`);
  expect(product.requests).toHaveLength(0);
}, 60_000);
