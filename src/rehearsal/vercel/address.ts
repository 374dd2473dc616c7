import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';

/** One request at a public address. Bodies are not read: what is served here is static. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly method: string;
}

export interface Address {
  /** `127.0.0.1:PORT`. */
  readonly name: string;
  close(): Promise<void>;
}

/** Opens an address on any free port. A journal of its own would grow with each visitor, so it keeps none. */
export async function openAddress(answer: (visit: Visit, name: string) => Promise<void>): Promise<Address> {
  const sockets = new Set<Socket>();
  let name = '';
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://address.invalid');
    answer({request, response, url, method: request.method ?? 'GET'}, name).catch((error: unknown) => {
      process.emitWarning(`public address failed: ${error instanceof Error ? error.stack : String(error)}`);
      request.socket.destroy();
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {name, close};
}
