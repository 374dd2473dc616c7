/**
 * The only file that knows `@vercel/client`. It is used for hashing, uploading and creating, and left at `created`:
 * its own wait never ends on a cancelled or blocked deployment. Loaded when first used, so that actions which deploy
 * nothing do not pay for it.
 */
import {cancelled, Failure, messageOf} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import {reasonOf} from './api.js';
import {boundedDispatcher} from './client-transport.js';
import {type Json, number, record, text} from './json.js';
import {refusedFailure} from './refusals.js';

export interface CreateRequest {
  readonly token: string;
  readonly teamId: string | undefined;
  readonly apiUrl: string;
  /** Absolute folder. */
  readonly path: string;
  readonly archive: boolean;
  /** Absolute `.vercel/output` when that is what is uploaded. */
  readonly prebuiltOutput: string | undefined;
  readonly rootDirectory: string | undefined;
  /** Body of the create request, without files. */
  readonly body: Json;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/**
 * Uploads what the platform lacks and creates one deployment.
 * @returns the deployment as the platform first described it.
 * @throws Failure; `retryable` means that the answer may have been lost, so look before asking again.
 */
export async function uploadAndCreate(request: CreateRequest): Promise<Json> {
  const {createDeployment} = await import('@vercel/client');
  // The library appends this to every address as a second, contradicting team.
  delete process.env.VERCEL_TEAM_ID;
  const fail = (thrown: unknown): Failure => creationFailure(thrown, request);
  // Both objects are changed by the library, so each call gets its own.
  const events = createDeployment(
    clientOptions(request),
    structuredClone(request.body) as object,
  ) as AsyncGenerator<ClientEvent>;
  try {
    for (;;) {
      const {done, value} = await interruptible(events.next(), request.signal);
      if (done) break;
      if (value.type === 'created') return record(value.payload) ?? {};
      if (value.type === 'error') throw fail(value.payload);
      report(value, request.progress);
    }
  } catch (error) {
    throw error instanceof Failure ? error : fail(error);
  } finally {
    // Not awaited: a generator that hangs in a request would hold the end of the run. It never polls: it is at `created`.
    void events.return(undefined).catch(() => undefined);
  }
  throw new Failure('VERCEL_PROTOCOL', 'The upload ended without a deployment and without an error', {
    remedy: 'Run again; if it stays, report it with this log.',
    retryable: true,
  });
}

interface ClientEvent {
  readonly type: string;
  readonly payload: unknown;
}

/** The library takes no signal; its dispatcher breaks the connection, and this ends the wait in any case. */
async function interruptible<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled('The upload'));
  });
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, {once: true});
  try {
    return await Promise.race([step, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function clientOptions(request: CreateRequest) {
  const dispatcher = boundedDispatcher(request.signal);
  return {
    token: request.token,
    apiUrl: request.apiUrl,
    path: request.path,
    userAgent: 'switchback',
    // Nobody is there to confirm detected settings.
    skipAutoDetectionConfirmation: true,
    ...(request.teamId ? {teamId: request.teamId} : {}),
    ...(request.archive ? {archive: 'tgz' as const} : {}),
    ...(request.prebuiltOutput ? {prebuilt: true, vercelOutputDir: request.prebuiltOutput} : {}),
    ...(request.rootDirectory ? {rootDirectory: request.rootDirectory} : {}),
    ...(dispatcher ? {dispatcher} : {}),
  };
}

/** Payloads of the upload events hold whole files: only counts and texts are shown. */
function report({type, payload}: ClientEvent, progress: (line: string) => void): void {
  if (type === 'warning' || type === 'notice' || type === 'tip')
    progress(`Vercel ${type}: ${oneLine(String(payload), 300)}`);
  if (type !== 'file-count') return;
  const {total, missing} = payload as {total: Map<string, unknown>; missing: unknown[]};
  progress(`Vercel: uploading ${missing.length} of ${total.size} files; it has the others.`);
}

function creationFailure(thrown: unknown, {signal, token}: CreateRequest): Failure {
  if (signal.aborted) return cancelled('The upload');
  const said = withoutToken(record(thrown) ?? {}, token);
  if (!isError(thrown))
    return refusedFailure('create the deployment', {status: number(said.status) ?? 0, error: said, isJson: true});
  const code = text(said.code);
  if (thrown.name === 'DeploymentError' && code) return uploadRefused(said, code, text(said.errorName));
  if (isNotJson(thrown)) return refusedFailure('take the upload', {status: 0, error: {}, isJson: false});
  if (isBroken(thrown)) {
    return new Failure('VERCEL_UNREACHABLE', `The upload to Vercel broke off: ${reasonOf(thrown)}`, {
      remedy: 'Check the network of this machine and https://www.vercel-status.com, then run again.',
      retryable: true,
    });
  }
  return new Failure('VERCEL_UPLOAD', `The upload failed: ${oneLine(text(said.message) ?? messageOf(thrown), 300)}`, {
    remedy: 'Correct what the message names and run again.',
  });
}

/** An error object rather than an answer's body; by shape, since the library may run in another realm. */
const isError = (thrown: unknown): thrown is Error =>
  thrown instanceof Error || typeof record(thrown)?.stack === 'string';

/** A connection that broke, or an upload stopped because another one did; the library may have made text of the cause. */
const isBroken = (error: Error): boolean =>
  error.name === 'TypeError' ||
  error.name === 'AbortError' ||
  error.cause !== undefined ||
  /fetch failed|terminated|aborted|socket|ECONN|ETIMEDOUT/i.test(error.message);

/** The texts of an error or an answer, free of the token. */
function withoutToken(said: Json, token: string): Json {
  const clean = (value: unknown) => (typeof value === 'string' ? value.replaceAll(token, '***') : value);
  // The message of an error object is not among its entries.
  const entries = [...Object.entries(said), ['message', said.message] as const];
  return Object.fromEntries(entries.map(([name, value]) => [name, clean(value)]));
}

function uploadRefused(said: Json, code: string, name: string | undefined): Failure {
  return refusedFailure('take the upload', {
    status: 0,
    error: {code, message: said.message, ...(name ? {name} : {})},
    isJson: true,
  });
}

/** The library reads error answers of uploads as JSON without looking; a gateway's page then becomes one of these. */
const isNotJson = (error: Error): boolean =>
  error.name === 'SyntaxError' ||
  error.message === 'Invalid JSON response' ||
  /not valid JSON|Unexpected token/.test(error.message);
