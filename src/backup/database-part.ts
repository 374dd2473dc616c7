import {Failure, type Problem, refusal} from '../kernel/errors.js';
import type {ClientTools} from '../postgres/client-tools.js';
import {dumpClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import {chooseCompression, type DumpCompression, startDump} from '../postgres/dump.js';
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
  readonly lockWaitMs?: number;
  readonly idleLimitMs?: number;
}

/** A database held still in one snapshot, ready to be dumped and measured at the same time. */
export interface DatabaseSource extends AsyncDisposable {
  readonly part: PartSource;
  /** Roles without passwords, read while the dump runs; undefined where the role may not read them. */
  readonly globals: Promise<PartSource | undefined>;
  readonly facts: ServerFacts;
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
    return new HeldDatabase(session, facts, tools, compression, snapshot, request, env, signal);
  } catch (error) {
    await session.close();
    throw error;
  }
}

class HeldDatabase implements DatabaseSource {
  readonly part: PartSource;
  readonly globals: Promise<PartSource | undefined>;
  readonly #dump: () => ReturnType<typeof startDump> | undefined;
  readonly #end = new AbortController();
  #hasGlobals = false;

  constructor(
    readonly session: Session,
    readonly facts: ServerFacts,
    readonly tools: ClientTools,
    readonly compression: DumpCompression,
    readonly snapshot: string,
    readonly request: DatabaseRequest,
    env: Environment,
    signal: AbortSignal,
  ) {
    let dump: ReturnType<typeof startDump> | undefined;
    const {connection, idleLimitMs = 300_000} = request;
    // Every table is locked by this session, so that pg_dump can only wait for a migration that waits for us. Both would
    // wait for ever, and every user behind them.
    const lockWaitMs = Math.min(request.lockWaitMs ?? 2_000, 2_000);
    async function* stream() {
      dump = startDump({connection, tools, compression, snapshot, env, signal, lockWaitMs, idleLimitMs});
      yield* dump.stream;
    }
    this.#dump = () => dump;
    this.globals = readGlobals(connection, tools, env, AbortSignal.any([signal, this.#end.signal])).then((sql) => {
      this.#hasGlobals = sql !== undefined;
      return sql === undefined ? undefined : globalsPart(sql);
    });
    this.part = {
      role: 'database',
      name: facts.database,
      key: dumpKey(compression),
      format: 'pgdump-custom',
      compression: compressionOf(compression),
      stream: stream(),
      expectedBytes: facts.databaseBytes,
    };
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
      },
    };
  }

  dumpArguments(): readonly string[] {
    return this.#dump()?.args ?? [];
  }

  warnings(): string[] {
    const {facts} = this;
    return [
      ...(this.#dump()?.warnings() ?? []).map((line) => `pg_dump: ${line.replace(/^pg_dump: (warning: )?/, '')}`),
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

function dumpKey({around, method}: DumpCompression): string {
  return around && method === 'zstd' ? 'database.dump.zst.pgp' : 'database.dump.pgp';
}

function compressionOf({method, level, around}: DumpCompression): PartSource['compression'] {
  return method === 'none' ? {method, where: 'none'} : {method, level, where: around ? 'stream' : 'archive'};
}
