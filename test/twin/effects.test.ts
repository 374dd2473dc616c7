import {expect, test} from '@jest/globals';
import {parseConnection} from '../../src/postgres/connection.js';
import {watchLocks} from '../../src/postgres/effects.js';
import {openSession} from '../../src/postgres/session.js';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';

const {signal} = new AbortController();

test('work whose locks could not be watched to its end is not told as work without locks', async () => {
  const server = await startPostgres();
  try {
    const connection = parseConnection(await server.createDatabase('watched'));
    const blind = async () => {
      await using session = await openSession(connection, {signal});
      await session.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      await session.query('SELECT pg_sleep(0.3)');
    };
    await expect(watchLocks(connection, new Map(), signal, blind)).rejects.toMatchObject({name: 'Failure'});
    await expect(watchLocks(connection, new Map(), signal, async () => 'done')).resolves.toMatchObject({
      result: 'done',
    });
  } finally {
    await server.close();
  }
});
