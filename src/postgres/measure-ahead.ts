import {setTimeout as sleep} from 'node:timers/promises';
import {type Depth, measureTable, type TableContent, tableNames} from './inventory.js';
import type {Session} from './session.js';

/** What was measured of a table, and by which the end can tell that nothing has touched its rows since. */
interface Measured {
  readonly content: TableContent;
  /** The transaction that wrote the rows: a restore fills a table by one COPY. */
  readonly writer: string;
}

const pauseMs = 100;

/**
 * Measures the tables of a database while a restore fills it: each as soon as its rows are committed, while the next
 * ones are loaded and indexes are built. Only a saving: whatever it cannot measure, or cannot vouch for at the end, is
 * left for the end, and nothing that goes wrong here fails the restore.
 */
export class MeasureAhead {
  readonly #session: Session;
  readonly #depth: Depth;
  readonly #measured = new Map<string, Measured>();
  readonly #running: Promise<void>;
  #stopped = false;

  /** @param session of the database being filled; used by nobody else until `finish`. */
  constructor(session: Session, depth: Depth) {
    this.#session = session;
    this.#depth = depth;
    this.#running = depth === 'off' ? Promise.resolve() : this.#run().catch(() => {});
  }

  /** How many tables are measured so far. */
  get size(): number {
    return this.#measured.size;
  }

  /**
   * Call when the restore has ended: waits for the table that is being measured.
   * @returns those whose rows are, to the last one, still those that were measured.
   */
  async finish(sessions: readonly Session[]): Promise<ReadonlyMap<string, TableContent>> {
    await this.stop();
    const valid = new Map<string, TableContent>();
    const queue = this.#measured.entries();
    const check = async (session: Session) => {
      for (const [name, measured] of queue)
        if (await isUntouched(session, name, measured)) valid.set(name, measured.content);
    };
    await Promise.all(sessions.map(check));
    return valid;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const tried = new Set<string>();
    while (!this.#stopped) {
      const name = (await filledTables(this.#session)).find((candidate) => !tried.has(candidate));
      if (name === undefined) {
        await sleep(pauseMs);
        continue;
      }
      tried.add(name);
      // Without rights or without patience for a lock: the end will measure it.
      await this.#measure(name).catch(() => {});
    }
  }

  async #measure(name: string): Promise<void> {
    const content = await measureTable(this.#session, name, this.#depth);
    const [row] = await this.#session.query<{writer: string}>(`SELECT xmin::text AS writer FROM ONLY ${name} LIMIT 1`);
    if (row && content.rows) this.#measured.set(name, {content, writer: row.writer});
  }
}

/**
 * Tables that hold committed rows and that the restore is not at work on. Which ones have grown is asked first: one that
 * has, and that nobody holds the lock of a writer on a moment later, was committed in between.
 */
async function filledTables(session: Session): Promise<string[]> {
  const names = await tableNames(session);
  const grown = await session.query<{name: string; oid: string}>(
    `SELECT name, name::regclass::oid::text AS oid FROM unnest($1::text[]) AS name WHERE pg_relation_size(name::regclass) > 0`,
    [names],
  );
  const held = await session.query<{oid: string}>(
    `SELECT relation::text AS oid FROM pg_locks WHERE locktype = 'relation' AND mode IN ('RowExclusiveLock', 'AccessExclusiveLock')
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const busy = new Set(held.map(({oid}) => oid));
  return grown.filter(({oid}) => !busy.has(oid)).map(({name}) => name);
}

/**
 * True when every row is by the one writer and there are as many as were measured. The writer had committed when they
 * were measured, so these rows were all among those, and as many means the same.
 */
async function isUntouched(session: Session, name: string, {content, writer}: Measured): Promise<boolean> {
  const [row] = await session.query<{rows: string; same: string}>(
    `SELECT count(*)::text AS rows, count(*) FILTER (WHERE xmin::text = $1)::text AS same FROM ONLY ${name}`,
    [writer],
  );
  return Number(row!.rows) === content.rows && row!.same === row!.rows;
}
