import type {Readable} from 'node:stream';
import {succeeded} from '../kernel/child.js';
import {Failure} from '../kernel/errors.js';
import {type ClientTools, invocation} from './client-tools.js';
import {programFailure} from './dump-failure.js';
import {type Environment, type OuterCompression, pipeThrough} from './unpacking.js';

export interface ArchiveRequest {
  readonly tools: ClientTools;
  readonly source: AsyncIterable<Uint8Array>;
  readonly around: OuterCompression;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** What an archive says it contains. */
export interface ArchiveListing {
  /** All entries of its table of contents. */
  readonly entries: number;
  /** `schema.table` of each entry with rows, as pg_restore prints it, sorted. */
  readonly tables: readonly string[];
}

/** Reads the table of contents alone; the rest of the source is left unread. */
export async function listArchive(request: ArchiveRequest): Promise<ArchiveListing> {
  const {exit, output} = await runRestore(request, ['--list'], true);
  if (!succeeded(exit)) throw programFailure('pg_restore --list', exit);
  const lines = output.split('\n').filter((line) => /^\d+; /.test(line));
  const tables = lines
    .map((line) => /^\d+; \d+ \d+ TABLE DATA (\S+) (.+) \S+$/.exec(line))
    .filter((match) => match !== null);
  return {entries: lines.length, tables: tables.map((match) => `${match[1]}.${match[2]}`).sort()};
}

/**
 * Lets pg_restore read an archive from the first byte to the last without a server: a cut archive still lists, so only
 * this shows that it is whole.
 */
export async function readArchive(request: ArchiveRequest): Promise<void> {
  const {exit} = await runRestore(request, ['--file=/dev/null'], false);
  if (!succeeded(exit)) throw programFailure('pg_restore', exit);
}

async function runRestore(
  {tools, source, around, env, signal}: ArchiveRequest,
  args: readonly string[],
  mayStopEarly: boolean,
) {
  const environment = {
    PATH: env['PATH'] ?? '',
    LC_ALL: 'C.UTF-8',
    ...(env['LD_LIBRARY_PATH'] ? {LD_LIBRARY_PATH: env['LD_LIBRARY_PATH']} : {}),
  };
  let output = '';
  const collect = (stdout: Readable) => {
    stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > 64 * 1024 * 1024)
        throw new Failure('ARCHIVE', 'The table of contents is far too long', {remedy: 'Take another set.'});
    });
  };
  const program = invocation(tools, 'pg_restore', args, environment);
  const exit = await pipeThrough({...program, source, around, path: env['PATH'] ?? '', signal, collect, mayStopEarly});
  return {exit, output};
}
