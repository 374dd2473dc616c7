import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {settle} from '../../src/platforms/vercel/options.js';
import {checkPrebuilt} from '../../src/platforms/vercel/prebuilt-output.js';
import {errorOf, refusedFailure, retryAfterOf} from '../../src/platforms/vercel/refusals.js';
import {readVercelConfig} from '../../src/platforms/vercel/vercel-config.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vercel-config-'));
});
afterEach(() => rm(root, {recursive: true, force: true}));

async function lay(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(root, file)), {recursive: true});
  await writeFile(join(root, file), typeof content === 'string' ? content : JSON.stringify(content));
}

describe('vercel.json', () => {
  test('its keys go into the request, the build settings into projectSettings', async () => {
    await lay('vercel.json', {
      $schema: 'https://openapi.vercel.sh/vercel.json',
      version: 2,
      buildCommand: 'make',
      outputDirectory: 'out',
      framework: null,
      ignoreCommand: 'exit 1',
      headers: [{source: '/', headers: []}],
      crons: [],
      scope: 'acme',
      github: {},
      public: true,
      name: 'other',
      alias: ['shop.example'],
    });
    const {body, projectSettings} = await readVercelConfig(root, undefined);
    expect(projectSettings).toEqual({
      buildCommand: 'make',
      outputDirectory: 'out',
      framework: null,
      commandForIgnoringBuildStep: 'exit 1',
    });
    expect(Object.keys(body).sort()).toEqual(['crons', 'headers']);
  });

  test('the one in the app’s folder wins over the one at the top', async () => {
    await lay('vercel.json', {cleanUrls: false});
    await lay('apps/web/vercel.json', {cleanUrls: true});
    expect((await readVercelConfig(root, 'apps/web')).body).toEqual({cleanUrls: true});
    expect((await readVercelConfig(root, undefined)).body).toEqual({cleanUrls: false});
    expect((await readVercelConfig(root, 'apps/api')).body).toEqual({cleanUrls: false});
  });

  test('none is nothing; a broken one is refused', async () => {
    expect(await readVercelConfig(root, undefined)).toEqual({body: {}, projectSettings: {}});
    await lay('vercel.json', '{"a": }');
    await expect(readVercelConfig(root, undefined)).rejects.toMatchObject({
      code: 'VERCEL_JSON',
      remedy: expect.stringMatching(/vercel\.json/),
    });
    await lay('vercel.json', '[]');
    await expect(readVercelConfig(root, undefined)).rejects.toMatchObject({code: 'VERCEL_JSON'});
  });
});

describe('prebuilt output', () => {
  test.each<[rule: string, builds: unknown, expected: RegExp | undefined]>([
    ['built for production', {target: 'production', builds: []}, undefined],
    ['made by a tool that writes no builds.json', undefined, undefined],
    ['built for preview', {target: 'preview'}, /built for preview/],
    ['with a failed build', {target: 'production', builds: [{error: {message: 'tsc failed'}}]}, /tsc failed/],
    ['with an error at the top', {error: {code: 'X', message: 'no space'}}, /no space/],
    ['with a builds.json that is no JSON', '{', /not valid JSON/],
  ])('%s', async (_rule, builds, expected) => {
    await lay('.vercel/output/config.json', {version: 3});
    if (builds !== undefined) await lay('.vercel/output/builds.json', builds);
    const checked = checkPrebuilt(root, undefined);
    if (expected)
      await expect(checked).rejects.toMatchObject({
        code: 'VERCEL_PREBUILT',
        message: expect.stringMatching(expected),
        remedy: expect.stringMatching(/vercel build --prod/),
      });
    else expect(await checked).toBe(join(root, '.vercel/output'));
  });

  test('is looked for in the app’s folder, and its absence is said', async () => {
    await expect(checkPrebuilt(root, 'apps/web')).rejects.toMatchObject({
      message: expect.stringMatching(/apps\/web.*config\.json is missing/),
    });
    await lay('apps/web/.vercel/output/config.json', {version: 3});
    expect(await checkPrebuilt(root, 'apps/web')).toBe(join(root, 'apps/web/.vercel/output'));
  });
});

describe('options', () => {
  test('everything that cannot work is refused at once, and the token is never quoted', () => {
    const refuse = () =>
      settle({
        token: 'X7\nq9',
        project: 'a/b',
        team: 'x y',
        apiUrl: 'ftp://x',
        productionHosts: ['https://a.b'],
        rootDirectory: '../up',
        protectionBypass: 'a b',
      });
    expect(refuse).toThrow(/7 problems; nothing was changed/);
    expect(refuse).not.toThrow(/X7|q9/);
  });
  test('a good set passes, trailing slashes and spaces of the address and the token are dropped', () => {
    expect(settle({token: ' t0ken\n', project: 'prj_1', apiUrl: 'http://127.0.0.1:80/'})).toMatchObject({
      token: 't0ken',
      apiUrl: 'http://127.0.0.1:80',
      archive: 'auto',
      prebuilt: false,
    });
  });
});

describe('waits asked for', () => {
  const now = 1_700_000_000_000;
  test.each<
    [
      rule: string,
      status: number,
      headers: Record<string, string>,
      error: Record<string, unknown>,
      expected: number | undefined,
    ]
  >([
    ['Retry-After in seconds', 429, {'retry-after': '7'}, {}, 7_000],
    ['Retry-After as a date', 503, {'retry-after': new Date(now + 5_000).toUTCString()}, {}, 5_000],
    ['Retry-After in the past', 429, {'retry-after': new Date(now - 5_000).toUTCString()}, {}, 0],
    ['Retry-After that is no time', 429, {'retry-after': 'soon'}, {}, undefined],
    ['limit.reset in seconds', 429, {}, {limit: {reset: now / 1_000 + 3}}, 3_000],
    ['limit.resetMs', 429, {}, {limit: {resetMs: now + 2_000}}, 2_000],
    ['x-ratelimit-reset', 429, {'x-ratelimit-reset': String(now / 1_000 + 4)}, {}, 4_000],
    [
      'x-ratelimit-reset of an answer that is no limit',
      503,
      {'x-ratelimit-reset': String(now / 1_000 + 4)},
      {},
      undefined,
    ],
    ['another status', 500, {'retry-after': '7'}, {}, undefined],
  ])('%s', (_rule, status, headers, error, expected) => {
    expect(retryAfterOf(status, new Headers(headers), error, now)).toBe(expected);
  });
});

describe('refusals', () => {
  test('foreign text cannot break out of its line', () => {
    const failure = refusedFailure('x', {
      status: 400,
      error: {code: 'bad\n::error::', message: 'a\n::set-output name=x::y'},
      isJson: true,
    });
    expect(failure.message).not.toMatch(/\n/);
  });
  test('any body is read without a throw', () => {
    for (const body of [undefined, null, 1, 'x', [], {error: null}, {error: 'text'}, {error: []}])
      expect(() => refusedFailure('x', {status: 500, error: errorOf(body), isJson: true})).not.toThrow();
  });
  test('names that objects inherit are no codes', () => {
    expect(refusedFailure('x', {status: 404, error: {code: 'constructor', name: 'toString'}, isJson: true}).code).toBe(
      'VERCEL_NOT_FOUND',
    );
  });
});
