import {randomBytes} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {link, mkdir, open, opendir, readdir, rename, rm, stat} from 'node:fs/promises';
import {dirname, join, relative, sep} from 'node:path';
import type {Readable} from 'node:stream';
import {cancelled, Failure, messageOf} from '../../kernel/errors.js';
import type {PutOptions, Store, StoredObject, StoreFacts, UnfinishedUpload, UploadOptions} from '../store.js';

/** Where files are while they are written; on the same file system, so that the last step is one rename. */
const workFolder = '.unfinished';
const keyPattern = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

/** A store in a folder: of a mounted disk, or of this machine for rehearsals. */
export function openLocalStore(folder: string): Store {
  return new LocalStore(folder);
}

class LocalStore implements Store {
  readonly location: string;
  readonly traits = {versioned: false, conditional: true};

  constructor(folder: string) {
    this.location = folder;
  }

  async put(key: string, body: Buffer, options: PutOptions = {}): Promise<StoredObject> {
    async function* once() {
      yield body;
    }
    return this.upload(key, once(), options);
  }

  async upload(key: string, source: AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<StoredObject> {
    const target = this.#path(key);
    const id = `${encodeURIComponent(key)}.${randomBytes(6).toString('hex')}`;
    const temporary = join(this.location, workFolder, id);
    try {
      await mkdir(dirname(temporary), {recursive: true});
      options.onStarted?.({key, id, startedMs: Date.now()});
      await writeDurably(temporary, source, options.signal);
      await mkdir(dirname(target), {recursive: true});
      // A hard link fails where the name is taken, a rename would replace it.
      if (options.ifAbsent) await link(temporary, target);
      else await rename(temporary, target);
      await syncFolder(dirname(target));
      return await this.#stored(key, target);
    } catch (error) {
      throw localFailure(`Storing ${key}`, error, options.signal);
    } finally {
      await rm(temporary, {force: true});
    }
  }

  async get(key: string, options: {range?: readonly [number, number]; signal?: AbortSignal} = {}): Promise<Readable> {
    try {
      const file = await open(this.#path(key));
      const [start, end] = options.range ?? [0, Number.POSITIVE_INFINITY];
      return createReadStream('', {
        fd: file,
        start,
        end,
        highWaterMark: 256 * 1024,
        ...(options.signal ? {signal: options.signal} : {}),
      });
    } catch (error) {
      throw localFailure(`Reading ${key}`, error, options.signal);
    }
  }

  async head(key: string): Promise<StoredObject | undefined> {
    try {
      return await this.#stored(key, this.#path(key));
    } catch (error) {
      const failure = localFailure(`Looking at ${key}`, error);
      if (failure.code === 'STORE_NOT_FOUND') return undefined;
      throw failure;
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    // The folder part of the prefix bounds the walk; the rest is compared name by name.
    const folder = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    for await (const path of walk(join(this.location, folder))) {
      const key = relative(this.location, path).split(sep).join('/');
      if (!key.startsWith(prefix) || key.startsWith(`${workFolder}/`)) continue;
      const object = await this.head(key);
      if (object) yield object;
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await rm(this.#path(key), {force: true});
    } catch (error) {
      throw localFailure(`Deleting ${key}`, error);
    }
  }

  async *unfinished(prefix: string): AsyncIterable<UnfinishedUpload> {
    const folder = join(this.location, workFolder);
    for (const id of await readdir(folder).catch(() => [] as string[])) {
      const key = decodeURIComponent(id.slice(0, id.lastIndexOf('.')));
      const about = key.startsWith(prefix) ? await stat(join(folder, id)).catch(() => undefined) : undefined;
      if (about) yield {key, id, startedMs: about.birthtimeMs};
    }
  }

  /** A folder has no clock but this machine's, and no lock. */
  async facts(): Promise<StoreFacts> {
    return {versioned: false, lock: {possible: false}};
  }

  async abandon({id}: UnfinishedUpload): Promise<void> {
    if (id.includes('/') || id.includes('..'))
      throw new Failure('STORE', `${id} is not an upload of this store`, {remedy: 'Pass what `unfinished` listed.'});
    await rm(join(this.location, workFolder, id), {force: true});
  }

  async #stored(key: string, path: string): Promise<StoredObject> {
    const about = await stat(path);
    if (!about.isFile()) throw Object.assign(new Error(`${key} is not a file`), {code: 'ENOENT'});
    return {key, bytes: about.size, modifiedMs: about.mtimeMs, etag: `${about.ino}-${about.mtimeMs}`};
  }

  #path(key: string): string {
    if (!keyPattern.test(key) || key.split('/').some((part) => part === '.' || part === '..')) {
      throw new Failure('STORE', `${JSON.stringify(key.slice(0, 80))} is not a key`, {
        remedy: 'Use letters, digits, dots, dashes and underscores between slashes.',
      });
    }
    return join(this.location, ...key.split('/'));
  }
}

/** Writes and syncs: a power cut after the seal must not leave an empty file behind a good name. */
async function writeDurably(
  path: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      for (let written = 0; written < chunk.length; ) written += (await file.write(chunk, written)).bytesWritten;
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().catch(() => {});
  await handle.close();
}

async function* walk(folder: string): AsyncGenerator<string> {
  let entries: Awaited<ReturnType<typeof opendir>>;
  try {
    entries = await opendir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new Failure('STORE_LISTING', `${folder} cannot be listed: ${messageOf(error)}`, {
      remedy: 'Check the rights on the folder.',
      cause: error,
    });
  }
  for await (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

function localFailure(what: string, error: unknown, signal?: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (signal?.aborted) return signal.reason instanceof Failure ? signal.reason : cancelled(what);
  const {code = ''} = error as NodeJS.ErrnoException;
  const known: Record<string, readonly [string, string]> = {
    ENOENT: ['STORE_NOT_FOUND', 'Check the folder of the store.'],
    EISDIR: ['STORE_NOT_FOUND', 'Check the key.'],
    ENOTDIR: ['STORE_NOT_FOUND', 'Check the key.'],
    EEXIST: ['STORE_EXISTS', 'Nothing to do: an object is never replaced. A new run uses a new id.'],
    EACCES: ['STORE_DENIED', 'Give this user the right to the folder.'],
    EPERM: ['STORE_DENIED', 'Give this user the right to the folder.'],
    EROFS: ['STORE_DENIED', 'Mount the folder writable.'],
    ENOSPC: ['DISK_FULL', 'Free space on the disk of the store.'],
  };
  const [name, remedy] = known[code] ?? ['STORE', "Read the message; it is the system's own."];
  // An error of the source is the source's to explain.
  if (!code && !(error as NodeJS.ErrnoException).syscall) throw error;
  return new Failure(name, `${what}: ${messageOf(error)}`, {remedy, cause: error});
}
