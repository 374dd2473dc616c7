import {createHash} from 'node:crypto';
import {encodeManifest, type Manifest} from '../../src/backup/manifest.js';
import {newSetId, type Series, setPrefix} from '../../src/backup/set-name.js';
import type {Store} from '../../src/storage/store.js';

/** A sealed set as the writer leaves it, made up in memory: for tests that need many of them, or of other times. */
export function plannedSet(
  series: Series,
  atMs: number,
  index = 0,
): {
  readonly id: string;
  readonly prefix: string;
  readonly manifest: Manifest;
  readonly files: ReadonlyArray<readonly [name: string, body: Buffer]>;
} {
  const id = newSetId(atMs, (index % 2 ** 32).toString(16).padStart(8, '0'));
  const body = Buffer.from(`data of ${id}`);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const digest = {bytes: body.length, sha256: sha256(body)};
  const blockSize = 8;
  const blocks = Array.from({length: Math.ceil(body.length / blockSize)}, (_, i) =>
    sha256(body.subarray(i * blockSize, (i + 1) * blockSize)),
  );
  const part = (role: 'database' | 'assets' | 'configuration' | 'globals', key: string) => ({
    role,
    name: role,
    key,
    format: 'json' as const,
    compression: {method: 'none' as const, where: 'none' as const},
    plaintext: digest,
    ciphertext: digest,
    blocks: {size: blockSize, sha256: blocks},
    durationMs: 1,
  });
  const parts = [
    part('database', 'database.dump.pgp'),
    part('assets', 'assets-a.tar.zst.pgp'),
    part('configuration', 'configuration.json.pgp'),
    part('globals', 'globals.sql.pgp'),
  ];
  const manifest: Manifest = {
    schema: 'switchback-set/1',
    id,
    ...series,
    startedAt: new Date(atMs).toISOString(),
    finishedAt: new Date(atMs + 1000).toISOString(),
    reason: 'test',
    trigger: {},
    parts,
    encryption: {scheme: 'openpgp/seipd1', recipients: []},
    tools: {},
    checks: {readBack: 'ok'},
    warnings: [],
    byHand: [],
  };
  return {
    id,
    manifest,
    prefix: setPrefix(series, id),
    files: [...parts.map(({key}) => [key, body] as const), ['manifest.json', encodeManifest(manifest)]],
  };
}

/** Puts such a set into a store; `marks` are further files, such as `verified-….json`. */
export async function plantSet(
  store: Store,
  series: Series,
  atMs: number,
  index = 0,
  marks: readonly string[] = [],
): Promise<string> {
  const {id, prefix, files} = plannedSet(series, atMs, index);
  for (const [name, body] of [...files, ...marks.map((mark) => [mark, Buffer.from('{}')] as const)])
    await store.put(`${prefix}${name}`, body);
  return id;
}
