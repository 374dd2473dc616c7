import {randomUUID} from 'node:crypto';
import {createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {decide, type EdgeRequest} from './edge-rules.js';
import {restart} from './instance.js';
import type {RequestRecord, ServiceRecord} from './records.js';
import type {World} from './world.js';

/**
 * The public front of one service: edge rules first, then the deployment that has the traffic. It counts every request
 * for the metrics.
 */
interface Front {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  close(): Promise<void>;
}

/** The open fronts by service. */
export class Fronts {
  private readonly fronts = new Map<string, Front>();

  async open(world: () => World, serviceId: string): Promise<void> {
    if (!this.fronts.has(serviceId)) this.fronts.set(serviceId, await startFront(world, serviceId));
  }

  hostOf(serviceId: string): string | undefined {
    return this.fronts.get(serviceId)?.host;
  }

  async close(): Promise<void> {
    const open = [...this.fronts.values()];
    this.fronts.clear();
    await Promise.all(open.map((front) => front.close()));
  }
}

async function startFront(world: () => World, serviceId: string): Promise<Front> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    const service = world().services.find((candidate) => candidate.id === serviceId)!;
    serve(world(), service, request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {host: `127.0.0.1:${(server.address() as AddressInfo).port}`, close};
}

/** One visit: what is known when it begins, and what the record takes when it ends. */
interface Visit {
  readonly id: string;
  readonly startedMs: number;
  readonly atMs: number;
  rxBytes: number;
  txBytes: number;
  upstreamMs: number;
  upstreamError: string;
  blocked: boolean;
  deploymentId?: string;
  instanceId?: string;
}

function serve(world: World, service: ServiceRecord, request: IncomingMessage, response: ServerResponse): void {
  const visit: Visit = {
    id: randomUUID(),
    startedMs: performance.now(),
    atMs: world.now(),
    rxBytes: 0,
    txBytes: 0,
    upstreamMs: 0,
    upstreamError: '',
    blocked: false,
  };
  response.on('close', () => record(service, visit, request, response));
  if (!passesEdge(world, service, visit, request, response)) return;
  route(world, service, visit, request, response);
}

function record(service: ServiceRecord, visit: Visit, request: IncomingMessage, response: ServerResponse): void {
  const entry: RequestRecord = {
    id: visit.id,
    atMs: visit.atMs,
    method: request.method ?? 'GET',
    path: pathOf(request),
    host: request.headers.host ?? '',
    // A visitor who went away before an answer is what the platform's edge notes as 499.
    status: response.headersSent ? response.statusCode : 499,
    durationMs: performance.now() - visit.startedMs,
    upstreamMs: visit.upstreamMs,
    srcIp: '127.0.0.1',
    userAgent: request.headers['user-agent'] ?? '',
    rxBytes: visit.rxBytes,
    txBytes: visit.txBytes,
    deploymentId: visit.deploymentId,
    instanceId: visit.instanceId,
    upstreamError: visit.upstreamError,
    blocked: visit.blocked,
  };
  service.requests.push(entry);
}

/** @returns false when the edge answered itself. */
function passesEdge(
  world: World,
  service: ServiceRecord,
  visit: Visit,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const decision = decide(service.edge.inForce, edgeRequest(request));
  const attacked = (service.edge.underAttackUntilS ?? 0) * 1_000 > world.now();
  if (decision.action === 'forward' && !attacked) return true;
  visit.blocked = true;
  request.resume();
  if (decision.action === 'redirect') answer(response, decision.status, '', {location: decision.location});
  else if (decision.action === 'block') answer(response, decision.status, decision.body);
  else answer(response, attacked ? 429 : 403, 'Verify that you are human');
  return false;
}

function edgeRequest(request: IncomingMessage): EdgeRequest {
  const url = new URL(request.url ?? '/', 'http://front.invalid');
  return {
    ipv4: '127.0.0.1',
    host: (request.headers.host ?? '').split(':')[0]!.toLowerCase(),
    path: url.pathname,
    query: url.search,
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
  };
}

function route(
  world: World,
  service: ServiceRecord,
  visit: Visit,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const deployment = service.serving;
  if (!deployment)
    return void answer(
      response,
      404,
      JSON.stringify({status: 'error', code: 404, message: 'Application not found', request_id: visit.id}),
    );
  visit.deploymentId = deployment.id;
  visit.instanceId = deployment.instances[0]?.id;
  if (deployment.status === 'SLEEPING') {
    void restart(world, service, deployment);
    return void failed(response, visit, 'the service is waking up');
  }
  const stopped = deployment.stopped && deployment.status === 'SUCCESS';
  if (stopped && world.answers.stoppedFront === 'hang') return;
  if (!deployment.container && deployment.source.kind === 'image' && !deployment.stopped)
    return void answer(response, 200, `pretended container of ${deployment.source.image}`);
  if (!deployment.container?.running()) return void failed(response, visit, 'connection refused');
  proxy(deployment.container.port, visit, request, response);
}

function proxy(port: number, visit: Visit, request: IncomingMessage, response: ServerResponse): void {
  const startedMs = performance.now();
  const headers = {
    ...request.headers,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': request.headers.host,
    'x-request-id': visit.id,
  };
  const upstream = httpRequest({
    host: '127.0.0.1',
    port,
    method: request.method,
    path: request.url,
    headers,
    agent: false,
  });
  upstream.on('response', (incoming) => {
    visit.upstreamMs = performance.now() - startedMs;
    response.writeHead(incoming.statusCode ?? 502, {
      ...withoutHopByHop(incoming.headers),
      'x-railway-request-id': visit.id,
    });
    incoming.on('data', (chunk: Buffer) => (visit.txBytes += chunk.length));
    incoming.on('error', () => response.destroy());
    incoming.pipe(response);
  });
  upstream.on('error', (error) => {
    visit.upstreamMs = performance.now() - startedMs;
    if (response.headersSent) response.destroy();
    else failed(response, visit, error.message);
  });
  request.on('data', (chunk: Buffer) => (visit.rxBytes += chunk.length));
  // A visitor who leaves must not keep the application busy.
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}

function withoutHopByHop(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const {connection: _connection, 'keep-alive': _keepAlive, 'transfer-encoding': _encoding, ...rest} = headers;
  return rest;
}

function failed(response: ServerResponse, visit: Visit, upstreamError: string): void {
  visit.upstreamError = upstreamError;
  answer(
    response,
    502,
    JSON.stringify({status: 'error', code: 502, message: 'Application failed to respond', request_id: visit.id}),
  );
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  const type = body.startsWith('{') ? 'application/json' : 'text/plain; charset=utf-8';
  response.writeHead(status, {
    server: 'railway-edge',
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'http://front.invalid').pathname;
}
