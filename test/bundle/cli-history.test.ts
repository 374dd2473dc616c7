import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {openFileStore} from '../../src/ledger/file-store.js';
import {type GitHubStandIn, startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {ledgerFile} from '../../src/release/ledger-file.js';
import {runCommand} from './cli.js';

/** The ledger from a terminal: a file kept while GitHub was down, merged when it is back, and its pin released. */

const commit = 'a'.repeat(40);
const token = 'terminal-github-token-1b7e';
const folder = mkdtempSync(join(tmpdir(), 'switchback-history-'));
let github: GitHubStandIn;

beforeAll(async () => {
  github = await startGitHub({
    owner: 'acme',
    repo: 'shop',
    tokens: [{token, permissions: {deployments: 'write'}}],
    commits: [commit],
  });
  mkdirSync(join(folder, '.github'));
  writeFileSync(
    join(folder, '.github', 'switchback.yml'),
    'version: 1\nproduct: shop\nbackend: {service: api, url: https://api.example}\n',
  );
  const store = openFileStore(ledgerFile(join(folder, '.switchback', 'ledger.jsonl')), Date.now);
  const {id} = await store.open({release: 'r-outage', commit, anchors: {}});
  await store.append(id, 'promoted', {backend: '7b1f3f0e'});
  await store.append(id, 'rolled-back', {backend: '7b1f3f0d'});
  await store.pin({who: 'ada', why: 'checkout is broken', untilMs: Date.now() + 86_400_000, ref: commit});
});
afterAll(async () => {
  await github.close();
  rmSync(folder, {recursive: true, force: true});
});

const run = (...args: string[]) =>
  runCommand(args, {
    cwd: folder,
    env: {
      HOME: folder,
      GITHUB_WORKSPACE: folder,
      GITHUB_REPOSITORY: 'acme/shop',
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: token,
    },
  });

test('history merge brings the file over, once, and says what it did', async () => {
  const first = await run('history', 'merge');
  expect(first).toMatchObject({exitCode: 0, stderr: ''});
  expect(first.stdout).toMatch(/r-outage\s+added\s+3/);
  expect(first.stdout).toContain('Pinned on GitHub now: checkout is broken (ada)');
  expect((await run('history', 'merge')).stdout).toMatch(/r-outage\s+was there already\s+0/);
  expect(github.releaseEvents().map((event) => event.split(' ')[0])).toEqual(['opened', 'promoted', 'rolled-back']);
});

test('history lists it from GitHub, as a table and as JSON', async () => {
  expect((await run('history')).stdout).toMatch(/r-outage\s+rolled-back\s+aaaaaaa/);
  const {outputs} = JSON.parse((await run('history', '--json')).stdout) as {outputs: {releases: string}};
  expect(JSON.parse(outputs.releases)).toMatchObject([{release: 'r-outage', state: 'rolled-back', commit}]);
});

test('pins shows the pin that came along, and releases it', async () => {
  expect((await run('pins')).stdout).toMatch(/Production is pinned by ada until .*: checkout is broken/);
  expect((await run('pins', 'release')).stdout).toContain('Released: pinned by ada');
  expect((await run('pins')).stdout).toContain('No pin: releases are promoted.');
});

test.each<[what: string, args: string[], exitCode: number, says: RegExp]>([
  [
    'a file that is not there',
    ['history', 'merge', '--from', 'gone.jsonl'],
    2,
    /no ledger file gone\.jsonl[\s\S]*--from PATH/,
  ],
  ['another word', ['history', 'join'], 2, /does not know "join"[\s\S]*Use list or merge/],
  ['another word for pins', ['pins', 'drop'], 2, /does not know "drop"[\s\S]*Use list or release/],
])('%s is refused with a way out', async (_what, args, exitCode, says) => {
  const refused = await run(...args);
  expect(refused.exitCode).toBe(exitCode);
  expect(refused.stderr).toMatch(says);
});
