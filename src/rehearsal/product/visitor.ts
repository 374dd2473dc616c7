import {request as httpRequest, type IncomingHttpHeaders} from 'node:http';
import {request as httpsRequest} from 'node:https';

/**
 * A user who knows nothing of the suite: opens the page, reads what it says about itself, calls what its code would
 * call, and writes down what came. Every visit is a new one: no connection and no cache is kept.
 */

export interface VisitorOptions {
  readonly frontendUrl: string;
  /** Called when the page does not say where its API is. */
  readonly apiUrl: string;
  /** Between the starts of two visits, which do not wait for each other. */
  readonly intervalMs: number;
  /** Longest wait for one answer. Default 2,000. */
  readonly timeoutMs?: number;
  /** Told of each finished visit. */
  readonly onVisit?: (visit: Visit) => void;
}

export interface Visit {
  /** Epoch milliseconds when it began. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Version in the page; undefined when there was no page. */
  readonly frontendVersion?: string;
  /** Commit that the edge or page named, when it did. */
  readonly frontendCommit?: string;
  readonly backendVersion?: string;
  readonly backendCommit?: string;
  readonly ok: boolean;
  /** Of the first thing that went wrong, otherwise of the page; 0 when no answer came. */
  readonly status: number;
  /** The first thing that went wrong. */
  readonly why?: string;
  /** HTTP requests it took, and how many of them went wrong. */
  readonly requests: number;
  readonly bad: number;
}

/** Visits in a row that had the same versions and outcome. */
export interface VisitSpan {
  readonly fromMs: number;
  /** End of its last visit. */
  readonly toMs: number;
  readonly visits: number;
  readonly frontendVersion?: string;
  readonly backendVersion?: string;
  readonly backendCommit?: string;
  readonly ok: boolean;
  readonly why?: string;
}

export interface VisitLog {
  /** In the order they began. */
  readonly visits: readonly Visit[];
  /** HTTP requests of all visits, and those that went wrong. */
  readonly requests: number;
  readonly bad: number;
  readonly badVisits: number;
  /** By the version the page said; `none` without a page. */
  readonly byVersion: Readonly<Record<string, {readonly visits: number; readonly bad: number}>>;
  /** By the version the backend said; `none` without an answer. */
  readonly byBackend: Readonly<Record<string, {readonly visits: number; readonly bad: number}>>;
  /** Begin of the first bad visit and end of the last one; undefined when all were good. */
  readonly firstBadMs?: number;
  readonly lastBadMs?: number;
  readonly spans: readonly VisitSpan[];
}

export interface Visitor {
  /** What was seen so far. */
  log(): VisitLog;
  /** Ends the visits and waits for those under way. */
  stop(): Promise<VisitLog>;
}

/** More visits than this at the same moment are not begun: a dead product must not exhaust the machine. */
const maxAtOnce = 16;

export function startVisitor(options: VisitorOptions): Visitor {
  const visits: Visit[] = [];
  const underWay = new Set<Promise<void>>();
  const begin = () => {
    if (underWay.size >= maxAtOnce) return;
    const one = visit(options).then((done) => {
      visits.push(done);
      options.onVisit?.(done);
    });
    const tracked = one.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  };
  begin();
  const timer = setInterval(begin, options.intervalMs);
  const log = () => logOf(visits);
  return {
    log,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return log();
    },
  };
}

/** Visits once. Never rejects: what goes wrong is what is written down. */
export async function visit(options: Pick<VisitorOptions, 'frontendUrl' | 'apiUrl' | 'timeoutMs'>): Promise<Visit> {
  const atMs = Date.now();
  const timeoutMs = options.timeoutMs ?? 2_000;
  const {origin} = new URL(options.frontendUrl);
  const page = await get(`${options.frontendUrl}/`, {}, timeoutMs);
  const seen: Step[] = [pageStep(page)];
  const scripts =
    page.status === 200
      ? await Promise.all(
          scriptsOf(page.body).map((path) => scriptStep(new URL(path, `${options.frontendUrl}/`).href, timeoutMs)),
        )
      : [];
  seen.push(...scripts.map(({step}) => step));
  const config = scripts.map(({body}) => configIn(body)).find((found) => found !== undefined);
  // A page without a configuration has no code that could call anything.
  const calls = config
    ? await Promise.all(
        (config.calls ?? []).map((call) => callStep(config.api ?? options.apiUrl, call, origin, timeoutMs)),
      )
    : [];
  seen.push(...calls.map(({step}) => step));
  const answered = calls.find(({answer}) => answer.headers['x-release'] !== undefined)?.answer.headers;
  const wrong = seen.filter((step) => step.why !== undefined);
  return {
    atMs,
    durationMs: Date.now() - atMs,
    frontendVersion: versionIn(page.body),
    frontendCommit: text(page.headers['x-release-commit']),
    backendVersion: text(answered?.['x-release']),
    backendCommit: text(answered?.['x-release-commit']),
    ok: wrong.length === 0,
    status: (wrong[0] ?? seen[0]!).status,
    why: wrong[0]?.why,
    requests: seen.length,
    bad: wrong.length,
  };
}

interface Step {
  readonly status: number;
  readonly why?: string;
}

interface Answer {
  /** 0 when there was none. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly failure?: string;
}

interface PageCall {
  readonly path: string;
  readonly headers?: Record<string, string>;
}

interface PageConfig {
  readonly api?: string;
  readonly calls?: readonly PageCall[];
}

function pageStep(page: Answer): Step {
  if (page.status !== 200) return {status: page.status, why: `page: ${outcome(page)}`};
  if (!page.body.includes('id="catalogue"')) return {status: 200, why: 'page: the catalogue is not in it'};
  return {status: 200};
}

async function scriptStep(url: string, timeoutMs: number): Promise<{step: Step; body: string}> {
  const answer = await get(url, {}, timeoutMs);
  // An error page or the start page instead of a script runs as no script at all.
  const usable = answer.status === 200 && answer.body.trim() !== '' && !answer.body.trimStart().startsWith('<');
  const why = usable
    ? undefined
    : `script ${new URL(url).pathname}: ${answer.status === 200 ? 'is no script' : outcome(answer)}`;
  return {step: {status: answer.status, why}, body: answer.body};
}

/** A browser sends the page's origin, and shows the page no answer that does not allow it. */
async function callStep(
  api: string,
  call: PageCall,
  origin: string,
  timeoutMs: number,
): Promise<{step: Step; answer: Answer}> {
  const answer = await get(api + call.path, {...call.headers, origin}, timeoutMs);
  const allowed = answer.headers['access-control-allow-origin'];
  const readable = allowed === '*' || allowed === origin || new URL(api).origin === origin;
  if (answer.status !== 200) return {step: {status: answer.status, why: `${call.path}: ${outcome(answer)}`}, answer};
  if (!readable) return {step: {status: 200, why: `${call.path}: the page's origin is not allowed`}, answer};
  return {step: {status: 200}, answer};
}

function outcome(answer: Answer): string {
  return answer.failure ?? `HTTP ${answer.status}`;
}

function versionIn(page: string): string | undefined {
  return /<meta name="release" content="([^"]*)"/.exec(page)?.[1];
}

function scriptsOf(page: string): string[] {
  return [...page.matchAll(/<script[^>]*\ssrc="([^"]+)"/g)].map((match) => match[1]!);
}

function configIn(script: string): PageConfig | undefined {
  const json = /productConfig\s*=\s*(\{.*\})/s.exec(script)?.[1];
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as PageConfig;
  } catch {
    return undefined;
  }
}

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function get(url: string, headers: Record<string, string>, timeoutMs: number): Promise<Answer> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const none = (failure: string) => resolve({status: 0, headers: {}, body: '', failure});
    const request = send(url, {
      headers: {'user-agent': 'visitor', ...headers},
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      none(
        error.name === 'AbortError' || error.name === 'TimeoutError'
          ? `no answer within ${timeoutMs} ms`
          : `no answer (${error.code ?? error.message})`,
      ),
    );
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => none('the answer broke off'));
      response.on('end', () =>
        resolve({status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString()}),
      );
    });
    request.end();
  });
}

/** Sums up visits; they may be given in any order. */
export function logOf(given: readonly Visit[]): VisitLog {
  const visits = [...given].sort((a, b) => a.atMs - b.atMs);
  const bad = visits.filter(({ok}) => !ok);
  return {
    visits,
    requests: sum(visits.map(({requests}) => requests)),
    bad: sum(visits.map((one) => one.bad)),
    badVisits: bad.length,
    byVersion: countBy(visits, ({frontendVersion}) => frontendVersion),
    byBackend: countBy(visits, ({backendVersion}) => backendVersion),
    firstBadMs: bad[0]?.atMs,
    lastBadMs: bad.length === 0 ? undefined : Math.max(...bad.map(({atMs, durationMs}) => atMs + durationMs)),
    spans: spansOf(visits),
  };
}

function countBy(
  visits: readonly Visit[],
  keyOf: (visit: Visit) => string | undefined,
): Record<string, {visits: number; bad: number}> {
  const counts: Record<string, {visits: number; bad: number}> = {};
  for (const one of visits) {
    const key = keyOf(one) ?? 'none';
    const before = counts[key] ?? {visits: 0, bad: 0};
    counts[key] = {visits: before.visits + 1, bad: before.bad + (one.ok ? 0 : 1)};
  }
  return counts;
}

function spansOf(visits: readonly Visit[]): VisitSpan[] {
  const spans: VisitSpan[] = [];
  for (const {atMs, durationMs, frontendVersion, backendVersion, backendCommit, ok, why} of visits) {
    const last = spans.at(-1);
    const same =
      last &&
      last.frontendVersion === frontendVersion &&
      last.backendVersion === backendVersion &&
      last.backendCommit === backendCommit &&
      last.ok === ok;
    if (same)
      spans[spans.length - 1] = {...last, toMs: Math.max(last.toMs, atMs + durationMs), visits: last.visits + 1};
    else
      spans.push({
        fromMs: atMs,
        toMs: atMs + durationMs,
        visits: 1,
        frontendVersion,
        backendVersion,
        backendCommit,
        ok,
        why,
      });
  }
  return spans;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
