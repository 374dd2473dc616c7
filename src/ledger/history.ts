import type {EventKind, ReleaseRecord} from './record.js';

/** What a release came to, from its events. */
export type ReleaseState =
  | 'open'
  | 'staged'
  | 'deployed'
  | 'promoted'
  | 'good'
  | 'failed'
  | 'rolled-back'
  | 'cancelled';

export function stateOf(record: ReleaseRecord): ReleaseState {
  const telling: Partial<Record<EventKind, ReleaseState>> = {
    staged: 'staged',
    deployed: 'deployed',
    promoted: 'promoted',
    good: 'good',
    failed: 'failed',
    'rolled-back': 'rolled-back',
    cancelled: 'cancelled',
  };
  return record.events.reduce<ReleaseState>((state, event) => telling[event.kind] ?? state, 'open');
}

/** The newest value of a fact over all events, or of those of one kind. */
export function factOf(record: ReleaseRecord, key: string, kinds?: readonly EventKind[]): string | undefined {
  return record.events
    .filter((event) => !kinds || kinds.includes(event.kind))
    .reduce<string | undefined>((value, event) => event.facts[key] ?? value, undefined);
}

/** Every deployment a release made, so that a rollback can keep them from going live later. */
export function deploymentsOf(record: ReleaseRecord, component: 'frontend' | 'backend'): string[] {
  const made: EventKind[] = ['staged', 'deployed', 'note', 'promoted', 'intent'];
  return [
    ...new Set(
      record.events.filter((event) => made.includes(event.kind)).flatMap((event) => event.facts[component] ?? []),
    ),
  ];
}

/** The newest release whose gate passed after promotion; `history` newest first. */
export function lastKnownGood(history: readonly ReleaseRecord[]): ReleaseRecord | undefined {
  return history.find((record) => record.events.some((event) => event.kind === 'good') && stateOf(record) === 'good');
}

/** The newest release that changed what users are served, whatever came of it. */
export function newestShipped(history: readonly ReleaseRecord[]): ReleaseRecord | undefined {
  return history.find((record) =>
    record.events.some((event) => event.kind === 'promoted' || event.kind === 'deployed'),
  );
}
