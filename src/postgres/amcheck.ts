import {join} from 'node:path';
import {findProgram, outputOf, succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import type {ClientTools} from './client-tools.js';
import {type Connection, libpqEnvironment, secretsOf} from './connection.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Checks tables and indexes of a restored database with pg_amcheck.
 * @returns false where there is no pg_amcheck or the server lacks its extension: could not check is not fine, so the
 * caller says so.
 * @throws Failure DATABASE_DAMAGED with what it found.
 */
export async function checkStructures(
  connection: Connection,
  tools: ClientTools,
  env: Environment,
  signal: AbortSignal,
): Promise<boolean> {
  if (tools.container) return false;
  const command = await findProgram('pg_amcheck', {PATH: tools.folder});
  if (!command) return false;
  const exit = await outputOf({
    command: join(tools.folder, 'pg_amcheck'),
    args: ['--install-missing', '--heapallindexed', '--no-password', `--database=${connection.database}`],
    env: libpqEnvironment(connection, tools.major, env),
    secrets: secretsOf(connection),
    signal,
  });
  if (succeeded(exit)) return true;
  if (/could not open extension control file|extension "amcheck" is not available|permission denied/.test(exit.stderr))
    return false;
  const lines = `${exit.stdout}\n${exit.stderr}`.trim().split('\n').slice(0, 8).join('\n');
  throw new Failure('DATABASE_DAMAGED', `pg_amcheck found damage in the restored database\n${lines}`, {
    remedy: 'The source has the same damage, most often an index out of order: run pg_amcheck there, then REINDEX.',
  });
}
