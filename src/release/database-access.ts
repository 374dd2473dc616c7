import type {Config} from '../config/schema.js';
import {type Connection, parseConnection} from '../postgres/connection.js';
import type {BackupAccess} from './backup-access.js';

/** The database's address, from the input or the environment variable that the file names; undefined when neither says. */
export function databaseConnection(
  config: Config,
  access: Pick<BackupAccess, 'database-url'>,
  env: Readonly<Record<string, string | undefined>>,
): Connection | undefined {
  const url = access['database-url'] ?? env[config.database?.['url-env'] ?? 'DATABASE_URL'];
  return url ? parseConnection(url) : undefined;
}
