import {randomBytes} from 'node:crypto';
import {appendFile, mkdir, open, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {Failure} from '../kernel/errors.js';

/**
 * Where history lies: a folder, a git branch, a bucket. Names are such as `rounds/2026-11-23.log`. Two writers may use
 * it at the same time; an append of one may be seen torn by a reader after a kill, but never mixed with another.
 */
export interface HistoryFiles {
  /** For people; no secrets. */
  readonly location: string;
  /** Names below a folder, in no promised order. */
  list(folder: string): Promise<string[]>;
  /** Whole text; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
  append(name: string, text: string): Promise<void>;
  /** Replaces the text in one step: readers see the old or the new one. */
  replace(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** @returns false when the name is taken. */
  create(name: string, text: string): Promise<boolean>;
  /** Makes everything above lasting, where that takes a step of its own (a push). */
  flush(): Promise<void>;
}

/** History in a folder. Appends are single writes in append mode, so that two writers never overwrite each other. */
export function folderFiles(root: string): HistoryFiles {
  const path = (name: string) => join(root, name);
  const prepare = (name: string) => mkdir(dirname(path(name)), {recursive: true});
  return {
    location: root,
    list: async (folder) => {
      const names = await readdir(path(folder)).catch(absent<string[]>([]));
      return names.filter((name) => !name.startsWith('.')).map((name) => `${folder}/${name}`);
    },
    read: (name) => readFile(path(name), 'utf8').catch(absent<string | undefined>(undefined)),
    append: async (name, text) => {
      await prepare(name);
      await appendFile(path(name), text);
    },
    replace: async (name, text) => {
      await prepare(name);
      const aside = join(dirname(path(name)), `.${randomBytes(6).toString('hex')}.new`);
      try {
        await writeDurably(aside, text);
        await rename(aside, path(name));
      } catch (error) {
        await rm(aside, {force: true});
        throw unwritable(root, error);
      }
    },
    remove: (name) => rm(path(name), {force: true}),
    create: async (name, text) => {
      await prepare(name);
      return writeFile(path(name), text, {flag: 'wx'}).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw unwritable(root, error);
        },
      );
    },
    flush: async () => {},
  };
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function absent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };
}

function unwritable(root: string, cause: unknown): Failure {
  return new Failure('HISTORY', `The monitor's history in ${root} cannot be written`, {
    remedy: 'Check that the folder exists, may be written, and has room.',
    cause,
  });
}

/** History in memory, for tests and simulations. */
export function memoryFiles(): HistoryFiles & {readonly texts: Map<string, string>} {
  const texts = new Map<string, string>();
  return {
    texts,
    location: 'memory',
    list: async (folder) => [...texts.keys()].filter((name) => name.startsWith(`${folder}/`)),
    read: async (name) => texts.get(name),
    append: async (name, text) => void texts.set(name, (texts.get(name) ?? '') + text),
    replace: async (name, text) => void texts.set(name, text),
    remove: async (name) => void texts.delete(name),
    create: async (name, text) => !texts.has(name) && Boolean(texts.set(name, text)),
    flush: async () => {},
  };
}
