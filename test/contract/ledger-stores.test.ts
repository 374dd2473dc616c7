import {appendFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {getOctokit} from '@actions/github';
import {describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {type LedgerFile, type LedgerProblem, openFileStore} from '../../src/ledger/file-store.js';
import {openGitHubStore} from '../../src/ledger/github-store.js';
import type {LedgerStore} from '../../src/ledger/store.js';
import {startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {ledgerFile} from '../../src/release/ledger-file.js';
import {openGitHub} from '../../src/runner/github.js';
import {describeLedger} from './ledger-conformance.js';

const commit = 'a'.repeat(40);
const release = (n: number) => ({release: `r-${n}`, commit, anchors: {}});

async function openOnGitHub() {
  const clock = fakeClock();
  const github = await startGitHub({
    owner: 'acme',
    repo: 'shop',
    now: clock.now,
    contentPerMinute: 1_000,
    tokens: [{token: 't', permissions: {deployments: 'write'}}],
  });
  const store = async () =>
    openGitHubStore((await openGitHub('t', {GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: github.url})).request, {
      environment: 'production',
    });
  return {github, clock, first: await store(), second: await store(), [Symbol.asyncDispose]: () => github.close()};
}

async function openInFile() {
  const clock = fakeClock();
  const dir = await mkdtemp(join(tmpdir(), 'switchback-ledger-'));
  const path = join(dir, 'deep', 'ledger.jsonl');
  const problems: LedgerProblem[] = [];
  const store = () => openFileStore(ledgerFile(path), clock.now, (problem) => problems.push(problem));
  return {
    path,
    problems,
    store,
    clock,
    first: store(),
    second: store(),
    [Symbol.asyncDispose]: () => rm(dir, {recursive: true}),
  };
}

describeLedger('ledger in GitHub Deployments', openOnGitHub);
describeLedger('ledger in a file', openInFile);

describe('GitHub only', () => {
  test('deployments of others, broken payloads and other environments are passed over', async () => {
    await using ledger = await openOnGitHub();
    const octokit = getOctokit('t', {baseUrl: ledger.github.url});
    const make = (more: object) =>
      octokit.rest.repos.createDeployment({
        owner: 'acme',
        repo: 'shop',
        ref: commit,
        auto_merge: false,
        required_contexts: [],
        ...more,
      });
    await ledger.first.open(release(1));
    await make({payload: {schema: 'switchback/1', release: 'job', commit}});
    await make({task: 'switchback-release', payload: 'not json'});
    await make({task: 'switchback-release', payload: {schema: 'switchback/9', release: 'r-9', commit}});
    await make({task: 'switchback-release', payload: {schema: 'switchback/1', release: 'x', commit: 'short'}});
    await make({
      task: 'switchback-release',
      environment: 'staging',
      payload: {schema: 'switchback/1', release: 's', commit},
    });
    await make({task: 'switchback-pin', payload: '{"schema":'});
    expect(await releases(ledger.first)).toEqual(['r-1']);
    expect(await ledger.first.activePin(ledger.clock.now())).toBeUndefined();
    const [job, , newer] = ledger.github.deployments().slice(1);
    await expect(ledger.first.read(String(job!.id))).rejects.toMatchObject({code: 'LEDGER_NOT_FOUND'});
    await expect(ledger.first.read(String(newer!.id))).rejects.toMatchObject({code: 'LEDGER_FORMAT'});
  });

  test('a list longer than one page misses nothing and repeats nothing', async () => {
    await using ledger = await openOnGitHub();
    for (let n = 1; n <= 130; n++) await ledger.first.open(release(n));
    expect(await releases(ledger.second, 120)).toEqual(Array.from({length: 120}, (_, i) => `r-${130 - i}`));
  });

  test('GitHub is never asked to merge, and no line is longer than it takes', async () => {
    await using ledger = await openOnGitHub();
    const {id} = await ledger.first.open(release(1));
    await ledger.first.append(id, 'note', {why: 'é '.repeat(300)});
    const created = ledger.github.requests.find(
      (request) => request.path.endsWith('/deployments') && request.method === 'POST',
    );
    expect(created?.body).toMatchObject({auto_merge: false, required_contexts: [], task: 'switchback-release'});
    expect((await ledger.first.read(id)).events.at(-1)?.facts.why).toMatch(/^é é .*…$/);
  });
});

describe('file only', () => {
  test('a line cut short by a crash is reported, removed by the next write, and costs nothing else', async () => {
    await using ledger = await openInFile();
    const {id} = await ledger.first.open(release(1));
    await appendFile(ledger.path, '{"type":"event","record":"r1","at');
    expect((await ledger.second.read(id)).events.length).toBe(1);
    expect(ledger.problems).toEqual([{line: 3, what: 'was cut short and is ignored'}]);
    await ledger.second.append(id, 'good');
    ledger.problems.length = 0;
    expect((await ledger.first.read(id)).events.map((event) => event.kind)).toEqual(['opened', 'good']);
    expect(ledger.problems).toEqual([]);
  });

  test('a damaged line in the middle is reported and left where it is', async () => {
    await using ledger = await openInFile();
    const {id} = await ledger.first.open(release(1));
    await appendFile(ledger.path, 'garbage\n{"type":"event","record":"nobody","atMs":1,"kind":"good"}\n');
    await ledger.first.append(id, 'good');
    ledger.problems.length = 0;
    expect((await ledger.second.read(id)).events.map((event) => event.kind)).toEqual(['opened', 'good']);
    expect(ledger.problems).toEqual([
      {line: 3, what: 'is not JSON'},
      {line: 4, what: 'belongs to no release'},
    ]);
    expect(await readFile(ledger.path, 'utf8')).toContain('garbage');
  });

  test('a record of a newer version is refused instead of misread', async () => {
    await using ledger = await openInFile();
    await ledger.first.open(release(1));
    await appendFile(
      ledger.path,
      `${JSON.stringify({type: 'release', id: 'r2', atMs: 1, payload: {schema: 'switchback/2', release: 'x', commit}})}\n`,
    );
    await expect(releases(ledger.second)).rejects.toMatchObject({code: 'LEDGER_FORMAT'});
  });

  test('killed at any byte of a write, the ledger opens, keeps every whole line and goes on', async () => {
    const memory = (text: string) => {
      const state = {bytes: Buffer.from(text)};
      const file: LedgerFile = {
        read: async () => state.bytes.toString(),
        append: async (more) => {
          state.bytes = Buffer.concat([state.bytes, Buffer.from(more)]);
        },
        truncate: async (bytes) => {
          state.bytes = state.bytes.subarray(0, bytes);
        },
        locked: (work) => work(),
      };
      return {state, file};
    };
    const whole = memory('');
    const store = openFileStore(whole.file, () => 1);
    const {id} = await store.open(release(1));
    await store.append(id, 'note', {why: 'ü 🙂 "quoted"'});
    await store.pin({who: 'ada', why: 'ö', untilMs: 10, ref: commit});
    await store.open(release(2));
    const {bytes} = whole.state;
    for (let cut = 0; cut <= bytes.length; cut++) {
      // A cut inside a character is what a crash leaves; the text read back then ends in a replacement character.
      const broken = memory('');
      broken.state.bytes = bytes.subarray(0, cut);
      const reopened = openFileStore(broken.file, () => 2);
      const lines = bytes.subarray(0, cut).toString().split('\n').slice(0, -1);
      expect((await releases(reopened)).length).toBe(lines.filter((line) => line.includes('"type":"release"')).length);
      const next = await reopened.open(release(3));
      await reopened.append(next.id, 'good');
      expect((await reopened.read(next.id)).events.map((event) => event.kind)).toEqual(['opened', 'good']);
      const kept = broken.state.bytes.toString().split('\n').slice(0, -1);
      expect([kept.slice(0, lines.length), kept.length]).toEqual([lines, lines.length + 3]);
    }
  });

  test('writers at the same moment lose nothing', async () => {
    await using ledger = await openInFile();
    await Promise.all(Array.from({length: 12}, (_, n) => ledger.store().open(release(n))));
    expect(new Set(await releases(ledger.first))).toEqual(new Set(Array.from({length: 12}, (_, n) => `r-${n}`)));
    const ids = new Set<string>();
    for await (const record of ledger.first.list(50)) ids.add(record.id);
    expect([ids.size, ledger.problems]).toEqual([12, []]);
  });

  test('a lock left by a dead process is taken over', async () => {
    await using ledger = await openInFile();
    await ledger.first.open(release(1));
    // Process ids end well below this one.
    await writeFile(`${ledger.path}.lock`, `2147483600 ${(await import('node:os')).hostname()}\n`);
    await ledger.second.open(release(2));
    expect(await releases(ledger.first)).toEqual(['r-2', 'r-1']);
  });
});

async function releases(store: LedgerStore, limit = 50): Promise<string[]> {
  const found: string[] = [];
  for await (const record of store.list(limit)) found.push(record.release);
  return found;
}
