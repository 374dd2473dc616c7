import {Readable} from 'node:stream';
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

/** Uploads the folder once. @returns the new deployment's id; undefined when the answer holds none. */
export async function upload(
  session: Session,
  target: ServiceScope,
  request: DeployRequest,
): Promise<string | undefined> {
  const query = new URLSearchParams({
    serviceId: target.serviceId,
    message: markedMessage(request.message, request),
    source: 'switchback',
    op: 'up',
  });
  const url = `${session.api.options.url}/project/${target.projectId}/environment/${target.environmentId}/up?${query}`;
  const archive = sourceArchive(request.path!, (line) => session.call.progress(line));
  const zipped = createGzip();
  // A folder that cannot be read breaks the request too; then the network is not to blame.
  let unreadable: Error | undefined;
  archive.on('error', (error) => {
    unreadable = error;
    zipped.destroy(error);
  });
  try {
    const headers = {...session.token, 'content-type': 'application/gzip'};
    // `duplex` is not in the types of fetch yet, and required for a streamed body.
    const init = {method: 'POST', headers, body: Readable.toWeb(archive.pipe(zipped)), duplex: 'half'} as RequestInit;
    const answer = await session.api.fetch('the upload', url, init, {...session.bounds('the upload'), write: true});
    return idOf(answer);
  } catch (error) {
    throw unreadable ?? error;
  } finally {
    archive.destroy();
    zipped.destroy();
  }
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
  if (answer.status === 413)
    throw new Failure('RAILWAY_UPLOAD_SIZE', 'Railway refused the upload as too large (HTTP 413)', {
      remedy: 'Keep what the build does not need out by .railwayignore, or deploy from the repository or an image.',
    });
  throw httpFailure('the upload', answer.status, answer.body, answer.retryAfterMs);
}

function field(body: string, name: string): unknown {
  try {
    return (JSON.parse(body) as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}
