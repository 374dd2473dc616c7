// A store that costs next to nothing, so that the benchmark measures the client: it keeps whole objects in memory, or
// with `discard` in the key throws their bytes away. Speaks just enough S3 for the SDK and the aws command line.
import {createServer} from 'node:http';

const objects = new Map();
const uploads = new Map();
let number = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://sink');
  const key = url.pathname;
  const id = url.searchParams.get('uploadId');
  const discard = key.includes('discard');
  const chunks = [];
  let bytes = 0;
  request.on('data', (chunk) => {
    bytes += chunk.length;
    if (!discard) chunks.push(chunk);
  });
  request.on('end', () => {
    const reply = (status, body = '', headers = {}) => {
      response.writeHead(status, {'content-type': 'application/xml', etag: '"0"', ...headers});
      response.end(body);
    };
    if (request.method === 'POST' && url.searchParams.has('uploads')) {
      const upload = `u${++number}`;
      uploads.set(upload, new Map());
      return reply(
        200,
        `<InitiateMultipartUploadResult><UploadId>${upload}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (request.method === 'PUT' && id) {
      uploads.get(id)?.set(Number(url.searchParams.get('partNumber')), {chunks, bytes});
      return reply(200);
    }
    if (request.method === 'POST' && id) {
      const parts = [...uploads.get(id)].sort((a, b) => a[0] - b[0]).map(([, part]) => part);
      uploads.delete(id);
      if (!discard)
        objects.set(key, {
          chunks: parts.flatMap((part) => part.chunks),
          bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
        });
      return reply(200, `<CompleteMultipartUploadResult><ETag>"0"</ETag></CompleteMultipartUploadResult>`);
    }
    if (request.method === 'PUT') {
      if (!discard) objects.set(key, {chunks, bytes});
      return reply(200);
    }
    const object = objects.get(key);
    if (request.method === 'HEAD')
      return object
        ? reply(200, '', {'content-length': object.bytes, 'last-modified': new Date().toUTCString()})
        : reply(404);
    if (request.method === 'DELETE') {
      if (id) uploads.delete(id);
      else objects.delete(key);
      return reply(204);
    }
    if (url.searchParams.has('list-type'))
      return reply(200, '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    if (url.searchParams.has('uploads'))
      return reply(200, '<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>');
    if (!object) return reply(404, '<Error><Code>NoSuchKey</Code></Error>');
    response.writeHead(200, {'content-length': object.bytes, 'content-type': 'application/octet-stream'});
    for (const chunk of object.chunks) response.write(chunk);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({port: server.address().port}));
process.on('disconnect', () => process.exit(0));
