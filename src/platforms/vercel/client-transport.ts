import type {FetchDispatcher} from '@vercel/client/dist/types.js';

/** How long the platform may take to answer one request of an upload. */
const answerTimeoutMs = 120_000;

/**
 * The client library sets no time limit and takes no signal. It does take a dispatcher for its fetch calls: this one
 * passes everything to the process's own, with a limit on each answer, and breaks what is under way when the signal
 * fires. Undefined when the running Node does not show its dispatcher; its own limits (5 minutes) then hold.
 */
export function boundedDispatcher(signal: AbortSignal): FetchDispatcher | undefined {
  const own = globalDispatcher();
  if (!own) return undefined;
  return {
    dispatch: (options, handler) =>
      own.dispatch(
        {...(options as object), headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs},
        breakable(handler as Handler, signal),
      ),
  };
}

/** The part of undici's handlers that is told how to break a request; either the older or the newer form is there. */
interface Handler {
  onConnect?: (abort: (reason?: Error) => void, ...rest: unknown[]) => unknown;
  onRequestStart?: (controller: {abort(reason: Error): void}, ...rest: unknown[]) => unknown;
}

function breakable(handler: Handler, signal: AbortSignal): Handler {
  const whenAborted = (abort: (reason: Error) => void) => {
    const stop = () => abort(new Error('the upload was stopped'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, {once: true});
  };
  return new Proxy(handler, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name === 'onConnect') whenAborted(args[0] as (reason: Error) => void);
        if (name === 'onRequestStart') whenAborted((reason) => (args[0] as {abort(reason: Error): void}).abort(reason));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

function globalDispatcher(): FetchDispatcher | undefined {
  const found = (globalThis as unknown as Record<symbol, unknown>)[Symbol.for('undici.globalDispatcher.1')];
  return typeof (found as FetchDispatcher | undefined)?.dispatch === 'function'
    ? (found as FetchDispatcher)
    : undefined;
}
