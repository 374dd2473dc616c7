import {readdir, stat} from 'node:fs/promises';
import {isAbsolute, join} from 'node:path';
import {Failure} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {DeployRequest} from '../platform.js';
import type {Vercel} from './context.js';
import {checkPrebuilt} from './prebuilt-output.js';
import type {Project} from './project.js';
import {type Selection, selectUpload} from './upload-selection.js';
import {selectionBytes} from './upload-staging.js';
import {readVercelConfig, type VercelConfig} from './vercel-config.js';

/** Above this many files one archive is quicker than a request per file, and spares the daily upload limit. */
const archiveAbove = 1_000;
/** The client library holds every file in memory; above this size the archive is made on disk instead. */
const archiveAboveBytes = 200_000_000;
/** The platform's limit for one create request. */
const filesLimit = 15_000;

/** What will be sent, worked out before the platform is asked anything. */
export interface Payload {
  readonly root: string;
  readonly rootDirectory: string | undefined;
  readonly config: VercelConfig;
  /** Sources to send; undefined for prebuilt output. */
  readonly selection: Selection | undefined;
  /** Of the sources; 0 for prebuilt output. */
  readonly bytes: number;
  readonly prebuiltOutput: string | undefined;
  readonly archive: boolean;
  readonly warnings: readonly string[];
}

/** @throws Failure VERCEL_PATH, VERCEL_JSON, VERCEL_PREBUILT or VERCEL_TOO_MANY_FILES; nothing was sent. */
export async function preparePayload(vercel: Vercel, request: DeployRequest, project: Project): Promise<Payload> {
  const root = await uploadFolder(request.path);
  const rootDirectory = project.rootDirectory ?? vercel.settings.rootDirectory;
  await checkRootDirectory(root, rootDirectory);
  const config = await readVercelConfig(root, rootDirectory);
  const base = {root, rootDirectory, config};
  if (vercel.settings.prebuilt) {
    const prebuiltOutput = await checkPrebuilt(root, rootDirectory);
    const count = (await readdir(prebuiltOutput, {recursive: true})).length;
    return {
      ...base,
      selection: undefined,
      bytes: 0,
      prebuiltOutput,
      archive: isArchived(vercel, count, 0),
      warnings: [],
    };
  }
  const selection = await selectUpload(root);
  const count = selection.files.length + selection.links.length;
  const bytes = await selectionBytes(root, selection);
  const archive = isArchived(vercel, count, bytes);
  checkCount(root, count, archive);
  return {...base, selection, bytes, prebuiltOutput: undefined, archive, warnings: leftOut(selection)};
}

function isArchived({settings}: Vercel, count: number, bytes: number): boolean {
  if (settings.archive !== 'auto') return settings.archive === 'tgz';
  return count > archiveAbove || bytes > archiveAboveBytes;
}

async function uploadFolder(path: string | undefined): Promise<string> {
  const remedy = 'Give `path` as the absolute folder to upload; in a monorepo that is the repository’s root.';
  if (path === undefined) throw new Failure('VERCEL_PATH', 'No folder was given to deploy to Vercel', {remedy});
  if (!isAbsolute(path)) throw new Failure('VERCEL_PATH', `The folder ${oneLine(path, 120)} is not absolute`, {remedy});
  if (!(await isFolder(path)))
    throw new Failure('VERCEL_PATH', `The folder ${oneLine(path, 120)} does not exist`, {
      remedy: 'Check out the repository, or build, before this step.',
    });
  return path;
}

async function checkRootDirectory(root: string, rootDirectory: string | undefined): Promise<void> {
  if (rootDirectory === undefined || (await isFolder(join(root, rootDirectory)))) return;
  throw new Failure(
    'VERCEL_PATH',
    `The project’s Root Directory is ${oneLine(rootDirectory, 120)}, and ${oneLine(root, 120)} has no such folder`,
    {
      remedy: 'Give `path` as the repository’s root, or correct the Root Directory in the project’s settings.',
    },
  );
}

function checkCount(root: string, count: number, archive: boolean): void {
  if (count === 0) {
    throw new Failure(
      'VERCEL_PATH',
      `Nothing in ${oneLine(root, 120)} is left to upload after .gitignore and .vercelignore`,
      {
        remedy: 'Give the right folder, or bring files back with `!pattern` lines in .vercelignore.',
      },
    );
  }
  if (archive || count <= filesLimit) return;
  throw new Failure(
    'VERCEL_TOO_MANY_FILES',
    `${count} files are more than the ${filesLimit} that Vercel takes one by one`,
    {
      remedy: 'Set `archive: tgz` (or `auto`), or leave files out with .vercelignore.',
    },
  );
}

function leftOut({environmentFiles}: Selection): string[] {
  if (environmentFiles.length === 0) return [];
  const names = environmentFiles
    .slice(0, 5)
    .map((name) => oneLine(name, 80))
    .join(', ');
  const more = environmentFiles.length > 5 ? ` and ${environmentFiles.length - 5} more` : '';
  return [
    `Not uploaded, since environment files may hold secrets: ${names}${more}. If the build needs one, add a line \`!${oneLine(environmentFiles[0]!, 80)}\` to .vercelignore.`,
  ];
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
