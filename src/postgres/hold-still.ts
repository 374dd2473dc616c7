import {Failure} from '../kernel/errors.js';
import {tableNames} from './inventory.js';
import type {Session} from './session.js';

/** Tables named in one statement. */
const batch = 200;

/**
 * Begins the transaction that a dump and its counts share. The tables are locked before the snapshot is taken: one that
 * a migration rewrites in between would look empty to dump and counts alike, and nothing would ever tell.
 * @returns the exported snapshot, good for as long as the session's transaction.
 * @throws Failure DATABASE_LOCKED when a table stays locked for longer than `lockWaitMs`
 */
export async function holdStill(session: Session, lockWaitMs: number): Promise<string> {
  for (let tries = 1; ; tries++) {
    const names = await tableNames(session);
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      await session.query(`SET LOCAL lock_timeout = ${lockWaitMs}`);
      for (let i = 0; i < names.length; i += batch) {
        const some = names.slice(i, i + batch).map((name) => `ONLY ${name}`);
        await session.query(`LOCK TABLE ${some.join(', ')} IN ACCESS SHARE MODE`);
      }
      const [row] = await session.query<{id: string}>('SELECT pg_export_snapshot() AS id');
      return row!.id;
    } catch (error) {
      await session.query('ROLLBACK').catch(() => {});
      if (!isGone(error) || tries >= 5) throw error;
    }
  }
}

/** A table of the list was dropped before it could be locked. */
function isGone(error: unknown): boolean {
  return error instanceof Failure && (error.details['code'] === '42P01' || error.details['code'] === '3F000');
}
