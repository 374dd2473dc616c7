import {randomBytes} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {encodeManifest, type Manifest} from '../../src/backup/manifest.js';
import {readTrustedManifest} from '../../src/backup/trust.js';
import {checkDigests, checkPlaintext} from '../../src/backup/verify-set.js';
import {writeSet} from '../../src/backup/write-set.js';
import {BlockTally, Tally} from '../../src/crypto/digest.js';
import {signDetached, unlockPrivateKey} from '../../src/crypto/private-key.js';
import {fakeClock} from '../../src/kernel/clock.js';
import {makeKeys} from '../../src/rehearsal/keys.js';
import {type BackupWorld, series, startBackupWorld} from './backup-world.js';

/** Every byte class of a set: header, key packet, middle, the proof at the end, the manifest, its signature. */
describe('a set in which one byte was changed', () => {
  let world: BackupWorld;
  let manifest: Manifest;
  let signer: string;
  const files = new Map<string, {path: string; bytes: Buffer}>();
  const signal = new AbortController().signal;

  beforeAll(async () => {
    world = await startBackupWorld();
    const keys = await makeKeys();
    signer = keys.publicKey;
    const key = await unlockPrivateKey(keys.privateKey);
    const url = await world.database('shop');
    const set = await writeSet(world.requestFor(url), {
      store: world.store,
      signal,
      env: process.env,
      sign: (bytes) => signDetached(key, bytes),
    });
    manifest = set.manifest;
    for (const name of [manifest.parts[0]!.key, 'manifest.json', 'manifest.json.asc']) {
      const path = join(world.store.location, set.prefix, name);
      files.set(name, {path, bytes: await readFile(path)});
    }
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  /** What anyone does before trusting a set: who sealed it, then whether the stored bytes are what was sealed. */
  async function accept(): Promise<void> {
    const trusted = await readTrustedManifest(world.store, series, manifest.id, {signers: [signer]});
    await checkDigests({store: world.store, manifest: trusted.manifest, signal, clock: fakeClock()});
  }

  function positions(name: string): number[] {
    const {bytes} = files.get(name)!;
    const every = name.startsWith('database') ? 120 : 60;
    const spread = Array.from({length: every}, (_, i) => Math.floor((i * (bytes.length - 1)) / (every - 1)));
    const edges = [...Array(24).keys(), ...Array.from({length: 24}, (_, i) => bytes.length - 1 - i)];
    return [...new Set([...spread, ...edges])].filter((at) => at >= 0 && at < bytes.length);
  }

  test('the untouched set is accepted', async () => {
    await expect(accept()).resolves.toBeUndefined();
  });

  test.each(['database.dump.pgp', 'manifest.json'])(
    '%s: each changed position is found, none accepted',
    async (name) => {
      const {path, bytes} = files.get(name)!;
      const accepted: number[] = [];
      const tried = positions(name);
      for (const at of tried) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << (at % 8);
        await writeFile(path, changed);
        await accept().then(
          () => accepted.push(at),
          (error: unknown) => expect(error).toMatchObject({code: expect.stringMatching(/^(SET_|SIGNATURE|MANIFEST)/)}),
        );
      }
      await writeFile(path, bytes);
      expect(tried.length).toBeGreaterThanOrEqual(name === 'manifest.json' ? 80 : 150);
      expect(accepted).toEqual([]);
    },
    120_000,
  );

  test.each(['database.dump.pgp', 'manifest.json', 'manifest.json.asc'])(
    '%s cut anywhere, or added to, is found',
    async (name) => {
      const {path, bytes} = files.get(name)!;
      const cuts = [0, 1, 100, bytes.length >> 1, bytes.length - 100, bytes.length - 2].map((end) =>
        bytes.subarray(0, end),
      );
      for (const changed of [...cuts, ...(name.endsWith('.asc') ? [] : [Buffer.concat([bytes, Buffer.from('x')])])]) {
        await writeFile(path, changed);
        await expect(accept()).rejects.toMatchObject({code: expect.stringMatching(/^(SET_|SIGNATURE|MANIFEST)/)});
      }
      await writeFile(path, bytes);
      await expect(accept()).resolves.toBeUndefined();
    },
  );

  test('whoever changes the data and the digests too is stopped by the signature', async () => {
    const forged = await forge(randomBytes(5_000));
    await writeFile(files.get('database.dump.pgp')!.path, forged.data);
    await writeFile(files.get('manifest.json')!.path, forged.manifest);
    await expect(accept()).rejects.toMatchObject({code: 'SIGNATURE'});
    for (const {path, bytes} of files.values()) await writeFile(path, bytes);
  });

  test('without a signature, digests forged along with the data are still stopped by the encryption', async () => {
    const {path, bytes} = files.get('database.dump.pgp')!;
    const outcomes = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const changed = Buffer.from(bytes);
      changed[Math.floor((i * (bytes.length - 1)) / 39)]! ^= 0x10;
      const forged = await forge(changed);
      await writeFile(path, forged.data);
      const check = checkPlaintext({
        store: world.store,
        manifest: JSON.parse(forged.manifest.toString()) as Manifest,
        signal,
        keys: [world.unlocked],
        env: process.env,
        clock: fakeClock(),
      });
      await check.then(
        () => outcomes.add('accepted'),
        (error: {code?: string}) => outcomes.add(error.code ?? String(error)),
      );
    }
    await writeFile(path, bytes);
    expect([...outcomes].filter((code) => !['DECRYPT', 'SET_DIGEST', 'DATABASE_DUMP'].includes(code))).toEqual([]);
  }, 120_000);

  test('a set moved to another name, or to another product, is not believed', async () => {
    const other = {project: 'blog', environment: 'production'};
    for (const {path, bytes} of files.values())
      await world.store.put(`v1/blog/production/${manifest.id}/${path.split('/').at(-1)}`, bytes);
    await expect(readTrustedManifest(world.store, other, manifest.id, {signers: [signer]})).rejects.toMatchObject({
      code: 'MANIFEST',
    });
  });

  async function forge(data: Buffer): Promise<{data: Buffer; manifest: Buffer}> {
    const tally = new Tally();
    const blocks = new BlockTally(manifest.parts[0]!.blocks.size);
    tally.add(data);
    blocks.add(data);
    const part = {
      ...manifest.parts[0]!,
      ciphertext: tally.digest(),
      blocks: {size: blocks.blockSize, sha256: [...blocks.digests()]},
    };
    return {data, manifest: encodeManifest({...manifest, parts: [part]})};
  }
});
