import type {Config} from '../config/schema.js';
import {formatBytes} from '../kernel/bytes.js';
import {Failure, messageOf} from '../kernel/errors.js';
import type {Finding} from '../platforms/platform.js';
import {chooseDumpClient, findClientTools} from '../postgres/client-tools.js';
import {secretsOf} from '../postgres/connection.js';
import {readServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';
import {type BackupAccess, openRecipients} from './backup-access.js';
import {databaseConnection} from './database-access.js';
import {storeFindings} from './store-findings.js';

interface Context {
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Is the database among the components to check? */
  readonly database: boolean;
  mask(value: string): void;
}

/** Rows about the backup store, the keys, the database and its dump client. Writes nothing but a probe object, which it removes. */
export async function backupFindings(config: Config, access: BackupAccess, context: Context): Promise<Finding[]> {
  if (!config.backup) {
    const wanted = config.database !== undefined && config.release['backup-before'];
    return [
      {
        area: 'backup',
        check: 'configuration',
        state: wanted ? 'problem' : 'warning',
        found: 'no backup is configured',
        remedy: wanted
          ? 'Describe `backup` in the configuration file, or set `release.backup-before: false`'
          : 'Describe `backup` in the configuration file',
      },
    ];
  }
  const rows = await Promise.all([
    storeFindings(config, access, context),
    keyFindings(config, context),
    context.database && config.database ? databaseFindings(config, access, context) : [],
  ]);
  return rows.flat();
}

async function keyFindings({backup}: Config, {root, env}: Context): Promise<Finding[]> {
  const row = (state: Finding['state'], found: string, remedy?: string): Finding => ({
    area: 'backup',
    check: 'public keys',
    state,
    found,
    ...(remedy && {remedy}),
  });
  try {
    const {described, warnings, passphrase} = await openRecipients(backup!, {}, env, root, {nowMs: Date.now()});
    if (passphrase !== undefined) return [row('warning', 'a passphrase', warnings[0])];
    const names = described
      .map(
        (recipient) =>
          `${recipient.fingerprint.slice(-16)} ${recipient.expires ? `until ${recipient.expires.slice(0, 10)}` : 'without end'}`,
      )
      .join(', ');
    return [
      row('ok', names),
      ...warnings.map((warning) => row('warning', warning, 'Renew or add a key before it matters')),
    ];
  } catch (error) {
    return [
      row(
        'problem',
        messageOf(error).replace(/\s+/g, ' '),
        error instanceof Failure ? error.remedy : 'Export the public key again',
      ),
    ];
  }
}

async function databaseFindings(config: Config, access: BackupAccess, context: Context): Promise<Finding[]> {
  const row = (check: string, state: Finding['state'], found: string, remedy?: string): Finding => ({
    area: 'database',
    check,
    state,
    found,
    ...(remedy && {remedy}),
  });
  try {
    const connection = databaseConnection(config, access, context.env);
    if (!connection)
      return [
        row(
          'connection',
          'problem',
          'no address was given',
          'Pass `database-url`, such as `database-url: ${{ secrets.DATABASE_URL }}`',
        ),
      ];
    secretsOf(connection).forEach((secret) => context.mask(secret));
    await using session = await openSession(connection, {
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(30_000)]),
      statementTimeoutMs: 15_000,
    });
    const facts = await readServerFacts(session);
    const found = row(
      'connection',
      'ok',
      `PostgreSQL ${facts.version}, ${formatBytes(facts.databaseBytes)}${facts.inRecovery ? ', a standby' : ''}`,
    );
    return [found, await clientFinding(facts.major, context)];
  } catch (error) {
    return [
      row(
        'connection',
        'problem',
        messageOf(error),
        error instanceof Failure ? error.remedy : 'Check the address and that it is reachable from the runner',
      ),
    ];
  }
}

async function clientFinding(serverMajor: number, context: Context): Promise<Finding> {
  const check = `pg_dump for server version ${serverMajor}`;
  try {
    const client = chooseDumpClient(await findClientTools(context.env), serverMajor);
    return {area: 'database', check, state: 'ok', found: `${client.version} at ${client.folder}`};
  } catch (error) {
    return {
      area: 'database',
      check,
      state: 'problem',
      found: messageOf(error),
      remedy: error instanceof Failure ? error.remedy : 'Install the PostgreSQL client',
    };
  }
}
