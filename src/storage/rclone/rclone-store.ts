import {join} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {type ChildExit, childFailure, outputOf, startChild, succeeded} from '../../kernel/child.js';
import {cancelled, Failure} from '../../kernel/errors.js';
import type {PutOptions, Store, StoredObject, StoreFacts, UnfinishedUpload, UploadOptions} from '../store.js';

export interface RcloneSettings {
  /** Remote and path, such as `gdrive:backups/shop`. */
  readonly remote: string;
  /** rclone's own settings travel in RCLONE_… variables, so that nothing secret is an argument. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Objects are written under this name first, and moved when they are whole: a killed rclone leaves nothing under a real key. */
const unfinishedFolder = '.unfinished';

/** A store on any cloud that rclone speaks to, through the rclone program. */
export function openRcloneStore(settings: RcloneSettings): Store {
  return new RcloneStore(settings);
}

class RcloneStore implements Store {
  readonly location: string;
  readonly traits = {versioned: false, conditional: false};
  readonly #env: Record<string, string>;

  constructor({remote, env}: RcloneSettings) {
    this.location = remote.replace(/\/+$/, '');
    const kept = Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        /^(PATH|HOME|XDG_CONFIG_HOME|SSL_CERT_\w+|https?_proxy|RCLONE_\w+|AWS_\w+|GOOGLE_\w+|AZURE_\w+)$/i.test(
          entry[0],
        ),
    );
    this.#env = Object.fromEntries(kept);
  }

  async put(key: string, body: Buffer, options: PutOptions = {}): Promise<StoredObject> {
    async function* once() {
      yield body;
    }
    return this.upload(key, once(), options);
  }

  async upload(key: string, source: AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<StoredObject> {
    if (options.ifAbsent) await this.#refuseExisting(key);
    const id = `${encodeURIComponent(key)}.${process.hrtime.bigint().toString(36)}`;
    const upload = {key, id, startedMs: Date.now()};
    options.onStarted?.(upload);
    try {
      const bytes = await this.#send(`${unfinishedFolder}/${id}`, source, options.signal);
      if (options.ifAbsent) await this.#refuseExisting(key);
      await this.#expect(
        `Storing ${key}`,
        ['moveto', this.#path(`${unfinishedFolder}/${id}`), this.#path(key)],
        options.signal,
      );
      const stored = await this.head(key);
      if (stored?.bytes !== bytes)
        throw new Failure('STORE', `${key} has ${stored?.bytes ?? 'no'} instead of ${bytes} bytes after the upload`, {
          remedy: 'Run again; if it repeats, use another store.',
          retryable: true,
        });
      return stored;
    } catch (error) {
      await this.abandon(upload);
      if (options.signal?.aborted)
        throw options.signal.reason instanceof Failure ? options.signal.reason : cancelled(`Storing ${key}`);
      throw error;
    }
  }

  async get(key: string, options: {range?: readonly [number, number]; signal?: AbortSignal} = {}): Promise<Readable> {
    // rclone prints nothing for a missing object before it fails, which would read as an empty one.
    if (!(await this.head(key))) throw notFound(key);
    const range = options.range
      ? ['--offset', String(options.range[0]), '--count', String(options.range[1] - options.range[0] + 1)]
      : [];
    return Readable.from(this.#read(key, range, options.signal), {objectMode: false});
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const exit = await this.#run(['lsjson', '--stat', '--no-mimetype', this.#path(key)]);
    if (isAbsent(exit)) return undefined;
    if (!succeeded(exit)) throw rcloneFailure(`Looking at ${key}`, exit);
    const item = JSON.parse(exit.stdout || 'null') as Item | null;
    return item && !item.IsDir ? {key, bytes: item.Size, modifiedMs: Date.parse(item.ModTime)} : undefined;
  }

  async *list(prefix: string, options: {signal?: AbortSignal} = {}): AsyncIterable<StoredObject> {
    const folder = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    for (const item of await this.#listFolder(folder, options.signal)) {
      const key = folder ? `${folder}/${item.Path}` : item.Path;
      if (key.startsWith(prefix) && !key.startsWith(`${unfinishedFolder}/`))
        yield {key, bytes: item.Size, modifiedMs: Date.parse(item.ModTime)};
    }
  }

  async delete(key: string): Promise<void> {
    // rclone's answer to deleting what is not there is an error like any other, so it is asked first.
    if (!(await this.head(key))) return;
    const exit = await this.#run(['deletefile', this.#path(key)]);
    if (!succeeded(exit) && !isAbsent(exit)) throw rcloneFailure(`Deleting ${key}`, exit);
  }

  async *unfinished(prefix: string): AsyncIterable<UnfinishedUpload> {
    for (const item of await this.#listFolder(unfinishedFolder)) {
      const key = keyOfUnfinished(item.Path);
      if (key?.startsWith(prefix)) yield {key, id: item.Path, startedMs: Date.parse(item.ModTime)};
    }
  }

  async abandon({id}: UnfinishedUpload): Promise<void> {
    await this.delete(join(unfinishedFolder, id));
  }

  /** rclone passes nothing of the kind on. */
  async facts(): Promise<StoreFacts> {
    return {};
  }

  async #send(key: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<number> {
    let bytes = 0;
    async function* counted() {
      for await (const chunk of source) {
        signal?.throwIfAborted();
        bytes += chunk.length;
        // The pipe reads ahead, and the source may use its memory again.
        yield Buffer.from(chunk);
      }
      signal?.throwIfAborted();
    }
    const child = startChild({
      command: 'rclone',
      args: ['rcat', this.#path(key), ...options],
      env: this.#env,
      stdin: 'pipe',
      ...(signal ? {signal} : {}),
    });
    child.stdout?.resume();
    try {
      await pipeline(Readable.from(counted()), child.stdin!);
    } catch (error) {
      // The end of its input is what rclone takes for success: a broken source has to stop it first.
      child.process.kill('SIGKILL');
      const exit = await child.exit;
      if ((error as {code?: string}).code === 'EPIPE') throw rcloneFailure(`Uploading ${key}`, exit);
      throw error;
    }
    const exit = await child.exit;
    if (!succeeded(exit)) throw rcloneFailure(`Uploading ${key}`, exit);
    return bytes;
  }

  async *#read(key: string, range: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const child = startChild({
      command: 'rclone',
      args: ['cat', ...range, this.#path(key), ...options],
      env: this.#env,
      ...(signal ? {signal} : {}),
    });
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      const exit = await child.exit;
      if (signal?.aborted) throw cancelled(`Reading ${key}`);
      if (!succeeded(exit)) throw rcloneFailure(`Reading ${key}`, exit);
    } finally {
      child.stop();
    }
  }

  async #listFolder(folder: string, signal?: AbortSignal): Promise<Item[]> {
    const args = ['lsjson', '--recursive', '--files-only', '--no-mimetype', this.#path(folder)];
    const exit: ChildExit & {readonly stdout: string} = await this.#run(args, signal);
    const absent: boolean = isAbsent(exit);
    if (absent) return [];
    if (!succeeded(exit)) throw rcloneFailure(`Listing ${folder}`, exit, 'STORE_LISTING');
    return JSON.parse(exit.stdout) as Item[];
  }

  async #refuseExisting(key: string): Promise<void> {
    if (await this.head(key))
      throw new Failure('STORE_EXISTS', `${key} exists already`, {
        remedy: 'Nothing to do: an object is never replaced. A new run uses a new id.',
      });
  }

  async #expect(what: string, args: readonly string[], signal?: AbortSignal): Promise<void> {
    const exit = await this.#run(args, signal);
    if (!succeeded(exit)) throw rcloneFailure(what, exit);
  }

  #run(args: readonly string[], signal?: AbortSignal): Promise<ChildExit & {readonly stdout: string}> {
    return outputOf({
      command: 'rclone',
      args: [...args, ...options],
      env: this.#env,
      outputLimit: 256 * 1024 * 1024,
      ...(signal ? {signal} : {}),
    });
  }

  #path(key: string): string {
    return key ? `${this.location}/${key}` : this.location;
  }
}

/** Undefined for what is not ours. From 1.63 on rclone itself adds `.<digits>.partial` while it writes to a folder. */
function keyOfUnfinished(name: string): string | undefined {
  const match = /^(.+?)\.[0-9a-z]+(\.[0-9a-f]{8}\.partial)?$/.exec(name);
  try {
    return match ? decodeURIComponent(match[1]!) : undefined;
  } catch {
    return undefined;
  }
}

interface Item {
  readonly Path: string;
  readonly Size: number;
  readonly ModTime: string;
  readonly IsDir?: boolean;
}

const options = ['--retries', '3', '--low-level-retries', '5', '--contimeout', '10s', '--timeout', '120s'];

/** rclone's exit codes: 3 folder not found, 4 file not found. */
function isAbsent(exit: ChildExit): boolean {
  return exit.code === 3 || exit.code === 4;
}

function notFound(key: string): Failure {
  return new Failure('STORE_NOT_FOUND', `There is no ${key}`, {remedy: 'Check the remote and its path.'});
}

function rcloneFailure(what: string, exit: ChildExit, fallback = 'STORE'): Failure {
  if (exit.startError)
    return new Failure('STORE', `${what}: rclone is not on this machine`, {
      remedy: 'Install it before this step: `sudo apt-get install -y rclone`.',
    });
  if (isAbsent(exit)) return notFound(what);
  const code =
    exit.code === 5
      ? 'STORE_UNAVAILABLE'
      : /denied|forbidden|unauthori[sz]ed/i.test(exit.stderr)
        ? 'STORE_DENIED'
        : fallback;
  const failure = childFailure(code, what, exit, "Read the lines above; they are rclone's own.");
  return code === 'STORE_UNAVAILABLE'
    ? new Failure(code, failure.message, {remedy: failure.remedy, retryable: true})
    : failure;
}
