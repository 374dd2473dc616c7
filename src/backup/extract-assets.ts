import {createWriteStream} from 'node:fs';
import {chmod, lstat, mkdir, readdir, rename, rm, symlink, utimes} from 'node:fs/promises';
import {dirname, join, posix, resolve, sep} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {extract, type Header} from 'tar-stream';
import {Failure} from '../kernel/errors.js';

export interface Extracted {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Unpacks a tar stream into a folder that does not exist yet or is empty. Nothing may leave the folder: absolute names,
 * `..`, links that point outside, and anything that is neither file, folder nor link are refused. The folder appears
 * under its name only when all of it is there.
 * @throws Failure ASSETS_TARGET, ASSETS_UNSAFE, or whatever ended the source
 */
export async function extractAssets(source: AsyncIterable<Uint8Array>, folder: string): Promise<Extracted> {
  const target = resolve(folder);
  const there = await readdir(target).catch(() => undefined);
  if (there?.length)
    throw new Failure('ASSETS_TARGET', `The folder ${folder} is not empty`, {
      remedy: 'Give a folder that does not exist yet; existing files are never overwritten.',
    });
  const work = `${target}.restoring-${process.pid}`;
  await mkdir(work, {recursive: true});
  try {
    const extracted = await unpack(source, work);
    if (there) await rm(target, {recursive: true});
    await rename(work, target);
    return extracted;
  } catch (error) {
    await rm(work, {recursive: true, force: true});
    throw error;
  }
}

async function unpack(source: AsyncIterable<Uint8Array>, root: string): Promise<Extracted> {
  const tar = extract();
  const feeding = pipeline(Readable.from(source), tar);
  // Looked at below; without this a refusal in the loop would leave it unheard.
  feeding.catch(() => {});
  let files = 0;
  let bytes = 0;
  const folders: Array<readonly [path: string, header: Header]> = [];
  for await (const entry of tar) {
    const {header} = entry;
    const path = await safePath(root, header);
    await writeEntry(path, header, entry as unknown as Readable);
    if (header.type === 'directory') folders.push([path, header]);
    if (header.type === 'file') {
      files++;
      bytes += header.size ?? 0;
    }
    entry.resume();
  }
  await feeding;
  // Children first: writing into a folder changes its time.
  for (const [path, header] of folders.reverse()) await finish(path, header);
  return {files, bytes};
}

async function writeEntry(path: string, header: Header, content: Readable): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  if (header.type === 'directory') return void (await mkdir(path, {recursive: true}));
  if (header.type === 'symlink') return symlink(header.linkname!, path);
  await pipeline(content, createWriteStream(path, {flags: 'wx', mode: 0o600}));
  await finish(path, header);
}

async function finish(path: string, {mode, mtime}: Header): Promise<void> {
  // Neither set-user-id nor sticky bits: an archive must not hand out rights.
  if (mode !== undefined) await chmod(path, mode & 0o777);
  if (mtime) await utimes(path, mtime, mtime);
}

async function safePath(root: string, {name, type, linkname}: Header): Promise<string> {
  const refuse = (why: string) =>
    new Failure('ASSETS_UNSAFE', `The archive holds ${JSON.stringify(name.slice(0, 120))}, which ${why}`, {
      remedy: 'Do not use this archive; find out who made it.',
    });
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') throw refuse(`is of type ${type}`);
  if (name.includes('\0') || posix.isAbsolute(name) || name.split('/').includes('..'))
    throw refuse('would leave the folder');
  const path = join(root, ...name.split('/'));
  if (type === 'symlink' && leavesRoot(name, linkname ?? '')) throw refuse('points outside of the folder');
  // A link made earlier must not become a way out for what comes after it.
  for (let at = dirname(path); at.length > root.length && at.startsWith(`${root}${sep}`); at = dirname(at)) {
    if ((await lstat(at).catch(() => undefined))?.isSymbolicLink()) throw refuse('lies behind a link');
  }
  return path;
}

function leavesRoot(name: string, link: string): boolean {
  if (posix.isAbsolute(link)) return true;
  const reached = posix.normalize(posix.join(posix.dirname(name), link));
  return reached === '..' || reached.startsWith('../');
}
