import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';

/** The policy about known flaws, asked of a registry that tells planted ones through the real `npm audit`. */

const root = resolve(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'switchback-audit-'));
let registry: Server;
let flaws: Record<string, unknown> | undefined;
beforeAll(async () => {
  registry = createServer((request, response) => {
    request.resume();
    const known = flaws && request.url?.endsWith('/advisories/bulk');
    response.writeHead(known ? 200 : 405, {'content-type': 'application/json'});
    response.end(JSON.stringify(known ? flaws : {}));
  });
  await new Promise<void>((done) => registry.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  registry.close();
  rmSync(folder, {recursive: true, force: true});
});

const flaw = (severity: string, id = 'GHSA-aaaa-bbbb-cccc') => [
  {id: 1, url: `https://github.com/advisories/${id}`, title: 'planted', severity, vulnerable_versions: '*'},
];

async function audit(known: Record<string, unknown> | undefined, exceptions: unknown[] = [], ...more: string[]) {
  flaws = known;
  const file = join(folder, 'exceptions.json');
  writeFileSync(file, JSON.stringify(exceptions));
  const at = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
  const script = join(root, 'scripts/audit.mjs');
  // npm keeps answers; a cache of its own makes each question a new one.
  const env = {...process.env, npm_config_cache: mkdtempSync(join(folder, 'cache-')), npm_config_fetch_retries: '0'};
  const child = spawn(process.execPath, [script, '--registry', at, '--exceptions', file, ...more], {env});
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  child.stderr.on('data', (text) => (said += text));
  const exitCode = await new Promise((done) => child.on('close', done));
  return {exitCode, said};
}

const exception = (until: string) => ({id: 'GHSA-aaaa-bbbb-cccc', package: 'zod', until, why: 'not reachable'});

describe('what counts', () => {
  test.each<[rule: string, known: Record<string, unknown>, exceptions: unknown[], exitCode: number, said: RegExp]>([
    ['nothing known is fine', {}, [], 0, /^0 known flaws/],
    ['any flaw in a bundled package', {zod: flaw('low')}, [], 1, /zod: low, planted .*in what bundles are made of/],
    ['a moderate one in a tool is not', {jest: flaw('moderate')}, [], 0, /^1 known flaws, 0 of them count/],
    ['a high one in a tool is', {jest: flaw('high')}, [], 1, /jest: high/],
    ['an exception with a date to come', {zod: flaw('low')}, [exception('2999-01-01')], 0, /excused until 2999-01-01/],
    ['an exception that has ended', {zod: flaw('low')}, [exception('2020-01-01')], 1, /ended on 2020-01-01/],
    ['an exception for another flaw', {zod: flaw('low', 'GHSA-other')}, [exception('2999-01-01')], 1, /GHSA-other/],
    ['an exception that nothing needs', {}, [exception('2999-01-01')], 1, /not needed any more/],
    ['an exception without a date', {}, [{id: 'x', package: 'y', why: 'z'}], 1, /needs id, package, until/],
  ])(
    '%s',
    async (_rule, known, exceptions, exitCode, said) => {
      const end = await audit(known, exceptions);
      expect(end.said).toMatch(said);
      expect(end.exitCode).toBe(exitCode);
    },
    120_000,
  );
});

test('a registry without the endpoint is named, and only fails where an answer is required', async () => {
  expect(await audit(undefined)).toEqual({exitCode: 0, said: expect.stringContaining('nothing was checked')});
  expect((await audit(undefined, [], '--required')).exitCode).toBe(1);
}, 120_000);
