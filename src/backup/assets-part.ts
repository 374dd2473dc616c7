import {once} from 'node:events';
import {createReadStream} from 'node:fs';
import {lstat, readdir, readlink, realpath, stat} from 'node:fs/promises';
import {join, relative, sep} from 'node:path';
import type {Writable} from 'node:stream';
import {type Pack, pack} from 'tar-stream';
import {Failure} from '../kernel/errors.js';
import {compress} from './compress.js';
import type {PartSource} from './part-writer.js';

export interface AssetsRequest {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** How the part is called, such as `public/uploads`. */
  readonly name: string;
}

/** What went into the tar stream; known when it has ended. */
export interface AssetsCount {
  files: number;
  bytes: number;
}

/**
 * A folder as a tar stream: sorted, with modes, times, owners and links kept. Links are stored as links and never
 * followed. A file that changes while it is read fails the part, since a mixture of two moments is no backup.
 * @throws Failure ASSETS when the folder is missing, holds something unreadable, or changes
 */
export async function openAssets(
  request: AssetsRequest,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<{readonly part: PartSource; readonly count: AssetsCount}> {
  const about = await stat(request.folder).catch(() => undefined);
  if (!about?.isDirectory())
    throw new Failure('ASSETS', `There is no folder ${request.name}`, {
      remedy: 'Correct `backup.assets`; the path counts from the root of the repository.',
    });
  const count: AssetsCount = {files: 0, bytes: 0};
  const {stream, compression, suffix} = await compress(
    tarOf(await realpath(request.folder), request.name, count, signal),
    env,
    signal,
  );
  const key = `assets-${keyOf(request.name)}.tar${suffix}.pgp`;
  return {part: {role: 'assets', name: request.name, key, format: 'tar', compression, stream}, count};
}

async function* tarOf(root: string, name: string, count: AssetsCount, signal: AbortSignal): AsyncGenerator<Buffer> {
  const tar = pack();
  const filling = fill(tar, root, name, count, signal).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  yield* tar as AsyncIterable<Buffer>;
  await filling;
}

async function fill(tar: Pack, root: string, name: string, count: AssetsCount, signal: AbortSignal): Promise<void> {
  for await (const path of walk(root)) {
    signal.throwIfAborted();
    await addEntry(tar, path, relative(root, path).split(sep).join('/'), count).catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      throw new Failure('ASSETS', `${name}: ${relative(root, path)} cannot be read`, {
        remedy: 'Give the runner the right to read it, or leave the folder out.',
        cause: error,
      });
    });
  }
}

async function* walk(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, {withFileTypes: true});
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    yield path;
    if (entry.isDirectory()) yield* walk(path);
  }
}

async function addEntry(tar: Pack, path: string, name: string, count: AssetsCount): Promise<void> {
  const about = await lstat(path);
  const common = {mode: about.mode & 0o7777, mtime: about.mtime, uid: about.uid, gid: about.gid};
  if (about.isDirectory()) return add(tar, {...common, name: `${name}/`, type: 'directory'});
  if (about.isSymbolicLink()) return add(tar, {...common, name, type: 'symlink', linkname: await readlink(path)});
  // Sockets, pipes and devices hold no content that could be brought back.
  if (!about.isFile()) return undefined;
  await addFile(tar, path, {...common, name, size: about.size});
  const after = await lstat(path);
  if (after.size !== about.size || after.mtimeMs !== about.mtimeMs) throw changed(name);
  count.files++;
  count.bytes += about.size;
}

function add(tar: Pack, header: Parameters<Pack['entry']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

/** Not by `pipe`: a file that turns out shorter than its header must be told apart before the entry is ended. */
async function addFile(
  tar: Pack,
  path: string,
  header: {readonly name: string; readonly size: number; readonly mode: number; readonly mtime: Date},
): Promise<void> {
  let entry: Writable | undefined;
  const written = new Promise<void>((resolve, reject) => {
    entry = tar.entry(header, (error) => (error ? reject(error) : resolve())) as unknown as Writable;
    entry.on('error', reject);
  });
  // Looked at below; a refusal before that must not count as unheard.
  written.catch(() => {});
  let read = 0;
  if (header.size > 0) {
    for await (const chunk of createReadStream(path, {end: header.size - 1, highWaterMark: 256 * 1024})) {
      read += (chunk as Buffer).length;
      if (!entry!.write(chunk)) await Promise.race([once(entry!, 'drain'), written]);
    }
  }
  if (read !== header.size) throw changed(header.name);
  entry!.end();
  await written;
}

function changed(name: string): Failure {
  return new Failure('ASSETS_CHANGED', `${name} changed while it was being read`, {
    remedy: 'Back up a folder that is at rest: a copy, or while the application does not write.',
    retryable: true,
  });
}

function keyOf(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || 'root'
  );
}
