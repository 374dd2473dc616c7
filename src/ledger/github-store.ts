import {Failure} from '../kernel/errors.js';
import {makePin, parsePin} from './pin.js';
import {
  type EventKind,
  eventLines,
  makePayload,
  parseEvent,
  parsePayload,
  type RecordPayload,
  type ReleaseEvent,
  type ReleaseRecord,
} from './record.js';
import type {AdoptingStore, Pin} from './store.js';

/** One call to GitHub's REST API; owner and repository are filled in by whoever provides it. */
export type LedgerRequest = (
  route: string,
  parameters?: Record<string, unknown>,
) => Promise<{status: number; data: any}>;

const releaseTask = 'switchback-release';
const pinTask = 'switchback-pin';

/** GitHub shows these states; ours are in the description, since theirs cannot say enough. */
const states: Record<EventKind, string> = {
  opened: 'queued',
  'backed-up': 'in_progress',
  staged: 'in_progress',
  deployed: 'in_progress',
  gated: 'in_progress',
  intent: 'in_progress',
  promoted: 'in_progress',
  note: 'in_progress',
  good: 'success',
  failed: 'failure',
  'rolled-back': 'inactive',
  cancelled: 'error',
};

/**
 * The ledger in GitHub Deployments: one deployment a release under a task of our own, later facts as its statuses.
 * Deployments that jobs with an `environment` make by themselves have another task and are never read.
 */
export function openGitHubStore(request: LedgerRequest, options: {readonly environment: string}): AdoptingStore {
  const {environment} = options;
  const create = async (ref: string, task: string, payload: object, description: string) => {
    const answer = await request('POST /repos/{owner}/{repo}/deployments', {
      ref,
      task,
      payload,
      description: description.slice(0, 140),
      environment,
      // Without these two GitHub may merge the default branch instead, or refuse because checks are still running.
      auto_merge: false,
      required_contexts: [],
    });
    if (answer.status !== 201)
      throw new Failure('LEDGER', `GitHub answered ${answer.status} and created no record`, {
        remedy: 'Release a commit that is on the default branch.',
      });
    return answer.data as {id: number; created_at: string};
  };
  const list = (task: string, page: number, perPage: number, extra: object = {}) =>
    request('GET /repos/{owner}/{repo}/deployments', {task, environment, per_page: perPage, page, ...extra}).then(
      ({data}) => data as Deployment[],
    );

  const known = async (release: {readonly release: string; readonly commit: string}) => {
    for (const found of await list(releaseTask, 1, 100, {sha: release.commit})) {
      const payload = safePayload(found.payload);
      if (payload?.release === release.release) return recordOf(found, payload, await readEvents(request, found.id));
    }
    return undefined;
  };

  return {
    async open(release) {
      const there = await known(release);
      if (there) return there;
      const payload = makePayload(release);
      const made = await create(release.commit, releaseTask, payload, release.release);
      await appendEvent(request, String(made.id), 'opened', {release: release.release});
      return recordOf(made, payload, [
        {atMs: Date.parse(made.created_at), kind: 'opened', facts: {release: release.release}},
      ]);
    },
    async adopt(release) {
      const there = await known(release);
      if (there) return there;
      const payload = {...makePayload(release), openedAtMs: release.createdAtMs};
      return recordOf(await create(release.commit, releaseTask, payload, release.release), payload, []);
    },
    append: (recordId, kind, facts = {}) => appendEvent(request, recordId, kind, facts),
    // The time comes last: a line that carries it says that all of the event is there.
    appendPast: (recordId, {atMs, kind, facts}) =>
      appendEvent(request, recordId, kind, {...facts, [pastFact]: new Date(atMs).toISOString()}),
    async read(recordId) {
      const {data} = await request('GET /repos/{owner}/{repo}/deployments/{deployment_id}', {
        deployment_id: Number(recordId),
      });
      const payload = data.task === releaseTask ? parsePayload(data.payload) : undefined;
      if (!payload)
        throw new Failure('LEDGER_NOT_FOUND', `Deployment ${recordId} is not a release of Switchback`, {
          remedy: 'Pass the `ledger-id` output of `preflight`.',
        });
      return recordOf(data, payload, await readEvents(request, data.id));
    },
    async *list(limit) {
      // One page size for the whole walk: pages of different sizes overlap.
      const perPage = Math.min(100, Math.max(limit, 10));
      const pages = (page: number) => list(releaseTask, page, perPage);
      for await (const batch of batches(newestFirst(pages, perPage), limit, readAhead)) {
        yield* await Promise.all(
          batch.map(async ({deployment, payload}) =>
            recordOf(deployment, payload, await readEvents(request, deployment.id)),
          ),
        );
      }
    },
    async activePin(nowMs) {
      for (const pin of await readPins(request, await list(pinTask, 1, 100), nowMs)) return pin;
      return undefined;
    },
    activePins: async (nowMs) => readPins(request, await list(pinTask, 1, 100), nowMs),
    async pin(pin) {
      const payload = makePin(pin);
      const made = await create(pin.ref, pinTask, payload, `pinned by ${pin.who}: ${pin.why}`);
      await request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
        deployment_id: made.id,
        state: 'in_progress',
        description: `until ${new Date(pin.untilMs).toISOString()}`,
        auto_inactive: false,
      });
      return {...parsePin(payload)!, id: String(made.id), createdAtMs: Date.parse(made.created_at)};
    },
    async unpin(who, nowMs) {
      const pins = await readPins(request, await list(pinTask, 1, 100), nowMs);
      for (const pin of pins)
        await request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
          deployment_id: Number(pin.id),
          state: 'inactive',
          description: `released by ${who}`.slice(0, 140),
          auto_inactive: false,
        });
      return pins;
    },
  };
}

/** Each record costs a request of its own; reading a few at once keeps a long history from taking seconds. */
const readAhead = 5;

async function* batches<T>(items: AsyncIterable<T>, limit: number, size: number): AsyncIterable<T[]> {
  let batch: T[] = [];
  let taken = 0;
  if (limit > 0)
    for await (const item of items) {
      batch.push(item);
      if (++taken === limit) break;
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  if (batch.length > 0) yield batch;
}

interface Listed {
  readonly deployment: Deployment;
  readonly payload: RecordPayload;
  readonly openedAtMs: number;
}

/**
 * Our releases by the time they were opened. GitHub lists by the time they were written down, which for an adopted one
 * is later: it is held back until everything that is younger has been read.
 */
async function* newestFirst(pages: (page: number) => Promise<Deployment[]>, perPage: number): AsyncIterable<Listed> {
  const held: Listed[] = [];
  // What is still unread was written down by then, so nothing of it was opened later.
  const due = (unreadSinceMs: number) => {
    held.sort((a, b) => b.openedAtMs - a.openedAtMs);
    const first = held.findIndex(({openedAtMs}) => openedAtMs < unreadSinceMs);
    return held.splice(0, first === -1 ? held.length : first);
  };
  for (let page = 1; ; page++) {
    const found = await pages(page);
    for (const deployment of found) {
      const payload = safePayload(deployment.payload);
      if (!payload) continue;
      held.push({deployment, payload, openedAtMs: openedAt(deployment, payload)});
      yield* due(Date.parse(deployment.created_at));
    }
    if (found.length < perPage) return void (yield* due(Number.NEGATIVE_INFINITY));
  }
}

/** Nobody can have opened a release after writing it down. */
function openedAt({created_at: createdAt}: {readonly created_at: string}, {openedAtMs}: RecordPayload): number {
  return Math.min(openedAtMs ?? Number.POSITIVE_INFINITY, Date.parse(createdAt));
}

/** The fact by which an adopted event tells when it happened. */
const pastFact = 'happened-at';

interface Deployment {
  readonly id: number;
  readonly created_at: string;
  readonly payload: unknown;
}

async function appendEvent(
  request: LedgerRequest,
  recordId: string,
  kind: EventKind,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  for (const description of eventLines(kind, facts)) {
    await request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
      deployment_id: Number(recordId),
      state: states[kind],
      description,
      auto_inactive: false,
    });
  }
}

async function readEvents(request: LedgerRequest, deploymentId: number): Promise<ReleaseEvent[]> {
  const statuses: Array<{description: string; created_at: string}> = [];
  for (let page = 1; ; page++) {
    const {data} = await request('GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
      deployment_id: deploymentId,
      per_page: 100,
      page,
    });
    statuses.push(...data);
    if (data.length < 100) break;
  }
  // Newest first on the wire; times have whole seconds only, so the order of the answer is what counts.
  return statuses.reverse().flatMap((status) => {
    const event = parseEvent(status.description ?? '');
    return event ? [{...event, ...timeOf(event.facts, Date.parse(status.created_at))}] : [];
  });
}

function timeOf({[pastFact]: past, ...facts}: Readonly<Record<string, string>>, notedAtMs: number) {
  const atMs = Date.parse(past ?? '');
  return {atMs: Number.isNaN(atMs) ? notedAtMs : Math.min(atMs, notedAtMs + 1_000), facts};
}

/** Foreign or broken payloads among the deployments are passed over when listing; reading one by id is strict. */
function safePayload(payload: unknown): RecordPayload | undefined {
  try {
    return parsePayload(payload);
  } catch {
    return undefined;
  }
}

function recordOf(
  deployment: {id: number; created_at: string},
  payload: RecordPayload,
  events: readonly ReleaseEvent[],
): ReleaseRecord {
  const {release, commit, runUrl, anchors} = payload;
  return {
    id: String(deployment.id),
    release,
    commit,
    createdAtMs: openedAt(deployment, payload),
    ...(runUrl && {runUrl}),
    anchors,
    events,
  };
}

async function readPins(request: LedgerRequest, deployments: readonly Deployment[], nowMs: number): Promise<Pin[]> {
  const pins: Pin[] = [];
  for (const deployment of deployments) {
    const pin = pinOf(deployment);
    if (!pin || pin.untilMs <= nowMs) continue;
    const {data} = await request('GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
      deployment_id: deployment.id,
      per_page: 1,
    });
    if (data[0]?.state !== 'inactive') pins.push(pin);
  }
  return pins;
}

function pinOf({id, created_at: createdAt, payload}: Deployment): Pin | undefined {
  const pin = parsePin(payload);
  return pin && {id: String(id), createdAtMs: Date.parse(createdAt), ...pin};
}
