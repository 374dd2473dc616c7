import {get, request as httpRequest, type IncomingMessage} from 'node:http';
import {connect} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {History} from '../../src/monitor/history.js';
import {memoryFiles} from '../../src/monitor/history-files.js';
import {makeSnapshot, type Snapshot} from '../../src/monitor/snapshot.js';
import {type Health, type PageServer, startPageServer} from '../../src/status/page-server.js';

let server: PageServer;
let health: Health;

beforeEach(async () => {
  health = {ok: true, rounds: 3};
  server = await startPageServer({port: 0, hosts: ['status.shop.example'], health: () => health});
});
afterEach(() => server.close());

function snapshot(generatedMs = 1_000): Promise<Snapshot> {
  return makeSnapshot(new History(memoryFiles()), {
    product: 'shop',
    nowMs: generatedMs,
    intervalMs: 10_000,
    refreshMs: 5_000,
    lastRoundMs: generatedMs,
    objective: 0.999,
    windowMs: 86_400_000,
    services: [{name: 'checkout', component: 'backend', critical: true, condition: 'up', flapping: false}],
    incidents: [],
    releases: [],
    freshness: [],
  });
}

/** A request with any Host and method, which fetch does not allow. */
function ask(path: string, options: {method?: string; headers?: Record<string, string>} = {}) {
  return new Promise<{status: number; headers: IncomingMessage['headers']; body: string}>((resolve, reject) => {
    const {hostname, port} = new URL(server.url);
    const outgoing = httpRequest({hostname, port, path, ...options}, (incoming) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => resolve({status: incoming.statusCode!, headers: incoming.headers, body}));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('the page', () => {
  test('is not there before the first snapshot, and is asked for again', async () => {
    expect((await ask('/')).status).toBe(503);
    server.publish(await snapshot());
    expect((await ask('/')).status).toBe(200);
  });

  test('comes with a policy that lets nothing foreign in, whatever is asked', async () => {
    server.publish(await snapshot());
    for (const path of ['/', '/status.json', '/nowhere', '/health', '/page.js']) {
      const {headers} = await ask(path);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; /);
      expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|http/);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
    }
  });

  test('is packed, and not sent again when it is known', async () => {
    server.publish(await snapshot());
    const first = await fetch(new URL('page.js', server.url), {headers: {'accept-encoding': 'br'}});
    expect(first.headers.get('content-encoding')).toBe('br');
    expect(await first.text()).toContain('status.json');
    const again = await ask('/page.js', {headers: {'if-none-match': first.headers.get('etag')!}});
    expect(again).toMatchObject({status: 304, body: ''});
    const plain = await ask('/status.json');
    expect(JSON.parse(plain.body)).toMatchObject({events: true, product: 'shop', refreshMs: 5_000});
  });

  test.each<[what: string, path: string, options: Parameters<typeof ask>[1], status: number]>([
    ['a file of the disk', '/../package.json', {}, 404],
    ['an encoded one', '/%2e%2e/%2e%2e/etc/passwd', {}, 404],
    ['a name of an object', '/__proto__', {}, 404],
    ['a write', '/status.json', {method: 'PUT'}, 405],
    ['a name that was pointed at this machine', '/status.json', {headers: {host: 'evil.example'}}, 421],
    ['the name of the proxy', '/status.json', {headers: {host: 'status.shop.example'}}, 200],
    ['this machine by name', '/status.json', {headers: {host: 'localhost:8787'}}, 200],
    ['only the head', '/', {method: 'HEAD'}, 200],
  ])('%s: answered rightly', async (_what, path, options, status) => {
    server.publish(await snapshot());
    expect((await ask(path, options)).status).toBe(status);
  });
});

test('health is 200 or 503 as it is', async () => {
  expect(await ask('/health')).toMatchObject({status: 200, body: '{"ok":true,"rounds":3}'});
  health = {ok: false, rounds: 3};
  expect((await ask('/health')).status).toBe(503);
});

test('events tell of every round, what was missed, and the end', async () => {
  server.publish(await snapshot(1));
  const heard: string[] = [];
  const over = new Promise<void>((resolve) => {
    get(new URL('events', server.url), (incoming) => {
      expect(incoming.headers['content-type']).toContain('text/event-stream');
      incoming.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
      incoming.on('end', resolve);
      incoming.on('error', () => resolve());
    });
  });
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  server.publish(await snapshot(2));
  while (!heard.join('').includes('"generatedMs":2')) await new Promise((resolve) => setTimeout(resolve, 10));
  await server.close();
  await over;
  const events = heard.join('').match(/^(event|data): .*$/gm);
  expect(events?.at(-2)).toBe('event: end');
  expect(events?.slice(0, 4)).toEqual([
    'event: round',
    'data: {"generatedMs":1,"overall":"up"}',
    'event: round',
    'data: {"generatedMs":2,"overall":"up"}',
  ]);
});

test('half a request does not keep it from closing', async () => {
  const {hostname, port} = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.write('GET / HTTP/1.1\r\nHost: local', () => resolve()));
  await server.close();
  expect(true).toBe(true);
});

test('a taken port is refused with what to do', async () => {
  const {port} = new URL(server.url);
  await expect(startPageServer({port: Number(port), health: () => health})).rejects.toMatchObject({
    code: 'MONITOR_SERVER',
    remedy: expect.stringContaining('--port'),
  });
});
