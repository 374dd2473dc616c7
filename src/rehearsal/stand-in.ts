import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

/**
 * What all HTTP stand-ins share: a listener on 127.0.0.1, a journal of requests with secrets removed, and faults by
 * route. It knows nothing of any platform, and nothing of the adapters that stand-ins are there to test.
 */

export interface Recorded {
  readonly atMs: number;
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or text, or the number of bytes for anything else. */
  readonly body: unknown;
  status: number;
  /** When its answer had left, or its connection was gone; undefined until then. */
  endedMs?: number;
  /** The fault that was played, when one was. */
  fault?: string;
  /** A name given by the stand-in, such as a GraphQL operation. */
  operation?: string;
}

export type FaultKind =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  | {readonly kind: 'delay'; readonly ms: number}
  /** The connection is closed; the request had no effect. */
  | {readonly kind: 'close-before'}
  /** The request takes effect, and the connection is closed instead of an answer. */
  | {readonly kind: 'close-after'}
  /**
   * `act` is called before the request takes effect (which it then never does), after its effect instead of the answer,
   * or once the answer was sent: the three moments at which a client may die.
   */
  | {
      readonly kind: 'disturb';
      readonly when: 'before' | 'applied' | 'answered';
      readonly act: (recorded: Recorded) => void | Promise<void>;
    };

export interface Fault {
  /** `METHOD /path/pattern` with `*` for any run of characters, or the operation's name. */
  readonly route: string;
  readonly fault: FaultKind;
  /** How many matching requests it hits; default 1. */
  times?: number;
  /** How many matching requests pass before it starts; default 0. */
  skip?: number;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: Buffer;
  readonly recorded: Recorded;
}

export interface StandIn extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, no trailing slash. */
  readonly url: string;
  readonly requests: Recorded[];
  readonly faults: Fault[];
  close(): Promise<void>;
}

export interface StandInOptions {
  readonly port?: number;
  /** Names an operation for faults and the journal before it is handled. */
  readonly operationOf?: (url: URL, body: Buffer, request: IncomingMessage) => string | undefined;
  /** Requests whose body should not be collected but streamed by the handler. */
  readonly streamBody?: (request: IncomingMessage) => boolean;
  /** Told of each finished request. */
  readonly onRequest?: (recorded: Recorded) => void;
}

export async function startStandIn(
  handle: (exchange: Exchange) => Promise<void> | void,
  options: StandInOptions = {},
): Promise<StandIn> {
  const requests: Recorded[] = [];
  const faults: Fault[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      process.emitWarning(`stand-in failed: ${error instanceof Error ? error.stack : String(error)}`);
      if (!response.headersSent) response.writeHead(500, {'content-type': 'text/plain'});
      response.end('stand-in failed');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in.invalid');
    const body = options.streamBody?.(request) ? Buffer.alloc(0) : await collect(request);
    const recorded: Recorded = {
      atMs: Date.now(),
      method: request.method ?? 'GET',
      path: url.pathname,
      query: Object.fromEntries(
        [...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key)]),
      ),
      headers: redactHeaders(request.headers),
      body: readable(request.headers['content-type'], body),
      status: 0,
    };
    const operation = options.operationOf?.(url, body, request);
    if (operation) recorded.operation = operation;
    requests.push(recorded);
    response.on('close', () => {
      recorded.endedMs = Date.now();
      recorded.status = response.headersSent ? response.statusCode : 0;
      options.onRequest?.(recorded);
    });
    const fault = takeFault(faults, recorded);
    if (fault) recorded.fault = fault.kind;
    if (fault?.kind === 'delay') await sleep(fault.ms);
    if (fault?.kind === 'disturb' && fault.when === 'before') await fault.act(recorded);
    if (fault?.kind === 'close-before' || (fault?.kind === 'disturb' && fault.when === 'before'))
      return void request.socket.destroy();
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, {'content-type': 'text/html', ...fault.headers});
      return void response.end(fault.body ?? '');
    }
    // The effect happens, the answer is lost: the case that duplicate-safe callers are written for.
    if (fault?.kind === 'close-after') swallow(response, () => request.socket.destroy());
    if (fault?.kind === 'disturb' && fault.when === 'applied')
      swallow(response, () => void Promise.resolve(fault.act(recorded)).then(() => request.socket.destroy()));
    if (fault?.kind === 'disturb' && fault.when === 'answered') response.once('finish', () => void fault.act(recorded));
    await handle({request, response, url, body, recorded});
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
  });
  const close = () => closeServer(server, sockets);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Sends JSON with its length, as the platforms do. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function readable(type: string | undefined, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (type?.includes('json')) {
    try {
      return JSON.parse(body.toString()) as unknown;
    } catch {
      return body.toString().slice(0, 2_000);
    }
  }
  return type?.startsWith('text/') ? body.toString().slice(0, 2_000) : `${body.length} bytes`;
}

const secretHeaders = new Set([
  'authorization',
  'project-access-token',
  'cookie',
  'x-vercel-protection-bypass',
  'x-amz-security-token',
]);

function redactHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, secretHeaders.has(name) ? '(redacted)' : String(value)]),
  );
}

function takeFault(faults: Fault[], recorded: Recorded): FaultKind | undefined {
  const fault = faults.find((candidate) => matches(candidate.route, recorded) && (candidate.times ?? 1) > 0);
  if (!fault) return undefined;
  if ((fault.skip ?? 0) > 0) {
    fault.skip = (fault.skip ?? 0) - 1;
    return undefined;
  }
  fault.times = (fault.times ?? 1) - 1;
  return fault.fault;
}

function matches(route: string, recorded: Recorded): boolean {
  if (route === recorded.operation) return true;
  const pattern = new RegExp(
    `^${route
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
  return pattern.test(`${recorded.method} ${recorded.path}`);
}

function swallow(response: ServerResponse, done: () => void): void {
  response.write = () => true;
  response.end = (() => {
    done();
    return response;
  }) as ServerResponse['end'];
}

async function closeServer(server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}
