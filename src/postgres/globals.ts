import {outputOf, succeeded} from '../kernel/child.js';
import {type ClientTools, invocation} from './client-tools.js';
import {type Connection, libpqEnvironment, secretsOf} from './connection.js';

/**
 * Roles and tablespaces of the server as SQL, without passwords: what an archive of one database leaves out.
 * @returns undefined when this role may not read them, which managed servers often forbid.
 */
export async function readGlobals(
  connection: Connection,
  tools: ClientTools,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const args = ['--globals-only', '--no-role-passwords', '--no-password', `--database=${connection.database}`];
  const program = invocation(tools, 'pg_dumpall', args, libpqEnvironment(connection, tools.major, env));
  const exit = await outputOf({...program, secrets: secretsOf(connection), signal});
  // The closing line is the only mark of a plain dump that it is whole.
  return succeeded(exit) && /PostgreSQL database cluster dump complete/.test(exit.stdout) ? exit.stdout : undefined;
}
