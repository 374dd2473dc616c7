import type {Client, ClientConfig} from 'pg';
import {cancelled, Failure, messageOf} from '../kernel/errors.js';
import {type Connection, describeConnection, tlsOptions} from './connection.js';

/** One connection to a server. Queries run one after another. */
export interface Session extends AsyncDisposable {
  query<T extends object>(sql: string, values?: readonly unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds one statement may take; 0, the default, is no limit. */
  readonly statementTimeoutMs?: number;
}

/** Text forms that digests depend on, so that both sides of a comparison see the same text. */
export const digestSettings = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
} as const;

/**
 * Connects. With channel binding required, a server that asks for the password in any other way than SCRAM-SHA-256-PLUS
 * does not get it: `sslmode=require` alone would hand it to whoever answers.
 * @throws Failure DATABASE_CONNECT (retryable when the server may only be starting), DATABASE_AUTH
 */
export async function openSession(connection: Connection, options: SessionOptions = {}): Promise<Session> {
  const {host, port, user, database, password} = connection;
  // Loaded when first used: most runs of most actions open no database.
  const {default: pg} = await import('pg');
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : {password}),
    ssl: tlsOptions(connection),
    enableChannelBinding: connection.channelBinding === 'require',
    connectionTimeoutMillis: 20_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    application_name: 'switchback',
  } as ClientConfig);
  if (connection.channelBinding === 'require') insistOnChannelBinding(client);
  // A connection that breaks while idle must not end the process; the next query reports it.
  client.on('error', () => {});
  const abort = () => hangUp(client);
  options.signal?.addEventListener('abort', abort, {once: true});
  const close = async () => {
    options.signal?.removeEventListener('abort', abort);
    await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, 2_000).unref())]).catch(() => {});
  };
  try {
    options.signal?.throwIfAborted();
    await client.connect();
    await client.query(settings(options.statementTimeoutMs ?? 0));
    // From 14 on the server notices a client that has gone, and stops working for it.
    await client.query(`SET client_connection_check_interval = '2s'`).catch(() => {});
  } catch (error) {
    await close();
    throw options.signal?.aborted ? cancelled('The connection') : connectFailure(connection, error);
  }
  const query = async <T extends object>(sql: string, values?: readonly unknown[]) => {
    try {
      return (await client.query(sql, values ? [...values] : undefined)).rows as T[];
    } catch (error) {
      if (options.signal?.aborted) throw cancelled('The query');
      throw queryFailure(error);
    }
  };
  return {query, close, [Symbol.asyncDispose]: close};
}

/** Several connections to one database. */
export interface Sessions extends AsyncDisposable {
  /** At least one. */
  readonly all: readonly Session[];
  /** Breaks off whatever they are at. */
  hangUp(): void;
}

/** Opens up to `count` connections; a server that is short of them gets by with fewer. @throws Failure as `openSession` */
export async function openSessions(connection: Connection, count: number, signal: AbortSignal): Promise<Sessions> {
  const end = new AbortController();
  const joined = AbortSignal.any([signal, end.signal]);
  const first = await openSession(connection, {signal: joined});
  const more = await Promise.allSettled(
    Array.from({length: count - 1}, () => openSession(connection, {signal: joined})),
  );
  const all = [first, ...more.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
  return {
    all,
    hangUp: () => end.abort(),
    [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((session) => session.close()))),
  };
}

function settings(statementTimeoutMs: number): string {
  const fixed = Object.entries(digestSettings).map(([name, value]) => `SET ${name} = '${value}'`);
  return [
    ...fixed,
    `SET statement_timeout = ${statementTimeoutMs}`,
    `SET lock_timeout = '30s'`,
    `SET idle_in_transaction_session_timeout = 0`,
    `SET search_path = pg_catalog`,
  ].join('; ');
}

type Authentication = 'authenticationCleartextPassword' | 'authenticationMD5Password' | 'authenticationSASL';
interface Wire {
  prependListener(event: Authentication, listener: (message: {mechanisms?: string[]}) => void): void;
  emit(event: 'error', error: Error): void;
  readonly stream: {destroy(): void};
  removeAllListeners(event: Authentication): void;
}

/** Replaces the client's answers to weaker logins by a refusal, before any of them can be asked for. */
function insistOnChannelBinding(client: Client): void {
  const inner = client as unknown as Record<string, (message: {mechanisms?: string[]}) => unknown> & {connection: Wire};
  const refuse = () => {
    inner.connection.emit(
      'error',
      new Failure(
        'DATABASE_AUTH',
        'The server did not offer a login that is bound to its certificate (SCRAM-SHA-256-PLUS), so the password was not sent',
        {
          remedy:
            'Check that this is your server. For one that only knows md5, add channel_binding=disable to the address, knowing that anyone in between could take the password.',
        },
      ),
    );
    inner.connection.stream.destroy();
  };
  const scram = inner['_handleAuthSASL']!.bind(client);
  inner['_handleAuthCleartextPassword'] = refuse;
  inner['_handleAuthMD5Password'] = refuse;
  inner['_handleAuthSASL'] = (message) =>
    message.mechanisms?.includes('SCRAM-SHA-256-PLUS') ? scram(message) : refuse();
}

function hangUp(client: Client): void {
  (client as unknown as {connection?: Wire}).connection?.stream.destroy();
}

function connectFailure(connection: Connection, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const {code = '', message} = error as {code?: string; message: string};
  const where = describeConnection(connection);
  if (code.startsWith('28'))
    return new Failure('DATABASE_AUTH', `${where} refused the login (${code}): ${message}`, {
      remedy: 'Check user and password of the database address.',
      cause: error,
    });
  if (code === '3D000')
    return new Failure('DATABASE_CONNECT', `${where}: ${message}`, {
      remedy: 'Check the database name at the end of the address.',
      cause: error,
    });
  if (/does not support SSL/.test(message))
    return new Failure('DATABASE_TLS', `${where} does not speak TLS`, {
      remedy: 'Turn TLS on at the server; only for a server on this machine, add sslmode=disable to the address.',
      cause: error,
    });
  if (/certificate|self.signed|altnames/i.test(message))
    return new Failure('DATABASE_TLS', `${where}: the certificate was not accepted: ${message}`, {
      remedy:
        "Point sslrootcert at the server's root; behind a proxy whose name the certificate does not hold, use verify-ca.",
      cause: error,
    });
  if (/startup parameter/.test(message))
    return new Failure('DATABASE_POOLER', `${where} is a connection pooler: ${message}`, {
      remedy: 'Give the direct address of the database; a dump cannot run through a pooler.',
      cause: error,
    });
  const retryable =
    code.startsWith('57P') || /ECONN|ETIMEDOUT|EAI_AGAIN|timeout|terminated/i.test(`${code} ${message}`);
  return new Failure('DATABASE_CONNECT', `${where} cannot be reached: ${message}`, {
    remedy: 'Check host and port, and that the database runs and is reachable from this runner.',
    retryable,
    cause: error,
  });
}

function queryFailure(error: unknown): Failure {
  const {code = ''} = error as {code?: string};
  const lost = !code || code.startsWith('08') || code.startsWith('57P');
  if (code === '55P03')
    return new Failure('DATABASE_LOCKED', `The database answered ${code}: ${messageOf(error)}`, {
      remedy: 'Another session holds a lock, most often a migration: let it end, then run again.',
      retryable: true,
      cause: error,
      details: {code},
    });
  return new Failure(
    code === '42501' ? 'DATABASE_RIGHTS' : 'DATABASE_QUERY',
    `The database answered${code ? ` ${code}` : ''}: ${messageOf(error)}`,
    {
      remedy:
        code === '42501'
          ? 'Grant the backup role pg_read_all_data.'
          : lost
            ? 'Check that the database runs, then run again.'
            : 'Read the message; the query of a backup or a drill met something unexpected.',
      retryable: lost,
      cause: error,
      details: {code},
    },
  );
}
