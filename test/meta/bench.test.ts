import {spawnSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';

/** A benchmark takes minutes: it says what it is before it starts, and never guesses what an option meant. */

const root = resolve(import.meta.dirname, '..', '..');
const folder = join(root, 'scripts', 'bench');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs') && !file.startsWith('_'))
  .map((file) => file.slice(0, -4));

/** What a script says at its head, without the marks of a comment. */
const headOf = (source: string) =>
  /^(?:\/\/.*\n)+/
    .exec(source)![0]
    .replace(/^\/\/ ?/gm, '')
    .trim();
const sourceOf = (name: string) => readFileSync(join(folder, `${name}.mjs`), 'utf8');

function bench(...args: string[]) {
  const {status, stdout, stderr} = spawnSync(process.execPath, [join(root, 'scripts/bench.mjs'), ...args], {
    encoding: 'utf8',
    // Far less than any of them takes; compiling alone takes longer.
    timeout: 20_000,
  });
  return {status, stdout: stdout.trim(), stderr: stderr.trim()};
}

describe('npm run bench', () => {
  test.each(names)('%s --help prints the head of its file and runs nothing', (name) => {
    expect(bench(name, '--help')).toEqual({status: 0, stdout: headOf(sourceOf(name)), stderr: ''});
  });

  test('-h and a place behind other options do as well', () => {
    expect(bench('gate', '--seed', '1', '-h')).toMatchObject({status: 0, stdout: headOf(sourceOf('gate'))});
  });

  test('--help without a name lists them', () => {
    const {status, stdout} = bench('--help');
    expect(status).toBe(0);
    for (const name of names) expect(stdout).toContain(`\n${name} `);
  });

  test.each([
    ['an option of another', 'backup', '--cases', '3'],
    ['a misspelt one', 'backup', '--part', 'memory'],
    ['one with its value behind a sign', 'gate', '--sed=3'],
    ['any where there is none', 'status-page', '--runs', '3'],
    ['any for all of them', 'all', '--runs', '3'],
  ])('%s is refused, with the usage', (_what, name, ...args) => {
    const {status, stdout, stderr} = bench(name, ...args);
    expect({status, stdout}).toEqual({status: 2, stdout: ''});
    expect(stderr).toContain(`${name} takes no ${args[0]!.split('=')[0]}`);
    expect(stderr).toContain(`npm run bench -- ${name}`);
  });

  test.each(names)('%s names every option that it reads', (name) => {
    const source = sourceOf(name);
    const read = [...source.matchAll(/\b(?:option|number)\('([a-z-]+)'|(?:indexOf|includes)\('--([a-z-]+)'\)/g)];
    const parsed = /parseArgs\(\{\s*options: \{(.*?)\},?\s*(?:allow\w+: \w+,?\s*)?\}\)/s.exec(source)?.[1] ?? '';
    const found = [
      ...read.map(([, one, two]) => one ?? two!),
      ...[...parsed.matchAll(/(\w+): \{/g)].map(([, one]) => one!),
    ];
    const unnamed = found.filter((one) => one !== 'child' && !headOf(source).includes(`--${one}`));
    expect(unnamed).toEqual([]);
  });
});
