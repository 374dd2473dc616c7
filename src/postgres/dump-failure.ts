import {type ChildExit, endOf} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import {roleSaidMissing} from './roles.js';

/** What pg_dump and pg_restore say when they stop, and what helps. The first match counts. */
const causes: ReadonlyArray<readonly [pattern: RegExp, code: string, remedy: string, retryable?: true]> = [
  [
    /server version mismatch|aborting because of server version/,
    'DATABASE_CLIENT',
    "Install the client of the server's major version.",
  ],
  [
    /unsupported version \([\d.]+\) in file header/,
    'DATABASE_CLIENT',
    "Install a client at least as new as the one named in the set's manifest.",
  ],
  [
    /ERROR: {2}role ".+" does not exist/,
    'DATABASE_ROLE',
    'Make the role on the target server first, `CREATE ROLE <role> NOLOGIN`, then run again. `owners: drop` does without owners and rights, but not without the roles that policies name.',
  ],
  [
    /unrecognized configuration parameter "transaction_timeout"/,
    'DATABASE_CLIENT',
    'Restore with a client of version 16 or older; newer ones do not fit this server.',
  ],
  [
    /row-level security|row security policy/,
    'DATABASE_RIGHTS',
    'Give the backup role BYPASSRLS: `ALTER ROLE <role> BYPASSRLS`.',
  ],
  [
    /permission denied for large object/,
    'DATABASE_RIGHTS',
    'Large objects are not covered by pg_read_all_data: let their owner or a superuser make the backup, or `GRANT SELECT ON LARGE OBJECT`.',
  ],
  [
    /permission denied/,
    'DATABASE_RIGHTS',
    'Give the backup role the right to read everything: `GRANT pg_read_all_data TO <role>`.',
  ],
  [
    /missing chunk number|unexpected chunk number|invalid page in block|could not read block/,
    'DATABASE_DAMAGED',
    'The database itself is damaged: keep all earlier backups, stop retention, and repair it before anything else.',
  ],
  [
    /invalid memory alloc request size|out of memory/,
    'DATABASE_VALUE_SIZE',
    'A value is too large to be dumped as text (about 500 MB); find it with max(octet_length(column)) and store it outside the database.',
  ],
  [
    /input file appears to be a text format dump/,
    'ARCHIVE',
    'This is a plain dump of another tool, which pg_restore does not read: look at it, then load it into an empty database with psql by hand.',
  ],
  [
    /error: could not execute query: ERROR: {2}(function|type|operator|relation) .* does not exist/,
    'DATABASE_SEARCH_PATH',
    'A function uses a name without its schema, and a restore runs without search_path. Pin it where it is defined, `ALTER FUNCTION <name> SET search_path = public`, and make a new set.',
  ],
  [
    /canceling statement due to (statement|lock) timeout/,
    'DATABASE_LOCKED',
    'Another session holds a lock, most often a migration: let it end, then run again.',
    true,
  ],
  [
    /startup parameter|pgbouncer/i,
    'DATABASE_POOLER',
    'Give the direct address of the database; a dump cannot run through a pooler.',
  ],
  [
    /channel binding/,
    'DATABASE_AUTH',
    'Check that this is your server; for one that only knows md5, add channel_binding=disable to the address.',
  ],
  [
    /password authentication failed|no password supplied|no pg_hba\.conf entry/,
    'DATABASE_AUTH',
    'Check user and password of the database address.',
  ],
  [
    /certificate verify failed|does not match host name|root certificate/,
    'DATABASE_TLS',
    "Point sslrootcert at the server's root; behind a proxy use verify-ca.",
  ],
  [
    /server closed the connection|connection to server .* failed|could not receive data|terminating connection|connection reset|SSL SYSCALL|timeout expired/i,
    'DATABASE_CONNECT',
    'The connection broke; run again.',
    true,
  ],
  [/No space left on device/, 'DISK_FULL', 'Free disk space on this machine.'],
  [/no matching (tables|schemas)/, 'DATABASE_CONTENT', 'Check the names of tables and schemas in the configuration.'],
];

/** The failure for a PostgreSQL program that ended badly, with the line that names the cause. */
export function programFailure(program: string, exit: ChildExit): Failure {
  const found = causes.find(([pattern]) => pattern.test(exit.stderr));
  const lines = exit.stderr.trim().split('\n').filter(Boolean).slice(-8).join('\n');
  const [, code, remedy, retryable] = found ?? [
    undefined,
    'DATABASE_DUMP',
    "Read the lines above; they are the program's own.",
    undefined,
  ];
  const role = code === 'DATABASE_ROLE' ? roleSaidMissing(exit.stderr) : undefined;
  return new Failure(code, `${program} failed: ${endOf(exit)}${lines ? `\n${lines}` : ''}`, {
    remedy,
    retryable: retryable ?? false,
    details: {exitCode: exit.code, signal: exit.signal, ...(role === undefined ? {} : {role})},
  });
}
