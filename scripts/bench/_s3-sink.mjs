// A store that costs next to nothing, so that the benchmark measures the client: it keeps whole objects in memory, or
// with `discard` in the key throws their bytes away. Speaks just enough S3 for the SDK and the aws command line, over
// TLS with the key and certificate of its environment, as real stores do.
import {createServer} from 'node:https';

const objects = new Map();
const uploads = new Map();
let number = 0;

const server = createServer({key: process.env.SINK_KEY, cert: process.env.SINK_CERT}, (request, response) => {
  const url = new URL(request.url, 'http://sink');
  const discard = url.pathname.includes('discard');
  const body = {chunks: [], bytes: 0};
  request.on('data', (chunk) => {
    body.bytes += chunk.length;
    if (!discard) body.chunks.push(chunk);
  });
  request.on('end', () => {
    const reply = (status, text = '', headers = {}) => {
      response.writeHead(status, {'content-type': 'application/xml', etag: '"0"', ...headers});
      response.end(text);
    };
    answers[request.method]?.({
      url,
      key: url.pathname.replace(/\/$/, ''),
      id: url.searchParams.get('uploadId'),
      discard,
      body,
      reply,
      response,
    });
  });
});

const answers = {
  POST({url, key, id, discard, reply}) {
    if (url.searchParams.has('uploads')) {
      const upload = `u${++number}`;
      uploads.set(upload, {key, parts: new Map()});
      return reply(200, xml('InitiateMultipartUploadResult', {UploadId: upload}));
    }
    const parts = [...(uploads.get(id)?.parts ?? [])].sort((a, b) => a[0] - b[0]).map(([, part]) => part);
    uploads.delete(id);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (!discard) objects.set(key, {chunks: parts.flatMap((part) => part.chunks), bytes});
    return reply(200, xml('CompleteMultipartUploadResult', {ETag: '"0"'}));
  },
  PUT({url, key, id, discard, body, reply}) {
    if (id) uploads.get(id)?.parts.set(Number(url.searchParams.get('partNumber')), body);
    else if (!discard) objects.set(key, body);
    return reply(200);
  },
  HEAD({key, reply}) {
    const object = objects.get(key);
    if (!object) return reply(404);
    return reply(200, '', {'content-length': object.bytes, 'last-modified': new Date().toUTCString()});
  },
  DELETE({key, id, reply}) {
    if (id) uploads.delete(id);
    else objects.delete(key);
    return reply(204);
  },
  GET({url, key, id, reply, response}) {
    const prefix = `${key}/${url.searchParams.get('prefix') ?? ''}`;
    if (url.searchParams.has('list-type')) return reply(200, listing(key, prefix));
    if (url.searchParams.has('uploads')) return reply(200, unfinished(key, prefix));
    if (id)
      return uploads.has(id)
        ? reply(200, xml('ListPartsResult', {IsTruncated: false}))
        : reply(404, missing('NoSuchUpload'));
    const object = objects.get(key);
    if (!object) return reply(404, missing('NoSuchKey'));
    response.writeHead(200, {'content-length': object.bytes, 'content-type': 'application/octet-stream'});
    return send(response, object.chunks.values());
  },
};

/** As fast as the reader takes it and no faster, or the whole object would be copied into the connection. */
function send(response, chunks) {
  for (let next = chunks.next(); !next.done; next = chunks.next())
    if (!response.write(next.value)) return response.once('drain', () => send(response, chunks));
  return response.end();
}

function listing(bucket, prefix) {
  const found = [...objects].filter(([key]) => key.startsWith(prefix));
  const rows = found.map(
    ([key, {bytes}]) => `<Contents><Key>${key.slice(bucket.length + 1)}</Key><Size>${bytes}</Size></Contents>`,
  );
  return `<ListBucketResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`;
}

function unfinished(bucket, prefix) {
  const found = [...uploads].filter(([, {key}]) => key.startsWith(prefix));
  const rows = found.map(
    ([id, {key}]) => `<Upload><Key>${key.slice(bucket.length + 1)}</Key><UploadId>${id}</UploadId></Upload>`,
  );
  return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListMultipartUploadsResult>`;
}

function missing(code) {
  return `<Error><Code>${code}</Code></Error>`;
}

function xml(name, fields) {
  const inner = Object.entries(fields).map(([key, value]) => `<${key}>${value}</${key}>`);
  return `<${name}>${inner.join('')}</${name}>`;
}

server.listen(0, '127.0.0.1', () => process.send?.({port: server.address().port}));
process.on('message', ({forget}) => {
  for (const key of objects.keys()) if (key.startsWith(`/bench/${forget}`)) objects.delete(key);
});
process.on('disconnect', () => process.exit(0));
