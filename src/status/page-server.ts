import {createHash} from 'node:crypto';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {brotliCompressSync, constants, gzipSync} from 'node:zlib';
import {Failure} from '../kernel/errors.js';
import type {Snapshot} from '../monitor/snapshot.js';
import {EventStream} from './event-stream.js';
import {pageTexts} from './write-page.js';

export interface PageServerOptions {
  /** Default 127.0.0.1: the page names services and releases, so it is not for everybody. */
  readonly address?: string;
  /** 0: any free one. */
  readonly port: number;
  /** Names besides the loopback's own under which a proxy may ask, such as the published page's. */
  readonly hosts?: readonly string[];
  /** What `/health` answers. */
  readonly health: () => Health;
}

export interface Health {
  readonly ok: boolean;
  readonly [fact: string]: string | number | boolean | null;
}

/** The live page. */
export interface PageServer extends AsyncDisposable {
  readonly url: string;
  /** Serves this from now on, and tells every open page. */
  publish(snapshot: Snapshot): void;
  /** Ends all connections; event streams are told first. */
  close(): Promise<void>;
}

interface File {
  readonly type: string;
  readonly tag: string;
  readonly plain: Buffer;
  readonly packed: Map<string, Buffer>;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-cache',
} as const;

/**
 * Serves the status page, its events (`/events`) and its own health (`/health`). Only GET and HEAD; every answer comes
 * from memory, so that no path of the disk can be asked for.
 * @throws Failure MONITOR_SERVER when the address cannot be listened on.
 */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const address = options.address ?? '127.0.0.1';
  const files = new Map<string, File>();
  const events = new EventStream();
  const server = createServer(
    {requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16_384},
    (request, response) => answer(request, response, {files, events, options, guarded: isLoopback(address)}),
  );
  server.maxConnections = 1_000;
  await listen(server, address, options.port);
  const {port} = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= new Promise((resolve) => {
      events.end();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closing;
  };
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}/`,
    publish: (snapshot) => {
      const live = {...snapshot, status: {...snapshot.status, events: true}};
      for (const [name, text] of pageTexts(live)) put(files, name, text);
      const {generatedMs, overall} = snapshot.status;
      events.send('round', {generatedMs, overall});
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new Failure(
          'MONITOR_SERVER',
          `The page cannot be served on ${address}, port ${port} (${cause.code ?? cause.message})`,
          {
            remedy:
              cause.code === 'EADDRINUSE'
                ? 'Another program listens there: choose another `--port`, or 0 for any free one.'
                : 'Choose an `--address` of this machine and a `--port` that you may listen on.',
            cause,
          },
        ),
      ),
    );
    server.listen(port, address, () => resolve());
  });
}

function put(files: Map<string, File>, name: string, text: string): void {
  const plain = Buffer.from(text);
  const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  if (files.get(name)?.tag === tag) return;
  files.set(name, {type: types[name.split('.').at(-1)!] ?? 'text/plain', tag, plain, packed: new Map()});
}

interface Serving {
  readonly files: ReadonlyMap<string, File>;
  readonly events: EventStream;
  readonly options: PageServerOptions;
  /** Bound to this machine alone: then only its own names are answered, or any web site could read the page through a name that it points here. */
  readonly guarded: boolean;
}

function answer(request: IncomingMessage, response: ServerResponse, serving: Serving): void {
  const {files, options} = serving;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const path = (request.url ?? '/').split('?')[0]!;
  const refusal = refusalOf(request, path, serving);
  const file = files.get(path === '/' ? 'index.html' : path.slice(1));
  if (refusal) refuse(response, ...refusal);
  else if (path === '/health') sendHealth(request, response, options.health());
  else if (path === '/events') listenTo(request, response, serving);
  else if (file) sendFile(request, response, file);
  else refuse(response, files.size ? 404 : 503, files.size ? 'Not here' : 'The first page is still being made');
}

type Refusal = readonly [status: number, text: string, headers?: Record<string, string>];

function refusalOf({method, headers: given}: IncomingMessage, path: string, serving: Serving): Refusal | undefined {
  const methods = path === '/events' ? ['GET'] : ['GET', 'HEAD'];
  if (!methods.includes(method ?? '')) return [405, `Only ${methods.join(' and ')}`, {allow: methods.join(', ')}];
  if (serving.guarded && !isOwnName(given.host, serving.options.hosts ?? []))
    return [421, 'Not a name of this page; give --page-url when a proxy stands before it'];
  return undefined;
}

function listenTo(request: IncomingMessage, response: ServerResponse, {events}: Serving): void {
  if (!events.open(request, response)) refuse(response, 503, 'Too many pages listen', {'retry-after': '30'});
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: File): void {
  response.setHeader('etag', file.tag);
  response.setHeader('vary', 'accept-encoding');
  if (request.headers['if-none-match'] === file.tag) {
    response.writeHead(304).end();
    return;
  }
  const [encoding, body] = packedFor(request, file);
  if (encoding) response.setHeader('content-encoding', encoding);
  response.writeHead(200, {'content-type': file.type, 'content-length': body.length});
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Packed once for each version of a file, when it is first asked for. */
function packedFor(request: IncomingMessage, file: File): readonly [encoding: string | undefined, body: Buffer] {
  const accepted = String(request.headers['accept-encoding'] ?? '');
  const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : undefined;
  if (!encoding) return [undefined, file.plain];
  let body = file.packed.get(encoding);
  if (!body) {
    body =
      encoding === 'br'
        ? brotliCompressSync(file.plain, {params: {[constants.BROTLI_PARAM_QUALITY]: 5}})
        : gzipSync(file.plain);
    file.packed.set(encoding, body);
  }
  return [encoding, body];
}

function sendHealth(request: IncomingMessage, response: ServerResponse, state: Health): void {
  const body = JSON.stringify(state);
  response.writeHead(state.ok ? 200 : 503, {'content-type': types['json']!, 'content-length': Buffer.byteLength(body)});
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refuse(response: ServerResponse, status: number, text: string, more: Record<string, string> = {}): void {
  response.writeHead(status, {'content-type': 'text/plain; charset=utf-8', ...more});
  response.end(`${text}\n`);
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\./.test(address);
}

function isOwnName(host: string | undefined, more: readonly string[]): boolean {
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  return name !== undefined && (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(name) || more.includes(name));
}
