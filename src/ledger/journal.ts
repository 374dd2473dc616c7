import {stateOf} from './history.js';
import type {EventKind, ReleaseEvent, ReleaseRecord} from './record.js';

/** A change that was announced before it was made, and of which nothing was heard since. */
export interface Intent {
  readonly atMs: number;
  /** `deploy`, `promote` or `rollback`. */
  readonly does: string;
  /** Undefined when the change concerns all components. */
  readonly component?: 'frontend' | 'backend';
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * The announced changes of a release that have no result: its run was killed in between, or is still at it. Each may
 * have happened or not; only the platform knows.
 */
export function openIntents(record: ReleaseRecord): Intent[] {
  return record.events.flatMap((event, at) => {
    if (event.kind !== 'intent') return [];
    const intent = intentOf(event);
    return record.events.slice(at + 1).some((later) => settles(later, intent)) ? [] : [intent];
  });
}

/**
 * The release that a killed run left in the middle of a change.
 * @param history newest first. Releases behind one that ended (good, or rolled back) are moot: it has set both sides.
 */
export function interrupted(
  history: readonly ReleaseRecord[],
): {readonly record: ReleaseRecord; readonly intents: readonly Intent[]} | undefined {
  for (const record of history) {
    const intents = openIntents(record);
    if (intents.length > 0) return {record, intents};
    if (['good', 'rolled-back'].includes(stateOf(record))) return undefined;
  }
  return undefined;
}

function intentOf({atMs, facts}: ReleaseEvent): Intent {
  const {on, frontend, backend} = facts;
  // `on` names the component of a deployment; a promotion is known by the deployment it promotes.
  const component =
    on === 'frontend' || on === 'backend'
      ? on
      : frontend && !backend
        ? 'frontend'
        : backend && !frontend
          ? 'backend'
          : undefined;
  return {atMs, does: facts.do ?? 'unknown', ...(component && {component}), facts};
}

function settles(later: ReleaseEvent, intent: Intent): boolean {
  const {kind, facts} = later;
  if (kind === 'rolled-back') return true;
  // A second announcement of the same change takes the first one's place.
  if (kind === 'intent') return facts.do === intent.does && intentOf(later).component === intent.component;
  if (!componentsOf(intent).every((component) => facts[component] !== undefined)) return false;
  // A rollback that changed nothing notes `failed` with what it read back on each side.
  const telling: Record<string, readonly EventKind[]> = {
    deploy: ['staged', 'deployed', 'note', 'failed'],
    promote: ['promoted', 'failed'],
    rollback: ['failed'],
  };
  return telling[intent.does]?.includes(kind) ?? false;
}

function componentsOf({component, facts}: Intent): string[] {
  if (component) return [component];
  const named = (['frontend', 'backend'] as const).filter(
    (one) => facts[one] !== undefined || facts[`to-${one}`] !== undefined,
  );
  return named.length > 0 ? named : ['frontend', 'backend'];
}
