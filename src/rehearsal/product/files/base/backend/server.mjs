import {createServer} from 'node:http';
import {pool} from './database.mjs';
import {log} from './log.mjs';
import {commit, version} from './release.mjs';
import {routes} from './routes.mjs';

const allowedOrigins = new Set((process.env.ALLOWED_ORIGINS ?? '').split(',').filter((origin) => origin !== ''));

const server = createServer((request, response) => {
  const startedMs = performance.now();
  void answer(request)
    .catch((error) => failed(error))
    .then(({status, body}) => {
      response.writeHead(status, headersFor(request)).end(body === undefined ? undefined : JSON.stringify(body));
      const level = status >= 500 ? 'error' : 'info';
      log(level, `${request.method} ${request.url}`, {status, ms: Math.round(performance.now() - startedMs)});
    });
});

async function answer(request) {
  if (request.method === 'OPTIONS') return {status: 204};
  const {pathname} = new URL(request.url, 'http://backend.invalid');
  const route = routes[`${request.method} ${pathname}`];
  if (!route) return {status: 404, body: {error: 'not found'}};
  return route(await bodyOf(request), request);
}

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}

/** No free connection is overload (503); anything else is ours. */
function failed(error) {
  const overloaded = /timeout exceeded when trying to connect/.test(error.message);
  log('error', error.message, {code: error.code});
  return {
    status: overloaded ? 503 : 500,
    body: {error: overloaded ? 'no database connection is free' : 'internal error'},
  };
}

/** Only the pages named in ALLOWED_ORIGINS may read answers from another origin. */
function headersFor(request) {
  const {origin} = request.headers;
  const common = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-release': version,
    'x-release-commit': commit,
    vary: 'Origin',
  };
  if (!allowedOrigins.has(origin)) return common;
  return {
    ...common,
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'content-type, x-cart',
    'access-control-expose-headers': 'x-release, x-release-commit',
  };
}

process.on('SIGTERM', () => {
  log('info', 'stopping');
  server.close(() => void pool.end().then(() => process.exit(0)));
  server.closeIdleConnections();
});

server.listen(Number(process.env.PORT), '127.0.0.1', () => log('info', 'listening', {version, commit}));
