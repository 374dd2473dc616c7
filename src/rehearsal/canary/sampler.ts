import {readdir, readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {leaksIn} from './shapes.js';

/** A file that held a secret at some moment of a run. */
export interface Sighting {
  readonly file: string;
  readonly leaks: readonly string[];
  /** Nobody but its owner may read it. */
  readonly isPrivate: boolean;
}

const largest = 4 * 1024 * 1024;

/**
 * Reads what is written below folders again and again until stopped, each file once per change, so that files are seen
 * that a step removes before it ends.
 */
export function sampleFiles(
  folders: readonly string[],
  secrets: Readonly<Record<string, string>>,
  everyMs = 150,
): {stop(): Promise<Sighting[]>} {
  const read = new Map<string, string>();
  const sightings = new Map<string, Sighting>();
  let running = true;
  const look = async () => {
    for (const file of (await Promise.all(folders.map(filesIn))).flat()) {
      const about = await stat(file).catch(() => undefined);
      const version = `${about?.mtimeMs} ${about?.size}`;
      if (!about || about.size > largest || read.get(file) === version) continue;
      read.set(file, version);
      const leaks = leaksIn({[file]: await readFile(file, 'latin1').catch(() => '')}, secrets);
      if (leaks.length) sightings.set(file, {file, leaks, isPrivate: (about.mode & 0o077) === 0});
    }
  };
  const sampling = (async () => {
    while (running) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    async stop() {
      running = false;
      await sampling;
      return [...sightings.values()];
    },
  };
}

/** Git's objects are compressed and come from the product's own commits. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true}).catch(() => []);
  return entries
    .filter(
      (entry) =>
        entry.isFile() && !entry.parentPath.includes('/.git/objects') && !entry.parentPath.includes('/node_modules'),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}
