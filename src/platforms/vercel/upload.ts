import {formatBytes} from '../../kernel/bytes.js';
import {Failure} from '../../kernel/errors.js';
import type {PlatformCall} from '../platform.js';
import {uploadAndCreate} from './client-library.js';
import type {Vercel} from './context.js';
import type {Json} from './json.js';
import type {Payload} from './payload.js';
import type {Project} from './project.js';
import {openArchive} from './upload-archive.js';
import type {Selection} from './upload-selection.js';
import {stageUpload} from './upload-staging.js';

/** Something ready to be sent; what it laid on disk goes away with it. */
export interface Upload extends AsyncDisposable {
  /**
   * Sends what the platform lacks and creates one deployment. Sent files are kept by the platform: a repeat is quick.
   * @throws Failure; `retryable` means that the answer may have been lost, so look before asking again.
   */
  create(): Promise<Json>;
}

/** @param body of the create request, without files. */
export async function openUpload(
  vercel: Vercel,
  payload: Payload,
  project: Project,
  body: Json,
  call: PlatformCall,
): Promise<Upload> {
  const {selection} = payload;
  if (!selection) return libraryUpload(vercel, payload, project, payload.root, body, call);
  call.progress(
    `Vercel: ${selection.files.length} files, ${formatBytes(payload.bytes)}${payload.archive ? ', as one archive' : ''}.`,
  );
  if (payload.archive) return openArchive(vercel, payload.root, selection, body, call);
  return staged(vercel, payload, project, selection, body, call);
}

async function staged(
  vercel: Vercel,
  payload: Payload,
  project: Project,
  selection: Selection,
  body: Json,
  call: PlatformCall,
): Promise<Upload> {
  const folder = await stageUpload(payload.root, selection, vercel.settings.temporaryFolder);
  return {
    ...libraryUpload(vercel, payload, project, folder.path, body, call),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function libraryUpload(
  vercel: Vercel,
  payload: Payload,
  project: Project,
  path: string,
  body: Json,
  call: PlatformCall,
): Upload {
  const create = () =>
    uploadAndCreate({
      token: vercel.settings.token,
      teamId: teamOf(vercel, project),
      apiUrl: vercel.settings.apiUrl,
      path,
      archive: payload.archive,
      prebuiltOutput: payload.prebuiltOutput,
      rootDirectory: payload.rootDirectory,
      body,
      signal: call.signal,
      progress: call.progress,
    });
  return {create, [Symbol.asyncDispose]: async () => undefined};
}

/** The client library knows team ids only; the project tells the id of its team. */
function teamOf(vercel: Vercel, project: Project): string | undefined {
  const given = vercel.settings.team;
  if (project.teamId !== undefined || given === undefined) return project.teamId;
  if (given.startsWith('team_')) return given;
  throw new Failure('VERCEL_SCOPE', `Vercel did not tell the id of the team ${given}`, {
    remedy: 'Give `team` as the `team_…` id from the team’s settings page.',
  });
}
