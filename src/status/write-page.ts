import {randomBytes} from 'node:crypto';
import {mkdir, rename, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import type {Snapshot} from '../monitor/snapshot.js';
import {pageFiles} from './page-files.js';

/**
 * Writes the status page into a folder that any web server can serve: the page itself, `status.json` for the first view
 * and one file a service for its chart. Each file is replaced in one step, the status last, so that a reader never sees
 * half of one or a status whose charts are missing.
 */
export async function writePage(folder: string, snapshot: Snapshot): Promise<void> {
  for (const [name, text] of pageTexts(snapshot)) await put(join(folder, name), text);
}

/** Name and text of each file of the page, `status.json` last. */
export function pageTexts(snapshot: Snapshot): Array<[name: string, text: string]> {
  return [
    ...Object.entries(pageFiles),
    ...[...snapshot.series].map(([name, content]): [string, string] => [name, JSON.stringify(content)]),
    ['status.json', JSON.stringify(snapshot.status)],
  ];
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  const aside = `${path}.${randomBytes(4).toString('hex')}.new`;
  await writeFile(aside, text);
  await rename(aside, path);
}
