import {copyFile, link, lstat, mkdir, mkdtemp, readlink, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {Failure, messageOf} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Selection} from './upload-selection.js';

export interface StagedUpload extends AsyncDisposable {
  /** Absolute folder that holds the selection and nothing else. */
  readonly path: string;
}

/**
 * Lays the selected files out in a folder of their own. The platform's client takes either a whole folder, with its
 * own idea of what to leave out, or a list of files whose folders it forgets; so the folder is made to fit.
 * Files are hard links where the disk allows it: no bytes are copied.
 */
export async function stageUpload(root: string, selection: Selection, where?: string): Promise<StagedUpload> {
  const path = await temporaryFolder('switchback-upload-', where);
  const dispose = () => rm(path, {recursive: true, force: true});
  try {
    await fill(root, path, selection);
  } catch (error) {
    await dispose();
    throw stageFailure(error);
  }
  return {path, [Symbol.asyncDispose]: dispose};
}

/** A new folder of our own; by default on the runner's disk, which is that of the workspace. */
export async function temporaryFolder(prefix: string, where?: string): Promise<string> {
  try {
    return await mkdtemp(join(where ?? process.env.RUNNER_TEMP ?? tmpdir(), prefix));
  } catch (error) {
    throw stageFailure(error);
  }
}

const stageFailure = (error: unknown): Failure =>
  new Failure('VERCEL_STAGE', `The upload could not be laid out on this disk: ${oneLine(messageOf(error), 200)}`, {
    remedy:
      'Check that the temporary folder exists and has room, and that nothing changes the folder during the deployment.',
  });

async function fill(root: string, path: string, selection: Selection): Promise<void> {
  const all = [...selection.files, ...selection.links];
  const folders = new Set([...selection.emptyFolders, ...all.map((file) => dirname(file))]);
  for (const folder of folders) await mkdir(join(path, folder), {recursive: true});
  await inTurns(selection.files, (file) => linkOrCopy(join(root, file), join(path, file)));
  await inTurns(selection.links, async (file) => symlink(await readlink(join(root, file)), join(path, file)));
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // Another disk, a file system without hard links, or a kernel that protects files of other owners.
    if (
      !['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EACCES', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      throw error;
    await copyFile(from, to);
  }
}

/** At most 32 at a time, so that a large folder does not use up file handles. */
async function inTurns(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
  };
  await Promise.all(Array.from({length: 32}, worker));
}

/** Bytes of the selected files, for the log. */
export async function selectionBytes(root: string, selection: Selection): Promise<number> {
  let bytes = 0;
  await inTurns(selection.files, async (file) => {
    bytes += (await lstat(join(root, file))).size;
  });
  return bytes;
}
