import type {Opener} from '../crypto/private-key.js';
import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure} from '../kernel/errors.js';
import {type ArchiveListing, listArchive, readArchive} from '../postgres/archive.js';
import {restoreClient} from '../postgres/client-tools.js';
import type {Store} from '../storage/store.js';
import {readContent, refuseForeignKeys} from './content.js';
import type {Manifest, ManifestPart} from './manifest.js';
import {readChecked, readPlaintext} from './part-reader.js';
import {setPrefix} from './set-name.js';

export interface SetCheck {
  readonly store: Store;
  /** Already checked for who sealed it. */
  readonly manifest: Manifest;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface CheckFigures {
  readonly parts: ReadonlyArray<{readonly key: string; readonly bytes: number; readonly durationMs: number}>;
  /** Tables whose rows the archive holds; undefined where nothing was decrypted. */
  readonly tables?: number;
  readonly entries?: number;
}

/** Reads every stored byte and compares it with the manifest. Needs no key. @throws Failure SET_DIGEST, SET_INCOMPLETE */
export async function checkDigests({store, manifest, signal, clock = systemClock}: SetCheck): Promise<CheckFigures> {
  const prefix = setPrefix(manifest, manifest.id);
  const parts = await eachPart(manifest.parts, clock, (part) =>
    drain(readChecked({store, prefix, part, signal, clock})),
  );
  return {parts};
}

/**
 * Decrypts every part and compares it, byte for byte, with what was backed up; lets pg_restore read the archive to its
 * end and list it, and compares its tables with the manifest's.
 * @throws Failure of what does not fit
 */
export async function checkPlaintext(
  check: SetCheck & {readonly keys: readonly Opener[]; readonly env: Readonly<Record<string, string | undefined>>},
): Promise<CheckFigures> {
  const {store, manifest, signal, keys, env, clock = systemClock} = check;
  refuseForeignKeys(manifest, keys);
  const prefix = setPrefix(manifest, manifest.id);
  const open = (part: ManifestPart) => readPlaintext({store, prefix, part, signal, clock}, keys);
  const major = Number.parseInt(manifest.database?.clientVersion ?? '', 10);
  const tools = manifest.database ? await restoreClient(major, undefined, env) : undefined;
  const listings: ArchiveListing[] = [];
  const parts = await eachPart(manifest.parts, clock, async (part) => {
    if (part.format !== 'pgdump-custom') return drain(open(part));
    const request = {
      tools: tools!,
      around: part.compression.where === 'stream' ? (part.compression.method as 'zstd' | 'gzip') : ('none' as const),
      env,
      signal,
    };
    await readArchive({...request, source: open(part)});
    listings.push(await listArchive({...request, source: open(part)}));
  });
  return {parts, ...(listings.length ? await compareListing(check, listings, prefix) : {})};
}

async function compareListing(
  {store, manifest, keys, signal}: SetCheck & {readonly keys: readonly Opener[]},
  listings: readonly ArchiveListing[],
  prefix: string,
) {
  const tables = listings.flatMap((listing) => listing.tables);
  const content = await readContent(store, prefix, manifest, keys, signal);
  const plain = (name: string) => name.replace(/"/g, '');
  const listed = new Set(tables.map(plain));
  const absent = (content?.tables ?? []).map(({name}) => plain(name)).filter((name) => !listed.has(name));
  if (absent.length)
    throw new Failure(
      'SET_CONTENT',
      `The archive holds no rows of ${absent.slice(0, 5).join(', ')}, which the manifest names`,
      {remedy: 'Take another set.', details: {absent}},
    );
  return {tables: tables.length, entries: listings.reduce((sum, {entries}) => sum + entries, 0)};
}

async function eachPart(parts: readonly ManifestPart[], clock: Clock, work: (part: ManifestPart) => Promise<void>) {
  const figures: Array<{key: string; bytes: number; durationMs: number}> = [];
  for (const part of parts) {
    const startedMs = clock.now();
    await work(part);
    figures.push({key: part.key, bytes: part.ciphertext.bytes, durationMs: clock.now() - startedMs});
  }
  return figures;
}

async function drain(source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of source);
}
