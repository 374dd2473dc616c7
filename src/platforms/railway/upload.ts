import {ReadableStream} from 'node:stream/web';
import {createGzip} from 'node:zlib';
import {Failure} from '../../kernel/errors.js';
import type {DeployRequest} from '../platform.js';
import {httpFailure} from './answers.js';
import type {HttpAnswer} from './api.js';
import {cleanLine} from './clean.js';
import type {ServiceScope} from './documents.js';
import {markedMessage} from './marker.js';
import type {Session} from './session.js';
import {sourceArchive} from './source-archive.js';

/** Railway's own limit is not published; this is what is held in memory at most. */
const maxBytes = 300_000_000;
const uploadTimeoutMs = 600_000;

/** A gzipped tar, in pieces: joining them would take the memory twice. */
export interface Packed {
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
}

/**
 * The folder as a gzipped tar, in memory as Railway's own client holds it: the request then has a length, and what is
 * sent again after a lost answer is the same, even if a file has changed since.
 * @throws Failure RAILWAY_FOLDER when it cannot be read, RAILWAY_UPLOAD_SIZE when it is too large.
 */
export async function packed(folder: string, tell: (line: string) => void): Promise<Packed> {
  const archive = sourceArchive(folder, tell);
  const zipped = createGzip();
  archive.on('error', (error) => zipped.destroy(error));
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of archive.pipe(zipped)) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw tooLarge('The folder is too large to upload (over 300 MB compressed)');
    }
  } finally {
    archive.destroy();
  }
  return {chunks, bytes};
}

/** Uploads once. @returns the new deployment's id; undefined when the answer holds none. */
export async function upload(
  session: Session,
  target: ServiceScope,
  request: DeployRequest,
  {chunks, bytes}: Packed,
): Promise<string | undefined> {
  const query = new URLSearchParams({serviceId: target.serviceId, message: markedMessage(request.message, request)});
  const url = `${session.api.options.url}/project/${target.projectId}/environment/${target.environmentId}/up?${query}`;
  const headers = {...session.token, 'content-type': 'application/gzip', 'content-length': String(bytes)};
  // `duplex` is not in the types of fetch yet, and required for a body in pieces.
  const init = {method: 'POST', headers, body: ReadableStream.from(chunks), duplex: 'half'} as RequestInit;
  const bounds = {...session.bounds('the upload'), write: true, limitMs: uploadTimeoutMs};
  return idOf(await session.api.fetch('the upload', url, init, bounds));
}

function tooLarge(message: string): Failure {
  return new Failure('RAILWAY_UPLOAD_SIZE', message, {
    remedy: 'Keep what the build does not need out by .railwayignore, or deploy from the repository or an image.',
  });
}

function idOf(answer: HttpAnswer): string | undefined {
  if (answer.status === 200) {
    const id = field(answer.body, 'deploymentId');
    return typeof id === 'string' && id.length > 0 ? id : undefined;
  }
  if (answer.status === 400)
    throw new Failure(
      'RAILWAY_UPLOAD',
      `Railway refused the upload: ${cleanLine(String(field(answer.body, 'message') ?? answer.body), 300)}`,
      {remedy: 'Correct what the message names; nothing was deployed.'},
    );
  if (answer.status === 413) throw tooLarge('Railway refused the upload as too large (HTTP 413)');
  throw httpFailure('the upload', answer.status, answer.body, answer.retryAfterMs);
}

function field(body: string, name: string): unknown {
  try {
    return (JSON.parse(body) as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}
