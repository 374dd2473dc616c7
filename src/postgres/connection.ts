import {readFileSync} from 'node:fs';
import {Failure, type Problem, refusal} from '../kernel/errors.js';

export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** A PostgreSQL address taken apart, so that no program gets it as one text with the password in it. */
export interface Connection {
  /** Host name, address, or absolute folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: TlsMode;
  /** Path of a PEM file with the roots to trust, or `system`. */
  readonly rootCertificate: string | undefined;
  /** `require` ties the login to the server's certificate, so that nobody in between gets the password. */
  readonly channelBinding: 'require' | 'disable';
}

const tlsModes: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full'];

/**
 * Reads a `postgres://` address. TLS is required by default, with channel binding; `sslmode=disable` is accepted only
 * for this machine, a Unix socket, and Railway's private network, which is encrypted below.
 * @throws refusal DATABASE_URL with every problem; the address itself is never quoted.
 */
export function parseConnection(url: string): Connection {
  const problems: Problem[] = [];
  const problem = (what: string, remedy: string) => problems.push({where: 'database address', what, remedy});
  const parsed = /^postgres(ql)?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed)
    throw refusal('DATABASE_URL', 'The database address was', [
      {
        where: 'database address',
        what: 'is not a postgres:// address',
        remedy: 'Write it as postgres://user:password@host:port/database, special characters percent-encoded',
      },
    ]);
  const option = (name: string) => parsed.searchParams.get(name) ?? undefined;
  const host = option('host') ?? decodeURIComponent(parsed.hostname.replace(/^\[|\]$/g, ''));
  const database = decodeURIComponent(parsed.pathname.slice(1)) || (option('dbname') ?? '');
  const user = decodeURIComponent(parsed.username) || (option('user') ?? '');
  const asked = option('sslmode') ?? 'require';
  if (!host) problem('names no host', 'Add the host name');
  if (!database) problem('names no database', 'Add it after the port, such as /railway');
  if (!user) problem('names no user', 'Add it before the host');
  const tls = (asked === 'no-verify' || asked === 'prefer' || asked === 'allow' ? 'require' : asked) as TlsMode;
  if (!tlsModes.includes(tls))
    problem(`has the unknown sslmode ${JSON.stringify(asked)}`, `Use one of ${tlsModes.join(', ')}`);
  if (tls === 'disable' && !isPrivate(host))
    problem('turns TLS off for a host across the network', 'Remove sslmode=disable');
  if (problems.length) throw refusal('DATABASE_URL', 'The database address was', problems);
  return {
    host,
    database,
    user,
    port: Number(parsed.port || option('port') || 5432),
    password: parsed.password ? decodeURIComponent(parsed.password) : undefined,
    tls,
    rootCertificate: option('sslrootcert'),
    channelBinding: tls === 'disable' || option('channel_binding') === 'disable' ? 'disable' : 'require',
  };
}

/** Texts that must be hidden wherever they might appear: the password as it is and as it stands in an address. */
export function secretsOf({password}: Connection): string[] {
  return password ? [...new Set([password, encodeURIComponent(password)])] : [];
}

/** `user@host:port/database`, for people. */
export function describeConnection({user, host, port, database}: Connection): string {
  return `${user}@${host}:${port}/${database}`;
}

/** The same server by another database. */
export function withDatabase(connection: Connection, database: string): Connection {
  return {...connection, database};
}

/**
 * The whole environment for one of PostgreSQL's own programs. The password stands in the child's environment alone:
 * never in an argument, and in no file that a killed run would leave behind.
 */
export function libpqEnvironment(
  connection: Connection,
  clientMajor: number,
  base: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const {host, port, user, database, password, tls, rootCertificate, channelBinding} = connection;
  return {
    PATH: base['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    ...(base['LD_LIBRARY_PATH'] ? {LD_LIBRARY_PATH: base['LD_LIBRARY_PATH']} : {}),
    // English messages are what the causes of failures are recognised by.
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGPASSFILE: '/dev/null',
    PGSERVICEFILE: '/dev/null',
    PGCONNECT_TIMEOUT: '20',
    PGAPPNAME: 'switchback',
    PGSSLMODE: tls,
    PGCHANNELBINDING: channelBinding,
    ...(password === undefined ? {} : {PGPASSWORD: password}),
    ...(rootCertificate ? {PGSSLROOTCERT: rootCertificate} : {}),
    ...(channelBinding === 'require' && clientMajor >= 16 ? {PGREQUIREAUTH: 'scram-sha-256'} : {}),
  };
}

/** Connection settings that only fit into a connection string; without them a dead proxy hangs the job for hours. */
export const keepaliveOptions =
  'keepalives=1 keepalives_idle=30 keepalives_interval=10 keepalives_count=3 tcp_user_timeout=60000';

/** TLS settings for the `pg` client, with the meaning libpq gives the same mode. */
export function tlsOptions({
  tls,
  rootCertificate,
}: Connection): false | {rejectUnauthorized: boolean; ca?: string; checkServerIdentity?: () => undefined} {
  if (tls === 'disable') return false;
  const ca = rootCertificate && rootCertificate !== 'system' ? {ca: readRoot(rootCertificate)} : {};
  if (tls === 'require' && !('ca' in ca)) return {rejectUnauthorized: false};
  // libpq treats `require` with a root like `verify-ca`: the chain is checked, the name is not.
  return tls === 'verify-full'
    ? {rejectUnauthorized: true, ...ca}
    : {rejectUnauthorized: true, ...ca, checkServerIdentity: () => undefined};
}

function readRoot(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure('DATABASE_TLS', `The root certificate ${path} cannot be read`, {
      remedy: "Check the path given as sslrootcert; download the server's root and commit it.",
      cause: error,
    });
  }
}

function isPrivate(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost' || host.endsWith('.railway.internal')) return true;
  const {isIP} = process.getBuiltinModule('node:net');
  return isIP(host) !== 0 && (host.startsWith('127.') || host === '::1');
}
