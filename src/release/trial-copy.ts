import {openDatabase} from '../backup/database-part.js';
import {refuseLive} from '../backup/drill.js';
import type {Manifest} from '../backup/manifest.js';
import {restoreDatabase} from '../backup/restore-database.js';
import type {Opener} from '../crypto/private-key.js';
import {Failure} from '../kernel/errors.js';
import {restoreClient} from '../postgres/client-tools.js';
import type {Connection} from '../postgres/connection.js';
import {createDatabase, dropDatabase, restoreArchive} from '../postgres/restore.js';
import {makeRoles, namedRoles} from '../postgres/roles.js';
import {readServerFacts, type ServerFacts} from '../postgres/server-facts.js';
import {openSession} from '../postgres/session.js';
import {startThrowaway} from '../postgres/throwaway-server.js';
import {readOnly} from '../storage/read-only.js';
import type {Store} from '../storage/store.js';

/** What is copied. */
export type TrialOrigin =
  | {
      readonly kind: 'set';
      readonly store: Store;
      /** Already checked for who sealed it. */
      readonly manifest: Manifest;
      readonly keys: readonly Opener[];
    }
  | {readonly kind: 'database'; readonly live: Connection};

export interface CopyRequest {
  readonly origin: TrialOrigin;
  /** The live database where it is known: the copy must never be made on its server. */
  readonly live: Connection | undefined;
  /** A server made for trials; undefined starts one on this machine. */
  readonly server: Connection | undefined;
  readonly image: string | undefined;
  /** Roles that the migrations name. */
  readonly roles: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Told what a killed trial would leave behind. */
  readonly onHandle: (handle: string) => void;
}

/** A server for one trial, on which databases with the copied content can be made. */
export interface TrialServer extends AsyncDisposable {
  readonly notes: readonly string[];
  readonly serverMs: number;
  /** Makes a database and fills it. @returns how long that took, in milliseconds. */
  fill(name: string): Promise<{readonly connection: Connection; readonly ms: number}>;
  drop(name: string): Promise<void>;
}

/** @throws Failure DRILL_SERVER, DRILL_SPACE, DRILL_LIVE, TRIAL_LIVE */
export async function openTrialServer(request: CopyRequest): Promise<TrialServer> {
  const startedMs = performance.now();
  const source = await sourceOf(request);
  const throwaway = request.server
    ? undefined
    : await startThrowaway({
        major: source.major,
        databaseBytes: source.databaseBytes,
        image: request.image,
        env: request.env,
        signal: request.signal,
        onHandle: request.onHandle,
      });
  const server = request.server ?? throwaway!.connection;
  const made = new Set<string>();
  const dispose = async () => {
    if (throwaway) await throwaway[Symbol.asyncDispose]();
    else for (const name of made) await dropDatabase(server, name).catch(() => {});
  };
  try {
    await refuseLiveServer(request, source);
    // Roles belong to a whole server: on one that is not ours they would be left behind.
    const roles = throwaway
      ? await makeRoles(server, [...(await rolesOfOrigin(request)), ...request.roles], request.signal)
      : [];
    return {
      serverMs: performance.now() - startedMs,
      notes: [
        ...(throwaway?.keptIn === 'disk'
          ? ['The copy lay on the disk of this machine during the trial; memory had no room for it.']
          : []),
        ...(roles.length ? [`Made for the trial, without rights of their own: ${roles.join(', ')}.`] : []),
      ],
      fill: async (name) => {
        const fillMs = performance.now();
        made.add(name);
        const connection = await fill(request, source, server, name);
        return {connection, ms: performance.now() - fillMs};
      },
      drop: (name) => dropDatabase(server, name),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

type Source = Pick<ServerFacts, 'major' | 'databaseBytes' | 'systemIdentifier' | 'encoding' | 'collate' | 'ctype'>;

async function sourceOf({origin, signal}: CopyRequest): Promise<Source> {
  if (origin.kind === 'database') return factsOf(origin.live, signal);
  const {database} = origin.manifest;
  if (!database)
    throw new Failure('SET_PART', `The set ${origin.manifest.id} holds no database`, {
      remedy: 'Choose a set that holds one, or `source: database`.',
    });
  return {...database, major: database.serverMajor, systemIdentifier: database.systemIdentifier};
}

async function factsOf(connection: Connection, signal: AbortSignal): Promise<ServerFacts> {
  await using session = await openSession(connection, {signal});
  return await readServerFacts(session);
}

/** Whoever serves users, or served the set, gets no migration tried out on it. A server of our own is neither. */
async function refuseLiveServer({origin, live, server, signal}: CopyRequest, source: Source): Promise<void> {
  if (!server) return;
  if (origin.kind === 'set') await refuseLive(server, origin.manifest.database!, signal);
  const trial = (await factsOf(server, signal)).systemIdentifier;
  const served = origin.kind === 'database' ? source.systemIdentifier : await identifierOf(live, signal);
  if (trial !== undefined && trial !== served && (served !== undefined || !live)) return;
  throw new Failure(
    'TRIAL_LIVE',
    trial !== undefined && trial === served
      ? 'This server is the live one'
      : 'It cannot be told whether this server is the live one: its identifier is not readable',
    {
      remedy:
        'Leave `target-url` out, so that a throwaway server is started, or give the address of a server made for trials.',
    },
  );
}

/** A live server that cannot be reached leaves the set's own identifier as the proof. */
async function identifierOf(live: Connection | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (!live) return undefined;
  try {
    return (await factsOf(live, signal)).systemIdentifier;
  } catch (error) {
    if (signal.aborted) throw error;
    return 'not reachable';
  }
}

/** Roles without which the live database cannot be copied; a set brings its own. */
async function rolesOfOrigin({origin, signal}: CopyRequest): Promise<readonly string[]> {
  if (origin.kind === 'set') return [];
  await using session = await openSession(origin.live, {signal});
  return await namedRoles(session);
}

async function fill(request: CopyRequest, source: Source, server: Connection, name: string): Promise<Connection> {
  const {origin, env, signal, log} = request;
  if (origin.kind === 'set') {
    const {store, manifest, keys} = origin;
    const wanted = {store: readOnly(store), manifest, keys, server, database: name, env, signal, log};
    const makeRoles = request.server === undefined;
    return (await restoreDatabase({...wanted, owners: 'drop', locale: 'nearest', makeRoles})).connection;
  }
  await using held = await openDatabase(
    {connection: origin.live, expectedTables: [], depth: 'off', allowEmpty: true},
    env,
    signal,
  );
  const {connection} = await createDatabase(server, {name, ...source}, 'nearest', signal);
  // Rights are not copied, so nobody waits for the roles.
  held.globals.catch(() => {});
  const {compression, stream} = held.parts[0]!;
  await restoreArchive({
    connection,
    tools: await restoreClient(held.tools.major, source.major, env),
    source: stream,
    around: compression.where === 'stream' ? (compression.method as 'zstd' | 'gzip') : 'none',
    owners: 'drop',
    env,
    signal,
  });
  return connection;
}
