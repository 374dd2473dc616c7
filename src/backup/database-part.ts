import {Failure, type Problem, refusal} from '../kernel/errors.js';
import type {ClientTools} from '../postgres/client-tools.js';
import {dumpClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import {chooseCompression, type Dump, type DumpCompression, startDump} from '../postgres/dump.js';
import {type DumpSegment, shareOut} from '../postgres/dump-segments.js';
import {readGlobals} from '../postgres/globals.js';
import {holdStill} from '../postgres/hold-still.js';
import {type Depth, type Inventory, tableNames, takeInventory} from '../postgres/inventory.js';
import {readServerFacts, type ServerFacts} from '../postgres/server-facts.js';
import {openSession, type Session} from '../postgres/session.js';
import type {ManifestDatabase} from './manifest.js';
import type {PartSource} from './part-writer.js';

export interface DatabaseRequest {
  readonly connection: Connection;
  /** Tables, as schema.name, without which this is the wrong database. */
  readonly expectedTables: readonly string[];
  /** What is noted about each table; digests cost about one more read of the database. */
  readonly depth: Depth;
  /** A database without any table is most often the wrong one. */
  readonly allowEmpty?: boolean;
  /** `stream` puts the zstd program around the archive of a pg_dump that does not know zstd: faster, and one more program to open it. */
  readonly compression?: 'archive' | 'stream';
  /** Streams with rows, each by a pg_dump of its own over one snapshot; default 1, one archive for everything. */
  readonly jobs?: number;
  readonly lockWaitMs?: number;
  readonly idleLimitMs?: number;
}

/** A database held still in one snapshot, ready to be dumped and measured at the same time. */
export interface DatabaseSource extends AsyncDisposable {
  /** One, or with several streams: before the rows, the rows, after the rows. */
  readonly parts: readonly PartSource[];
  /** Roles without passwords, read while the dump runs; undefined where the role may not read them. */
  readonly globals: Promise<PartSource | undefined>;
  readonly facts: ServerFacts;
  /** What the archive is made with. */
  readonly tools: ClientTools;
  /** Takes stock in the dump's own snapshot. */
  measure(): Promise<Inventory>;
  /** What the manifest says; only after the part was written. */
  describe(content: Inventory): ManifestDatabase;
  dumpArguments(): readonly string[];
  warnings(): string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Checks everything that can be checked before the first byte, then fixes the snapshot. Starts no program yet. */
export async function openDatabase(
  request: DatabaseRequest,
  env: Environment,
  signal: AbortSignal,
): Promise<DatabaseSource> {
  const session = await openSession(request.connection, {signal});
  try {
    const facts = await readServerFacts(session);
    const tools = await dumpClient(facts.major, env);
    const compression = await chooseCompression(tools, env, {around: request.compression === 'stream'});
    const snapshot = await holdStill(session, request.lockWaitMs ?? 60_000);
    await refuseWrongDatabase(session, request);
    const {jobs = 1} = request;
    const segments = jobs > 1 ? await shareOut(session, jobs, facts.databaseBytes) : [undefined];
    return new HeldDatabase(session, facts, tools, compression, snapshot, segments, request, env, signal);
  } catch (error) {
    await session.close();
    throw error;
  }
}

class HeldDatabase implements DatabaseSource {
  readonly parts: readonly PartSource[];
  readonly globals: Promise<PartSource | undefined>;
  readonly #dumps: Dump[] = [];
  readonly #end = new AbortController();
  #hasGlobals = false;

  constructor(
    readonly session: Session,
    readonly facts: ServerFacts,
    readonly tools: ClientTools,
    readonly compression: DumpCompression,
    readonly snapshot: string,
    segments: ReadonlyArray<DumpSegment | undefined>,
    readonly request: DatabaseRequest,
    env: Environment,
    signal: AbortSignal,
  ) {
    const {connection, idleLimitMs = 300_000} = request;
    // Every table is locked by this session, so that pg_dump can only wait for a migration that waits for us. Both would
    // wait for ever, and every user behind them.
    const lockWaitMs = Math.min(request.lockWaitMs ?? 2_000, 2_000);
    const dumps = this.#dumps;
    async function* stream(selection: readonly string[]) {
      const dump = startDump({
        connection,
        tools,
        compression,
        snapshot,
        env,
        signal,
        lockWaitMs,
        idleLimitMs,
        selection,
      });
      dumps.push(dump);
      yield* dump.stream;
    }
    this.globals = readGlobals(connection, tools, env, AbortSignal.any([signal, this.#end.signal])).then((sql) => {
      this.#hasGlobals = sql !== undefined;
      return sql === undefined ? undefined : globalsPart(sql);
    });
    this.parts = segments.map((segment) => ({
      role: 'database',
      name: facts.database,
      key: dumpKey(compression, segment),
      format: 'pgdump-custom',
      ...(segment ? {section: segment.section} : {}),
      compression: compressionOf(compression),
      stream: stream(segment?.args ?? []),
      expectedBytes: segment ? segment.expectedBytes : facts.databaseBytes,
    }));
  }

  measure(): Promise<Inventory> {
    return takeInventory(this.session, this.request.depth);
  }

  describe(content: Inventory): ManifestDatabase {
    const {facts} = this;
    return {
      name: facts.database,
      ...(facts.systemIdentifier ? {systemIdentifier: facts.systemIdentifier} : {}),
      databaseOid: facts.databaseOid,
      serverVersion: facts.version,
      serverMajor: facts.major,
      clientVersion: this.tools.version,
      encoding: facts.encoding,
      collate: facts.collate,
      ctype: facts.ctype,
      databaseBytes: facts.databaseBytes,
      inRecovery: facts.inRecovery,
      ...(facts.replayedAt ? {replayedAt: facts.replayedAt} : {}),
      collationMismatch: facts.collationMismatch,
      snapshot: this.snapshot,
      depth: this.request.depth,
      content: {
        ...content,
        tables: [...content.tables],
        sequences: [...content.sequences],
        invalid: [...content.invalid],
        roles: [...content.roles],
      },
    };
  }

  dumpArguments(): readonly string[] {
    return this.#dumps[0]?.args ?? [];
  }

  warnings(): string[] {
    const {facts} = this;
    return [
      ...[...new Set(this.#dumps.flatMap((dump) => dump.warnings()))].map(
        (line) => `pg_dump: ${line.replace(/^pg_dump: (warning: )?/, '')}`,
      ),
      ...(facts.collationMismatch
        ? [
            "The collation version of the database differs from the system's: indexes may be out of order. Run REINDEX and ALTER DATABASE … REFRESH COLLATION VERSION.",
          ]
        : []),
      ...(this.#hasGlobals
        ? []
        : ['Roles are not in this set: the backup role may not read them. A restore elsewhere needs `owners: drop`.']),
      ...(facts.inRecovery
        ? [
            `The source is a standby: it ${facts.replayedAt ? `had replayed everything up to ${facts.replayedAt}` : 'does not say how far it lags'}.`,
          ]
        : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.session.close();
  }
}

function globalsPart(sql: string): PartSource {
  async function* stream() {
    yield Buffer.from(sql);
  }
  return {
    role: 'globals',
    name: 'roles',
    key: 'globals.sql.pgp',
    format: 'sql',
    compression: {method: 'none', where: 'none'},
    stream: stream(),
  };
}

async function refuseWrongDatabase(
  session: Session,
  {expectedTables, allowEmpty, connection}: DatabaseRequest,
): Promise<void> {
  const names = await tableNames(session);
  const plain = new Set(names.map((name) => name.replace(/"/g, '')));
  const problems: Problem[] = expectedTables
    .map((name) => (name.includes('.') ? name : `public.${name}`).replace(/"/g, ''))
    .filter((name) => !plain.has(name))
    .map((name) => ({
      where: `table ${name}`,
      what: `is not in the database ${connection.database}`,
      remedy: 'Check the database address; if the table was dropped on purpose, remove it from `expected-tables`',
    }));
  if (problems.length) throw refusal('DATABASE_CONTENT', 'The database was', problems);
  if (names.length === 0 && !allowEmpty)
    throw new Failure('DATABASE_EMPTY', `The database ${connection.database} holds no table`, {
      remedy: 'Check the database address; an empty database would be backed up as a perfect success.',
    });
}

/** Sorted by name, several archives stand in the order of a restore. */
function dumpKey({around, method}: DumpCompression, segment: DumpSegment | undefined): string {
  const number = String(segment?.number).padStart(2, '0');
  const which = segment
    ? {'pre-data': '-1-before', data: `-2-rows-${number}`, 'post-data': '-3-after'}[segment.section]
    : '';
  return `database${which}.dump${around && method === 'zstd' ? '.zst' : ''}.pgp`;
}

function compressionOf({method, level, around}: DumpCompression): PartSource['compression'] {
  return method === 'none' ? {method, where: 'none'} : {method, level, where: around ? 'stream' : 'archive'};
}
