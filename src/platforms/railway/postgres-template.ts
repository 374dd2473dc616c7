import {randomBytes} from 'node:crypto';
import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';

/** A PostgreSQL service as Railway's own template sets it up. */

export const port = 5432;
/** The image starts with its volume at this path alone. */
export const mountPath = '/var/lib/postgresql/data';

export interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** @throws Failure RAILWAY_DATABASE for a version that no image can have. */
export function imageOf(major: number): string {
  if (Number.isInteger(major) && major >= 13) return `ghcr.io/railwayapp-templates/postgres-ssl:${major}`;
  throw new Failure('RAILWAY_DATABASE', `Railway has no PostgreSQL image of version ${cleanLine(String(major), 20)}`, {
    remedy: 'Pass a major version from 13 on.',
  });
}

/**
 * The login to set up. A password that is there stays: the volume may have been initialised with it.
 * @param current variables of the service; undefined stands for a sealed value.
 * @throws Failure RAILWAY_DATABASE when the password cannot be read.
 */
export function loginOf(current: ReadonlyMap<string, string | undefined>, service: string): Login {
  const kept = current.get('POSTGRES_PASSWORD');
  if (current.has('POSTGRES_PASSWORD') && kept === undefined) {
    throw new Failure('RAILWAY_DATABASE', `The password of service ${service} is sealed, so that it cannot be read`, {
      remedy: `Delete service ${service} in the new project and run again; a new one will be made.`,
    });
  }
  // Characters that need no escape in an address.
  return {user: 'postgres', password: kept || randomBytes(32).toString('base64url'), database: 'railway'};
}

export function templateVariables({user, password, database}: Login): Readonly<Record<string, string>> {
  const address = (host: string, at: string) =>
    `postgresql://\${{PGUSER}}:\${{POSTGRES_PASSWORD}}@${host}:${at}/\${{PGDATABASE}}`;
  return {
    POSTGRES_USER: user,
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: database,
    // Below the mount, since the root of a fresh volume is not empty and initdb refuses that.
    PGDATA: `${mountPath}/pgdata`,
    PGHOST: '${{RAILWAY_PRIVATE_DOMAIN}}',
    PGPORT: String(port),
    PGUSER: '${{POSTGRES_USER}}',
    PGPASSWORD: '${{POSTGRES_PASSWORD}}',
    PGDATABASE: '${{POSTGRES_DB}}',
    DATABASE_URL: address('${{RAILWAY_PRIVATE_DOMAIN}}', String(port)),
    DATABASE_PUBLIC_URL: address('${{RAILWAY_TCP_PROXY_DOMAIN}}', '${{RAILWAY_TCP_PROXY_PORT}}'),
  };
}
