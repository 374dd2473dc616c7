import {execFileSync} from 'node:child_process';
import {mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {selectUpload} from '../../src/platforms/vercel/upload-selection.js';
import {stageUpload} from '../../src/platforms/vercel/upload-staging.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vercel-selection-'));
});
afterEach(() => rm(root, {recursive: true, force: true}));

async function lay(files: Record<string, string>, base = root): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(base, name)), {recursive: true});
    await writeFile(join(base, name), content);
  }
}
const selected = async (folder = root) => [...(await selectUpload(folder)).files].sort();

describe('what is uploaded', () => {
  test.each<[rule: string, files: Record<string, string>, expected: string[]]>([
    ['sources are', {'index.html': '', 'src/a.ts': ''}, ['index.html', 'src/a.ts']],
    [
      'version control, packages and caches are not',
      {
        'a.js': '',
        '.git/HEAD': '',
        'node_modules/x/i.js': '',
        'web/node_modules/x/i.js': '',
        '.next/c': '',
        '.vercel/output/x': '',
        '__pycache__/x': '',
      },
      ['a.js'],
    ],
    [
      'no environment file is, at any depth',
      {
        'a.js': '',
        '.env': 'S=1',
        '.env.local': '',
        '.env.production': '',
        'web/.env': '',
        'web/.env.production.local': '',
      },
      ['a.js'],
    ],
    [
      '`.gitignore` counts and is not uploaded',
      {'.gitignore': 'dist\n*.log\n', 'a.js': '', 'dist/x': '', 'b.log': ''},
      ['a.js'],
    ],
    [
      'a nested `.gitignore` counts from its folder',
      {'web/.gitignore': '/out\n', 'web/out/x': '', 'out/x': '', 'web/a': ''},
      ['out/x', 'web/a'],
    ],
    [
      'a nested `.gitignore` wins over the one above',
      {'.gitignore': '*.log\n', 'keep/.gitignore': '!*.log\n', 'keep/a.log': '', 'b.log': ''},
      ['keep/a.log'],
    ],
    [
      'what is inside an ignored folder cannot come back',
      {'.gitignore': 'dist\n!dist/keep\n', 'dist/keep': '', a: ''},
      ['a'],
    ],
    [
      '`.vercelignore` counts',
      {'.vercelignore': 'docs\n./top.txt\n', 'docs/x': '', 'top.txt': '', 'sub/top.txt': '', 'sub/other.txt': ''},
      ['.vercelignore', 'sub/other.txt'],
    ],
    [
      '`.vercelignore` brings back what `.gitignore` left out',
      {'.gitignore': 'dist\n', '.vercelignore': '!dist\n', 'dist/x': ''},
      ['.vercelignore', 'dist/x'],
    ],
    [
      '`.vercelignore` brings back a named environment file',
      {'.vercelignore': '!.env.production\n', '.env.production': 'VITE_A=1', '.env': 'S=1'},
      ['.env.production', '.vercelignore'],
    ],
    ['`.nowignore` counts where there is no other', {'.nowignore': 'docs\n', 'docs/x': '', a: ''}, ['.nowignore', 'a']],
    [
      'the build folder of a Rust project is not',
      {'Cargo.toml': '', 'target/x': '', 'sub/target/y': ''},
      ['Cargo.toml', 'sub/target/y'],
    ],
  ])('%s', async (_rule, files, expected) => {
    await lay(files);
    expect(await selected()).toEqual(expected);
  });

  test('rules above the folder count, up to the repository’s root', async () => {
    await lay({
      '.git/HEAD': '',
      '.gitignore': '*.log\n/apps/web/gen\n',
      'apps/web/a.js': '',
      'apps/web/b.log': '',
      'apps/web/gen/x': '',
    });
    expect(await selected(join(root, 'apps/web'))).toEqual(['a.js']);
  });

  test('a folder that is itself ignored, as a build’s output, is uploaded', async () => {
    await lay({'.git/HEAD': '', '.gitignore': 'dist\n', 'dist/index.html': ''});
    expect(await selected(join(root, 'dist'))).toEqual(['index.html']);
  });

  test('links stay links, empty folders stay, and environment files that were left out are named', async () => {
    await lay({'a.js': '', '.env': 'S=1', 'web/.env.local': ''});
    await symlink('a.js', join(root, 'link.js'));
    await mkdir(join(root, 'empty/inner'), {recursive: true});
    const selection = await selectUpload(root);
    expect(selection).toMatchObject({
      files: ['a.js'],
      links: ['link.js'],
      environmentFiles: ['.env', 'web/.env.local'],
    });
    expect(selection.emptyFolders).toContain('empty/inner');
  });

  test('agrees with git about what is ignored', async () => {
    const name = fc.constantFrom('a', 'b', 'dist', 'x.log', 'y.tmp');
    const path = fc.array(name, {minLength: 1, maxLength: 3}).map((parts) => parts.join('/'));
    const rule = fc.constantFrom(
      'a',
      'b/',
      '/dist',
      '*.log',
      '!*.log',
      'a/b',
      '**/y.tmp',
      '!a',
      'dist/*',
      '!dist/x.log',
      '# note',
      '\\!a',
    );
    const rules = fc.array(rule, {maxLength: 4}).map((lines) => `${lines.join('\n')}\n`);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, {maxLength: 6}),
        rules,
        fc.option(fc.tuple(name, rules)),
        async (paths, top, nested) => {
          const base = await mkdtemp(join(root, 'case-'));
          // A path that is a folder of another cannot also be a file.
          const files = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
          await lay({...Object.fromEntries(files.map((one) => [one, ''])), '.gitignore': top}, base);
          if (nested && !files.includes(nested[0])) await lay({[`${nested[0]}/.gitignore`]: nested[1]}, base);
          execFileSync('git', ['init', '-q'], {cwd: base});
          const env = {PATH: process.env['PATH'] ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1'};
          const kept = execFileSync('git', ['ls-files', '--others', '--exclude-standard'], {
            cwd: base,
            encoding: 'utf8',
            env,
          });
          const byGit = kept.split('\n').filter((one) => one !== '' && !one.endsWith('.gitignore'));
          expect(await selected(base)).toEqual(byGit.sort());
        },
      ),
      {numRuns: 60},
    );
  });
});

describe('the staged folder', () => {
  test('holds the selection and nothing else, with modes and links, and goes away', async () => {
    await lay({'bin/run.sh': 'echo', '.env': 'S=1', 'a.js': 'one'});
    await symlink('a.js', join(root, 'link.js'));
    await mkdir(join(root, 'empty'));
    const staged = await stageUpload(root, await selectUpload(root), root);
    expect((await readdir(staged.path, {recursive: true})).sort()).toEqual([
      'a.js',
      'bin',
      'bin/run.sh',
      'empty',
      'link.js',
    ]);
    expect(await readFile(join(staged.path, 'link.js'), 'utf8')).toBe('one');
    expect((await stat(join(staged.path, 'bin/run.sh'))).mode).toBe((await stat(join(root, 'bin/run.sh'))).mode);
    await staged[Symbol.asyncDispose]();
    await expect(stat(staged.path)).rejects.toMatchObject({code: 'ENOENT'});
    expect(await readFile(join(root, 'a.js'), 'utf8')).toBe('one');
  });
});
