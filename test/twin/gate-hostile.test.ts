import {createServer as createHttpServer, type RequestListener} from 'node:http';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import {createGzip} from 'node:zlib';
import {afterEach, expect, test} from '@jest/globals';
import type {CheckDefinition} from '../../src/gate/policy.js';
import {probeHttp} from '../../src/gate/probes/http.js';
import {type HttpExchange, openHttpExchange} from '../../src/gate/probes/http-exchange.js';
import type {ProbeResult} from '../../src/gate/probes/probe.js';
import {systemClock} from '../../src/kernel/clock.js';

const closers: Array<() => Promise<void> | void> = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers each request with the given bytes. */
const raw = (act: (socket: Socket) => void) => listen(createServer((socket) => socket.once('data', () => act(socket))));
const http = (listener: RequestListener) => listen(createHttpServer(listener));

async function probe(url: string, check: Partial<CheckDefinition> = {}, client?: HttpExchange): Promise<ProbeResult> {
  const own = client ?? openHttpExchange();
  if (!client) closers.push(() => own.close());
  return probeHttp(
    {name: 'hostile', url, timeout: 1_000, ...check},
    {
      side: {urls: {}},
      isBaseline: false,
      signal: new AbortController().signal,
      clock: systemClock,
      secret: () => '',
      redact: (text) => text,
      exchange: own.exchange,
    },
  );
}

test('an endless body is cut and named', async () => {
  const url = await http((_request, response) => {
    const chunk = Buffer.alloc(256 * 1024, 'x');
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const before = process.memoryUsage().rss;
  expect(await probe(url, {timeout: 5_000})).toMatchObject({outcome: 'failed', class: 'too-large', status: 200});
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test('a body announced as one gigabyte is cut', async () => {
  const url = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n');
    const chunk = Buffer.alloc(1024 * 1024, 'y');
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
      if (!socket.destroyed) socket.once('drain', more);
    };
    more();
  });
  expect(await probe(url, {timeout: 5_000})).toMatchObject({outcome: 'failed', class: 'too-large'});
});

test('a slow drip ends at the time limit', async () => {
  const url = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
    const timer = setInterval(() => socket.write('.'), 50);
    socket.on('close', () => clearInterval(timer));
  });
  const result = await probe(url, {timeout: 300});
  expect(result).toMatchObject({outcome: 'failed', class: 'timeout'});
  expect(result.detail).toContain('within 300 ms (reading the answer)');
});

test('headers that drip end at the time limit too', async () => {
  const url = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write(`x-${Date.now()}: 1\r\n`), 50);
    socket.on('close', () => clearInterval(timer));
  });
  expect(await probe(url, {timeout: 300})).toMatchObject({outcome: 'failed', class: 'timeout'});
});

test('invalid UTF-8 is an answer like any other', async () => {
  const url = await http((_request, response) => response.end(Buffer.from([0xff, 0xfe, 0x80, 0x41])));
  expect(await probe(url)).toMatchObject({outcome: 'ok'});
  expect(await probe(url, {expect: {json: [{path: '$.a', exists: true}]}})).toMatchObject({
    outcome: 'failed',
    class: 'assertion',
    expected: 'JSON',
  });
});

test.each([
  ['no status line', 'hello\r\n\r\n'],
  ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
  ['a line break inside a header', 'HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n'],
  ['two contradicting lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nhello'],
])('malformed: %s', async (_name, bytes) => {
  const url = await raw((socket) => socket.end(bytes));
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'protocol'});
});

test('ten thousand headers are refused', async () => {
  const url = await raw((socket) =>
    socket.end(`HTTP/1.1 200 OK\r\n${Array.from({length: 10_000}, (_, i) => `x-${i}: value`).join('\r\n')}\r\n\r\nok`),
  );
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'protocol'});
});

test('a gzip bomb is cut while it unfolds', async () => {
  const url = await http((_request, response) => {
    response.writeHead(200, {'content-encoding': 'gzip'});
    const gzip = createGzip();
    gzip.pipe(response);
    const zeros = Buffer.alloc(1024 * 1024);
    let left = 1_024;
    const more = () => {
      while (left-- > 0 && !response.destroyed) if (!gzip.write(zeros)) return void gzip.once('drain', more);
      gzip.end();
    };
    more();
  });
  const before = process.memoryUsage().rss;
  expect(await probe(url, {timeout: 8_000})).toMatchObject({outcome: 'failed', class: 'too-large'});
  expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
});

test('gzip that is none', async () => {
  const url = await http((_request, response) => {
    response.writeHead(200, {'content-encoding': 'gzip'});
    response.end('not gzip at all');
  });
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'protocol'});
});

test('an unknown encoding', async () => {
  const url = await http((_request, response) => {
    response.writeHead(200, {'content-encoding': 'rot13'});
    response.end('uryyb');
  });
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'protocol'});
});

test('a redirect loop ends', async () => {
  let requests = 0;
  const url = await http((_request, response) => {
    requests++;
    response.writeHead(302, {location: '/again'});
    response.end();
  });
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'redirect', detail: 'more than 5 redirects'});
  expect(requests).toBe(6);
});

test.each([['file:///etc/passwd'], ['http://[bad'], ['javascript:alert(1)']])(
  'a redirect to %s is not followed',
  async (location) => {
    const url = await raw((socket) =>
      socket.end(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`),
    );
    expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'redirect'});
  },
);

test('a connection that breaks off', async () => {
  const url = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    setTimeout(() => socket.destroy(), 20);
  });
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'connect'});
});

test('nobody listens', async () => {
  const server = createServer();
  const url = await listen(server);
  await closers.pop()!();
  expect(await probe(url)).toMatchObject({outcome: 'failed', class: 'connect'});
});

test('TLS spoken to a plain server', async () => {
  const url = await raw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  expect(await probe(url.replace('http:', 'https:'))).toMatchObject({outcome: 'failed', class: 'tls'});
});

test('a kept connection that the server closed is opened anew, without counting a failure', async () => {
  const server = createHttpServer((_request, response) => response.end('ok'));
  server.keepAliveTimeout = 1;
  const url = await listen(server);
  const client = openHttpExchange();
  closers.push(() => client.close());
  for (let i = 0; i < 20; i++) {
    expect(await probe(url, {}, client)).toMatchObject({outcome: 'ok'});
    await systemClock.sleep(i % 4);
  }
});

test('a deeply nested JSON answer breaks nothing', async () => {
  const url = await http((_request, response) => response.end(`${'['.repeat(200_000)}${']'.repeat(200_000)}`));
  expect(await probe(url, {expect: {json: [{path: '$..a', exists: true}]}, timeout: 5_000})).toMatchObject({
    outcome: 'failed',
    class: 'assertion',
  });
});

test('a secret does not follow a redirect to another host', async () => {
  const seen: Array<string | undefined> = [];
  const other = await http((request, response) => {
    seen.push(request.headers['x-vercel-protection-bypass'] as string | undefined, request.headers.authorization);
    response.end('ok');
  });
  const first = await http((_request, response) => {
    response.writeHead(307, {location: other.replace('127.0.0.1', 'localhost')});
    response.end();
  });
  const own = openHttpExchange();
  closers.push(() => own.close());
  await probeHttp(
    {name: 'redirected', target: 'frontend', timeout: 1_000, auth: {kind: 'bearer', env: 'T'}},
    {
      side: {urls: {frontend: first}, protectionBypass: 'bypass-secret'},
      isBaseline: false,
      signal: new AbortController().signal,
      clock: systemClock,
      secret: () => 'bearer-secret',
      redact: (text) => text,
      exchange: own.exchange,
    },
  );
  expect(seen).toEqual([undefined, undefined]);
});
