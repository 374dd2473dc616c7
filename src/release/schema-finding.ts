import type {Config} from '../config/schema.js';
import {messageOf} from '../kernel/errors.js';
import type {Finding} from '../platforms/platform.js';
import type {JudgedStatement} from '../schema/verdict.js';
import type {BackupAccess} from './backup-access.js';
import {databaseConnection} from './database-access.js';
import {type ReleaseSchemaVerdict, readRange, type SchemaQuestion, schemaVerdict} from './schema-verdict.js';

export interface SchemaRelease {
  readonly root: string;
  /** Commit that is live on the backend. */
  readonly from: string | undefined;
  readonly to: string;
  /** Folder that an input names. */
  readonly folder?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** The verdict as the configuration asks for it. A database address that cannot be used costs only the sizes. */
export async function configuredVerdict(
  config: Config,
  access: BackupAccess,
  release: SchemaRelease,
): Promise<ReleaseSchemaVerdict> {
  let connection: ReturnType<typeof databaseConnection>;
  let unusable: string | undefined;
  try {
    connection = databaseConnection(config, access, release.env);
  } catch (error) {
    unusable = messageOf(error);
  }
  const verdict = await schemaVerdict({...asked(config, release), connection});
  return unusable && verdict.unasked ? {...verdict, unasked: unusable} : verdict;
}

/** The migrations of the release as the configuration says where they are. */
export function configuredRange(config: Config, release: SchemaRelease): ReturnType<typeof readRange> {
  return readRange(asked(config, release));
}

function asked({database}: Config, release: SchemaRelease): SchemaQuestion {
  return {
    ...release,
    folder: release.folder ?? database?.migrations,
    command: database?.['migrations-command'],
  };
}

/** The statement that decided the verdict. */
export function deciding({verdict, statements}: ReleaseSchemaVerdict): JudgedStatement | undefined {
  return statements.find((one) => one.compatibility === verdict);
}

/** `file:line` of the statement that decided it. */
export function decidedAt(verdict: ReleaseSchemaVerdict): string | undefined {
  const first = deciding(verdict);
  return first?.file ? `${first.file}:${first.line}` : undefined;
}

/** The row of preflight. */
export function schemaFinding(verdict: ReleaseSchemaVerdict, hasDatabase: boolean): Finding {
  const row = {area: 'schema', check: 'migrations since the live commit'};
  if (verdict.verdict === 'breaking' || verdict.verdict === 'unknown') {
    const first = deciding(verdict);
    return {
      ...row,
      state: 'warning',
      found: verdict.sentence,
      remedy: `The automatic rollback of the backend will stop at maintenance mode, and a verified backup is demanded first. ${first?.instead ?? ''}`,
    };
  }
  if (!verdict.layout && hasDatabase)
    return {
      ...row,
      state: 'warning',
      found: 'no migration was found in the usual places, so the schema counts as unchanged',
      remedy: 'Set `database.migrations` to their folder, or `database.migrations-command` to what prints them',
    };
  return {...row, state: 'ok', found: verdict.sentence};
}
