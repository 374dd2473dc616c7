import {mkdtemp, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {type ChildExit, endOf, outputOf, succeeded} from '../kernel/child.js';
import {type Connection, secretsOf} from '../postgres/connection.js';

export interface ProgramRequest {
  /** Each with its arguments; run one after another until one fails. */
  readonly programs: readonly (readonly string[])[];
  readonly cwd: string;
  /** The whole environment but for the address of the copy. */
  readonly env: Readonly<Record<string, string>>;
  readonly urlVariable: string;
  readonly connection: Connection;
  readonly signal: AbortSignal;
}

export interface ProgramEnd {
  readonly ok: boolean;
  /** What the one that failed said last, without the password; empty when all went well. */
  readonly said: string;
}

/** Runs programs against the copy. Their environment holds its address, and nothing that was not named. */
export async function runPrograms(request: ProgramRequest): Promise<ProgramEnd> {
  const {programs, cwd, env, urlVariable, connection, signal} = request;
  for (const [command, ...args] of programs) {
    const exit = await outputOf({
      command: command!,
      args,
      cwd,
      env: {...env, [urlVariable]: addressOf(connection)},
      signal,
      secrets: secretsOf(connection),
    });
    signal.throwIfAborted();
    if (!succeeded(exit)) return {ok: false, said: `${command} ${saidBy(exit, connection)}`};
  }
  return {ok: true, said: ''};
}

/** The lines that name an error, else the last ones: a stack or a dumped object says little. */
function saidBy(exit: ChildExit & {readonly stdout: string}, connection: Connection): string {
  const lines = [...exit.stdout.slice(-20_000).split('\n'), ...exit.stderr.split('\n')].filter((line) => line.trim());
  const telling = lines.filter((line) => /(error|exception|fatal|failed|failure)s?\b[^(]*:/i.test(line)).slice(0, 3);
  const text = (telling.length ? telling : lines.slice(-8)).join(' / ');
  const clean = secretsOf(connection).reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  return `${endOf(exit)}${clean ? `: ${clean.replace(/\s+/g, ' ').slice(0, 600)}` : ''}`;
}

/** A server of our own speaks no TLS; one that was given is reached as its address says. */
function addressOf({host, port, user, password, database, tls, rootCertificate}: Connection): string {
  const url = new URL(`postgresql://${host.includes(':') ? `[${host}]` : host}:${port}`);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password ?? '');
  url.pathname = `/${encodeURIComponent(database)}`;
  url.searchParams.set('sslmode', tls);
  if (rootCertificate) url.searchParams.set('sslrootcert', rootCertificate);
  return url.href;
}

/** A folder that is gone when the work is done. `made` is told of it first, for a run that is killed. */
export async function inScratchFolder<T>(
  parent: string,
  made: (folder: string) => void,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(parent, 'switchback-trial-'));
  made(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, {recursive: true, force: true, maxRetries: 5});
  }
}
