import {randomBytes} from 'node:crypto';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {pack} from 'tar-stream';
import {openAssets} from '../../src/backup/assets-part.js';
import {decompress} from '../../src/backup/decompress.js';
import {extractAssets} from '../../src/backup/extract-assets.js';
import {programPath} from '../contract/moto.js';
import {run} from './backup-world.js';

const signal = new AbortController().signal;
const withZstd = {PATH: process.env['PATH']};
const withoutZstd = {PATH: '/nonexistent'};

describe('an asset folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-assets-'));
    await mkdir(join(folder, 'src/empty'), {recursive: true});
    await mkdir(join(folder, 'src/deep/er'), {recursive: true});
    await writeFile(join(folder, 'src/deep/er/ü name.bin'), Buffer.alloc(300_000, 7));
    await writeFile(join(folder, 'src/zero'), '');
    await writeFile(join(folder, 'src/run.sh'), '#!/bin/sh\n');
    await chmod(join(folder, 'src/run.sh'), 0o755);
    await utimes(join(folder, 'src/run.sh'), 1_700_000_000, 1_700_000_000);
    await symlink('deep/er/ü name.bin', join(folder, 'src/link'));
  }, 120_000);
  afterEach(() => rm(folder, {recursive: true, force: true}));

  test.each([
    ['zstd', withZstd],
    ['gzip, where there is no zstd', withoutZstd],
  ])('comes back as it was, through %s', async (_name, env) => {
    const {part, count} = await openAssets({folder: join(folder, 'src'), name: 'public/uploads'}, env, signal);
    const bytes = await collect(part.stream);
    expect(count).toEqual({files: 3, bytes: 300_010});
    await extractAssets(decompress(part, once(bytes), env, signal), join(folder, 'out'));
    expect((await readFile(join(folder, 'out/deep/er/ü name.bin'))).equals(Buffer.alloc(300_000, 7))).toBe(true);
    expect(await readlink(join(folder, 'out/link'))).toBe('deep/er/ü name.bin');
    expect((await stat(join(folder, 'out/run.sh'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(folder, 'out/run.sh'))).mtimeMs).toBe(1_700_000_000_000);
    expect((await stat(join(folder, 'out/empty'))).isDirectory()).toBe(true);
    expect((await readFile(join(folder, 'out/zero'))).length).toBe(0);
  });

  test('is a tar that stock tar reads', async () => {
    const {part} = await openAssets({folder: join(folder, 'src'), name: 'a'}, withoutZstd, signal);
    expect(part).toMatchObject({key: 'assets-a.tar.gz.pgp', format: 'tar'});
    await writeFile(join(folder, 'a.tar.gz'), await collect(part.stream));
    const {stdout} = await run('tar', ['-tzf', join(folder, 'a.tar.gz')], {
      env: {PATH: process.env['PATH'], LC_ALL: 'C.UTF-8'},
    });
    expect(stdout.split('\n').filter(Boolean)).toEqual([
      'deep/',
      'deep/er/',
      'deep/er/ü name.bin',
      'empty/',
      'link',
      'run.sh',
      'zero',
    ]);
  });

  test('that holds nothing at its path is refused', async () => {
    await expect(
      openAssets({folder: join(folder, 'nowhere'), name: 'nowhere'}, withZstd, signal),
    ).rejects.toMatchObject({code: 'ASSETS'});
  });

  test.each([
    ['shrinks', 'zstd', withZstd, (path: string) => truncate(path, 100)],
    ['shrinks', 'gzip', withoutZstd, (path: string) => truncate(path, 100)],
    ['grows', 'zstd', withZstd, (path: string) => appendFile(path, 'more')],
    ['grows', 'gzip', withoutZstd, (path: string) => appendFile(path, 'more')],
  ])('with a file that %s while it is read fails (%s)', async (_how, _name, env, change) => {
    const path = join(folder, 'src/aa-large');
    await writeFile(path, randomBytes(24_000_000));
    const {part} = await openAssets({folder: join(folder, 'src'), name: 'a'}, env, signal);
    const reading = collect(afterFirst(part.stream, () => change(path)));
    await expect(reading).rejects.toMatchObject({code: 'ASSETS_CHANGED'});
  });

  test('with a file that nobody may read fails, and names it', async () => {
    if (process.getuid?.() === 0) return expect(programPath('tar')).toBeDefined();
    await chmod(join(folder, 'src/zero'), 0);
    const {part} = await openAssets({folder: join(folder, 'src'), name: 'a'}, withoutZstd, signal);
    return expect(collect(part.stream)).rejects.toMatchObject({
      code: 'ASSETS',
      message: expect.stringContaining('zero'),
    });
  });
});

describe('an archive from elsewhere', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-extract-'));
  }, 120_000);
  afterEach(() => rm(folder, {recursive: true, force: true}));

  test.each<
    [
      rule: string,
      entries: Array<{name: string; type?: 'file' | 'symlink' | 'link' | 'character-device'; linkname?: string}>,
    ]
  >([
    ['an absolute name', [{name: '/etc/evil'}]],
    ['a name with ..', [{name: 'a/../../evil'}]],
    ['a link that points outside', [{name: 'a', type: 'symlink', linkname: '../..'}]],
    ['an absolute link', [{name: 'a', type: 'symlink', linkname: '/etc'}]],
    ['a file behind a link', [{name: 'd/x'}, {name: 'l', type: 'symlink', linkname: 'd'}, {name: 'l/evil'}]],
    ['a hard link', [{name: 'a', type: 'link', linkname: '/etc/passwd'}]],
    ['a device', [{name: 'a', type: 'character-device'}]],
  ])('with %s is refused, and nothing of it stays', async (_rule, entries) => {
    const tar = pack();
    for (const {name, type = 'file', linkname} of entries)
      tar.entry({name, type, ...(linkname ? {linkname} : {})}, type === 'file' ? 'x' : '');
    tar.finalize();
    await expect(extractAssets(tar as AsyncIterable<Uint8Array>, join(folder, 'out'))).rejects.toMatchObject({
      code: 'ASSETS_UNSAFE',
    });
    await expect(stat(join(folder, 'out'))).rejects.toMatchObject({code: 'ENOENT'});
  });

  test('is not unpacked over existing files', async () => {
    await writeFile(join(folder, 'precious'), 'x');
    await expect(extractAssets(once(Buffer.alloc(1024)), folder)).rejects.toMatchObject({code: 'ASSETS_TARGET'});
    expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('x');
  });
});

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Buffer) {
  yield bytes;
}

async function* afterFirst(source: AsyncIterable<Uint8Array>, change: () => Promise<void>) {
  let changed = false;
  for await (const chunk of source) {
    if (!changed) await change();
    changed = true;
    yield chunk;
  }
}
