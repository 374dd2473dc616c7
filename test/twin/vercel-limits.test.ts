import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {fakeClock} from '../../src/kernel/clock.js';
import {Failure} from '../../src/kernel/errors.js';
import {openVercelDeployer} from '../../src/platforms/vercel/deployer.js';
import {candidateId, deployment, noAnswer, type Scripted, startScripted} from '../contract/vercel-scripted.js';

const commit = 'c'.repeat(40);
let server: Scripted;
let folder: string;
let temporary: string;
beforeEach(async () => {
  server = await startScripted();
  folder = await mkdtemp(join(tmpdir(), 'vercel-limits-'));
  temporary = await mkdtemp(join(tmpdir(), 'vercel-limits-tmp-'));
  await writeFile(join(folder, 'app.js'), 'console.log(1)');
});
afterEach(async () => {
  await server.close();
  await Promise.all([folder, temporary].map((path) => rm(path, {recursive: true, force: true})));
});

const open = (token = 't0ken', archive: 'auto' | 'tgz' | 'none' = 'auto') =>
  openVercelDeployer(
    {token, project: 'shop', team: 'acme', apiUrl: server.url, temporaryFolder: temporary, archive},
    {clock: fakeClock(), random: () => 0.5},
  );
const request = () => ({commit, release: 'r-1', path: folder});
const call = (more: {signal?: AbortSignal; timeoutMs?: number} = {}) => ({
  signal: new AbortController().signal,
  progress: () => undefined,
  timeoutMs: 60_000,
  ...more,
});
const hang = (route: string) => server.answers.set(route, () => noAnswer);

describe('nothing waits for ever', () => {
  test('a creation that is never answered ends at the deadline, and its connection with it', async () => {
    hang('POST /v13/deployments');
    await expect(open().deploy(request(), call({timeoutMs: 1_000}))).rejects.toMatchObject({
      code: 'VERCEL_TIMEOUT',
      remedy: expect.stringMatching(/deadline/),
    });
    expect(server.requests.filter(({method}) => method === 'POST').length).toBeLessThanOrEqual(1);
    expect(server.created).toBe(0);
  });

  test('an upload that is never answered ends when the run is cancelled', async () => {
    hang('POST /v2/files');
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 200);
    await expect(open().deploy(request(), call({signal: abort.signal}))).rejects.toMatchObject({code: 'CANCELLED'});
  });

  test('an archive that is never taken ends when the run is cancelled, and is gone from the disk', async () => {
    hang('POST /v2/files');
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 200);
    await expect(open(undefined, 'tgz').deploy(request(), call({signal: abort.signal}))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await readdir(temporary)).toEqual([]);
  });

  test('a temporary folder that is not there is said before anything is sent', async () => {
    await rm(temporary, {recursive: true});
    for (const archive of ['tgz', 'none'] as const) {
      await expect(open(undefined, archive).deploy(request(), call())).rejects.toMatchObject({
        code: 'VERCEL_STAGE',
        remedy: expect.stringMatching(/temporary folder/),
      });
    }
    expect(server.requests.every(({method}) => method === 'GET')).toBe(true);
  });

  test('a read that is never answered ends when the run is cancelled', async () => {
    hang('GET /v9/projects/shop');
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    await expect(open().readLive(call({signal: abort.signal}))).rejects.toMatchObject({code: 'CANCELLED'});
  });

  test('a run that was cancelled before it began sends nothing', async () => {
    const signal = AbortSignal.abort();
    await expect(open().deploy(request(), call({signal}))).rejects.toMatchObject({code: 'CANCELLED'});
    expect(server.requests).toEqual([]);
  });

  test('cancelled while the creation was under way: what was made all the same is cancelled', async () => {
    const abort = new AbortController();
    server.answers.set('POST /v13/deployments', () => {
      server.deployments.set(
        candidateId,
        deployment(candidateId, {
          readyState: 'BUILDING',
          queue: ['BUILDING'],
          meta: {switchbackRelease: 'r-1', switchbackCommit: commit},
        }),
      );
      abort.abort();
      return undefined;
    });
    await expect(open().deploy(request(), call({signal: abort.signal}))).rejects.toMatchObject({code: 'CANCELLED'});
    expect(server.deployments.get(candidateId)).toMatchObject({readyState: 'CANCELED'});
  });
});

describe('nothing leaks', () => {
  const secret = 'vcp_S3cretTokenOfTheTeam';

  test('the staged upload is gone after success, failure and cancel', async () => {
    await open().deploy(request(), call());
    server.answers.set('POST /v13/deployments', () => [403, {error: {code: 'forbidden', message: 'no'}}]);
    await expect(open().deploy({...request(), release: 'r-2'}, call())).rejects.toBeInstanceOf(Failure);
    expect(await readdir(temporary)).toEqual([]);
  });

  test('the token is in no line, result or error, even when the platform repeats it', async () => {
    const lines: string[] = [];
    const told = {...call(), progress: (line: string) => void lines.push(line)};
    server.states = ['BUILDING', {readyState: 'ERROR', errorMessage: `bad token ${secret}`, errorStep: secret}];
    server.events = [
      {type: 'stderr', date: 1, text: `curl -H "Authorization: Bearer ${secret}"`},
      {type: 'stdout', date: 2, text: '::add-mask::x\n##[error]y'},
    ];
    const ended = await open(secret).deploy(request(), told);
    server.answers.set('POST *', () => [403, {error: {code: 'forbidden', message: `token ${secret} may not`}}]);
    const failure = await open(secret)
      .deploy({...request(), release: 'r-2'}, told)
      .catch((error: unknown) => error as Failure);
    const everything = JSON.stringify([
      ended,
      lines,
      (failure as Failure).message,
      (failure as Failure).remedy,
      (failure as Failure).details,
      String((failure as Failure).cause ?? ''),
    ]);
    expect(everything).toContain('Bearer ***');
    expect(everything).not.toContain(secret);
  });

  test('the token is in no error of a read either', async () => {
    server.answers.set('GET *', () => [403, {error: {code: 'forbidden', message: `token ${secret} may not`}}]);
    const failure = (await open(secret)
      .readLive(call())
      .catch((error: unknown) => error)) as Failure;
    expect(failure.message).toContain('token *** may not');
    expect(JSON.stringify(failure.details)).not.toContain(secret);
  });

  test('lines of the build cannot be read as commands of the runner', async () => {
    const lines: string[] = [];
    server.events = [
      {type: 'stdout', date: 1, text: '::set-env name=PATH::x'},
      {type: 'stdout', date: 2, text: 'a\r\n::error::b'},
    ];
    await open().deploy(request(), {...call(), progress: (line) => void lines.push(line)});
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      expect(line).not.toMatch(/^\s*::/);
      expect(line).not.toMatch(/[\r\n]/);
    }
  });
});

test('the client library is named in one file, and loaded there only when it is used', async () => {
  const source = fileURLToPath(new URL('../../src', import.meta.url));
  const users: string[] = [];
  for (const entry of await readdir(source, {recursive: true})) {
    if (!entry.endsWith('.ts') || entry.startsWith('rehearsal')) continue;
    const text = await readFile(join(source, entry), 'utf8');
    if (/^import (?!type).*@vercel\/client/m.test(text)) users.push(`static: ${entry}`);
    if (/import\('@vercel\/client'\)/.test(text)) users.push(entry);
  }
  expect(users).toEqual(['platforms/vercel/client-library.ts']);
});
