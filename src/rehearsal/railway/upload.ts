import type {Exchange} from '../stand-in.js';
import {sendJson} from '../stand-in.js';
import type {Access} from './access.js';
import {startDeployment} from './lifecycle.js';
import {newId, serviceOf, type World} from './world.js';

/** The upload endpoint: a gzipped tar of the source becomes a deployment without a commit. Not GraphQL. */

export const uploadPath = /^\/project\/([^/]+)\/environment\/([^/]+)\/up$/;

/** Above this the platform answers 413; its real limit is not published. */
const maxBytes = 100 * 1024 * 1024;

export function acceptUpload(world: World, access: Access, {url, body, response, request}: Exchange): void {
  const [, projectId, environmentId] = uploadPath.exec(url.pathname) ?? [];
  const service = serviceOf(world, url.searchParams.get('serviceId') ?? '');
  const foreign = projectId !== world.project.projectId || environmentId !== world.project.environmentId || !service;
  if (access.refusal || foreign) return void sendJson(response, 401, {message: access.refusal ?? 'Not Authorized'});
  if (body.length > maxBytes) return void tooLarge(response);
  const gzipped = body[0] === 0x1f && body[1] === 0x8b;
  if (request.headers['content-type'] !== 'application/gzip' || !gzipped)
    return void sendJson(response, 400, {message: 'The body must be a gzipped tar (application/gzip)'});
  const message = url.searchParams.get('message') ?? undefined;
  const deployment = startDeployment(world, {
    service,
    source: {kind: 'upload', message, archive: body},
    cause: 'upload',
    builds: true,
  });
  const id = deployment?.id ?? newId();
  const dashboard = `https://railway.com/project/${projectId}/service/${service.id}?id=${id}&environmentId=${environmentId}`;
  sendJson(response, 200, {
    deploymentId: id,
    url: dashboard,
    logsUrl: `${dashboard}&tab=logs`,
    deploymentDomain: world.hostOf(service.id) ?? null,
  });
}

function tooLarge(response: Exchange['response']): void {
  response.writeHead(413, {'content-type': 'text/plain'});
  response.end('Payload Too Large');
}
