import {posix} from 'node:path';
import {gunzipSync} from 'node:zlib';
import tar from 'tar-stream';

/** A file or a symbolic link of a deployment, by its path without leading slash. */
export type Tree = Map<string, Buffer | {readonly link: string}>;

const chunk = /^\.vercel\/source\.tgz\.part(\d+)$/;

/** Replaces the chunks of an `archive: tgz` upload by what was packed; other trees come back as they are. */
export async function unpackArchive(tree: Tree): Promise<Tree> {
  const parts = [...tree].flatMap(([path, content]) => {
    const index = chunk.exec(path)?.[1];
    return index && Buffer.isBuffer(content) ? [{index: Number(index), content}] : [];
  });
  if (parts.length === 0) return tree;
  const packed = Buffer.concat(parts.sort((a, b) => a.index - b.index).map((part) => part.content));
  const rest = [...tree].filter(([path]) => !chunk.test(path));
  return new Map([...rest, ...(await untar(gunzipSync(packed)))]);
}

async function untar(archive: Buffer): Promise<Tree> {
  const tree: Tree = new Map();
  const extract = tar.extract();
  extract.end(archive);
  for await (const entry of extract) {
    const path = entry.header.name.replace(/^\.\//, '');
    if (entry.header.type === 'symlink') tree.set(path, {link: entry.header.linkname ?? ''});
    const chunks: Buffer[] = [];
    for await (const piece of entry) chunks.push(piece as Buffer);
    if (entry.header.type === 'file') tree.set(path, Buffer.concat(chunks));
  }
  return tree;
}

/** The bytes at a path, through symbolic links within the tree. */
export function readTree(tree: Tree, path: string): Buffer | undefined {
  for (let depth = 0, at = path; depth < 8; depth++) {
    const found = tree.get(at);
    if (found === undefined || Buffer.isBuffer(found)) return found;
    at = posix.join(posix.dirname(at), found.link);
  }
  return undefined;
}

/** The part of a tree below a folder, with paths from there. `.` and the empty string mean the whole. */
export function subtree(tree: Tree, folder: string): Tree {
  const clean = posix.normalize(folder).replace(/^\/|\/$/g, '');
  if (clean === '' || clean === '.') return tree;
  return new Map(
    [...tree]
      .filter(([path]) => path.startsWith(`${clean}/`))
      .map(([path, content]) => [path.slice(clean.length + 1), content]),
  );
}
