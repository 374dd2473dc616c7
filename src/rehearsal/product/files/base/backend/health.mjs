import {newestMigration} from './database.mjs';
import {commit, version} from './release.mjs';

/** Healthy means: a query went through just now. */
export async function health() {
  try {
    return {status: 'ok', version, commit, database: 'ok', migration: await newestMigration()};
  } catch (error) {
    return {httpStatus: 503, status: 'error', version, commit, database: error.message};
  }
}
