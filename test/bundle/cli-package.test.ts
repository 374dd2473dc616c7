import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, expect, test} from '@jest/globals';

const root = resolve(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'switchback-pack-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

const npm = (args: readonly string[], cwd: string) => spawnSync('npm', args, {cwd, encoding: 'utf8', timeout: 280_000});
/** A registry that answers; without one nothing can be installed. */
const registry = npm(['ping'], root).status === 0 || npm(['view', 'commander', 'version'], root).status === 0;

test('the tarball holds the command and what it runs, and nothing of the rehearsal', () => {
  const packed = npm(['pack', '--json', '--pack-destination', folder], root);
  expect(packed.status).toBe(0);
  const json = packed.stdout.slice(packed.stdout.indexOf('['));
  const [{files}] = JSON.parse(json) as [{files: ReadonlyArray<{path: string}>}];
  const paths = files.map(({path}) => path);
  expect(paths).toEqual(
    expect.arrayContaining(['bin/switchback.mjs', 'lib/src/cli/start.js', 'lib/actions/deploy/run.js']),
  );
  expect(paths.filter((path) => /rehearsal|(^|\/)dist\/|^test\/|\.env|\.asc$/.test(path))).toEqual([]);
}, 60_000);

(registry ? test : test.skip)(
  registry ? 'npx runs the packed tarball' : 'npx runs the packed tarball (left out: no package registry answers)',
  () => {
    const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
    // Without the optional parts: they carry whole database servers for the rehearsal.
    const run = npm(
      ['exec', '--yes', '--omit=optional', `--package=${join(folder, tarball)}`, '--', 'switchback', '--help'],
      folder,
    );
    expect(run.stdout).toContain('Usage: switchback <command>');
    expect(run.status).toBe(0);
  },
  300_000,
);
