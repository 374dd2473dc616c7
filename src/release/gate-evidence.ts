import {mkdir, readdir, readFile, stat, writeFile} from 'node:fs/promises';
import {dirname, extname, join, resolve} from 'node:path';
import {type MergedRecord, mergeRecords} from '../gate/merge.js';
import type {EvidenceRecord} from '../gate/record.js';
import {Failure, type Problem, refusal} from '../kernel/errors.js';
import {gateSvg} from '../report/gate-svg.js';

/** Writes the record and, beside it, its plots. @returns the record's path. */
export async function writeEvidence(path: string, record: EvidenceRecord | MergedRecord): Promise<string> {
  await mkdir(dirname(path), {recursive: true});
  await writeFile(path, `${JSON.stringify(record)}\n`);
  if ('checks' in record) await writeFile(withExtension(path, '.svg'), gateSvg(record));
  return path;
}

function withExtension(path: string, extension: string): string {
  return `${path.slice(0, path.length - extname(path).length)}${extension}`;
}

const maxBytes = 64 * 1024 * 1024;

/**
 * Reads the evidence of several places and joins it.
 * @param paths files, or folders whose `.json` files are all taken.
 * @throws refusal EVIDENCE when a file is missing or no JSON; what a sound file proves is `mergeRecords`' matter.
 */
export async function mergeEvidence(paths: readonly string[], root: string): Promise<MergedRecord> {
  const problems: Problem[] = [];
  const files: string[] = [];
  for (const path of paths) files.push(...(await filesAt(resolve(root, path), path, problems)));
  const records: EvidenceRecord[] = [];
  for (const file of files) {
    const record = await readRecord(file, problems);
    if (record) records.push(record);
  }
  if (problems.length) throw refusal('EVIDENCE', 'The evidence to merge was', problems);
  if (records.length === 0)
    throw new Failure('EVIDENCE', 'There is no evidence to merge', {
      remedy: "Download the places' artifacts first and pass their folder as `merge`.",
    });
  return mergeRecords(records);
}

async function filesAt(path: string, shown: string, problems: Problem[]): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, {recursive: true, withFileTypes: true});
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch {
    problems.push({
      where: `input \`merge\`, ${shown}`,
      what: 'cannot be read',
      remedy: 'Download the artifacts with the evidence before this step',
    });
    return [];
  }
}

async function readRecord(file: string, problems: Problem[]): Promise<EvidenceRecord | undefined> {
  try {
    if ((await stat(file)).size > maxBytes) throw new Error('larger than 64 MiB');
    const value = JSON.parse(await readFile(file, 'utf8')) as unknown;
    if (typeof value === 'object' && value !== null && 'schema' in value) return value as EvidenceRecord;
    throw new Error('no evidence record');
  } catch {
    problems.push({where: file, what: 'is no evidence record', remedy: 'Pass files that the health-gate action wrote'});
    return undefined;
  }
}
