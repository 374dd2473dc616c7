import {Failure, isAbort} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import type {Progress} from '../platform.js';
import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {type Json, number, record, records, text} from './json.js';

/** One line of a build's log. */
export interface LogLine {
  readonly id: string;
  readonly dateMs: number;
  readonly type: string;
  /** Free of line breaks and control characters; the deploy token is taken out. */
  readonly text: string;
}

/** Builds may print without end; the platform's own page has the rest. */
const shownLimit = 2_000;
const reconnectMs = 2_000;

/**
 * Prints the build's log as it comes, until the signal fires. It only informs: whatever goes wrong here never decides
 * about a deployment, so it never throws.
 */
export async function followBuildLog(
  vercel: Vercel,
  deploymentId: string,
  progress: Progress,
  call: Call,
): Promise<void> {
  const seen = new Set<string>();
  let sinceMs: number | undefined;
  for (let connection = 0; connection < 30 && !call.signal.aborted; connection++) {
    const seenBefore = seen.size;
    try {
      const query = {direction: 'forward', follow: 1, format: 'lines', since: sinceMs};
      const stream = await vercel.api.stream(`/v3/deployments/${deploymentId}/events`, {
        ...call,
        what: 'follow the build log',
        query,
      });
      for await (const raw of jsonObjects(stream)) {
        const line = lineOf(vercel, raw);
        if (!line || seen.has(line.id)) continue;
        seen.add(line.id);
        sinceMs = Math.max(sinceMs ?? 0, line.dateMs);
        if (seen.size === shownLimit) progress('build | (more lines are on the deployment’s page)');
        if (seen.size < shownLimit) progress(`build | ${line.text}`);
      }
      // Ended in order and with nothing new: the build is over, or this server does not follow.
      if (seen.size === seenBefore) return;
    } catch (error) {
      if (isAbort(error) || call.signal.aborted || (error instanceof Failure && !error.retryable)) return;
    }
    if (!(await pause(vercel, call))) return;
  }
}

async function pause(vercel: Vercel, call: Call): Promise<boolean> {
  return vercel.clock.sleep(reconnectMs, call.signal).then(
    () => true,
    () => false,
  );
}

/** The objects of a stream that is either one JSON object a line, or one array. */
async function* jsonObjects(stream: ReadableStream<Uint8Array>): AsyncGenerator<Json> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    pending += decoder.decode(chunk, {stream: true});
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) yield* parseLine(line);
    // No line of a real log is this long; without a limit a broken answer could fill the memory.
    if (pending.length > 1_000_000) return;
  }
  yield* parseLine(pending);
}

function parseLine(line: string): Json[] {
  try {
    const value = JSON.parse(line) as unknown;
    return Array.isArray(value) ? records(value) : [record(value)].filter((item) => item !== undefined);
  } catch {
    return [];
  }
}

const shownTypes = new Set(['command', 'stdout', 'stderr', 'exit', 'fatal']);

function lineOf(vercel: Vercel, raw: Json): LogLine | undefined {
  const payload = record(raw.payload);
  const type = text(raw.type) ?? '';
  const said = text(raw.text) ?? text(payload?.text);
  if (said === undefined || !shownTypes.has(type)) return undefined;
  const dateMs = number(raw.date) ?? number(payload?.date) ?? number(raw.created) ?? 0;
  const serial = text(raw.serial) ?? text(payload?.serial) ?? '';
  const id = text(raw.id) ?? text(payload?.id) ?? `${dateMs}${serial}${said}`;
  return {id, dateMs, type, text: clean(vercel, said)};
}

/** Foreign text made one harmless line, without the secrets that this adapter holds. */
export function clean(vercel: Vercel, said: string, max = 500): string {
  let cleaned = said;
  for (const secret of [vercel.settings.token, vercel.settings.protectionBypass])
    if (secret) cleaned = cleaned.replaceAll(secret, '***');
  return oneLine(cleaned, max);
}

/**
 * The lines that best explain a failed build, oldest first: the last of its error output, else the last of anything.
 * Empty when the log cannot be read.
 */
export async function readLogTail(vercel: Vercel, deploymentId: string, call: Call, count = 20): Promise<string[]> {
  const query = {direction: 'backward', limit: 200, builds: 1};
  try {
    const body = await vercel.api.read(`/v3/deployments/${deploymentId}/events`, {
      ...call,
      what: 'read the build log',
      query,
    });
    const lines = records(body)
      .flatMap((raw) => lineOf(vercel, raw) ?? [])
      .sort((a, b) => a.dateMs - b.dateMs);
    const errors = lines.filter(({type}) => type === 'stderr' || type === 'fatal' || type === 'exit');
    return (errors.length > 0 ? errors : lines).slice(-count).map((line) => line.text);
  } catch (error) {
    if (isAbort(error)) throw error;
    return [];
  }
}
