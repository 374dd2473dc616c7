import {deployDocument, deploymentsDocument, setImageDocument} from './documents.js';
import {factsList} from './facts.js';
import {onceOnly} from './once-only.js';
import {isOf, type Order} from './order.js';
import {ids, readState, type ServiceState} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';
import {packed, upload} from './upload.js';

/** Makes the deployment, at most once. @returns its id. */
export async function create(
  session: Session,
  target: Target,
  order: Order,
  before: ServiceState,
  deadlineMs: number,
): Promise<string> {
  if (order.source === 'image') await setImage(session, target, order.image!, before);
  const known = new Set([...before.recent, ...before.active].map((row) => row.id));
  const body = order.source === 'upload' ? await packed(order.request.path!, session.call.progress) : undefined;
  return onceOnly(session, {
    what: body ? 'the upload' : 'the start of the deployment',
    send: () => (body ? upload(session, target, order.request, body) : start(session, target, order)),
    find: () => unseen(session, target, order, known),
    settleMs: session.api.pollMs * 6,
    deadlineMs,
  });
}

/** Starts it; Railway gives the id at once, and an answer without one proves nothing. */
async function start(session: Session, target: Target, order: Order): Promise<string | undefined> {
  const answer = await session.once(deployDocument, {
    environmentId: target.environmentId,
    serviceId: target.serviceId,
    commitSha: order.source === 'commit' ? order.request.commit : undefined,
  });
  const id = answer.serviceInstanceDeployV2;
  return typeof id === 'string' && id.length > 0 ? id : undefined;
}

/** A deployment of this order that was not there before; the oldest, should an automatic one have joined it. */
async function unseen(
  session: Session,
  target: Target,
  order: Order,
  known: ReadonlySet<string>,
): Promise<string | undefined> {
  const {deployments} = await session.once(deploymentsDocument, {...ids(target), first: 30});
  return factsList(deployments).findLast((row) => !known.has(row.id) && isOf(row, order))?.id;
}

/** Writes the image into the service's settings, which starts nothing, and reads it back. Repeating it is harmless. */
export async function setImage(session: Session, target: Target, image: string, before: ServiceState): Promise<void> {
  if (before.image === image) return;
  await onceOnly(session, {
    what: 'the change of the image',
    send: async () => {
      await session.once(setImageDocument, {environmentId: target.environmentId, serviceId: target.serviceId, image});
      return (await readState(session, target, [], 1)).image === image ? true : undefined;
    },
    find: async () => ((await readState(session, target, [], 1)).image === image ? true : undefined),
    settleMs: session.api.pollMs,
    deadlineMs: Number.POSITIVE_INFINITY,
  });
}
