import {readFile} from 'node:fs/promises';
import {Failure} from '../../kernel/errors.js';

/** Ids that a child process is started with; spread into spawn options. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root. For root this names the unprivileged account to start it as, for everybody else
 * undefined: stay who you are.
 */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile('/etc/passwd', 'utf8');
  for (const name of ['postgres', '_postgres', 'nobody']) {
    const fields = passwd
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':');
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (uid > 0 && gid > 0) return {uid, gid};
  }
  throw new Failure(
    'POSTGRES_ACCOUNT',
    'PostgreSQL does not run as root, and this machine has neither a `postgres` nor a `nobody` account',
    {
      remedy: 'Run the rehearsal as an ordinary user.',
    },
  );
}
