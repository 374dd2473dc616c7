import {type Call, deploymentOf, ok, type Reply} from './call.js';
import {inProgress} from './lifecycle.js';
import type {BuildEvent, Deployment} from './records.js';

/** GET /v3/deployments/{id}/events: an array, or a live stream of lines that ends with the deployment. */
export function deploymentEvents(call: Call): Reply | undefined {
  const deployment = deploymentOf(call);
  const follow = call.query.get('follow') === '1';
  const events = chosen(call, deployment.log);
  if (!follow && call.query.get('format') !== 'lines') return ok(events);
  stream(call, deployment, events, follow);
  return undefined;
}

function chosen(call: Call, log: readonly BuildEvent[]): BuildEvent[] {
  const {query} = call;
  const since = Number(query.get('since') ?? 0);
  const until = Number(query.get('until') ?? Number.POSITIVE_INFINITY);
  const limit = Number(query.get('limit') ?? 1_000);
  const name = query.get('name');
  const within = log.filter(
    (event) =>
      event.date >= since && event.date <= until && (!name || event.info?.name === name) && visible(event, query),
  );
  const ordered = query.get('direction') === 'backward' ? within.toReversed() : within;
  return limit < 0 ? ordered : ordered.slice(0, limit);
}

// Ends of builds are told only to those who ask for delimiters.
function visible(event: BuildEvent, query: URLSearchParams): boolean {
  return event.type !== 'delimiter' || query.get('delimiter') === '1';
}

function stream(call: Call, deployment: Deployment, first: readonly BuildEvent[], follow: boolean): void {
  const {response} = call.exchange;
  response.writeHead(200, {'content-type': 'application/stream+json'});
  response.flushHeaders();
  const write = writer(call);
  for (const event of first) write(event);
  if (!follow || over(deployment)) return void write(undefined);
  const stop = call.world.onLog((one, event) => {
    if (one === deployment) write(event);
  });
  response.on('close', stop);
}

/** Writes events as lines, and undefined as the end; cuts the connection after as many lines as the script says. */
function writer(call: Call): (event: BuildEvent | undefined) => void {
  const {response, request} = call.exchange;
  let left = call.world.script.cutStreamsAfter.shift() ?? Number.POSITIVE_INFINITY;
  return (event) => {
    if (left <= 0) return;
    if (event === undefined) return void response.end();
    left -= 1;
    // What was written leaves first; then the connection breaks, as a lost one does.
    response.write(`${JSON.stringify(event)}\n`, () => left <= 0 && request.socket.destroy());
  };
}

function over(deployment: Deployment): boolean {
  if (inProgress.has(deployment.readyState)) return false;
  return (
    deployment.readyState !== 'READY' ||
    deployment.aliasAssignedAt !== undefined ||
    deployment.aliasError !== undefined ||
    deployment.checksConclusion === 'failed'
  );
}

/** GET /v1/projects/{p}/deployments/{d}/runtime-logs: an open stream that never ends by itself. */
export function runtimeLogs(call: Call): Reply | undefined {
  const deployment = deploymentOf(call);
  const {response} = call.exchange;
  response.writeHead(200, {'content-type': 'application/stream+json'});
  response.flushHeaders();
  for (const request of call.edge.served.filter((one) => one.deploymentId === deployment.id)) {
    response.write(
      `${JSON.stringify(logLine(request.atMs, request.method, request.path, request.status, request.host))}\n`,
    );
  }
  return undefined;
}

function logLine(atMs: number, method: string, path: string, status: number, domain: string): Record<string, unknown> {
  const message = `${method} ${path} ${status}`;
  const level = status >= 500 ? 'error' : 'info';
  return {
    timestampInMs: atMs,
    level,
    message,
    source: 'static',
    requestMethod: method,
    requestPath: path,
    responseStatusCode: status,
    domain,
    rowId: `${atMs}`,
    messageTruncated: false,
  };
}
