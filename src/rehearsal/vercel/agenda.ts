interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * The platform's time and what is due in it. Runs by itself on the machine's clock; with a clock from outside, or
 * standing still, due tasks run when somebody looks (`settle`) or moves the time (`advance`), each at its own moment.
 */
export class Agenda {
  readonly #base: () => number;
  readonly #ownTimer: boolean;
  #offsetMs = 0;
  #momentMs: number | undefined;
  #entries: Entry[] = [];
  #orders = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {now?: (() => number) | undefined; manual?: boolean | undefined}) {
    const startMs = options.now?.() ?? Date.now();
    this.#base = options.manual ? () => startMs : (options.now ?? Date.now);
    this.#ownTimer = !options.manual && !options.now;
  }

  /** Epoch milliseconds; within a task, the moment it was due. */
  now(): number {
    return this.#momentMs ?? Math.round(this.#base() + this.#offsetMs);
  }

  after(ms: number, task: () => void): void {
    this.#entries.push({dueMs: this.now() + ms, order: this.#orders++, task});
    this.#entries.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    this.#arm();
  }

  /** Runs everything that is due, including what those tasks plan for moments already past. */
  settle(): void {
    if (this.#momentMs !== undefined) return;
    const nowMs = this.now();
    while (this.#entries[0] && this.#entries[0].dueMs <= nowMs) this.#run(this.#entries.shift()!);
    this.#arm();
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
    this.settle();
  }

  close(): void {
    this.#closed = true;
    this.#entries = [];
    clearTimeout(this.#timer);
  }

  #run(entry: Entry): void {
    this.#momentMs = entry.dueMs;
    try {
      entry.task();
    } finally {
      this.#momentMs = undefined;
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#entries[0];
    if (!this.#ownTimer || this.#closed || !next) return;
    this.#timer = setTimeout(() => this.settle(), Math.max(0, next.dueMs - this.now()));
  }
}
