import {randomBytes} from 'node:crypto';
import type {Recipients} from '../crypto/recipients.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {cancelled, Failure, isAbort, messageOf} from '../kernel/errors.js';
import type {Depth} from '../postgres/inventory.js';
import type {Store, UnfinishedUpload} from '../storage/store.js';
import {openByHand} from './by-hand.js';
import {type DatabaseRequest, type DatabaseSource, openDatabase} from './database-part.js';
import {discardSet} from './discard-set.js';
import {
  encodeManifest,
  type Manifest,
  type ManifestDatabase,
  type ManifestPart,
  manifestSchemaName,
} from './manifest.js';
import {checkStored, type PartSource, writePart} from './part-writer.js';
import {sealSet} from './seal-set.js';
import {eachOf, findNewestSet, type SealedSet} from './set-list.js';
import {manifestName, newSetId, type Series, type SetId, setPrefix} from './set-name.js';
import {refuseShrunk} from './shrink.js';
import {asFound} from './sound-set.js';
import {refuseWrongClock} from './store-clock.js';

export interface SetRequest {
  readonly series: Series;
  readonly recipients: Recipients;
  /** Undefined makes a set without a database. */
  readonly database?: DatabaseRequest | undefined;
  /** More parts: asset folders, configuration, globals. Their streams are read once. */
  readonly parts?: readonly PartSource[];
  /** Kept in the manifest: schedule, release, by hand. */
  readonly reason: string;
  readonly release?: string | undefined;
  readonly commit?: string | undefined;
  /** Where the run came from, such as repository, workflow and run id. Nothing secret. */
  readonly trigger?: Readonly<Record<string, string>>;
  /** What is known to be missing or doubtful before the set is made; kept in the manifest. */
  readonly warnings?: readonly string[];
  /** How the stored bytes are checked before the seal: `full` reads all of them back. */
  readonly readBack: 'full' | 'size';
  /** Accepts a set much smaller than the one before it. */
  readonly allowShrink?: boolean;
  /** Of content that is known to be damaged: kept to be looked into, never picked as the newest good one. */
  readonly asFound?: boolean;
  /** `minimal` keeps table names and counts out of the clear text. Default: full. */
  readonly manifestDetail?: 'full' | 'minimal';
}

export interface SetDependencies {
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** One line of progress. */
  readonly log?: (line: string) => void;
  /** Signs the manifest; the result is stored beside it before the seal. */
  readonly sign?: (manifest: Buffer) => Promise<string>;
  /** Told the key prefix before anything is stored, and of each upload: what a post step needs to clean up. */
  readonly onPrefix?: (series: Series, id: SetId) => void;
  readonly onStarted?: (upload: UnfinishedUpload) => void;
  /** Names and versions of the tools, for the manifest. */
  readonly tools?: Readonly<Record<string, string>>;
}

export interface SetResult {
  readonly id: SetId;
  readonly prefix: string;
  /** Relative to the store. */
  readonly manifestKey: string;
  readonly manifest: Manifest;
  /** Stored bytes of all parts. */
  readonly bytes: number;
  /** Of the stored bytes of the database, or of the first part. */
  readonly sha256: string;
  readonly durationMs: number;
}

/**
 * Makes one set: checks everything, streams all parts, reads them back, and writes the manifest last. Whatever goes
 * wrong before the manifest is stored, no set exists afterwards and what was uploaded is removed.
 * @throws Failure with the code of the stage that failed; CANCELLED when the signal fired.
 */
export async function writeSet(request: SetRequest, deps: SetDependencies): Promise<SetResult> {
  const clock = deps.clock ?? systemClock;
  const startedMs = clock.now();
  const id = newSetId(startedMs, randomBytes(4).toString('hex'));
  const prefix = setPrefix(request.series, id);
  const log = deps.log ?? (() => {});
  const looking = lookAround(deps, request.series);
  // Store and database answer at the same time; a store that fails is reported below, where it is awaited.
  looking.catch(() => {});
  await using database = request.database ? await openDatabase(request.database, deps.env, deps.signal) : undefined;
  const previous = await looking;
  deps.onPrefix?.(request.series, id);
  try {
    const {parts, content} = await writeParts(request, deps, database, prefix, clock);
    log(`All ${parts.length} parts are stored; reading them back.`);
    await eachOf(parts, 2, (part) => checkStored(part, deps.store, prefix, request.readBack, deps.signal));
    if (previous && !request.allowShrink && !request.asFound) refuseShrunk(previous.manifest, parts, content);
    const manifest = composeManifest({
      request,
      deps,
      id,
      prefix,
      startedMs,
      finishedMs: clock.now(),
      parts,
      content,
      database,
    });
    deps.signal.throwIfAborted();
    await seal(manifest, prefix, deps);
    return resultOf(manifest, prefix, clock.now() - startedMs);
  } catch (error) {
    await clean(deps, request.series, id, log);
    throw deps.signal.aborted && (isAbort(error) || error === deps.signal.reason) ? cancelledBy(deps.signal) : error;
  }
}

/** The set before this one, from a store whose clock agrees with ours. */
async function lookAround({store, signal}: SetDependencies, series: Series): Promise<SealedSet | undefined> {
  const [previous, facts] = await Promise.all([findNewestSet(store, series, {}, {signal}), store.facts(signal)]);
  refuseWrongClock(facts);
  return previous;
}

interface Written {
  readonly parts: ManifestPart[];
  readonly content: ManifestDatabase | undefined;
}

/** All parts at once, two at a time; counting runs beside the dump, in the same snapshot. The first failure stops the rest. */
async function writeParts(
  request: SetRequest,
  deps: SetDependencies,
  database: DatabaseSource | undefined,
  prefix: string,
  clock: Clock,
): Promise<Written> {
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  const context = {
    store: deps.store,
    prefix,
    recipients: request.recipients,
    signal,
    now: () => clock.now(),
    ...(deps.onStarted ? {onStarted: deps.onStarted} : {}),
  };
  const parts: ManifestPart[] = [];
  const write = async (source: PartSource) => {
    const part = await writePart(source, context);
    if (part.plaintext.bytes === 0)
      throw new Failure('SET_EMPTY', `The part ${part.key} is empty`, {
        remedy: 'Check its source; an empty part is never a backup.',
      });
    parts.push(part);
    deps.log?.(`Stored ${part.key}: ${part.ciphertext.bytes} bytes in ${Math.round(part.durationMs)} ms.`);
  };
  const first = database?.parts ?? [];
  // As many streams with rows as were asked for, and one beside them.
  const atOnce = Math.max(2, (request.database?.jobs ?? 1) + 1);
  const others = request.parts ?? [];
  const [measured, globals] = await allOrStop(
    [database?.measure(), database && writeGlobals(database, write), eachOf([...first, ...others], atOnce, write)],
    stop,
  );
  const order = [...first, ...(globals ? [globals] : []), ...others].map((source) => source.key);
  parts.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  const content = measured && database ? database.describe(measured) : undefined;
  if (!content || request.manifestDetail !== 'minimal') return {parts, content};
  return {parts: [...parts, await writePart(detailsOf(content), context)], content};
}

async function writeGlobals(
  database: DatabaseSource,
  write: (source: PartSource) => Promise<void>,
): Promise<PartSource | undefined> {
  const globals = await database.globals;
  if (globals) await write(globals);
  return globals;
}

/** Names of tables and counts of rows may be nobody's business: they go into the encryption. */
function detailsOf({content}: ManifestDatabase): PartSource {
  async function* stream() {
    yield Buffer.from(JSON.stringify(content));
  }
  return {
    role: 'details',
    name: 'inventory',
    key: 'details.json.pgp',
    format: 'json',
    compression: {method: 'none', where: 'none'},
    stream: stream(),
  };
}

function inClear(database: ManifestDatabase, detail: SetRequest['manifestDetail']): ManifestDatabase {
  const {content, ...rest} = database;
  return detail === 'minimal' ? rest : {...rest, ...(content ? {content} : {})};
}

/** Waits for all; when one fails, stops the others, lets them end, and throws the failure that came first. */
async function allOrStop<T extends readonly unknown[]>(
  works: T,
  stop: AbortController,
): Promise<{-readonly [K in keyof T]: Awaited<T[K]>}> {
  let first: {readonly error: unknown} | undefined;
  const settled = await Promise.allSettled(
    works.map((work) =>
      Promise.resolve(work).catch((error: unknown) => {
        first ??= {error};
        stop.abort(error);
        throw error;
      }),
    ),
  );
  if (first) throw first.error;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as never;
}

interface Composition extends Written {
  readonly request: SetRequest;
  readonly deps: SetDependencies;
  readonly id: SetId;
  readonly prefix: string;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly database: DatabaseSource | undefined;
}

function composeManifest({
  request,
  deps,
  id,
  prefix,
  startedMs,
  finishedMs,
  parts,
  content,
  database,
}: Composition): Manifest {
  const {series, recipients, release, commit} = request;
  return {
    schema: manifestSchemaName,
    id,
    ...series,
    startedAt: new Date(startedMs).toISOString(),
    finishedAt: new Date(finishedMs).toISOString(),
    reason: request.reason,
    ...(release ? {release} : {}),
    ...(commit ? {commit} : {}),
    trigger: {...request.trigger},
    parts,
    encryption: {
      scheme: 'openpgp/seipd1',
      recipients: recipients.described.map(({fingerprint, encryptionSubkey, expires}) => ({
        fingerprint,
        encryptionSubkey,
        ...(expires ? {expires} : {}),
      })),
      ...(recipients.passphrase === undefined ? {} : {passphrase: true}),
    },
    ...(content ? {database: inClear(content, request.manifestDetail)} : {}),
    tools: {
      node: process.versions.node,
      ...(content
        ? {pg_dump: content.clientVersion, 'pg_dump arguments': database?.dumpArguments().join(' ') ?? ''}
        : {}),
      ...deps.tools,
    },
    checks: {
      childExitCodes: 'ok',
      storedSize: 'ok',
      ...(request.readBack === 'full' ? {readBack: 'ok'} : {}),
      ...(request.asFound ? {content: asFound} : {}),
    },
    warnings: [...(request.warnings ?? []), ...recipients.warnings, ...(database?.warnings() ?? [])],
    byHand: parts.map((part) => openByHand(deps.store.location, prefix, part)),
  };
}

async function seal(manifest: Manifest, prefix: string, {store, sign, signal}: SetDependencies): Promise<void> {
  const bytes = encodeManifest(manifest);
  const signature = sign && Buffer.from(await sign(bytes));
  await sealSet(store, prefix, {manifest: bytes, signature}, signal);
}

/** Removes what was uploaded. Works after the signal fired, and never hides the failure that led here. */
async function clean(deps: SetDependencies, series: Series, id: SetId, log: (line: string) => void): Promise<void> {
  try {
    await discardSet(deps.store, series, id);
  } catch (error) {
    log(`What was uploaded of ${id} could not be removed (${messageOf(error)}); the next run finds and removes it.`);
  }
}

function cancelledBy(signal: AbortSignal): Failure {
  return signal.reason instanceof Failure ? signal.reason : cancelled('The backup');
}

function resultOf(manifest: Manifest, prefix: string, durationMs: number): SetResult {
  return {
    id: manifest.id,
    prefix,
    manifestKey: `${prefix}${manifestName}`,
    manifest,
    bytes: manifest.parts.reduce((sum, part) => sum + part.ciphertext.bytes, 0),
    sha256: manifest.parts[0]!.ciphertext.sha256,
    durationMs,
  };
}

export type {DatabaseRequest, Depth};
