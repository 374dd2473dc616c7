/**
 * Concurrency groups shared by runs: one holder, and one waiting entry that a newer arrival replaces (or up to 100 with
 * `queue: max`). Names are compared without case.
 */
export interface ConcurrencyGroups {
  /** Waits for the group. `superseded` means that a newer arrival took the waiting place (or the queue was full). */
  enter(
    name: string,
    options: EnterOptions,
  ): {readonly turn: Promise<'entered' | 'superseded' | 'left'>; leave(): void};
}

export interface EnterOptions {
  readonly cancelInProgress: boolean;
  readonly queueAll: boolean;
  /** Asked of the holder when a newer arrival cancels what is in progress. */
  readonly onCancel: () => void;
}

interface Entry extends EnterOptions {
  readonly settle: (turn: 'entered' | 'superseded' | 'left') => void;
}

interface Group {
  holder?: Entry;
  waiting: Entry[];
}

const queueLimit = 100;

export function createConcurrencyGroups(): ConcurrencyGroups {
  const groups = new Map<string, Group>();
  return {
    enter(name, options) {
      const key = name.toLowerCase();
      const group = groups.get(key) ?? {waiting: []};
      groups.set(key, group);
      let settle: Entry['settle'] = () => {};
      const turn = new Promise<'entered' | 'superseded' | 'left'>((resolve) => {
        settle = resolve;
      });
      const entry: Entry = {...options, settle};
      admit(group, entry);
      return {turn, leave: () => leave(group, entry)};
    },
  };
}

function admit(group: Group, entry: Entry): void {
  if (!group.holder) {
    group.holder = entry;
    entry.settle('entered');
    return;
  }
  if (entry.queueAll && group.waiting.length >= queueLimit) {
    entry.settle('superseded');
    return;
  }
  if (!entry.queueAll) for (const waiting of group.waiting.splice(0)) waiting.settle('superseded');
  group.waiting.push(entry);
  if (entry.cancelInProgress) group.holder.onCancel();
}

function leave(group: Group, entry: Entry): void {
  entry.settle('left');
  group.waiting = group.waiting.filter((waiting) => waiting !== entry);
  if (group.holder !== entry) return;
  group.holder = group.waiting.shift();
  group.holder?.settle('entered');
}
