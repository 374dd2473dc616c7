import {Failure} from '../../kernel/errors.js';
import {edgeConfigDocument, setEdgeRulesDocument} from './documents.js';
import {onceOnly} from './once-only.js';
import {lookUntil} from './polling.js';
import {ids} from './service-state.js';
import type {Session} from './session.js';
import type {Target} from './target.js';

/** What visitors of the backend get, and who gets past it. */
export interface BackendNotice {
  /** JSON or text, at most 4,096 bytes. */
  readonly body: string;
  /** Paths that stay open, such as the health path. */
  readonly openPaths: readonly string[];
  /** Header, and the values that let an operator through. */
  readonly bypass?: {readonly header: string; readonly values: readonly string[]};
}

/**
 * A rule of Railway's edge as it stands in the document; foreign ones are kept as they are. Its edge can answer 400 to
 * 499 only, and sets no headers: 503 and Retry-After are impossible there.
 * @see Railway's documentation, networking, edge rules
 */
interface EdgeRule {
  readonly id?: string;
  readonly description?: string;
  readonly priority: number;
  readonly enabled?: boolean;
  readonly if: unknown;
  readonly then: unknown;
}

/** Our rules are found again by this description; nobody else's are touched. */
const mark = 'switchback maintenance';
const settleMs = 5_000;

/** True while our block rule stands. */
export async function readMaintenance(session: Session, target: Target): Promise<boolean> {
  return (await readRules(session, target)).some(isOurs);
}

/** Puts our rules before all others, or takes only ours away, and reads the result back. */
export async function setMaintenance(
  session: Session,
  target: Target,
  notice: BackendNotice | undefined,
): Promise<'changed' | 'already'> {
  const before = await readRules(session, target);
  const foreign = before.filter((rule) => !isOurs(rule));
  if (!notice && foreign.length === before.length) return 'already';
  const rules = notice ? [...ourRules(notice, foreign), ...foreign] : foreign;
  const wanted = (found: readonly EdgeRule[]) =>
    (notice ? found.some(isOurs) : !found.some(isOurs)) &&
    foreign.every((rule) => found.some((other) => other.id === rule.id));
  const deadlineMs = session.now() + 30_000;
  await onceOnly(session, {
    what: notice ? 'the maintenance rule' : 'the removal of the maintenance rule',
    send: async () =>
      (
        await session.once(setEdgeRulesDocument, {
          ...scope(target),
          edgeRules: rules.length ? {version: 1, rules} : null,
        })
      ).updateServiceEdgeRules
        ? true
        : undefined,
    find: async () => (wanted(await readRules(session, target)) ? true : undefined),
    settleMs,
    deadlineMs,
  });
  const {value} = await lookUntil(session, session.now() + settleMs, async () =>
    wanted(await readRules(session, target)) ? true : undefined,
  );
  if (value) return 'changed';
  throw new Failure('RAILWAY_EDGE_RULES', `Railway does not show the edge rules as they were just written`, {
    remedy: "Somebody may have changed them at the same moment: look at the service's networking page and run again.",
  });
}

async function readRules(session: Session, target: Target): Promise<EdgeRule[]> {
  const {serviceInstance} = await session.read(edgeConfigDocument, scope(target));
  const rules = (serviceInstance?.edgeConfig?.edgeRules as {rules?: unknown} | null | undefined)?.rules;
  if (rules === undefined) return [];
  if (Array.isArray(rules) && rules.every((rule) => typeof rule === 'object' && rule !== null))
    return rules as EdgeRule[];
  // Rules that cannot be read must not be replaced: the write replaces the whole set.
  throw new Failure('RAILWAY_EDGE_RULES', 'The edge rules of the service have a form that this version does not know', {
    remedy: 'Switch maintenance on by hand on railway.com, and report it.',
  });
}

function isOurs(rule: EdgeRule): boolean {
  return typeof rule.description === 'string' && rule.description.startsWith(mark);
}

/** Priorities are unique and lower ones go first: ours take the lowest that are free. */
function ourRules(notice: BackendNotice, foreign: readonly EdgeRule[]): EdgeRule[] {
  const taken = new Set(foreign.map((rule) => rule.priority));
  const free = (function* () {
    for (let priority = 0; ; priority++) if (!taken.has(priority)) yield priority;
  })();
  const next = () => free.next().value as number;
  const open = [
    ...notice.openPaths.map((path) => ({attr: 'http.path', op: 'eq', value: path})),
    ...(notice.bypass?.values ?? []).map((value) => ({
      attr: 'http.header',
      key: notice.bypass!.header,
      op: 'eq',
      value,
    })),
  ];
  const allow: EdgeRule[] = open.length
    ? [
        {
          description: `${mark}: stays open`,
          priority: next(),
          enabled: true,
          if: open.length === 1 ? open[0] : {or: open},
          then: {action: 'allow'},
        },
      ]
    : [];
  return [
    ...allow,
    {
      description: `${mark}: everybody else`,
      priority: next(),
      enabled: true,
      if: {attr: 'http.path', op: 'matches', value: '/*'},
      then: {action: 'block', params: {status: 429, body: notice.body}},
    },
  ];
}

function scope(target: Target): {environmentId: string; serviceId: string} {
  const {environmentId, serviceId} = ids(target);
  return {environmentId, serviceId};
}
