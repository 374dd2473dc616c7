import type {IncomingMessage, ServerResponse} from 'node:http';

const mostListeners = 500;
const heartbeatMs = 15_000;
/** A listener that reads nothing must not fill the memory. */
const mostWaitingBytes = 64 * 1024;

/** Server-sent events to every page that listens. */
export class EventStream {
  readonly #listeners = new Set<ServerResponse>();
  #last = '';
  #id = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @returns false when too many listen already. */
  open(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#listeners.size >= mostListeners) return false;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies such as nginx would hold the events back.
      'x-accel-buffering': 'no',
    });
    // Who comes back after a lost connection is told at once what it missed.
    response.write(`retry: 3000\n\n${this.#last}`);
    this.#listeners.add(response);
    request.once('close', () => this.#listeners.delete(response));
    this.#timer ??= setInterval(() => this.#write(': still here\n\n'), heartbeatMs).unref();
    return true;
  }

  /** @param data small; JSON never holds a line break, which would end the field. */
  send(event: string, data: object): void {
    this.#last = `id: ${++this.#id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#write(this.#last);
  }

  end(): void {
    clearInterval(this.#timer);
    for (const response of this.#listeners) response.end('event: end\ndata: {}\n\n');
    this.#listeners.clear();
  }

  #write(text: string): void {
    for (const response of this.#listeners) {
      if (response.writableLength > mostWaitingBytes) response.destroy();
      else response.write(text);
    }
  }
}
