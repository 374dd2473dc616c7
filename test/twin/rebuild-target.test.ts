import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {parseConnection} from '../../src/postgres/connection.js';
import {readDatabaseState, writeNote} from '../../src/postgres/database-note.js';
import {openSession} from '../../src/postgres/session.js';
import {type PostgresServer, startPostgres} from '../../src/rehearsal/postgres/server.js';
import {clearUntouched} from '../../src/release/rebuild.js';
import {recoveryMark} from '../../src/release/recovery-mark.js';

/** The database that an image makes gives way to the restored one; any other does not. */

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(async () => server?.close());

const call = {signal: new AbortController().signal, progress: () => {}};

async function database(name: string, ...statements: string[]) {
  const connection = parseConnection(await server.createDatabase(name));
  await using session = await openSession(connection);
  for (const statement of statements) await session.query(statement);
  return connection;
}
const exists = async (name: string) => (await readDatabaseState(parseConnection(server.url), name)).exists;

test.each([
  ['that is empty', []],
  [
    'with what an extension brought',
    ['CREATE VIEW public.stats AS SELECT 1 AS one', 'ALTER EXTENSION plpgsql ADD VIEW public.stats'],
  ],
])('one %s goes', async (_what, statements) => {
  const name = `image_${statements.length}`;
  await clearUntouched(await database(name, ...statements), 'm-1', call);
  expect(await exists(name)).toBe(false);
});

test.each([
  ['a table', 'CREATE TABLE public.orders (id int)'],
  ['a view', 'CREATE VIEW public.orders AS SELECT 1 AS one'],
  ['a sequence in a schema of its own', 'CREATE SCHEMA app CREATE SEQUENCE orders'],
])('one with %s is refused and stays', async (what, statement) => {
  const name = `somebodys_${what.replace(/\W/g, '_')}`;
  const connection = await database(name, statement);
  await expect(clearUntouched(connection, 'm-1', call)).rejects.toMatchObject({
    code: 'REBUILD_NOT_EMPTY',
    remedy: expect.stringMatching(/another empty project/),
  });
  expect(await exists(name)).toBe(true);
});

test('one that this recovery restored is left to it, and one of another recovery is not', async () => {
  const connection = await database('restored', 'CREATE TABLE public.orders (id int)');
  await writeNote(parseConnection(server.url), 'restored', recoveryMark({recovery: 'm-1', set: 's', atMs: 1}));
  await clearUntouched(connection, 'm-1', call);
  expect(await exists('restored')).toBe(true);
  await expect(clearUntouched(connection, 'm-2', call)).rejects.toMatchObject({code: 'REBUILD_NOT_EMPTY'});
});
