import {createHash, type Hash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {type FileHandle, lstat, open, readFile, readlink, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {createGzip} from 'node:zlib';
import {type Pack, pack as startPack} from 'tar-stream';
import {formatBytes} from '../../kernel/bytes.js';
import {cancelled, Failure, messageOf} from '../../kernel/errors.js';
import {backoff, retry} from '../../kernel/retry.js';
import {oneLine} from '../../kernel/text.js';
import type {PlatformCall} from '../platform.js';
import type {UploadFile} from './api.js';
import type {Vercel} from './context.js';
import {type Json, record, texts} from './json.js';
import type {Upload} from './upload.js';
import type {Selection} from './upload-selection.js';
import {temporaryFolder} from './upload-staging.js';

/** As large as the platform's client makes them; the platform's limit for one request is not far above. */
const partBytes = 100_000_000;
/** Below this a file is read whole, which is quicker than a stream of its own. */
const smallBytes = 1_000_000;
/** Fast, and nearly as small as the default for the usual mix of sources and images. */
const gzipLevel = 3;
/** What the platform's client tells for a part. */
const partMode = 0o666;

/**
 * The selection as one compressed archive in parts on disk, sent as the platform's client sends its own. Not made by
 * that client, since it holds the whole archive in memory, and copies of it: 650 MB for 200 MB of files.
 */
export async function openArchive(
  vercel: Vercel,
  root: string,
  selection: Selection,
  body: Json,
  call: PlatformCall,
): Promise<Upload> {
  const folder = await temporaryFolder('switchback-archive-', vercel.settings.temporaryFolder);
  const dispose = () => rm(folder, {recursive: true, force: true});
  try {
    const parts = await packParts(root, selection, folder, call.signal);
    call.progress(`Vercel: packed into ${formatBytes(parts.reduce((sum, part) => sum + part.size, 0))}.`);
    return {create: () => createFromParts(vercel, parts, body, call), [Symbol.asyncDispose]: dispose};
  } catch (error) {
    await dispose();
    if (call.signal.aborted) throw cancelled('The upload');
    throw error instanceof Failure ? error : packFailure(error);
  }
}

const packFailure = (error: unknown): Failure =>
  new Failure('VERCEL_PACK', `The files could not be packed for the upload: ${oneLine(messageOf(error), 200)}`, {
    remedy:
      'Check that nothing changes the folder during the deployment, and that the temporary folder has room for it.',
  });

/** One entry's description; what is left out gets the usual default. */
type HeaderArgument = Parameters<Pack['entry']>[0];

async function packParts(
  root: string,
  selection: Selection,
  folder: string,
  signal: AbortSignal,
): Promise<UploadFile[]> {
  const pack = startPack();
  const parts = new PartWriter(folder);
  const written = pipeline(pack, createGzip({level: gzipLevel}), (chunks) => parts.writeAll(chunks), {signal});
  const fed = feed(pack, root, selection).catch((error: Error) => {
    pack.destroy(error);
    throw error;
  });
  // The first failure counts: what feeds a broken pack may never end by itself.
  await Promise.all([written, fed]);
  return parts.parts;
}

async function feed(pack: Pack, root: string, selection: Selection): Promise<void> {
  for (const name of selection.emptyFolders) await entry(pack, {name, type: 'directory', mode: 0o755});
  for (const name of selection.links)
    await entry(pack, {name, type: 'symlink', linkname: await readlink(join(root, name))});
  for (const name of selection.files) await feedFile(pack, root, name);
  pack.finalize();
}

async function feedFile(pack: Pack, root: string, name: string): Promise<void> {
  const path = join(root, name);
  const {size, mode, mtime} = await lstat(path);
  const header: HeaderArgument = {name, size, mode: mode & 0o777, mtime};
  if (size <= smallBytes) {
    const content = await readFile(path);
    return entry(pack, {...header, size: content.length}, content);
  }
  await pipeline(createReadStream(path), pack.entry(header));
}

function entry(pack: Pack, header: HeaderArgument, content?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (content) pack.entry(header, content, done);
    else pack.entry(header, done);
  });
}

interface OpenPart {
  readonly path: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  size: number;
}

/** Cuts a stream into files of at most `partBytes`, with the digest of each. */
class PartWriter {
  readonly parts: UploadFile[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async writeAll(chunks: AsyncIterable<Buffer>): Promise<void> {
    let part = await this.#begin();
    try {
      for await (const chunk of chunks) {
        let rest = chunk;
        while (rest.length > 0) {
          if (part.size === partBytes) {
            await this.#end(part);
            part = await this.#begin();
          }
          const piece = rest.subarray(0, partBytes - part.size);
          await part.handle.write(piece);
          part.hash.update(piece);
          part.size += piece.length;
          rest = rest.subarray(piece.length);
        }
      }
    } finally {
      await this.#end(part);
    }
  }

  async #begin(): Promise<OpenPart> {
    const path = join(this.#folder, `source.tgz.part${this.parts.length + 1}`);
    return {path, handle: await open(path, 'wx'), hash: createHash('sha1'), size: 0};
  }

  async #end({path, handle, hash, size}: OpenPart): Promise<void> {
    await handle.close();
    this.parts.push({path, sha: hash.digest('hex'), size});
  }
}

/** Asks for the deployment; sends the parts that the platform then says it lacks; asks again. */
async function createFromParts(
  vercel: Vercel,
  parts: readonly UploadFile[],
  body: Json,
  call: PlatformCall,
): Promise<Json> {
  const files = parts.map(({sha, size}, index) => ({
    file: `.vercel/source.tgz.part${index + 1}`,
    size,
    mode: partMode,
    sha,
  }));
  const ask = async () => {
    const request = {
      ...call,
      what: 'create the deployment',
      query: {skipAutoDetectionConfirmation: 1},
      body: {...body, version: 2, files},
    };
    return record((await vercel.api.write('POST', '/v13/deployments', request)).body) ?? {};
  };
  try {
    return await ask();
  } catch (error) {
    const missing = missingOf(error);
    if (!missing) throw error;
    for (const part of parts) if (missing.has(part.sha)) await send(vercel, part, call);
    return await ask();
  }
}

function missingOf(error: unknown): ReadonlySet<string> | undefined {
  if (!(error instanceof Failure) || error.details.vercelCode !== 'missing_files') return undefined;
  return new Set(texts(error.details.missing));
}

/** A part is named by its digest, so that sending it twice is harmless. */
async function send(vercel: Vercel, part: UploadFile, call: PlatformCall): Promise<void> {
  const plan = {delaysMs: backoff(4, 1_000, 8_000), clock: vercel.clock, random: vercel.random, signal: call.signal};
  await retry(plan, () =>
    vercel.api.upload(part, {...call, what: `take a part of the upload (${formatBytes(part.size)})`}),
  );
}
