import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {createSocket} from 'node:dgram';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {createServer as createHttpServer} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import type {CheckDefinition} from '../../src/gate/policy.js';
import {allProbes} from '../../src/gate/probes/all-probes.js';
import {dnsProbe} from '../../src/gate/probes/dns.js';
import {type HttpExchange, openHttpExchange} from '../../src/gate/probes/http-exchange.js';
import type {GateSide, ProbeContext, ProbeResult} from '../../src/gate/probes/probe.js';
import {redactor} from '../../src/gate/redaction.js';
import {systemClock} from '../../src/kernel/clock.js';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';

const commit = 'd'.repeat(40);
let client: HttpExchange;
let product: StandIn;
const secrets: Record<string, string> = {
  TOKEN_A: 'token-of-a',
  TOKEN_B: 'token-of-b',
  KEY: 'api-key-value',
  BASIC: 'ops:hunter22',
};

beforeEach(async () => {
  client = openHttpExchange();
  product = await startStandIn(serve);
});

afterEach(async () => {
  client.close();
  await product.close();
});

const serve: Parameters<typeof startStandIn>[0] = ({request, response, url, body}) => {
  const bearer = request.headers.authorization;
  const routes: Record<string, () => void> = {
    '/json': () =>
      sendJson(
        response,
        200,
        {status: 'ok', lag: 12, list: [{id: 'a'}, {id: 'b'}], commit: commit.slice(0, 7), none: null},
        {'x-commit': commit, 'x-kind': 'api'},
      ),
    '/old': () => sendJson(response, 200, {status: 'ok'}, {age: '5000', 'x-vercel-cache': 'HIT'}),
    '/moved': () => response.writeHead(301, {location: '/json'}).end(),
    '/login': () => sendJson(response, 200, {token: `session-${JSON.parse(body.toString()).user}`, id: 7}),
    '/orders/7': () => sendJson(response, bearer === 'Bearer session-ada' ? 200 : 401, {owner: 'ada'}),
    '/org/a': () => sendJson(response, bearer === 'Bearer token-of-a' ? 200 : bearer ? 403 : 401, {org: 'a'}),
    '/org/leaky': () => sendJson(response, 200, {org: 'a', orders: 'rows of a'}),
    '/key': () => sendJson(response, request.headers['x-api-key'] === 'api-key-value' ? 200 : 401, {}),
    '/basic': () =>
      sendJson(response, bearer === `Basic ${Buffer.from('ops:hunter22').toString('base64')}` ? 200 : 401, {}),
    '/cors': () =>
      response
        .writeHead(204, {
          'access-control-allow-origin': 'https://shop.example',
          'access-control-allow-methods': 'GET, PUT',
        })
        .end(),
    '/wall': () => response.writeHead(307, {location: 'https://vercel.com/sso-api?url=x'}).end(),
    '/echo': () =>
      response.writeHead(500, {'content-type': 'text/plain'}).end(`you sent ${bearer ?? ''}\ncookie: sid=1234567\n`),
  };
  (routes[url.pathname] ?? (() => sendJson(response, 404, {})))();
};

function probe(
  check: Partial<CheckDefinition>,
  side: Partial<GateSide> = {},
  extra: Partial<ProbeContext> = {},
): Promise<ProbeResult> {
  const definition: CheckDefinition = {name: 'check', timeout: 2_000, ...check};
  const context: ProbeContext = {
    side: {urls: {backend: product.url}, commit, ...side},
    isBaseline: false,
    signal: new AbortController().signal,
    clock: systemClock,
    exchange: client.exchange,
    secret: (name) => secrets[name] ?? '',
    redact: redactor(Object.values(secrets)),
    ...extra,
  };
  return allProbes[definition.kind ?? 'http'](definition, context);
}

describe('HTTP', () => {
  test.each<[string, Partial<CheckDefinition>]>([
    ['status', {path: '/json', expect: {status: 200}}],
    ['another status on purpose', {path: '/missing', expect: {status: [404, 410]}}],
    ['text', {path: '/json', expect: {text: '"status":"ok"'}}],
    [
      'JSON rules',
      {
        path: '/json',
        expect: {
          json: [
            {path: '$.status', equals: 'ok'},
            {path: '$.lag', 'less-than': 20, 'more-than': 1},
            {path: '$.list[?@.id=="b"].id', matches: '^b$'},
            {path: '$.gone', exists: false},
            {path: '$.none', equals: null},
          ],
        },
      },
    ],
    ['headers', {path: '/json', expect: {headers: {'X-Kind': 'api', 'x-commit': '/^d{40}$/'}}}],
    ['commit by header', {path: '/json', expect: {commit: {header: 'x-commit'}}}],
    ['commit by JSON, short', {path: '/json', expect: {commit: {json: '$.commit'}}}],
    ['a redirect that is followed', {path: '/moved', expect: {text: 'ok'}}],
    ['a redirect that is expected', {path: '/moved', expect: {redirect: '/json'}}],
    ['bearer', {path: '/org/a', auth: {kind: 'bearer', env: 'TOKEN_A'}}],
    ['header secret', {path: '/key', auth: {kind: 'header', env: 'KEY', header: 'X-Api-Key'}}],
    ['basic', {path: '/basic', auth: {kind: 'basic', env: 'BASIC'}}],
  ])('%s holds', async (_name, check) => {
    expect(await probe(check)).toMatchObject({outcome: 'ok'});
  });

  test.each<[string, Partial<CheckDefinition>, Partial<ProbeResult>]>([
    ['status', {path: '/missing'}, {class: 'status-other', expected: 'status 2xx', got: 'status 404'}],
    ['text', {path: '/json', expect: {text: 'hello'}}, {class: 'assertion'}],
    ['unwanted text', {path: '/json', expect: {'not-text': 'ok'}}, {class: 'assertion'}],
    [
      'a missing field, never read as zero',
      {path: '/json', expect: {json: [{path: '$.missing', 'less-than': 500}]}},
      {expected: '$.missing to exist', got: 'nothing there'},
    ],
    [
      'a field of another type',
      {path: '/json', expect: {json: [{path: '$.status', 'less-than': 500}]}},
      {expected: '$.status to be less than 500', got: '"ok"'},
    ],
    ['a wrong value', {path: '/json', expect: {json: [{path: '$.lag', equals: 13}]}}, {got: '12'}],
    ['a header', {path: '/json', expect: {headers: {'x-kind': 'web'}}}, {expected: 'header x-kind: web', got: 'api'}],
    ['a redirect elsewhere', {path: '/moved', expect: {redirect: '/other'}}, {got: '/json'}],
    [
      'no commit',
      {path: '/missing', expect: {status: 404, commit: {header: 'x-commit'}}},
      {class: 'stale', got: 'one that names no commit'},
    ],
    [
      'a wrong secret',
      {path: '/org/a', auth: {kind: 'bearer', env: 'TOKEN_B'}},
      {class: 'status-other', got: 'status 403'},
    ],
  ])('%s does not hold', async (_name, check, result) => {
    expect(await probe(check)).toMatchObject({outcome: 'failed', ...result});
  });

  test('another commit is stale, and the baseline is not asked for it', async () => {
    const check = {path: '/json', expect: {commit: {header: 'x-commit'}}};
    expect(await probe(check, {commit: 'e'.repeat(40)})).toMatchObject({class: 'stale'});
    expect(await probe(check, {commit: 'e'.repeat(40)}, {isBaseline: true})).toMatchObject({outcome: 'ok'});
  });

  test('an answer cached before the release is stale; a cache is noted', async () => {
    expect(await probe({path: '/old'}, {readyAtMs: Date.now() - 60_000})).toMatchObject({
      outcome: 'failed',
      class: 'stale',
    });
    expect(await probe({path: '/old'})).toMatchObject({outcome: 'ok', cached: true});
  });

  test('a login wall measures nothing', async () => {
    expect(await probe({path: '/wall'})).toMatchObject({outcome: 'unusable', class: 'wall'});
  });

  test('secrets and cookies stay out of what is shown', async () => {
    const result = await probe({path: '/echo?key=hidden', auth: {kind: 'bearer', env: 'TOKEN_A'}});
    expect(result.excerpt).toBe('you sent Bearer ***\ncookie: ***\n');
    expect(result.request).toMatch(/\/echo\?key=…$/);
  });
});

describe('contracts', () => {
  test('an origin that is let in, and one that is not', async () => {
    expect(await probe({kind: 'cors', path: '/cors', origin: 'https://shop.example'})).toMatchObject({outcome: 'ok'});
    expect(await probe({kind: 'cors', path: '/cors', origin: 'https://shop.example', method: 'PUT'})).toMatchObject({
      outcome: 'ok',
    });
    expect(await probe({kind: 'cors', path: '/cors', origin: 'https://shop.example', method: 'DELETE'})).toMatchObject({
      outcome: 'broken',
      got: 'GET, PUT',
    });
    expect(await probe({kind: 'cors', path: '/cors', origin: 'https://evil.example'})).toMatchObject({
      outcome: 'broken',
      expected: 'access-control-allow-origin: https://evil.example',
      got: 'https://shop.example',
    });
    expect(await probe({kind: 'cors', path: '/json', origin: 'https://shop.example'})).toMatchObject({
      outcome: 'broken',
      got: 'no such header',
    });
  });

  test('a server error is no broken contract', async () => {
    expect(await probe({kind: 'cors', path: '/echo', origin: 'https://shop.example'})).toMatchObject({
      outcome: 'failed',
      class: 'status-5xx',
    });
  });

  const tenant = {
    kind: 'tenant',
    auth: {kind: 'bearer', env: 'TOKEN_A'},
    'foreign-auth': {kind: 'bearer', env: 'TOKEN_B'},
  } as const;

  test('another organisation is refused', async () => {
    expect(await probe({...tenant, path: '/org/a'})).toMatchObject({outcome: 'ok'});
  });

  test('a leak is told without the leaked rows', async () => {
    const result = await probe({...tenant, path: '/org/leaky'});
    expect(result).toMatchObject({outcome: 'broken', got: 'status 200'});
    expect(JSON.stringify(result)).not.toContain('rows of a');
  });

  test('a resource that its own token cannot open proves nothing', async () => {
    expect(await probe({...tenant, path: '/missing'})).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('its own token'),
    });
  });
});

describe('sequences', () => {
  const login = {
    name: 'log in',
    path: '/login',
    method: 'POST',
    body: '{"user":"ada"}',
    save: {token: '$.token', order: '$.id'},
  };

  test('values are carried from step to step', async () => {
    expect(
      await probe({
        kind: 'sequence',
        steps: [
          login,
          {
            path: '/orders/{order}',
            headers: {authorization: 'Bearer {token}'},
            expect: {json: [{path: '$.owner', equals: 'ada'}]},
          },
        ],
      }),
    ).toMatchObject({outcome: 'ok'});
  });

  test('the failing step is named', async () => {
    expect(
      await probe({
        kind: 'sequence',
        steps: [login, {name: 'read', path: '/orders/{order}', headers: {authorization: 'Bearer wrong'}}],
      }),
    ).toMatchObject({outcome: 'failed', detail: 'read: expected status 2xx, got status 401'});
    expect(await probe({kind: 'sequence', steps: [{...login, save: {token: '$.nothing'}}]})).toMatchObject({
      outcome: 'failed',
      expected: '$.nothing to save as {token}',
    });
  });
});

describe('sockets', () => {
  const servers: Server[] = [];
  const listen = async (server: Server) => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  test('TCP', async () => {
    const port = await listen(createServer((socket) => socket.end()));
    expect(await probe({kind: 'tcp', host: '127.0.0.1', port})).toMatchObject({
      outcome: 'ok',
      request: `TCP 127.0.0.1:${port}`,
    });
    await new Promise((resolve) => servers.pop()!.close(resolve));
    expect(await probe({kind: 'tcp', host: '127.0.0.1', port})).toMatchObject({outcome: 'failed', class: 'connect'});
  });

  test('a WebSocket upgrade, a wrong one, and none', async () => {
    const server = createHttpServer((_request, response) => response.writeHead(400).end());
    let salt = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    server.on('upgrade', (request, socket) => {
      const accept = createHash('sha1')
        .update(request.headers['sec-websocket-key'] + salt)
        .digest('base64');
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      );
    });
    const port = await listen(server);
    const check = {kind: 'websocket', url: `http://127.0.0.1:${port}`, path: '/live'} as const;
    expect(await probe(check)).toMatchObject({outcome: 'ok', status: 101});
    salt = 'wrong';
    expect(await probe(check)).toMatchObject({outcome: 'failed', class: 'protocol'});
    expect(await probe({kind: 'websocket', path: '/json'})).toMatchObject({outcome: 'failed', got: 'status 200'});
  });

  describe('TLS', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'gate-tls-'));
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-keyout',
          join(folder, 'key.pem'),
          '-out',
          join(folder, 'cert.pem'),
          '-days',
          '30',
          '-subj',
          '/CN=localhost',
          '-addext',
          'subjectAltName=DNS:localhost,IP:127.0.0.1',
        ],
        {stdio: 'ignore'},
      );
    });
    afterAll(() => rmSync(folder, {recursive: true, force: true}));

    test('chain and expiry', async () => {
      const cert = readFileSync(join(folder, 'cert.pem'), 'utf8');
      const port = await listen(
        createHttpsServer({key: readFileSync(join(folder, 'key.pem')), cert}, (_request, response) =>
          response.end('ok'),
        ),
      );
      const check = {kind: 'tls', host: 'localhost', port} as const;
      expect(await probe(check)).toMatchObject({outcome: 'broken', expected: 'a trusted certificate chain'});
      expect(await probe(check, {}, {ca: cert})).toMatchObject({outcome: 'ok'});
      expect(await probe({...check, 'min-days': 60}, {}, {ca: cert})).toMatchObject({
        outcome: 'broken',
        got: expect.stringMatching(/^one with (29|30) days left$/),
      });
      expect(await probe({url: `https://localhost:${port}`})).toMatchObject({outcome: 'failed', class: 'tls'});
    });
  });
});

describe('DNS', () => {
  /** Answers every question for `good.example` with 192.0.2.7, and NXDOMAIN otherwise. */
  async function nameServer() {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => {
      const isGood = message.includes(Buffer.from('\x04good'));
      const isA = message.readUInt16BE(message.length - 4) === 1 || message.includes(Buffer.from([0, 0, 1, 0, 1]));
      const header = Buffer.from(message.subarray(0, 12));
      header.writeUInt16BE(isGood ? 0x8180 : 0x8183, 2);
      header.writeUInt16BE(isGood && isA ? 1 : 0, 6);
      header.writeUInt32BE(0, 8);
      const end = message.indexOf(0, 12) + 5;
      const answer =
        isGood && isA ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]) : Buffer.alloc(0);
      socket.send(Buffer.concat([header, message.subarray(12, end), answer]), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  }

  test('a name that exists, one that does not, one that points elsewhere, and nobody to ask', async () => {
    const socket = await nameServer();
    const server = `127.0.0.1:${socket.address().port}`;
    const ask = (host: string, text?: string, servers = [server]) =>
      dnsProbe(servers)(
        {name: 'dns', kind: 'dns', host, timeout: 1_000, ...(text ? {expect: {text}} : {})},
        {
          side: {urls: {}},
          isBaseline: false,
          signal: new AbortController().signal,
          clock: systemClock,
          exchange: client.exchange,
          secret: () => '',
          redact: (t) => t,
        },
      );
    expect(await ask('good.example')).toMatchObject({outcome: 'ok', detail: '192.0.2.7'});
    expect(await ask('good.example', '192.0.2.8')).toMatchObject({outcome: 'failed', got: '192.0.2.7'});
    expect(await ask('bad.example')).toMatchObject({outcome: 'failed', class: 'dns'});
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    expect(await ask('good.example')).toMatchObject({outcome: 'unusable', class: 'local'});
  });
});
